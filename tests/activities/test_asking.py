"""Work that a person asks for beside what is promised: it goes the way of all work, and belongs to no promise and no period."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from apps.activities import operations as work
from apps.activities import queries, spending
from apps.activities.models import Activity, ActivityRun, ActivityTemplate, AgentConfig, Approval
from apps.activities.operations import WantedWork, asking
from apps.activities.operations.asking import MOST_OPEN
from apps.billing.operations import month_of
from apps.content import queries as content
from apps.content import reports
from apps.content.models import BlogPost, BlogRequest
from apps.shared.errors import InvalidInput
from apps.strategy.models import DeliverablePeriod, Goal
from apps.strategy.statuses import DeliverableType
from apps.tenants.models import Tenant, User
from tests.activities import injections, promises
from tests.activities.promises import agents_work, asked, decide, grant, standing, step_of, the_one_asked
from tests.activities.work import fresh, together
from tests.api.conftest import problem_fixture  # noqa: F401
from tests.api.routes import state_of
from tests.conftest import Person, World

SALE = WantedWork("social_posts", "Sale on Friday", "A post about our sale on Friday: a third off all beans.")
ARTICLE = WantedWork("blog_posts", "Descaling", "One more article, about descaling an espresso machine.")
ON_LINKEDIN = "https://www.linkedin.com/feed/update/urn:li:share:7001"


@pytest.fixture
def client(db, sandbox):
    with promises.client_at_rest() as tenant:
        yield tenant


@pytest.fixture
def alice(world):
    return world.alice("topics")


def ask(tenant, wanted: WantedWork, person, key: str = "a form") -> Activity:
    return work.ask_for_work(tenant.facts, wanted, key=key, by=person.actor, at=timezone.now())


def counts() -> list:
    """What is counted for each period, and when that was touched last."""
    return list(
        DeliverablePeriod.objects.order_by("ref_id").values_list("ref_id", "status", "completed_count", "updated_on")
    )


def prompts(sandbox) -> list[dict]:
    return [json.loads(entry["body"]) for entry in sandbox.world.entries(target="anthropic", full=True)]


@pytest.mark.acceptance("FLOW-adhoc")
def test_an_article_is_asked_for_and_goes_live_through_all_its_gates(client, sandbox, rita, alice):
    goal = Goal.objects.order_by("priority").first()
    before, units = counts(), Activity.objects.filter(deliverable_period__isnull=False).count()

    unit = ask(client, WantedWork("blog_posts", ARTICLE.title, ARTICLE.wish, goal=goal), rita)

    assert (unit.deliverable, unit.deliverable_period, unit.goal, unit.created_by) == (None, None, goal, rita.user)
    assert {step.goal_id for step in unit.steps.all()} == {goal.pk}
    agents_work()
    request = BlogRequest.objects.get(activity__parent_activity=unit)
    assert (request.deliverable_id, request.deliverable_period_id) == (None, None)
    assert (request.requested_by_type, request.requested_by_id) == ("human", rita.user.ref_id)
    for key, person in (("topic_approval", rita), ("dm_review", rita), ("client_approval", alice)):
        assert not BlogPost.objects.filter(blog_request=request, status="published").exists()
        decide(unit, key, person)
        agents_work()

    post = BlogPost.objects.get(blog_request=request)
    assert (post.status, fresh(unit).status) == ("published", "completed")
    assert set(standing(unit).values()) == {"completed"}
    assert counts() == before
    assert Activity.objects.filter(deliverable_period__isnull=False).count() == units
    sessions = ActivityRun.objects.filter(activity__parent_activity=unit).values_list("session__goal", flat=True)
    assert set(sessions) <= {goal.pk, None} and goal.pk in sessions


@pytest.mark.acceptance("FLOW-adhoc")
def test_a_post_about_a_sale_goes_to_the_platforms_that_were_named(client, sandbox, rita, alice):
    for name in ("linkedin", "facebook"):
        promises.connect(name, f"Harbour on {name}")
    before, friday = counts(), timezone.now().date() + timedelta(days=2)
    wanted = WantedWork("social_posts", SALE.title, SALE.wish, platforms=("linkedin", "tiktok"), wanted_by=friday)

    unit = ask(client, wanted, alice)
    agents_work()

    topic = the_one_asked(unit)
    page = rita.get(f"/dm/c/{client.slug}/approvals/{topic.ref_id}/").text
    assert SALE.wish in page and "Ad hoc: social post" in page and "sale on friday" in page.lower()
    assert topic.required_role == "reviewer"  # whoever asks: the agency looks first
    assert topic.activity.input_data["notes"] == [
        "TikTok is asked for and not connected: this topic brings no post there."
    ]
    request = content.social_request_of_unit(unit)
    assert (request.deliverable_id, request.deliverable_period_id, request.requested_by_id) == (
        None,
        None,
        alice.user.ref_id,
    )
    grant(topic, rita)
    agents_work()
    for person in (rita, alice):
        (approval,) = asked(unit)
        grant(approval, person)
    (post,) = content.posts_of(request)
    assert (post.platform, post.status) == ("linkedin", "approved")
    work.confirm_published(step_of(unit, "publish"), url=ON_LINKEDIN, by=rita.actor, at=timezone.now())
    assert fresh(post).status == "published"
    assert (unit.due_date, max(step.due_date for step in unit.steps.all())) == (friday, friday)
    assert counts() == before


@pytest.mark.acceptance("FLOW-adhoc")
def test_all_other_kinds_come_before_people_and_those_that_speak_of_periods_go_their_whole_way(world, sandbox, rita):
    with world.at("live") as tenant:
        Tenant.objects.filter(pk=tenant.pk).update(website=f"{sandbox.url}/site/harbour-coffee/")
        promises.connect("google_business_profile", "Harbour Coffee, Pier 4")
        before = counts()
        others = [kind for kind in DeliverableType.values if kind not in ("blog_posts", "social_posts")]
        units = {kind: ask(tenant, WantedWork(kind, f"One {kind}", "About beans."), rita, kind) for kind in others}
        agents_work()
        assert {kind: len(asked(unit)) for kind, unit in units.items()} == dict.fromkeys(others, 1)

        whole = [units["performance_reports"], units["gbp_posts"]]
        for unit in whole:
            grant(the_one_asked(unit), rita)
        agents_work()
        publish = step_of(units["gbp_posts"], "publish")
        work.confirm_published(publish, url="https://posts.gle/AbC12", by=rita.actor, at=timezone.now())

        report = reports.delivered_steps().get(parent_activity=units["performance_reports"])
        assert world.alice("live").get(f"/app/reports/{report.ref_id}/").status_code == 200
        assert [fresh(unit).status for unit in whole] == ["completed", "completed"]
        assert counts() == before


def test_a_wish_reaches_every_agent_of_its_unit_as_data_and_no_other(client, sandbox, rita):
    planned = Activity.objects.filter(assignee_type="agent", status="assigned").first()
    text = "".join(c for c in injections.ALL if c.isprintable() and c not in "\u202e" or c == "\n")[:4_000]
    system = None

    for number, wish in enumerate(("Tea.", text)):
        unit = ask(client, WantedWork("blog_posts", "Tea", wish), rita, str(number))
        gates = Approval.objects.count()
        agents_work()
        for told in prompts(sandbox)[-2:]:
            user = told["messages"][0]["content"]
            own = re.match("<data-([0-9a-f]{16})", user)[1]
            names = re.findall(rf'<data-{own} name="(\w+)">', user)
            assert names.count("wish") == 1
            assert user.count(f"</data-{own}>") == user.count(own) - len(names) == len(names)
            block = re.search(rf'<data-{own} name="wish">\n(.*?)\n</data-{own}>', user, re.DOTALL)[1]
            assert json.loads(block)["title"] == "Tea"
            assert wish.splitlines()[0] in block
            rules = json.dumps(told["system"]).replace(own, "")
        assert system in (None, rules)
        system = rules
        assert Approval.objects.count() == gates + 1
        assert the_one_asked(unit).status == "pending"
    assert planned.asked is None


def test_what_cannot_be_done_is_refused_with_a_sentence_and_changes_nothing(client, rita):
    tenant = Tenant.objects.filter(pk=client.pk)
    own = ActivityTemplate.objects.filter(tenant=client, deliverable_type="blog_posts")
    today = timezone.now().date()
    wrong = {
        "deliverable_type": WantedWork("onboarding", "Once more", "Please."),
        "title": WantedWork("blog_posts", "two\nlines", "Please."),
        "wish": WantedWork("blog_posts", "Tea", "x" * 4_001),
        "platforms": WantedWork("blog_posts", "Tea", "Please.", platforms=("linkedin",)),
        "wanted_by": WantedWork("blog_posts", "Tea", "Please.", wanted_by=today - timedelta(days=2)),
    }
    before = state_of(client)
    for field, wanted in wrong.items():
        with pytest.raises(InvalidInput) as refused:
            ask(client, wanted, rita)
        assert set(refused.value.errors) == {field}
    assert state_of(client) == before

    writer = AgentConfig.objects.filter(agent_role="copywriter")
    for change, back, refusal in (
        (lambda: own.update(is_active=False), lambda: own.update(is_active=True), work.NoSuchPipeline),
        (lambda: writer.update(is_enabled=False), lambda: writer.update(is_enabled=True), work.AgentsOff),
        (lambda: tenant.update(contract_accepted_on=None), lambda: None, work.ClientClosed),
    ):
        change()
        refused_and_unchanged(client, rita, refusal)
        back()


def test_before_the_context_file_is_approved_nothing_can_be_asked_for(world, sandbox, rita):
    with world.at("context") as tenant:
        refused_and_unchanged(tenant, rita, work.NotOnboarded)


def refused_and_unchanged(tenant, person, refusal) -> None:
    before = state_of(tenant)
    with pytest.raises(refusal) as refused:
        ask(tenant, ARTICLE, person)
    assert refused.value.detail.endswith(".")
    assert state_of(tenant) == before


def test_nobody_floods_the_queue(client, rita, monkeypatch):
    assert MOST_OPEN == 50
    monkeypatch.setattr(asking, "MOST_OPEN", 3)
    units = [ask(client, ARTICLE, rita, str(number)) for number in range(3)]
    before = state_of(client)

    with pytest.raises(work.TooMuchAsked, match="3 pieces"):
        ask(client, ARTICLE, rita, "one more")

    assert state_of(client) == before
    assert ask(client, ARTICLE, rita, "1") == units[1]  # what was asked for before is only told again
    work.cancel_unit(units[0], by=rita.actor, at=timezone.now())
    assert ask(client, ARTICLE, rita, "one more").status == "in_progress"


def test_the_same_key_is_the_same_request_of_this_person(client, rita, sam):
    first = ask(client, ARTICLE, rita)
    before = state_of(client)

    assert ask(client, ARTICLE, rita) == first
    with pytest.raises(work.KeyReused):
        ask(client, SALE, rita)
    assert state_of(client) == before
    assert ask(client, ARTICLE, sam) != first
    assert ask(client, ARTICLE, rita, "another form") != first


def test_whoever_asks_at_the_same_moment_neither_doubles_nor_passes_the_bound(own_database, monkeypatch):
    monkeypatch.setattr(asking, "MOST_OPEN", 3)
    with World().at("topics") as tenant:
        rita = Person(User.objects.get(email="rita@leadmetrics.test"))

        answers = together(*(lambda key=key: ask(tenant, ARTICLE, rita, key) for key in ("a", "a", "a", "b", "c", "d")))

        made = [each for each in answers if isinstance(each, Activity)]
        refused = [each for each in answers if not isinstance(each, Activity)]
        assert all(isinstance(each, work.TooMuchAsked) for each in refused)
        assert {each.pk for each in made} == {unit.pk for unit in asking.open_units(tenant.facts)}
        assert asking.open_units(tenant.facts).count() == 3


def test_planning_does_not_count_it_and_cancelling_stops_it(client, rita):
    unit = ask(client, ARTICLE, rita)

    assert work.plan_tenant(client.facts, by=promises.SYSTEM, at=timezone.now()) == 0
    work.tend_periods(client.facts, by=promises.SYSTEM, at=timezone.now())
    work.cancel_unit(unit, by=rita.actor, at=timezone.now())

    assert fresh(unit).status == "cancelled"
    assert set(standing(unit).values()) == {"cancelled"}


def test_nothing_that_was_spent_is_missing_from_the_costs_by_promise(client, sandbox, rita):
    ask(client, ARTICLE, rita)
    agents_work()

    month = month_of(timezone.now(), client.timezone)
    promised = spending.cost_by_promise(client.facts, month, plan="pro")
    others = {row.name: row for row in spending.cost_beside_promises(client.facts, month)}

    total = ActivityRun.objects.aggregate(cost=Sum("cost_usd"))["cost"]
    assert sum(row.cost_usd for row in [*promised, *others.values()]) == total
    assert set(others) == {"Ad hoc", "Other work"}
    assert (others["Ad hoc"].runs, others["Ad hoc"].completed) == (2, 0) and others["Ad hoc"].cost_usd > Decimal(0)
    assert "Ad hoc" in rita.get(f"/dm/c/{client.slug}/costs/").text


# ---- doors


def form_of(person, path: str, **values) -> dict:
    page = person.get(path)
    key = re.search(r'name="key" value="(\w{26})"', page.text)[1]
    return {"deliverable_type": "blog_posts", "title": ARTICLE.title, "wish": ARTICLE.wish, "key": key, **values}


def test_a_reviewer_asks_on_the_clients_page_and_lands_on_the_unit(client, rita):
    path = f"/dm/c/{client.slug}/ask/"
    assert path in rita.get(f"/dm/c/{client.slug}/").text and path in rita.get(f"/dm/c/{client.slug}/work/").text
    form = form_of(rita, path, wish="Not <b>too</b> long.\r\nPlease.")

    first, again = rita.post(path, form), rita.post(path, form)

    (unit,) = asking.open_units(client.facts)
    assert first["Location"] == again["Location"] == f"/dm/c/{client.slug}/activities/{unit.ref_id}/"
    page = rita.get(first["Location"]).text
    assert (
        "Ad hoc: blog post" in page and "Not &lt;b&gt;too&lt;/b&gt; long.\nPlease." in page and rita.user.name in page
    )
    assert f"{ARTICLE.title} · Ad hoc" in rita.get(f"/dm/c/{client.slug}/work/").text
    assert "Ad hoc · " in rita.get(f"/dm/c/{client.slug}/").text


def test_a_form_that_was_changed_after_it_was_sent_asks_again_only_if_it_is_sent_again(client, rita):
    path = f"/dm/c/{client.slug}/ask/"
    form = form_of(rita, path)
    rita.post(path, form)

    changed = rita.post(path, {**form, "title": "Another"})
    assert changed.status_code == 422 and "This form was sent already" in changed.text
    assert asking.open_units(client.facts).count() == 1

    fresh_key = re.search(r'name="key" value="(\w{26})"', changed.text)[1]
    rita.post(path, {**form, "title": "Another", "key": fresh_key})
    assert asking.open_units(client.facts).count() == 2


def test_platforms_are_offered_where_there_is_a_choice(client, rita):
    path = f"/dm/c/{client.slug}/ask/"
    promises.connect("linkedin", "Harbour page")

    social, blog = (
        rita.get(path, {"deliverable_type": kind}, **{"HX-Request": "true"}).text
        for kind in ("social_posts", "blog_posts")
    )

    assert "LinkedIn</span>" in social and "TikTok (not connected)" in social and "<html" not in social
    assert "LinkedIn" not in blog


def test_what_a_form_lacks_is_told_beside_its_field(client, rita):
    path = f"/dm/c/{client.slug}/ask/"
    before = state_of(client)

    for lack in ({"wish": " "}, {"title": ""}, {"deliverable_type": "x"}, {"wanted_by": "2020-01-01"}, {"goal": "x"}):
        response = rita.post(path, form_of(rita, path, **lack))
        assert response.status_code == 422 and "field-error" in response.text
    assert rita.post(path, form_of(rita, path, key="x")).status_code == 422
    assert state_of(client) == before
    AgentConfig.objects.filter(agent_role="copywriter").update(is_enabled=False)

    refused = rita.post(path, form_of(rita, path))

    assert refused.status_code == 409 and "needed for this work: Copywriter." in refused.text
    assert ARTICLE.wish in refused.text  # what was typed is kept
    assert not asking.open_units(client.facts).exists()


def test_the_clients_admin_may_ask_and_a_member_may_not(client, alice, world):
    mark = world.mark("topics")
    assert "/app/ask/" in alice.get("/app/").text and "/app/ask/" not in mark.get("/app/").text
    form, before = form_of(alice, "/app/ask/"), state_of(client)
    assert (mark.get("/app/ask/").status_code, mark.post("/app/ask/", form).status_code) == (403, 403)
    assert state_of(client) == before

    response = alice.post("/app/ask/", form)

    (unit,) = asking.open_units(client.facts)
    assert (response["Location"], unit.created_by) == ("/app/", alice.user)
    assert ARTICLE.title in alice.get("/app/").text
    assert unit in [found.unit for found in queries.units_in_work()]


def test_over_the_api_a_key_makes_several_requests_one(client, rita, alice, world, problem):
    path, body = "/api/v1/activities/", {"deliverable_type": "blog_posts", "title": "Tea", "wish": "About tea."}
    named = {"Idempotency-Key": "order-7"}

    first, again = alice.send("POST", path, body, **named), alice.send("POST", path, body, **named)

    told = first.json()["data"]
    assert (first.status_code, again.status_code) == (201, 201) and again.json()["data"]["ref_id"] == told["ref_id"]
    assert (told["wish"], told["deliverable"], told["deliverable_period"]) == ("About tea.", None, None)
    before = state_of(client)
    problem(alice.send("POST", path, {**body, "title": "Coffee"}, **named), 422, "idempotency_key_reused")
    for key in ("", "two words", "x" * 256, "x" * 10_000, "ключ"):
        problem(alice.send("POST", path, body, **{"Idempotency-Key": key}), 400, "parse_error")
    with world.at("strategy"):
        stranger = Goal.objects.first()
    problem(alice.send("POST", path, {**body, "goal": stranger.ref_id}), 400, "invalid_input")
    assert state_of(client) == before
    staff = {**named, "X-Tenant": client.ref_id}
    assert rita.send("POST", path, body, **staff).json()["data"]["ref_id"] != told["ref_id"]  # a key is a person's own
    unnamed = [alice.send("POST", path, body).json()["data"]["ref_id"] for _ in range(2)]
    assert len({told["ref_id"], *unnamed}) == 3

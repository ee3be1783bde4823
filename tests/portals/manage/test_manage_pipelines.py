"""The editor of pipelines in Manage: a form per step, a sentence per problem, the month it gives, and what changed."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from apps.activities import operations, preview, seeds
from apps.activities.models import Activity, ActivityTemplate
from apps.activities.pipelines.differences import differences
from apps.shared.edits import EditedMeanwhile
from apps.shared.errors import InvalidInput
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from tests.activities.advertising import plan, promised, units_of


@pytest.fixture
def template(everything) -> ActivityTemplate:
    return ActivityTemplate.objects.get(tenant=None, deliverable_type="blog_posts")


@pytest.fixture
def copy(world, template) -> ActivityTemplate:
    return ActivityTemplate.objects.get(tenant=world.tenant("live"), source_template=template)


def address(row, task: str = "") -> str:
    return f"/manage/activities/activitytemplate/{row.ref_id}/{task}"


def typed(sam, row) -> dict:
    """What a browser would send back unchanged."""
    context = sam.get(address(row, "edit/")).context
    sent = {name: context["name"][name].value() for name in ("name", "seen_on")}
    for form in context["step_forms"]:
        for field in form:
            value = field.value()
            if value or value == 0 and value is not False:
                sent[field.html_name] = "on" if value is True else value
    return {name: value for name, value in sent.items() if value is not None}


def at(sent: dict, key: str, name: str) -> str:
    """The name under which a field of this step is sent."""
    number = next(field.partition("-")[0] for field, value in sent.items() if field.endswith("-key") and value == key)
    return f"{number}-{name}"


def keys_of(response) -> list[str]:
    return [form["key"].value() for form in response.context["step_forms"]]


def save(sam, row, sent: dict):
    return sam.post(address(row, "edit/"), {**sent, "do": "save"})


def stored(row) -> tuple:
    row.refresh_from_db()
    return (row.version, row.steps, row.name, row.updated_by)


def test_an_edited_pipeline_has_the_next_version_and_copies_stay_as_they_are(sam, template, journal):
    copies = list(ActivityTemplate.objects.filter(source_template=template).order_by("ref_id").values())
    sent = typed(sam, template)

    response = save(sam, template, {**sent, at(sent, "keyword_research", "title"): "Find keywords"})

    template.refresh_from_db()
    assert response.status_code == 302
    assert (template.version, template.parsed_steps[0].title, template.updated_by) == (2, "Find keywords", sam.user)
    assert list(ActivityTemplate.objects.filter(source_template=template).order_by("ref_id").values()) == copies
    assert journal() == ["template.edited"]


@pytest.mark.parametrize("kind", [pipeline.deliverable_type for pipeline in seeds.PIPELINES])
def test_a_shipped_pipeline_saved_as_it_was_keeps_its_version(sam, everything, journal, kind):
    row = ActivityTemplate.objects.get(tenant=None, deliverable_type=kind)

    response = save(sam, row, typed(sam, row))

    row.refresh_from_db()
    assert (response.status_code, row.version, journal()) == (302, 1, [])


@pytest.mark.acceptance("FLOW-templates-copy")
def test_a_clients_own_copy_is_edited_without_touching_the_global_one(sam, template, copy, journal):
    before, sent = stored(template), typed(sam, copy)
    assert copy.source_template == template

    save(sam, copy, {**sent, at(sent, "dm_review", "due_offset_days"): "9"})

    copy.refresh_from_db()
    assert (copy.version, next(s for s in copy.parsed_steps if s.key == "dm_review").due_offset_days) == (2, 9)
    assert stored(template) == before
    assert JournalEntry.objects.get(code="template.edited").tenant_id == copy.tenant_id
    assert journal() == ["template.edited"]


def test_what_was_planned_before_keeps_its_own_steps(sam, copy):
    steps = list(
        Activity.objects.filter(tenant=copy.tenant).order_by("ref_id").values("title", "due_date", "input_data")
    )
    sent = typed(sam, copy)

    save(sam, copy, {**sent, at(sent, "draft", "title"): "Compose"})

    again = Activity.objects.filter(tenant=copy.tenant).order_by("ref_id").values("title", "due_date", "input_data")
    assert list(again) == steps


def test_what_is_planned_afterwards_has_the_new_steps(db, sandbox, sam):
    with promised("ad_copy_sets") as tenant:
        own = ActivityTemplate.objects.get(tenant=tenant, deliverable_type="ad_copy_sets")
        steps = [step.model_dump(mode="json") for step in own.parsed_steps]
        steps[1]["title"] = "Compose the ads"
        how = {"by": sam.actor, "at": timezone.now()}
        operations.edit_template(own, name=own.name, steps=steps, seen_on=own.updated_on, **how)
        deliverable = units_of("ad_copy_sets")[0].deliverable
        type(deliverable).objects.create(
            goal=deliverable.goal,
            strategy=deliverable.strategy,
            type="ad_copy_sets",
            name="More ads",
            quantity_per_period=1,
            period="monthly",
            created_on=timezone.now(),
        )

        assert plan(tenant) == 1

        titles = [unit.steps.get(pipeline_step="draft").title for unit in units_of("ad_copy_sets")]
        assert sorted(titles) == ["Compose the ads", "Write the ads"]


# Adding, moving and removing


def test_a_step_is_added_after_the_last_one_and_nothing_is_saved_yet(sam, template, journal):
    before = stored(template)

    response = sam.post(
        address(template, "edit/"), {**typed(sam, template), "do": "add", "new_title": "Tell the client, 2nd time"}
    )

    new = response.context["step_forms"][-1]
    assert response.status_code == 200
    assert (new["key"].value(), new["title"].value()) == ("tell_the_client_nd_time", "Tell the client, 2nd time")
    assert new["depends_on"].value() == ["check_live"]
    assert (stored(template), journal()) == (before, [])


def test_a_second_step_of_the_same_title_gets_a_key_of_its_own(sam, template):
    response = sam.post(address(template, "edit/"), {**typed(sam, template), "do": "add", "new_title": "Draft"})

    assert keys_of(response)[-1] == "draft_again"


@pytest.mark.parametrize(("do", "place"), [("up:draft", 2), ("down:draft", 4), ("up:keyword_research", None)])
def test_a_step_is_moved(sam, template, do, place):
    response = sam.post(address(template, "edit/"), {**typed(sam, template), "do": do})

    keys = keys_of(response)
    assert keys.index("draft") == place if place is not None else keys[0] == "keyword_research"
    assert len(keys) == 8


def test_what_waited_for_a_removed_step_waits_for_what_it_waited_for(sam, template):
    response = sam.post(address(template, "edit/"), {**typed(sam, template), "do": "remove:dm_review"})

    by_key = {form["key"].value(): form for form in response.context["step_forms"]}
    assert "dm_review" not in by_key
    assert by_key["client_approval"]["depends_on"].value() == ["draft"]


def test_what_was_typed_survives_adding_a_step(sam, template):
    sent = typed(sam, template)
    sent[at(sent, "draft", "prompt_template")] = "Write it <b>well</b>."

    response = sam.post(address(template, "edit/"), {**sent, "do": "add", "new_title": "More"})

    assert "Write it &lt;b&gt;well&lt;/b&gt;." in response.text


@pytest.mark.parametrize("do", ["up:", "remove:nothing", "explode", "up:draft:draft", "add"])
def test_an_odd_wish_changes_nothing_that_is_stored(sam, template, journal, do):
    before = stored(template)

    response = sam.post(address(template, "edit/"), {**typed(sam, template), "do": do})

    assert response.status_code == 200
    assert (stored(template), journal()) == (before, [])


# Problems


PROBLEMS = [
    ({"client_approval.gate": "gate"}, "Step publish publishes without a final gate before it."),
    (
        {"topic_request.creates": "strategy"},
        "Step topic_request: the agent content_brief_writer cannot create strategy",
    ),
    ({"draft.who": "agent:lead_enricher"}, "cannot work yet"),
    ({"publish.creates": "body_version"}, "the publisher carries out what was approved and cannot create body_version"),
    ({"keyword_research.depends_on": ["check_live"]}, "Steps wait for each other in a circle"),
    ({"topic_approval.on_reject": ""}, "Gate topic_approval does not say where rejected work goes."),
    ({"dm_review.who": "agent:copywriter"}, "Gate dm_review needs a person: agents never approve."),
    ({"client_approval.on_reject": "dm_review"}, "which is a gate and makes nothing"),
    ({"topic_approval.key": "topics_ok"}, "Step topic_approval is missing"),
    ({"draft.counts_unit": "on"}, "Only one step may count the unit."),
    ({"check_live.key": "draft"}, "Step draft exists 2 times."),
]


@pytest.mark.parametrize(("change", "problem"), PROBLEMS, ids=[problem[:40] for _, problem in PROBLEMS])
def test_steps_that_make_no_pipeline_are_refused_with_a_sentence(sam, template, journal, change, problem):
    before, sent = stored(template), typed(sam, template)
    for place, value in change.items():
        key, _, name = place.partition(".")
        sent[at(sent, key, name)] = value

    response = save(sam, template, sent)

    told = [*response.context["problems"], *(str(form.errors) for form in response.context["step_forms"])]
    assert response.status_code in (400, 422)
    assert any(problem in text for text in told) or "not one of the available choices" in str(told)
    assert (stored(template), journal()) == (before, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("who", "agent:magician"),
        ("who", "person:super_admin"),
        ("who", ""),
        ("type", "delete"),
        ("gate", "perhaps"),
        ("creates", "invoice"),
        ("due_offset_days", "-1"),
        ("due_offset_days", "367"),
        ("due_offset_days", "1e2"),
        ("due_offset_days", "٣"),
        ("title", ""),
        ("title", "a\x00b"),
        ("title", "x" * 201),
        ("prompt_template", "x" * 10_001),
        ("depends_on", ["nothing"]),
        ("on_reject", "nothing"),
        ("key", ""),
        ("key", "Draft It"),
    ],
)
def test_a_field_that_cannot_be_is_refused_beside_it(sam, template, journal, name, value):
    before, sent = stored(template), typed(sam, template)
    sent[at(sent, "check_live", name)] = value

    response = save(sam, template, sent)

    assert response.status_code in (400, 422)
    assert (stored(template), journal()) == (before, [])


def test_a_pipeline_without_steps_or_with_too_many_is_refused(sam, template, journal):
    sent = {"name": template.name, "seen_on": ""}
    many = dict(sent)
    for number in range(60):
        key = "".join("abcdefghij"[int(digit)] for digit in str(number))
        many |= {f"{number}-key": key, f"{number}-title": key, f"{number}-type": "other"}
        many |= {f"{number}-who": "person:reviewer", f"{number}-due_offset_days": "1"}

    answers = [save(sam, template, one) for one in (sent, many)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "A pipeline needs at least one step." in answers[0].context["problems"]
    assert any("30 steps at most" in problem for problem in answers[1].context["problems"])
    assert journal() == []


def test_checking_says_what_is_wrong_and_saves_nothing(sam, template, journal):
    sent = typed(sam, template)
    sent[at(sent, "client_approval", "gate")] = "gate"

    response = sam.post(address(template, "edit/"), {**sent, "do": "check"})

    assert "publishes without a final gate" in response.text
    assert response.context["planned"] == []
    assert journal() == []


# The month


def test_the_preview_of_a_global_pipeline_is_one_unit_that_begins_today(sam, template):
    (period,) = sam.get(address(template, "edit/")).context["planned"]

    (units,) = period.units
    assert (period.of, units.numbers, units.steps[0].who) == ("", (1,), "keyword researcher")
    assert units.steps[-1].due == period.begins + timedelta(days=14)


def test_the_preview_of_a_copy_is_the_coming_month_of_what_the_client_was_promised(sam, copy):
    sent = typed(sam, copy)
    sent[at(sent, "check_live", "due_offset_days")] = "40"

    response = sam.post(address(copy, "edit/"), {**sent, "do": "check"})

    (period,) = response.context["planned"]
    assert period.begins.day == 1 and period.begins > timezone.localdate()
    assert (period.count, period.units[0].numbers) == (2, (1, 2))
    last = period.units[0].steps[-1]
    assert (last.due, last.is_late) == (period.begins + timedelta(days=40), True)
    assert "after the period" in response.text
    assert response.context["changes"] == ["“Check the live page”: due day 14 → 40."]


def test_a_pipeline_nobody_was_promised_is_shown_by_an_example(sam, copy, everything):
    other = ActivityTemplate.objects.get(tenant=copy.tenant, deliverable_type="landing_pages")

    response = sam.get(address(other, "edit/"))

    assert "This client was promised nothing of this kind." in response.text


def test_units_for_other_platforms_are_shown_apart(db, sandbox):
    with promised("ad_copy_sets", platforms=["google_ads", "meta_ads"], quantity=3) as tenant:
        own = ActivityTemplate.objects.select_related("tenant").get(tenant=tenant, deliverable_type="ad_copy_sets")
        (period,) = preview.month_of(own, own.parsed_steps, at=timezone.now())

    assert [units.numbers for units in period.units] == [(1, 3), (2,)]
    assert [units.steps[1].who for units in period.units] == ["google ads writer", "meta ads writer"]


# Versions


def test_the_page_tells_each_version_who_made_it_and_what_differs(sam, copy):
    sent = typed(sam, copy)
    save(sam, copy, {**sent, at(sent, "draft", "due_offset_days"): "7"})
    sent = typed(sam, copy)
    save(sam, copy, {**sent, "name": "Our posts", at(sent, "draft", "title"): "Compose"})

    panels = {panel.title: panel for panel in sam.get(address(copy)).context["panels"]}

    newest, oldest = panels["Versions"].rows
    assert (newest[0], newest[2], oldest[0]) == ("3", sam.user.name, "2")
    assert "It is called “Our posts”." in newest[3] and "title Write the article → Compose" in newest[3]
    assert oldest[3] == "<div>“Write the article”: due day 6 → 7.</div>"
    assert panels["Different from the global pipeline"].rows == [
        ("“Compose”: title Write the article → Compose; due day 6 → 7.",)
    ]


def test_a_copy_goes_back_to_the_global_pipeline_as_it_is_now(sam, template, copy, journal):
    for row, title in ((copy, "Compose"), (template, "Write a fine article")):
        sent = typed(sam, row)
        save(sam, row, {**sent, at(sent, "draft", "title"): title})
    seen = sam.get(address(copy, "reset/")).context["form"]["seen_on"].value()

    response = sam.post(address(copy, "reset/"), {"seen_on": seen})

    template.refresh_from_db()
    copy.refresh_from_db()
    assert response.status_code == 302
    assert (copy.version, copy.steps, copy.updated_by) == (3, template.steps, sam.user)
    assert journal() == ["template.edited", "template.edited", "template.reset"]
    panels = {panel.title: panel for panel in sam.get(address(copy)).context["panels"]}
    assert panels["Different from the global pipeline"].rows == []


def test_only_a_copy_can_go_back(sam, template, journal):
    offered = [task.name for task, _ in sam.get(address(template)).context["tasks"]]

    with pytest.raises(operations.NoGlobalTemplate):
        operations.reset_template(template, by=sam.actor, at=timezone.now(), seen_on=template.updated_on)

    assert offered == ["edit"]
    assert journal() == []


# Two at once, and who may


def test_who_saves_what_somebody_else_changed_meanwhile_is_told_and_keeps_what_was_typed(sam, template, journal):
    early = typed(sam, template)
    save(sam, template, {**early, at(early, "draft", "title"): "First"})
    before = stored(template)

    response = save(sam, template, {**early, at(early, "draft", "title"): "Second"})

    assert response.status_code == 409
    assert "Somebody changed this after you opened it." in response.text and 'value="Second"' in response.text
    assert stored(template) == before
    assert journal() == ["template.edited"]


def test_a_reset_of_what_changed_meanwhile_is_refused(sam, copy):
    sent = typed(sam, copy)
    save(sam, copy, {**sent, at(sent, "draft", "title"): "First"})
    before = stored(copy)

    with tenant_scope(copy.tenant.facts), pytest.raises(EditedMeanwhile):
        operations.reset_template(copy, by=sam.actor, at=timezone.now(), seen_on=None)

    assert stored(copy) == before


def test_nobody_but_a_super_admin_enters(rita, world, copy, journal):
    before = stored(copy)

    answers = [
        person.post(address(copy, task), {"name": "Mine", "do": "save"}).status_code
        for person in (rita, world.alice("live"), world.mark("live"))
        for task in ("edit/", "reset/")
    ]

    assert answers == [404] * 6
    assert (stored(copy), journal()) == (before, [])


# The pieces


def test_differences_are_sentences_about_steps_by_their_titles():
    before = list(seeds.BLOG_POSTS.steps)
    after = [step for step in before if step.key != "check_live"]
    after[0], after[1] = after[1], after[0]
    after[3] = after[3].model_copy(update={"prompt_template": "Other words.", "agent_role": "email_writer"})

    assert differences(before, before) == []
    assert differences(before, after) == [
        "“Check the live page” is gone.",
        "“Write the article”: who does it copywriter → email writer; instruction is worded anew.",
        "The steps stand in another order.",
    ]


@pytest.mark.parametrize("steps", [None, "x", {}, [1], [{}], [{"key": "a"}], [[[[]]]]])
def test_what_is_no_list_of_steps_is_refused(sam, template, journal, steps):
    with pytest.raises(InvalidInput):
        operations.edit_template(
            template, name="A", steps=steps, by=sam.actor, at=timezone.now(), seen_on=template.updated_on
        )

    assert journal() == []


def test_fields_of_nobody_are_left_alone(sam, template):
    sent = QueryDict(mutable=True)
    sent.update({"name": template.name, "99999-key": "x", "-1-key": "y", "1-2-key": "z", "a-key": "b", "do": "check"})

    response = sam.post(address(template, "edit/"), sent.dict())

    assert response.status_code == 200
    assert response.context["step_forms"] == []

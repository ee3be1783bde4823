"""Backlinks: sites are found, asked once by approved mails, followed up by a person, and looked at by the product."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities import queries
from apps.activities.models import Activity, RecurringTaskTemplate
from apps.content import backlinks, operations, outside
from apps.content import queries as content_queries
from apps.content.backlink_bodies import OutreachMails, Prospects
from apps.content.models import Backlink
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed
from apps.shared.models import JournalEntry
from apps.shared.transitions import MoveRefused
from apps.strategy.models import DeliverablePeriod
from apps.tenants import operations as tenants
from sandbox.faults import Fault
from tests.activities.promises import asked_at, decide, step_of
from tests.activities.work import OTHERS_WAIT, attempt, fresh
from tests.content.units import do, plan, promised, statuses

WRITER = Actor.agent("backlink_outreach_writer")


@pytest.fixture
def unit(db, sandbox, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sandbox.smtp_port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    with promised("backlinks", sandbox_url=sandbox.url) as (unit,):
        yield unit


@pytest.fixture
def alice(world):
    return world.alice("live")


def links(unit) -> dict[str, Backlink]:
    """The unit's links by the last part of their page's address."""
    return {link.target_url.rstrip("/").rsplit("/", 1)[1]: link for link in content_queries.links_of(unit)}


def written(unit, rita) -> Activity:
    do(unit, "prospects")
    decide(unit, "prospect_approval", rita)
    return do(unit, "outreach_mail")


def approved(unit, rita) -> list[dict]:
    step = written(unit, rita)
    decide(unit, "mail_approval", rita)
    return json.loads(queries.text_of(step.output_ref))["mails"]


def sent(unit, rita) -> Activity:
    approved(unit, rita)
    return do(unit, "send")


def fault(sandbox, kind: str, **more) -> None:
    with sandbox.world.lock:
        sandbox.world.planned.append(Fault.from_order({"target": "smtp", "fault": kind, **more}))


def of(unit) -> str:
    return f"/dm/c/{unit.tenant.slug}/backlinks/"


def record(unit, rita, name: str, *moves: str, **more) -> None:
    for move in moves:
        response = rita.post(f"{of(unit)}{links(unit)[name].ref_id}/move/", {"move": move, **more})
        assert response.status_code == 302, response.text


def followed_up(unit, rita, name: str) -> None:
    """The mails went out, this page's editor agreed, and the person says so."""
    sent(unit, rita)
    record(unit, rita, name, "answer", "agree")
    work.finish_task(step_of(unit, "follow_up"), by=rita.actor, at=timezone.now())


# Prospects


def test_each_prospect_is_a_row_and_the_reviewer_decides_on_all_of_them(unit, rita):
    step = do(unit, "prospects")

    found = links(unit)
    assert {name: link.outreach_status for name, link in found.items()} == {
        "coffee": "prospecting",
        "mornings": "prospecting",
    }
    coffee = found["coffee"]
    assert (coffee.source_url, coffee.deliverable) == (unit.tenant.website, unit.deliverable)
    assert coffee.activity == step_of(unit, "send")
    asked = asked_at(unit, "prospect_approval")
    page = rita.get(f"/dm/c/{unit.tenant.slug}/approvals/{asked.ref_id}/").text
    for shown in (coffee.target_url, "coffee@quay-notes.example", "mornings@quay-notes.example", "Relevance score"):
        assert shown in page
    assert step.output_summary["contacts"][coffee.ref_id] == "coffee@quay-notes.example"


@pytest.mark.acceptance("FLOW-reject-rerun")
def test_a_second_proposal_takes_the_place_of_the_first(unit, rita):
    do(unit, "prospects")

    decide(unit, "prospect_approval", rita, note="Please add something about clinics.")
    do(unit, "prospects")

    assert sorted(Backlink.objects.values_list("outreach_status", flat=True)) == [
        "prospecting",
        "prospecting",
        "rejected",
        "rejected",
    ]


@pytest.mark.parametrize("change", ["a page that was asked before", "a page of somebody else"])
def test_a_prospect_that_is_known_or_not_for_the_client_is_refused_and_no_row_is_made(unit, change):
    step, page = step_of(unit, "prospects"), "https://guide.example/a/"
    if change == "a page that was asked before":
        at = timezone.now()
        Backlink.objects.create(
            target_url=page, source_url=page, outreach_status="rejected", outreach_sent_on=at, created_on=at
        )
    prospect = {
        "sourceDomain": "guide.example",
        "sourceUrl": page,
        "prospectType": "outreach",
        "relevanceScore": 80,
        "pitchRationale": "Their readers ask for it.",
        "contactEmail": "editor@guide.example",
        "targetPage": "https://rival.example/" if change == "a page of somebody else" else unit.tenant.website,
    }
    before = Backlink.objects.count()

    with pytest.raises(backlinks.ProspectUnusable):
        backlinks.receive_prospects(
            Prospects.model_validate_json(json.dumps({"prospects": [prospect]})),
            activity=step,
            kept=None,
            by=WRITER,
            at=timezone.now(),
        )

    assert Backlink.objects.count() == before
    assert fresh(step).output_summary == {}


# Mails


def test_nothing_is_sent_before_the_mails_are_approved_as_they_stand(unit, rita, sandbox):
    step = written(unit, rita)

    asked = asked_at(unit, "mail_approval")
    page = rita.get(f"/dm/c/{unit.tenant.slug}/approvals/{asked.ref_id}/").text
    mails = json.loads(queries.text_of(step.output_ref))["mails"]
    assert len(mails) == 2
    for mail in mails:
        assert mail["to"] in page and mail["subject"] in page
    assert "2 outreach mails" in page and "would you consider a link?" in page
    assert step_of(unit, "send").status == "created" and sandbox.world.mails == []


def test_every_approved_mail_is_sent_once_word_by_word(unit, rita, sandbox):
    mails = approved(unit, rita)

    step = do(unit, "send")

    caught = {mail["to"][0]: mail for mail in sandbox.world.mails}
    assert sorted(caught) == sorted(mail["to"] for mail in mails)
    for mail in mails:
        got = caught[mail["to"]]
        assert (got["subject"], got["text"].replace("\r\n", "\n").strip()) == (mail["subject"], mail["body"])
    assert {link.outreach_status for link in links(unit).values()} == {"outreach_sent"}
    assert all(link.outreach_sent_on for link in links(unit).values())
    assert (step.status, step.output_summary["sent"]) == ("completed", 2)
    task = step_of(unit, "follow_up")
    assert (task.status, task.assignee_user) == ("assigned", rita.user)


@pytest.mark.parametrize("kind", ["reset_after_accept", "garbage"])
def test_a_mail_whose_outcome_nobody_knows_is_not_sent_again_and_a_person_is_asked(unit, rita, sandbox, kind):
    approved(unit, rita)
    fault(sandbox, kind)

    step = do(unit, "send")

    states = [each["state"] for each in step.output_summary["mails"].values()]
    assert sorted(states) == ["sent", "unsure"]
    assert len(sandbox.world.mails) == 2  # both arrived, as it happens; neither twice
    (unsure,) = [ref for ref, each in step.output_summary["mails"].items() if each["state"] == "unsure"]
    assert Backlink.objects.get(ref_id=unsure).outreach_status == "prospecting"
    task = Activity.objects.get(origin_key=f"mail:{step.ref_id}/{unsure}")
    assert task.title.startswith("Did this outreach mail leave?") and task.assignee_user == rita.user


def test_a_mail_that_was_leaving_when_its_worker_died_is_not_sent_again(unit, rita, sandbox):
    mails = approved(unit, rita)
    dead = mails[0]
    leaving = {"mails": {dead["prospect"]: {"state": "leaving", "on": timezone.now().isoformat()}}}
    Activity.objects.filter(pk=step_of(unit, "send").pk).update(output_summary=leaving)

    step = do(unit, "send")

    assert [mail["to"] for mail in sandbox.world.mails] == [[mails[1]["to"]]]
    assert step.output_summary["mails"][dead["prospect"]]["state"] == "unsure"
    assert Activity.objects.filter(origin_key=f"mail:{step.ref_id}/{dead['prospect']}").count() == 1


def test_once_the_client_is_suspended_no_further_mail_leaves_and_the_rest_leaves_when_it_is_resumed(
    unit, rita, sandbox, monkeypatch
):
    mails = approved(unit, rita)
    send, at = outside.send_mail, timezone.now()

    def send_and_suspend(mail):
        outcome = send(mail)
        monkeypatch.undo()
        tenants.move_tenant(unit.tenant, "suspend", by=WRITER, at=at)
        return outcome

    monkeypatch.setattr(outside, "send_mail", send_and_suspend)

    first = do(unit, "send")

    assert [mail["to"] for mail in sandbox.world.mails] == [[mails[0]["to"]]]
    assert (first.status, first.input_data["failures_before"]) == ("assigned", 1)
    assert [each["state"] for each in first.output_summary["mails"].values()] == ["sent"]
    tenants.move_tenant(unit.tenant, "resume", by=WRITER, at=at)
    second = do(unit, "send")
    assert (second.status, second.output_summary["sent"]) == ("completed", 2)
    assert [mail["to"] for mail in sandbox.world.mails] == [[mail["to"]] for mail in mails]


def test_a_mail_that_left_before_its_step_was_cancelled_is_written_down_and_no_other_leaves(
    unit, rita, sandbox, monkeypatch
):
    mails = approved(unit, rita)
    send = outside.send_mail

    def cancel_and_send(mail):
        work.cancel_unit(unit, by=rita.actor, at=timezone.now())
        return send(mail)

    monkeypatch.setattr(outside, "send_mail", cancel_and_send)

    step = do(unit, "send")

    assert [mail["to"] for mail in sandbox.world.mails] == [[mails[0]["to"]]]
    assert step.status == "cancelled"
    assert [each["state"] for each in step.output_summary["mails"].values()] == ["sent"]
    statuses_now = {link.ref_id: link.outreach_status for link in links(unit).values()}
    assert statuses_now == {mails[0]["prospect"]: "outreach_sent", mails[1]["prospect"]: "prospecting"}


def test_a_mail_server_that_is_busy_is_tried_again_for_what_it_did_not_take(unit, rita, sandbox):
    approved(unit, rita)
    fault(sandbox, "429")

    first = do(unit, "send")
    assert (first.status, len(sandbox.world.mails)) == ("assigned", 1)
    second = do(unit, "send")

    assert (second.status, second.output_summary["sent"]) == ("completed", 2)
    recipients = sorted(mail["to"][0] for mail in sandbox.world.mails)
    assert recipients == ["coffee@quay-notes.example", "mornings@quay-notes.example"]


def test_refused_mails_are_told_and_a_step_that_asked_nobody_waits_for_a_person(unit, rita, sandbox):
    approved(unit, rita)
    fault(sandbox, "500", times=2)

    step = do(unit, "send")

    assert (step.status, sandbox.world.mails) == ("failed", [])
    assert {link.outreach_status for link in links(unit).values()} == {"prospecting"}
    assert Activity.objects.filter(origin_key__startswith=f"mail:{step.ref_id}/").count() == 2
    record(unit, rita, "coffee", "ask")  # the reviewer wrote from their own mailbox
    work.retry_activity(step, by=rita.actor, at=timezone.now())
    assert do(unit, "send").status == "completed"
    assert sandbox.world.mails == []


def test_mails_that_were_changed_after_the_approval_are_not_sent(unit, rita, sandbox):
    approved(unit, rita)
    step = step_of(unit, "outreach_mail")
    Activity.objects.filter(pk=step.pk).update(output_summary={**step.output_summary, "sha256": "0" * 64})

    assert do(unit, "send").status == "failed"
    assert sandbox.world.mails == []


def test_a_mail_to_anybody_but_the_approved_contact_is_refused(unit, rita):
    do(unit, "prospects")
    decide(unit, "prospect_approval", rita)
    coffee, mornings = links(unit)["coffee"], links(unit)["mornings"]
    mail = {"subject": "A page", "body": "x" * 60, "followUpBody": "One more.", "personalisation": []}

    for prospect, to in (
        (coffee.ref_id, "boss@elsewhere.example"),
        (coffee.ref_id, "mornings@quay-notes.example"),
        ("0" * 26, "coffee@quay-notes.example"),
    ):
        output = OutreachMails.model_validate_json(json.dumps({"mails": [{"prospect": prospect, "to": to, **mail}]}))
        with pytest.raises(backlinks.MailUnusable):
            backlinks.receive_mails(
                output, activity=step_of(unit, "outreach_mail"), kept=None, by=WRITER, at=timezone.now()
            )
    assert mornings.outreach_status == "prospecting"


@pytest.mark.parametrize(
    "to", ["a@b.example, c@d.example", "Boss <a@b.example>", "a@b.example\nBcc: c@d.example", "a@b", "a b@c.example"]
)
def test_what_is_not_one_plain_address_is_no_contact(to):
    mail = {"prospect": "0" * 26, "subject": "A", "body": "x" * 60, "followUpBody": "B", "personalisation": []}
    with pytest.raises(ValueError):
        OutreachMails.model_validate_json(json.dumps({"mails": [{**mail, "to": to}]}))


# What people record


def test_a_person_records_what_came_of_asking_and_no_other_move_is_offered(unit, rita):
    sent(unit, rita)
    coffee = links(unit)["coffee"]
    page = rita.get(f"{of(unit)}{coffee.ref_id}/").text
    assert "They answered" in page and "They agreed" not in page and "published" not in page.lower()

    record(unit, rita, "coffee", "answer", notes="Wants to see the page first.")
    record(unit, rita, "coffee", "agree", target_url="https://quay-notes.example/new/")

    coffee = fresh(coffee)
    assert (coffee.outreach_status, coffee.target_url) == ("agreed", "https://quay-notes.example/new/")
    assert coffee.notes == "Wants to see the page first."
    listed = rita.get(of(unit), {"status": "agreed"}).text
    assert "https://quay-notes.example/new/" in listed and "mornings" not in listed


def test_moves_that_are_not_open_and_input_that_is_none_change_nothing(unit, rita, alice):
    sent(unit, rita)
    coffee, mornings = links(unit)["coffee"], links(unit)["mornings"]
    entries = JournalEntry.objects.count()
    path = f"{of(unit)}{coffee.ref_id}/move/"

    assert rita.post(path, {"move": "agree"}).status_code == 409
    for wrong in ({}, {"move": "publish"}, {"move": "answer", "target_url": "javascript:alert(1)"}):
        assert rita.post(path, wrong).status_code == 422
    assert rita.get(of(unit), {"status": "nonsense"}).status_code == 400
    assert alice.post(path, {"move": "answer"}).status_code == 404
    with pytest.raises(NotAllowed):
        operations.move_backlink(coffee, "publish", by=rita.actor, at=timezone.now())
    with pytest.raises(MoveRefused):
        operations.move_backlink(coffee, "agree", by=rita.actor, at=timezone.now())
    assert (fresh(coffee).outreach_status, JournalEntry.objects.count()) == ("outreach_sent", entries)

    record(unit, rita, "coffee", "answer")
    with pytest.raises(InvalidInput):
        operations.move_backlink(
            fresh(coffee), "agree", by=rita.actor, at=timezone.now(), target_url=mornings.target_url
        )
    assert fresh(coffee).outreach_status == "responded"


# The link


def test_a_link_that_is_seen_is_published_and_counts(unit, rita, alice):
    followed_up(unit, rita, "coffee")
    period = DeliverablePeriod.objects.get(deliverable=unit.deliverable)
    assert period.completed_count == 0

    do(unit, "verify_link")

    coffee = links(unit)["coffee"]
    assert (coffee.outreach_status, coffee.is_live, coffee.link_type) == ("published", True, "dofollow")
    assert coffee.anchor_text == "the roasters on Customs Wharf"
    assert coffee.link_published_on and coffee.last_checked_on
    assert (fresh(unit).status, fresh(period).completed_count) == ("completed", 1)
    shown = alice.get("/app/backlinks/").text
    assert "the roasters on Customs Wharf" in shown and "Live" in shown
    assert "mornings" not in shown


def test_a_link_that_is_not_there_counts_nothing_and_calls_a_person(unit, rita, alice, sandbox):
    followed_up(unit, rita, "mornings")
    asked = len(sandbox.world.entries(target="anthropic"))

    step = do(unit, "verify_link")

    mornings = links(unit)["mornings"]
    assert (mornings.outreach_status, mornings.is_live) == ("agreed", False)
    assert step.status == "failed"
    task = Activity.objects.get(origin_key__startswith=f"escalation:{step.ref_id}/")
    assert "does not link there" in task.revision_note
    assert DeliverablePeriod.objects.get(deliverable=unit.deliverable).completed_count == 0
    assert len(sandbox.world.entries(target="anthropic")) == asked  # no model was asked
    assert "No backlinks yet" in alice.get("/app/backlinks/").text


def test_a_page_that_does_not_answer_says_nothing_about_its_link(unit, rita, sandbox):
    followed_up(unit, rita, "coffee")
    with sandbox.world.lock:
        sandbox.world.planned.append(Fault.from_order({"target": "site", "fault": "500", "match": "coffee"}))

    step = do(unit, "verify_link")

    coffee = links(unit)["coffee"]
    assert (step.status, coffee.is_live, coffee.last_checked_on) == ("failed", None, None)
    work.retry_activity(step, by=rita.actor, at=timezone.now())
    assert do(unit, "verify_link").status == "completed"
    assert links(unit)["coffee"].outreach_status == "published"


def test_where_nobody_agreed_there_is_nothing_to_look_for(unit, rita):
    sent(unit, rita)
    work.finish_task(step_of(unit, "follow_up"), by=rita.actor, at=timezone.now())

    step = do(unit, "verify_link")

    assert step.status == "failed"
    task = Activity.objects.get(origin_key__startswith=f"escalation:{step.ref_id}/")
    assert "No site has agreed to link yet" in task.revision_note


def test_planning_twice_adds_nothing(unit):
    assert plan(unit.tenant) == 0
    assert statuses(unit)["prospects"] == "assigned"


def test_the_clean_up_names_links_that_look_bought_to_a_reviewer(unit, rita):
    at = timezone.now()
    for page, anchor in (("https://good.example/", "Harbour Coffee"), ("https://bad.example/", "buy cheap coffee")):
        Backlink.objects.create(
            target_url=page,
            source_url=unit.tenant.website,
            outreach_status="published",
            anchor_text=anchor,
            created_on=at,
        )
    Activity.objects.filter(parent_activity=unit).update(ready_on=at + OTHERS_WAIT)
    template = RecurringTaskTemplate.objects.get(name="Backlink profile clean-up", tenant=unit.tenant)

    task = attempt(work.spawn_now(template, by=rita.actor, at=at - timedelta(seconds=1)))

    assert (task.assignee_agent_role, task.status) == ("backlink_researcher", "completed")
    told = Activity.objects.get(origin_key=f"findings:{task.ref_id}")
    assert "https://bad.example/" in told.revision_note and "good.example" not in told.revision_note

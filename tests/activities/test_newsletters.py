"""Newsletters: decided on as the writer's answer, sent by a person, whose word counts the unit."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities.models import Activity
from apps.channels.models import PublishAttempt
from apps.content import operations as content
from apps.shared.errors import InvalidInput
from tests.activities import promises
from tests.activities.promises import (
    agents_work,
    answer_at,
    grant,
    send_back,
    standing,
    step_of,
    the_one_asked,
    units_of,
)
from tests.activities.work import fresh

WEB_VERSION = "https://mailchi.mp/harbour/may"


@pytest.fixture
def client(db, sandbox):
    with promises.client_at_rest() as tenant:
        yield tenant


@pytest.fixture
def alice(world):
    return world.alice("topics")


@pytest.fixture
def period(client):
    return promises.promise(client, "email_newsletters", "mailchimp", quantity=2)


@pytest.fixture
def unit(period):
    agents_work()
    return units_of(period)[0]


@pytest.fixture
def approved(unit, rita, alice):
    grant(the_one_asked(unit), rita)
    grant(the_one_asked(unit), alice)
    return unit


def confirm(unit: Activity, person, url: str = WEB_VERSION) -> Activity:
    note = "Went to 412 people."
    return work.confirm_published(step_of(unit, "send"), url=url, note=note, by=person.actor, at=timezone.now())


def test_a_newsletter_is_sent_by_a_person_with_the_mail_service_and_counted(client, approved, period, rita):
    service = promises.connect("mailchimp", "Harbour list")
    draft = step_of(approved, "draft")
    assert (step_of(approved, "send").status, step_of(approved, "send").subject_ref) == ("assigned", draft.ref_id)

    confirm(approved, rita)

    attempt = PublishAttempt.objects.get(subject_ref=draft.ref_id)
    assert (attempt.status, attempt.subject_type, attempt.channel) == ("confirmed", "activity", service)
    assert attempt.external_url == WEB_VERSION
    assert fresh(period).completed_count == 1
    results = step_of(approved, "results")
    assert (results.status, results.ready_on > timezone.now() + timedelta(days=3)) == ("assigned", True)

    Activity.objects.filter(pk=results.pk).update(ready_on=timezone.now())
    agents_work()
    assert answer_at(step_of(approved, "results"))["figuresKnown"] is False
    assert Activity.objects.get(origin_key=f"results:{results.ref_id}").status == "assigned"
    assert fresh(approved).status == "completed"


def test_without_a_mail_service_the_word_is_kept_at_the_step_and_it_counts_all_the_same(approved, period, rita):
    sent = confirm(approved, rita)

    assert (sent.status, sent.output_summary["url"]) == ("completed", WEB_VERSION)
    assert sent.output_summary["note"] == "Went to 412 people."
    assert not PublishAttempt.objects.filter(subject_ref=sent.subject_ref).exists()
    assert fresh(period).completed_count == 1


def test_an_address_that_is_none_sends_nothing(approved, period, rita):
    with pytest.raises(InvalidInput):
        confirm(approved, rita, "mailchi.mp/harbour")
    with pytest.raises(work.AddressMissing):
        work.finish_task(step_of(approved, "send"), by=rita.actor, at=timezone.now())

    assert (standing(approved)["send"], fresh(period).completed_count) == ("assigned", 0)


def test_what_was_not_approved_is_not_confirmed(approved, rita):
    draft = step_of(approved, "draft")
    Activity.objects.filter(pk=draft.pk).update(output_summary={**draft.output_summary, "title": "Another"})

    with pytest.raises(content.ContentChanged):
        confirm(approved, rita)

    assert standing(approved)["send"] == "assigned"


def test_before_the_last_approval_nothing_can_be_confirmed(unit, rita):
    with pytest.raises((work.NotByHand, content.ContentChanged)):
        confirm(unit, rita)

    assert standing(unit)["send"] == "created"


def test_its_pages_show_the_mail_as_its_readers_see_it(client, unit, rita, alice):
    approval = the_one_asked(unit)
    mail = answer_at(step_of(unit, "draft"))
    parts = [mail["subjectLine"], *mail["subjectVariants"], mail["previewText"], f"<h2>{mail['subjectLine']}"]

    text = rita.get(f"/dm/c/{client.slug}/approvals/{approval.ref_id}/").text
    assert all(part in text for part in parts), [part for part in parts if part not in text]
    assert "As plain text" in text and mail["plainText"].splitlines()[-1] in text

    grant(approval, rita)
    approval = the_one_asked(unit)
    assert f"<h2>{mail['subjectLine']}" in alice.get(f"/app/approvals/{approval.ref_id}/").text
    grant(approval, alice)
    page = rita.get(f"/dm/c/{client.slug}/activities/{step_of(unit, 'send').ref_id}/").text
    assert f"<h2>{mail['subjectLine']}" in page and "It is published" in page


def test_a_newsletter_that_is_sent_back_takes_up_the_note(unit, rita):
    first = the_one_asked(unit)

    send_back(first, rita, "Mention the new terrace.")
    Activity.objects.filter(pk=step_of(unit, "draft").pk).update(ready_on=timezone.now())
    agents_work()

    mail = answer_at(step_of(unit, "draft"))
    assert "new terrace" in mail["htmlBody"] and "new terrace" in mail["plainText"]
    assert the_one_asked(unit).content_sha256 != first.content_sha256


def test_units_of_a_period_have_topics_of_their_own_and_planning_again_adds_nothing(client, unit, period):
    titles = {answer_at(step_of(each, "topic"))["title"] for each in units_of(period)}

    assert len(titles) == 2
    assert work.plan_tenant(client.facts, by=promises.SYSTEM, at=timezone.now()) == 0

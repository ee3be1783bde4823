"""A contact comes in: a new lead, or a touch of a known one, whichever door it came through."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.crm import operations
from apps.crm.contacts import Contact, cleaned
from apps.crm.models import Lead, LeadActivity, LeadTouch
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from tests.conftest import World

AT = timezone.now()
BY = Actor.system("tests")


def contact(event: str | None = "e-1", source: str = "website_form", occurred_on=AT, **values) -> Contact:
    told = cleaned({"email": "nadia@visitors.test", **values})
    origin = {name: told.pop(name) for name in ("source_url", "utm_campaign") if name in told}
    return Contact(
        source=source, occurred_on=occurred_on, told="Wrote by the form.", details=told, origin=origin, external_event_id=event
    )  # fmt: skip


def receive(*contacts: Contact) -> list[str]:
    return [operations.receive_lead(each, by=BY, at=AT).outcome for each in contacts]


def entries() -> list[str]:
    codes = JournalEntry.objects.filter(code__startswith="lead.").order_by("ref_id")
    return list(codes.values_list("code", flat=True))


@pytest.mark.acceptance("lead_touches")
def test_the_same_address_in_another_case_is_a_touch_on_the_same_lead(acme):
    later = AT + timedelta(hours=2)

    assert receive(
        contact("e-1", source_url="https://acme.example/contact", utm_campaign="spring"),
        contact("e-2", "google_lead_form", later, email="NADIA@Visitors.Test", utm_campaign="autumn"),
    ) == ["added", "known"]

    lead = Lead.objects.get()
    assert (lead.source, lead.source_url, lead.utm_campaign) == (
        "website_form",
        "https://acme.example/contact",
        "spring",
    )
    assert (lead.status, lead.last_activity_on) == ("new", later)
    touches = LeadTouch.objects.filter(lead=lead).order_by("ref_id")
    assert [(touch.source, touch.utm_campaign) for touch in touches] == [
        ("website_form", "spring"),
        ("google_lead_form", "autumn"),
    ]
    assert LeadActivity.objects.filter(lead=lead).count() == 2
    assert entries() == ["lead.received", "lead.touched"]


def test_the_same_phone_number_is_a_touch_on_the_same_lead_however_it_was_typed(acme):
    assert receive(
        contact("e-1", email="", phone="+91 98123 45678"), contact("e-2", email="", phone="0091-9812345678")
    ) == ["added", "known"]

    assert Lead.objects.get().phone == "+919812345678"


def test_a_number_that_names_no_country_makes_nobody_the_same(acme):
    receive(contact("e-1", phone="98123 45678"), contact("e-2", email="omar@visitors.test", phone="98123 45678"))

    assert sorted(Lead.objects.values_list("email", "phone")) == [
        ("nadia@visitors.test", "98123 45678"),
        ("omar@visitors.test", "98123 45678"),
    ]


def test_blanks_of_a_known_lead_are_filled_and_nothing_it_says_is_replaced(acme):
    receive(contact("e-1", first_name="Nadia"))

    receive(contact("e-2", first_name="N.", company="Noor Ltd", phone="+919812345678"))

    lead = Lead.objects.get()
    assert (lead.first_name, lead.company, lead.phone) == ("Nadia", "Noor Ltd", "+919812345678")


def test_an_address_by_which_another_lead_is_known_is_not_taken_from_it(acme):
    receive(contact("e-1"), contact("e-2", email="", phone="+919812345678"))

    receive(contact("e-3", phone="+919812345678"))

    assert sorted(Lead.objects.values_list("email", "phone")) == [("", "+919812345678"), ("nadia@visitors.test", "")]


@pytest.mark.acceptance("lead_touches")
def test_an_event_that_is_delivered_again_changes_nothing(acme):
    receive(contact("e-1"))
    before = entries()

    again = operations.receive_lead(contact("e-1", email="omar@visitors.test"), by=BY, at=AT)

    assert (again.outcome, again.lead) == ("unchanged", None)
    assert (Lead.objects.count(), LeadTouch.objects.count(), LeadActivity.objects.count()) == (1, 1, 1)
    assert entries() == before


def test_events_without_an_id_are_each_a_touch(acme):
    assert receive(contact(None, "manual"), contact(None, "manual")) == ["added", "known"]


def test_an_earlier_contact_that_is_told_later_does_not_turn_back_the_last_activity(acme):
    receive(contact("e-1"), contact("e-2", occurred_on=AT - timedelta(days=9)))

    assert Lead.objects.get().last_activity_on == AT


def test_a_lead_that_was_deleted_is_left_alone(acme):
    receive(contact("e-1"))
    Lead.objects.update(deleted_on=AT)

    assert receive(contact("e-2")) == ["added"]
    assert Lead.with_deleted.count() == 2


@pytest.mark.acceptance("SEC-tenant-filter")
def test_an_address_that_another_client_knows_too_touches_the_own_client_only(world):
    with world.at("rival"):
        receive(contact("e-1", company="Rival Ltd"))
    with world.at("drafts"):
        assert receive(contact("e-1", first_name="Nadia")) == ["added"]

    with world.at("rival"):
        lead = Lead.objects.get()
        assert (lead.first_name, lead.company, LeadTouch.objects.count()) == ("", "Rival Ltd", 1)


def test_many_are_received_in_a_handful_of_statements_and_one_entry(acme, django_assert_max_num_queries):
    first = [contact(f"e-{n}", email=f"p{n}@visitors.test", phone=f"+9198123{n:05}") for n in range(40)]
    operations.receive_leads(first, by=BY, at=AT)

    with django_assert_max_num_queries(20):
        received = operations.receive_leads(
            [contact(f"f-{n}", email=f"p{n}@visitors.test", company="Late Ltd") for n in range(20, 60)], by=BY, at=AT
        )

    assert [each.outcome for each in received] == ["known"] * 20 + ["added"] * 20
    assert Lead.objects.filter(company="Late Ltd").count() == 40
    assert entries() == ["lead.imported"] * 2
    assert JournalEntry.objects.filter(code="lead.imported").order_by("-ref_id")[0].row_count == 40


def test_nothing_personal_reaches_the_journal(acme):
    receive(contact("e-1", first_name="Nadia", message="Please call"))

    entry = JournalEntry.objects.get(code="lead.received")
    assert (entry.before, entry.after) == ({}, {"source": "website_form"})


def test_two_doors_at_the_same_moment_make_one_lead(own_database):
    facts, barrier, outcomes = World().tenant("drafts").facts, threading.Barrier(4), []

    def come_in(number: int) -> None:
        with tenant_scope(facts):
            barrier.wait()
            outcomes.append(operations.receive_lead(contact(f"e-{number}"), by=BY, at=AT).outcome)
        connections.close_all()

    threads = [threading.Thread(target=come_in, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["added", "known", "known", "known"]
    with tenant_scope(facts):
        assert (Lead.objects.count(), LeadTouch.objects.count()) == (1, 4)

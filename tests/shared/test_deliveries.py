"""What follows from a journal entry is done at least once, in order, and nobody's failure holds up the others."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.shared import journal, scoping
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.models import JournalDelivery, JournalEntry
from apps.shared.scoping import NoTenantScope, every_tenant
from apps.storage import audit
from apps.strategy.models import Goal
from apps.tenants.doors import tasks
from apps.tenants.doors.tasks import OUTAGE_SECONDS, TAKEN_LEASES, TRY_AGAIN_SECONDS, deliver
from apps.tenants.models import User

BY = Actor.system("tests")
START = timezone.now() + timedelta(hours=1)
HAPPENED = "test.happened"
SECRET = "Zq7wXy2mNp4kLr9"


class StoreAway(OperationRefused):
    """The store is away."""

    http_status = 503


@pytest.fixture(autouse=True)
def clock():
    """Stands still until it is moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def consumers(monkeypatch, acme):
    """consumers["tests.hears"] = fn: a consumer of HAPPENED, in the order of the keys. The audit copy is left out."""
    monkeypatch.setattr(journal.reactions, "always", [])

    class Consumers(dict):
        def __setitem__(self, name, function):
            super().__setitem__(name, function)
            monkeypatch.setitem(tasks.CONSUMERS, name, function)
            monkeypatch.setitem(journal.reactions.after, HAPPENED, list(self))

    return Consumers()


@pytest.fixture
def happen(acme):
    """happen(): something happens to a goal of acme; returns the entry."""
    goals = list(Goal.objects.order_by("ref_id"))

    def once(number: int = 0, at=START) -> JournalEntry:
        return journal.record(HAPPENED, goals[number], by=BY, at=at)

    return once


def waiting() -> list[tuple[str, int, float]]:
    """(consumer, tries, seconds until the next try) of what is still to be delivered."""
    rows = JournalDelivery.objects.filter(journal_entry__code=HAPPENED).order_by("consumer", "ref_id")
    return [(row.consumer, row.attempts, (row.next_on - timezone.now()).total_seconds()) for row in rows]


def test_a_delivery_is_made_with_its_entry_in_the_clients_scope_and_is_gone_then(consumers, happen, acme):
    heard = []
    consumers["tests.hears"] = lambda entry, *, at: heard.append((entry, at, scoping.only_tenant().id))

    entry = happen()
    deliver()

    assert heard == [(entry, START, acme.pk)]
    assert waiting() == []
    deliver()
    assert len(heard) == 1


def test_an_entry_of_the_platform_itself_is_heard_outside_tenancy(consumers, rita):
    scopes = []

    def hear(entry, *, at):
        assert JournalEntry.objects.filter(tenant__isnull=False).exists()  # all clients' rows can be read
        with pytest.raises(NoTenantScope):
            scoping.only_tenant()
        scopes.append(entry.tenant_id)

    consumers["tests.hears"] = hear
    with every_tenant(reason="a test records something about staff"):
        journal.record(HAPPENED, User.objects.get(pk=rita.user.pk), by=BY, at=START)

    deliver()

    assert scopes == [None]


def test_what_happened_first_is_told_first(consumers, happen):
    heard = []
    consumers["tests.hears"] = lambda entry, *, at: heard.append(entry.created_on)
    moments = [START - timedelta(seconds=seconds) for seconds in (1, 30, 10, 20)]
    for number, at in enumerate(moments):
        happen(number % 2, at=at)

    deliver()

    assert heard == sorted(moments)


def test_what_is_not_due_yet_waits(consumers, happen, clock):
    heard = []
    consumers["tests.hears"] = lambda entry, *, at: heard.append(at)
    happen(at=START + timedelta(seconds=5))

    deliver()
    clock.shift(5)
    before = list(heard)
    deliver()

    assert (before, heard) == ([], [START + timedelta(seconds=5)])


def test_a_failed_delivery_is_tried_again_later_and_later_and_never_given_up(consumers, happen, clock):
    def fail(entry, *, at):
        raise ValueError("the other side does not answer")

    consumers["tests.fails"] = fail
    happen()
    waits = []
    for _ in range(8):
        deliver()
        ((_, _, seconds),) = waiting()
        waits.append(seconds)
        clock.shift(seconds - 1)
        deliver()  # too early: nothing happens
        clock.shift(1)

    assert waits == [*TRY_AGAIN_SECONDS, *TRY_AGAIN_SECONDS[-1:] * 3]
    assert [tries for _, tries, _ in waiting()] == [8]
    assert JournalDelivery.objects.get().last_error == "ValueError: the other side does not answer"


def test_a_delivery_that_fails_once_is_made_the_next_time(consumers, happen, clock):
    heard = []

    def fail_once(entry, *, at):
        heard.append(at)
        if len(heard) == 1:
            raise ValueError

    consumers["tests.hears"] = fail_once
    happen()

    deliver()
    clock.shift(TRY_AGAIN_SECONDS[0])
    deliver()

    assert len(heard) == 2
    assert waiting() == []


def test_a_poisonous_delivery_holds_up_nobody_else(consumers, happen):
    heard = []

    def poison(entry, *, at):
        raise ValueError

    consumers["tests.a_poison"] = poison
    consumers["tests.hears"] = lambda entry, *, at: heard.append(entry.ref_id)
    wanted = [happen(number % 2, at=START - timedelta(seconds=10 - number)).ref_id for number in range(6)]

    assert deliver() == 6

    assert heard == wanted
    assert waiting() == [("tests.a_poison", 1, TRY_AGAIN_SECONDS[0])] * 6


def test_a_consumer_nobody_knows_keeps_its_delivery_and_the_others_theirs(consumers, happen, monkeypatch):
    heard = []
    consumers["tests.gone"] = None
    consumers["tests.hears"] = lambda entry, *, at: heard.append(entry.ref_id)
    happen()
    monkeypatch.delitem(tasks.CONSUMERS, "tests.gone")

    deliver()

    assert len(heard) == 1
    assert [(consumer, tries) for consumer, tries, _ in waiting()] == [("tests.gone", 1)]


def test_while_a_store_is_away_its_consumers_deliveries_wait_together_and_others_go_on(consumers, happen):
    asked, heard = [], []

    def away(entry, *, at):
        asked.append(entry.ref_id)
        raise StoreAway

    consumers["tests.away"] = away
    consumers["tests.hears"] = lambda entry, *, at: heard.append(entry.ref_id)
    for number in range(5):
        happen(number % 2)

    deliver()

    assert (len(asked), len(heard)) == (1, 5)  # one time-out, not five
    assert [(consumer, seconds) for consumer, _, seconds in waiting()] == [("tests.away", OUTAGE_SECONDS)] * 5


def test_what_a_killed_worker_had_taken_is_delivered_by_another(consumers, happen, clock, settings):
    heard = []

    def killed_the_first_time(entry, *, at):
        heard.append(at)
        if len(heard) == 1:
            raise KeyboardInterrupt

    consumers["tests.hears"] = killed_the_first_time
    happen()
    with pytest.raises(KeyboardInterrupt):
        deliver()
    deliver()  # it may still be at work
    taken_for = waiting()[0][2]
    clock.shift(TAKEN_LEASES * settings.LEASE_SECONDS)

    deliver()

    assert taken_for == TAKEN_LEASES * settings.LEASE_SECONDS
    assert len(heard) == 2
    assert waiting() == []


def test_the_reason_of_a_failure_is_kept_without_secrets_and_without_what_postgresql_cannot_store(consumers, happen):
    def fail(entry, *, at):
        raise ValueError(f"https://hook.example/?access_token={SECRET}\x00 refused, Authorization: Basic {SECRET}")

    consumers["tests.fails"] = fail
    happen()

    deliver()

    kept = JournalDelivery.objects.get().last_error
    assert kept.startswith("ValueError: https://hook.example/?access_token=[redacted]")
    assert SECRET not in kept and "\x00" not in kept


def test_the_copy_of_an_entry_in_the_audit_log_is_made_once_however_often_it_is_delivered(acme, happen):
    entry = happen()

    for _ in range(3):
        tasks.CONSUMERS["storage.relay_audit"](entry, at=START)

    (copied,) = audit.search({"resourceId": entry.subject_ref, "action": HAPPENED, "refId": entry.ref_id})
    assert (copied.tenantId, copied.actorType, copied.actorId) == (acme.ref_id, "system", "tests")
    assert copied.refId == entry.ref_id

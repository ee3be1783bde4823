"""The journal: an entry shares the fate of the change it tells, and what follows from it is never lost."""

import hashlib
import threading

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.models import JournalDelivery, JournalEntry
from apps.shared.redaction import REDACTED
from apps.shared.scoping import every_tenant
from apps.strategy.models import Goal
from apps.strategy.statuses import GOAL_MOVES
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant

BY = Actor.system("tests")
AT = timezone.now()
HAPPENED, OTHER = "test.happened", "test.followed"


class Broken(Exception):
    """What a reaction of the test runs into."""


@pytest.fixture
def reactions(monkeypatch):
    """The product's own table of reactions, for codes of this test; bells are collected."""
    rung: list[str] = []
    monkeypatch.setattr(journal.reactions, "bell", rung.append)
    monkeypatch.setattr(journal.reactions, "together", dict(journal.reactions.together))
    monkeypatch.setattr(journal.reactions, "after", dict(journal.reactions.after))
    monkeypatch.setattr(journal.reactions, "rings", dict(journal.reactions.rings))
    journal.reactions.rung = rung
    yield journal.reactions
    del journal.reactions.rung


@pytest.fixture
def goal(acme) -> Goal:
    return Goal.objects.order_by("ref_id").first()


def told(code: str) -> list[JournalEntry]:
    return list(JournalEntry.objects.filter(code=code).order_by("ref_id"))


def awaited(code: str) -> list[tuple[str, str]]:
    waiting = JournalDelivery.objects.filter(journal_entry__code=code).order_by("journal_entry", "consumer")
    return [(delivery.journal_entry.subject_ref, delivery.consumer) for delivery in waiting]


def test_an_entry_says_who_what_when_and_to_which_row(goal, alice, acme):
    by = Actor.human(alice.user, request_id="request-1", ip="192.0.2.7")

    entry = journal.record(HAPPENED, goal, by=by, at=AT, before={"metric": "a"}, after={"metric": "b"})

    entry.refresh_from_db()
    assert (entry.tenant_id, entry.subject_type, entry.subject_id, entry.subject_ref) == (
        acme.pk, "goals", goal.pk, goal.ref_id,
    )  # fmt: skip
    assert (entry.created_by, entry.created_on, entry.actor_type, entry.actor_ref) == (
        alice.user, AT, "human", alice.user.ref_id,
    )  # fmt: skip
    assert (entry.request_id, entry.ip, entry.run_ref) == ("request-1", "192.0.2.7", None)
    assert (entry.before, entry.after) == ({"metric": "a"}, {"metric": "b"})


def test_an_entry_about_a_client_belongs_to_that_client(acme):
    assert journal.record(HAPPENED, acme, by=BY, at=AT).tenant_id == acme.pk


def test_secrets_are_taken_out_of_before_and_after(goal):
    values = {
        "access_token": "abcd1234",
        "config": {"headers": {"Authorization": "Bearer abcdefghijklmnop"}, "list": [{"password": "hunter2"}]},
        "note": "the link was https://x.example/?token=abcd1234&a=1",
        "input_tokens": 12,
    }

    entry = journal.record(HAPPENED, goal, by=BY, at=AT, before=values, after=values)

    entry.refresh_from_db()
    assert entry.before == entry.after == {
        "access_token": REDACTED,
        "config": {"headers": {"Authorization": REDACTED}, "list": [{"password": REDACTED}]},
        "note": f"the link was https://x.example/?token={REDACTED}&a=1",
        "input_tokens": 12,
    }  # fmt: skip


def test_an_entry_goes_with_the_transaction_it_tells_of(goal, reactions):
    reactions.after[HAPPENED] = ["tests.hears"]

    with pytest.raises(Broken), transaction.atomic():
        Goal.objects.filter(pk=goal.pk).update(description="changed")
        journal.record(HAPPENED, goal, by=BY, at=AT)
        raise Broken

    assert told(HAPPENED) == [] and awaited(HAPPENED) == []
    assert Goal.objects.get(pk=goal.pk).description == goal.description


def test_what_happens_together_sees_the_change_and_the_entry_and_shares_their_moment(goal, reactions):
    seen = []

    def react(subject, *, by, at):
        seen.append((subject, by, at, [entry.code for entry in told(HAPPENED)], connection.in_atomic_block))
        journal.record(OTHER, subject, by=by, at=at)

    reactions.together[HAPPENED] = [react]

    journal.record(HAPPENED, goal, by=BY, at=AT)

    assert seen == [(goal, BY, AT, [HAPPENED], True)]
    assert [entry.created_on for entry in told(OTHER)] == [AT]


def test_a_reaction_that_fails_undoes_all_of_it(goal, reactions):
    def works(subject, *, by, at):
        Goal.objects.filter(pk=subject.pk).update(description="of the reaction")

    def breaks(subject, *, by, at):
        raise Broken

    reactions.together[HAPPENED] = [works, breaks]
    reactions.after[HAPPENED] = ["tests.hears"]

    with pytest.raises(Broken), transaction.atomic():
        journal.record(HAPPENED, goal, by=BY, at=AT)

    assert told(HAPPENED) == [] and awaited(HAPPENED) == []
    assert Goal.objects.get(pk=goal.pk).description == goal.description


def test_every_consumer_of_a_code_gets_a_delivery_beside_the_entry_due_at_once(goal, reactions):
    reactions.after[HAPPENED] = ["tests.hears", "tests.listens"]

    journal.record(HAPPENED, goal, by=BY, at=AT)

    assert awaited(HAPPENED) == [
        (goal.ref_id, "storage.relay_audit"), (goal.ref_id, "tests.hears"), (goal.ref_id, "tests.listens"),
    ]  # fmt: skip
    assert {(d.next_on, d.attempts) for d in JournalDelivery.objects.filter(journal_entry__code=HAPPENED)} == {(AT, 0)}


def test_the_bell_is_rung_once_for_a_commit_and_never_before_it(goal, reactions, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(5):
            journal.record(HAPPENED, goal, by=BY, at=AT)
        assert reactions.rung == []

    assert reactions.rung == [journal.DELIVERIES]


def test_nobody_is_rung_for_what_was_rolled_back(goal, reactions, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Broken), transaction.atomic():
        journal.record(HAPPENED, goal, by=BY, at=AT)
        raise Broken

    assert reactions.rung == []


def test_a_part_that_was_rolled_back_does_not_take_the_bell_of_the_rest_along(
    goal, reactions, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        with pytest.raises(Broken), transaction.atomic():
            journal.record(HAPPENED, goal, by=BY, at=AT)
            raise Broken
        journal.record(OTHER, goal, by=BY, at=AT)

    assert reactions.rung == [journal.DELIVERIES]


def test_a_move_that_readies_work_rings_the_workers_too(goal, reactions, django_capture_on_commit_callbacks):
    reactions.rings[HAPPENED] = "work"

    with django_capture_on_commit_callbacks(execute=True):
        journal.record(HAPPENED, goal, by=BY, at=AT)
        journal.record(HAPPENED, goal, by=BY, at=AT)

    assert reactions.rung == [journal.DELIVERIES, "work"]


def test_a_bulk_write_has_one_entry_with_its_count_and_the_digest_of_its_rows(acme):
    refs = sorted(Goal.objects.filter(status__in=GOAL_MOVES.moves["pause"].sources).values_list("ref_id", flat=True))

    moved = GOAL_MOVES.perform_many(Goal.objects.all(), "pause", by=BY, at=AT)

    (entry,) = JournalEntry.objects.filter(code=GOAL_MOVES.moves["pause"].journal_code, created_on=AT)
    assert sorted(moved) == refs and len(refs) > 1
    assert (entry.tenant_id, entry.subject_type, entry.subject_id, entry.subject_ref) == (acme.pk, "goals", None, "")
    assert entry.row_count == len(refs)
    assert entry.rows_sha256 == hashlib.sha256("\n".join(refs).encode()).hexdigest()


def test_a_bulk_write_over_two_clients_has_an_entry_for_each(world):
    with every_tenant(reason="a test moves goals of two clients at once"):
        of_two = Goal.objects.filter(tenant__slug__in=["acme-drafts", "rival"])
        GOAL_MOVES.perform_many(of_two, "pause", by=BY, at=AT)
        entries = JournalEntry.objects.filter(code=GOAL_MOVES.moves["pause"].journal_code, created_on=AT)

        refs = {
            slug: sorted(of_two.filter(tenant__slug=slug, status="paused").values_list("ref_id", flat=True))
            for slug in ("acme-drafts", "rival")
        }
        assert {entry.tenant.slug: (entry.row_count, entry.rows_sha256) for entry in entries} == {
            slug: (len(found), hashlib.sha256("\n".join(found).encode()).hexdigest()) for slug, found in refs.items()
        }


def test_a_bulk_write_that_moves_nothing_is_not_told(acme):
    assert GOAL_MOVES.perform_many(Goal.objects.none(), "pause", by=BY, at=AT) == []
    assert told(GOAL_MOVES.moves["pause"].journal_code) == []


class TestCommitted:
    """With real commits, in a database of its own."""

    @pytest.fixture(autouse=True)
    def committed(self, own_database):
        pass

    def test_an_entry_outside_a_transaction_is_refused(self):
        with every_tenant(reason="a test writes to the journal"):
            tenant = Tenant.objects.get(slug="acme-drafts")
            with pytest.raises(RuntimeError, match="belongs into the transaction"):
                journal.record(HAPPENED, tenant, by=BY, at=AT)
            assert told(HAPPENED) == []

    def test_others_see_the_change_its_entry_and_its_deliveries_at_the_same_moment_and_the_bell_after(self, reactions):
        seen = []

        def look() -> tuple[str, int, bool]:
            """Name, entries and whether somebody has to hear of them, from a connection of its own."""
            found = []

            def read():
                with every_tenant(reason="a test looks from outside"):
                    name = Tenant.objects.get(slug="acme-drafts").name
                    found.append((name, len(told("tenant.edited")), bool(awaited("tenant.edited"))))
                connections.close_all()

            other = threading.Thread(target=read)
            other.start()
            other.join()
            return found[0]

        before = look()
        reactions.bell = lambda name: seen.append(look())
        reactions.together["tenant.edited"] = [lambda subject, *, by, at: seen.append(look())]
        with every_tenant(reason="a test edits a client"):
            tenant = Tenant.objects.get(slug="acme-drafts")
            kept = {f.name: getattr(tenant, f.name) for f in tenants.ClientFacts.__dataclass_fields__.values()}
            tenants.edit_tenant(
                tenant, tenants.ClientFacts(**{**kept, "name": "Renamed"}), by=BY, at=AT, seen_on=tenant.updated_on
            )

        assert seen == [before, ("Renamed", before[1] + 1, True)]

    def test_a_bell_that_fails_takes_nothing_back(self, reactions, caplog):
        def broken(name):
            raise Broken

        reactions.bell = broken
        with every_tenant(reason="a test writes to the journal"):
            with transaction.atomic():
                journal.record(HAPPENED, Tenant.objects.get(slug="acme-drafts"), by=BY, at=AT)

            assert [consumer for _, consumer in awaited(HAPPENED)] == ["storage.relay_audit"]

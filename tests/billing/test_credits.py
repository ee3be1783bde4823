"""Credits: the ledger and the balance are equal at every moment, and nothing goes below zero."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from apps.activities import integrity
from apps.billing import operations as billing
from apps.billing.models import CreditBalance, CreditLedgerEntry, CreditTopupOrder
from apps.billing.statuses import TOPUP_MOVES
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput
from apps.shared.models import JournalEntry
from apps.tenants.models import Tenant
from tests.activities.work import together
from tests.conftest import World

SYSTEM = Actor.system("tests")
WORK, OTHER_WORK = "01M7Z00000000000000000000A", "01M7Z00000000000000000000B"
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)


def allocate(credits=50, *, key="allocate", at=NOVEMBER):
    return billing.allocate_credits(credits, idempotency_key=key, by=SYSTEM, at=at)


def reserve(credits=5, *, work=WORK, key=None, at=NOVEMBER):
    key = key or f"reserve:{work}"
    return billing.reserve_credits(credits, activity_ref=work, idempotency_key=key, by=SYSTEM, at=at)


def consume(credits=5, *, work=WORK, key=None, at=NOVEMBER):
    key = key or f"consume:{work}"
    return billing.consume_credits(credits, activity_ref=work, idempotency_key=key, by=SYSTEM, at=at)


def release(*, work=WORK, key=None, at=NOVEMBER):
    return billing.release_credits(activity_ref=work, idempotency_key=key or f"release:{work}", by=SYSTEM, at=at)


def adjust(amount, *, key="adjust", reason="Agreed by telephone", at=NOVEMBER):
    return billing.adjust_credits(amount, reason=reason, idempotency_key=key, by=SYSTEM, at=at)


def paid_order(credits=20, *, at=NOVEMBER) -> CreditTopupOrder:
    order = CreditTopupOrder.objects.create(
        credits=credits, amount_inr=100_000, gst_inr=18_000, expires_on=at + timedelta(hours=1), created_on=at
    )
    return TOPUP_MOVES.perform(order, "pay", by=SYSTEM, at=at, paid_on=at)


def figures(balance: CreditBalance | None = None) -> tuple[int, int, int, int]:
    """(monthly, bought, set aside, used)"""
    b = balance or CreditBalance.objects.get()
    return (b.credits_monthly, b.credits_topup, b.credits_reserved, b.credits_consumed)


def ledger() -> list[tuple[str, int, int]]:
    """(type, amount, available after it), in the order of writing"""
    return list(CreditLedgerEntry.objects.order_by("ref_id").values_list("entry_type", "amount", "balance_after"))


def drift() -> list[str]:
    tenant = Tenant.objects.get(pk=CreditBalance.objects.values("tenant_id")[:1])
    return [str(f) for f in integrity.of_tenant(tenant.facts, at=NOVEMBER) if f.code == "credit_drift"]


@pytest.fixture
def committed_client(own_database):
    with World().at("created") as tenant:
        yield tenant


@pytest.mark.acceptance("TEST-ledger")
@pytest.mark.acceptance("credit_ledger")
def test_after_any_events_the_balance_is_the_sum_of_the_ledger(acme):
    allocate(50)
    billing.top_up_credits(paid_order(20), by=SYSTEM, at=NOVEMBER)
    reserve(5)
    reserve(8, work=OTHER_WORK)
    consume(3)
    release(work=OTHER_WORK)
    adjust(-7)

    assert ledger() == [
        ("allocated", 50, 50),
        ("topped_up", 20, 70),
        ("reserved", -5, 65),
        ("reserved", -8, 57),
        ("consumed", 2, 59),
        ("released", 8, 67),
        ("adjusted", -7, 60),
    ]
    assert figures() == (43, 20, 0, 3)
    assert CreditBalance.objects.get().available == sum(amount for _, amount, _ in ledger()) == 60
    assert drift() == []


def test_every_entry_stands_in_the_journal_with_what_was_available(acme):
    allocate(50)
    reserve(5)

    told = JournalEntry.objects.filter(code__startswith="credits.").order_by("ref_id")
    assert [(entry.code, entry.before["available"], entry.after["available"]) for entry in told] == [
        ("credits.allocated", 0, 50),
        ("credits.reserved", 50, 45),
    ]


@pytest.mark.acceptance("credit_balances")
def test_sixteen_at_once_never_take_more_than_there_is(committed_client):
    allocate(50)

    def job(number: int):
        work = f"01M7Z00000000000000000{number:02}WRK"[:26].ljust(26, "0")
        reserve(7, work=work)
        return "reserved"

    answers = together(*[lambda number=number: job(number) for number in range(16)])

    assert answers.count("reserved") == 7
    assert [type(a) for a in answers if a != "reserved"] == [billing.NotEnoughCredits] * 9
    assert figures() == (50, 0, 49, 0)
    assert CreditLedgerEntry.objects.aggregate(all=Sum("amount"))["all"] == 1
    assert drift() == []


def test_reserving_using_and_giving_back_at_once_keeps_every_figure(committed_client):
    allocate(60)

    def jobs(number: int):
        refused = 0
        for turn in range(4):
            work = f"01M7Z0000000000000{number:02}0{turn}".ljust(26, "0")
            try:
                reserve(6, work=work)
            except billing.NotEnoughCredits:
                refused += 1
                continue
            if (number + turn) % 4:
                release(work=work)
            else:
                consume(2, work=work)
        return refused

    answers = together(*[lambda number=number: jobs(number) for number in range(16)])

    assert all(isinstance(answer, int) for answer in answers), answers
    after = list(CreditLedgerEntry.objects.values_list("balance_after", flat=True))
    used = CreditLedgerEntry.objects.filter(entry_type="consumed").count()
    assert len(after) == 1 + 2 * (64 - sum(answers))
    assert min(after) >= 0
    assert figures() == (60, 0, 0, 2 * used)
    assert CreditLedgerEntry.objects.aggregate(all=Sum("amount"))["all"] == 60 - 2 * used
    assert drift() == []


def test_the_same_key_at_once_changes_the_balance_once(committed_client):
    allocate(5)

    answers = together(*[reserve] * 16)

    assert {answer.pk for answer in answers} == {CreditLedgerEntry.objects.get(entry_type="reserved").pk}
    assert figures() == (5, 0, 5, 0)


@pytest.mark.parametrize("again", [allocate, reserve, consume, release])
def test_the_same_key_again_changes_nothing_and_gives_the_first_entry(acme, again):
    first = {function: function() for function in (allocate, reserve)}
    if again in (consume, release):
        first[again] = again()
    before = (figures(), ledger())

    entry = again(at=NOVEMBER + timedelta(days=30))

    assert entry.pk == first[again].pk
    assert (figures(), ledger()) == before


def test_a_key_that_stands_for_something_else_is_refused(acme):
    allocate(50, key="mine")
    before = (figures(), ledger())

    for another in (
        lambda: allocate(51, key="mine"),
        lambda: reserve(50, key="mine"),
        lambda: adjust(50, key="mine"),
    ):
        with pytest.raises(billing.KeyTaken):
            another()

    assert (figures(), ledger()) == before


def test_a_key_of_another_client_is_refused(world):
    with world.at("drafts"):
        allocate(50)
    with world.at("rival"):
        with pytest.raises(billing.KeyTaken):
            allocate(50)

        assert CreditBalance.objects.count() == 0


def test_more_than_is_available_is_refused_with_a_sentence(acme):
    allocate(4)
    before = (figures(), ledger())

    for too_much in (lambda: reserve(5), lambda: adjust(-5)):
        with pytest.raises(billing.NotEnoughCredits) as refused:
            too_much()
        assert refused.value.detail.startswith("There are not enough credits left.")

    assert (figures(), ledger()) == before
    assert reserve(4).balance_after == 0


def test_a_client_that_was_never_given_credits_has_none(acme):
    with pytest.raises(billing.NotEnoughCredits):
        reserve(1)

    assert (CreditBalance.objects.count(), ledger()) == (0, [])


def test_work_cannot_use_more_than_was_set_aside_for_it(acme):
    allocate(50)
    reserve(5)
    before = (figures(), ledger())

    with pytest.raises(billing.NotEnoughCredits) as refused:
        consume(6)

    assert refused.value.detail == "The work took 6 credits, and 5 are set aside for it."
    assert (figures(), ledger()) == before


def test_work_is_closed_once_and_may_begin_again(acme):
    allocate(50)
    with pytest.raises(billing.NothingReserved):
        release()
    reserve(5)
    with pytest.raises(billing.AlreadyReserved):
        reserve(5, key="a second time")
    release()
    for closing in (consume, lambda: release(key="again")):
        with pytest.raises(billing.NothingReserved):
            closing()

    reserve(9, key="the next attempt")
    consume(9)

    assert figures() == (50, 0, 0, 9)
    assert drift() == []


@pytest.mark.acceptance("credit_topup_orders")
def test_a_paid_order_gives_its_credits_once(acme):
    order = paid_order(20)

    first, second = (billing.top_up_credits(order, by=SYSTEM, at=NOVEMBER) for _ in range(2))

    assert first.pk == second.pk
    assert (figures(), ledger()) == ((0, 20, 0, 0), [("topped_up", 20, 20)])


def test_an_order_that_is_not_paid_gives_nothing(acme):
    order = CreditTopupOrder.objects.create(
        credits=20, amount_inr=1, gst_inr=0, expires_on=NOVEMBER, created_on=NOVEMBER
    )

    with pytest.raises(billing.OrderNotPaid):
        billing.top_up_credits(order, by=SYSTEM, at=NOVEMBER)

    assert (CreditBalance.objects.count(), ledger()) == (0, [])


def test_a_correction_takes_from_the_plans_credits_first(acme):
    allocate(10)
    billing.top_up_credits(paid_order(20), by=SYSTEM, at=NOVEMBER)

    adjust(-15)
    adjust(5, key="back")

    assert figures() == (5, 15, 0, 0)
    assert drift() == []


@pytest.mark.parametrize("credits", [0, -1, 1_000_001])
def test_a_number_that_is_none_is_refused(acme, credits):
    for change in (allocate, reserve, consume):
        with pytest.raises(InvalidInput):
            change(credits)

    assert (CreditBalance.objects.count(), ledger()) == (0, [])


def test_a_correction_says_why(acme):
    with pytest.raises(InvalidInput):
        adjust(5, reason=" ")

    assert ledger() == []


def test_a_month_ends_at_its_reset_in_the_clients_time_zone_and_nothing_is_carried_over(acme):
    last_moment = datetime(2026, 11, 30, 18, 29, 59, tzinfo=UTC)  # a second before December in Kolkata
    allocate(50)
    reserve(5, at=last_moment)

    december = allocate(30, key="december", at=last_moment + timedelta(seconds=1))

    assert december.balance_after == 30
    periods = CreditBalance.objects.order_by("period_start").values_list("period_start", "period_end", "next_reset_on")
    assert [(str(start), str(end), reset) for start, end, reset in periods] == [
        ("2026-11-01", "2026-11-30", last_moment + timedelta(seconds=1)),
        ("2026-12-01", "2026-12-31", datetime(2026, 12, 31, 18, 30, tzinfo=UTC)),
    ]
    assert drift() == []


def test_work_is_closed_in_the_month_in_which_it_began(acme):
    december = NOVEMBER + timedelta(days=30)
    allocate(50)
    reserve(5)
    reserve(8, work=OTHER_WORK)
    allocate(30, key="december", at=december)

    consume(4, at=december)
    release(work=OTHER_WORK, at=december)

    assert [figures(b) for b in CreditBalance.objects.order_by("period_start")] == [(50, 0, 0, 4), (30, 0, 0, 0)]
    assert drift() == []


def test_a_client_that_moves_west_at_the_end_of_a_month_begins_the_next_early(acme):
    allocate(50)
    Tenant.objects.filter(pk=acme.pk).update(timezone="America/Los_Angeles")
    with World().at("drafts"):
        allocate(30, key="december", at=datetime(2026, 11, 30, 20, tzinfo=UTC))  # still November in Los Angeles

        starts = CreditBalance.objects.order_by("period_start").values_list("period_start", flat=True)
        assert [str(day) for day in starts] == ["2026-11-01", "2026-12-01"]
        assert drift() == []


PLANTED = {
    "a balance that grew by itself": "UPDATE credit_balances SET credits_monthly = credits_monthly + 1",
    "credits set aside for nothing": "UPDATE credit_balances SET credits_reserved = credits_reserved + 1",
    "used for set aside": "UPDATE credit_balances SET credits_reserved = credits_reserved - 1, credits_consumed = credits_consumed + 1",
    "an entry too many": "INSERT INTO credit_ledger (id, tenant_id, created_on, entry_type, amount, balance_after, reason, idempotency_key) "
    "SELECT ulid_uuid(), tenant_id, created_on, 'allocated', 1, 1, '', 'planted' FROM credit_ledger LIMIT 1",
    "a month of its own": "INSERT INTO credit_balances (id, tenant_id, created_on, period_start, period_end, credits_monthly, "
    "credits_topup, credits_reserved, credits_consumed, next_reset_on) SELECT ulid_uuid(), tenant_id, now(), '2026-12-01', "
    "'2026-12-31', 1, 0, 0, 0, '2027-01-01' FROM credit_balances LIMIT 1",
    "an entry without a month": "INSERT INTO credit_ledger (id, tenant_id, created_on, entry_type, amount, balance_after, reason, "
    "idempotency_key) SELECT ulid_uuid(), tenant_id, '2030-01-01', 'allocated', 1, 1, '', 'planted' FROM credit_ledger LIMIT 1",
}  # fmt: skip


@pytest.mark.acceptance("credit_ledger")
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_balance_that_is_not_its_ledger_is_named(acme, planted):
    allocate(50)
    reserve(5)
    consume(5)
    reserve(8, work=OTHER_WORK)
    assert drift() == []

    with connection.cursor() as cursor:
        cursor.execute(planted)
        assert cursor.rowcount == 1

    assert len(drift()) == 1
    assert drift()[0].startswith("credit_drift: credit_balances")


def test_the_sum_of_what_a_finding_says_helps_to_find_it(acme):
    allocate(50)
    CreditBalance.objects.update(credits_topup=2, updated_on=timezone.now())

    assert drift() == [
        f"credit_drift: credit_balances {CreditBalance.objects.get().ref_id}: "
        "given 52, set aside 0, used 0; the ledger gives 50, 0 and 0"
    ]

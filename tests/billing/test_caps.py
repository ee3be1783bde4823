"""Money set aside before a call and settled after it: caps hold at every instant, and every sum is exact."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from apps.activities.engine import sweep
from apps.activities.models import ActivityRun
from apps.billing import operations as billing
from apps.billing.models import SpendCounter, SpendReservation
from apps.billing.operations import spend
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.transitions import MoveRefused
from apps.tenants.models import Tenant
from tests.activities.work import together
from tests.conftest import World

THREADS = 32
CALL = Decimal("0.25")
SYSTEM = Actor.system("tests")
ACTIVITY, RUN = "01M7Z00000000000000000000A", "01M7Z00000000000000000000B"


def reserve(
    amount=CALL,
    *,
    activity=ACTIVITY,
    run=RUN,
    role="copywriter",
    activity_cap=Decimal(1_000),
    role_cap=None,
    lasts=timedelta(minutes=5),
    at=None,
):
    at = at or timezone.now()
    return billing.reserve(
        amount_usd=amount,
        activity_ref=activity,
        run_ref=run,
        agent_role=role,
        model_id="claude-sonnet-4-6",
        activity_cap_usd=activity_cap,
        role_cap_usd=role_cap,
        ends_by=at + lasts,
        at=at,
    )


def close(reservation, how: str, cost=Decimal("0.1")):
    if how == "settle":
        return billing.settle(reservation, cost_usd=cost, by=SYSTEM, at=timezone.now())
    return getattr(billing, how)(reservation, by=SYSTEM, at=timezone.now())


def counters() -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """(settled, reserved) by scope and key"""
    return {
        (c.scope, c.scope_key): (c.settled_usd, c.reserved_usd) for c in SpendCounter.objects.filter(settled_usd__gte=0)
    }


def spent_this_month() -> Decimal:
    return Tenant.objects.get(slug="acme-created").current_month_spend_usd


def set_cap(usd: Decimal | None) -> None:
    Tenant.objects.filter(slug="acme-created").update(monthly_spend_cap_usd=usd)


@pytest.fixture
def client(world):
    """In the scope of a client no model was ever asked for."""
    with world.at("created") as tenant:
        yield tenant


@pytest.fixture
def committed_client(own_database):
    with World().at("created") as tenant:
        yield tenant


def admitted(answers: list) -> int:
    refused = [answer for answer in answers if isinstance(answer, billing.CapReached)]
    made = [answer for answer in answers if isinstance(answer, SpendReservation)]
    assert len(refused) + len(made) == len(answers), answers
    return len(made)


@pytest.mark.acceptance("spend_counters")
@pytest.mark.parametrize("scope", ["tenant", "role", "activity"])
def test_a_cap_for_ten_calls_admits_exactly_ten_of_32_at_once(committed_client, scope):
    caps = {"role_cap": CALL * 10} if scope == "role" else {"activity_cap": CALL * 10} if scope == "activity" else {}
    if scope == "tenant":
        set_cap(CALL * 10)
    for number in range(3):
        activity = f"01M7Z0000000000000000000{number}A"
        if scope != "activity" and number:
            for reservation in SpendReservation.objects.filter(status="open"):
                close(reservation, "release")

        answers = together(*[lambda: reserve(activity=activity, **caps)] * THREADS)  # noqa: B023

        assert admitted(answers) == 10
        key = {"tenant": "", "role": "copywriter", "activity": activity}[scope]
        assert counters()[(scope, key)] == (0, CALL * 10)


def test_reserving_and_closing_at_once_never_block_each_other_for_good(committed_client):
    """Each thread makes calls one after the other; the sums are those of the reservations."""
    set_cap(Decimal(500))
    ways = ("settle", "release", "keep_at_estimate")

    def calls(number: int):
        for turn in range(6):
            close(reserve(role=f"role_{number % 3}"), ways[(number + turn) % 3])
        return "done"

    answers = together(*[lambda number=number: calls(number) for number in range(16)])

    assert answers == ["done"] * 16
    settled = SpendReservation.objects.aggregate(all=Sum("settled_usd"))["all"]
    assert SpendReservation.objects.count() == 96
    assert counters()[("tenant", "")] == (settled, 0)
    assert sum(settled for (scope, _), (settled, _) in counters().items() if scope == "role") == settled
    assert counters()[("activity", ACTIVITY)] == (settled, 0)
    assert spent_this_month() == settled


@pytest.mark.parametrize(
    ("how", "settled", "status"),
    [("settle", Decimal("0.1"), "settled"), ("release", Decimal(0), "released"), ("keep_at_estimate", CALL, "expired")],
)
def test_a_closed_reservation_leaves_its_cost_and_nothing_set_aside(client, how, settled, status):
    reservation = close(reserve(), how)

    assert (reservation.status, reservation.settled_usd) == (status, settled)
    assert counters() == {
        ("tenant", ""): (settled, 0),
        ("role", "copywriter"): (settled, 0),
        ("activity", ACTIVITY): (settled, 0),
    }
    assert spent_this_month() == settled


def test_a_call_that_cost_more_than_was_set_aside_counts_whole(client):
    set_cap(Decimal(1))
    close(reserve(), "settle", cost=Decimal("0.999999"))

    assert counters()[("tenant", "")] == (Decimal("0.999999"), 0)
    with pytest.raises(billing.CapReached):
        reserve(Decimal("0.000002"))
    assert reserve(Decimal("0.000001")).status == "open"


def test_a_bill_that_comes_after_all_takes_the_place_of_the_estimate(client):
    """A worker that was frozen hears its answer when its money was kept at the estimate already."""
    reservation = close(reserve(), "keep_at_estimate")
    assert spent_this_month() == CALL

    reservation = close(reservation, "settle", cost=Decimal("0.03"))

    assert (reservation.status, reservation.settled_usd) == ("settled", Decimal("0.03"))
    assert counters()[("tenant", "")] == (Decimal("0.03"), 0)
    assert spent_this_month() == Decimal("0.03")


def test_what_is_kept_at_its_estimate_already_is_kept_once(client):
    reservation = close(reserve(), "keep_at_estimate")
    before, entries = counters(), JournalEntry.objects.count()

    again = close(reservation, "keep_at_estimate")

    assert (again.status, again.settled_usd, again.settled_on) == ("expired", CALL, reservation.settled_on)
    assert (counters(), JournalEntry.objects.count()) == (before, entries)


@pytest.mark.acceptance("SM-spend_reservations")
@pytest.mark.parametrize("how", ["settle", "release", "keep_at_estimate"])
def test_a_reservation_is_closed_once(client, how):
    reservation = close(reserve(), "settle")
    before, entries = counters(), JournalEntry.objects.count()

    with pytest.raises(MoveRefused):
        close(reservation, how)

    assert (counters(), JournalEntry.objects.count()) == (before, entries)


def test_two_who_close_the_same_reservation_count_it_once(committed_client):
    reservation = reserve()

    answers = together(lambda: close(reservation, "settle"), lambda: close(reservation, "keep_at_estimate"))

    cost = SpendReservation.objects.get().settled_usd
    assert sum(isinstance(answer, MoveRefused) for answer in answers) <= 1
    assert counters()[("tenant", "")] == (cost, 0)
    assert spent_this_month() == cost


def test_a_refused_call_changes_nothing(client):
    set_cap(CALL)
    reserve()
    before = counters()

    for cap in ({}, {"role_cap": CALL}, {"activity_cap": CALL}):
        set_cap(CALL if not cap else Decimal(100))
        with pytest.raises(billing.CapReached):
            reserve(**cap)
        assert counters() == before
    assert SpendReservation.objects.count() == 1


@pytest.mark.parametrize("cap", [Decimal(0), Decimal("0.49")])
def test_a_lowered_cap_holds_from_the_next_call_on(client, cap):
    set_cap(Decimal(100))
    close(reserve(), "settle", cost=CALL)
    set_cap(cap)

    with pytest.raises(billing.CapReached):
        reserve()
    set_cap(CALL * 2)
    assert reserve().status == "open"


def test_an_older_cap_that_somebody_writes_back_lets_no_call_through(client, monkeypatch):
    read = spend._counter

    def overwritten(*args, **kwargs):
        counter = read(*args, **kwargs)
        SpendCounter.objects.filter(pk=counter.pk).update(cap_usd=1_000)
        return counter

    monkeypatch.setattr(spend, "_counter", overwritten)

    with pytest.raises(billing.CapReached) as refused:
        reserve(role_cap=CALL - Decimal("0.01"))
    assert (refused.value.scope, refused.value.cap_usd) == ("role", CALL - Decimal("0.01"))
    assert not SpendReservation.objects.exists()
    assert reserve(role_cap=CALL).status == "open"


def test_without_a_cap_of_its_own_the_platforms_holds(client, settings):
    settings.DEFAULT_MONTHLY_CAP_USD = "0.25"
    set_cap(None)

    assert reserve().status == "open"
    with pytest.raises(billing.CapReached):
        reserve()


@pytest.mark.parametrize(
    ("zone", "instant", "month"),
    [
        ("Asia/Kolkata", "2026-10-31T18:29:59", "2026-10-01"),
        ("Asia/Kolkata", "2026-10-31T18:30:00", "2026-11-01"),
        ("Pacific/Kiritimati", "2026-12-31T10:00:00", "2027-01-01"),
        ("Etc/GMT+12", "2026-03-01T11:59:59", "2026-02-01"),
        ("Europe/Berlin", "2026-03-28T23:30:00", "2026-03-01"),
        ("America/New_York", "2024-03-01T04:59:59", "2024-02-01"),
    ],
)
def test_a_call_belongs_to_the_month_in_which_it_starts_where_the_client_is(zone, instant, month):
    at = datetime.fromisoformat(instant).replace(tzinfo=UTC)

    assert billing.month_of(at, zone).isoformat() == month


def test_each_month_has_a_cap_of_its_own_and_late_bills_go_where_they_belong(client):
    set_cap(CALL)
    last_month = reserve(at=datetime(2026, 3, 15, tzinfo=UTC))
    now = reserve(activity="01M7Z00000000000000000000C")

    close(last_month, "settle", cost=Decimal("0.2"))
    close(now, "settle", cost=Decimal("0.05"))

    months = SpendCounter.objects.filter(scope="tenant").order_by("month").values_list("settled_usd", flat=True)
    assert list(months) == [Decimal("0.2"), Decimal("0.05")]
    assert spent_this_month() == Decimal("0.05")


def test_the_sweep_keeps_the_money_of_calls_nobody_hears_of_any_more(client):
    young = reserve(lasts=timedelta(minutes=-9))  # its call was given up nine minutes ago
    old = reserve(run="01M7Z00000000000000000000D", lasts=timedelta(minutes=-11))

    assert [sweep.sweep(), sweep.sweep()] == [1, 0]

    young.refresh_from_db(), old.refresh_from_db()
    assert (young.status, old.status) == ("open", "expired")
    assert counters()[("tenant", "")] == (CALL, CALL)


def test_the_sweep_keeps_the_money_of_a_run_that_is_over_at_once(world):
    with world.at("drafts"):
        run = ActivityRun.objects.filter(status="completed").first()
        lost = reserve(run=run.ref_id)

        assert sweep.sweep() == 1

        lost.refresh_from_db()
        assert (lost.status, lost.settled_usd) == ("expired", CALL)

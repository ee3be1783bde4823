"""Planning a period, counting in it, and closing it: once, at the client's own midnight, by what is true."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.activities import operations, tasks
from apps.activities.integrity import COUNT_DRIFT
from apps.activities.models import Activity, ActivityDependency, ActivityTemplate
from apps.activities.operations import pipelines, planning
from apps.activities.operations.planning import period_around, plan_tenant, plan_tenants, tend_periods
from apps.activities.statuses import ACTIVITY_MOVES
from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant, only_tenant, tenant_scope
from apps.strategy.models import Deliverable, DeliverablePeriod
from apps.strategy.queries import active_strategy, goals_of
from apps.strategy.statuses import PERIOD_MOVES
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant
from tests.activities.work import due_at, fresh, steps_of, together
from tests.conftest import World

BY = Actor.system("tests")
SOME_DAY = datetime(2031, 5, 20, 9, tzinfo=UTC)


def moved_into(zone: str) -> Tenant:
    """The client in scope lives in this time zone from now on."""
    Tenant.objects.filter(pk=only_tenant().id).update(timezone=zone)
    return Tenant.objects.get(pk=only_tenant().id)


def midnight_after(period, zone: str) -> datetime:
    day = period.period_end + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def codes(prefix="period.") -> list[str]:
    entries = JournalEntry.objects.filter(tenant_id=only_tenant().id, code__startswith=prefix)
    return list(entries.order_by("ref_id").values_list("code", flat=True))


def promise(quantity: int, **more) -> Deliverable:
    """A deliverable of the client in scope that no period was opened for."""
    strategy = active_strategy()
    goal = goals_of(strategy)[0]
    values = {"type": "blog_posts", "name": "More posts", "period": "monthly", **more}
    return Deliverable.objects.create(
        strategy=strategy, goal=goal, quantity_per_period=quantity, created_on=timezone.now(), **values
    )


def units_of(deliverable: Deliverable) -> int:
    return Activity.objects.filter(deliverable=deliverable, parent_activity=None).count()


@pytest.fixture
def drafts_period(world):
    """Two articles of this period wait for the reviewer; in the client's scope."""
    with world.at("drafts"):
        yield DeliverablePeriod.objects.get()


@pytest.fixture
def live(world):
    with world.at("live") as tenant:
        yield tenant


# Closing


@pytest.mark.acceptance("SM-deliverable_periods")
@pytest.mark.parametrize(
    "zone",
    # The first and the last places on earth, an offset of 45 minutes, and clocks that change at midnight.
    ["Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Asia/Beirut", "America/Santiago"],
)
def test_a_period_is_missed_at_the_clients_own_midnight_and_once(drafts_period, zone):
    facts, midnight = moved_into(zone).facts, midnight_after(drafts_period, zone)
    with tenant_scope(facts):
        tend_periods(facts, by=BY, at=midnight - timedelta(seconds=1))
        before = fresh(drafts_period).status
        closed = tend_periods(facts, by=BY, at=midnight)
        told = codes()
        again = tend_periods(facts, by=BY, at=midnight + timedelta(days=40))

        assert before in ("in_progress", "at_risk")
        assert (closed, again) == (1, 0)
        assert (fresh(drafts_period).status, fresh(drafts_period).completed_count) == ("missed", 0)
        assert told[-1] == "period.missed"
        assert codes() == told


@pytest.mark.acceptance("SM-deliverable_periods")
def test_a_promise_of_nothing_is_kept_when_its_period_is_over(live):
    nothing = promise(0)
    plan_tenant(live.facts, by=BY, at=timezone.now())
    period = DeliverablePeriod.objects.get(deliverable=nothing)
    assert period.status == "not_started"

    tend_periods(live.facts, by=BY, at=midnight_after(period, live.timezone))

    assert fresh(period).status == "completed"


def test_however_many_periods_are_over_they_are_closed_by_as_many_statements(live):
    def statements(count: int) -> int:
        for number in range(count):
            DeliverablePeriod.objects.create(
                deliverable=promise(number % 3, name=f"Posts {count} {number}"), period_start=date(2026, 1, 1),
                period_end=date(2026, 1, 31), target_count=number % 3, created_on=timezone.now(),
            )  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            assert tend_periods(live.facts, by=BY, at=SOME_DAY) == count  # what was of nothing starts first
        return len(captured)

    with transaction.atomic():
        few = statements(3)

    assert statements(30) == few


@pytest.mark.acceptance("FLOW-period")
def test_what_is_finished_after_the_last_day_is_kept_and_counts_for_no_more(db, sandbox):
    with due_at("client") as tenant:
        publish = steps_of("publisher")[0]
        period = publish.deliverable_period
        late = midnight_after(period, tenant.timezone)
        with transaction.atomic():  # the hourly round was not by yet
            publish = ACTIVITY_MOVES.perform(publish, "start", by=BY, at=late)
            pipelines.close_step(publish, by=BY, at=late)

        assert (fresh(period).status, fresh(period).completed_count) == ("missed", 0)
        assert fresh(publish).status == "completed"
        as_closed = DeliverablePeriod.objects.filter(pk=period.pk).values().get()
        tend_periods(tenant.facts, by=BY, at=late + timedelta(hours=1))
        operations.recount(period, by=BY, at=late + timedelta(hours=1))
        assert DeliverablePeriod.objects.filter(pk=period.pk).values().get() == as_closed


@pytest.mark.acceptance("FLOW-period")
def test_a_period_that_was_kept_early_stays_as_it_is_when_its_last_day_is_over(live):
    period = DeliverablePeriod.objects.get()
    before = DeliverablePeriod.objects.filter(pk=period.pk).values().get()

    assert before["status"] == "completed"
    assert tend_periods(live.facts, by=BY, at=midnight_after(period, live.timezone)) == 0
    assert DeliverablePeriod.objects.filter(pk=period.pk).values().get() == before


def test_a_suspended_clients_periods_wait_and_are_closed_by_the_first_round_after_it_is_resumed(drafts_period):
    tenant = Tenant.objects.get(pk=only_tenant().id)
    DeliverablePeriod.objects.update(period_start=date(2026, 1, 1), period_end=date(2026, 1, 31))
    tenants.move_tenant(tenant, "suspend", by=BY, at=timezone.now())
    told = codes()

    tasks.plan_periods()
    tasks.tend_periods()
    assert (fresh(drafts_period).status, codes()) == ("in_progress", told)

    tenants.move_tenant(tenant, "resume", by=BY, at=timezone.now())
    tasks.plan_periods()
    tasks.tend_periods()
    assert fresh(drafts_period).status == "missed"
    assert DeliverablePeriod.objects.exclude(pk=drafts_period.pk).get().status == "in_progress"  # this month goes on


def test_a_client_that_moves_back_into_its_last_month_finds_it_closed_and_gets_no_more_units(drafts_period):
    tenant = Tenant.objects.get(pk=only_tenant().id)
    midnight = midnight_after(drafts_period, tenant.timezone)
    tend_periods(tenant.facts, by=BY, at=midnight)
    assert plan_tenant(tenant.facts, by=BY, at=midnight) == 2
    Deliverable.objects.update(quantity_per_period=5)
    DeliverablePeriod.objects.filter(pk=drafts_period.pk).update(target_count=5)

    facts = moved_into("Pacific/Pago_Pago").facts  # where it is still yesterday
    with tenant_scope(facts):
        assert plan_tenant(facts, by=BY, at=midnight) == 0
        tend_periods(facts, by=BY, at=midnight)

        assert [period.status for period in DeliverablePeriod.objects.order_by("period_start")] == [
            "missed", "in_progress",
        ]  # fmt: skip


def test_a_client_that_moves_ahead_into_the_next_month_gets_it_at_once(drafts_period):
    tenant = moved_into("Pacific/Pago_Pago")
    before_midnight = midnight_after(drafts_period, "Pacific/Pago_Pago") - timedelta(hours=2)
    with tenant_scope(tenant.facts):
        assert plan_tenant(tenant.facts, by=BY, at=before_midnight) == 0

    facts = moved_into("Pacific/Kiritimati").facts
    with tenant_scope(facts):
        assert plan_tenant(facts, by=BY, at=before_midnight) == 2
        tend_periods(facts, by=BY, at=before_midnight)

        assert fresh(drafts_period).status == "missed"


def test_a_client_that_cannot_be_planned_does_not_keep_the_others_waiting(world):
    first, *_ = Tenant.objects.filter(status__in=["trialing", "active"]).order_by("id")
    Tenant.objects.filter(pk=first.pk).update(timezone="Nowhere/At_all")
    with world.at("drafts"):
        Deliverable.objects.update(quantity_per_period=3)
        DeliverablePeriod.objects.update(target_count=3)

    assert tasks.plan_periods() == 1


# Months and quarters


@pytest.mark.acceptance("CRON-period-planning")
def test_a_period_holds_the_clients_day_at_2000_instants_all_over_the_world():
    zones = ["Etc/GMT+12", "Pacific/Kiritimati", "Asia/Kolkata", "America/Sao_Paulo", "Europe/Dublin", "Asia/Kathmandu"]
    dice = random.Random(20260401)
    for _ in range(2000):
        instant = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(9 * 366 * 86_400))
        today = instant.astimezone(ZoneInfo(dice.choice(zones))).date()
        for length, months in (("monthly", 1), ("quarterly", 3)):
            start, end = period_around(today, length)
            after = end + timedelta(days=1)

            assert start <= today <= end
            assert (start.day, after.day) == (1, 1)
            assert (after.year - start.year) * 12 + after.month - start.month == months
            assert (start.month - 1) % months == 0


@pytest.mark.acceptance("CRON-period-planning", "FLOW-planner")
@pytest.mark.parametrize(
    "zone", ["Asia/Kolkata", "Pacific/Kiritimati", "Asia/Beirut", "America/Santiago", "Europe/Dublin"]
)
def test_months_and_quarters_are_planned_at_the_clients_own_midnight(live, zone):
    facts = moved_into(zone).facts
    Deliverable.objects.update(is_active=False)
    promise(2)
    promise(3, period="quarterly")

    def planned(year: int, month: int) -> tuple[int, int]:
        """In the second before this month begins, and in its first."""
        begins = datetime(year, month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        return tuple(plan_tenant(facts, by=BY, at=at) for at in (begins - timedelta(seconds=1), begins))

    with tenant_scope(facts):
        assert planned(2031, 1) == (2 + 3, 2 + 3)
        assert planned(2031, 2) == (0, 2)
        assert planned(2031, 3) == (0, 2)
        assert planned(2031, 4) == (0, 2 + 3)
        assert planned(2031, 11) == (2 + 3, 2)  # the months between were slept through, and are over


@pytest.mark.parametrize(
    ("day", "length", "expected"),
    [
        (date(2028, 2, 29), "monthly", (date(2028, 2, 1), date(2028, 2, 29))),
        (date(2027, 2, 28), "monthly", (date(2027, 2, 1), date(2027, 2, 28))),
        (date(2026, 12, 31), "quarterly", (date(2026, 10, 1), date(2026, 12, 31))),
        (date(2028, 1, 1), "quarterly", (date(2028, 1, 1), date(2028, 3, 31))),
    ],
)
def test_months_and_quarters_end_on_their_last_day(day, length, expected):
    assert period_around(day, length) == expected


# At risk


@pytest.mark.acceptance("SM-deliverable_periods")
def test_a_promise_that_will_not_be_kept_is_at_risk_and_back_when_it_will_be(drafts_period):
    facts, last_day = only_tenant(), midnight_after(drafts_period, "Asia/Kolkata") - timedelta(hours=3)

    assert tend_periods(facts, by=BY, at=last_day) == 1
    assert fresh(drafts_period).status == "at_risk"
    assert tend_periods(facts, by=BY, at=last_day) == 0

    longer = drafts_period.period_end + timedelta(days=900)
    DeliverablePeriod.objects.update(period_end=longer)
    assert tend_periods(facts, by=BY, at=last_day) == 1
    assert fresh(drafts_period).status == "in_progress"
    assert codes()[-2:] == ["period.at_risk", "period.recovered"]


def test_a_promise_without_any_work_goes_from_not_started_to_at_risk_and_back(live):
    deliverable = promise(2, type="backlinks")
    with every_tenant(reason="a type that nobody has a pipeline for"):
        ActivityTemplate.objects.filter(deliverable_type="backlinks").update(is_active=False)
    plan_tenant(live.facts, by=BY, at=timezone.now())
    period = DeliverablePeriod.objects.get(deliverable=deliverable)

    tend_periods(live.facts, by=BY, at=timezone.now())
    assert fresh(period).status == "at_risk"

    DeliverablePeriod.objects.filter(pk=period.pk).update(target_count=0)
    tend_periods(live.facts, by=BY, at=timezone.now())
    assert fresh(period).status == "not_started"


@pytest.mark.acceptance("SM-deliverable_periods")
def test_a_promise_at_risk_is_completed_when_its_last_unit_counts(db, sandbox):
    with due_at("client"):
        steps = steps_of("publisher")
        period = steps[0].deliverable_period
        PERIOD_MOVES.perform(period, "mark_at_risk", by=BY, at=timezone.now())
        for step in steps:
            with transaction.atomic():
                pipelines.close_step(
                    ACTIVITY_MOVES.perform(step, "start", by=BY, at=timezone.now()), by=BY, at=timezone.now()
                )

        assert (fresh(period).status, fresh(period).completed_count) == ("completed", 2)


# Planning


@pytest.mark.acceptance("FLOW-planner")
def test_a_changed_quantity_holds_from_the_next_period_on(live):
    deliverable = promise(2)
    now = timezone.now()
    assert plan_tenant(live.facts, by=BY, at=now) == 2

    Deliverable.objects.filter(pk=deliverable.pk).update(quantity_per_period=5)
    assert plan_tenant(live.facts, by=BY, at=now) == 0
    period = DeliverablePeriod.objects.get(deliverable=deliverable)
    assert (period.target_count, units_of(deliverable)) == (2, 2)

    plan_tenant(live.facts, by=BY, at=midnight_after(period, live.timezone))
    assert units_of(deliverable) == 7
    targets = DeliverablePeriod.objects.filter(deliverable=deliverable).order_by("period_start")
    assert list(targets.values_list("target_count", flat=True)) == [2, 5]


@pytest.mark.acceptance("FLOW-planner")
def test_a_deliverable_that_is_switched_off_gets_no_further_period_and_keeps_the_one_it_has(live):
    deliverable = promise(2)
    plan_tenant(live.facts, by=BY, at=timezone.now())
    period = DeliverablePeriod.objects.get(deliverable=deliverable)
    Deliverable.objects.filter(pk=deliverable.pk).update(is_active=False)

    next_month = midnight_after(period, live.timezone)
    plan_tenant(live.facts, by=BY, at=next_month)

    assert DeliverablePeriod.objects.get(deliverable=deliverable) == period
    assert units_of(deliverable) == 2
    assert not Activity.objects.filter(deliverable=deliverable, status="cancelled").exists()
    tend_periods(live.facts, by=BY, at=next_month)
    assert fresh(period).status == "missed"


def test_a_unit_that_was_cancelled_or_deleted_is_not_planned_again(live):
    deliverable = promise(3)
    plan_tenant(live.facts, by=BY, at=timezone.now())
    cancelled, deleted, _ = Activity.objects.filter(deliverable=deliverable, parent_activity=None).order_by("ref_id")
    operations.cancel_unit(cancelled, by=BY, at=timezone.now())
    Activity.objects.filter(pk=deleted.pk).update(deleted_on=timezone.now())

    assert plan_tenant(live.facts, by=BY, at=timezone.now()) == 0


class Killed(BaseException):
    """The planner ends here, as a process that is killed does."""


def kill_after(statements: int):
    """Breaks the connection instead of sending one statement more."""

    def wrapper(execute, sql, params, many, context):
        nonlocal statements
        if statements == 0:
            connection.connection.close()
            raise Killed
        statements -= 1
        return execute(sql, params, many, context)

    return connection.execute_wrapper(wrapper)


@pytest.fixture
def few_at_once(monkeypatch):
    """Ten units are made in one transaction."""
    monkeypatch.setattr(planning, "UNITS_AT_ONCE", 10)


@pytest.mark.acceptance("FLOW-planner")
def test_a_planner_that_is_killed_leaves_whole_units_and_the_next_one_makes_the_rest(own_database, few_at_once):
    with World().at("live") as tenant:
        left_behind = []
        for survived in range(3, 40, 4):
            deliverable = promise(25, name=f"Killed after {survived}")
            with pytest.raises(Killed), kill_after(survived):
                plan_tenant(tenant.facts, by=BY, at=timezone.now())
            connection.close()
            made = units_of(deliverable)
            left_behind.append(made)

            assert plan_tenant(tenant.facts, by=BY, at=timezone.now()) == 25 - made
            units = Activity.objects.filter(deliverable=deliverable, parent_activity=None)
            assert {unit.steps.count() for unit in units} == {8}
            assert units.count() == 25
            assert DeliverablePeriod.objects.get(deliverable=deliverable).status == "in_progress"

        assert set(left_behind) == {0, 10, 20}


def test_however_many_units_a_client_is_promised_a_transaction_makes_a_few_by_as_many_statements(
    own_database, few_at_once
):
    with World().at("live") as tenant:
        sizes = []
        for quantity in (20, 60):
            promise(quantity, name=f"{quantity} posts")
            with CaptureQueriesContext(connection) as captured:
                assert plan_tenant(tenant.facts, by=BY, at=timezone.now()) == quantity
            sizes.append(transactions([query["sql"] for query in captured]))

        few, many = (max(statements) for statements in sizes)
        assert few == many <= 20
        assert (len(sizes[0]), len(sizes[1])) == (1 + 2, 1 + 6)  # the period, then ten units each time
        with CaptureQueriesContext(connection) as captured:
            assert plan_tenant(tenant.facts, by=BY, at=timezone.now()) == 0
        assert len(captured) <= 4  # and hardly any where all is planned


@pytest.mark.acceptance("FLOW-planner")
def test_many_clients_are_planned_by_as_many_statements_as_one(world):
    """And each gets its own template's steps, in its own scope."""
    with every_tenant(reason="the test plans for all clients of the world at once"):
        clients = list(Tenant.objects.filter(slug__in=["acme-live", "acme-client", "rival"]).order_by("id"))
    counts = []
    for several in (clients[:1], clients):
        for client in several:
            with tenant_scope(client.facts):
                Deliverable.objects.update(is_active=False)
                promise(3, name=f"Beside {len(several) - 1} others")
        with tenant_scope(*[client.facts for client in several]), CaptureQueriesContext(connection) as captured:
            assert plan_tenants([client.facts for client in several], by=BY, at=timezone.now()) == 3 * len(several)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 30
    for client in clients:
        with tenant_scope(client.facts):
            deliverable = Deliverable.objects.get(name="Beside 2 others")
            units = Activity.objects.filter(deliverable=deliverable, parent_activity=None)
            assert [unit.input_data["number"] for unit in units.order_by("ref_id")] == [1, 2, 3]
            own = ActivityTemplate.objects.get(tenant_id=client.pk, deliverable_type="blog_posts", is_active=True)
            assert {unit.input_data["template"] for unit in units} == {own.ref_id}
            entries = JournalEntry.objects.filter(code="activity.started", row_count=3, tenant_id=client.pk)
            assert entries.last().rows_sha256 == digest_of(units)


@pytest.mark.acceptance("FLOW-planner")
def test_another_clients_template_that_a_deliverable_names_is_not_used_even_when_both_are_planned_at_once(world):
    clients = list(Tenant.objects.filter(slug__in=["acme-live", "rival"]).order_by("slug"))
    with tenant_scope(clients[1].facts):
        foreign = ActivityTemplate.objects.filter(tenant_id=clients[1].pk, deliverable_type="blog_posts").first()
    with tenant_scope(clients[0].facts):
        deliverable = promise(3, template_id=foreign.ref_id)

    with tenant_scope(*[client.facts for client in clients]):
        plan_tenants([client.facts for client in clients], by=BY, at=timezone.now())

        assert units_of(deliverable) == 0
        assert DeliverablePeriod.objects.get(deliverable=deliverable).status == "not_started"


def test_a_unit_is_born_as_its_first_moves_would_leave_it(live):
    deliverable = promise(1)
    now = timezone.now()
    plan_tenant(live.facts, by=BY, at=now)

    unit = Activity.objects.get(deliverable=deliverable, parent_activity=None)
    steps = list(unit.steps.order_by("ref_id"))
    template = ActivityTemplate.objects.get(ref_id=unit.input_data["template"])
    assert (unit.status, unit.started_on, unit.ready_on, unit.is_unit) == ("in_progress", now, now, True)
    assert [step.step for step in steps] == template.parsed_steps
    assert [step.status for step in steps] == ["created" if step.step.depends_on else "assigned" for step in steps]
    assert {step.deliverable_period_id for step in steps} == {unit.deliverable_period_id}
    assert {step.goal_id for step in steps} == {deliverable.goal_id}
    today = now.astimezone(ZoneInfo(live.timezone)).date()
    assert [step.due_date for step in steps] == [today + timedelta(days=step.step.due_offset_days) for step in steps]
    assert unit.due_date == max(step.due_date for step in steps)
    order = ActivityDependency.objects.filter(activity__in=steps)
    assert {(one.activity.pipeline_step, one.depends_on.pipeline_step) for one in order} == {
        (step.key, needed) for step in template.parsed_steps for needed in step.depends_on
    }


@pytest.mark.acceptance("FLOW-planner")
def test_due_days_are_counted_from_the_day_it_is_at_each_client(world):
    at, days = datetime(2030, 11, 30, 18, 40, tzinfo=UTC), {"acme-live": date(2030, 12, 1), "rival": date(2030, 11, 30)}
    with every_tenant(reason="the test plans for two clients at once, where it is not the same day"):
        Tenant.objects.filter(slug="acme-live").update(timezone="Asia/Kolkata")
        Tenant.objects.filter(slug="rival").update(timezone="America/New_York")
        clients = list(Tenant.objects.filter(slug__in=days).order_by("slug"))
    for client in clients:
        with tenant_scope(client.facts):
            Deliverable.objects.update(is_active=False)
            promise(2, name="At ten past midnight")

    with tenant_scope(*[client.facts for client in clients]):
        assert plan_tenants([client.facts for client in clients], by=BY, at=at) == 4

        for client in clients:
            units = Activity.objects.filter(tenant_id=client.pk, deliverable__name="At ten past midnight")
            steps = list(units.filter(parent_activity__isnull=False))
            assert {step.due_date - timedelta(days=step.step.due_offset_days) for step in steps} == {days[client.slug]}
            assert {unit.due_date for unit in units.filter(parent_activity=None)} == {max(s.due_date for s in steps)}
            assert all(step.due_date >= step.deliverable_period.period_start for step in steps)


def test_an_agents_task_is_due_on_the_clients_day(live):
    at = datetime(2030, 11, 30, 18, 40, tzinfo=UTC)
    task = {"role": "copywriter", "title": "Look", "instruction": "Look.", "about": {}, "by": BY, "at": at}

    for zone, day in (("Asia/Kolkata", date(2030, 12, 1)), ("America/New_York", date(2030, 11, 30))):
        moved_into(zone)
        given = operations.give_task(tenant_id=live.pk, origin=f"test:{zone}", **task)

        assert given is not None and given.due_date == day


@pytest.mark.parametrize(("zone", "is_late"), [("Pacific/Kiritimati", True), ("Pacific/Pago_Pago", False)])
def test_work_is_late_when_its_day_is_over_at_the_client(world, rita, zone, is_late):
    """Between the two zones lie 25 hours: it is never the same day in both."""
    with world.at("drafts") as tenant:
        moved_into(zone)
        Activity.objects.update(due_date=datetime.now(ZoneInfo("Pacific/Pago_Pago")).date())

    page = rita.get(f"/dm/c/{tenant.slug}/work/?status=awaiting_approval").text

    assert ("is-tight text-danger-ink" in page) is is_late


def digest_of(rows) -> str:
    return sha256("\n".join(sorted(row.ref_id for row in rows)).encode()).hexdigest()


def transactions(statements: list[str]) -> list[int]:
    """How many statements each transaction had."""
    sizes, inside = [], None
    for sql in statements:
        if sql == "BEGIN":
            inside = 0
        elif sql in ("COMMIT", "ROLLBACK"):
            sizes.append(inside)
            inside = None
        elif inside is not None:
            inside += 1
    return sizes


@pytest.mark.acceptance("FLOW-planner")
def test_eight_planners_at_once_make_each_unit_once_and_start_the_period_once(own_database):
    with World().at("live") as tenant:
        deliverable = promise(12)
        before = codes().count("period.started")

        made = together(*[lambda: plan_tenant(tenant.facts, by=BY, at=timezone.now())] * 8)

        assert sum(made) == 12
        period = DeliverablePeriod.objects.get(deliverable=deliverable)
        assert (units_of(deliverable), period.status) == (12, "in_progress")
        about = JournalEntry.objects.filter(subject_ref=period.ref_id).order_by("ref_id")
        assert list(about.values_list("code", flat=True)) == ["period.opened"]
        assert codes().count("period.started") == before + 1


# Counting


COUNTED_FIRST = [
    {
        "key": "make", "title": "Make", "type": "write", "assignee_type": "human", "human_role": "reviewer",
        "due_offset_days": 1, "counts_unit": True,
    },
    {
        "key": "check", "title": "Check", "type": "review", "assignee_type": "human", "human_role": "reviewer",
        "due_offset_days": 2, "depends_on": ["make"], "on_reject": "make",
    },
]  # fmt: skip


@pytest.fixture
def countable():
    """countable(12): units of a new period of the client in scope, whose first step counts and may be sent back."""

    def make(count: int) -> tuple[DeliverablePeriod, list[Activity]]:
        period = DeliverablePeriod.objects.create(
            deliverable=promise(count + 1), period_start=date(2031, 5, 1), period_end=date(2031, 5, 31),
            target_count=count + 1, status="in_progress", created_on=SOME_DAY,
        )  # fmt: skip
        template = ActivityTemplate.objects.create(
            tenant_id=only_tenant().id, deliverable_type="test", name="Counted first", steps=COUNTED_FIRST, created_on=SOME_DAY,
        )  # fmt: skip
        return period, [
            operations.spawn_unit(
                template, tenant_id=only_tenant().id, title=f"Unit {number}", origin=f"test/{number}", by=BY, at=SOME_DAY,
                period=period, number=number,
            )
            for number in range(count)
        ]  # fmt: skip

    return make


def complete(unit: Activity) -> None:
    with transaction.atomic():
        unit, make = locks.take(unit, unit.steps.get(pipeline_step="make"))
        pipelines.close_step(ACTIVITY_MOVES.perform(make, "start", by=BY, at=SOME_DAY), by=BY, at=SOME_DAY)


def send_back(unit: Activity) -> None:
    with transaction.atomic():
        unit, check = locks.take(unit, unit.steps.get(pipeline_step="check"))
        pipelines.send_back(check, note="Again, please.", by=BY, at=SOME_DAY)


def cancel(unit: Activity) -> None:
    operations.cancel_unit(unit, by=BY, at=SOME_DAY)


@pytest.mark.acceptance("FLOW-period")
def test_a_unit_that_is_sent_back_before_its_counting_step_is_no_longer_counted(live, countable):
    period, (unit, other) = countable(2)
    complete(unit)
    complete(other)

    send_back(unit)

    assert fresh(period).completed_count == 1
    complete(unit)
    assert fresh(period).completed_count == 2


@pytest.mark.acceptance("FLOW-period")
def test_completing_sending_back_and_cancelling_by_many_at_once_ends_with_the_true_count(own_database, countable):
    with World().at("live") as tenant:
        period, units = countable(10)
        turns = [(act, unit) for unit in units for act in (complete, send_back, complete, send_back, complete, cancel)]
        random.Random(7).shuffle(turns)
        gate = threading.Barrier(8)

        def runner(mine) -> list[str]:
            refused = []
            try:
                gate.wait()
                with tenant_scope(tenant.facts):
                    for act, unit in mine:
                        try:
                            act(unit)
                        except OperationRefused as error:  # somebody else was there first
                            refused.append(error.code)
            finally:
                connections.close_all()
            return refused

        with ThreadPoolExecutor(8) as pool:
            refused = [code for codes in pool.map(runner, [turns[start::8] for start in range(8)]) for code in codes]

        truth = Activity.objects.filter(deliverable_period=period, pipeline_step="make", status="completed").count()
        assert fresh(period).completed_count == truth > 0
        assert set(refused) <= {"move_refused"} and len(refused) < len(turns)
        with connection.cursor() as cursor:
            cursor.execute(COUNT_DRIFT, {"tenant": tenant.id})
            assert cursor.fetchall() == []

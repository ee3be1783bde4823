"""What was promised for a month and how far the goals are, as clients and reviewers read it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.shared.scoping import tenant_scope
from apps.strategy.models import Deliverable, DeliverablePeriod, Goal
from apps.strategy.queries import active_strategy, deliverable_progress, goal_progress
from apps.tenants.models import Tenant

MAY = datetime(2031, 5, 20, 9, tzinfo=UTC)


@pytest.fixture
def promise(world):
    """promise("Posts", 3, done=1): a deliverable of the client at `live` with one period, by default May 2031."""
    with world.at("live"):
        strategy = active_strategy()
        goal = Goal.objects.filter(strategy=strategy).first()

        def make(
            name,
            target,
            *,
            done=0,
            status="in_progress",
            period="monthly",
            start=date(2031, 5, 1),
            end=date(2031, 5, 31),
        ):
            deliverable = Deliverable.objects.create(
                goal=goal, strategy=strategy, type="blog_posts", name=name, quantity_per_period=target, period=period,
                created_on=timezone.now(),
            )  # fmt: skip
            return DeliverablePeriod.objects.create(
                deliverable=deliverable, period_start=start, period_end=end, target_count=target, completed_count=done,
                status=status, created_on=timezone.now(),
            )  # fmt: skip

        yield make


def listed(at=MAY) -> list[tuple]:
    return [
        (row.name, row.type, row.target_count, row.completed_count, row.status, row.pct_complete)
        for row in deliverable_progress(at=at)
    ]


@pytest.mark.acceptance("QRY-deliverable-progress")
def test_the_months_promises_are_listed_by_status_and_name_with_a_percentage_of_one_decimal(promise):
    promise("Posts", 3, done=1)
    promise("Essays", 8, done=1, status="in_progress")
    promise("Notes", 2, done=2, status="completed")

    assert listed() == [
        ("Notes", "blog_posts", 2, 2, "completed", Decimal("100.0")),
        ("Essays", "blog_posts", 8, 1, "in_progress", Decimal("12.5")),
        ("Posts", "blog_posts", 3, 1, "in_progress", Decimal("33.3")),
    ]


@pytest.mark.acceptance("QRY-deliverable-progress")
def test_half_a_tenth_is_rounded_up_and_more_than_promised_is_over_a_hundred(promise):
    promise("Half", 800, done=1)
    promise("Over", 2, done=3)

    assert [row[-1] for row in listed()] == [Decimal("0.1"), Decimal("150.0")]


@pytest.mark.acceptance("QRY-deliverable-progress")
def test_a_promise_of_nothing_has_no_percentage_and_is_no_error(promise):
    promise("Nothing", 0)

    assert listed() == [("Nothing", "blog_posts", 0, 0, "in_progress", None)]


@pytest.mark.acceptance("QRY-deliverable-progress")
@pytest.mark.parametrize(
    ("day", "is_listed"),
    [(date(2031, 3, 31), False), (date(2031, 4, 1), True), (date(2031, 6, 30), True), (date(2031, 7, 1), False)],
)
def test_a_quarter_is_listed_on_every_day_it_contains(promise, day, is_listed):
    promise("Audit", 1, period="quarterly", start=date(2031, 4, 1), end=date(2031, 6, 30))

    noon = datetime(day.year, day.month, day.day, 6, 30, tzinfo=UTC)

    assert [row[0] for row in listed(noon)] == ["Audit"] * is_listed


@pytest.mark.acceptance("QRY-deliverable-progress")
def test_other_months_are_not_listed_even_when_they_reach_into_this_one(promise):
    promise("April", 3, start=date(2031, 4, 1), end=date(2031, 4, 30))
    promise("June", 3, start=date(2031, 6, 1), end=date(2031, 6, 30))
    promise("Late April", 3, start=date(2031, 4, 15), end=date(2031, 5, 31))

    assert listed() == []


@pytest.mark.acceptance("QRY-deliverable-progress")
def test_the_month_is_that_of_the_clients_own_time_zone(promise):
    promise("May", 1)
    late_april_in_london = datetime(2031, 4, 30, 19, tzinfo=UTC)  # half past midnight on 1 May in Kolkata
    (tenant,) = Tenant.objects.filter(slug="acme-live")
    assert tenant.timezone == "Asia/Kolkata"

    assert [row[0] for row in listed(late_april_in_london)] == ["May"]
    tenant.timezone = "Europe/London"
    with tenant_scope(tenant.facts):
        assert listed(late_april_in_london) == []


@pytest.mark.acceptance("QRY-deliverable-progress")
@pytest.mark.acceptance("SEC-tenant-filter")
def test_another_clients_promises_and_goals_are_not_listed(promise, world):
    promise("Ours", 1)
    ours = active_strategy()

    with world.at("rival"):
        assert listed() == []
        assert list(goal_progress(ours)) == []


COLUMNS = ("name", "metric", "baseline_value", "current_value", "target_value", "progress_pct", "status")


@pytest.fixture
def strategy(world):
    with world.at("live"):
        found = active_strategy()
        Goal.objects.filter(strategy=found).update(deleted_on=timezone.now())
        yield found


def goal(strategy, name, baseline, current, target, **more) -> Goal:
    return Goal.objects.create(
        strategy=strategy, name=name, metric="leads", period="monthly", created_on=timezone.now(),
        baseline_value=baseline, current_value=current, target_value=target, **more,
    )  # fmt: skip


@pytest.mark.acceptance("QRY-goal-progress")
def test_goals_are_listed_by_priority_with_their_way_in_percent(strategy):
    goal(strategy, "Second", 10, 40, 100, priority=2, status="on_track")
    goal(strategy, "First", 0, 1, 3, priority=1)

    assert list(goal_progress(strategy).values_list(*COLUMNS)) == [
        ("First", "leads", Decimal(0), Decimal(1), Decimal(3), Decimal("33.3"), "active"),
        ("Second", "leads", Decimal(10), Decimal(40), Decimal(100), Decimal("33.3"), "on_track"),
    ]


@pytest.mark.acceptance("QRY-goal-progress")
@pytest.mark.parametrize(
    ("baseline", "current", "target", "percent"),
    [
        (50, 50, 50, None),  # nowhere to go: no percentage, and no error
        (100, 40, 20, Decimal("75.0")),  # less is better
        (100, 120, 20, Decimal("-25.0")),
        (0, 300, 200, Decimal("150.0")),
        (0, 1, 800, Decimal("0.1")),
        ("-9999999999", "9999999998", "9999999999", Decimal("100.0")),
    ],
)
def test_the_way_of_a_goal_is_counted_from_its_baseline(strategy, baseline, current, target, percent):
    goal(strategy, "One", baseline, current, target)

    assert [found.progress_pct for found in goal_progress(strategy)] == [percent]


@pytest.mark.acceptance("QRY-goal-progress")
@pytest.mark.acceptance("TEST-soft-delete")
def test_a_deleted_goal_is_not_listed(strategy):
    gone = goal(strategy, "Gone", 0, 1, 2)
    goal(strategy, "Stays", 0, 1, 2)
    Goal.objects.filter(pk=gone.pk).update(deleted_on=timezone.now())

    assert [found.name for found in goal_progress(strategy)] == ["Stays"]


def test_the_pages_show_the_same_percentage(world, strategy, rita, sam):
    goal(strategy, "Leads", 0, 1, 3)

    reviewers, clients = rita.get("/dm/c/acme-live/strategy/"), world.alice("live").get("/app/strategy/")

    assert "33.3 %" in reviewers.text
    assert "33.3 percent of the way" in clients.text

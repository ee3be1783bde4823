"""Readings of goals: the latest is the current value and says where the goal stands; what was read stays."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotFound
from apps.shared.models import JournalEntry
from apps.strategy import operations
from apps.strategy.models import Goal, GoalReading, Strategy
from apps.strategy.statuses import GOAL_MOVES, GoalStatus
from tests.activities.work import together
from tests.conftest import World

START, TARGET = date(2026, 1, 1), date(2026, 4, 11)  # a hundred days
AT = datetime(2026, 6, 1, 6, tzinfo=UTC)
ANALYST = Actor.agent("data_analyst")


def day(number: int) -> datetime:
    """Noon of the n-th day after the start."""
    return datetime(2026, 1, 1, 6, 30, tzinfo=UTC) + timedelta(days=number)


def make_goal(**changes) -> Goal:
    strategy = Strategy.objects.get(status="active")
    Strategy.objects.filter(pk=strategy.pk).update(start_date=START, end_date=date(2026, 6, 30))
    values = {
        "strategy": strategy,
        "name": "More visits",
        "metric": "organic_sessions",
        "baseline_value": 100,
        "current_value": 100,
        "target_value": 200,
        "period": "monthly",
        "target_date": TARGET,
        "created_on": timezone.now(),
        **changes,
    }
    return Goal.objects.create(**values)


def read(goal: Goal, value, *, on: datetime, **changes) -> GoalReading:
    said = {"source": "google_analytics", "evidence": "GA4, sessions by month", "by": ANALYST, "at": AT, **changes}
    return operations.record_reading(goal, value=Decimal(value), read_on=on, **said)


def standing(goal: Goal) -> tuple[str, Decimal]:
    found = Goal.objects.get(pk=goal.pk)
    return found.status, found.current_value


def told(goal: Goal) -> list[str]:
    return list(JournalEntry.objects.filter(subject_ref=goal.ref_id).order_by("ref_id").values_list("code", flat=True))


@pytest.mark.acceptance("goal_readings")
@pytest.mark.acceptance("FLOW-goals-update")
def test_a_reading_is_kept_and_is_the_goals_current_value(acme):
    goal = make_goal()

    made = read(goal, "150.25", on=day(50))

    kept = GoalReading.objects.get(goal=goal)
    assert kept == made
    assert (kept.value, kept.source, kept.evidence, kept.read_on, kept.created_on) == (
        Decimal("150.25"),
        "google_analytics",
        "GA4, sessions by month",
        day(50),
        AT,
    )
    assert standing(goal) == ("on_track", Decimal("150.25"))
    assert Goal.objects.get(pk=goal.pk).updated_on == AT
    measured = JournalEntry.objects.get(subject_ref=goal.ref_id, code="goal.measured")
    assert (measured.before, measured.actor_ref) == ({"current_value": "100.00"}, "data_analyst")
    assert measured.after == {
        "current_value": "150.25",
        "reading": kept.ref_id,
        "read_on": "2026-02-20T06:30:00+00:00",
    }
    assert told(goal) == ["goal.measured", "goal.on_track"]


UP, DOWN = {"baseline_value": 100, "target_value": 200}, {"baseline_value": 20, "target_value": 10}


@pytest.mark.acceptance("SM-goals")
@pytest.mark.acceptance("FLOW-goals-update")
@pytest.mark.parametrize(
    ("way", "before", "value", "on", "after"),
    [
        (UP, "active", "150", 50, "on_track"),  # half the way in half the time
        (UP, "active", "149.99", 50, "at_risk"),
        (UP, "on_track", "149.99", 50, "at_risk"),
        (UP, "at_risk", "150", 50, "on_track"),
        (UP, "on_track", "180", 50, "on_track"),
        (UP, "at_risk", "110", 50, "at_risk"),
        (UP, "active", "100", -10, "on_track"),  # before the start nothing is due
        (UP, "active", "99", 0, "at_risk"),
        (UP, "active", "199.99", 99, "on_track"),
        (UP, "on_track", "199.99", 100, "at_risk"),  # on the target date all of it is
        (UP, "active", "200", 1, "achieved"),
        (UP, "on_track", "250", 100, "achieved"),
        (UP, "at_risk", "200", 140, "achieved"),
        (UP, "paused", "250", 50, "paused"),
        (UP, "paused", "110", 50, "paused"),
        (UP, "achieved", "110", 50, "achieved"),
        (DOWN, "active", "15", 50, "on_track"),
        (DOWN, "on_track", "15.01", 50, "at_risk"),
        (DOWN, "active", "10", 50, "achieved"),
        (DOWN, "on_track", "3", 50, "achieved"),
        (DOWN, "on_track", "25", 1, "at_risk"),
        ({**UP, "target_date": None}, "active", "110", 50, "active"),
        ({**UP, "target_date": None}, "active", "200", 50, "achieved"),
        ({**UP, "target_date": START}, "active", "110", 0, "at_risk"),
        ({"baseline_value": 100, "target_value": 100}, "active", "100", 50, "active"),
        ({"baseline_value": 100, "target_value": 100}, "on_track", "90", 50, "on_track"),
    ],
)
def test_the_value_says_where_the_goal_stands(acme, way, before, value, on, after):
    goal = make_goal(**way, status=before)

    read(goal, value, on=day(on))

    assert standing(goal) == (after, Decimal(value))


def test_a_goal_not_judged_yet_gets_to_at_risk_by_the_moves_there_are(acme):
    goal = make_goal()

    read(goal, "110", on=day(50))

    assert told(goal) == ["goal.measured", "goal.on_track", "goal.at_risk"]


def test_before_the_strategy_has_a_start_time_runs_from_the_goals_first_day(acme):
    goal = make_goal(created_on=day(50))
    Strategy.objects.filter(pk=goal.strategy_id).update(start_date=None, end_date=None)

    read(goal, "149", on=day(75))
    behind = standing(goal)
    read(goal, "150", on=day(75) + timedelta(minutes=1))

    assert (behind[0], standing(goal)[0]) == ("at_risk", "on_track")


def test_every_judgement_is_a_row_of_moves_that_leads_there():
    for (status, verdict), moves in operations.JUDGED.items():
        for move in moves:
            assert status in GOAL_MOVES.moves[move].sources
            status = GOAL_MOVES.moves[move].target
        assert status == verdict
    open_statuses = {GoalStatus.ACTIVE, GoalStatus.ON_TRACK, GoalStatus.AT_RISK}
    verdicts = {GoalStatus.ON_TRACK, GoalStatus.AT_RISK, GoalStatus.ACHIEVED}
    assert set(operations.JUDGED) == {(s, v) for s in open_statuses for v in verdicts if s != v}


@pytest.mark.acceptance("goal_readings")
def test_the_same_moment_read_again_changes_nothing(acme):
    goal = make_goal()
    first = read(goal, "150", on=day(50))
    codes = told(goal)

    again = read(goal, "199", on=day(50), source="somewhere_else")

    assert again == first
    assert [r.value for r in GoalReading.objects.filter(goal=goal)] == [Decimal(150)]
    assert standing(goal) == ("on_track", Decimal(150))
    assert told(goal) == codes


def test_a_reading_from_before_the_latest_is_kept_and_decides_nothing(acme):
    goal = make_goal()
    read(goal, "150", on=day(50))

    read(goal, "101", on=day(40))

    assert [r.value for r in GoalReading.objects.filter(goal=goal).order_by("read_on")] == [101, 150]
    assert standing(goal) == ("on_track", Decimal(150))
    assert told(goal) == ["goal.measured", "goal.on_track", "goal.measured"]


@pytest.mark.acceptance("goal_readings")
@pytest.mark.parametrize(
    "value", ["NaN", "sNaN", "Infinity", "-Infinity", "9999999999.01", "-1E+11", "1E+400", "0.001"]
)
def test_a_value_that_is_none_is_refused_and_nothing_changes(acme, value):
    goal = make_goal()

    with pytest.raises(InvalidInput) as refused:
        read(goal, value, on=day(50))

    assert (refused.value.http_status, list(refused.value.errors)) == (400, ["value"])
    assert not GoalReading.objects.filter(goal=goal).exists()
    assert standing(goal) == ("active", Decimal(100))
    assert told(goal) == []


@pytest.mark.parametrize("value", ["9999999999", "-9999999999", "0", "-0.01"])
def test_the_largest_and_smallest_values_are_taken(acme, value):
    goal = make_goal()

    assert read(goal, value, on=day(50)).value == Decimal(value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"source": " "}, "source"), ({"source": "s" * 101}, "source"), ({"on": AT + timedelta(seconds=1)}, "read_on")],
)
def test_a_reading_without_a_source_or_from_the_future_is_refused(acme, changes, field):
    goal = make_goal()

    with pytest.raises(InvalidInput) as refused:
        read(goal, "150", **{"on": day(50), **changes})

    assert list(refused.value.errors) == [field]
    assert not GoalReading.objects.filter(goal=goal).exists()


def test_a_goal_that_was_replaced_or_is_anothers_is_not_there(acme, world):
    goal = make_goal()
    with world.at("rival"), pytest.raises(NotFound):
        read(goal, "150", on=day(50))
    Goal.objects.filter(pk=goal.pk).update(deleted_on=AT)

    with pytest.raises(NotFound):
        read(goal, "150", on=day(50))

    assert not GoalReading.objects.filter(goal=goal).exists()


@pytest.mark.acceptance("goal_readings")
def test_two_analysts_at_the_same_moment_make_one_reading(own_database):
    with World().at("drafts"):
        goal = make_goal()

        answers = together(lambda: read(goal, "150", on=day(50)), lambda: read(goal, "151", on=day(50)))

        kept = GoalReading.objects.get(goal=goal)
        assert {answer.pk for answer in answers} == {kept.pk}
        assert told(goal) == ["goal.measured", "goal.on_track"]


@pytest.mark.acceptance("goal_readings")
def test_postgresql_holds_range_and_moment_and_lets_nobody_change_a_reading(acme):
    goal = make_goal()
    values = {"goal": goal, "value": 1, "source": "tests", "read_on": day(1), "created_on": AT}
    GoalReading.objects.create(**values)

    for changes, constraint in (
        ({"value": Decimal("9999999999.01"), "read_on": day(2)}, "goal_readings_value_in_range"),
        ({"value": 2}, "uniq_goal_readings_moment"),
    ):
        with pytest.raises(IntegrityError) as error, transaction.atomic():
            GoalReading.objects.create(**{**values, **changes})
        assert error.value.__cause__.diag.constraint_name == constraint
    for change in (lambda rows: rows.update(value=2), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            change(GoalReading.objects.filter(goal=goal))
    assert [r.value for r in GoalReading.objects.filter(goal=goal)] == [1]

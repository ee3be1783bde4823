"""The planner killed in the middle, and run again: the same rows as of a planner nobody disturbed."""

from collections import defaultdict
from contextlib import contextmanager

import psycopg
from django.utils import timezone

from apps.activities.models import Activity, ActivityDependency
from apps.activities.operations import planning
from apps.strategy.models import Deliverable, DeliverablePeriod, Goal, Strategy

KINDS = ("blog_posts", "social_posts", "landing_pages", "backlinks")
EACH = planning.UNITS_AT_ONCE * 6 // 10  # of every kind: all together take more than two transactions of the planner


def promise(chaos, stage: str) -> None:
    with chaos.world.at(stage):
        strategy = Strategy.objects.get(status="active")
        for kind in KINDS:
            Deliverable.objects.create(
                strategy=strategy,
                goal=Goal.objects.filter(strategy=strategy).first(),
                type=kind,
                name=f"Many {kind}",
                quantity_per_period=EACH,
                period="monthly",
                created_on=timezone.now(),
            )


def plan(chaos) -> None:
    planner = chaos.start("plan")
    chaos.until(planner.has_ended, "the planner is done")
    chaos.workers.remove(planner)


def planned(chaos, stage: str) -> list:
    """What is there of the promises, without what no two clients share."""
    with chaos.world.at(stage):
        periods = DeliverablePeriod.objects.filter(deliverable__name__startswith="Many")
        rows = [(p.deliverable.name, p.period_start, p.target_count, p.status) for p in periods]
        waits_for = defaultdict(list)
        for step, other in ActivityDependency.objects.values_list("activity_id", "depends_on__pipeline_step"):
            waits_for[step].append(other)
        for one in Activity.objects.select_related("parent_activity").order_by("ref_id"):
            unit = one.parent_activity or one
            if unit.title.startswith("Many"):
                facts = (one.pipeline_step, one.status, one.assignee_type, one.assignee_agent_role, one.due_date)
                rows.append((unit.title, *map(str, facts), sorted(waits_for[one.id])))
        return sorted(rows, key=str)


@contextmanager
def table_locked(chaos, table: str):
    with psycopg.connect(chaos.owner_url) as other:
        other.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
        other.rollback()


def kill_blocked(chaos) -> None:
    """A planner runs into the lock and is killed there."""
    planner = chaos.start("plan")
    chaos.until_blocked()
    chaos.kill(planner)


def units_of(chaos, stage: str) -> int:
    with chaos.world.at(stage):
        promised = DeliverablePeriod.objects.filter(deliverable__name__startswith="Many")
        return Activity.objects.filter(deliverable_period__in=promised, parent_activity=None).count()


def test_a_planner_killed_anywhere_and_run_again_makes_what_an_undisturbed_one_makes(chaos):
    promise(chaos, "topics")
    plan(chaos)
    promise(chaos, "live")

    with table_locked(chaos, "deliverable_periods"):
        kill_blocked(chaos)
    assert units_of(chaos, "live") == 0
    with table_locked(chaos, "activities"):
        kill_blocked(chaos)
    assert units_of(chaos, "live") == 0
    with chaos.world.at("live"):
        last = DeliverablePeriod.objects.filter(deliverable__name__startswith="Many").order_by("deliverable__ref_id")[3]
    with chaos.row_locked("deliverable_periods", last.id):
        kill_blocked(chaos)
    assert units_of(chaos, "live") == planning.UNITS_AT_ONCE
    two = [chaos.start("plan"), chaos.start("plan")]
    for planner in two:
        chaos.until(planner.has_ended, "both planners are done")
        chaos.workers.remove(planner)

    assert units_of(chaos, "live") == len(KINDS) * EACH
    assert planned(chaos, "live") == planned(chaos, "topics")
    chaos.check(at_rest=False)

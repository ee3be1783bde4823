"""Performance reports as work: figures are collected, goals are read from them, a report is written and delivered.

A figure is counted by the product and kept on the step that asked for it. A model may say which figure shows where a
goal stands, and may say what the figures mean; it can neither make one up nor change one.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from apps.activities import material, registry
from apps.activities import operations as work
from apps.activities.figures import Collected, Span
from apps.activities.models import Activity
from apps.activities.operations.planning import period_around
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.activities.registry import Kept
from apps.activities.statuses import ActivityStatus, SubjectType
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.lookups import by_ref
from apps.shared.scoping import only_tenant
from apps.strategy import operations as strategy
from apps.strategy import queries as strategy_queries
from apps.strategy.models import Goal, GoalReading
from apps.strategy.statuses import DeliverableType
from apps.tenants.permissions import require

from .markup import day, days, listed, number, plain, row
from .report_bodies import Analysis, Report

TRAILING = timedelta(days=30)  # of a task that belongs to no period


class FigureUnknown(OperationRefused):
    """The analyst named a goal or a figure that it was not given, or another value. Have the step tried again."""

    code = "figure_unknown"


class NotApproved(OperationRefused):
    """This is not what was approved. It has to be approved again."""

    code = "not_approved"


def span_of(activity: Activity, *, at: datetime) -> Span:
    """The days a report is about: the period before its unit's own, or the last thirty days where there is none."""
    time_zone = only_tenant().time_zone
    period = activity.deliverable_period
    if period is None:
        today = at.astimezone(ZoneInfo(time_zone)).date()
        return Span(today - TRAILING, today - timedelta(days=1), time_zone)
    first, last = period_around(period.period_start - timedelta(days=1), period.deliverable.period)
    return Span(first, last, time_zone)


def collect(activity: Activity, *, by: Actor, at: datetime) -> None:
    """Count every figure there is and keep them on the step, before anybody is asked what they mean."""
    span = span_of(activity, at=at)
    figures = tuple(figure for source in registry.FIGURES for figure in source(span, at))
    work.keep_input(activity, collected=Collected(span.first, span.last, at, figures).as_json(), at=at)


def collected_by(activity: Activity) -> Collected:
    return Collected.of_json(activity.input_data["collected"])


def gather_figures(activity: Activity) -> list[DataBlock]:
    collected = collected_by(activity)
    goals = [
        {
            "goal": goal.ref_id,
            "name": goal.name,
            "metric": goal.metric,
            "baseline": str(goal.baseline_value),
            "current": str(goal.current_value),
            "target": str(goal.target_value),
            "targetDate": str(goal.target_date or ""),
        }
        for goal in strategy_queries.active_goals()
    ]
    return [
        material.context(),
        DataBlock("figures", json.dumps(collected.as_json(), ensure_ascii=False, indent=2)),
        DataBlock("goals", json.dumps(goals, ensure_ascii=False, indent=2)),
        *material.previous(activity),
    ]


def receive_analysis(output: Analysis, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Each goal gets the figure that shows it as a reading, from the moment it was counted. Raises FigureUnknown."""
    collected = collected_by(activity)
    goals = {goal.ref_id: goal for goal in strategy_queries.active_goals()}
    for update in sorted(output.goal_updates, key=lambda update: update.goal):  # goals are locked in one order
        goal, figure = goals.get(update.goal), collected.named(update.figure)
        if goal is None or figure is None or figure.value != update.value:
            raise FigureUnknown
        strategy.record_reading(
            goal,
            value=figure.value,
            source=figure.source,
            evidence=f"{figure.label}, {collected.first} to {collected.last}. {update.evidence}",
            read_on=collected.collected_on,
            by=by,
            at=at,
        )


def receive_task(output: Analysis, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The same for a recurring task; what it found beside is told to a reviewer."""
    receive_analysis(output, activity=activity, kept=kept, by=by, at=at)
    tell_reviewer(activity, output.findings, by=by, at=at)


def tell_reviewer(activity: Activity, findings: list[str], *, by: Actor, at: datetime) -> None:
    """One task about what an agent found, once; none where it found nothing."""
    if findings:
        work.raise_task(
            tenant_id=activity.tenant_id,
            title=f"Read what was found: {activity.title}",
            note="\n".join(f"- {finding}" for finding in findings),
            origin=f"findings:{activity.ref_id}",
            by=by,
            at=at,
            about={"checked": activity.ref_id},
        )


def gather_report(activity: Activity) -> list[DataBlock]:
    unit = activity.unit
    collected = collected_by(unit.steps.get(pipeline_step="collect"))
    return [
        material.context(),
        *material.promise(activity),
        DataBlock("figures", json.dumps(collected.as_json(), ensure_ascii=False, indent=2)),
        DataBlock("analysis", output_of(unit, "collect")),
        *material.previous(activity),
    ]


def receive_report(output: Report, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """A report changes no row: the reviewer decides on its text, and the publisher delivers what was approved."""


def as_text(report: Report) -> tuple[str, str]:
    parts = [
        f"## Summary\n\n{report.executive_summary}",
        "## Highlights\n\n" + listed(report.highlights),
        report.sections_markdown,
        "## Next month\n\n" + listed(report.next_month),
    ]
    return "\n\n".join(parts), "text/markdown"


def appendix(activity: Activity) -> str:
    """The figures and where the goals stand, each with its source: shown, approved and delivered with the report."""
    collected = collected_by(activity.unit.steps.get(pipeline_step="collect"))
    parts = [
        f"## Figures from {days(collected.first, collected.last)}",
        f"Counted on {_local_day(collected.collected_on)}.",
        "\n".join(
            [
                "| Figure | Value | Source |",
                "| --- | ---: | --- |",
                *(row(figure.label, number(figure.value), figure.source) for figure in collected.figures),
            ]
        ),
    ]
    goals = strategy_queries.active_goals()
    if goals:
        latest = {
            reading.goal_id: reading
            for reading in GoalReading.objects.filter(goal__in=goals).order_by("goal_id", "read_on")
        }
        parts += ["## Goals", listed(_standing(goal, latest.get(goal.pk)) for goal in goals)]
    return "\n\n".join(parts)


def _standing(goal: Goal, reading: GoalReading | None) -> str:
    way = f"began at {number(goal.baseline_value)}, target {number(goal.target_value)}"
    if reading is None:
        return f"**{plain(goal.name)}:** not measured yet; {way}. No source yet."
    read = f"{plain(reading.source)}, read on {_local_day(reading.read_on)}"
    return f"**{plain(goal.name)}:** {number(goal.current_value)}; {way}. Source: {read}."


def _local_day(moment: datetime) -> str:
    return day(moment.astimezone(ZoneInfo(only_tenant().time_zone)).date())


def deliver(activity: Activity, *, claim: work.Claim, by: Actor) -> dict:
    """The approved report becomes visible to the client: this step's record names it. Raises NotApproved."""
    written = activity.unit.steps.get(pipeline_step="write")
    approval = work.approved_snapshot(activity.unit, SubjectType.ACTIVITY, written.ref_id)
    if approval is None or work.digest_of(work.shown_at(approval.activity)) != approval.content_sha256:
        raise NotApproved
    return {
        "title": approval.shown_snapshot["subject"]["title"],
        "approval": approval.ref_id,
        "content_ref": approval.content_ref,
        "sha256": approval.shown_snapshot["body"]["sha256"],
    }


@dataclass(frozen=True)
class Delivered:
    """A report as the client finds it; `ref_id` is that of the step that delivered it."""

    ref_id: str
    title: str
    about: str
    delivered_on: datetime
    content_ref: str

    @classmethod
    def of(cls, step: Activity) -> "Delivered":
        summary = step.output_summary
        assert step.completed_on is not None and step.parent_activity is not None
        about = step.parent_activity.title
        return cls(step.ref_id, summary.get("title") or about, about, step.completed_on, summary["content_ref"])


def delivered_steps() -> QuerySet[Activity]:
    """The steps that delivered a report to the clients in scope."""
    return Activity.objects.filter(
        Q(deliverable__type=DeliverableType.PERFORMANCE_REPORTS)
        | Q(deliverable__isnull=True, input_data__asked__type=DeliverableType.PERFORMANCE_REPORTS),
        status=ActivityStatus.COMPLETED,
        pipeline_step="deliver",
    ).select_related("parent_activity")


def report_for(actor: Actor, ref_id: str) -> Delivered:
    """One delivered report; absent, foreign and not yet delivered look the same."""
    require(actor, "report.read")
    return Delivered.of(by_ref(delivered_steps(), ref_id))

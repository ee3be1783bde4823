"""Reading the figures a client's goals are measured by: the job `system.sync_goals`, and the table of where each is read.

A goal names its figure in `metric`. What is neither in MEASURED nor counted by the product itself is left alone, and the
job says so. What is read lies in a span of whole days that depends on the day the job is for and on nothing else, and the
reading is dated at the end of that span: whoever reads again finds the reading that is there.

Baselines are left as the client approved them, also where one is 0 and nothing was read yet: the strategy's approval is
bound to its figures. The first reading is where the trend begins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format

from apps.channels import operations as channels
from apps.channels.models import Channel
from apps.channels.platforms import google_analytics, google_search_console
from apps.channels.platforms.base import Connection
from apps.channels.platforms.google import Unreadable
from apps.channels.statuses import ChannelStatus, Platform
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import only_tenant
from apps.strategy import operations as strategy
from apps.strategy import queries as strategy_queries
from apps.strategy.models import Goal
from apps.strategy.operations import months_after
from apps.strategy.statuses import GoalPeriod

from . import registry
from .bodies import SYNC_GOALS
from .figures import Figure, Span
from .models import Activity
from .operations import Job
from .tools import SEARCH_DATA_LAGS, VISITS_LAG

ORGANIC = "Organic Search"  # as Analytics calls the channel group
MOST_GROUPS = 100
MOST_DAYS = 400
TWO_PLACES = Decimal("0.01")

# What passes by itself is tried again by the same job, this often in all, before it becomes a sentence of its result.
PASSES = {"too_many_requests", "service_error", "not_reachable"}
TRIES = 3


class SourceAway(OperationRefused):
    """A platform could not be read just now. It is tried again by itself."""

    code = "source_away"
    http_status = 503


class MetricSource(NamedTuple):
    """A question that is asked once for all goals it answers. `ask` gives figures by metric; one that is not told is absent."""

    platform: Platform
    lag: timedelta
    ask: Callable[[Connection, Channel, Span], dict[str, Decimal] | Unreadable]


def _searches(connection: Connection, channel: Channel, span: Span) -> dict[str, Decimal] | Unreadable:
    """By day, as no day is left out of that; a position counts as often as it was seen."""
    found = google_search_console.query(
        connection, site=channel.name_there, dimension="date", first=span.first, last=span.last, limit=MOST_DAYS
    )
    if isinstance(found, Unreadable):
        return found
    if not found.rows:
        return {}
    shown = sum(row.impressions for row in found.rows)
    told = {"search_clicks": _figure(sum(row.clicks for row in found.rows)), "search_impressions": _figure(shown)}
    if shown:
        told["search_position"] = _figure(sum(row.position * row.impressions for row in found.rows) / shown)
    return told


def _visits(connection: Connection, channel: Channel, span: Span) -> dict[str, Decimal] | Unreadable:
    """Of the whole property: a user who came by two ways is one."""
    found = google_analytics.run_report(
        connection, property_id=channel.external_id, dimension=None, first=span.first, last=span.last, limit=1
    )
    if isinstance(found, Unreadable):
        return found
    return {
        metric: _figure(value)
        for row in found.rows
        for metric, value in (
            ("sessions", row.sessions),
            ("users", row.total_users),
            ("page_views", row.page_views),
            ("conversions", row.key_events),
        )
    }


def _unpaid_visits(connection: Connection, channel: Channel, span: Span) -> dict[str, Decimal] | Unreadable:
    found = google_analytics.run_report(
        connection,
        property_id=channel.external_id,
        dimension="channel_group",
        first=span.first,
        last=span.last,
        limit=MOST_GROUPS,
    )
    if isinstance(found, Unreadable):
        return found
    if not found.rows:
        return {}
    return {"organic_sessions": _figure(sum(row.sessions for row in found.rows if row.key == ORGANIC))}


def _figure(value: float) -> Decimal:
    return Decimal(str(value)).quantize(TWO_PLACES)


SEARCHES = MetricSource(Platform.GOOGLE_SEARCH_CONSOLE, SEARCH_DATA_LAGS, _searches)
VISITS = MetricSource(Platform.GOOGLE_ANALYTICS, VISITS_LAG, _visits)
UNPAID_VISITS = MetricSource(Platform.GOOGLE_ANALYTICS, VISITS_LAG, _unpaid_visits)

# `Goal.metric` -> where it is read, and what the figure is called there. Figures of registry.FIGURES stand beside these.
MEASURED = {
    "search_clicks": (SEARCHES, "Clicks in Google Search"),
    "search_impressions": (SEARCHES, "Impressions in Google Search"),
    "search_position": (SEARCHES, "Average position in Google Search"),
    "sessions": (VISITS, "Sessions"),
    "users": (VISITS, "Users"),
    "page_views": (VISITS, "Page views"),
    "conversions": (VISITS, "Key events"),
    "organic_sessions": (UNPAID_VISITS, "Sessions from unpaid search"),
}
# Whole weeks back by what the goal counts, so that each span has as many weekends; and whole months where months count.
WEEKS: dict[str, int] = {GoalPeriod.MONTHLY: 4, GoalPeriod.QUARTERLY: 13, GoalPeriod.ANNUAL: 52}
MONTHS: dict[str, int] = {GoalPeriod.MONTHLY: 1, GoalPeriod.QUARTERLY: 3, GoalPeriod.ANNUAL: 12}
BY_MONTH = ("leads", "qualified_leads")  # and units of promises, which are kept in months


def span_of(metric: str, period: str, *, today: date, time_zone: str) -> Span:
    """The days that a goal of this metric and period is read over, as of this day."""
    if metric in BY_MONTH or metric.endswith("_delivered"):
        last = today.replace(day=1) - timedelta(days=1)
        return Span(months_after(last.replace(day=1), 1 - MONTHS[period]), last, time_zone)
    last = today - (MEASURED[metric][0].lag if metric in MEASURED else timedelta(days=1))
    return Span(last - timedelta(days=7 * WEEKS[period] - 1), last, time_zone)


@dataclass(frozen=True)
class Told:
    """What a source says of one metric: its value, or the sentence why there is none."""

    value: Decimal | None = None
    source: str = ""
    evidence: str = ""
    why_not: str = ""


def sync(job: Job) -> dict[str, Any]:
    """Read every open goal that can be read; {goals, read, lines: [{label, value}] by goal}.

    A source is asked once for a span, and one that does not answer holds up no other: it is asked again by the next
    attempt of this job if that may help, and otherwise is a sentence beside its goals. `state` keeps the goals that are
    done. Raises LeaseLost, SourceAway.
    """
    today = date.fromisoformat(job.activity.input_data["today"])
    lines: dict[str, dict[str, Any]] = dict(job.state.get("lines", {}))
    left = [goal for goal in strategy_queries.open_goals() if goal.ref_id not in lines]
    total, is_away = len(lines) + len(left), False  # one that is done may be reached, and open no more
    for (source, span), asked in _questions(left, today).items():
        called = Platform(source.platform).label if source else "what Leadmetrics counts"
        job.tell(f"Reading {called}", done=len(lines), total=total)
        told = _ask(source, span, {goal.metric for goal in asked}, may_wait=job.claim.attempt < TRIES)
        if told is None:
            is_away = True
            continue
        job.check()
        for goal in asked:
            lines[goal.ref_id] = _write_down(goal, told[goal.metric], span=span, by=job.by, at=timezone.now())
        job.tell(f"Read {called}", done=len(lines), total=total, state={"lines": lines})
    if is_away:
        raise SourceAway
    return {
        "goals": total,
        "read": sum(line["is_read"] for line in lines.values()),
        "lines": [{"label": lines[ref]["label"], "value": lines[ref]["value"]} for ref in sorted(lines)],
    }


def latest_sync() -> Activity | None:
    """The last job of this kind of the one tenant in scope, whatever became of it."""
    return Activity.objects.filter(assignee_agent_role=SYNC_GOALS).select_related("tenant").order_by("-ref_id").first()


def _questions(goals: list[Goal], today: date) -> dict[tuple[MetricSource | None, Span], list[Goal]]:
    """The goals by what has to be asked, platforms first; None asks what the product counts itself."""
    asked: dict[tuple[MetricSource | None, Span], list[Goal]] = {}
    for goal in sorted(goals, key=lambda goal: (goal.metric not in MEASURED, goal.ref_id)):
        source = MEASURED[goal.metric][0] if goal.metric in MEASURED else None
        span = span_of(goal.metric, goal.period, today=today, time_zone=only_tenant().time_zone)
        asked.setdefault((source, span), []).append(goal)
    return asked


def _ask(source: MetricSource | None, span: Span, metrics: set[str], *, may_wait: bool) -> dict[str, Told] | None:
    """What is told of each metric; None where it is worth asking again later."""
    if source is None:
        figures = {figure.key: figure for count in registry.FIGURES for figure in count(span, timezone.now())}
        return {metric: _counted(figures.get(metric), span) for metric in metrics}
    name = Platform(source.platform).label
    connected = Channel.objects.filter(platform=source.platform).exclude(status=ChannelStatus.REVOKED)
    channel = connected.order_by("ref_id").first()
    if channel is None:
        return dict.fromkeys(metrics, Told(why_not=f"{name} is not connected."))
    try:
        found = source.ask(channels.connection_of(channel), channel, span)
    except (channels.ChannelDisconnected, channels.SecretUnreadable) as error:
        return dict.fromkeys(metrics, Told(why_not=f"{name}: {error.detail}"))
    if isinstance(found, Unreadable):
        if may_wait and found.cause in PASSES:
            return None
        return dict.fromkeys(metrics, Told(why_not=f"{name}: {found.next_step}"))
    about = f"{_days(span)}, of {channel.name} ({channel.name_there})"
    return {
        metric: Told(found[metric], name, f"{MEASURED[metric][1]}, {about}; metric {metric}.")
        if metric in found
        else Told(why_not=f"{name} has no figure for {_days(span)}.")
        for metric in metrics
    }


def _counted(figure: Figure | None, span: Span) -> Told:
    if figure is None:
        return Told(why_not="Not measured by us.")
    return Told(figure.value, figure.source, f"{figure.label}, {_days(span)}; metric {figure.key}.")


def _write_down(goal: Goal, told: Told, *, span: Span, by: Actor, at: datetime) -> dict[str, Any]:
    """Record the reading and say so in a line of the result."""
    line = {"label": goal.name, "is_read": False}
    if told.value is None:
        return {**line, "value": told.why_not}
    try:
        reading = strategy.record_reading(
            goal, value=told.value, source=told.source, evidence=told.evidence, read_on=span.ends, by=by, at=at
        )
    except OperationRefused as error:  # of this goal only: replaced meanwhile, or the figure is beyond all measure
        return {**line, "value": error.detail}
    number = f"{reading.value:,.2f}".removesuffix(".00")
    return {**line, "is_read": True, "value": f"{number}, {reading.source}, {_days(span)}"}


def _days(span: Span) -> str:
    return f"{date_format(span.first, 'j M Y')} to {date_format(span.last, 'j M Y')}"

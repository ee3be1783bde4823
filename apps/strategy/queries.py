"""Answers about strategies and promises."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, DecimalField, F, Q, QuerySet, Value, Window
from django.db.models.functions import Cast, NullIf, Round, RowNumber

from apps import storage
from apps.shared.errors import NotFound
from apps.shared.scoping import only_tenant

from .models import Deliverable, DeliverablePeriod, Goal, GoalReading, OnboardingRun, Strategy
from .statuses import (
    COUNTED,
    OPEN_GOALS,
    OPEN_PERIODS,
    DeliverablePeriodLength,
    DeliverableType,
    PeriodStatus,
    StrategyStatus,
)

READINGS_SHOWN = 12
NUMERIC = DecimalField(max_digits=24, decimal_places=12)


def strategy_of(ref_id: str, *, lock: bool = False) -> Strategy:
    return _row(Strategy, ref_id, lock)


def onboarding_run_of(ref_id: str, *, lock: bool = False) -> OnboardingRun:
    return _row(OnboardingRun, ref_id, lock)


def _row(model, ref_id: str, lock: bool):
    rows = model.objects.select_for_update(of=("self",)) if lock else model.objects.all()
    row = rows.filter(ref_id=ref_id).first()
    if row is None:
        raise NotFound
    return row


def strategy_shown(strategy: Strategy) -> dict:
    """What the client decides on besides the narrative: goals and promises, to the last figure."""
    return {
        "strategy": strategy.ref_id,
        "version": strategy.version,
        "summary": strategy.summary,
        "rationale": strategy.rationale,
        "period_months": strategy.period_months,
        "goals": [
            [g.ref_id, g.name, g.metric, str(g.baseline_value), str(g.target_value), g.period, str(g.target_date)]
            for g in goals_of(strategy)
        ],
        "deliverables": [
            [d.ref_id, d.type, d.name, d.quantity_per_period, d.period, sorted(d.platforms)]
            for d in deliverables_of(strategy)
        ],
    }


def onboarding_shown(run: OnboardingRun) -> dict:
    """What the reviewer decides on: this run's context file, by its pointer; the text is bound by its own digest."""
    return {"onboarding_run": run.ref_id, "context_file_id": run.context_file_id}


def context_file_of(run: OnboardingRun) -> str | None:
    """The text of the run's context file; None until it is written. Raises StorageUnavailable."""
    return storage.document(storage.Skill, run.context_file_id).body if run.context_file_id else None


def goals_of(strategy: Strategy) -> list[Goal]:
    return list(goal_progress(strategy))


def active_goals() -> list[Goal]:
    """The goals of the strategy that applies to the one tenant in scope; none before there is one."""
    return list(_with_progress(Goal.objects.filter(strategy__status=StrategyStatus.ACTIVE)))


def with_readings(goals: list[Goal]) -> list[Goal]:
    """These goals, each with its latest `readings`, the newest first."""
    readings: dict[UUID, list[GoalReading]] = {goal.pk: [] for goal in goals}
    by_goal = Window(RowNumber(), partition_by="goal", order_by=F("read_on").desc())
    latest = GoalReading.objects.filter(goal__in=readings).annotate(place=by_goal).filter(place__lte=READINGS_SHOWN)
    for reading in latest.order_by("-read_on"):
        readings[reading.goal_id].append(reading)
    for goal in goals:
        goal.readings = readings[goal.pk]
    return goals


def open_goals() -> QuerySet[Goal]:
    """The goals of the active strategy that are neither reached nor paused, of the one tenant in scope."""
    return Goal.objects.filter(strategy__status=StrategyStatus.ACTIVE, status__in=OPEN_GOALS).order_by("ref_id")


def deliverables_of(strategy: Strategy) -> list[Deliverable]:
    return list(Deliverable.objects.filter(strategy=strategy).select_related("goal").order_by("ref_id"))


def active_strategy() -> Strategy | None:
    """The active strategy of the one tenant in scope."""
    return Strategy.objects.filter(status=StrategyStatus.ACTIVE).first()


def latest_strategy() -> Strategy | None:
    """The newest version of the one tenant in scope, whatever its status."""
    return Strategy.objects.order_by("-version").first()


def latest_onboarding() -> OnboardingRun | None:
    """The newest research of the one tenant in scope."""
    return OnboardingRun.objects.order_by("-ref_id").first()


@dataclass(frozen=True)
class Narrative:
    """The long text of a strategy as it is kept: its Markdown, and a link to the same as a file, good for 15 minutes."""

    text: str
    url: str


def stored_narrative(strategy: Strategy) -> Narrative | None:
    """The strategy's narrative; None before it is written. Raises StorageUnavailable.

    Documents newer than the row's last move are left out: the attempt that wrote them did not come to its end.
    """
    if strategy.updated_on is None:
        return None
    written = {"strategyId": strategy.ref_id, "createdOn": {"$lte": strategy.updated_on}}
    found = storage.find(storage.StrategyContent, written, sort=[("_id", -1)], limit=1)
    if not found:
        return None
    pointer, document = found[0]
    return Narrative(
        text=storage.read_one(storage.StrategyContent, pointer).text,
        url=storage.url(storage.StrategyContent, pointer, file_name=f"strategy-v{document.version}.md"),
    )


def narrative_of(strategy: Strategy) -> str | None:
    """The strategy's Markdown; '' before it is written, None while the store does not answer."""
    try:
        found = stored_narrative(strategy)
    except storage.StorageUnavailable:
        return None
    return found.text if found else ""


def at_risk_by_client() -> dict[UUID, int]:
    """By tenant id, over all clients in scope: how many promises of a running period are at risk."""
    periods = DeliverablePeriod.objects.filter(status=PeriodStatus.AT_RISK)
    return dict(periods.values_list("tenant_id").annotate(Count("pk")))


def open_periods() -> QuerySet[DeliverablePeriod]:
    """The promises that are not closed yet, of the clients in scope."""
    return DeliverablePeriod.objects.filter(status__in=OPEN_PERIODS)


@dataclass(frozen=True)
class Progress:
    """One line of the monthly promise."""

    row: DeliverablePeriod
    name: str
    type: str
    target_count: int
    completed_count: int
    status: str
    pct_complete: Decimal | None  # with one decimal; None where nothing was promised
    period: str
    period_end: date
    goal_name: str

    @property
    def status_label(self) -> str:
        return PeriodStatus(self.status).label

    @property
    def words(self) -> str:
        """`2 of 3 blog posts published`."""
        one, many, done = COUNTED[DeliverableType(self.type)]
        return f"{self.completed_count} of {self.target_count} {one if self.target_count == 1 else many} {done}"


def deliverable_progress(*, at: datetime) -> list[Progress]:
    """The promises of the month that `at` falls in where the one tenant in scope is, by status and name; a quarter that
    contains that day is listed too."""
    today = at.astimezone(ZoneInfo(only_tenant().time_zone)).date()
    month = Q(period_start=today.replace(day=1))
    quarter = Q(deliverable__period=DeliverablePeriodLength.QUARTERLY, period_end__gte=today)
    rows = (
        DeliverablePeriod.objects.filter(
            month | quarter, period_start__lte=today
        )  # which narrows the index to the past
        .annotate(pct_complete=_percent(F("completed_count"), F("target_count")))
        .select_related("deliverable__goal")
        .order_by("status", "deliverable__name", "ref_id")
    )
    return [
        Progress(
            row=row,
            name=row.deliverable.name,
            type=row.deliverable.type,
            target_count=row.target_count,
            completed_count=row.completed_count,
            status=row.status,
            pct_complete=row.pct_complete,
            period=row.deliverable.period,
            period_end=row.period_end,
            goal_name=row.deliverable.goal.name,
        )
        for row in rows
    ]


def goal_progress(strategy: Strategy) -> QuerySet[Goal]:
    """The goals of a strategy by priority, each with `progress_pct`: how far from baseline to target, with one decimal.

    Below 0 when things got worse, over 100 when the target was passed, None when baseline and target are equal.
    """
    return _with_progress(Goal.objects.filter(strategy=strategy))


def _with_progress(goals: QuerySet[Goal]) -> QuerySet[Goal]:
    way, gone = F("target_value") - F("baseline_value"), F("current_value") - F("baseline_value")
    return goals.annotate(progress_pct=_percent(gone, way)).order_by("priority", "ref_id")


def _percent(part, whole) -> Round:
    """part / whole * 100, with one decimal, rounded half away from zero; NULL where the whole is 0."""
    whole = NullIf(Cast(whole, NUMERIC), Value(0, NUMERIC))
    number = DecimalField(max_digits=24, decimal_places=1)
    return Round(Cast(part, NUMERIC) / whole * Value(100, NUMERIC), precision=1, output_field=number)

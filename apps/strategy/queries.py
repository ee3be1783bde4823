"""Answers about strategies and promises."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Count

from apps import storage
from apps.shared.errors import NotFound

from .models import Deliverable, DeliverablePeriod, Goal, OnboardingRun, Strategy
from .statuses import COUNTED, DeliverableType, PeriodStatus, StrategyStatus


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
    return list(Goal.objects.filter(strategy=strategy).order_by("priority", "ref_id"))


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


@dataclass(frozen=True)
class Progress:
    """One line of the monthly promise."""

    name: str
    type: str
    period: str
    period_start: date
    period_end: date
    target_count: int
    completed_count: int
    status: str
    status_label: str
    pct_complete: float | None
    goal_name: str

    @property
    def words(self) -> str:
        """`2 of 3 blog posts published`."""
        one, many, done = COUNTED[DeliverableType(self.type)]
        return f"{self.completed_count} of {self.target_count} {one if self.target_count == 1 else many} {done}"


def progress(*, month_start: date, today: date) -> list[Progress]:
    """The month's promises with how much is done; a quarter that contains today is listed too."""
    periods = (
        DeliverablePeriod.objects.filter(period_start__lte=today, period_end__gte=month_start)
        .select_related("deliverable", "deliverable__goal")
        .order_by("status", "deliverable__name")
    )
    return [
        Progress(
            name=p.deliverable.name,
            type=p.deliverable.type,
            period=p.deliverable.period,
            period_start=p.period_start,
            period_end=p.period_end,
            target_count=p.target_count,
            completed_count=p.completed_count,
            status=p.status,
            status_label=p.get_status_display(),
            pct_complete=round(p.completed_count / p.target_count * 100, 1) if p.target_count else None,
            goal_name=p.deliverable.goal.name,
        )
        for p in periods
    ]

"""Every write of onboarding runs, strategies, goals and their readings, deliverables and periods."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, QuerySet

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotFound, OperationRefused
from apps.shared.ids import new_id
from apps.shared.scoping import TenantFacts, only_tenant
from apps.shared.transitions import touched

from .bodies import StrategyDraft
from .models import LARGEST, Deliverable, DeliverablePeriod, Goal, GoalReading, OnboardingRun, Strategy
from .statuses import (
    GOAL_MOVES,
    ONBOARDING_MOVES,
    PERIOD_MOVES,
    STRATEGY_MOVES,
    GoalStatus,
    OnboardingStatus,
    StrategyStatus,
)


class OnboardingUnderWay(OperationRefused):
    """Research for this client is under way already. Follow it on the client's page."""

    code = "onboarding_under_way"


def open_onboarding(tenant_id, *, by: Actor, at: datetime) -> OnboardingRun:
    """Begin the research of a client. Raises OnboardingUnderWay while one is open."""
    with transaction.atomic():
        if OnboardingRun.objects.filter(tenant_id=tenant_id).exclude(status=OnboardingStatus.COMPLETED).exists():
            raise OnboardingUnderWay
        run = OnboardingRun.objects.create(tenant_id=tenant_id, created_by=by.user, created_on=at)
        journal.record("onboarding.opened", run, by=by, at=at)
    return run


def start_research(run: OnboardingRun, *, by: Actor, at: datetime) -> OnboardingRun:
    """The first agent begins; a repeated beginning changes nothing."""
    return ONBOARDING_MOVES.perform(run, "start", by=by, at=at) if run.status == OnboardingStatus.PENDING else run


def keep_research(run: OnboardingRun, *, summary: str, by: Actor, at: datetime) -> OnboardingRun:
    """The short summary for lists; the texts themselves are in S3."""
    return _save(run, "onboarding.researched", by=by, at=at, research_output=summary)


def submit_context_file(run: OnboardingRun, *, skill_pointer: str, by: Actor, at: datetime) -> OnboardingRun:
    """The context file is written: a reviewer looks at it next."""
    return ONBOARDING_MOVES.perform(run, "submit", by=by, at=at, context_file_id=skill_pointer)


def replace_context_file(run: OnboardingRun, *, skill_pointer: str, by: Actor, at: datetime) -> OnboardingRun:
    """A person edited the context file: the row points at the new version."""
    return _save(run, "context_file.edited", by=by, at=at, context_file_id=skill_pointer)


def send_back_onboarding(run: OnboardingRun, *, by: Actor, at: datetime, note: str) -> None:
    ONBOARDING_MOVES.perform(run, "send_back", by=by, at=at)


def complete_onboarding(run: OnboardingRun, *, by: Actor, at: datetime, **_) -> None:
    """The context file is approved; the strategy follows."""
    ONBOARDING_MOVES.perform(run, "complete", by=by, at=at, reviewed_by=by.user, reviewed_on=at)


def begin_strategy(tenant_id, *, by: Actor, at: datetime) -> Strategy:
    """A new draft version, to be filled by the strategy writer."""
    with transaction.atomic():
        latest = (
            Strategy.objects.select_for_update(of=("self",)).filter(tenant_id=tenant_id).order_by("-version").first()
        )
        strategy = Strategy.objects.create(
            tenant_id=tenant_id, version=latest.version + 1 if latest else 1, created_by=by.user, created_on=at
        )
        journal.record("strategy.begun", strategy, by=by, at=at, after={"version": strategy.version})
    return strategy


def submit_strategy(strategy: Strategy, draft: StrategyDraft, *, by: Actor, at: datetime) -> Strategy:
    """Fill the draft with goals and deliverables, replacing those of an earlier draft, and ask the client."""
    with transaction.atomic():
        stamped = {"deleted_by": by.user, "deleted_on": at}
        Deliverable.objects.filter(strategy=strategy).update(**stamped)
        Goal.objects.filter(strategy=strategy).update(**stamped)
        today = _today(at)
        goals = [
            Goal(
                id=new_id(),
                tenant_id=strategy.tenant_id,
                strategy=strategy,
                name=goal.name,
                description=goal.description,
                metric=goal.metric,
                baseline_value=goal.baseline_value,
                current_value=goal.baseline_value,
                target_value=goal.target_value,
                period=goal.period,
                target_date=months_after(today, goal.target_months),
                priority=goal.priority,
                created_by=by.user,
                created_on=at,
            )
            for goal in draft.goals
        ]
        Goal.objects.bulk_create(goals)
        Deliverable.objects.bulk_create(
            Deliverable(
                id=new_id(),
                tenant_id=strategy.tenant_id,
                strategy=strategy,
                goal=goals[wanted.goal_index],
                type=wanted.type,
                name=wanted.name,
                quantity_per_period=wanted.quantity_per_period,
                period=wanted.period,
                platforms=list(wanted.platforms),
                created_by=by.user,
                created_on=at,
            )
            for wanted in draft.deliverables
        )
        return STRATEGY_MOVES.perform(
            strategy,
            "submit",
            by=by,
            at=at,
            summary=draft.summary,
            rationale=draft.rationale,
            period_months=draft.period_months,
        )


def send_back_strategy(strategy: Strategy, *, by: Actor, at: datetime, note: str) -> None:
    STRATEGY_MOVES.perform(strategy, "send_back", by=by, at=at)


def activate_strategy(strategy: Strategy, *, by: Actor, at: datetime, **_) -> None:
    """The client approved: this one is active from today, and the one before is archived in the same transaction."""
    with transaction.atomic():
        for former in Strategy.objects.filter(tenant_id=strategy.tenant_id, status=StrategyStatus.ACTIVE):
            STRATEGY_MOVES.perform(former, "archive", by=by, at=at)
        today = _today(at)
        STRATEGY_MOVES.perform(
            strategy,
            "activate",
            by=by,
            at=at,
            approved_by=by.user,
            approved_on=at,
            start_date=today,
            end_date=months_after(today, strategy.period_months),
        )


# What a reading does to a goal: (where it stands, where the value puts it) -> the moves. A goal that was not judged yet
# has no way to "at risk" but by "on track"; one that is paused or achieved stays.
JUDGED = {
    (GoalStatus.ACTIVE, GoalStatus.ON_TRACK): ["mark_on_track"],
    (GoalStatus.ACTIVE, GoalStatus.AT_RISK): ["mark_on_track", "mark_at_risk"],
    (GoalStatus.ON_TRACK, GoalStatus.AT_RISK): ["mark_at_risk"],
    (GoalStatus.AT_RISK, GoalStatus.ON_TRACK): ["mark_on_track"],
    (GoalStatus.ACTIVE, GoalStatus.ACHIEVED): ["achieve"],
    (GoalStatus.ON_TRACK, GoalStatus.ACHIEVED): ["achieve"],
    (GoalStatus.AT_RISK, GoalStatus.ACHIEVED): ["achieve"],
}


def record_reading(
    goal: Goal, *, value: Decimal, source: str, evidence: str = "", read_on: datetime, by: Actor, at: datetime
) -> GoalReading:
    """Keep what a goal's metric was at a moment; the latest reading is the goal's current value and sets its status.

    One reading per goal and moment: the one that exists is returned as it is and nothing changes. A reading from before
    the latest one is kept and changes neither value nor status. Raises InvalidInput, and NotFound when a newer draft
    replaced the goal.
    """
    _refuse_unreadable(value=value, source=source, read_on=read_on, at=at)
    with transaction.atomic():
        locked = Goal.objects.select_for_update(of=("self",)).filter(pk=goal.pk).first()
        if locked is None:
            raise NotFound
        readings = GoalReading.objects.filter(goal=locked)
        if existing := readings.filter(read_on=read_on).first():
            return existing
        is_latest = not readings.filter(read_on__gt=read_on).exists()
        reading = GoalReading.objects.create(
            tenant_id=locked.tenant_id,
            goal=locked,
            value=value,
            source=source,
            evidence=evidence,
            read_on=read_on,
            created_by=by.user,
            created_on=at,
        )
        before = locked.current_value
        if is_latest:
            locked.current_value, locked.updated_by, locked.updated_on = value, by.user, at
            locked.save(update_fields=["current_value", "updated_by", "updated_on"])
        journal.record(
            "goal.measured",
            locked,
            by=by,
            at=at,
            before={"current_value": str(before)},
            after={
                "current_value": str(locked.current_value),
                "reading": reading.ref_id,
                "read_on": read_on.isoformat(),
            },
        )
        if is_latest:
            verdict = judged(locked, on=_today(read_on))
            for move in JUDGED.get((GoalStatus(locked.status), verdict), []) if verdict else []:
                GOAL_MOVES.perform(locked, move, by=by, at=at)
    return reading


def judged(goal: Goal, *, on: date) -> GoalStatus | None:
    """Where its current value puts a goal on that day; None when that cannot be told.

    Reached is reached, whatever the day. Short of that, the part of the way from baseline to target that is done is
    held against the part of the time that is gone, counted from the strategy's start (the goal's own first day before
    that) to the target date; from the target date on, all of it is due. A goal without a target date has no pace, and
    one whose target is its baseline has no direction.
    """
    way = goal.target_value - goal.baseline_value
    if not way:
        return None
    done = Fraction(goal.current_value - goal.baseline_value) / Fraction(way)
    if done >= 1:
        return GoalStatus.ACHIEVED
    if goal.target_date is None:
        return None
    if on >= goal.target_date:
        return GoalStatus.AT_RISK
    start = goal.strategy.start_date or _today(goal.created_on)
    gone = (on - start).days
    due = Fraction(gone, (goal.target_date - start).days) if gone > 0 else 0
    return GoalStatus.ON_TRACK if done >= due else GoalStatus.AT_RISK


def _refuse_unreadable(*, value: Decimal, source: str, read_on: datetime, at: datetime) -> None:
    errors = {}
    if not value.is_finite() or abs(value) > LARGEST or value != round(value, 2):
        errors["value"] = [f"A number between -{LARGEST:,} and {LARGEST:,} with at most two decimals."]
    if not 1 <= len(source.strip()) <= len(source) <= 100:
        errors["source"] = ["Name the source in 1 to 100 characters."]
    if read_on > at:
        errors["read_on"] = ["A value cannot be read in the future."]
    if errors:
        raise InvalidInput(errors)


def open_periods(
    wanted: Sequence[tuple[Deliverable, date, date]], *, by: Actor, at: datetime
) -> list[DeliverablePeriod]:
    """The rows of these deliverables and their periods (first and last day), in the order of the list.

    One that exists is returned as it is, its target unchanged. A few statements, however many are wanted.
    """
    found = _periods(wanted)
    missing = [one for one in wanted if (one[0].pk, one[1]) not in found]
    if missing:
        with transaction.atomic():
            deliverables = Deliverable.objects.filter(pk__in=[deliverable.pk for deliverable, _, _ in missing])
            list(deliverables.order_by("pk").select_for_update(of=("self",)))  # two planners take turns
            found |= _periods(missing)
            made = DeliverablePeriod.objects.bulk_create(
                DeliverablePeriod(
                    tenant_id=deliverable.tenant_id,
                    deliverable=deliverable,
                    period_start=start,
                    period_end=end,
                    target_count=deliverable.quantity_per_period,
                    created_by=by.user,
                    created_on=at,
                )
                for deliverable, start, end in missing
                if (deliverable.pk, start) not in found
            )
            journal.record_each(
                "period.opened", ((period, {"target_count": period.target_count}) for period in made), by=by, at=at
            )
        found |= {(period.deliverable_id, period.period_start): period for period in made}
    periods = []
    for deliverable, start, _ in wanted:
        period = found[deliverable.pk, start]
        period.deliverable = deliverable
        periods.append(period)
    return periods


def _periods(wanted: Sequence[tuple[Deliverable, date, date]]) -> dict[tuple[UUID, date], DeliverablePeriod]:
    """Those of them that exist, by deliverable and first day."""
    rows = DeliverablePeriod.objects.filter(
        deliverable__in=[deliverable.pk for deliverable, _, _ in wanted],
        period_start__in={start for _, start, _ in wanted},
    )
    return {(row.deliverable_id, row.period_start): row for row in rows}


def close_periods(periods: QuerySet[DeliverablePeriod], *, tenant: TenantFacts, by: Actor, at: datetime) -> list[str]:
    """Close those of these periods whose last day is over where the client is: completed when the target was reached,
    missed otherwise. Returns their ref_ids. Closed ones stay as they are, so closing again changes nothing.

    Counts are compared under the rows' locks: a unit that counts at the same moment comes before or after, not between.
    """
    over = periods.filter(period_end__lt=at.astimezone(ZoneInfo(tenant.time_zone)).date())
    kept = over.filter(completed_count__gte=F("target_count"))
    with transaction.atomic():
        PERIOD_MOVES.perform_many(kept, "start", by=by, at=at)  # nothing was promised, so nothing was ever begun
        closed = PERIOD_MOVES.perform_many(kept, "complete", by=by, at=at)
        return closed + PERIOD_MOVES.perform_many(
            over.filter(completed_count__lt=F("target_count")), "miss", by=by, at=at
        )


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last day of that month."""
    years, month = divmod(day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(day.year + years, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def _today(at: datetime) -> date:
    return at.astimezone(ZoneInfo(only_tenant().time_zone)).date()


def _save(row, code: str, *, by: Actor, at: datetime, **changes):
    with transaction.atomic():
        row = type(row).objects.select_for_update(of=("self",)).get(pk=row.pk)
        before = {name: getattr(row, name) for name in changes}
        changes = {**changes, **touched(type(row), by=by, at=at)}
        for field, value in changes.items():
            setattr(row, field, value)
        row.save(update_fields=list(changes))
        journal.record(code, row, by=by, at=at, before=before, after={name: changes[name] for name in before})
    return row

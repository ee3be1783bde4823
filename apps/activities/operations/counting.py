"""How much of a promise is done: recounted from what is true, so any order of events gives the same number."""

from datetime import datetime

from django.db import transaction

from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.scoping import facts_of
from apps.shared.transitions import touched
from apps.strategy import operations as strategy_operations
from apps.strategy.models import DeliverablePeriod
from apps.strategy.statuses import OPEN_PERIODS, PERIOD_MOVES, PeriodStatus

from ..models import Activity
from ..statuses import ActivityStatus


def hold(step: Activity) -> None:
    """Lock the period of a step whose changes may change its count. Part of a transaction, before the step is changed.

    A row that is changed twice in a transaction has its foreign keys checked again, which holds the period FOR KEY SHARE.
    Two that finish at once would both hold it so and then wait for each other to count.
    """
    locks.take(step.deliverable_period)


def recount(period: DeliverablePeriod, *, by: Actor, at: datetime) -> None:
    """Set completed_count to what is true: units whose counting step is completed. Closed periods stay as they are.

    What happens after the period's last day counts for no more: the period is closed first, with the count it had. So
    the result does not hang on when the hourly round comes by.
    """
    with transaction.atomic():
        period = DeliverablePeriod.objects.select_for_update(of=("self",)).get(pk=period.pk)
        if period.status not in OPEN_PERIODS:
            return
        itself = DeliverablePeriod.objects.filter(pk=period.pk)
        if strategy_operations.close_periods(itself, tenant=facts_of(period.tenant_id), by=by, at=at):
            return
        # A unit of several posts has a counting step for each: it counts when one is completed and none is open any more.
        counting = Activity.objects.filter(
            deliverable_period=period,
            parent_activity__isnull=False,
            input_data__step__counts_unit=True,
            parent_activity__deleted_on__isnull=True,
        )
        still_open = counting.exclude(status__in=[ActivityStatus.COMPLETED, ActivityStatus.CANCELLED])
        kept = counting.filter(status=ActivityStatus.COMPLETED).exclude(
            parent_activity__in=still_open.values("parent_activity")
        )
        done = kept.values("parent_activity").distinct().count()
        if done == period.completed_count:
            return
        before, period.completed_count = period.completed_count, done
        for field, value in touched(DeliverablePeriod, by=by, at=at).items():
            setattr(period, field, value)
        period.save(update_fields=["completed_count", "updated_by", "updated_on"])
        journal.record(
            "period.counted", period, by=by, at=at, before={"completed_count": before}, after={"completed_count": done}
        )
        if done >= period.target_count and period.status in (PeriodStatus.IN_PROGRESS, PeriodStatus.AT_RISK):
            PERIOD_MOVES.perform(period, "complete", by=by, at=at)

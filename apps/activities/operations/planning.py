"""From an approved strategy to this month's work. Planning twice adds nothing."""

import calendar
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.shared.actors import Actor
from apps.shared.scoping import TenantFacts
from apps.strategy import operations as strategy_operations
from apps.strategy.models import Deliverable, DeliverablePeriod
from apps.strategy.statuses import (
    PERIOD_MOVES,
    DeliverablePeriodLength,
    PeriodStatus,
    StrategyStatus,
)

from ..models import Activity, ActivityTemplate
from .pipelines import spawn_unit


def plan_tenant(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """This period's row for each active deliverable of the active strategy, and one unit per promised piece.

    Months and quarters follow the tenant's time zone. Each unit is a transaction of its own; returns the units made.
    """
    today = at.astimezone(ZoneInfo(tenant.time_zone)).date()
    made = 0
    deliverables = Deliverable.objects.filter(is_active=True, strategy__status=StrategyStatus.ACTIVE).select_related(
        "goal"
    )
    for deliverable in deliverables.order_by("ref_id"):
        start, end = period_around(today, deliverable.period)
        period = strategy_operations.open_period(deliverable, start=start, end=end, by=by, at=at)
        template = template_for(deliverable)
        if template is None:
            continue  # a promise without a pipeline yet shows as not started; no work can be made for it
        for number in range(1, period.target_count + 1):
            made += _unit(template, period, deliverable, number, by=by, at=at)
    return made


def _unit(
    template: ActivityTemplate,
    period: DeliverablePeriod,
    deliverable: Deliverable,
    number: int,
    *,
    by: Actor,
    at: datetime,
) -> int:
    origin = f"period:{period.ref_id}/{number}"
    if Activity.with_deleted.filter(tenant_id=period.tenant_id, origin_key=f"{origin}/unit").exists():
        return 0
    with transaction.atomic():
        spawn_unit(
            template,
            tenant_id=period.tenant_id,
            title=f"{deliverable.name}: {number} of {period.target_count}, {period.period_start:%B %Y}",
            origin=origin,
            by=by,
            at=at,
            period=period,
            number=number,
        )
        if period.status == PeriodStatus.NOT_STARTED:
            PERIOD_MOVES.perform(period, "start", by=by, at=at)
            period.refresh_from_db()
    return 1


def template_for(deliverable: Deliverable) -> ActivityTemplate | None:
    """The deliverable's own template, else the client's active one of the type, else the global one."""
    templates = ActivityTemplate.objects.filter(is_active=True)
    if deliverable.template_id:
        return templates.filter(ref_id=deliverable.template_id).first()
    of_type = templates.filter(deliverable_type=deliverable.type)
    return of_type.filter(tenant_id=deliverable.tenant_id).first() or of_type.filter(tenant=None).first()


def period_around(day: date, length: str) -> tuple[date, date]:
    """First and last day, inclusive, of the month or quarter that holds this day."""
    if length == DeliverablePeriodLength.QUARTERLY:
        first = day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
        last_month = first.month + 2
    else:
        first, last_month = day.replace(day=1), day.month
    return first, first.replace(month=last_month, day=calendar.monthrange(first.year, last_month)[1])

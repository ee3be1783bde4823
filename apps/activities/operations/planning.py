"""From an approved strategy to this month's work, and from there to a promise kept or missed. Twice adds nothing."""

import calendar
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.scoping import TenantFacts
from apps.strategy import operations as strategy_operations
from apps.strategy import queries as strategy_queries
from apps.strategy.models import Deliverable, DeliverablePeriod
from apps.strategy.statuses import (
    OPEN_PERIODS,
    PERIOD_MOVES,
    DeliverablePeriodLength,
    PeriodStatus,
    StrategyStatus,
)

from .. import queries
from ..models import Activity, ActivityTemplate
from .pipelines import spawn_unit

UNITS_AT_ONCE = 10  # in one transaction: about 300 statements, which is well below a second


def plan_tenant(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """This period's row for each active deliverable of the active strategy, and one unit per promised piece.

    Months and quarters follow the tenant's time zone. Units are made a few at a time, each few in a transaction of its
    own: whoever is killed in between loses nothing, and the next round makes the rest. A closed period gets no more
    units, whatever it lacks. Returns the units made.
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
        if template is None or period.status not in OPEN_PERIODS:
            continue  # a promise without a pipeline yet shows as not started; no work can be made for it
        missing = _missing(period, range(1, period.target_count + 1))
        for first in range(0, len(missing), UNITS_AT_ONCE):
            made += _units(
                template, period, deliverable, missing[first : first + UNITS_AT_ONCE], tenant=tenant, by=by, at=at
            )
    return made


def _units(
    template: ActivityTemplate,
    period: DeliverablePeriod,
    deliverable: Deliverable,
    numbers: Sequence[int],
    *,
    tenant: TenantFacts,
    by: Actor,
    at: datetime,
) -> int:
    """These units of the period, in one transaction; with the first of them the period starts."""
    with transaction.atomic():
        (period,) = locks.take(
            period
        )  # two planners take turns, and neither adds to a period that was closed meanwhile
        if period.status not in OPEN_PERIODS:
            return 0
        missing = _missing(period, numbers)
        for number in missing:
            spawn_unit(
                template,
                tenant_id=tenant.id,
                title=f"{deliverable.name}: {number} of {period.target_count}, {period.period_start:%B %Y}",
                origin=_origin(period, number),
                by=by,
                at=at,
                period=period,
                number=number,
            )
        if missing and period.status == PeriodStatus.NOT_STARTED:
            PERIOD_MOVES.perform(period, "start", by=by, at=at)
    return len(missing)


def _origin(period: DeliverablePeriod, number: int) -> str:
    return f"period:{period.ref_id}/{number}"


def _missing(period: DeliverablePeriod, numbers: Sequence[int]) -> list[int]:
    """Which of these units were never made; one that was cancelled or deleted is not made again."""
    wanted = {f"{_origin(period, number)}/unit": number for number in numbers}
    made = Activity.with_deleted.filter(tenant_id=period.tenant_id, origin_key__in=wanted)
    return sorted(set(numbers).difference(wanted[origin] for origin in made.values_list("origin_key", flat=True)))


def tend_periods(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """Close the client's periods whose last day is over, and put those that will not be kept at risk, or back.

    The forecast decides, so doing it again changes nothing until something happened or time went by. A few statements
    per client, however many periods it has. Returns how many periods moved.
    """
    moved = len(strategy_operations.close_periods(strategy_queries.open_periods(), tenant=tenant, by=by, at=at))
    wanted = defaultdict(list)
    for outlook in queries.forecast(strategy_queries.open_periods(), at=at).values():
        if outlook.status == PeriodStatus.AT_RISK and outlook.is_on_course:
            wanted["recover" if outlook.has_begun else "rest"].append(outlook.period_ref)
        elif outlook.status != PeriodStatus.AT_RISK and not outlook.is_on_course:
            wanted["mark_at_risk"].append(outlook.period_ref)
    for move, refs in wanted.items():
        moved += len(PERIOD_MOVES.perform_many(DeliverablePeriod.objects.filter(ref_id__in=refs), move, by=by, at=at))
    return moved


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

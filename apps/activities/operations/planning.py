"""From an approved strategy to this month's work, and from there to a promise kept or missed. Twice adds nothing."""

import calendar
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Q

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

from .. import forecasting
from ..models import ActivityTemplate
from .spawning import NewUnit, spawn_units

CLIENTS_AT_ONCE = 50  # whose periods and missing units are asked for in one statement
UNITS_AT_ONCE = 250  # in one transaction: 2,250 activities and their order, about a fifth of a second


def plan_tenant(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """`plan_tenants` for one."""
    return plan_tenants([tenant], by=by, at=at)


def plan_tenants(tenants: Sequence[TenantFacts], *, by: Actor, at: datetime) -> int:
    """For each client this period's row of every active deliverable of its active strategy, and one unit per promised piece.

    Months and quarters follow the tenant's time zone. However many clients, it takes a few statements for each
    UNITS_AT_ONCE units, which are a transaction of their own: whoever is killed in between loses nothing, and the next
    round makes the rest. A closed period gets no more units, whatever it lacks. Returns the units made.
    """
    today = {tenant.id: at.astimezone(ZoneInfo(tenant.time_zone)).date() for tenant in tenants}
    deliverables = list(
        Deliverable.objects.filter(
            tenant_id__in=today, is_active=True, strategy__status=StrategyStatus.ACTIVE
        ).order_by("tenant_id", "ref_id")
    )
    if not deliverables:
        return 0
    wanted = [
        (deliverable, *period_around(today[deliverable.tenant_id], deliverable.period)) for deliverable in deliverables
    ]
    periods = strategy_operations.open_periods(wanted, by=by, at=at)
    units = _missing(_units(periods, templates_for(deliverables)))
    return sum(
        _make(units[first : first + UNITS_AT_ONCE], by=by, at=at) for first in range(0, len(units), UNITS_AT_ONCE)
    )


def _units(periods: Sequence[DeliverablePeriod], templates: dict[UUID, ActivityTemplate]) -> list[NewUnit]:
    """All that these periods promise. One without a pipeline yet shows as not started: no work can be made for it."""
    return [
        NewUnit(
            templates[period.deliverable_id],
            tenant_id=period.tenant_id,
            title=f"{period.deliverable.name}: {number} of {period.target_count}, {period.period_start:%B %Y}",
            origin=f"period:{period.ref_id}/{number}",
            period=period,
            number=number,
        )
        for period in periods
        if period.status in OPEN_PERIODS and period.deliverable_id in templates
        for number in range(1, period.target_count + 1)
    ]


# Pairs, because two lists would be looked up crosswise: every key at every client.
ALREADY_MADE = """
SELECT a.tenant_id, a.origin_key
  FROM unnest(%(tenants)s::uuid[], %(keys)s::text[]) AS wanted(tenant_id, origin_key)
  JOIN activities a ON a.tenant_id = wanted.tenant_id AND a.origin_key = wanted.origin_key
"""


def _missing(units: Sequence[NewUnit]) -> list[NewUnit]:
    """Which of these were never made; one that was cancelled or deleted is not made again."""
    with connection.cursor() as cursor:
        tenants, keys = [unit.tenant_id for unit in units], [unit.origin_key for unit in units]
        cursor.execute(ALREADY_MADE, {"tenants": tenants, "keys": keys})
        made = set(cursor.fetchall())
    return [unit for unit in units if (unit.tenant_id, unit.origin_key) not in made]


def _make(units: Sequence[NewUnit], *, by: Actor, at: datetime) -> int:
    """These units, in one transaction; with the first of its units a period starts."""
    with transaction.atomic():
        # Two planners take turns, and neither adds to a period that was closed meanwhile.
        periods = DeliverablePeriod.objects.filter(pk__in={unit.period.pk for unit in units if unit.period})
        locked = periods.filter(status__in=OPEN_PERIODS).order_by("pk").select_for_update(of=("self",))
        still_open = set(locked.values_list("pk", flat=True))
        made = spawn_units([unit for unit in units if unit.period and unit.period.pk in still_open], by=by, at=at)
        if made:
            PERIOD_MOVES.perform_many(periods.filter(pk__in=still_open), "start", by=by, at=at)
    return made


def tend_periods(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """Close the client's periods whose last day is over, and put those that will not be kept at risk, or back.

    The forecast decides, so doing it again changes nothing until something happened or time went by. A few statements
    per client, however many periods it has. Returns how many periods moved.
    """
    moved = len(strategy_operations.close_periods(strategy_queries.open_periods(), tenant=tenant, by=by, at=at))
    wanted = defaultdict(list)
    for outlook in forecasting.forecast(strategy_queries.open_periods(), at=at).values():
        if outlook.status == PeriodStatus.AT_RISK and outlook.is_on_course:
            wanted["recover" if outlook.has_begun else "rest"].append(outlook.period_ref)
        elif outlook.status != PeriodStatus.AT_RISK and not outlook.is_on_course:
            wanted["mark_at_risk"].append(outlook.period_ref)
    for move, refs in wanted.items():
        moved += len(PERIOD_MOVES.perform_many(DeliverablePeriod.objects.filter(ref_id__in=refs), move, by=by, at=at))
    return moved


def templates_for(deliverables: Sequence[Deliverable]) -> dict[UUID, ActivityTemplate]:
    """By deliverable: its own template, else its client's active one of the type, else the global one; absent if none."""
    templates = ActivityTemplate.objects.filter(is_active=True).filter(
        Q(ref_id__in=[one.template_id for one in deliverables if one.template_id])
        | Q(deliverable_type__in={one.type for one in deliverables})
    )
    by_ref = {template.ref_id: template for template in templates}
    by_type = {(template.tenant_id, template.deliverable_type): template for template in by_ref.values()}
    found = {}
    for deliverable in deliverables:
        if deliverable.template_id:
            template = by_ref.get(deliverable.template_id)
            if template and template.tenant_id not in (None, deliverable.tenant_id):
                template = None  # another client's, which is planned beside this one
        else:
            template = by_type.get((deliverable.tenant_id, deliverable.type)) or by_type.get((None, deliverable.type))
        if template:
            found[deliverable.pk] = template
    return found


def period_around(day: date, length: str) -> tuple[date, date]:
    """First and last day, inclusive, of the month or quarter that holds this day."""
    if length == DeliverablePeriodLength.QUARTERLY:
        first = day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
        last_month = first.month + 2
    else:
        first, last_month = day.replace(day=1), day.month
    return first, first.replace(month=last_month, day=calendar.monthrange(first.year, last_month)[1])

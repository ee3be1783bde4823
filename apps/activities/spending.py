"""What a client's work cost: by agent and model, and for each promise beside what its units are worth. Reads only.

Costs are what was settled for the calls, as the caps count it. A run that died knows nothing of what it cost.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.billing.models import SpendReservation
from apps.billing.worth import worth_of_unit_usd
from apps.shared.scoping import TenantFacts
from apps.strategy.models import DeliverablePeriod

from .models import Activity, ActivityRun, LlmCall, ToolCall
from .models.work import ASKED_FOR
from .statuses import ActivityStatus

NOTHING = Decimal(0)


@dataclass(frozen=True)
class AgentSpend:
    """The calls of one agent to one model in a month, or its uses of one paid tool, whose name stands as `model_id`.

    `cost_usd` holds also what calls cost of which no answer was heard; they are not in `calls`.
    """

    agent_role: str
    model_id: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: Decimal


@dataclass(frozen=True)
class PromiseCost:
    """What the work for one promise of a period cost, all attempts included, and what its finished units are worth.

    `worth_usd` is None where the client's plan gives credits no price.
    """

    name: str
    deliverable_type: str
    completed: int
    promised: int
    runs: int
    cost_usd: Decimal
    worth_usd: Decimal | None

    @property
    def cost_per_unit_usd(self) -> Decimal | None:
        return self.cost_usd / self.completed if self.completed else None

    @property
    def margin_usd(self) -> Decimal | None:
        return None if self.worth_usd is None else self.worth_usd - self.cost_usd


@dataclass(frozen=True)
class OtherCost:
    """What the month's runs cost that serve no promise, and how many pieces of it were finished in that month."""

    name: str
    completed: int
    runs: int
    cost_usd: Decimal

    @property
    def cost_per_unit_usd(self) -> Decimal | None:
        return self.cost_usd / self.completed if self.completed else None


def next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def spend_by_agent(tenant: TenantFacts, month: date) -> list[AgentSpend]:
    """The month's calls and uses of paid tools, in the client's time zone, the dearest first."""
    began, ended = _moments(tenant, month)
    calls = (
        LlmCall.objects.filter(tenant_id=tenant.id, created_on__gte=began, created_on__lt=ended)
        .values("agent_role", "model_id")
        .annotate(
            calls=Count("id"),
            input_tokens=Sum("input_tokens"),
            cached_input_tokens=Sum("cached_input_tokens"),
            output_tokens=Sum("output_tokens"),
        )
        .order_by("agent_role", "model_id")
    )
    tools = (
        ToolCall.objects.filter(tenant_id=tenant.id, created_on__gte=began, created_on__lt=ended)
        .filter(output__has_key="cost_usd")
        .values(agent_role=F("activity_run__activity__assignee_agent_role"), model_id=F("tool_name"))
        .annotate(calls=Count("id"))
        .order_by("agent_role", "model_id")
    )
    paid = SpendReservation.objects.filter(tenant_id=tenant.id, month=month, settled_usd__gt=0).order_by()
    costs = {
        (role, model): cost
        for role, model, cost in paid.values_list("agent_role", "model_id").annotate(Sum("settled_usd"))
    }
    used = {(row["agent_role"], row["model_id"]): row for row in [*calls, *tools]}
    none = {"calls": 0, "input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0}
    found = []
    for role, model in {*used, *costs}:
        known = {**none, **used.get((role, model), {"agent_role": role, "model_id": model})}
        found.append(AgentSpend(**known, cost_usd=costs.get((role, model), NOTHING)))
    return sorted(found, key=lambda row: (-row.cost_usd, row.agent_role, row.model_id))


def _moments(tenant: TenantFacts, month: date) -> tuple[datetime, datetime]:
    """When the month begins and ends on the client's clock."""
    zone = ZoneInfo(tenant.time_zone)
    first, last = (datetime(day.year, day.month, 1, tzinfo=zone) for day in (month, next_month(month)))
    return first, last


def cost_beside_promises(tenant: TenantFacts, month: date) -> list[OtherCost]:
    """Ad-hoc work, and all else that no promise stands behind (onboarding, strategy, tasks); what did not occur is left out.

    By the month in which a run and a call began. With the promises' own costs nothing that was spent is missing.
    """
    began, ended = _moments(tenant, month)
    counted = (
        ActivityRun.objects.filter(
            tenant_id=tenant.id,
            started_on__gte=began,
            started_on__lt=ended,
            activity__deliverable_period__isnull=True,
        )
        .order_by()
        .values(is_asked=Q(activity__origin_key__isnull=False) & Q(activity__origin_key__startswith=ASKED_FOR))
        .annotate(runs=Count("id"))
    )
    runs = {row["is_asked"]: row["runs"] for row in counted}
    without = Activity.with_deleted.filter(tenant_id=tenant.id, deliverable_period__isnull=True)
    for_asked = Q(activity_ref__in=without.filter(origin_key__startswith=ASKED_FOR).values("ref_id"))
    cost = SpendReservation.objects.filter(
        tenant_id=tenant.id, month=month, activity_ref__in=without.values("ref_id")
    ).aggregate(
        asked=Coalesce(Sum("settled_usd", filter=for_asked), NOTHING),
        other=Coalesce(Sum("settled_usd", filter=~for_asked), NOTHING),
    )
    asked = Activity.objects.filter(
        tenant_id=tenant.id, origin_key__startswith=ASKED_FOR, parent_activity__isnull=True, completed_on__gte=began
    )
    done = asked.filter(completed_on__lt=ended, status=ActivityStatus.COMPLETED).count()
    return [
        OtherCost(name, done if is_asked else 0, runs.get(is_asked, 0), usd)
        for name, is_asked, usd in (("Ad hoc", True, cost["asked"]), ("Other work", False, cost["other"]))
        if is_asked in runs or usd
    ]


def cost_by_promise(tenant: TenantFacts, month: date, *, plan: str) -> list[PromiseCost]:
    """The promises whose period touches the month, in two statements; a quarter's costs stand in each of its months."""
    periods = DeliverablePeriod.objects.filter(period_start__lt=next_month(month), period_end__gte=month)
    begun = ActivityRun.objects.filter(activity=OuterRef("pk")).order_by().values("activity")
    paid = SpendReservation.objects.filter(activity_ref=OuterRef("ref_id")).order_by().values("activity_ref")
    costs = {
        row["deliverable_period"]: row
        for row in Activity.with_deleted.filter(deliverable_period__in=periods)
        .order_by()
        .values("deliverable_period")
        .annotate(
            runs=Coalesce(Sum(Subquery(begun.annotate(count=Count("pk")).values("count"))), 0),
            cost=Coalesce(Sum(Subquery(paid.annotate(usd=Sum("settled_usd")).values("usd"))), NOTHING),
        )
    }
    found = []
    for period in periods.select_related("deliverable").order_by("deliverable__name", "ref_id"):
        cost = costs.get(period.pk, {"runs": 0, "cost": NOTHING})
        worth = worth_of_unit_usd(plan, period.deliverable.type)
        found.append(
            PromiseCost(
                name=period.deliverable.name,
                deliverable_type=period.deliverable.type,
                completed=period.completed_count,
                promised=period.target_count,
                runs=cost["runs"],
                cost_usd=cost["cost"],
                worth_usd=None if worth is None else worth * period.completed_count,
            )
        )
    return found

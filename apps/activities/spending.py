"""What a client's work cost: by agent and model, and for each promise beside what its units are worth. Reads only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, DecimalField, F, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from apps.billing.worth import worth_of_unit_usd
from apps.shared.scoping import TenantFacts
from apps.strategy.models import DeliverablePeriod

from .models import ActivityRun, LlmCall, ToolCall

NOTHING = Decimal(0)


@dataclass(frozen=True)
class AgentSpend:
    """The calls of one agent to one model in a month, or its uses of one paid tool, whose name stands as `model_id`."""

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


def next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def spend_by_agent(tenant: TenantFacts, month: date) -> list[AgentSpend]:
    """The month's calls and uses of paid tools, in the client's time zone, the dearest first."""
    zone = ZoneInfo(tenant.time_zone)
    began, ended = (datetime(day.year, day.month, 1, tzinfo=zone) for day in (month, next_month(month)))
    rows = (
        LlmCall.objects.filter(tenant_id=tenant.id, created_on__gte=began, created_on__lt=ended)
        .values("agent_role", "model_id")
        .annotate(
            calls=Count("id"),
            input_tokens=Sum("input_tokens"),
            cached_input_tokens=Sum("cached_input_tokens"),
            output_tokens=Sum("output_tokens"),
            cost_usd=Sum("cost_usd"),
        )
        .order_by("-cost_usd", "agent_role", "model_id")
    )
    tools = (
        ToolCall.objects.filter(tenant_id=tenant.id, created_on__gte=began, created_on__lt=ended)
        .filter(output__has_key="cost_usd")
        .values(agent_role=F("activity_run__activity__assignee_agent_role"), model_id=F("tool_name"))
        .annotate(
            calls=Count("id"),
            cost_usd=Sum(Cast(KeyTextTransform("cost_usd", "output"), DecimalField(max_digits=10, decimal_places=6))),
        )
        .order_by("agent_role", "model_id")
    )
    none = {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0}
    found = [AgentSpend(**row) for row in rows] + [AgentSpend(**row, **none) for row in tools]
    return sorted(found, key=lambda row: -row.cost_usd)


def cost_by_promise(tenant: TenantFacts, month: date, *, plan: str) -> list[PromiseCost]:
    """The promises whose period touches the month, in one statement; a quarter's costs stand in each of its months."""
    periods = DeliverablePeriod.objects.filter(period_start__lt=next_month(month), period_end__gte=month)
    costs = {
        row["activity__deliverable_period"]: row
        for row in ActivityRun.objects.filter(activity__deliverable_period__in=periods)
        .order_by()
        .values("activity__deliverable_period")
        .annotate(runs=Count("id"), cost=Coalesce(Sum("cost_usd"), NOTHING))
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

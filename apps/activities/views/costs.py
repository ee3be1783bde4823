"""What one client's work costs, and what it is worth."""

from datetime import date
from decimal import Decimal

from django.http import HttpRequest, HttpResponse

from apps.billing.operations import month_of
from apps.shared.errors import NotFound
from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import queries, spending
from ..bodies import role_name

AGENT_COLUMNS = [
    {"label": "Agent"},
    {"label": "Cost", "numeric": True},  # beside the name, where a phone shows it too
    {"label": "Calls", "numeric": True},
    {"label": "Tokens read", "numeric": True},
    {"label": "of them cached", "numeric": True},
    {"label": "Tokens written", "numeric": True},
    {"label": "Model"},
]
PROMISE_COLUMNS = [
    {"label": "Promise"},
    {"label": "Done", "numeric": True},
    {"label": "Cost", "numeric": True},
    {"label": "Per unit", "numeric": True},
    {"label": "Worth", "numeric": True},
    {"label": "Margin", "numeric": True},
    {"label": "Runs", "numeric": True},
]


@portal.dm()
def costs(request: HttpRequest) -> HttpResponse:
    """A month's spending against its cap, by agent and by promise; `?month=2026-05`, this month without."""
    require(request.actor, "usage.read")
    facts = request.tenant.facts
    this_month = month_of(request.at, facts.time_zone)
    month = _month(request.GET.get("month"), default=this_month)
    agents = spending.spend_by_agent(facts, month)
    promises = spending.cost_by_promise(facts, month, plan=request.tenant.plan)
    is_now = month == this_month
    context = {
        "month": month,
        "is_now": is_now,
        "earlier": f"{spending.month_before(month):%Y-%m}",
        "later": "" if is_now else f"{spending.next_month(month):%Y-%m}",
        "spend": queries.spend_of_month(facts, at=request.at) if is_now else None,
        "total_usd": sum((row.cost_usd for row in agents), Decimal(0)),
        "calls": sum(row.calls for row in agents),
        "agents": [{"who": role_name(row.agent_role), "spend": row} for row in agents],
        "agent_columns": AGENT_COLUMNS,
        "promises": promises,
        "others": spending.cost_beside_promises(facts, month),
        "promise_columns": PROMISE_COLUMNS,
        "has_price": any(row.worth_usd is not None for row in promises),
    }
    return portal.respond(request, "dm/activities/costs.html", context)


def _month(wanted: str | None, *, default: date) -> date:
    """The first of the month asked for; raises NotFound for what is no month, or one that has not begun."""
    if wanted is None:
        return default
    try:
        month = date.fromisoformat(f"{wanted}-01")
    except ValueError:
        raise NotFound from None
    if month > default or month.year < 2000:
        raise NotFound
    return month

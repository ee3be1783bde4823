"""The client's strategy."""

from django.http import HttpRequest, HttpResponse

from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import queries
from ..statuses import StrategyStatus


@portal.app()
def strategy(request: HttpRequest) -> HttpResponse:
    """The strategy that applies, or the one that waits for the client when there is none yet."""
    require(request.actor, "strategy.read")
    latest, active = queries.latest_strategy(), queries.active_strategy()
    waits = latest if latest and latest.status == StrategyStatus.AWAITING_APPROVAL else None
    shown = active or waits
    context = {
        "strategy": shown,
        "waiting": waits,
        "is_being_written": latest is not None and latest.status == StrategyStatus.DRAFT,
        "narrative": queries.narrative_of(shown) if shown else "",
        "goals": queries.with_readings(queries.goals_of(shown)) if shown else [],
        "deliverables": queries.deliverables_of(shown) if shown else [],
    }
    return portal.respond(request, "app/strategy/strategy.html", context)

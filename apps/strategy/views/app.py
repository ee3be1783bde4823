"""The client's strategy and what was promised this month."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse

from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import queries
from ..statuses import PeriodStatus, StrategyStatus

# What a client reads for the status of a period, and its tone.
PERIOD_WORDS = {
    PeriodStatus.NOT_STARTED: ("Not begun yet", "neutral"),
    PeriodStatus.IN_PROGRESS: ("On the way", "info"),
    PeriodStatus.COMPLETED: ("Done", "success"),
    PeriodStatus.AT_RISK: ("Behind, your agency is on it", "warning"),
    PeriodStatus.MISSED: ("Not reached", "danger"),
}


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
        "goals": queries.goals_of(shown) if shown else [],
        "deliverables": queries.deliverables_of(shown) if shown else [],
    }
    return portal.respond(request, "app/strategy/strategy.html", context)


@portal.app()
def progress(request: HttpRequest) -> HttpResponse:
    """This month's promises, how much of each is done, and the goal each serves."""
    require(request.actor, "strategy.read")
    today = request.at.astimezone(ZoneInfo(request.tenant.timezone)).date()
    rows = []
    for line in queries.deliverable_progress(at=request.at):
        label, tone = PERIOD_WORDS[PeriodStatus(line.status)]
        rows.append({"line": line, "label": label, "tone": tone})
    return portal.respond(request, "app/strategy/progress.html", {"rows": rows, "today": today})

"""Pages of the client dashboard that span apps: home, and how the month stands."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps.activities import forecasting
from apps.activities import queries as work
from apps.activities.statuses import HumanRole
from apps.content import queries as content
from apps.strategy import queries as strategies
from apps.strategy.statuses import PeriodStatus
from apps.tenants.doors import portal
from apps.tenants.permissions import may, require

from .. import promises
from . import queries

SHOWN = 5
# What a client reads for the status of a period, and its tone.
PERIOD_WORDS = {
    PeriodStatus.NOT_STARTED: ("Not begun yet", "neutral"),
    PeriodStatus.IN_PROGRESS: ("On the way", "info"),
    PeriodStatus.COMPLETED: ("Done", "success"),
    PeriodStatus.AT_RISK: ("Behind, your agency is on it", "warning"),
    PeriodStatus.MISSED: ("Not reached", "danger"),
}


@portal.app()
def home(request: HttpRequest) -> HttpResponse:
    """What waits for you, what happens now, what went live, and how the month stands."""
    today = request.at.astimezone(ZoneInfo(request.tenant.timezone)).date()
    waiting = [
        {
            "approval": approval,
            "title": work.title_of(approval),
            "opening": work.opening_of(approval),
            "kind": approval.get_subject_type_display(),
            "href": reverse("app:approval", args=[approval.ref_id]),
        }
        for approval in work.waiting_approvals(required_role=HumanRole.ADMIN)[: SHOWN + 1]
    ]
    happening = queries.happening_now()
    context = {
        "waiting": waiting[:SHOWN],
        "has_more_waiting": len(waiting) > SHOWN,
        "may_decide": may(request.actor, "approval.decide_as_admin"),
        "happening": happening,
        "published": content.published_posts(limit=SHOWN),
        "promise": queries.promise(at=request.at),
        "today": today,
        "may_ask": may(request.actor, "activity.ask"),
    }
    return portal.respond(request, "app/home.html#live", context)


@portal.app()
def progress(request: HttpRequest) -> HttpResponse:
    """This month's promises: how much of each is done, how it will end, whose turn it is, and the goal it serves."""
    require(request.actor, "strategy.read")
    today = request.at.astimezone(ZoneInfo(request.tenant.timezone)).date()
    lines = strategies.deliverable_progress(at=request.at)
    forecasts = forecasting.forecast([line.row for line in lines], at=request.at)
    rows = []
    for line in lines:
        label, tone = PERIOD_WORDS[PeriodStatus(line.status)]
        outlook = forecasts[line.row.ref_id]
        rows.append(
            {
                "line": line,
                "label": label,
                "tone": tone,
                "outcome": promises.outcome(outlook, last_day=line.period_end),
                "turns": promises.for_client(outlook),
            }
        )
    return portal.respond(request, "app/progress.html", {"rows": rows, "today": today})

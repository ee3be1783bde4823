"""The home page of the client dashboard."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps.activities import queries as work
from apps.activities.statuses import HumanRole
from apps.content import queries as content
from apps.tenants.doors import portal
from apps.tenants.permissions import may

from . import queries

SHOWN = 5


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
    }
    return portal.respond(request, "app/home.html#live", context)

"""Delivered reports in the client dashboard."""

from django.http import HttpRequest, HttpResponse

from apps.activities.queries import text_of
from apps.shared.errors import InvalidInput
from apps.shared.ids import is_ref_id
from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import reports as delivered

PAGE_SIZE = 25


@portal.app()
def reports(request: HttpRequest) -> HttpResponse:
    """What was delivered, the newest first; `?before=<ref>` goes on where a page ended."""
    require(request.actor, "report.read")
    steps = delivered.delivered_steps().order_by("-ref_id")
    before = request.GET.get("before")
    if before is not None:
        if not is_ref_id(before):
            raise InvalidInput({"before": ["This is not the address of a page. Begin at the first one."]})
        steps = steps.filter(ref_id__lt=before)
    found = list(steps[: PAGE_SIZE + 1])
    context = {
        "rows": [delivered.Delivered.of(step) for step in found[:PAGE_SIZE]],
        "older": found[PAGE_SIZE - 1].ref_id if len(found) > PAGE_SIZE else "",
        "is_first": before is None,
    }
    return portal.respond(request, "app/content/reports.html", context)


@portal.app()
def report(request: HttpRequest, ref_id: str) -> HttpResponse:
    """One report as it was approved, with its figures and their sources."""
    found = delivered.report_for(request.actor, ref_id)
    return portal.respond(request, "app/content/report.html", {"report": found, "text": text_of(found.content_ref)})

"""Long jobs of a client as every page shows them, and those people start: the export of everything, readings of goals."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format

from apps import storage
from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import access, operations
from ..bodies import EXPORT_CLIENT
from ..models import Activity
from ..statuses import ActivityStatus
from . import tones

EXPORTS_SHOWN = 10
WAITS = (ActivityStatus.CREATED, ActivityStatus.ASSIGNED)


def job_row(found: Activity) -> dict:
    """A long job for components/job.html: what it does now, how much of how much, and how it ended."""
    told = found.output_summary.get("progress", {})
    is_live = found.status in (*WAITS, ActivityStatus.IN_PROGRESS)
    sentence = told.get("sentence", "")
    if found.status in WAITS:
        sentence = f"Goes on soon. Last: {sentence}" if sentence else "Begins in a moment"
    elif found.status == ActivityStatus.IN_PROGRESS:
        sentence = sentence or "Begins"
    return {
        "id": f"job-{found.ref_id}",
        "label": found.get_status_display(),
        "tone": tones.of(tones.ACTIVITY, found.status),
        "sentence": sentence,
        "done": told.get("done", 0),
        "total": told.get("total", 0),
        "started_on": found.started_on,
        "is_live": is_live,
        "is_shown": is_live or bool(told),
        "href": reverse("dm:activities:progress", args=[found.tenant.slug, found.ref_id]),
        "page": reverse("dm:activities:activity", args=[found.tenant.slug, found.ref_id]),
    }


@portal.dm(methods=["GET", "POST"])
def exports(request: HttpRequest) -> HttpResponse:
    """The exports of a client, the newest first; a POST asks for another one."""
    require(request.actor, "tenant.export")
    tenant = request.tenant
    here = reverse("dm:activities:exports", args=[tenant.slug])
    if request.method == "POST":
        operations.begin_export(tenant.id, by=request.actor, at=request.at)
        return portal.done(request, here, message="The export begins. You can leave this page and come back.")
    made = Activity.objects.filter(assignee_agent_role=EXPORT_CLIENT).select_related("tenant", "created_by")
    rows = [_export_row(row, at=request.at) for row in made.order_by("-ref_id")[:EXPORTS_SHOWN]]
    context = {
        "rows": rows,
        "is_under_way": any(row["job"]["is_live"] for row in rows),
        "kept_days": operations.KEPT_FOR.days,
    }
    return portal.respond(request, "dm/activities/exports.html", context)


@portal.dm()
def download(request: HttpRequest, ref_id: str) -> HttpResponse:
    """On to the file itself, by a link that lives a quarter of an hour."""
    export = access.export_for(request.actor, ref_id)
    archive = operations.open_export(export, by=request.actor, at=request.at)
    name = f"{export.tenant.slug}-{date_format(export.completed_on, 'Y-m-d')}.zip"
    response = HttpResponseRedirect(storage.exports.url(storage.StoredPart.model_validate(archive), file_name=name))
    response["Cache-Control"] = "no-store"
    return response


@portal.dm(methods=["GET", "POST"])
def sync_goals(request: HttpRequest) -> HttpResponse:
    """A POST has the goals read now and leads to the job; the button stands beside the goals."""
    require(request.actor, "goal.measure")
    slug = request.tenant.slug
    if request.method != "POST":
        return HttpResponseRedirect(reverse("dm:strategy:strategy", args=[slug]))
    job = operations.begin_goal_sync(request.tenant.facts, by=request.actor, at=request.at)
    here = reverse("dm:activities:activity", args=[slug, job.ref_id])
    return portal.done(request, here, message="The goals are read now.")


def _export_row(export: Activity, *, at) -> dict:
    is_there = export.status == ActivityStatus.COMPLETED and at < export.completed_on + operations.KEPT_FOR
    return {
        "title": export.title,
        "at": export.created_on,
        "who": export.created_by.name if export.created_by else "",
        "job": job_row(export),
        "is_gone": export.status == ActivityStatus.COMPLETED and not is_there,
        "download_href": reverse("dm:activities:download_export", args=[export.tenant.slug, export.ref_id])
        if is_there
        else "",
        "cancel_href": reverse("dm:activities:cancel", args=[export.tenant.slug, export.ref_id]),
        "rows": export.output_summary.get("rows"),
        "tables": export.output_summary.get("tables"),
        "bytes": export.output_summary.get("bytes"),
        "ends_on": export.completed_on + operations.KEPT_FOR if is_there else None,
    }

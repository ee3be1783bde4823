"""Leads of one client in the DM Portal: the list, one lead, and how a file of them comes in."""

from itertools import islice
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.activities.bodies import IMPORT_LEADS, role_name
from apps.activities.models import Activity
from apps.activities.views.jobs import job_row
from apps.shared.errors import InvalidInput
from apps.tenants.doors import paging, portal
from apps.tenants.permissions import may, require

from .. import access, importing, operations, queries
from ..bodies import NAMES, ORIGIN, guessed
from ..csv_files import FileTooLarge, FileUnreadable
from ..forms import ColumnsForm, LeadFilter, UploadForm
from ..models import Lead, LeadActivity
from ..statuses import ActorType, LeadActivityType, LeadSource, LeadStatus

TONES = {
    LeadStatus.NEW: "info",
    LeadStatus.CONTACTED: "neutral",
    LeadStatus.QUALIFIED: "success",
    LeadStatus.DISQUALIFIED: "warning",
    LeadStatus.CONVERTED: "success",
}
FILTERS = (("status", "Status", LeadStatus.choices), ("source", "Source", LeadSource.choices))
CALLING_CODES = {
    "INR": "91",
    "GBP": "44",
    "USD": "1",
    "AED": "971",
    "SGD": "65",
    "AUD": "61",
}  # by the client's currency
ROWS_LOOKED_AT = 10
IMPORTS_SHOWN = 5
ENTRIES_SHOWN = 50


@portal.dm()
def leads(request: HttpRequest) -> HttpResponse:
    """Leads, the newest first; `?q=` finds the one with this e-mail address or phone number."""
    require(request.actor, "lead.read")
    filters = LeadFilter(request.GET)
    if not filters.is_valid():
        raise InvalidInput({name: ["choose one of the list."] for name in filters.errors})
    chosen = {name: value for name, value in filters.cleaned_data.items() if value}
    rows = queries.leads(**chosen, country_code=_calling_code(request))
    page = paging.page_of(request, rows, order=("-ref_id",), size=50)
    chips = [
        {"label": dict(choices)[chosen[name]], "remove_href": _filtered(chosen, name, "")}
        for name, _, choices in FILTERS
        if name in chosen
    ]
    chips += [{"label": chosen["q"], "remove_href": _filtered(chosen, "q", "")}] if "q" in chosen else []
    context = {
        "rows": [{**_shown(lead), "href": _href(request, "lead", lead.ref_id)} for lead in page.rows],
        "page": page,
        "columns": [{"label": label} for label in ("Who", "Status", "Company", "Source", "Last activity")],
        "menus": [_menu(request, chosen, *one) for one in FILTERS],
        "chips": chips,
        "clear_href": request.path,
        "search": {"href": request.path, "value": chosen.get("q", ""), "label": "E-mail or phone"},
        "may_import": may(request.actor, "lead.import"),
        "import_href": _href(request, "import_leads"),
    }
    return portal.respond(request, "dm/crm/leads.html", context)


@portal.dm()
def lead(request: HttpRequest, ref_id: str) -> HttpResponse:
    """Who it is, where the first contact came from, and what happened since."""
    found = access.lead_for(request.actor, ref_id, to="read")
    context = {
        **_shown(found),
        "facts": _facts(found),
        "timeline": [_entry_row(entry) for entry in queries.timeline(found)[:ENTRIES_SHOWN]],
        "touches": queries.touches(found)[:ENTRIES_SHOWN],
        "leads_href": _href(request, "leads"),
    }
    return portal.respond(request, "dm/crm/lead.html", context)


@portal.dm(methods=["GET", "POST"])
def import_leads(request: HttpRequest) -> HttpResponse:
    """The first step: the file."""
    require(request.actor, "lead.import")
    form, status = UploadForm(), 200
    if request.method == "POST":
        form, status = UploadForm(request.POST, request.FILES), 422
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                upload = importing.keep(importing.content_of(file), name=file.name)
            except (FileTooLarge, FileUnreadable) as error:
                form.add_error("file", error.detail)
                status = error.http_status
            else:
                return portal.done(request, _href(request, "import_columns", upload.ref_id))
    context = {
        "form": form,
        "imports": [_import_row(request, job) for job in _imports()[:IMPORTS_SHOWN]],
    }
    return portal.respond(request, "dm/crm/import_file.html", context, status=status)


@portal.dm(methods=["GET", "POST"])
def import_columns(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The second step: which column is what. A POST begins the import."""
    upload = access.upload_for(request.actor, ref_id)
    file = importing.reread(upload)
    guess = {f"column_{number}": target for number, target in enumerate(guessed(file.columns))}
    form = ColumnsForm(initial={**guess, "country_code": _calling_code(request)}, file=file)
    if request.method == "POST":
        form = ColumnsForm(request.POST, file=file)
        if form.is_valid():
            job = operations.begin_import(request.tenant.id, upload, plan=form.plan, by=request.actor, at=request.at)
            return portal.done(request, _href(request, "import", job.ref_id))
    context = {
        "upload": upload,
        "file": file,
        "row_count": sum(1 for _ in file.rows()),
        "form": form,
        "column_rows": form.rows([cells for _, cells in islice(file.rows(), ROWS_LOOKED_AT)]),
        "again_href": _href(request, "import_leads"),
    }
    return portal.respond(request, "dm/crm/import_columns.html", context, status=422 if form.is_bound else 200)


@portal.dm(methods=["GET", "POST"])
def imported(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The third step: how far it is, and at the end what became of the rows. It asks for itself until it is over."""
    job = access.import_for(request.actor, ref_id)
    here = _href(request, "import", job.ref_id)
    if request.method == "POST":
        return redirect(here)
    context = {
        "job": {**job_row(job), "href": here, "page": here},
        "activity": job,
        "result": queries.result_of(job),
        "errors_kept": importing.ERRORS_KEPT,
        "leads_href": _href(request, "leads"),
        "again_href": _href(request, "import_leads"),
        "story_href": reverse("dm:activities:activity", args=[request.tenant.slug, job.ref_id]),
        "cancel_href": reverse("dm:activities:cancel", args=[request.tenant.slug, job.ref_id]),
    }
    return portal.respond(request, "dm/crm/import.html#progress", context)


def _shown(lead: Lead) -> dict:
    return {"lead": lead, "tone": TONES[LeadStatus(lead.status)], "label": lead.get_status_display()}


def _facts(lead: Lead) -> list[dict]:
    told = [(NAMES[name], getattr(lead, name)) for name in ("email", "phone", "company", "job_title")]
    told += [("First came by", lead.get_source_display())]
    told += [("Channel", lead.source_channel.name)] if lead.source_channel else []
    told += [("Campaign", lead.source_campaign.name)] if lead.source_campaign else []
    told += [(NAMES[name], getattr(lead, name)) for name in ORIGIN]
    told += [("Looked after by", lead.assigned_to.name)] if lead.assigned_to else []
    told += [("Disqualified because", lead.disqualification_reason)]
    facts: list[dict] = [{"label": label, "value": value} for label, value in told if value]
    facts += [{"label": "Came", "at": lead.created_on}]
    facts += [{"label": "Last activity", "at": lead.last_activity_on}] if lead.last_activity_on else []
    return facts


def _entry_row(entry: LeadActivity) -> dict:
    who = "Leadmetrics"
    if entry.actor_type == ActorType.HUMAN:
        who = entry.created_by.name if entry.created_by else ""
    elif entry.actor_type == ActorType.AGENT:
        who = role_name(entry.actor_id)
    kind = "" if entry.type == LeadActivityType.NOTE else f"{entry.get_type_display()}: "
    return {"at": entry.created_on, "who": who, "text": f"{kind}{entry.description}"}


def _imports():
    return Activity.objects.filter(assignee_agent_role=IMPORT_LEADS).select_related("tenant").order_by("-ref_id")


def _import_row(request: HttpRequest, job: Activity) -> dict:
    shown = job_row(job)
    return {
        "title": job.title,
        "href": _href(request, "import", job.ref_id),
        "label": shown["label"],
        "tone": shown["tone"],
        "at": job.created_on,
        "result": queries.result_of(job),
    }


def _calling_code(request: HttpRequest) -> str:
    return CALLING_CODES.get(request.tenant.currency, "")


def _menu(request: HttpRequest, chosen: dict, name: str, label: str, choices: list) -> dict:
    options = [{"label": "Any", "href": _filtered(chosen, name, "") or request.path, "current": name not in chosen}]
    options += [
        {"label": text, "href": _filtered(chosen, name, value), "current": chosen.get(name) == value}
        for value, text in choices
    ]
    return {"label": label, "options": options}


def _filtered(chosen: dict, name: str, value: str) -> str:
    wanted = {key: each for key, each in {**chosen, name: value}.items() if each}
    return f"?{urlencode(wanted)}"


def _href(request: HttpRequest, view: str, *args: str) -> str:
    return reverse(f"dm:crm:{view}", args=[request.tenant.slug, *args])

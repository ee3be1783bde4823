"""Decisions in the DM Portal: the inbox, one approval in its three panes, and deciding on it."""

from collections.abc import Callable
from decimal import Decimal
from urllib.parse import urlencode

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.shared.errors import NotFound, OperationRefused
from apps.shared.transitions import MoveRefused
from apps.tenants.doors import paging, portal
from apps.tenants.permissions import may

from .. import access, operations, queries, registry
from ..forms import AskForm, DecisionForm
from ..models import Approval
from ..statuses import ApprovalStatus, HumanRole
from . import history, tones
from .found import found_on

BESIDE = 24  # rows of the queue shown beside an approval
BEFORE = 6  # of which so many stand above it, so that it is in sight


@portal.dm()
def inbox(request: HttpRequest) -> HttpResponse:
    """Everything that waits for a reviewer, over all clients of this person; nothing is opened yet."""
    rows = _queue_of(request)
    page = paging.page_of(request, queries.titled(rows), order=("expires_at", "ref_id"))
    context = {
        **_queue(request, page.rows, count=rows.count()),
        "page": page,
        "tasks": [_task_row(task) for task in queries.reviewers_tasks(request.user)[:10]],
    }
    return portal.respond(request, "dm/activities/inbox.html", context)


@portal.dm()
def approval(request: HttpRequest, ref_id: str) -> HttpResponse:
    """One approval with all that is decided on. Opening it is noted for whoever may decide it."""
    found = access.approval_for(request.actor, ref_id, to="read")
    if found.status == ApprovalStatus.PENDING and _may_decide(request, found):
        operations.mark_opened(found, by=request.actor, at=request.at)
    return _opened(request, found)


@portal.dm(methods=["GET", "POST"])
def approve(request: HttpRequest, ref_id: str) -> HttpResponse:
    if request.method != "POST":
        return redirect(_href(request, access.approval_for(request.actor, ref_id, to="read")))
    return _decide(request, ref_id, DecisionForm, operations.grant_approval, said="Approved")


@portal.dm(methods=["GET", "POST"])
def reject(request: HttpRequest, ref_id: str) -> HttpResponse:
    """Ask for a change."""
    if request.method != "POST":
        return redirect(_href(request, access.approval_for(request.actor, ref_id, to="read")))
    return _decide(request, ref_id, AskForm, operations.refuse_approval, said="Sent back")


def _decide(request: HttpRequest, ref_id: str, form_class: type[Form], decide: Callable, *, said: str) -> HttpResponse:
    found = access.approval_for(request.actor, ref_id, to="decide")
    form = form_class(request.POST)
    if not form.is_valid():
        problem = {"note_error": form.errors.get("note", [""])[0], "note": request.POST.get("note", "")[:4_000]}
        if "shown_sha256" in form.errors:
            problem["refusal"] = {"title": "Nothing was decided", "text": form.errors["shown_sha256"][0]}
        return _opened(request, found, status=422, **problem)
    try:
        decided = decide(found, by=request.actor, at=request.at, **form.cleaned_data)
    except OperationRefused as refusal:
        if refusal.http_status != 409:
            raise
        fresh = access.approval_for(request.actor, ref_id, to="read")
        return _opened(
            request, fresh, status=409, refusal=_why_refused(request, fresh, refusal), note=form.cleaned_data["note"]
        )
    return portal.done(request, _next(request, decided), message=f"{said}: {history.title_of(decided)}")


def _why_refused(request: HttpRequest, fresh: Approval, refusal: OperationRefused) -> dict[str, str]:
    """What is so, who made it so, and what to do."""
    if isinstance(refusal, MoveRefused) and fresh.decided_by:
        is_own = fresh.decided_by_id == request.user.pk
        did = "approved this" if fresh.status == ApprovalStatus.APPROVED else "asked for a change"
        return {
            "title": f"{'You' if is_own else fresh.decided_by.name} {did} already",
            "text": "It counted once, and nothing was changed now." if is_own else "Your decision was not counted.",
            "action_label": "Go on with the next one",
            "action_href": _next(request, fresh),
        }
    if isinstance(refusal, operations.ApprovalStale):
        return {
            "title": "Not decided: the text changed",
            "text": refusal.detail,
            "action_label": "See what changed",
            "action_href": _href(request, fresh, view="changes"),
        }
    return {"title": "Not decided", "text": refusal.detail}


def _next(request: HttpRequest, decided: Approval) -> str:
    """The address of the next decision in the queue; the inbox when nothing waits any more."""
    with portal.all_clients(request):
        rows = _queue_of(request).exclude(pk=decided.pk)
        following = queries.following(rows, decided).first() or rows.first()
    return _href(request, following) if following else reverse("dm:inbox")


def _opened(request: HttpRequest, found: Approval, *, status: int = 200, **problem) -> HttpResponse:
    """The three panes with this approval in the middle."""
    with portal.all_clients(request):
        rows = _queue_of(request)
        titled = queries.titled(rows)
        before = list(queries.preceding(titled, found)[:BEFORE])
        after = list(queries.following(titled, found)[: BESIDE - len(before)])
        own = list(titled.filter(pk=found.pk))
        count = rows.count()
    shown = queries.text_shown(found)
    gate = registry.GATES[found.subject_type]
    decisions = queries.decisions_on(found.subject_ref)
    versions = (
        queries.history_of(found.subject_ref) if shown.text is not None else []
    )  # one wait for a store that is away
    runs = queries.runs_of_unit(found.activity.parent_activity)
    is_pending = found.status == ApprovalStatus.PENDING
    is_held = bool(found.held_until and found.held_until > request.at and found.held_by_id != request.user.pk)
    may_edit = is_pending and _may_edit(request, found)
    context = {
        **_queue(request, [*reversed(before), *own, *after], count=count, current=found),
        "approval": found,
        "title": history.title_of(found),
        "kind": found.get_subject_type_display(),
        "subject": gate.load(found.subject_ref),
        "gate_part": gate.template,
        "brief_part": f"{gate.template}#brief",
        "shown": found.shown_snapshot["subject"],
        "text": shown.text,
        "beside": history.beside(found) if shown.text is not None else {},
        "found": found_on(found),
        "why_not": shown.why_not or (f"{found.held_by.name} holds this back." if is_held else ""),
        "can_read": shown.text is not None,
        "is_held": is_held,
        "is_pending": is_pending,
        "may_decide": is_pending and _may_decide(request, found),
        "may_edit": may_edit,
        "facts": history.facts_of(found),
        "wish": found.activity.asked["wish"] if found.activity.asked else "",
        "events": history.events_of(found, decisions, versions, href=_href(request, found)),
        "runs": [history.run_row(run, slug=found.tenant.slug) for run in runs],
        "cost_usd": sum((run.cost_usd for run in runs), Decimal(0)),
        "changes": history.changes_of(found, decisions, versions, wanted=request.GET.get("against", ""))
        if _wants_changes(request)
        else None,
        "has_changes": history.has_changes(found, decisions, versions),
        "is_changes": _wants_changes(request),
        "read_href": _href(request, found),
        "changes_href": _href(request, found, view="changes"),
        "approve_href": _href(request, found, "dm:activities:approve"),
        "ask_href": _href(request, found, "dm:activities:reject"),
        "edit_href": _href(request, found, "dm:activities:edit") if may_edit else "",
        **problem,
    }
    return portal.respond(request, "dm/activities/inbox.html#panes", context, status=status)


def _wants_changes(request: HttpRequest) -> bool:
    return request.GET.get("view") == "changes"


def _may_decide(request: HttpRequest, found: Approval) -> bool:
    return may(request.actor, f"approval.decide_as_{found.required_role}")


def _may_edit(request: HttpRequest, found: Approval) -> bool:
    permission = history.EDIT_PERMISSION.get(found.subject_type)
    return permission is not None and may(request.actor, permission) and history.is_editable(found)


def _queue_of(request: HttpRequest):
    """What waits for reviewers over the clients in scope, or at the one client the address asks for."""
    rows = queries.waiting_approvals(required_role=HumanRole.REVIEWER)
    chosen = _chosen_client(request)
    return rows.filter(tenant_id=chosen.pk) if chosen else rows


def _chosen_client(request: HttpRequest):
    slug = request.GET.get("client")
    if not slug:
        return None
    found = next((tenant for tenant in request.tenants if tenant.slug == slug), None)
    if found is None:
        raise NotFound
    return found


def _queue(request: HttpRequest, rows: list[Approval], *, count: int, current: Approval | None = None) -> dict:
    """The left pane."""
    chosen = _chosen_client(request)
    inbox_href = reverse("dm:inbox")
    choices = [{"label": "All clients", "href": inbox_href, "current": chosen is None}]
    choices += [
        {
            "label": tenant.name,
            "href": f"{inbox_href}?{urlencode({'client': tenant.slug})}",
            "current": tenant == chosen,
        }
        for tenant in request.tenants[:30]
    ]
    return {
        "queue": [_row(request, row, current) for row in rows],
        "count": count,
        "inbox_href": f"{inbox_href}?{urlencode({'client': chosen.slug})}" if chosen else inbox_href,
        "menus": [{"label": chosen.name if chosen else "All clients", "options": choices}]
        if len(request.tenants) > 1
        else [],
        "chosen": chosen,
    }


def _row(request: HttpRequest, row: Approval, current: Approval | None) -> dict:
    is_held = row.held_until and row.held_until > request.at
    return {
        "href": _href(request, row),
        "title": row.shown_title or f"{row.get_subject_type_display()} of {row.tenant.name}",
        "client": row.tenant.name,
        "kind": row.get_subject_type_display(),
        "at": row.created_on,
        "expires_on": row.expires_at,
        "risk": {"label": f"{row.get_risk_level_display()} risk", "tone": tones.of(tones.RISK, row.risk_level)},
        "holder": row.held_by.name if is_held else "",
        "zone": row.tenant.timezone,
        "is_current": current is not None and row.pk == current.pk,
    }


def _task_row(task) -> dict:
    return {
        "href": reverse("dm:activities:activity", args=[task.tenant.slug, task.ref_id]),
        "title": task.title,
        "client": task.tenant.name,
        "kind": f"{task.get_priority_display()} priority" if task.priority in ("high", "urgent") else "Task",
        "at": task.created_on,
        "zone": task.tenant.timezone,
    }


def _href(request: HttpRequest, row: Approval, address: str = "dm:activities:approval", **query: str) -> str:
    """The address of an approval, with the queue's filter kept."""
    if request.GET.get("client"):
        query = {"client": request.GET["client"], **query}
    path = reverse(address, args=[row.tenant.slug, row.ref_id])
    return f"{path}?{urlencode(query)}" if query else path

"""What waits for the client: read the whole of it, then approve or ask for a change."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from apps.shared.errors import NotFound, OperationRefused
from apps.tenants import queries as people
from apps.tenants.doors import portal
from apps.tenants.permissions import may

from .. import access, operations, queries, registry
from ..forms import AskForm, DecisionForm
from ..models import Approval
from ..statuses import ApprovalStatus, HumanRole, SubjectType
from .found import found_on

THEN = {
    SubjectType.STRATEGY: "Approved. The work of this month begins now.",
    SubjectType.BLOG_POST: "Approved. It goes out next, and the link appears here.",
    SubjectType.SOCIAL_POST: "Approved. Your agency puts it out next.",
}


@portal.app()
def approvals(request: HttpRequest) -> HttpResponse:
    """Everything that waits for the client, the most urgent first."""
    waiting = queries.waiting_approvals(required_role=HumanRole.ADMIN)
    rows = [
        {
            "approval": approval,
            "title": queries.title_of(approval),
            "opening": queries.opening_of(approval),
            "kind": approval.get_subject_type_display(),
            "href": reverse("app:approval", args=[approval.ref_id]),
        }
        for approval in waiting[:100]
    ]
    return portal.respond(request, "app/activities/approvals.html", {"rows": rows, **_who_decides(request)})


@portal.app()
def approval(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The whole thing to decide on, and the decision where it can be made."""
    return _page(request, _approval_for(request, ref_id, to="read"))


@portal.app(methods=["GET", "POST"])
def approve(request: HttpRequest, ref_id: str) -> HttpResponse:
    if request.method != "POST":  # reloaded after a refusal, or signed in again on the way
        return redirect("app:approval", ref_id)
    asked = _approval_for(request, ref_id, to="decide")
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, asked, form=form, status=422)
    try:
        operations.grant_approval(asked, by=request.actor, at=request.at, **form.cleaned_data)
    except OperationRefused as error:
        return _refused(request, ref_id, error)
    return _next(request, THEN.get(asked.subject_type, "Approved."))


@portal.app(methods=["GET", "POST"])
def reject(request: HttpRequest, ref_id: str) -> HttpResponse:
    """Ask for a change; the note goes to whoever writes the next version."""
    if request.method != "POST":
        return redirect("app:approval", ref_id)
    asked = _approval_for(request, ref_id, to="decide")
    form = AskForm(request.POST)
    if not form.is_valid():
        return _page(request, asked, form=form, status=422)
    try:
        operations.refuse_approval(asked, by=request.actor, at=request.at, **form.cleaned_data)
    except OperationRefused as error:
        return _refused(request, ref_id, error)
    return _next(request, "Sent back. The new version comes to you when it is ready.")


@portal.app(methods=["POST"])
def opened(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The page says that it is being read. A POST of its own, because reading a page by a link changes nothing."""
    operations.mark_opened(_approval_for(request, ref_id, to="decide"), by=request.actor, at=request.at)
    return HttpResponse(status=204)


def _approval_for(request: HttpRequest, ref_id: str, *, to: str) -> Approval:
    """The client's own gates only: what reviewers still work on is not shown here."""
    found = access.approval_for(request.actor, ref_id, to="read")
    if found.required_role != HumanRole.ADMIN:
        raise NotFound
    return found if to == "read" else access.approval_for(request.actor, ref_id, to=to)


def _page(
    request: HttpRequest, asked: Approval, *, form: DecisionForm | None = None, refusal: str = "", status: int = 200
) -> HttpResponse:
    behind = registry.GATES[asked.subject_type]
    text = queries.text_shown(asked).text
    is_open = asked.status == ApprovalStatus.PENDING
    errors = form.errors if form else {}
    context = {
        "approval": asked,
        "subject": behind.load(asked.subject_ref),
        "shown": asked.shown_snapshot["subject"],
        "text": text,
        "found": found_on(asked),
        "gate": behind.template,
        "title": queries.title_of(asked),
        "kind": asked.get_subject_type_display(),
        "is_open": is_open,
        "outcome": None if is_open else _outcome(request, asked),
        "refusal": refusal or " ".join(errors.get("shown_sha256", [])),
        "note": form.data.get("note", "") if form else "",
        "note_error": " ".join(errors.get("note", [])),
        **_who_decides(request),
    }
    return portal.respond(request, "app/activities/approval.html", context, status=status)


def _refused(request: HttpRequest, ref_id: str, error: OperationRefused) -> HttpResponse:
    """The page as it stands now, with what became of it meanwhile."""
    now = _approval_for(request, ref_id, to="read")
    return _page(
        request, now, refusal=error.detail if now.status == ApprovalStatus.PENDING else "", status=error.http_status
    )


def _next(request: HttpRequest, message: str) -> HttpResponse:
    """On to the next thing that waits, or home."""
    following = queries.waiting_approvals(required_role=HumanRole.ADMIN).first()
    to = reverse("app:approval", args=[following.ref_id]) if following else reverse("app:home")
    return portal.done(request, to, message=message)


def _who_decides(request: HttpRequest) -> dict[str, object]:
    may_decide = may(request.actor, "approval.decide_as_admin")
    admin = None if may_decide else people.admin_of(request.tenant.id)
    return {"may_decide": may_decide, "admin": admin}


def _outcome(request: HttpRequest, decided: Approval) -> dict[str, str]:
    """Who decided what and when, and what to do next, in a client's words."""
    newer = queries.pending_about(decided.subject_ref)
    if newer and newer.required_role == HumanRole.ADMIN:
        onward = {"href": reverse("app:approval", args=[newer.ref_id]), "label": "Read the new version"}
    else:
        onward = {"href": reverse("app:home"), "label": "Go home"}
    if decided.status in (ApprovalStatus.EXPIRED, ApprovalStatus.WITHDRAWN):
        text = "It was withdrawn or waited too long. If it is still needed, your agency asks again."
        return {"tone": "neutral", "icon": "info", "title": "This is no longer open", "text": text, **onward}
    who = "You" if decided.decided_by_id == request.user.pk else decided.decided_by.name
    when = date_format(timezone.localtime(decided.decided_on), "j F, H:i")
    if decided.status == ApprovalStatus.APPROVED:
        text = "There is nothing left to decide here."
        return {
            "tone": "success",
            "icon": "circle-check",
            "title": f"{who} approved this on {when}",
            "text": text,
            **onward,
        }
    text = f"“{decided.decision_note}” A new version is made from this; it comes to you when it is ready."
    return {"tone": "warning", "icon": "undo-2", "title": f"{who} asked for a change on {when}", "text": text, **onward}

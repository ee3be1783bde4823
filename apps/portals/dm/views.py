"""Pages of the DM Portal that span apps: clients, one client, its context file and strategy, and the editors."""

from datetime import timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.activities import access as work_access
from apps.activities import forecasting
from apps.activities import queries as work
from apps.activities.bodies import role_name
from apps.activities.first_pass import first_pass
from apps.activities.goal_figures import latest_sync
from apps.activities.models import Approval
from apps.activities.operations import NoEditor
from apps.activities.statuses import ApprovalStatus, SubjectType
from apps.activities.views import tones
from apps.activities.views.editing import edit_brand_rules, edit_context_file
from apps.activities.views.jobs import job_row
from apps.billing.operations import cap_of
from apps.channels.models import Channel
from apps.content.views.dm import edit_post
from apps.shared.errors import NotFound
from apps.strategy import queries as strategies
from apps.strategy.models import Strategy
from apps.strategy.statuses import StrategyStatus
from apps.tenants.doors import portal
from apps.tenants.permissions import may, require

from . import standing

EDITORS = {
    SubjectType.BLOG_POST: edit_post,
    SubjectType.ONBOARDING_RUN: edit_context_file,
    SubjectType.ACTIVITY: edit_brand_rules,
}
CLIENTS_ON_A_PAGE = 50
UNITS_SHOWN = 12
FIRST_PASS_SPAN, FIRST_PASS_ROWS = timedelta(days=90), 8


@portal.dm()
def start(request: HttpRequest) -> HttpResponse:
    return redirect("dm:inbox")


@portal.dm(methods=["GET", "POST"])
def edit(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The editor of whatever this approval is about."""
    approval = work_access.approval_for(request.actor, ref_id, to="read")
    editor = EDITORS.get(approval.subject_type)
    if editor is None:
        raise NoEditor
    return editor(request, approval)


@portal.dm()
def clients(request: HttpRequest) -> HttpResponse:
    """The clients of this person with what calls for somebody; `?q=` finds by name, `?after=<slug>` goes on."""
    wanted, after = request.GET.get("q", "").strip()[:100], request.GET.get("after")
    found = [tenant for tenant in request.tenants if wanted.lower() in tenant.name.lower()]
    if after is not None:
        places = [position for position, tenant in enumerate(found) if tenant.slug == after]
        found = found[places[0] + 1 :] if places else []
    shown, more = found[:CLIENTS_ON_A_PAGE], found[CLIENTS_ON_A_PAGE:]
    counts, at_risk = work.counts_by_client(), strategies.at_risk_by_client()
    context = {
        "rows": [
            {
                "tenant": tenant,
                "href": reverse("dm:client", args=[tenant.slug]),
                "inbox_href": f"{reverse('dm:inbox')}?{urlencode({'client': tenant.slug})}",
                "tone": standing.TENANT_TONES.get(tenant.status, "neutral"),
                "counts": counts.get(tenant.id, work.ClientCounts()),
                "at_risk": at_risk.get(tenant.id, 0),
            }
            for tenant in shown
        ],
        "search": {"href": reverse("dm:clients"), "value": wanted, "label": "Find a client"},
        "wanted": wanted,
        "is_first": after is None,
        "older_href": f"?{urlencode({'q': wanted, 'after': shown[-1].slug})}" if more else "",
        "newer_href": reverse("dm:clients") if after is not None else "",
    }
    return portal.respond(request, "dm/portal/clients.html", context)


@portal.dm()
def client(request: HttpRequest) -> HttpResponse:
    """Where one client stands: set-up, this month's promise and units, channels, spending."""
    tenant = request.tenant
    require(request.actor, "channel.read")
    today = request.at.astimezone(ZoneInfo(tenant.timezone)).date()
    month = today.replace(day=1)
    channels = list(Channel.objects.order_by("name"))
    progress = strategies.deliverable_progress(at=request.at)
    forecasts = forecasting.forecast([line.row for line in progress], at=request.at)
    waiting = list(work.titled(work.waiting_approvals(required_role="reviewer"))[:5])
    units = work.units_between(month, today, limit=UNITS_SHOWN)
    steps = standing.setup_steps(tenant, channels, units, has_plan=bool(progress))
    spend = work.spend_of_month(tenant.facts, at=request.at, cap_usd=cap_of(tenant))
    context = {
        "is_set_up": all(step["state"] == "done" for step in steps),
        "steps": steps,
        "waiting": [
            {
                "href": reverse("dm:activities:approval", args=[tenant.slug, row.ref_id]),
                "title": row.shown_title or f"{row.get_subject_type_display()} of {tenant.name}",
                "kind": row.get_subject_type_display(),
                "at": row.created_on,
                "expires_on": row.expires_at,
            }
            for row in waiting
        ],
        "promises": standing.promise_rows(progress, forecasts, tenant.slug),
        "month": month,
        "units": [standing.unit_row(unit, tenant.slug) for unit in units],
        "channels": [{"channel": each, "tone": tones.of(tones.CHANNEL, each.status)} for each in channels],
        "spend": spend,
        "first_pass": [
            {"name": role_name(row.role), "row": row}
            for row in first_pass(since=request.at - FIRST_PASS_SPAN)[:FIRST_PASS_ROWS]
        ],
        "cap_usd": spend.cap_usd,
        "tenant_tone": standing.TENANT_TONES.get(tenant.status, "neutral"),
        "may_export": may(request.actor, "tenant.export"),
    }
    return portal.respond(request, "dm/portal/client.html", context)


@portal.dm()
def context_file(request: HttpRequest) -> HttpResponse:
    """The context file: what was approved, what is in review, and every version with its difference to the one before."""
    require(request.actor, "strategy.read")
    run = strategies.latest_onboarding()
    decisions = work.decisions_on(run.ref_id) if run else []
    context = _bound_text(request, decisions, subject_ref=run.ref_id if run else "")
    return portal.respond(request, "dm/portal/context_file.html", {"run": run, **context})


@portal.dm()
def strategy(request: HttpRequest) -> HttpResponse:
    """One version of the strategy with its goals and promises; the newest unless `?version=` names another."""
    require(request.actor, "strategy.read")
    versions = list(Strategy.objects.order_by("-version")[:50])
    wanted = request.GET.get("version")
    chosen = (
        next((each for each in versions if str(each.version) == wanted), None) if wanted else next(iter(versions), None)
    )
    if chosen is None and wanted:
        raise NotFound
    decisions = work.decisions_on(chosen.ref_id) if chosen else []
    bound = _latest(decisions, ApprovalStatus.PENDING) or _latest(decisions, ApprovalStatus.APPROVED)
    context = {
        "strategy": chosen,
        "tone": standing.STRATEGY_TONES.get(chosen.status, "neutral") if chosen else "",
        "versions": [
            {"strategy": each, "href": f"?{urlencode({'version': each.version})}", "is_current": each == chosen}
            for each in versions
        ],
        "text": work.text_of(bound.content_ref or "") if bound else "",
        "has_text": bound is not None,
        "decision_href": _decision_href(bound) if bound else "",
        "is_pending": bound is not None and bound.status == ApprovalStatus.PENDING,
        "goals": strategies.with_readings(strategies.goals_of(chosen)) if chosen else [],
        "reading": _reading_of_goals(request) if chosen and chosen.status == StrategyStatus.ACTIVE else None,
        "deliverables": strategies.deliverables_of(chosen) if chosen else [],
    }
    return portal.respond(request, "dm/portal/strategy.html", context)


def _reading_of_goals(request: HttpRequest) -> dict:
    """The last job that read the goals, and whether another may begin."""
    latest = latest_sync()
    job = job_row(latest) if latest else None
    is_open = not (job and job["is_live"]) and strategies.open_goals().exists()
    return {
        "job": job,
        "begun_on": latest and latest.created_on,
        "may_begin": is_open and may(request.actor, "goal.measure"),
    }


def _bound_text(request: HttpRequest, decisions: list[Approval], *, subject_ref: str) -> dict:
    """The text that counts (in review, else approved), or the version the address asks for; and its difference."""
    approved, pending = _latest(decisions, ApprovalStatus.APPROVED), _latest(decisions, ApprovalStatus.PENDING)
    bound = pending or approved
    versions = work.history_of(subject_ref) if bound else []
    wanted = request.GET.get("version")
    chosen = next((each for each in versions if str(each.version) == wanted), None)
    if wanted and chosen is None:
        raise NotFound
    if chosen is None and bound:
        chosen = next((each for each in versions if each.pointer == bound.content_ref), None)
    before = next((each for each in versions if chosen and each.version < chosen.version), None)
    is_changes = request.GET.get("view") == "changes" and before is not None
    pointer = chosen.pointer if chosen else (bound.content_ref if bound else "")
    return {
        "pending": pending,
        "approved": approved,
        "chosen": chosen,
        "before": before,
        "is_changes": is_changes,
        "text": work.text_of(pointer) if bound else "",
        "old_text": work.text_of(before.pointer) if before and is_changes else "",
        "decision_href": _decision_href(pending) if pending else "",
        "versions": [
            {
                "at": each.created_on,
                "who": "A person" if each.author_type == "human" else "The agent",
                "text": f"version {each.version}{_standing_of(each, approved, pending)}",
                "detail": each.change_note,
                "href": f"?{urlencode({'version': each.version})}",
                "tone": "success" if approved and each.pointer == approved.content_ref else "neutral",
            }
            for each in versions
        ],
    }


def _standing_of(version: work.Version, approved: Approval | None, pending: Approval | None) -> str:
    if pending and version.pointer == pending.content_ref:
        return ", in review"
    return ", approved" if approved and version.pointer == approved.content_ref else ""


def _latest(decisions: list[Approval], status: ApprovalStatus) -> Approval | None:
    return next((decision for decision in decisions if decision.status == status), None)


def _decision_href(approval: Approval) -> str:
    return reverse("dm:activities:approval", args=[approval.tenant.slug, approval.ref_id])

"""Agents in the DM Portal: what they do right now, what waits and why, what failed; over all clients or for one."""

from collections import Counter
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.billing.operations import month_of
from apps.shared.errors import InvalidInput
from apps.tenants.doors import paging, portal
from apps.tenants.models import Tenant
from apps.tenants.permissions import may, require

from .. import access, failures, hot, operations
from ..bodies import role_name
from ..forms import RetryForm, SwitchForm
from ..models import Activity
from ..statuses import ACTIVITY_MOVES

FAILURES_SHOWN = 10
CLIENTS_SHOWN = 50
# reason: (what people read, tone, whether it names a moment)
REASONS = {
    hot.CLIENT_CLOSED: ("The client is suspended", "danger", False),
    hot.ROLE_OFF: ("The agent is switched off", "warning", False),
    hot.CAP_REACHED: ("The spending cap is reached", "danger", True),
    hot.PERSON: ("Waits for a person", "warning", False),
    hot.BACK_OFF: ("Tried again later", "info", True),
    hot.SCHEDULED: ("Not yet due", "neutral", True),
    hot.ROLE_BUSY: ("The agent is busy", "neutral", False),
    hot.READY: ("Ready", "info", False),
}
# column of the tables -> reasons that are counted in it
COLUMNS = {
    "ready": (hot.READY, hot.ROLE_BUSY),
    "later": (hot.BACK_OFF, hot.SCHEDULED),
    "held": (hot.CAP_REACHED, hot.ROLE_OFF, hot.CLIENT_CLOSED),
    "person": (hot.PERSON,),
    "earlier": (hot.EARLIER_STEPS,),
}


@portal.dm()
def agents(request: HttpRequest) -> HttpResponse:
    """Who works on what. The part that changes asks for itself again; `?stop=` and `?retry=` name a step to act on."""
    require(request.actor, "activity.read")
    tenant: Tenant | None = getattr(request, "tenant", None)
    page = paging.page_of(request, hot.queued(), order=("ready_on", "ref_id"))
    depth = hot.depth(request.at)
    totals: Counter[str] = sum((Counter(counts) for counts in depth.values()), Counter())
    caps = hot.caps(request.at)
    context = {
        "one_client": tenant is not None,
        "href": request.get_full_path(),
        "totals": {"running": totals["running"], **_columns(totals)},
        "running": [_running_row(row) for row in hot.running()],
        "failed": [_failed_row(row, here=request.path) for row in hot.failed(limit=FAILURES_SHOWN)],
        "queue": [_queue_row(row, at=request.at) for row in page.rows],
        "page": page,
        "may_cancel": may(request.actor, "activity.cancel"),
        "may_retry": may(request.actor, "activity.retry"),
        "may_switch": may(request.actor, "agent_config.switch"),
        **(_of_client(tenant, depth, caps, at=request.at) if tenant else _of_all(request, depth, caps)),
    }
    if not request.htmx:
        context["asked"] = _asked(request)
    return portal.respond(request, "dm/activities/agents.html#live", context)


@portal.dm(methods=["GET", "POST"])
def switch_agent(request: HttpRequest, ref_id: str) -> HttpResponse:
    """Let an agent begin new work for this client, or none."""
    config = access.agent_for(request.actor, ref_id, to="switch")
    here = reverse("dm:agents", args=[request.tenant.slug])
    if request.method != "POST":
        return redirect(here)
    form = SwitchForm(request.POST)
    if not form.is_valid():
        raise InvalidInput({"is_enabled": ["choose on or off."]})
    is_enabled = form.cleaned_data["is_enabled"] == "on"
    operations.switch_agent(config, is_enabled=is_enabled, by=request.actor, at=request.at)
    name = role_name(config.agent_role)
    told = f"{name} is switched on." if is_enabled else f"{name} is switched off. What it works on now it may finish."
    return portal.done(request, here, message=told)


def _asked(request: HttpRequest) -> dict | None:
    """The step that a link named, with what would happen to it; None where nothing was named or it is over already."""
    for move in ("retry", "cancel"):
        ref_id = request.GET.get("stop" if move == "cancel" else move, "")
        if not ref_id:
            continue
        found = access.activity_for(request.actor, ref_id, to=move)
        is_open = any(each.name == move for each in ACTIVITY_MOVES.open_from(found.status))
        return {
            "move": move,
            "is_open": is_open,
            "activity": found,
            "status": found.get_status_display().lower(),
            "form": RetryForm() if move == "retry" else None,
            "href": reverse(f"dm:activities:{move}", args=[found.tenant.slug, found.ref_id]),
            "back": request.path,
        }
    return None


def _of_all(request: HttpRequest, depth: dict, caps: dict) -> dict:
    """The clients with work or with little left to spend, by name; `?from=<slug>` goes on."""
    by_client: dict = {}
    for (tenant_id, _), counts in depth.items():
        by_client.setdefault(tenant_id, Counter()).update(counts)
    first = request.GET.get("from", "")
    at_work = [
        tenant
        for tenant in request.tenants
        if tenant.slug >= first and (tenant.id in by_client or (tenant.id in caps and caps[tenant.id].is_near))
    ]
    at_work.sort(key=lambda tenant: tenant.slug)
    shown, more = at_work[:CLIENTS_SHOWN], at_work[CLIENTS_SHOWN:]
    return {
        "clients_at_work": [
            {
                "name": tenant.name,
                "href": reverse("dm:agents", args=[tenant.slug]),
                "running": by_client.get(tenant.id, {}).get("running", 0),
                **_columns(by_client.get(tenant.id, {})),
                "cap": _cap_row(caps.get(tenant.id)),
            }
            for tenant in shown
        ],
        "more_clients_href": f"?{urlencode({'from': more[0].slug})}" if more else "",
    }


def _of_client(tenant: Tenant, depth: dict, caps: dict, *, at) -> dict:
    configs = hot.agents_with_spend(month_of(at, tenant.timezone))
    of_roles = {role: counts for (tenant_id, role), counts in depth.items() if tenant_id == tenant.id}
    rows = [
        {
            "name": role_name(config.agent_role),
            "is_enabled": config.is_enabled,
            "model": config.model_id,
            "running": of_roles.get(config.agent_role, {}).get("running", 0),
            "limit": config.max_concurrent,
            **_columns(of_roles.get(config.agent_role, {})),
            "spent_usd": config.spent_usd,
            "cap_usd": config.monthly_cap_usd,
            "switch_href": reverse("dm:activities:switch_agent", args=[tenant.slug, config.ref_id]),
        }
        for config in configs
    ]
    # Those with work first: most of the thirty have none at any time.
    rows.sort(key=lambda row: (not any(row[name] for name in ("running", *COLUMNS)), row["name"]))
    return {"roles": rows, "cap": _cap_row(caps.get(tenant.id))}


def _columns(counts) -> dict[str, int]:
    return {name: sum(counts.get(reason, 0) for reason in reasons) for name, reasons in COLUMNS.items()}


def _cap_row(cap: hot.Cap | None) -> dict | None:
    if cap is None:
        return None
    tone, label = "info", ""
    if cap.is_reached:
        tone, label = "danger", "Cap reached"
    elif cap.is_near:
        tone, label = "warning", "80 % is spent"
    return {
        "spent_usd": cap.spent_usd,
        "reserved_usd": cap.reserved_usd,
        "cap_usd": cap.cap_usd,
        "used": str(cap.spent_usd + cap.reserved_usd),
        "of": str(cap.cap_usd),
        "tone": tone,
        "label": label,
    }


def _step(row: Activity) -> dict:
    slug = row.tenant.slug
    return {
        "title": row.title,
        "unit": row.parent_activity.title if row.parent_activity else "",
        "href": reverse("dm:activities:activity", args=[slug, row.ref_id]),
        "client": row.tenant.name,
        "agent": role_name(row.assignee_agent_role),
        "ref_id": row.ref_id,
    }


def _running_row(row) -> dict:
    progress = row.output_summary.get("progress") if row.assignee_agent_role.startswith("system.") else None
    return {
        **_step(row),
        "attempt": row.attempt,
        "since": row.since,
        "is_alive": row.is_alive,
        "spent_usd": row.spent_usd,
        "reserved_usd": row.reserved_usd,
        "progress": progress,
    }


def _queue_row(row: Activity, *, at) -> dict:
    label, tone, has_moment = REASONS[hot.why_waiting(row, at=at)]
    return {**_step(row), "why": label, "tone": tone, "ready_on": row.ready_on if has_moment else None}


def _failed_row(row, *, here: str) -> dict:
    told = failures.explain(row.told)
    return {
        **_step(row),
        "at": row.updated_on,
        "attempt": row.attempt,
        "sentence": told.sentence,
        "next_step": told.next_step,
        "retry_href": f"{here}?{urlencode({'retry': row.ref_id})}",
    }

"""Work in the DM Portal: the list, the story of one activity, live text, and what a person may do about it."""

from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.channels.statuses import AttemptStatus
from apps.shared.errors import InvalidInput, NotFound
from apps.tenants.doors import paging, portal

from .. import access, failures, operations, queries, registry
from .. import history as run_history
from ..bodies import IMPORT_LEADS, SCORE_CHANNELS, role_name
from ..engine import streams
from ..forms import WHO, NotPublishedForm, PublishedForm, RetryForm, WorkFilter
from ..models import Activity, ActivityRun
from ..statuses import (
    ACTIVITY_MOVES,
    ActivityStatus,
    ActivityType,
    ApprovalStatus,
    AssigneeType,
    RunStatus,
    SubjectType,
)
from . import asking, history, jobs, tones

ATTEMPT_TONES = {
    AttemptStatus.CONFIRMED: "success",
    AttemptStatus.UNKNOWN: "warning",
    AttemptStatus.FAILED: "danger",
    AttemptStatus.SENT: "info",
}
FILTERS = (("status", "Status", ActivityStatus.choices), ("type", "Kind", ActivityType.choices), ("who", "Who", WHO))


@portal.dm()
def work(request: HttpRequest) -> HttpResponse:
    """Steps and tasks of one client, the newest first."""
    filters = WorkFilter(request.GET)
    if not filters.is_valid():
        raise InvalidInput({name: ["choose one of the list."] for name in filters.errors})
    chosen = {name: value for name, value in filters.cleaned_data.items() if value}
    rows = queries.work_list()
    if status := chosen.get("status"):
        rows = rows.filter(status=status)
    if kind := chosen.get("type"):
        rows = rows.filter(type=kind)
    if who := chosen.get("who"):
        rows = rows.filter(assignee_user=request.user) if who == "me" else rows.filter(assignee_type=who)
    page = paging.page_of(request, rows, order=("-ref_id",))
    today = queries.day_of(request.at, request.tenant.timezone)
    context = {
        "rows": [_work_row(row, slug=request.tenant.slug, today=today) for row in page.rows],
        "page": page,
        "columns": [{"label": label} for label in ("What", "Part of", "Status", "Who", "Due")],
        "menus": [_menu(request, chosen, name, label, choices) for name, label, choices in FILTERS],
        "chips": [
            {"label": dict(choices)[chosen[name]], "remove_href": _filtered(chosen, name, "")}
            for name, _, choices in FILTERS
            if name in chosen
        ],
        "clear_href": request.path,
        "ask_href": reverse("dm:activities:ask", args=[request.tenant.slug]),
    }
    return portal.respond(request, "dm/activities/work.html", context)


@portal.dm()
def activity(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The story of one activity from its brief to the link; for a unit, its steps."""
    return story(request, access.activity_for(request.actor, ref_id, to="read"))


@portal.dm()
def progress(request: HttpRequest, ref_id: str) -> HttpResponse:
    """How far a long job is; asked for every two seconds until it is over."""
    found = access.activity_for(request.actor, ref_id, to="read")
    if not found.assignee_agent_role.startswith("system."):
        raise NotFound
    return portal.respond(request, "dm/activities/progress.html", {"job": jobs.job_row(found)})


@portal.dm()
def stream(request: HttpRequest, ref_id: str) -> HttpResponse:
    """What the agent has written so far; asked for every second, and for the last time when the run has ended."""
    found = access.activity_for(request.actor, ref_id, to="read")
    run = queries.live_run(found) or next(iter(queries.runs_of(found)), None)
    return portal.respond(request, "dm/activities/stream.html", {**_live(found, run), "href": _href(found)})


@portal.dm(methods=["GET", "POST"])
def retry(request: HttpRequest, ref_id: str) -> HttpResponse:
    found = access.activity_for(request.actor, ref_id, to="retry")
    if request.method != "POST":
        return redirect(_href(found))
    form = RetryForm(request.POST)
    if not form.is_valid():
        return story(request, found, form=form, status=422)
    operations.retry_activity(found, by=request.actor, at=request.at, **form.cleaned_data)
    return portal.done(request, _href(found), message="It is tried again.")


@portal.dm(methods=["GET", "POST"])
def cancel(request: HttpRequest, ref_id: str) -> HttpResponse:
    """Stop one step, or a unit with all its open steps."""
    found = access.activity_for(request.actor, ref_id, to="cancel")
    if request.method != "POST":
        return redirect(_href(found))
    stop = operations.cancel_unit if found.steps.exists() else operations.cancel_activity
    stop(found, by=request.actor, at=request.at)
    return portal.done(request, _href(found), message="Cancelled.")


@portal.dm(methods=["GET", "POST"])
def done(request: HttpRequest, ref_id: str) -> HttpResponse:
    """A person's task is done."""
    found = access.activity_for(request.actor, ref_id, to="finish")
    if request.method != "POST":
        return redirect(_href(found))
    operations.finish_task(found, by=request.actor, at=request.at)
    return portal.done(request, reverse("dm:inbox"), message=f"Done: {found.title}")


def story(
    request: HttpRequest, found: Activity, *, form: RetryForm | None = None, status: int = 200, **more
) -> HttpResponse:
    slug = request.tenant.slug
    steps = list(found.steps.order_by("ref_id"))
    runs = queries.runs_of_unit(found) if steps else queries.runs_of(found)
    decisions = queries.decisions_on(found.subject_ref) if found.subject_ref else []
    if found.is_approval_gate:
        decisions = [decision for decision in decisions if decision.activity_id == found.pk]
    is_agents = found.assignee_type == AssigneeType.AGENT
    may_cancel = any(move.name == "cancel" for move in ACTIVITY_MOVES.open_from(found.status))
    live = next((run for run in runs if run.status == RunStatus.RUNNING), None) if not steps else None
    is_by_hand = operations.is_published_by_hand(found)
    context = {
        "activity": found,
        "tone": tones.of(tones.ACTIVITY, found.status),
        "facts": _facts(found, slug),
        "steps": [_step_row(step, slug) for step in steps],
        "instruction": found.input_data.get("prompt")
        or (found.step.prompt_template if "step" in found.input_data else ""),
        "notes": found.input_data.get("notes", []),
        "about": _about(found, slug),
        "wish": found.asked["wish"] if found.asked and steps else "",
        "task_note": failures.parted(found.revision_note)[1],
        "runs": [_run_row(each) for each in run_history.of_runs(found, runs)] if not steps else [],
        "cost_usd": sum((run.cost_usd for run in runs), Decimal(0)),
        "run_count": len(runs),
        "tool_count": run_history.tool_count(found) if runs else 0,
        "live": _live(found, live) if live else None,
        "output": queries.output_shown(_written(found)),
        "results": _results(found) if is_agents and not found.output_ref else [],
        "versions": _versions(found) if found.output_ref else [],
        "decisions": [_decision_row(decision, slug) for decision in decisions],
        "attempts": [_attempt_row(attempt) for attempt in queries.attempts_on(found.subject_ref)]
        if _publishes(found)
        else [],
        "publishes": _publishes(found),
        "failure": failures.parted(queries.failure_of(found))[1] if found.status == ActivityStatus.FAILED else "",
        "form": form or RetryForm(),
        "job": jobs.job_row(found) if found.assignee_agent_role.startswith("system.") else None,
        "has_model": is_agents and not found.assignee_agent_role.startswith("system."),
        "may_retry": found.status == ActivityStatus.FAILED and (is_agents or is_by_hand),
        "may_cancel": may_cancel,
        "may_finish": not is_by_hand and _is_open_task(found, steps),
        "by_hand": by_hand_of(found) if is_by_hand and _is_open_task(found, steps) else None,
        "figures_href": reverse("dm:content:figures", args=[slug, found.subject_ref]) if _has_figures(found) else "",
        "published_form": PublishedForm(),
        "not_published_form": NotPublishedForm(),
        "is_unit": bool(steps),
        "retry_href": reverse("dm:activities:retry", args=[slug, found.ref_id]),
        "cancel_href": reverse("dm:activities:cancel", args=[slug, found.ref_id]),
        "done_href": reverse("dm:activities:done", args=[slug, found.ref_id]),
        **more,
    }
    return portal.respond(request, "dm/activities/activity.html", context, status=status)


def _is_open_task(found: Activity, steps: list[Activity]) -> bool:
    is_task = found.assignee_type == AssigneeType.HUMAN and not found.is_approval_gate and not steps
    return is_task and found.status in (ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS)


def _has_figures(found: Activity) -> bool:
    """A step about a social post that is out."""
    is_after = found.type in (ActivityType.PUBLISH, ActivityType.REPORT) and found.status == ActivityStatus.COMPLETED
    return is_after and found.subject_type == SubjectType.SOCIAL_POST


def by_hand_of(found: Activity) -> dict | None:
    """What a person is to put out, exactly as it was approved; None before it was."""
    approval = queries.released_by(found)
    if approval is None:
        return None
    gate = registry.GATES[approval.subject_type]
    return {
        "part": gate.template,
        "approval": approval,
        "subject": gate.load(approval.subject_ref),
        "shown": approval.shown_snapshot["subject"],
        "text": queries.text_shown(approval).text,
        "published_href": reverse("dm:activities:published", args=[found.tenant.slug, found.ref_id]),
        "not_published_href": reverse("dm:activities:not_published", args=[found.tenant.slug, found.ref_id]),
    }


def _written(found: Activity) -> Activity:
    """The activity whose text the page shows: its own, or, at a person's step of a unit, what was written before it."""
    is_hand_over = found.parent_activity_id and found.assignee_type == AssigneeType.HUMAN and not found.is_approval_gate
    return (operations.step_behind(found) if is_hand_over else None) or found


def _publishes(found: Activity) -> bool:
    return found.type == ActivityType.PUBLISH and found.step.creates not in registry.DELIVERIES


def _who(found: Activity) -> dict:
    if found.assignee_type == AssigneeType.AGENT:
        return {"name": role_name(found.assignee_agent_role), "is_agent": True}
    return {"name": found.assignee_user.name if found.assignee_user else "", "is_agent": False}


def _facts(found: Activity, slug: str) -> list[dict]:
    facts = []
    if found.parent_activity:
        facts.append(
            {
                "label": "Part of",
                "value": found.parent_activity.title,
                "href": _href_of(slug, found.parent_activity.ref_id),
            }
        )
    who = _who(found)
    if who["name"]:
        facts.append({"label": "Done by", "value": who["name"]})
    if found.goal:
        facts.append({"label": "Goal", "value": found.goal.name})
    if found.deliverable:
        facts.append({"label": "Promise", "value": found.deliverable.name})
    facts += asking.facts_of(found)
    facts.append({"label": "Created", "at": found.created_on})
    if found.status == ActivityStatus.ASSIGNED and found.ready_on > found.created_on:
        facts.append({"label": "Not before", "at": found.ready_on})
    if found.due_date and not found.completed_on:
        facts.append({"label": "Due", "at": found.due_date})
    if found.started_on:
        facts.append({"label": "Started", "at": found.started_on})
    if found.completed_on:
        facts.append({"label": "Completed", "at": found.completed_on})
    return facts


def _about(found: Activity, slug: str) -> dict | None:
    """What a task calls attention to."""
    if found.assignee_agent_role == IMPORT_LEADS:
        return {"href": reverse("dm:crm:import", args=[slug, found.ref_id]), "label": "See what was imported"}
    if found.assignee_agent_role == SCORE_CHANNELS:
        return {"href": reverse("dm:activities:channels", args=[slug]), "label": "Channels and their scores"}
    ref = found.input_data.get("failed") or found.input_data.get("checked")
    return {"href": _href_of(slug, ref), "label": "Open the step this is about"} if ref else None


def _step_row(step: Activity, slug: str) -> dict:
    return {
        "href": _href_of(slug, step.ref_id),
        "title": step.title,
        "label": step.get_status_display(),
        "tone": tones.of(tones.ACTIVITY, step.status),
        "who": role_name(step.assignee_agent_role)
        if step.assignee_type == AssigneeType.AGENT
        else step.step.human_role or "",
        "is_agent": step.assignee_type == AssigneeType.AGENT,
        "completed_on": step.completed_on,
        "due": None if step.completed_on else step.due_date,
    }


def _run_row(history: run_history.RunHistory) -> dict:
    run = history.run
    return {
        "attempt": run.attempt,
        "model": run.model_id,
        "label": run.get_status_display(),
        "tone": tones.of(tones.RUN, run.status),
        "input_tokens": run.input_tokens,
        "cached_input_tokens": history.cached_input_tokens,
        "output_tokens": run.output_tokens,
        "cost_usd": run.cost_usd,
        "calls": history.calls,
        "seconds": run.duration_ms / 1_000 if run.duration_ms is not None else None,
        "started_on": run.started_on,
        "version": history.output_version,
        "parts": history.parts,
        "tools": history.tool_calls,
        "sentence": history.told.sentence,
        "next_step": history.told.next_step if history.told.sentence else "",
        "error": run.error,
    }


def _versions(found: Activity) -> list[dict]:
    role = registry.work_of(found)
    if role is None:
        return []
    return [
        {
            "at": version.created_on,
            "who": "A person" if version.author_type == "human" else role_name(found.assignee_agent_role),
            "text": f"{'edited it' if version.author_type == 'human' else 'wrote'}: version {version.version}",
            "detail": version.change_note,
            "tone": "success" if version.pointer == found.output_ref else "neutral",
        }
        for version in queries.history_of(role.subject(found))
    ]


def _results(found: Activity) -> list[dict]:
    """The plain numbers and words a job left, and lines it wrote for people; other lists and pointers are for machines."""
    facts = [
        {"label": name.replace("_", " ").capitalize(), "value": value}
        for name, value in found.output_summary.items()
        if isinstance(value, int) or (isinstance(value, str) and " " in value)
    ]
    return facts + found.output_summary.get("lines", [])


def _decision_row(decision, slug: str) -> dict:
    return {
        "href": reverse("dm:activities:approval", args=[slug, decision.ref_id]),
        "step": decision.activity.title,
        "label": decision.get_status_display(),
        "tone": tones.of(tones.APPROVAL, decision.status),
        "who": decision.decided_by.name if decision.decided_by else "",
        "at": decision.decided_on or decision.created_on,
        "note": decision.decision_note,
        "is_open": decision.status == ApprovalStatus.PENDING,
        "waits_for": history.WAITS_FOR[decision.required_role],
    }


def _attempt_row(attempt) -> dict:
    return {
        "platform": attempt.channel.platform,
        "channel": attempt.channel.name,
        "label": attempt.get_status_display(),
        "tone": tones.of(ATTEMPT_TONES, attempt.status),
        "url": attempt.external_url,
        "cause": attempt.failure_cause.replace("_", " "),
        "next_step": attempt.next_step,
        "at": attempt.confirmed_on or attempt.sent_on or attempt.created_on,
    }


def _live(found: Activity, run: ActivityRun | None) -> dict:
    """The live text of a run; nothing asks again once it has ended."""
    role = registry.work_of(found)
    streamed = streams.read(run.ref_id) if run else ""
    text = streams.live_text(streamed, role.live_field) if role and role.live_field else ""
    return {
        "text": text or ("Thinking" if run and run.status == RunStatus.RUNNING else ""),
        "is_live": run is not None and run.status == RunStatus.RUNNING,
        "stream_href": reverse("dm:activities:stream", args=[found.tenant.slug, found.ref_id]),
    }


def _work_row(row: Activity, *, slug: str, today: date) -> dict:
    return {
        "href": _href_of(slug, row.ref_id),
        "title": row.title,
        "unit": row.parent_activity.title if row.parent_activity else "",
        "is_ad_hoc": row.asked is not None,
        "label": row.get_status_display(),
        "tone": tones.of(tones.ACTIVITY, row.status),
        "due": row.due_date,
        "is_late": row.is_overdue(today) and row.status != ActivityStatus.CANCELLED,
        **_who(row),
    }


def _menu(request: HttpRequest, chosen: dict, name: str, label: str, choices) -> dict:
    options = [{"label": "Any", "href": _filtered(chosen, name, "") or request.path, "current": name not in chosen}]
    options += [
        {"label": text, "href": _filtered(chosen, name, value), "current": chosen.get(name) == value}
        for value, text in choices
    ]
    return {"label": label, "options": options}


def _filtered(chosen: dict, name: str, value: str) -> str:
    return "?" + urlencode({key: kept for key, kept in {**chosen, name: value}.items() if kept})


def _href(found: Activity) -> str:
    return _href_of(found.tenant.slug, found.ref_id)


def _href_of(slug: str, ref_id: str) -> str:
    return reverse("dm:activities:activity", args=[slug, ref_id])

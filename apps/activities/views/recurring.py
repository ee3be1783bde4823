"""Recurring tasks in both portals: which wait for which values, the forms to fill them, and what staff set them to."""

from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.shared.edits import EditedMeanwhile
from apps.shared.errors import InvalidInput
from apps.tenants.doors import portal
from apps.tenants.permissions import may, require

from .. import access, operations, queries
from ..bodies import role_name
from ..forms import RecurringTaskForm, ValuesForm
from ..models import Activity, RecurringTaskTemplate
from ..statuses import AssigneeType, Trigger
from . import tones

F = TypeVar("F", ValuesForm, RecurringTaskForm)
COLUMNS = [{"label": label} for label in ("Task", "When", "Who", "Standing", "Next")]


@portal.dm()
def recurring(request: HttpRequest) -> HttpResponse:
    """All recurring tasks of one client; those that wait for values come first."""
    require(request.actor, "recurring_task.read")
    slug = request.tenant.slug
    rows = [
        {**_row(task), "href": reverse("dm:activities:recurring_task", args=[slug, task.template.ref_id])}
        for task in queries.recurring_tasks(request.tenant.facts, at=request.at)
    ]
    context = {"rows": rows, "columns": COLUMNS, "waiting": sum(row["is_waiting"] for row in rows)}
    return portal.respond(request, "dm/activities/recurring.html", context)


@portal.dm()
def recurring_task(request: HttpRequest, ref_id: str) -> HttpResponse:
    """One of them: what it says, its values, its settings, and the tasks it has made."""
    return _page(request, access.recurring_task_for(request.actor, ref_id, to="read"))


@portal.dm(methods=["GET", "POST"])
def fill_values(request: HttpRequest, ref_id: str) -> HttpResponse:
    template = access.recurring_task_for(request.actor, ref_id, to="fill")
    if request.method != "POST":
        return redirect(_href(template))
    form = ValuesForm(template, request.POST)
    try:
        if _is_filled(request, template, form):
            return portal.done(request, _href(template), message="Saved.")
    except EditedMeanwhile:
        return _page(request, template, values_form=_sent_again(request, template, ValuesForm), status=409)
    return _page(request, template, values_form=form, status=422)


@portal.dm(methods=["GET", "POST"])
def edit_recurring(request: HttpRequest, ref_id: str) -> HttpResponse:
    template = access.recurring_task_for(request.actor, ref_id, to="edit")
    if request.method != "POST":
        return redirect(_href(template))
    form = RecurringTaskForm(template, request.POST)
    if form.is_valid():
        try:
            operations.edit_recurring_task(
                template, form.settings, by=request.actor, at=request.at, seen_on=form.cleaned_data["seen_on"]
            )
            return portal.done(request, _href(template), message="Saved.")
        except InvalidInput as error:
            form.refuse(error)
        except EditedMeanwhile:
            return _page(request, template, settings_form=_sent_again(request, template, RecurringTaskForm), status=409)
    return _page(request, template, settings_form=form, status=422)


@portal.dm(methods=["GET", "POST"])
def spawn_now(request: HttpRequest, ref_id: str) -> HttpResponse:
    template = access.recurring_task_for(request.actor, ref_id, to="spawn")
    if request.method != "POST":
        return redirect(_href(template))
    task = operations.spawn_now(template, by=request.actor, at=request.at)
    to = reverse("dm:activities:activity", args=[request.tenant.slug, task.ref_id])
    return portal.done(request, to, message="The task is made.")


@portal.app()
def setup(request: HttpRequest) -> HttpResponse:
    """What the client's admin has to tell us: recurring tasks that wait for values, and those that have theirs."""
    return _checklist(request)


@portal.app(methods=["GET", "POST"])
def fill_setup(request: HttpRequest, ref_id: str) -> HttpResponse:
    template = access.recurring_task_for(request.actor, ref_id, to="fill")
    if request.method != "POST":
        return redirect("app:setup")
    form = ValuesForm(template, request.POST)
    try:
        if _is_filled(request, template, form):
            return portal.done(request, reverse("app:setup"), message=f"Saved: {template.name}")
    except EditedMeanwhile:
        return _checklist(request, sent=_sent_again(request, template, ValuesForm), sent_for=template, status=409)
    return _checklist(request, sent=form, sent_for=template, status=422)


def _is_filled(request: HttpRequest, template: RecurringTaskTemplate, form: ValuesForm) -> bool:
    """Raises EditedMeanwhile."""
    if not form.is_valid():
        return False
    try:
        operations.fill_variables(
            template, form.values, by=request.actor, at=request.at, seen_on=form.cleaned_data["seen_on"]
        )
    except InvalidInput as error:
        form.refuse(error)
        return False
    return True


def _sent_again(request: HttpRequest, template: RecurringTaskTemplate, kind: type[F]) -> F:
    """What was sent, over what somebody else saved meanwhile, which stands beside each field that differs."""
    template.refresh_from_db()
    answers = request.POST.copy()
    answers["seen_on"] = template.updated_on.isoformat() if template.updated_on else ""
    form = kind(template, answers)
    form.is_valid()
    form.add_error(
        None,
        "Not saved: somebody changed this after you opened it. What you typed is still here; beside it stands what was"
        " saved meanwhile. Saving again replaces that.",
    )
    for name in form.changed_data:
        field = form.fields[name]
        saved = form.get_initial_for_field(field, name)
        shown = dict(getattr(field, "choices", ())).get(saved, saved)
        form.add_error(name, f"Saved meanwhile: {'nothing' if shown in ('', None) else shown}")
    return form


def _checklist(
    request: HttpRequest,
    *,
    sent: ValuesForm | None = None,
    sent_for: RecurringTaskTemplate | None = None,
    status: int = 200,
) -> HttpResponse:
    require(request.actor, "recurring_task.read")
    may_fill = may(request.actor, "recurring_task.fill")
    tasks = [
        {
            **_row(task),
            "form": (sent if sent_for == task.template else ValuesForm(task.template)) if may_fill else None,
            "is_open": task.is_waiting or sent_for == task.template,
            "action": reverse("app:fill_setup", args=[task.template.ref_id]),
        }
        for task in queries.recurring_tasks(request.tenant.facts, at=request.at)
        if task.template.variables and task.template.is_active
    ]
    context = {"tasks": tasks, "waiting": sum(task["is_waiting"] for task in tasks), "may_fill": may_fill}
    return portal.respond(request, "app/activities/setup.html", context, status=status)


def _page(
    request: HttpRequest,
    template: RecurringTaskTemplate,
    *,
    values_form: ValuesForm | None = None,
    settings_form: RecurringTaskForm | None = None,
    status: int = 200,
) -> HttpResponse:
    slug = request.tenant.slug
    task = queries.recurring_task(template, request.tenant.facts, at=request.at)
    row = _row(task)
    context = {
        "task": template,
        **row,
        "facts": [
            {"label": "When", "value": row["when"]},
            {"label": "Who", "value": row["who"]},
            {"label": "Next", "at": row["next_on"]} if row["next_on"] else {"label": "Next", "value": "—"},
        ],
        "made": [_made(each, slug) for each in task.made],
        "values_form": (values_form or ValuesForm(template)) if template.variables else None,
        "settings_form": settings_form or RecurringTaskForm(template),
        "may_spawn": template.is_active and not task.obstacles,
        "fill_href": reverse("dm:activities:fill_values", args=[slug, template.ref_id]),
        "edit_href": reverse("dm:activities:edit_recurring", args=[slug, template.ref_id]),
        "spawn_href": reverse("dm:activities:spawn_now", args=[slug, template.ref_id]),
        "list_href": reverse("dm:activities:recurring", args=[slug]),
    }
    return portal.respond(request, "dm/activities/recurring_task.html", context, status=status)


def _row(task: queries.RecurringTask) -> dict:
    template = task.template
    if not template.is_active:
        label, tone = "Switched off", "neutral"
    elif task.is_waiting:
        label, tone = "Waits for values", "warning"
    else:
        label, tone = "On", "success"
    return {
        "ref_id": template.ref_id,
        "name": template.name,
        "description": template.description,
        "when": _when(template),
        "who": _who(template),
        "is_agents": template.assignee_type == AssigneeType.AGENT,
        "label": label,
        "tone": tone,
        "is_waiting": task.is_waiting,
        "obstacles": " ".join(task.obstacles),
        "next_on": task.next_on,
    }


def _when(template: RecurringTaskTemplate) -> str:
    how_often = template.get_periodicity_display()
    if template.trigger == Trigger.CRON:
        return f"{how_often} ({template.cron_expression})"
    return f"{how_often}, {template.get_trigger_display().lower()}"


def _who(template: RecurringTaskTemplate) -> str:
    if template.assignee_type == AssigneeType.AGENT:
        return role_name(template.agent_role or "")
    return template.get_human_role_display()


def _made(task: Activity, slug: str) -> dict:
    return {
        "href": reverse("dm:activities:activity", args=[slug, task.ref_id]),
        "title": task.title,
        "label": task.get_status_display(),
        "tone": tones.of(tones.ACTIVITY, task.status),
        "due": task.due_date,
    }


def _href(template: RecurringTaskTemplate) -> str:
    return reverse("dm:activities:recurring_task", args=[template.tenant.slug, template.ref_id])

"""Pipelines in Manage: what they are, how they changed, and the editor of their steps.

The editor is one form with a part for each step and no state of its own: adding, moving and removing send everything that
was typed and get the form back, changed; only Save writes.
"""

import re
from datetime import datetime
from typing import Any, get_args

from django import forms
from django.contrib import admin, messages
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils.html import format_html_join

from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.models import JournalEntry
from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, address_of, column, link, moment
from apps.tenants.doors.admin_forms import Choice, Line, ManageForm, Paragraphs, Seen, Switch, Whole
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel, Task, scope_of
from apps.tenants.models import User
from apps.tenants.permissions import require

from .. import operations, preview
from ..bodies import AGENT_ROLES, Created, HumanRole, StepType, TemplateStep, role_name
from ..models import ActivityTemplate
from ..pipelines.differences import differences

VERSIONS_SHOWN = 20
WHO = [
    ("Person", [(f"person:{role}", role.capitalize()) for role in get_args(HumanRole)]),
    ("Agent", [(f"agent:{role}", role_name(role)) for role in sorted(AGENT_ROLES)]),
]
GATES = [("", "No gate"), ("gate", "Gate: a person approves"), ("final", "Final gate: approving releases the work")]


class Several(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple


class StepForm(ManageForm):
    """One step. `who` is `agent:<role>` or `person:<role>`; other steps are chosen by their key."""

    key = Line(max_length=100, widget=forms.HiddenInput)
    title = Line(max_length=200)
    type = Choice(choices=[(one, one.capitalize()) for one in get_args(StepType)], label="Kind")
    who = Choice(choices=[("", "Choose"), *WHO], label="Done by")
    due_offset_days = Whole(min_value=0, max_value=366, label="Due on day", help_text="Days after the unit begins.")
    depends_on = Several(required=False, label="Waits for")
    gate = Choice(choices=GATES, required=False, label="Approval")
    on_reject = Choice(required=False, label="Rejected work goes to")
    creates = Choice(
        choices=[("", "Nothing"), *((one, one.replace("_", " ").capitalize()) for one in get_args(Created))],
        required=False,
        label="Leaves behind",
    )
    counts_unit = Switch(label="Counts the unit", help_text="When this is done, one more of the promise is kept.")
    prompt_template = Paragraphs(max_length=10_000, required=False, label="Instruction")

    def __init__(self, data=None, *, initial=None, number: int, others: list[tuple[str, str]]):
        super().__init__(data, initial=initial)
        self.prefix = str(number)
        self.fields["depends_on"].choices = others
        self.fields["on_reject"].choices = [("", "Nowhere"), *others]
        self.fields["prompt_template"].widget.attrs["rows"] = 3

    def clean(self):
        return forms.Form.clean(self)  # only what belongs to it was taken from the request


class NameForm(ManageForm):
    name = Line(max_length=255)
    seen_on = Seen()

    def clean(self):
        return forms.Form.clean(self)  # the steps are posted with it


def as_typed(step: TemplateStep) -> dict[str, Any]:
    """A step as the form holds it."""
    return {
        **step.model_dump(include={"key", "title", "type", "depends_on", "prompt_template", "due_offset_days"}),
        "who": f"agent:{step.agent_role}" if step.assignee_type == "agent" else f"person:{step.human_role}",
        "gate": "final" if step.is_final_gate else "gate" if step.is_approval_gate else "",
        "on_reject": step.on_reject or "",
        "creates": step.creates or "",
        "counts_unit": step.counts_unit,
    }


def as_step(typed: dict[str, Any]) -> dict[str, Any]:
    """What the form holds as a TemplateStep in JSON."""
    kind, _, role = typed["who"].partition(":")
    return {
        **{name: typed[name] for name in ("key", "title", "type", "depends_on", "due_offset_days", "counts_unit")},
        "assignee_type": "agent" if kind == "agent" else "human",
        "agent_role": role if kind == "agent" else None,
        "human_role": role if kind == "person" else None,
        "is_approval_gate": typed["gate"] in ("gate", "final"),
        "is_final_gate": typed["gate"] == "final",
        "prompt_template": typed["prompt_template"].replace("\r\n", "\n"),
        "on_reject": typed["on_reject"] or None,
        "creates": typed["creates"] or None,
    }


def posted_steps(data: QueryDict) -> list[dict[str, Any]]:
    """What was typed, step by step, unchecked: fields are called `<number>-<name>`."""
    numbers = sorted({int(name.partition("-")[0]) for name in data if re.fullmatch(r"[0-9]{1,3}-[a-z_]+", name)})
    several = ("depends_on",)
    return [
        {
            name: data.getlist(f"{number}-{name}") if name in several else data.get(f"{number}-{name}", "")
            for name in StepForm.base_fields
        }
        for number in numbers[: operations.MOST_STEPS + 1]
    ]


def key_for(title: str, taken: set[str]) -> str:
    """A key of letters and underscores after the title; with an ending where it is taken."""
    key = re.sub(r"[^a-z]+", "_", title.lower()).strip("_")[:80] or "step"
    while key in taken:
        key += "_again"
    return key


def changed(typed: list[dict[str, Any]], do: str, new_title: str) -> list[dict[str, Any]]:
    """The steps after `add`, `up:<key>`, `down:<key>` or `remove:<key>`; as they are for anything else."""
    what, _, key = do.partition(":")
    place = next((n for n, step in enumerate(typed) if step["key"] == key), None)
    if what == "add" and len(typed) < operations.MOST_STEPS:
        title = new_title.strip()[:200] or "New step"
        after = [typed[-1]["key"]] if typed else []
        blank = {name: "" for name in StepForm.base_fields}
        day = typed[-1]["due_offset_days"] if typed else "1"
        new = {"key": key_for(title, {s["key"] for s in typed}), "title": title, "type": "other", "depends_on": after}
        return [*typed, {**blank, **new, "who": "person:reviewer", "due_offset_days": day}]
    if place is None:
        return typed
    if what in ("up", "down"):
        other = place + (1 if what == "down" else -1)
        if 0 <= other < len(typed):
            typed[place], typed[other] = typed[other], typed[place]
    if what == "remove":
        gone = typed.pop(place)
        for step in typed:  # what waited for it waits for what it waited for
            if key in step["depends_on"]:
                kept = [each for each in step["depends_on"] if each != key]
                step["depends_on"] = list(dict.fromkeys([*kept, *(k for k in gone["depends_on"] if k != step["key"])]))
    return typed


def forms_of(typed: list[dict[str, Any]], *, is_checked: bool) -> list[StepForm]:
    titled = [(step["key"], step["title"] or step["key"]) for step in typed]
    made = []
    for number, step in enumerate(typed):
        others = [(key, title) for key, title in titled if key != step["key"]]
        data = None
        if is_checked:
            data = QueryDict(mutable=True)
            for name, value in step.items():
                data.setlist(f"{number}-{name}", value if isinstance(value, list) else [value] if value else [])
        form = StepForm(data, initial=step, number=number, others=others)
        made.append(form)
    return made


def reset(request, template: ActivityTemplate, *, seen_on: datetime | None) -> None:
    kept = operations.reset_template(template, by=request.actor, at=request.at, seen_on=seen_on)
    messages.success(request, f"Now as the global pipeline, version {kept.version}.")


class ResetForm(ManageForm):
    seen_on = Seen()


@admin.register(ActivityTemplate)
class ActivityTemplateAdmin(ManageAdmin):
    called = "Pipelines"
    list_display = (
        "name",
        column("deliverable_type", label="Of"),
        "whose",
        column("version"),
        "step_count",
        column("is_active", label="Active"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "is_active",
        ClientFilter,
        text_filter("type of deliverable", "deliverable_type", placeholder_="blog_posts"),
    )
    tasks = (
        Task("edit", "Edit", "template.edit", lambda request, row: None, form=NameForm),
        Task(
            "reset",
            "Reset to the global one",
            "template.edit",
            reset,
            form=ResetForm,
            initial=lambda t: {"seen_on": t.updated_on},
            when=lambda t: t.tenant_id is not None and t.source_template_id is not None,
            asks="All steps become those of the global pipeline as it is now, as a version of their own. What was planned "
            "before keeps its own steps.",
            is_grave=True,
        ),
    )
    sections = (
        (
            "Pipeline",
            (
                "name",
                "deliverable_type",
                "whose",
                "source_template",
                "version",
                "is_active",
                "updated_by",
                "updated_on",
                "ref_id",
            ),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "source_template")

    @admin.display(description="Whose")
    def whose(self, row):
        return link(row.tenant) if row.tenant_id else "Global"

    @admin.display(description="Steps")
    def step_count(self, row):
        return len(row.steps)

    # The editor.

    def _perform(self, request, task, row, back):
        if task.name != "edit":
            return super()._perform(request, task, row, back)
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        require(request.actor, task.needs)
        if request.method != "POST":
            typed = [as_typed(step) for step in row.parsed_steps]
            name = NameForm(initial={"name": row.name, "seen_on": row.updated_on})
            return self._editor(request, row, name, forms_of(typed, is_checked=False), row.parsed_steps, [])
        return self._posted(request, row, back)

    def _posted(self, request, row, back) -> HttpResponse:
        do = request.POST.get("do", "save")
        typed, name = posted_steps(request.POST), NameForm(request.POST)
        if do not in ("save", "check"):
            typed = changed(typed, do, request.POST.get("new_title", ""))
            told = NameForm(initial={field: request.POST.get(field, "") for field in NameForm.base_fields})
            return self._editor(request, row, told, forms_of(typed, is_checked=False), None, [])
        step_forms = forms_of(typed, is_checked=True)
        if not all([name.is_valid(), *(form.is_valid() for form in step_forms)]):
            return self._editor(request, row, name, step_forms, None, [], status=422)
        wanted = [as_step(form.cleaned_data) for form in step_forms]
        steps, problems = operations.checked(wanted, row.deliverable_type)
        if do == "check":
            return self._editor(request, row, name, step_forms, None if problems else steps, problems, is_checked=True)
        try:
            with scope_of(row):
                saved = operations.edit_template(
                    row, **name.cleaned_data, steps=wanted, by=request.actor, at=request.at
                )
        except InvalidInput as error:
            told = [text for texts in error.errors.values() for text in texts]
            return self._editor(request, row, name, step_forms, None, told, status=error.http_status)
        except OperationRefused as error:
            name.add_error(None, error.detail)
            return self._editor(request, row, name, step_forms, None, [], status=error.http_status)
        messages.success(request, f"Saved as version {saved.version}.")
        return HttpResponseRedirect(back)

    def _editor(self, request, row, name, step_forms, steps, problems, *, is_checked=False, status=200) -> HttpResponse:
        """`steps` are previewed; None where they are not sound, or not looked at yet."""
        context = {
            **self._context(request, "Edit", row),
            "row": row,
            "name": name,
            "step_forms": step_forms,
            "problems": problems,
            "planned": preview.month_of(row, steps, at=request.at) if steps else [],
            "changes": differences(row.parsed_steps, steps) if steps and is_checked else None,
            "may_add": len(step_forms) < operations.MOST_STEPS,
            "back": address_of(row),
        }
        return TemplateResponse(request, "manage/pipeline.html", context, status=status)

    # What stands on its page.

    def panels(self, request, row):
        def remarks(step) -> str:
            gate = "Final gate" if step.is_final_gate else "Gate" if step.is_approval_gate else ""
            back = f"sends back to {step.on_reject}" if step.on_reject else ""
            counts = "counts the unit" if step.counts_unit else ""
            return (
                " · ".join(filter(None, (gate, back, counts, f"makes {step.creates}" if step.creates else ""))) or EMPTY
            )

        made = [
            Panel(
                "Steps",
                ("Step", "Key", "Who", "After", "Due", "Remarks"),
                [
                    (
                        s.title,
                        s.key,
                        s.agent_role or f"{s.human_role} (person)",
                        ", ".join(s.depends_on) or EMPTY,
                        f"day {s.due_offset_days}",
                        remarks(s),
                    )
                    for s in row.parsed_steps
                ],
                "No steps.",
            ),
            Panel(
                "Prompts",
                ("Step", "Prompt"),
                [(s.title, s.prompt_template) for s in row.parsed_steps if s.prompt_template],
                "No step has a prompt of its own.",
            ),
            versions_panel(row),
        ]
        if row.tenant_id and row.source_template:
            source = row.source_template
            told = differences(source.parsed_steps, row.parsed_steps)
            made.append(
                Panel(
                    "Different from the global pipeline",
                    (f"As of its version {source.version}",),
                    [(sentence,) for sentence in told],
                    f"Nothing: it has the steps of the global one, version {source.version}.",
                    links=[("The global pipeline", address_of(source))],
                )
            )
        return made


def versions_panel(template: ActivityTemplate) -> Panel:
    """Each version with who made it, when, and what it says that the one before did not."""
    codes = ("template.edited", "template.reset")
    entries = JournalEntry.objects.filter(subject_ref=template.ref_id, code__in=codes).order_by("-ref_id")
    entries = list(entries[:VERSIONS_SHOWN])
    people = dict(User.objects.filter(ref_id__in=[entry.actor_ref for entry in entries]).values_list("ref_id", "name"))

    def what(entry: JournalEntry) -> str:
        told = (["Reset to the global pipeline."] if entry.code == "template.reset" else []) + entry.after.get(
            "changes", []
        )
        return format_html_join("", "<div>{}</div>", ((sentence,) for sentence in told)) or EMPTY

    return Panel(
        "Versions",
        ("Version", "When", "Who", "What is different from the one before"),
        [
            (
                str(entry.after.get("version", EMPTY)),
                moment(entry.created_on),
                people.get(entry.actor_ref, entry.actor_type),
                what(entry),
            )
            for entry in entries
        ],
        "It was never changed.",
    )

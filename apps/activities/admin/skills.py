"""Global skills in Manage: what every client's agents can be told, its versions, and what changed between them.

Skills are documents of MongoDB, so there is no model to register; these are views in the frame of Manage, in a scope
without clients, in which only the platform's own documents are to be seen.
"""

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from apps import storage
from apps.shared.errors import InvalidInput, NotFound
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants.doors.admin_display import EMPTY, badge, moment
from apps.tenants.doors.admin_forms import Line, ManageForm, Paragraphs, Whole
from apps.tenants.doors.admin_tasks import Panel, Task
from apps.tenants.models import User
from apps.tenants.permissions import require

from .. import access, operations, skill_files, skill_library
from ..bodies import role_in_words
from ..checks import BrandRules
from ..first_pass import SPAN_OF_VERSIONS, first_pass_of_skill, in_words
from ..skill_files import SkillText, written
from ..skill_library import SkillVersion

NEEDS = "skill.edit_global"


class SkillFields(ManageForm):
    description = Paragraphs(max_length=1_000, label="When to use it, and when not", help_text="Agents choose by it.")
    body = Paragraphs(max_length=skill_files.BODY_LENGTH + 1_000, label="Text", help_text="Markdown.")
    roles = Paragraphs(
        max_length=2_000,
        required=False,
        label="Agents it is for",
        help_text="Such as copywriter, email_writer. Empty: every agent whose task its words fit.",
    )
    tags = Line(max_length=500, required=False, help_text="Words between commas.")

    @property
    def text(self) -> SkillText:
        values = self.cleaned_data
        return SkillText(
            name=values.get("name") or self.row.name,
            description=values["description"],
            body=values["body"],
            tags=_words(values["tags"]),
            roles=_words(values["roles"]),
            rules=self.row.text.rules if self.row else BrandRules(),
        )


class AddSkillForm(SkillFields):
    name = Line(max_length=skill_files.NAME_LENGTH, help_text="Lower-case words with hyphens. It stays.")
    field_order = ("name", "description", "body", "roles", "tags")


class EditSkillForm(SkillFields):
    seen_version = Whole(min_value=1, widget=forms.HiddenInput)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.replace("\n", ",").split(",") if word.strip())


def skills(request: HttpRequest) -> HttpResponse:
    require(request.actor, NEEDS)
    with tenant_scope():
        found = skill_library.newest()
    rows = [
        (
            format_html('<a class="link" href="{}">{}</a>', _href(skill.name), skill.name),
            skill.document.description,
            ", ".join(role_in_words(role) for role in skill.roles) or "All whose task it fits",
            skill.version,
            _state(skill),
            moment(skill.document.createdOn),
        )
        for skill in found
    ]
    headers = ("Skill", "When", "For", "Version", "State", "Changed")
    context = {
        "tasks": [(Task("add", "Add a skill", NEEDS, _nothing, form=AddSkillForm), reverse("manage_skills:add"))],
        "panels": [Panel("Global skills", headers, rows, "There are none. `bootstrap` puts the starter set in place.")],
    }
    return _answer(request, "manage/row.html", "Skills", **context)


def skill(request: HttpRequest, name: str) -> HttpResponse:
    """The newest version, or the one `?version=` names, and what changed in it."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    with tenant_scope():
        current = access.global_skill_for(request.actor, name)
        versions = skill_library.versions_of(name, is_global=True)
    with every_tenant(reason="what became of a global skill's versions is counted over all clients"):
        passed = first_pass_of_skill(name, is_global=True, since=request.at - SPAN_OF_VERSIONS)
    wanted = request.GET.get("version")
    chosen = next((each for each in versions if str(each.version) == wanted), None) if wanted else current
    if chosen is None:
        raise NotFound
    before = next((each for each in versions if each.version < chosen.version), None)
    tasks = [
        (Task("edit", "Edit", NEEDS, _nothing, form=EditSkillForm), reverse("manage_skills:edit", args=[name])),
        (
            Task("switch", "Switch off" if current.is_active else "Switch on", NEEDS, _nothing, asks="?"),
            reverse("manage_skills:switch", args=[name]),
        ),
    ]
    if chosen.text != current.text:
        label = f"Bring version {chosen.version} back"
        address = reverse("manage_skills:restore", args=[name, chosen.version])
        tasks = [(Task("restore", label, NEEDS, _nothing, asks="?"), address)]
    facts = [
        ("Name", chosen.name),
        ("Version", f"{chosen.version} of {current.version}"),
        ("State", _state(chosen)),
        ("When to use it", chosen.document.description),
        ("For", ", ".join(role_in_words(role) for role in chosen.roles) or "Every agent whose task its words fit"),
        ("Tags", ", ".join(chosen.document.tags) or EMPTY),
    ]
    return _answer(
        request,
        "manage/skill.html",
        name,
        sections=[("Skill", facts)],
        tasks=tasks,
        panels=[_history(versions, name, in_words(passed))],
        chosen=chosen,
        before=before,
        new_text=written(chosen.text),
        old_text=written(before.text) if before else "",
    )


def add_skill(request: HttpRequest) -> HttpResponse:
    require(request.actor, NEEDS)
    form = AddSkillForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                with tenant_scope():
                    made = operations.add_skill(form.text, is_global=True, by=request.actor, at=request.at)
                messages.success(request, f"{made.name} is added. Every client's agents can be told of it.")
                return HttpResponseRedirect(_href(made.name))
            except InvalidInput as error:
                _tell(form, error.errors)
            except operations.SkillExists as error:
                _tell(form, {"name": [error.detail]})
    return _task(request, "Add a skill", form, back=reverse("manage_skills:list"), button="Add", status=status)


def edit_skill(request: HttpRequest, name: str) -> HttpResponse:
    with tenant_scope():
        current = access.global_skill_for(request.actor, name)
    initial = {
        "description": current.document.description,
        "body": current.document.body,
        "roles": ", ".join(current.roles),
        "tags": ", ".join(current.document.tags),
        "seen_version": current.version,
    }
    form = EditSkillForm(request.POST if request.method == "POST" else None, row=current, initial=initial)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                with tenant_scope():
                    edited = operations.edit_skill(
                        current,
                        form.text,
                        seen_version=form.cleaned_data["seen_version"],
                        by=request.actor,
                        at=request.at,
                    )
                messages.success(request, f"Saved as version {edited.version}.")
                return HttpResponseRedirect(_href(name))
            except InvalidInput as error:
                _tell(form, error.errors)
            except storage.VersionTaken as error:
                status = error.http_status
                told = (
                    f"Version {current.version} was made after you opened this; it stands under Skills. {error.detail}"
                )
                _tell(form, {"": [told]})
    return _task(request, f"Edit {name}", form, back=_href(name), button="Save", status=status)


def switch_skill(request: HttpRequest, name: str) -> HttpResponse:
    """Asks first: it holds for every client that has no skill of this name."""
    with tenant_scope():
        current = access.global_skill_for(request.actor, name)
    label = "Switch off" if current.is_active else "Switch on"
    asks = (
        "No client's agents see it any more, but for clients that have a skill of this name themselves."
        if current.is_active
        else "The agents of every client that has no skill of this name itself see it again."
    )

    def switch(seen_version: int) -> SkillVersion:
        return operations.switch_skill(
            current, is_active=not current.is_active, seen_version=seen_version, by=request.actor, at=request.at
        )

    return _ask(request, current, f"{label}: {name}", label, asks, switch)


def restore_skill(request: HttpRequest, name: str, version: int) -> HttpResponse:
    with tenant_scope():
        current = access.global_skill_for(request.actor, name)

    def restore(seen_version: int) -> SkillVersion:
        return operations.restore_skill(
            current, version=version, seen_version=seen_version, by=request.actor, at=request.at
        )

    asks = f"What version {version} says becomes version {current.version + 1}. Those between stay in the history."
    return _ask(request, current, f"Bring version {version} back", "Bring it back", asks, restore)


class AskForm(ManageForm):
    """The version the question was about."""

    seen_version = Whole(min_value=1, widget=forms.HiddenInput)


def _ask(request: HttpRequest, current: SkillVersion, title: str, button: str, asks: str, perform) -> HttpResponse:
    form = AskForm(request.POST if request.method == "POST" else None, initial={"seen_version": current.version})
    if request.method == "POST" and form.is_valid():
        with tenant_scope():
            done = perform(form.cleaned_data["seen_version"])
        messages.success(request, f"It is version {done.version} now.")
        return HttpResponseRedirect(_href(current.name))
    return _task(request, title, form, back=_href(current.name), button=button, asks=asks)


def _history(versions: list[SkillVersion], name: str, figures: dict[int, str]) -> Panel:
    refs = {each.document.createdBy for each in versions if each.document.createdBy}
    names = dict(User.objects.filter(ref_id__in=refs).values_list("ref_id", "name"))
    rows = [
        (
            format_html('<a class="link" href="{}?version={}">Version {}</a>', _href(name), each.version, each.version),
            _state(each),
            names.get(each.document.createdBy, each.document.createdBy) if each.document.createdBy else "Leadmetrics",
            moment(each.document.createdOn),
            figures.get(each.version, EMPTY),
        )
        for each in versions
    ]
    return Panel("Versions", ("Version", "State", "Who", "When", "First decisions"), rows, "None.")


def _state(skill: SkillVersion):
    return badge("active", "On") if skill.is_active else badge("", "Off")


def _href(name: str) -> str:
    return reverse("manage_skills:skill", args=[name])


def _tell(form: ManageForm, errors: dict[str, list[str]]) -> None:
    for name, sentences in errors.items():
        form.add_error(name if name in form.fields else None, sentences)


def _nothing(*_, **__) -> None:
    """These tasks are addresses of their own; the frame's tables want something to call."""


def _task(
    request: HttpRequest, title: str, form: ManageForm, *, back: str, button: str, asks: str = "", status: int = 200
) -> HttpResponse:
    task = Task("skill", title, NEEDS, _nothing, form=type(form), button=button, asks=asks)
    return _answer(request, "manage/task.html", title, status=status, task=task, form=form, back=back, row=None)


def _answer(request: HttpRequest, template: str, title: str, *, status: int = 200, **context) -> HttpResponse:
    request.current_app = admin.site.name
    crumbs = [("Skills", reverse("manage_skills:list")), *([(title, "")] if title != "Skills" else [])]
    frame = {**admin.site.each_context(request), "title": title, "crumbs": crumbs, "is_fullwidth": "1"}
    return TemplateResponse(request, template, {**frame, **context}, status=status)

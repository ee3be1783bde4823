"""The skills of one client in the DM Portal: what agents are told about craft and style, its versions, and who gets it."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps import storage
from apps.shared.errors import InvalidInput, NotFound
from apps.tenants.doors import portal
from apps.tenants.models import User
from apps.tenants.permissions import may, require

from .. import access, operations, skill_library
from ..bodies import role_in_words
from ..first_pass import SPAN_OF_VERSIONS, VersionPass, first_pass_of_skill, in_words
from ..forms import AssignForm, RestoreForm, SeenVersionForm, SkillForm
from ..models import AgentConfig
from ..skill_files import KEBAB, SkillText, written
from ..skill_library import Entry, SkillVersion

COLUMNS = [{"label": label} for label in ("Skill", "Whose", "Standing", "In full to")]


@portal.dm()
def skills(request: HttpRequest) -> HttpResponse:
    """Everything this client's agents can be told: its own skills, and the global ones it has not replaced."""
    require(request.actor, "skill.read")
    entries = skill_library.library()
    in_full = _in_full()
    rows = [_row(entry, in_full.get(entry.name, []), slug=request.tenant.slug) for entry in entries]
    context = {
        "columns": COLUMNS,
        "own": [row for row, entry in zip(rows, entries, strict=True) if entry.own],
        "shared": [row for row, entry in zip(rows, entries, strict=True) if not entry.own],
        "may_edit": may(request.actor, "skill.edit"),
        "new_href": reverse("dm:activities:new_skill", args=[request.tenant.slug]),
    }
    return portal.respond(request, "dm/activities/skills.html", context)


@portal.dm()
def skill(request: HttpRequest, name: str) -> HttpResponse:
    """One name: what holds, its versions with who and when, and what changed between them."""
    return _page(request, access.skill_for(request.actor, name, to="read"))


@portal.dm(methods=["GET", "POST"])
def new_skill(request: HttpRequest) -> HttpResponse:
    """An empty form, or one that begins with the global skill of the name in `from`."""
    require(request.actor, "skill.edit")
    wanted = request.GET.get("from", "")
    begins = None
    if wanted:
        entry = access.skill_for(request.actor, wanted, to="read")
        if entry.own is not None or entry.shared is None:
            return redirect(_href(request, wanted))
        begins = entry.shared.text
    form = SkillForm(request.POST or None, offered=_roles(), begins=begins)
    if request.method != "POST":
        return _form_page(request, form, text=begins.body if begins else "")
    if early := _preview(request, form):
        return early
    if form.is_valid():
        try:
            made = operations.add_skill(form.text, is_global=False, by=request.actor, at=request.at)
            return portal.done(
                request, _href(request, made.name), message="Saved. Agents see it from their next run on."
            )
        except InvalidInput as error:
            form.refuse(error.errors)
        except operations.SkillExists as error:
            form.refuse({"name": [error.detail]})
    return _form_page(request, form, text=_typed(request), status=422)


@portal.dm(methods=["GET", "POST"])
def edit_skill(request: HttpRequest, name: str) -> HttpResponse:
    entry = access.skill_for(request.actor, name, to="edit")
    current = _own(entry)
    if request.method != "POST":
        form = SkillForm(offered=_roles(), begins=current.text, seen=current.version)
        return _form_page(request, form, entry=entry, text=current.document.body)
    form = SkillForm(request.POST, offered=_roles(), begins=current.text, seen=current.version)
    if early := _preview(request, form, entry=entry):
        return early
    if not form.is_valid():
        return _form_page(request, form, entry=entry, text=_typed(request), status=422)
    try:
        edited = operations.edit_skill(
            current, form.text, seen_version=form.cleaned_data["seen_version"], by=request.actor, at=request.at
        )
    except InvalidInput as error:
        form.refuse(error.errors)
        return _form_page(request, form, entry=entry, text=_typed(request), status=422)
    except storage.VersionTaken:
        return _somebody_was_faster(request, entry, form.text)
    return portal.done(request, _href(request, name), message=f"Saved as version {edited.version}.")


@portal.dm(methods=["GET", "POST"])
def switch_skill(request: HttpRequest, name: str) -> HttpResponse:
    current, form = _own(access.skill_for(request.actor, name, to="edit")), SeenVersionForm(request.POST)
    if request.method != "POST" or not form.is_valid():
        return redirect(_href(request, name))
    switched = operations.switch_skill(
        current, is_active=not current.is_active, by=request.actor, at=request.at, **form.cleaned_data
    )
    message = "Switched on." if switched.is_active else "Switched off. Agents no longer see it."
    return portal.done(request, _href(request, name), message=message)


@portal.dm(methods=["GET", "POST"])
def restore_skill(request: HttpRequest, name: str) -> HttpResponse:
    current, form = _own(access.skill_for(request.actor, name, to="edit")), RestoreForm(request.POST)
    if request.method != "POST" or not form.is_valid():
        return redirect(_href(request, name))
    restored = operations.restore_skill(current, by=request.actor, at=request.at, **form.cleaned_data)
    message = f"Version {form.cleaned_data['version']} is version {restored.version} now."
    return portal.done(request, _href(request, name), message=message)


@portal.dm(methods=["GET", "POST"])
def assign_skill(request: HttpRequest, name: str) -> HttpResponse:
    """Which agents get it whole; a global skill can be given too."""
    require(request.actor, "skill.edit")
    entry = access.skill_for(request.actor, name, to="read")
    form = AssignForm(request.POST, offered=_roles())
    if request.method != "POST":
        return redirect(_href(request, name))
    if not form.is_valid():
        return _page(request, entry, assign_form=form, status=422)
    try:
        wanted, seen = form.cleaned_data["assigned"], form.cleaned_data["seen"]
        operations.assign_skill(entry.shown, wanted, seen=seen, by=request.actor, at=request.at)
    except InvalidInput as error:
        for sentence in error.errors["roles"]:
            form.add_error("assigned", sentence)
        return _page(request, entry, assign_form=form, status=422)
    return portal.done(request, _href(request, name), message="Saved. It holds from the agents' next runs on.")


def _own(entry: Entry) -> SkillVersion:
    if entry.own is None:
        raise NotFound
    return entry.own


def _roles() -> list[str]:
    """The agents of the client in scope."""
    return list(AgentConfig.objects.order_by("agent_role").values_list("agent_role", flat=True))


def _in_full() -> dict[str, list[str]]:
    """By skill: the agents that get it whole."""
    assigned: dict[str, list[str]] = {}
    configs = list(AgentConfig.objects.order_by("agent_role"))
    names = storage.documents_behind(storage.Skill, [pointer for config in configs for pointer in config.skill_ids])
    for config in configs:
        for pointer in config.skill_ids:
            if pointer in names and config.agent_role not in assigned.setdefault(names[pointer].name, []):
                assigned[names[pointer].name].append(config.agent_role)
    return assigned


def _row(entry: Entry, agents: list[str], *, slug: str) -> dict:
    return {
        "name": entry.name,
        "href": reverse("dm:activities:skill", args=[slug, entry.name]),
        "description": entry.shown.document.description,
        "whose": _whose(entry),
        "version": entry.shown.version,
        "label": "On" if entry.holds else "Switched off",
        "tone": "success" if entry.holds else "neutral",
        "agents": ", ".join(role_in_words(role) for role in agents),
    }


def _whose(entry: Entry) -> str:
    if entry.own is None:
        return "Global"
    if entry.shared is None:
        return "This client's own"
    return "This client's, in place of the global one" if entry.own.is_active else "Global; the client's own is off"


@dataclass(frozen=True)
class Shown:
    """A version on the page, and the text it is held against."""

    version: SkillVersion
    before: SkillVersion | None
    label_before: str = ""


def _shown(request: HttpRequest, entry: Entry, versions: list[SkillVersion]) -> Shown:
    """What `?version=` names, against the one before it or, with `against=global`, against the global skill."""
    wanted = request.GET.get("version")
    chosen = next((v for v in versions if str(v.version) == wanted), None) if wanted else versions[0]
    if chosen is None:
        raise NotFound
    if request.GET.get("against") == "global" and entry.own and entry.shared:
        return Shown(chosen, entry.shared, "The global skill")
    before = next((v for v in versions if v.version < chosen.version), None)
    return Shown(chosen, before, f"Version {before.version}" if before else "")


def _page(
    request: HttpRequest, entry: Entry, *, assign_form: AssignForm | None = None, status: int = 200
) -> HttpResponse:
    shown_skill = entry.own or entry.shown
    versions = skill_library.versions_of(entry.name, is_global=shown_skill.is_global)
    shown = _shown(request, entry, versions)
    roles, has = _roles(), _in_full().get(entry.name, [])
    may_edit = may(request.actor, "skill.edit")
    passed = first_pass_of_skill(entry.name, is_global=shown_skill.is_global, since=request.at - SPAN_OF_VERSIONS)
    urls = {
        f"{action}_href": reverse(f"dm:activities:{action}_skill", args=[request.tenant.slug, entry.name])
        for action in ("edit", "switch", "restore", "assign")
    }
    context = {
        "entry": entry,
        "skill": shown_skill,
        "chosen": shown.version,
        "before": shown.before,
        "is_latest": shown.version.version == shown_skill.version,
        "is_changes": request.GET.get("view") == "changes" and shown.before is not None,
        "is_against_global": request.GET.get("against") == "global",
        "new_text": written(shown.version.text),
        "old_text": written(shown.before.text) if shown.before else "",
        "old_label": shown.label_before,
        "differs": shown.version.text != shown_skill.text,
        "facts": _facts(entry, shown.version),
        "events": _events(versions, passed, href=_href(request, entry.name)),
        "may_edit": may_edit and entry.own is not None,
        "may_replace": may_edit and entry.own is None,
        "replace_href": f"{reverse('dm:activities:new_skill', args=[request.tenant.slug])}?from={entry.name}",
        "assign_form": (assign_form or AssignForm(offered=roles, has=has)) if may_edit else None,
        "assigned": has,
        "list_href": reverse("dm:activities:skills", args=[request.tenant.slug]),
        **urls,
    }
    return portal.respond(request, "dm/activities/skill.html", context, status=status)


def _facts(entry: Entry, shown: SkillVersion) -> list[dict]:
    for_whom = ", ".join(role_in_words(role) for role in shown.roles)
    facts = [
        {"label": "Whose", "value": _whose(entry)},
        {"label": "For", "value": for_whom or "every agent whose task it fits"},
    ]
    if shown.document.tags:
        facts.append({"label": "Tags", "value": ", ".join(shown.document.tags)})
    rules = shown.text.rules
    held = {
        "Banned words": ", ".join(rules.banned),
        "Required words": ", ".join(rules.required),
        "Reading ease": "" if rules.reading_ease is None else f"{rules.reading_ease} at least",
    }
    facts += [{"label": label, "value": value} for label, value in held.items() if value]
    return facts


def _events(versions: list[SkillVersion], passed: list[VersionPass], *, href: str) -> list[dict]:
    """For components/timeline.html, newest first; beside each version what became of what was written with it."""
    figures = in_words(passed)
    refs = {v.document.createdBy for v in versions if v.document.createdBy}
    names = dict(User.objects.filter(ref_id__in=refs).values_list("ref_id", "name"))
    events = []
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        by = version.document.createdBy
        events.append(
            {
                "at": version.document.createdOn,
                "who": names.get(by, "An agent") if by else "Leadmetrics",
                "text": f"version {version.version}",
                "detail": ". ".join(filter(None, (_what_changed(version, before), figures.get(version.version)))),
                "href": f"{href}?version={version.version}{'&view=changes' if before else ''}",
            }
        )
    return events


def _what_changed(version: SkillVersion, before: SkillVersion | None) -> str:
    if before is None:
        return "Begun"
    if version.is_active != before.is_active:
        return "Switched on" if version.is_active else "Switched off"
    return ""


def _href(request: HttpRequest, name: str) -> str:
    return reverse("dm:activities:skill", args=[request.tenant.slug, name if KEBAB.fullmatch(name) else "-"])


def _typed(request: HttpRequest) -> str:
    return request.POST.get("body", "")[:30_000]


def _preview(request: HttpRequest, form: SkillForm, *, entry: Entry | None = None) -> HttpResponse | None:
    if "preview" not in request.POST:
        return None
    form.errors.clear()  # a preview complains about nothing
    return _form_page(request, form, entry=entry, text=_typed(request), part="#preview")


def _somebody_was_faster(request: HttpRequest, entry: Entry, mine: SkillText) -> HttpResponse:
    """Both are shown; saving again replaces what is there now."""
    fresh = _own(access.skill_for(request.actor, entry.name, to="edit"))
    answers = request.POST.copy()
    answers["seen_version"] = str(fresh.version)
    form = SkillForm(answers, offered=_roles(), begins=fresh.text, seen=fresh.version)
    note = {
        "title": f"Not saved: somebody made version {fresh.version} after you opened this",
        "text": "Below is how yours differs from theirs. Take over what you want to keep, then save again to replace theirs.",
    }
    return _form_page(
        request,
        form,
        entry=entry,
        text=mine.body,
        refusal=note,
        theirs=written(fresh.text),
        mine=written(mine),
        status=409,
    )


def _form_page(
    request: HttpRequest,
    form: SkillForm,
    *,
    text: str,
    entry: Entry | None = None,
    part: str = "",
    status: int = 200,
    **more,
) -> HttpResponse:
    slug = request.tenant.slug
    back = _href(request, entry.name) if entry else reverse("dm:activities:skills", args=[slug])
    context = {"form": form, "entry": entry, "text": text, "back_href": back, **more}
    return portal.respond(request, f"dm/activities/skill_form.html{part}", context, status=status)

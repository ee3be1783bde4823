"""Which skills there are, which hold for a client, and which of them a run is given.

A skill is a name in MongoDB's `skills`; every change is a new version, and the newest counts. A client's own skill replaces
the global one of its name, unless it is switched off. An agent sees names and descriptions of what fits its task, and the
bodies of the skills that are assigned to it (`agent_configs.skill_ids`: pointers to any version, which stand for the name).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps import storage
from apps.shared.scoping import only_tenant
from apps.storage.documents import GLOBAL_TENANT

from . import checks
from .models import Activity, AgentConfig
from .prompting import Skill as ToldSkill
from .skill_files import SkillText

LISTED = 20  # names and descriptions in a prompt
WHOLE = 60_000  # characters of all bodies in a prompt; what goes beyond is listed
WORDS = 300  # characters of the task that are searched with
CONTEXT_FILE = "context_file"
BRAND_VOICE = "brand-voice"  # the skill whose front matter holds the client's rules


@dataclass(frozen=True)
class SkillVersion:
    """One version of a skill; the newest unless it was asked for otherwise."""

    pointer: str
    document: storage.Skill

    @property
    def name(self) -> str:
        return self.document.name

    @property
    def version(self) -> int:
        return self.document.version

    @property
    def is_active(self) -> bool:
        return self.document.isActive

    @property
    def is_global(self) -> bool:
        return self.document.tenantId == GLOBAL_TENANT

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.document.frontmatter.get("roles", ()))

    @property
    def fact(self) -> dict[str, Any]:
        """As it is kept beside what was written with it."""
        return {"name": self.name, "version": self.version, "pointer": self.pointer, "isGlobal": self.is_global}

    @property
    def text(self) -> SkillText:
        document = self.document
        return SkillText(
            name=document.name,
            description=document.description,
            body=document.body,
            tags=tuple(document.tags),
            roles=self.roles,
            rules=checks.rules_of(document.frontmatter),
        )


def newest() -> list[SkillVersion]:
    """Every skill of the clients in scope and of the platform, in its newest version, by name; no context files."""
    found = (SkillVersion(pointer, document) for pointer, document in storage.newest_skills())
    return sorted((s for s in found if s.document.source != CONTEXT_FILE), key=lambda s: (s.name, s.is_global))


@dataclass(frozen=True)
class Entry:
    """A name in a client's library: its own skill, the global one, or both."""

    name: str
    own: SkillVersion | None
    shared: SkillVersion | None

    @property
    def holds(self) -> SkillVersion | None:
        """What agents get under this name; None while all there is, is switched off."""
        return next((skill for skill in (self.own, self.shared) if skill is not None and skill.is_active), None)

    @property
    def shown(self) -> SkillVersion:
        """What holds, or else what could be switched on."""
        skill = self.holds or self.own or self.shared
        if skill is None:
            raise ValueError(f"{self.name} names no skill.")
        return skill


def library() -> list[Entry]:
    """All names of the one client in scope, in order."""
    tenant = only_tenant().ref_id
    own: dict[str, SkillVersion] = {}
    shared: dict[str, SkillVersion] = {}
    for skill in newest():
        if skill.is_global:
            shared[skill.name] = skill
        elif skill.document.tenantId == tenant:
            own[skill.name] = skill
    return [Entry(name, own.get(name), shared.get(name)) for name in sorted({*own, *shared})]


def in_force() -> dict[str, SkillVersion]:
    """What holds for the one client in scope, by name."""
    return {entry.name: entry.holds for entry in library() if entry.holds is not None}


def brand_voice() -> SkillVersion | None:
    """How the one client in scope wants to sound: its own skill or, while it has none, the global one; None for one that
    was switched off."""
    entry = next((entry for entry in library() if entry.name == BRAND_VOICE), None)
    skill = (entry.own or entry.shared) if entry else None
    return skill if skill is not None and skill.is_active else None


def versions_of(name: str, *, is_global: bool) -> list[SkillVersion]:
    """The versions of a client's own skill, or of the global one, newest first; a hundred at most."""
    owner = GLOBAL_TENANT if is_global else only_tenant().ref_id
    wanted = {"name": name, "tenantId": owner, "source": {"$ne": CONTEXT_FILE}}
    found = storage.find(storage.Skill, wanted, sort=[("version", -1)], limit=100)
    return [SkillVersion(pointer, document) for pointer, document in found]


def newest_of(ref_id: str) -> SkillVersion | None:
    """The newest version of the skill of which this ref_id names a version; None where nobody in scope has one."""
    named = storage.find(storage.Skill, {"refId": ref_id}, limit=1)
    if not named:
        return None
    version = named[0][1]
    same = (s for s in newest() if (s.name, s.document.tenantId) == (version.name, version.tenantId))
    return next(same, None)


def assigned_names(pointers: Sequence[str]) -> list[str]:
    """The names that pointers to versions stand for; those of documents that are gone, or not this client's, are left out."""
    return list(dict.fromkeys(document.name for document in storage.documents_behind(storage.Skill, pointers).values()))


@dataclass(frozen=True)
class Given:
    """The skills of a run: `whole` with their bodies, `listed` by name and description."""

    whole: tuple[SkillVersion, ...] = ()
    listed: tuple[SkillVersion, ...] = ()

    @property
    def told(self) -> list[ToldSkill]:
        """As the prompt takes them."""
        whole = [ToldSkill(s.name, s.document.description, s.document.body) for s in self.whole]
        return [*whole, *(ToldSkill(s.name, s.document.description) for s in self.listed)]

    def used(self, loaded: Sequence[SkillVersion]) -> list[SkillVersion]:
        """The versions an output was written with: those given whole, and those that were loaded on the way."""
        return list({skill.pointer: skill for skill in (*self.whole, *loaded)}.values())


def given_to(activity: Activity, config: AgentConfig) -> Given:
    """What an agent is given for this activity: the assigned skills whole, as far as they fit, and the names of all others
    that are for its role, or are for nobody in particular and speak of the task. Raises StorageUnavailable."""
    holding = in_force()
    whole, listed = [], []
    room = WHOLE
    for name in assigned_names(config.skill_ids):
        if (skill := holding.pop(name, None)) is None:
            continue  # switched off meanwhile
        if len(skill.document.body) <= room:
            room -= len(skill.document.body)
            whole.append(skill)
        else:
            listed.append(skill)
    listed += [skill for skill in holding.values() if config.agent_role in skill.roles]
    for_anybody = {skill.pointer: skill for skill in holding.values() if not skill.roles}
    if for_anybody:
        found = (for_anybody.get(pointer) for pointer, _ in storage.search_skills(_words(activity), limit=100))
        listed += [skill for skill in found if skill is not None]
    return Given(tuple(whole), tuple(listed[:LISTED]))


def _words(activity: Activity) -> str:
    """The task in words. MongoDB reads quotation marks and a leading hyphen as operators."""
    unit = activity.parent_activity
    words = f"{activity.title} {unit.title if unit else ''} {activity.step.prompt_template}"
    return "".join(character if character.isalnum() else " " for character in words)[:WORDS].strip() or activity.ref_id

"""Every write of skills: a change is a new version, whoever makes it; the one that is there is never touched.

The unique index over client, name and version decides between two people: the second gets VersionTaken. The document is
written first and the journal second, as with all bodies.
"""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from apps import storage
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.edits import edit
from apps.shared.errors import InvalidInput, NotFound, OperationRefused
from apps.shared.ids import new_id, spell
from apps.shared.scoping import only_tenant, tenant_scope
from apps.storage.documents import GLOBAL_TENANT

from .. import skill_files, skill_library
from ..models import AgentConfig
from ..skill_files import BadSkill, SkillText
from ..skill_library import SkillVersion

STARTER_SKILLS = Path(__file__).parents[1] / "skills"
MOST_ASSIGNED = 12  # skills an agent is given whole


class SkillExists(OperationRefused):
    """There is a skill of this name already. Open it and change that one."""

    code = "skill_exists"


class NothingToChange(OperationRefused):
    """It is so already."""

    code = "nothing_to_change"


def add_skill(wanted: SkillText, *, is_global: bool, by: Actor, at: datetime) -> SkillVersion:
    """A client's own skill, or one for all clients. Raises InvalidInput with sentences per field, SkillExists."""
    wanted = _checked(wanted)
    try:
        return _write(wanted, "skill.added", version=1, is_active=True, is_global=is_global, by=by, at=at)
    except storage.VersionTaken as error:
        raise SkillExists from error


def edit_skill(skill: SkillVersion, wanted: SkillText, *, seen_version: int, by: Actor, at: datetime) -> SkillVersion:
    """The next version of a skill, which keeps its name. Nothing is written when nothing differs.

    Raises InvalidInput with sentences per field, VersionTaken when there is a newer version than the one that was seen.
    """
    if wanted.name != skill.name:
        raise InvalidInput({"name": ["A skill keeps its name: agents and versions are bound to it. Make a new one."]})
    wanted = _checked(wanted)
    _seen(skill, seen_version)
    if wanted == skill.text:
        return skill
    return _following(skill, wanted, "skill.edited", is_active=skill.is_active, by=by, at=at)


def switch_skill(skill: SkillVersion, *, is_active: bool, seen_version: int, by: Actor, at: datetime) -> SkillVersion:
    """Agents no longer get it, or get it again; a client's own that is off gives way to the global one of its name.

    Raises NothingToChange, VersionTaken.
    """
    _seen(skill, seen_version)
    if skill.is_active == is_active:
        raise NothingToChange
    code = "skill.switched_on" if is_active else "skill.switched_off"
    return _following(skill, skill.text, code, is_active=is_active, by=by, at=at)


def restore_skill(skill: SkillVersion, *, version: int, seen_version: int, by: Actor, at: datetime) -> SkillVersion:
    """What an earlier version said, as a new one; those between stay in the history. Raises NotFound, NothingToChange,
    VersionTaken."""
    _seen(skill, seen_version)
    earlier = {each.version: each for each in skill_library.versions_of(skill.name, is_global=skill.is_global)}
    if version not in earlier:
        raise NotFound
    if earlier[version].text == skill.text:
        raise NothingToChange
    return _following(
        skill, earlier[version].text, "skill.restored", is_active=skill.is_active, by=by, at=at, restored=version
    )


def assign_skill(
    skill: SkillVersion, roles: Collection[str], *, seen: Collection[str], by: Actor, at: datetime
) -> list[AgentConfig]:
    """Agents of the client in scope get the skill whole from now on, or no longer; returns those that were changed.

    `roles` are to have it and `seen` had it when the person looked. Only where these differ something is done: what
    others have changed meanwhile stays. Raises InvalidInput for an agent the client does not have, or one that gets more
    skills than it can read.
    """
    configs = {config.agent_role: config for config in AgentConfig.objects.order_by("agent_role")}
    if unknown := sorted(set(roles) - set(configs)):
        raise InvalidInput({"roles": [f"This client has no agent “{role[:60]}”." for role in unknown[:5]]})
    changed = []
    with transaction.atomic():
        for role, config in configs.items():
            if (role in roles) == (role in seen):
                continue
            named = storage.documents_behind(storage.Skill, config.skill_ids)
            others = [pointer for pointer in config.skill_ids if pointer in named and named[pointer].name != skill.name]
            has = len(others) != len(config.skill_ids)
            if has == (role in roles):
                continue
            if len(others) >= MOST_ASSIGNED and role in roles:
                raise InvalidInput({"roles": [f"{role} has {MOST_ASSIGNED} skills already; more it would not read."]})
            changes = {"skill_ids": [*others, skill.pointer] if role in roles else others}
            changed.append(
                edit(config, "agent_config.skills_assigned", changes, by=by, at=at, seen_on=config.updated_on)
            )
    return changed


def tell_of_skill(ref_id: str, *, by: Actor, at: datetime) -> None:
    """Journal a version of the client's own whose writer died between the document and its entry; it says who that was."""
    ((pointer, document),) = storage.find(storage.Skill, {"refId": ref_id, "source": "override"}, limit=1)
    wrote: dict[str, Any] = {"written_by": document.createdBy or "", "written_on": document.createdOn.isoformat()}
    _tell(
        "skill.added" if document.version == 1 else "skill.edited",
        SkillVersion(pointer, document),
        by=by,
        at=at,
        **wrote,
    )


def seed_global_skills(*, at: datetime) -> int:
    """Put the starter skills in place; returns how many versions were written.

    A file whose words were put in place before, whatever became of them since, is left alone: a super admin's edit stays
    until the file itself changes, which is a new version then. Clients' own skills are not touched.
    """
    written = 0
    with tenant_scope():
        for path in sorted(STARTER_SKILLS.glob("*.md")):
            text = skill_files.parse(path.read_text(encoding="utf-8"))
            versions = skill_library.versions_of(text.name, is_global=True)
            if any(each.text == text for each in versions):
                continue
            latest = versions[0] if versions else None
            try:
                _store(
                    text,
                    version=latest.version + 1 if latest else 1,
                    is_active=latest.is_active if latest else True,
                    is_global=True,
                    created_by=None,
                    at=at,
                )
            except storage.VersionTaken:
                continue  # another bootstrap at this moment
            written += 1
    return written


def _checked(wanted: SkillText) -> SkillText:
    try:
        return skill_files.checked(wanted)
    except BadSkill as error:
        raise InvalidInput(error.errors) from error


def _seen(skill: SkillVersion, seen_version: int) -> None:
    if skill.version != seen_version:
        raise storage.VersionTaken


def _following(
    skill: SkillVersion, text: SkillText, code: str, *, is_active: bool, by: Actor, at: datetime, **more: Any
) -> SkillVersion:
    return _write(
        text,
        code,
        version=skill.version + 1,
        is_active=is_active,
        is_global=skill.is_global,
        by=by,
        at=at,
        former=skill,
        **more,
    )


def _write(
    text: SkillText,
    code: str,
    *,
    version: int,
    is_active: bool,
    is_global: bool,
    by: Actor,
    at: datetime,
    former: SkillVersion | None = None,
    **more: Any,
) -> SkillVersion:
    skill = _store(text, version=version, is_active=is_active, is_global=is_global, created_by=by.ref, at=at)
    _tell(code, skill, former=former, by=by, at=at, **more)
    return skill


def _tell(
    code: str, skill: SkillVersion, *, by: Actor, at: datetime, former: SkillVersion | None = None, **more: Any
) -> None:
    with transaction.atomic():
        journal.record_document(
            code,
            storage.Skill.collection,
            skill.document.refId,
            tenant_id=None if skill.is_global else only_tenant().id,
            by=by,
            at=at,
            before=_told(former) if former else {},
            after={**_told(skill), **more},
        )


def _told(skill: SkillVersion) -> dict[str, Any]:
    return {"name": skill.name, "version": skill.version, "is_active": skill.is_active}


def _store(
    text: SkillText, *, version: int, is_active: bool, is_global: bool, created_by: str | None, at: datetime
) -> SkillVersion:
    document = storage.Skill(
        refId=spell(new_id()),
        tenantId=GLOBAL_TENANT if is_global else only_tenant().ref_id,
        name=text.name,
        description=text.description,
        tags=list(text.tags),
        body=text.body,
        frontmatter=text.front,
        version=version,
        isActive=is_active,
        source="global" if is_global else "override",
        createdBy=created_by,
        createdOn=at,
    )
    return SkillVersion(storage.write(document), document)

"""Proposals of brand rules: when one is asked for, a person's version of it, and the skill that its approval writes.

Of a week's rejections each is used once: a proposal takes those since the one before it, whatever became of that. A
proposal is made from one version of the skill and is written on top of that version only; where somebody else has
written another in between, nothing is, and a fresh proposal is made from the same rejections.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from apps import storage
from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.scoping import TenantFacts

from .. import skill_files, skill_library
from ..models import Activity, ActivityTemplate, Approval
from ..skill_files import BadSkill, SkillText
from ..skill_library import SkillVersion
from ..statuses import ActivityStatus, ApprovalStatus, SubjectType
from .edits import pending_at, replace_output, store_edit
from .gates import refresh_gate
from .skills import SkillExists, add_skill, edit_skill
from .spawning import spawn_unit

PIPELINE = "brand_rules"
ORIGIN = "brand_rules:"
LEAST_REJECTIONS = 3  # fewer are an opinion about a text, not a rule
MOST_REJECTIONS = 40  # of one proposal, the latest
OVER = (ActivityStatus.COMPLETED, ActivityStatus.CANCELLED)
NOT_ABOUT_VOICE = (SubjectType.STRATEGY, SubjectType.ONBOARDING_RUN)


class SkillChanged(OperationRefused):
    """The skill brand-voice was changed after this proposal was made. Send the proposal back with a note, and a fresh one
    is made from the skill as it is now."""

    code = "skill_changed"


def propose_brand_rules(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity | None:
    """Ask for a proposal, once in a week of the client's, if enough was sent back since the last; None if there is nothing
    to ask for, a proposal is still open, or the client's brand-voice is switched off. Raises StorageUnavailable."""
    units = Activity.with_deleted.filter(tenant_id=tenant.id, origin_key__startswith=ORIGIN, parent_activity=None)
    last = units.order_by("-created_on").first()
    if last is not None and last.status not in OVER:
        return None
    origin = f"{ORIGIN}{at.astimezone(ZoneInfo(tenant.time_zone)):%G-W%V}"
    if units.filter(origin_key__startswith=f"{origin}/").exists():
        return None
    sent_back = (
        Approval.objects.filter(status=ApprovalStatus.REJECTED)
        .exclude(subject_type__in=NOT_ABOUT_VOICE)
        .exclude(decision_note="")
        .exclude(activity__origin_key__startswith=ORIGIN)
    )
    weekly = units.filter(origin_key__contains="-W").order_by("-created_on").first()  # no fresh one of a former week
    if weekly is not None:
        sent_back = sent_back.filter(decided_on__gt=weekly.created_on)
    refs = list(sent_back.order_by("-decided_on", "-ref_id").values_list("ref_id", flat=True)[:MOST_REJECTIONS])
    if len(refs) < LEAST_REJECTIONS or skill_library.brand_voice() is None:
        return None
    return _ask(tenant.id, origin, refs[::-1], by=by, at=at)


def _ask(tenant_id, origin: str, refs: list[str], *, by: Actor, at: datetime) -> Activity | None:
    template = ActivityTemplate.objects.filter(tenant_id=tenant_id, deliverable_type=PIPELINE, is_active=True).first()
    if template is None:
        return None
    title = f"Brand rules from {len(refs)} rejections"
    return spawn_unit(
        template, tenant_id=tenant_id, title=title, origin=origin, about={"rejections": refs}, by=by, at=at
    )


def edit_brand_rules(
    gate: Activity, markdown: str, *, by: Actor, at: datetime, shown_sha256: str, change_note: str = ""
) -> Approval:
    """A reviewer's version of the proposed file, while it waits for the decision, which is about this version from then on.

    Raises InvalidInput where it is no skill, NotEditable outside of review, ApprovalStale when it changed meanwhile.
    """
    pending_at(gate, shown_sha256=shown_sha256)  # before anything is stored; asked again under the lock
    try:
        text = skill_files.parse(markdown)
    except BadSkill as error:
        raise InvalidInput({"markdown": [s for sentences in error.errors.values() for s in sentences]}) from error
    if text.name != skill_library.BRAND_VOICE:
        raise InvalidInput({"markdown": [f"The skill keeps its name: {skill_library.BRAND_VOICE}."]})
    written = gate.unit.steps.get(ref_id=gate.subject_ref)
    edited = store_edit(
        written,
        skill_files.written(text),
        subject_ref=written.ref_id,
        output_type="brand_rules",
        change_note=change_note,
        by=by,
        at=at,
    )
    with transaction.atomic():
        _, written, gate = locks.take(gate.unit, written, gate)
        approval = replace_output(written, gate, edited, shown_sha256=shown_sha256)
        refresh_gate(gate, by=by, at=at)
    return approval


def brand_rules_still_hold(step: Activity) -> None:
    """The skill is the one the proposal was made from. Raises SkillChanged, StorageUnavailable."""
    skill = skill_library.brand_voice()
    if skill is None or skill.pointer != step.input_data["base"]["pointer"]:
        raise SkillChanged


def release_brand_rules(step: Activity, *, by: Actor, at: datetime, gate: Activity) -> None:
    """Approved: the version is written right after this transaction, in which nothing outside the database is touched."""
    journal.record(
        "brand_rules.approved", step, by=by, at=at, after={"body": step.output_ref, "base": step.input_data["base"]}
    )


def write_brand_rules(
    step: Activity, *, body: str, base: dict[str, Any], by: Actor, at: datetime
) -> SkillVersion | None:
    """What was approved becomes the next version of the client's own brand-voice, however often this is called.

    `body` points at the approved file, `base` is the version it was made from (`SkillVersion.fact`), `by` who approved.
    Returns that version; None where the file changes nothing, or somebody was faster and a fresh proposal was asked for.
    Raises StorageUnavailable.
    """
    text = skill_files.parse(storage.read_one(storage.ActivityOutput, body).text)
    if SkillVersion(base["pointer"], storage.document(storage.Skill, base["pointer"])).text == text:
        return None
    if done := _written(text, base, by=by):
        return done
    try:
        if base["isGlobal"]:
            return add_skill(text, is_global=False, by=by, at=at)
        own = skill_library.versions_of(text.name, is_global=False)[0]
        return edit_skill(own, text, seen_version=base["version"], by=by, at=at)
    except (storage.VersionTaken, SkillExists):
        if done := _written(text, base, by=by):  # by a second delivery of the same approval, at this moment
            return done
    _ask(step.tenant_id, f"{ORIGIN}{step.unit.ref_id}", step.input_data["rejections"], by=by, at=at)
    return None


def _written(text: SkillText, base: dict[str, Any], *, by: Actor) -> SkillVersion | None:
    """The version that this approval has written already."""
    number = 1 if base["isGlobal"] else base["version"] + 1
    versions = skill_library.versions_of(text.name, is_global=False)
    there = next((each for each in versions if each.version == number), None)
    return there if there and there.text == text and there.document.createdBy == by.ref else None

"""What reviewers send back, turned into rules: the agent that proposes the client's next `brand-voice`.

A proposal is the whole file of the skill and, for each rule it changes, the rejections that speak for it. It is decided on
at a gate beside what holds now; only the approval writes a version (`operations.brand_rules`).
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from apps import storage
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.strategy.bodies import Line, RoleOutput, Text

from . import material, skill_files, skill_library
from .models import Activity, Approval, ReviewComment
from .operations import steps
from .operations.brand_rules import MOST_REJECTIONS
from .prompting import DataBlock
from .registry import Kept
from .skill_files import BadSkill

SENTENCES = 3  # of a text that a note may be about
SENTENCE_LENGTH = 400
NOTE_LENGTH, COMMENTS = 1_000, 3
ALL_NOTES = 160_000  # characters of the whole block: more than its rejections come to
QUOTED = re.compile(r"[“\"„«‘']([^“”\"„«»‘’']{2,200})[”\"“»’']")


class NoBrandVoice(OperationRefused):
    """The skill brand-voice is switched off for this client, so there is nothing to propose rules for. Switch it on, then
    retry this step, or cancel it."""

    code = "no_brand_voice"


class RuleChange(RoleOutput):
    """`rejections` are the numbers of those that speak for it."""

    change: Literal["add", "change", "remove"]
    rule: Annotated[Line, Field(max_length=300)]
    reason: Annotated[Line, Field(max_length=300)]
    rejections: Annotated[list[Annotated[int, Field(ge=1, le=MOST_REJECTIONS)]], Field(min_length=1, max_length=20)]


class BrandRulesProposal(RoleOutput):
    """brand_rules_writer: the whole file of the skill as it should be, and what changes in it; no changes is an answer."""

    summary: Annotated[Text, Field(max_length=600)]
    changes: Annotated[list[RuleChange], Field(max_length=12)]
    skill_markdown: Annotated[
        str, Field(min_length=1, max_length=skill_files.BODY_LENGTH + skill_files.FRONT_LENGTH, pattern=r"^[^\x00]*$")
    ]

    @model_validator(mode="after")
    def is_the_skill(self) -> Self:
        try:
            name = skill_files.parse(self.skill_markdown).name
        except BadSkill as error:
            raise ValueError(f"skillMarkdown: {error}") from error
        if name != skill_library.BRAND_VOICE:
            raise ValueError(f"skillMarkdown: the skill keeps its name, {skill_library.BRAND_VOICE}.")
        return self


def begin(activity: Activity, *, by: Actor, at: datetime) -> None:
    """Note which version the proposal is made from. Raises NoBrandVoice."""
    skill = skill_library.brand_voice()
    if skill is None:
        raise NoBrandVoice
    steps.keep_input(activity, base=skill.fact, at=at)


def gather(activity: Activity) -> list[DataBlock]:
    """The skill as it holds, and the rejections with the sentences they are about. Raises StorageUnavailable."""
    return [
        DataBlock("brand_voice_now", _file_behind(activity)),
        DataBlock(
            "rejections", json.dumps(_told(_rejections(activity)), ensure_ascii=False, indent=1), limit=ALL_NOTES
        ),
        *material.previous(activity),
    ]


def as_text(proposal: BrandRulesProposal) -> tuple[str, str]:
    return skill_files.written(skill_files.parse(proposal.skill_markdown)), "text/markdown"


def title_of(proposal: BrandRulesProposal) -> str:
    count = len(proposal.changes)
    return f"Brand voice: {count or 'no'} {'change' if count == 1 else 'changes'} proposed"


def receive(output: BrandRulesProposal, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """What changes and why stays with the step, the rejections by ref_id; a number that there is none of is dropped."""
    refs = dict(enumerate(activity.input_data["rejections"], start=1))
    changes = [
        change.model_dump(mode="json")
        | {"rejections": [refs[n] for n in dict.fromkeys(change.rejections) if n in refs]}
        for change in output.changes
    ]
    steps.keep_outcome(activity, summary=output.summary, changes=changes)


def beside(step: Activity) -> dict[str, Any]:
    """For the gate's page: the file that holds now, and each change with the notes that speak for it."""
    refs = {ref for change in step.output_summary.get("changes", []) for ref in change["rejections"]}
    found = {approval.ref_id: approval for approval in Approval.objects.filter(ref_id__in=refs)}
    changes = [
        {**change, "said": [_title_and_note(found[ref]) for ref in change["rejections"] if ref in found]}
        for change in step.output_summary.get("changes", [])
    ]
    base = step.input_data["base"]
    whose = "the global one" if base["isGlobal"] else "the client's own"
    return {
        "summary": step.output_summary.get("summary", ""),
        "changes": changes,
        "old": _file_behind(step),
        "old_label": f"{skill_library.BRAND_VOICE}, version {base['version']}, {whose}",
    }


def sentences_about(text: str, note: str) -> list[str]:
    """The sentences of a text that a note is most likely about: those it quotes, else those that share its words, else
    how the text begins."""
    parts = (part.lstrip("#>*-+ \t") for part in re.split(r"(?<=[.!?])\s+|\n+", text))
    sentences = [" ".join(part.split())[:SENTENCE_LENGTH] for part in parts]
    sentences = [sentence for sentence in sentences if len(sentence.split()) > 2]
    quoted = [quote.casefold().strip() for quote in QUOTED.findall(note)]
    named = [sentence for sentence in sentences if any(quote in sentence.casefold() for quote in quoted)]
    if named:
        return named[:SENTENCES]
    words = _words(note)
    shared = [(len(words & _words(sentence)), -number) for number, sentence in enumerate(sentences)]
    best = sorted(((count, place) for count, place in shared if count), reverse=True)[:SENTENCES]
    return [sentences[-place] for _, place in best] or sentences[:2]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 4}


def _rejections(step: Activity) -> list[Approval]:
    refs = step.input_data["rejections"]
    found = {approval.ref_id: approval for approval in Approval.objects.filter(ref_id__in=refs)}
    return [found[ref] for ref in refs if ref in found]


def _told(rejections: Sequence[Approval]) -> list[dict[str, Any]]:
    texts = _texts(approval.content_ref for approval in rejections if approval.content_ref)
    comments: dict[Any, list[dict[str, str]]] = {}
    for comment in ReviewComment.objects.filter(approval__in=rejections).order_by("ref_id"):
        said = {"about": str(comment.anchor.get("quote", ""))[:SENTENCE_LENGTH], "said": comment.body[:NOTE_LENGTH]}
        comments.setdefault(comment.approval_id, []).append(said)
    return [
        {
            "number": number,
            "work": approval.get_subject_type_display(),
            "title": _title_of(approval),
            "sentences": sentences_about(texts.get(approval.content_ref or "", ""), approval.decision_note),
            "note": approval.decision_note[:NOTE_LENGTH],
            "comments": comments.get(approval.pk, [])[:COMMENTS],
        }
        for number, approval in enumerate(rejections, start=1)
    ]


def _texts(pointers: Iterable[str]) -> dict[str, str]:
    """By pointer; one that is missing is the operators' matter and no reason to stop. Raises StorageUnavailable."""
    wanted = list(pointers)
    try:
        return {pointer: body.text for pointer, body in storage.read(storage.ActivityOutput, wanted).items()}
    except storage.BodyMissing:
        return {pointer: text for pointer in wanted if (text := _text(pointer)) is not None}


def _text(pointer: str) -> str | None:
    try:
        return storage.read_one(storage.ActivityOutput, pointer).text
    except storage.BodyMissing:
        return None


def _file_behind(step: Activity) -> str:
    """The file the proposal is made from."""
    pointer = step.input_data["base"]["pointer"]
    return skill_files.written(skill_library.SkillVersion(pointer, storage.document(storage.Skill, pointer)).text)


def _title_and_note(approval: Approval) -> dict[str, str]:
    return {"title": _title_of(approval), "note": approval.decision_note}


def _title_of(approval: Approval) -> str:
    return approval.shown_snapshot["subject"].get("title") or approval.get_subject_type_display()

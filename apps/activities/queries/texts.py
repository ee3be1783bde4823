"""The texts that steps hand in, with their versions."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from apps import storage

from ..models import Activity, ActivityRun, Approval


def next_version(subject_ref: str) -> int:
    """The version number the next text of this subject gets. Two writers at once: the second is refused by MongoDB."""
    latest = storage.find(storage.ActivityOutput, {"subjectRef": subject_ref}, sort=[("version", -1)], limit=1)
    return latest[0][1].version + 1 if latest else 1


def metadata_of(output: BaseModel) -> dict:
    """The small facts of an answer that are kept beside its text."""
    values = output.model_dump(mode="json")
    return {name: value for name, value in values.items() if isinstance(value, (int, float, bool)) or _is_short(value)}


def _is_short(value) -> bool:
    if isinstance(value, str):
        return len(value) <= 500
    return isinstance(value, list) and len(value) <= 50 and all(isinstance(v, str) and len(v) <= 200 for v in value)


@dataclass(frozen=True)
class Version:
    """One version of a text, newest first in lists."""

    pointer: str
    version: int
    author_type: str
    change_note: str
    created_on: datetime
    created_by: str = ""  # ref_id of the person; agents leave it empty


def versions_of(subject_ref: str) -> list[Version]:
    """The history people see: versions of finished runs and of people, newest first; what a dead worker left is left out."""
    found = storage.find(storage.ActivityOutput, {"subjectRef": subject_ref}, sort=[("version", -1)], limit=100)
    runs = {document.activityRunId for _, document in found if document.activityRunId}
    finished = set(ActivityRun.objects.filter(ref_id__in=runs, status="completed").values_list("ref_id", flat=True))
    return [
        Version(pointer, d.version, d.authorType, d.changeNote, d.createdOn, d.createdBy or "")
        for pointer, d in found
        if d.authorType == "human" or d.activityRunId in finished
    ]


def text_of(pointer: str) -> str | None:
    """The text behind a pointer, or None while the store does not answer: the page then shows a placeholder."""
    if not pointer:
        return ""
    try:
        return storage.read_one(storage.ActivityOutput, pointer).text
    except storage.StorageUnavailable:
        return None


def output_of(unit: Activity, step_key: str) -> str:
    """The text another step of the same unit handed in; '' if it has none. Raises StorageUnavailable."""
    step = unit.steps.filter(pipeline_step=step_key).first()
    return storage.read_one(storage.ActivityOutput, step.output_ref).text if step and step.output_ref else ""


@dataclass(frozen=True)
class ShownText:
    """The text an approval is bound to. `text` is None when it cannot be had, and `why_not` says why in a sentence."""

    text: str | None
    why_not: str = ""


def text_shown(approval: Approval) -> ShownText:
    """Exactly the text whose digest the approval carries, or the reason why it must not be approved now."""
    if not approval.content_ref:
        return ShownText("")
    try:
        body = storage.read_one(storage.ActivityOutput, approval.content_ref)
    except storage.StorageUnavailable:
        return ShownText(None, "The text cannot be loaded at the moment. Try again in a minute.")
    except storage.BodyMissing:
        return ShownText(None, "The text is missing from the content store. Tell an operator.")
    if body.sha256 != approval.shown_snapshot["body"]["sha256"]:
        return ShownText(None, "The stored text is not the one this decision was asked for. Tell an operator.")
    return ShownText(body.text)


def history_of(subject_ref: str) -> list[Version]:
    """`versions_of`, or nothing while the store is away: a page without it still stands."""
    try:
        return versions_of(subject_ref)
    except storage.StorageUnavailable:
        return []


def outputs_of_period(step: Activity) -> list[str]:
    """What the same step of the period's other units handed in, by title."""
    others = Activity.objects.filter(
        deliverable_period_id=step.deliverable_period_id, pipeline_step=step.pipeline_step
    ).exclude(pk=step.pk)
    if step.deliverable_period_id is None:
        return []
    titles = others.order_by("ref_id").values_list("output_summary__title", flat=True)
    return [title for title in titles if title]


@dataclass(frozen=True)
class Output:
    """What a step handed in. `text` is None when it cannot be had now."""

    text: str | None
    is_json: bool = False


def output_shown(activity: Activity) -> Output | None:
    """The latest output of a step, or None when it has none."""
    if not activity.output_ref:
        return None
    try:
        body = storage.read_one(storage.ActivityOutput, activity.output_ref)
    except (storage.StorageUnavailable, storage.BodyMissing):
        return Output(None)
    return Output(body.text, is_json=body.document.contentType == "application/json")

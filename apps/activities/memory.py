"""What an agent is told of its earlier work towards the same goal: the data block `session_history`.

A session is the runs that name it. Each of their activities is told once, as it stands now (an edit by a person counts),
with what people decided about it. It is bounded: the latest activities, the beginning of each text, and as many of them as
fit; the oldest go first. Nothing is remembered elsewhere, so nothing has to be kept up to date or erased.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from apps import storage

from .models import Activity, ActivityRun, Approval
from .prompting import DataBlock
from .statuses import ApprovalStatus, RunStatus

REMEMBERED = 8  # activities
BEGINNING = 1_500  # characters of each text
NOTE = 600  # characters of a reviewer's note
LIMIT = 24_000  # characters of the whole block: about 6,000 tokens
SAID = {ApprovalStatus.APPROVED: "approved", ApprovalStatus.REJECTED: "a change was asked for"}
LEFT_OUT = {"skills"}  # facts beside a text that are about the run


def blocks_of(session_id: UUID | None, *, besides: Activity) -> list[DataBlock]:
    """The block for a run of this session at the activity `besides`; none at the beginning. Raises StorageUnavailable."""
    if session_id is None:
        return []
    works = _works(session_id, besides)
    if not works:
        return []
    decided = _decisions(works)
    told: list[str] = []
    for work, output in zip(works, _outputs(works), strict=True):  # the latest first
        entry = json.dumps(_entry(work, decided.get(work.id, []), output), ensure_ascii=False, indent=1)
        if sum(map(len, told)) + len(entry) > LIMIT - 100:  # room for what stands between them
            break
        told.append(entry)
    listed = ",\n".join(reversed(told))
    return [DataBlock("session_history", f"[\n{listed}\n]", limit=LIMIT)]


def _works(session_id: UUID, besides: Activity) -> list[Activity]:
    """What was finished in this session, the latest first."""
    runs = ActivityRun.objects.filter(session_id=session_id, status=RunStatus.COMPLETED).exclude(activity=besides)
    latest: dict[UUID, Activity] = {}
    for run in runs.select_related("activity__parent_activity").order_by("-ref_id")[: 4 * REMEMBERED]:
        if run.activity.output_ref:
            latest.setdefault(run.activity_id, run.activity)
    return list(latest.values())[:REMEMBERED]


def _decisions(works: Iterable[Activity]) -> dict[UUID, list[Approval]]:
    """By activity, oldest first: what was decided at the gates that send work back to it."""
    decided: dict[UUID, list[Approval]] = {}
    by_place = {(work.parent_activity_id, work.pipeline_step): work for work in works if work.parent_activity_id}
    approvals = Approval.objects.filter(
        activity__parent_activity__in={unit for unit, _ in by_place}, status__in=SAID
    ).select_related("activity")
    for approval in approvals.order_by("decided_on", "ref_id"):
        gate = approval.activity
        if work := by_place.get((gate.parent_activity_id, gate.step.on_reject or "")):
            decided.setdefault(work.id, []).append(approval)
    return decided


def _outputs(works: list[Activity]) -> list[storage.Body[storage.ActivityOutput] | None]:
    """Their texts in the same order; None for one that is missing, which is the operators' matter and no reason to stop."""
    try:
        bodies = storage.read(storage.ActivityOutput, [work.output_ref for work in works])
    except storage.BodyMissing:
        return [_output(work) for work in works]
    return [bodies[work.output_ref] for work in works]


def _output(work: Activity) -> storage.Body[storage.ActivityOutput] | None:
    try:
        return storage.read_one(storage.ActivityOutput, work.output_ref)
    except storage.BodyMissing:
        return None


def _entry(
    work: Activity, decisions: list[Approval], output: storage.Body[storage.ActivityOutput] | None
) -> dict[str, Any]:
    unit = work.parent_activity
    facts = output.document.metadata if output else {}
    return {
        "work": f"{unit.title}: {work.title}" if unit else work.title,
        "finishedOn": work.completed_on.date().isoformat() if work.completed_on else "",
        "facts": {name: value for name, value in facts.items() if name not in LEFT_OUT},
        "begins": output.text[:BEGINNING] if output else "",
        "decisions": [
            {
                "by": approval.required_role,
                "decision": SAID[ApprovalStatus(approval.status)],
                "note": approval.decision_note[:NOTE],
            }
            for approval in decisions
        ],
    }

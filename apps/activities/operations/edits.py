"""A person's version of a text while a decision on it is pending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps import storage
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused

from ..checks import Finding, as_json
from ..models import Activity, Approval
from ..queries import next_version
from ..statuses import ApprovalStatus
from .approvals import ApprovalStale


class NotEditable(OperationRefused):
    """This can only be edited while it is in review."""

    code = "not_editable"


class NoEditor(NotEditable):
    """This has no editor: ask for a change instead, and say what should be different."""


def pending_at(gate: Activity, *, shown_sha256: str, lock: bool = False) -> Approval:
    """The decision that is pending at this gate about exactly what was shown. Raises NotEditable, ApprovalStale."""
    approvals = Approval.objects.select_for_update(of=("self",)) if lock else Approval.objects.all()
    approval = approvals.filter(activity=gate, status=ApprovalStatus.PENDING).first()
    if approval is None:
        raise NotEditable
    if approval.content_sha256 != shown_sha256:
        raise ApprovalStale
    return approval


@dataclass(frozen=True)
class Edited:
    """A person's version, stored and not yet pointed to."""

    pointer: str
    sha256: str
    version: int


def store_edit(
    written: Activity,
    text: str,
    *,
    subject_ref: str,
    output_type: str,
    by: Actor,
    at: datetime,
    change_note: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Edited:
    """Store a person's version of what this step wrote, behind the versions of its subject. Raises StorageUnavailable."""
    version = next_version(subject_ref)
    pointer, sha256 = storage.write_with_digest(
        storage.ActivityOutput(
            activityId=written.ref_id,
            subjectRef=subject_ref,
            version=version,
            authorType="human",
            changeNote=change_note,
            type=output_type,
            metadata=dict(metadata or {}),
            createdOn=at,
            createdBy=by.ref,
        ),
        text,
    )
    return Edited(pointer, sha256, version)


def replace_output(
    written: Activity,
    gate: Activity,
    edited: Edited,
    *,
    shown_sha256: str,
    findings: Sequence[Finding] | None = None,
) -> Approval:
    """Let the step that wrote the text point at the person's version. Both steps are locked by the caller.

    `findings` are those of the checks on this version; None if nobody looked, and then none are shown.

    Raises NotEditable without a pending approval at the gate, ApprovalStale when the text changed after it was opened.
    """
    approval = pending_at(gate, shown_sha256=shown_sha256, lock=True)
    written.output_ref = edited.pointer
    former = {name: value for name, value in written.output_summary.items() if name != "checks"}
    checked = {} if findings is None else {"checks": as_json(findings)}
    author = {"author": {**former["author"], "edited": True}} if "author" in former else {}
    written.output_summary = {**former, **checked, **author, "sha256": edited.sha256, "version": edited.version}
    written.save(update_fields=["output_ref", "output_summary"])
    return approval

"""A person's version of a text while a decision on it is pending."""

from collections.abc import Sequence

from apps.shared.errors import OperationRefused

from ..checks import Finding, as_json
from ..models import Activity, Approval
from ..statuses import ApprovalStatus
from .approvals import ApprovalStale


class NotEditable(OperationRefused):
    """This can only be edited while it is in review."""

    code = "not_editable"


def pending_at(gate: Activity, *, shown_sha256: str, lock: bool = False) -> Approval:
    """The decision that is pending at this gate about exactly what was shown. Raises NotEditable, ApprovalStale."""
    approvals = Approval.objects.select_for_update(of=("self",)) if lock else Approval.objects.all()
    approval = approvals.filter(activity=gate, status=ApprovalStatus.PENDING).first()
    if approval is None:
        raise NotEditable
    if approval.content_sha256 != shown_sha256:
        raise ApprovalStale
    return approval


def replace_output(
    written: Activity,
    gate: Activity,
    *,
    pointer: str,
    sha256: str,
    version: int,
    shown_sha256: str,
    findings: Sequence[Finding] | None = None,
) -> Approval:
    """Let the step that wrote the text point at the person's version. Both steps are locked by the caller.

    `findings` are those of the checks on this version; None if nobody looked, and then none are shown.

    Raises NotEditable without a pending approval at the gate, ApprovalStale when the text changed after it was opened.
    """
    approval = pending_at(gate, shown_sha256=shown_sha256, lock=True)
    written.output_ref = pointer
    former = {name: value for name, value in written.output_summary.items() if name != "checks"}
    checked = {} if findings is None else {"checks": as_json(findings)}
    author = {"author": {**former["author"], "edited": True}} if "author" in former else {}
    written.output_summary = {**former, **checked, **author, "sha256": sha256, "version": version}
    written.save(update_fields=["output_ref", "output_summary"])
    return approval

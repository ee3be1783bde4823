"""Making decisions. The approval is the decision: gate and subject follow inside `decide`."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed, OperationRefused
from apps.shared.scoping import TenantFacts

from .. import registry
from ..models import Activity, Approval
from ..statuses import ACTIVITY_MOVES, APPROVAL_MOVES, ApprovalStatus, SubjectType
from . import counting, gates, pipelines
from .gates import digest_of, shown_at


class ApprovalStale(OperationRefused):
    """This was edited after you opened it. Read the new version and decide again."""

    code = "approval_stale"


class ApprovalHeld(OperationRefused):
    """Somebody holds this back for the moment. Ask them, or wait until the hold ends."""

    code = "approval_held"


def mark_opened(approval: Approval, *, by: Actor, at: datetime) -> None:
    """The first time the person in charge looks at it; how long they read follows from it."""
    if approval.opened_on is None:
        Approval.objects.filter(pk=approval.pk, opened_on__isnull=True, status=ApprovalStatus.PENDING).update(
            opened_on=at
        )


def grant_approval(approval: Approval, *, by: Actor, at: datetime, shown_sha256: str, note: str = "") -> Approval:
    """Approve what was shown; at the final gate, release the work behind it.

    `shown_sha256` is the digest the page carried. Raises MoveRefused unless pending, ApprovalStale if the subject no
    longer has that digest, ApprovalHeld while somebody holds it back, and what the subject itself refuses.
    """
    behind = registry.GATES[approval.subject_type]
    if behind.still_holds and approval.status == ApprovalStatus.PENDING:
        behind.still_holds(behind.load(approval.subject_ref))
    return _decide(approval, "approve", by=by, at=at, shown_sha256=shown_sha256, note=note)


def refuse_approval(approval: Approval, *, by: Actor, at: datetime, shown_sha256: str, note: str) -> Approval:
    """Ask for a change: the note goes to whoever does it again. Raises as `grant_approval`; InvalidInput without a note."""
    if not note.strip():
        raise InvalidInput({"note": ["Say what should change."]})
    return _decide(approval, "reject", by=by, at=at, shown_sha256=shown_sha256, note=note)


def _decide(approval: Approval, move: str, *, by: Actor, at: datetime, shown_sha256: str, note: str) -> Approval:
    if by.kind != "human":
        raise NotAllowed("Only a person decides.")
    behind = registry.GATES[approval.subject_type]

    def still_what_was_shown(locked: Approval) -> None:
        if locked.held_until and locked.held_until > at and locked.held_by_id != by.user.pk:
            raise ApprovalHeld
        if not shown_sha256 == locked.content_sha256 == digest_of(shown_at(gate)):
            raise ApprovalStale

    with transaction.atomic():
        gate = approval.activity
        unit, gate = locks.take(gate.unit, gate)
        (approval,) = locks.take(approval)
        subject = behind.load(approval.subject_ref, lock=True)
        approval = APPROVAL_MOVES.perform(
            approval,
            move,
            by=by,
            at=at,
            guard=still_what_was_shown,
            decided_by=by.user,
            decided_on=at,
            decision_note=note,
            decision_ip=by.ip or "",
            decision_user_agent=by.user_agent,
            review_seconds=int((at - approval.opened_on).total_seconds()) if approval.opened_on else None,
        )
        if move == "approve":
            if gate.step.counts_unit:
                counting.hold(gate)
            gate = ACTIVITY_MOVES.perform(gate, "approve", by=by, at=at)
            if behind.approved:
                behind.approved(subject, by=by, at=at, activity=gate)
            if gate.step.is_final_gate and behind.release:
                behind.release(behind.load(approval.subject_ref), by=by, at=at, activity=gate)
            gate = ACTIVITY_MOVES.perform(gate, "close_gate", by=by, at=at, completed_on=at)
            if gate.step.counts_unit and gate.deliverable_period is not None:
                counting.recount(gate.deliverable_period, by=by, at=at)
            pipelines.advance(unit, by=by, at=at)
        else:
            ACTIVITY_MOVES.perform(gate, "reject", by=by, at=at, rejection_note=note)
            behind.send_back(subject, by=by, at=at, note=note)
            pipelines.send_back(gate, note=note, by=by, at=at)
    return approval


def ask_overdue_anew(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """Decisions of the client that nobody made in time expire, and each is asked anew, about what is shown now.

    Time decides nothing: what expired counts neither as approved nor as refused. What somebody holds back waits for the
    end of the hold. Returns how many were asked anew.
    """
    overdue = (
        Approval.objects.filter(_is_overdue(at), tenant_id=tenant.id)
        .select_related("activity__parent_activity")
        .order_by("ref_id")
    )
    return sum(_ask_anew(approval, by=by, at=at) for approval in overdue)


def _is_overdue(at: datetime) -> Q:
    is_free = Q(held_until__isnull=True) | Q(held_until__lte=at)
    return Q(is_free, status=ApprovalStatus.PENDING, expires_at__lte=at)


@locks.repeatable
def _ask_anew(approval: Approval, *, by: Actor, at: datetime) -> bool:
    with transaction.atomic():
        _, gate, approval = locks.take(approval.activity.unit, approval.activity, approval)
        if not Approval.objects.filter(_is_overdue(at), pk=approval.pk).exists():
            return False  # decided, cancelled or held back meanwhile
        APPROVAL_MOVES.perform(approval, "expire", by=by, at=at)
        requested_by = (approval.requested_by_type, approval.requested_by_id)
        gates.ask(gate, assigned_to=approval.assigned_to, requested_by=requested_by, by=by, at=at)
    return True


def approved_snapshot(unit: Activity, subject_type: SubjectType, subject_ref: str) -> Approval | None:
    """The approval that released this subject: the latest one granted at a final gate of the unit."""
    approvals = Approval.objects.filter(
        subject_type=subject_type,
        subject_ref=subject_ref,
        status=ApprovalStatus.APPROVED,
        activity__parent_activity=unit,
    ).select_related("activity")
    return next((a for a in approvals.order_by("-decided_on") if a.activity.step.is_final_gate), None)

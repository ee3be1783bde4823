"""Approvals: those that wait, in order, and those that were given."""

from django.db.models import (
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce

from ..models import Activity, Approval
from ..statuses import ApprovalStatus


def waiting_approvals(*, required_role: str, user=None) -> QuerySet[Approval]:
    """Pending decisions of this role over all clients in scope, the soonest to expire first."""
    rows = Approval.objects.filter(status=ApprovalStatus.PENDING, required_role=required_role)
    if user is not None:
        rows = rows.filter(assigned_to=user)
    return rows.select_related("tenant", "activity", "activity__parent_activity", "assigned_to", "held_by").order_by(
        "expires_at", "ref_id"
    )


def title_of(approval: Approval) -> str:
    """What is decided on, in a line: the subject's own title, else that of its unit."""
    return approval.shown_snapshot["subject"].get("title") or approval.activity.unit.title


def opening_of(approval: Approval) -> str:
    """A line that says what is in it, from what is shown; '' where the subject has none."""
    subject = approval.shown_snapshot["subject"]
    return subject.get("meta_description") or subject.get("summary") or ""


def pending_about(subject_ref: str) -> Approval | None:
    """The open decision about a row, whosever turn it is."""
    return Approval.objects.filter(subject_ref=subject_ref, status=ApprovalStatus.PENDING).first()


def titled(approvals: QuerySet[Approval]) -> QuerySet[Approval]:
    """With `shown_title`, the title of what is decided on ('' where it has none), and without the rest of the snapshot."""
    subject = KeyTransform("subject", "shown_snapshot")
    return approvals.annotate(
        shown_title=Coalesce(KeyTextTransform("title", subject), Value(""), output_field=TextField())
    ).defer("shown_snapshot")


def following(approvals: QuerySet[Approval], after: Approval) -> QuerySet[Approval]:
    """Those that expire after this one, in order; `waiting_approvals` or a part of it."""
    return approvals.filter(
        Q(expires_at__gt=after.expires_at) | Q(expires_at=after.expires_at, ref_id__gt=after.ref_id)
    )


def preceding(approvals: QuerySet[Approval], before: Approval) -> QuerySet[Approval]:
    """Those that expire before this one, the nearest first."""
    earlier = Q(expires_at__lt=before.expires_at) | Q(expires_at=before.expires_at, ref_id__lt=before.ref_id)
    return approvals.filter(earlier).order_by("-expires_at", "-ref_id")


def decisions_on(subject_ref: str) -> list[Approval]:
    """Every approval ever asked for this subject, newest first."""
    approvals = Approval.objects.filter(subject_ref=subject_ref).select_related("decided_by", "assigned_to", "activity")
    return list(approvals.order_by("-ref_id")[:50])


def released_by(step: Activity) -> Approval | None:
    """The approval that let this step begin: the latest one granted at the nearest final gate before it."""
    steps = {each.pipeline_step: each for each in step.unit.steps.all()}
    frontier = list(step.step.depends_on)
    while frontier:
        before = steps[frontier.pop(0)]
        if before.is_approval_gate and before.step.is_final_gate:
            granted = Approval.objects.filter(activity=before, status=ApprovalStatus.APPROVED)
            return granted.select_related("activity", "activity__parent_activity").order_by("-decided_on").first()
        frontier.extend(before.step.depends_on)
    return None

"""What a person is asked to decide."""

from django.db import models
from django.db.models import Q

from apps.shared.constraints import DigestField, TenantForeignKey, UserKey, not_negative
from apps.shared.models import Mutable, TenantRecord

from ..statuses import (
    APPROVAL_MOVES,
    ApprovalStatus,
    HumanRole,
    RequesterType,
    RiskLevel,
    SubjectType,
)
from .work import Activity


class Approval(TenantRecord, Mutable):
    """A decision asked for at a gate, bound to the SHA-256 of exactly what is shown."""

    moves = APPROVAL_MOVES
    write_once = ("decided_by", "decided_on", "decision_note", "decision_ip", "decision_user_agent")

    subject_type = models.CharField(max_length=30, choices=SubjectType)
    subject_ref = models.CharField(max_length=26, db_collation="C")
    activity = TenantForeignKey(Activity)
    status = models.CharField(max_length=20, choices=ApprovalStatus, default=ApprovalStatus.PENDING)
    risk_level = models.CharField(max_length=10, choices=RiskLevel, default=RiskLevel.MEDIUM)
    requested_by_type = models.CharField(max_length=10, choices=RequesterType)
    requested_by_id = models.CharField(max_length=255)
    required_role = models.CharField(max_length=20, choices=HumanRole)
    assigned_to = UserKey()
    held_until = models.DateTimeField(null=True, blank=True)
    held_by = UserKey()
    hold_note = models.TextField(null=True, blank=True)
    content_ref = models.CharField(max_length=24, null=True, blank=True, help_text="The body that is shown.")
    content_sha256 = DigestField()
    shown_snapshot = models.JSONField(default=dict)
    expires_at = models.DateTimeField()
    decided_by = UserKey()
    decided_on = models.DateTimeField(null=True, blank=True)
    decision_note = models.TextField(blank=True)
    decision_ip = models.CharField(max_length=45, blank=True)
    decision_user_agent = models.TextField(blank=True)
    opened_on = models.DateTimeField(null=True, blank=True)
    review_seconds = models.IntegerField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "approvals"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "subject_type", "subject_ref"],
                condition=Q(status="pending"),
                name="approval_open_once_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(held_until__isnull=True, held_by__isnull=True)
                | Q(held_until__isnull=False, held_by__isnull=False),
                name="approvals_held_fields_together",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=False, decided_on__isnull=False, status__in=["approved", "rejected"])
                | (Q(decided_by__isnull=True) & ~Q(status__in=["approved", "rejected"])),
                name="approvals_decided_by_a_person",
            ),
            not_negative("review_seconds", name="approvals_review_seconds_not_negative"),
        ]
        indexes = [
            models.Index(fields=["tenant", "expires_at"], condition=Q(status="pending"), name="idx_approvals_pending"),
            models.Index(fields=["tenant", "ref_id"], name="idx_approvals_ref"),
            models.Index(fields=["tenant", "subject_ref"], name="idx_approvals_subject"),
        ]

    def __str__(self):
        return f"{self.get_subject_type_display()} {self.subject_ref}"

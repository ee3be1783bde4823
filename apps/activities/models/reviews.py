"""How people get to a decision without signing in, and what they say about a text."""

from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import DigestField, TenantForeignKey, UserKey
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .approvals import Approval

LIVE = Q(deleted_on__isnull=True)


class ReviewLink(TenantRecord, Mutable):
    """A link by which one named person of the client reads and decides certain approvals without signing in."""

    write_once = ("token_digest", "recipient_user_id", "first_opened_on", "revoked_by", "revoked_on")

    token_digest = DigestField(unique=True, help_text="SHA-256 of the token; the token itself is only in the link.")
    recipient_user = models.ForeignKey("tenants.User", models.PROTECT, related_name="+", db_index=False)
    expires_on = models.DateTimeField()
    first_opened_on = models.DateTimeField(null=True, blank=True)
    last_used_on = models.DateTimeField(null=True, blank=True)
    revoked_by = UserKey(help_text="NULL where the system took it back.")
    revoked_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "review_links"
        constraints = [
            models.CheckConstraint(condition=Q(expires_on__gt=F("created_on")), name="review_links_end_after_start"),
            models.CheckConstraint(
                condition=Q(last_used_on__isnull=True)
                | (Q(first_opened_on__isnull=False) & Q(last_used_on__gte=F("first_opened_on"))),
                name="review_links_used_after_opening",
            ),
            models.CheckConstraint(
                condition=Q(revoked_by__isnull=True) | Q(revoked_on__isnull=False), name="review_links_revoked_when"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_review_links_ref")]

    def __str__(self):
        return f"Link for {self.recipient_user}"


class ReviewLinkApproval(TenantRecord):
    """This link opens this approval, and no other but those with a row of their own."""

    write_once = ("review_link_id", "approval_id")

    review_link = TenantForeignKey(ReviewLink, db_index=False)
    approval = TenantForeignKey(Approval)

    class Meta(TenantRecord.Meta):
        db_table = "review_link_approvals"
        constraints = [
            models.UniqueConstraint(fields=["review_link", "approval"], name="uniq_review_link_approvals_pair")
        ]

    def __str__(self):
        return f"{self.review_link_id} opens {self.approval_id}"


class ReviewComment(TenantRecord, Mutable, SoftDelete):
    """What somebody said about a text or a passage of it; an answer names the comment it answers."""

    write_once = ("approval_id", "subject_ref", "content_ref", "parent_id")

    approval = TenantForeignKey(Approval, null=True, blank=True, help_text="NULL: outside any decision.")
    subject_ref = models.CharField(max_length=26, db_collation="C")
    content_ref = models.CharField(max_length=24, blank=True, help_text="The body it speaks about.")
    parent = TenantForeignKey("self", null=True, blank=True)
    body = models.TextField()
    anchor = models.JSONField(
        default=dict, blank=True, help_text='{"quote": "…", "start": 0, "end": 12}; empty: about the whole text.'
    )
    is_internal = models.BooleanField(help_text="For the agency alone: the client never sees it.")
    resolved_by = UserKey()
    resolved_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "review_comments"
        constraints = [
            models.CheckConstraint(condition=~Q(body=""), name="review_comments_body_not_empty"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="review_comments_not_its_own_answer"
            ),
            models.CheckConstraint(
                condition=Q(resolved_by__isnull=True, resolved_on__isnull=True)
                | Q(resolved_by__isnull=False, resolved_on__isnull=False),
                name="review_comments_resolved_fields_together",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_review_comments_ref"),
            models.Index(fields=["tenant", "subject_ref"], condition=LIVE, name="idx_review_comments_subject"),
        ]

    def __str__(self):
        return self.body[:80]

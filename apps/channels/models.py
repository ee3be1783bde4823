"""Connected outside platforms, and every attempt to put something on one."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.shared.constraints import DigestField, TenantForeignKey, between
from apps.shared.encryption import SealedTextField
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .statuses import (
    ATTEMPT_MOVES,
    CHANNEL_MOVES,
    AttemptStatus,
    AttemptSubject,
    ChannelStatus,
    ChannelType,
    Platform,
)

LIVE = Q(deleted_on__isnull=True)


class Channel(TenantRecord, Mutable, SoftDelete):
    """A platform account of a client. Tokens are sealed; they open for the one call that needs them."""

    moves = CHANNEL_MOVES

    platform = models.CharField(max_length=30, choices=Platform)
    channel_type = models.CharField(max_length=20, choices=ChannelType)
    name = models.CharField(max_length=255)
    external_id = models.CharField(max_length=500, null=True, blank=True, help_text="The account on the platform.")
    external_url = models.CharField(max_length=1000, blank=True)
    access_token: Any = SealedTextField(null=True, blank=True)  # a text is assigned, a Sealed is read
    refresh_token: Any = SealedTextField(null=True, blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = ArrayField(models.TextField(), default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True, help_text="Settings and facts of the platform account.")
    status = models.CharField(max_length=20, choices=ChannelStatus, default=ChannelStatus.CONNECTED)
    last_verified_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True)
    score = models.SmallIntegerField(null=True, blank=True)
    score_breakdown = models.JSONField(null=True, blank=True)
    score_calculated_at = models.DateTimeField(null=True, blank=True)
    score_previous = models.SmallIntegerField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "channels"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "platform", "external_id"],
                condition=LIVE,
                nulls_distinct=False,
                name="idx_channels_tenant_platform",
            ),
            between("score", 0, 100, name="channels_score_in_range"),
            between("score_previous", 0, 100, name="channels_score_previous_in_range"),
        ]
        indexes = [
            models.Index(fields=["token_expires_at"], condition=Q(status="connected"), name="idx_channels_expiry"),
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_channels_ref"),
        ]

    def __str__(self):
        return self.name


class PublishAttempt(TenantRecord, Mutable):
    """One attempt to publish one thing on one channel; written before the call, confirmed by what the platform says."""

    moves = ATTEMPT_MOVES
    write_once = ("idempotency_key", "marker", "approval_ref", "content_sha256", "external_object_id", "external_url")

    subject_type = models.CharField(max_length=30, choices=AttemptSubject)
    subject_ref = models.CharField(max_length=26, db_collation="C")
    channel = TenantForeignKey(Channel)
    idempotency_key = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=20, choices=AttemptStatus, default=AttemptStatus.PREPARED)
    marker = models.CharField(max_length=100, help_text="What the platform can be asked for afterwards.")
    approval_ref = models.CharField(max_length=26, db_collation="C")
    content_sha256 = DigestField()
    external_object_id = models.CharField(max_length=255, blank=True)
    external_url = models.CharField(max_length=1000, blank=True)
    request_summary = models.JSONField(default=dict)
    response_summary = models.JSONField(default=dict)
    failure_cause = models.CharField(max_length=100, blank=True)
    next_step = models.CharField(max_length=255, blank=True)
    sent_on = models.DateTimeField(null=True, blank=True)
    confirmed_on = models.DateTimeField(null=True, blank=True)
    settle_until = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "publish_attempts"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "subject_type", "subject_ref", "channel"],
                condition=Q(status__in=["prepared", "sent", "unknown"]),
                name="uniq_publish_attempts_open",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_publish_attempts_ref"),
            models.Index(fields=["tenant", "subject_ref"], name="idx_publish_attempts_subject"),
        ]

    def __str__(self):
        return f"{self.subject_type} {self.subject_ref}: {self.status}"

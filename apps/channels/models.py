"""Connected outside platforms and services, their scores, every attempt to publish, and the media that go out."""

from datetime import date
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.shared.constraints import DigestField, TenantForeignKey, between, not_negative
from apps.shared.encryption import SealedTextField
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .statuses import (
    ATTEMPT_MOVES,
    CHANNEL_MOVES,
    INTEGRATION_MOVES,
    AttemptStatus,
    AttemptSubject,
    AuthType,
    ChannelStatus,
    ChannelType,
    IntegrationProvider,
    IntegrationStatus,
    MediaKind,
    Platform,
)

LIVE = Q(deleted_on__isnull=True)
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
MEDIA_KEY = r"^[0-9A-Z]{26}/media/[0-9A-Z]{26}[.][a-z0-9]+$"


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

    @property
    def name_there(self) -> str:
        """What its platform calls it: the account or property, else the address."""
        return self.external_id or self.external_url

    @property
    def score_change(self) -> int | None:
        """How much the score differs from the one before; None before the second."""
        if self.score is None or self.score_previous is None:
            return None
        return self.score - self.score_previous


class ChannelScore(TenantRecord):
    """What a channel scored in one month, with the rubric that was applied; a later scoring is a further row."""

    append_only = True

    channel = TenantForeignKey(Channel, db_index=False)
    score = models.SmallIntegerField()
    score_breakdown = models.JSONField(default=dict, help_text="Each part with its value and its maximum.")
    scoring_criteria = models.JSONField(default=dict, help_text="The platform's rubric that was applied.")
    scored_on = models.DateTimeField()
    period = models.CharField(max_length=7, help_text="The month, as YYYY-MM.")

    class Meta(TenantRecord.Meta):
        db_table = "channel_scores"
        constraints = [
            between("score", 0, 100, name="channel_scores_score_in_range"),
            models.CheckConstraint(condition=Q(period__regex=MONTH), name="channel_scores_period_is_a_month"),
        ]
        indexes = [
            models.Index(fields=["channel", "period"], name="idx_channel_scores_period"),
            models.Index(fields=["tenant", "ref_id"], name="idx_channel_scores_ref"),
        ]

    def __str__(self):
        return f"{self.score} in {self.period}"

    @property
    def month(self) -> date:
        """Its first day."""
        return date.fromisoformat(f"{self.period}-01")


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


class Integration(TenantRecord, Mutable, SoftDelete):
    """A client's account at an outside service that is no channel. Its secret is sealed; it opens for the one call."""

    moves = INTEGRATION_MOVES

    provider = models.CharField(
        max_length=20, choices=IntegrationProvider, help_text="Agents name it among the tools they may use."
    )
    name = models.CharField(max_length=255)
    auth_type = models.CharField(max_length=20, choices=AuthType)
    config = models.JSONField(default=dict, blank=True, help_text="Settings that are no secret, such as host and port.")
    secret: Any = SealedTextField(null=True, blank=True)  # a text is assigned, a Sealed is read
    status = models.CharField(max_length=20, choices=IntegrationStatus, default=IntegrationStatus.ACTIVE)
    last_verified_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "integrations"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "provider", "name"], condition=LIVE, name="uniq_integrations_name"
            ),
            models.CheckConstraint(
                condition=~Q(auth_type=AuthType.NONE) | Q(secret__isnull=True), name="integrations_secret_has_a_use"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_integrations_ref")]

    def __str__(self):
        return self.name


class MediaAsset(TenantRecord, Mutable, SoftDelete):
    """A picture, video or document of a client. The file lies in S3, written once, and is read by version and digest."""

    write_once = ("kind", "content_type", "bytes", "s3_key", "s3_version_id", "sha256")

    kind = models.CharField(max_length=20, choices=MediaKind)
    file_name = models.CharField(max_length=255, help_text="As the person called it; shown, never part of a key.")
    content_type = models.CharField(max_length=100, help_text="Told from the bytes, not from the name.")
    bytes = models.BigIntegerField()
    width = models.IntegerField(null=True, blank=True, help_text="Pixels.")
    height = models.IntegerField(null=True, blank=True, help_text="Pixels.")
    duration_ms = models.IntegerField(null=True, blank=True)
    alt_text = models.TextField(blank=True)
    s3_key = models.CharField(max_length=1000)
    s3_version_id = models.CharField(max_length=255)
    sha256 = DigestField()

    class Meta(TenantRecord.Meta):
        db_table = "media_assets"
        constraints = [
            models.UniqueConstraint(fields=["s3_key"], name="uniq_media_assets_key"),
            models.CheckConstraint(condition=Q(bytes__gt=0), name="media_assets_file_is_not_empty"),
            not_negative("width", "height", "duration_ms", name="media_assets_measures_not_negative"),
            models.CheckConstraint(condition=Q(s3_key__regex=MEDIA_KEY), name="media_assets_key_is_ours"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_media_assets_ref")]

    def __str__(self):
        return self.file_name

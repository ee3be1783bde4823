"""What people are told: the notices, over which ways they want them, who carries them, and the proof of each delivery."""

from typing import Any

from django.db import models
from django.db.models import Q

from apps.shared.constraints import TenantForeignKey, between, not_negative
from apps.shared.encryption import SealedTextField
from apps.shared.models import JournalEntry, Mutable, PlatformOrTenantRecord

from ..statuses import (
    ALWAYS_TOLD,
    DispatchChannel,
    DispatchStatus,
    NoticeChannel,
    ProviderKind,
    Severity,
)
from .doors import WebhookEndpoint
from .people import User


class NotificationProvider(PlatformOrTenantRecord, Mutable):
    """An outside service that carries messages: a client's own, or (without tenant) the default for everybody."""

    shows_global_rows = True  # whoever sends for a client falls back to the platform's default

    kind = models.CharField(max_length=20, choices=ProviderKind)
    name = models.CharField(max_length=100)
    config = models.JSONField(default=dict, blank=True, help_text="Host, sender and the like; nothing secret.")
    secret: Any = SealedTextField(null=True, blank=True)  # a text is assigned, a Sealed is read
    is_enabled = models.BooleanField(default=True)
    priority = models.SmallIntegerField(default=0, help_text="The lowest is tried first; a client's own come before.")
    last_verified_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "notification_providers"
        constraints = [not_negative("priority", name="notification_providers_priority_from_zero")]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_notification_providers_ref"),
            models.Index(  # which one carries this message
                fields=["tenant", "kind", "priority"],
                condition=Q(is_enabled=True),
                name="idx_providers_by_priority",
            ),
        ]

    def __str__(self):
        return self.name


class Notification(PlatformOrTenantRecord, Mutable):
    """One notice to one person, as the bell shows it; a member of staff's has no tenant."""

    write_once = ("kind", "title", "subject_type", "subject_ref")

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    # Plain, because a notice to staff has no tenant and still tells of a client's entry.
    journal_entry = models.ForeignKey(
        JournalEntry, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=100, help_text="Journal code of what it tells, such as approval.granted.")
    title = models.CharField(max_length=255)
    body = models.TextField(blank=True)
    subject_type = models.CharField(max_length=50, blank=True, help_text="Table of the record it is about.")
    subject_ref = models.CharField(max_length=26, blank=True, db_collation="C")
    severity = models.CharField(max_length=20, choices=Severity, default=Severity.INFO)
    read_on = models.DateTimeField(null=True, blank=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "notifications"
        constraints = [
            # An entry is told once however often its consumer is rung; notices without an entry are not limited.
            models.UniqueConstraint(fields=["user", "journal_entry"], name="uniq_notifications_entry")
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_notifications_ref"),
            models.Index(  # the number at the bell
                fields=["tenant", "user"], condition=Q(read_on__isnull=True), name="idx_notifications_unread"
            ),
        ]

    def __str__(self):
        return self.title


class NotificationPreference(PlatformOrTenantRecord, Mutable):
    """A person's choice whether one kind of notice comes over one way; without a row the default holds."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=100, help_text="Journal code, such as approval.granted.")
    channel = models.CharField(max_length=20, choices=NoticeChannel)
    is_enabled = models.BooleanField()

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "notification_preferences"
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "channel"], name="uniq_notification_preferences"),
            models.CheckConstraint(
                condition=Q(is_enabled=True) | ~Q(kind__regex=ALWAYS_TOLD),
                name="notification_preferences_money_and_security_stay_on",
            ),
        ]

    def __str__(self):
        return f"{self.kind} by {self.channel}: {'on' if self.is_enabled else 'off'}"


class DispatchLog(PlatformOrTenantRecord):
    """One attempt to deliver a message: the evidence of every delivery, webhooks to customers included."""

    append_only = True

    # Plain, because notice, provider and entry may be the platform's own.
    notification = models.ForeignKey(
        Notification, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    provider = models.ForeignKey(
        NotificationProvider, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    webhook_endpoint = TenantForeignKey(WebhookEndpoint, null=True, blank=True, db_index=False)
    journal_entry = models.ForeignKey(
        JournalEntry, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    channel = models.CharField(max_length=20, choices=DispatchChannel)
    recipient_masked = models.CharField(max_length=255, help_text="Enough to recognise, such as al…@acme.test.")
    template_key = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=20, choices=DispatchStatus)
    attempt = models.SmallIntegerField(default=1, help_text="1 is the first.")
    external_message_id = models.CharField(max_length=255, blank=True)
    response_status = models.SmallIntegerField(null=True, blank=True, help_text="HTTP status, where there was one.")
    response_excerpt = models.CharField(max_length=500, blank=True)
    error = models.TextField(blank=True)
    duration_ms = models.IntegerField(default=0)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "dispatch_logs"
        constraints = [
            models.CheckConstraint(condition=Q(attempt__gte=1), name="dispatch_logs_attempt_from_one"),
            not_negative("duration_ms", name="dispatch_logs_duration_not_negative"),
            between("response_status", 100, 599, name="dispatch_logs_response_is_http"),
            # Its key holds the tenant, so a row of the platform could name any client's endpoint unchecked.
            models.CheckConstraint(
                condition=Q(webhook_endpoint__isnull=True) | Q(tenant__isnull=False, channel=DispatchChannel.WEBHOOK),
                name="dispatch_logs_endpoint_is_a_clients_webhook",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_dispatch_logs_ref"),
            models.Index(  # what became of this notice
                fields=["notification", "ref_id"],
                condition=Q(notification__isnull=False),
                name="idx_dispatch_logs_notification",
            ),
            models.Index(  # the latest deliveries to this endpoint
                fields=["webhook_endpoint", "ref_id"],
                condition=Q(webhook_endpoint__isnull=False),
                name="idx_dispatch_logs_endpoint",
            ),
        ]

    def __str__(self):
        return f"{self.channel} to {self.recipient_masked}"

"""What other systems come in and are called by: tokens, messages from outside, answers kept for repeats, endpoints."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import DigestField, UserKey, between, not_negative
from apps.shared.encryption import SealedTextField
from apps.shared.models import Mutable, PlatformOrTenantRecord, SoftDelete, TenantRecord

from ..statuses import InboundSource
from .people import User

LIVE = Q(deleted_on__isnull=True)


class ApiToken(PlatformOrTenantRecord, Mutable):
    """A person's key to the API; shown once, only its digest is kept. A member of staff's has no tenant."""

    write_once = ("digest", "token_prefix", "revoked_by", "revoked_on")

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=100, help_text="What it is for, in the person's words.")
    digest = DigestField(unique=True, help_text="SHA-256 of the token.")
    token_prefix = models.CharField(max_length=15, help_text="Its beginning, by which people tell it from others.")
    scopes = ArrayField(models.TextField(), default=list, blank=True)
    expires_on = models.DateTimeField()
    last_used_on = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.CharField(max_length=45, blank=True)
    revoked_by = UserKey(help_text="Empty beside a time: the system withdrew it.")
    revoked_on = models.DateTimeField(null=True, blank=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "api_tokens"
        constraints = [
            models.CheckConstraint(condition=Q(expires_on__gt=F("created_on")), name="api_tokens_expire_later"),
            models.CheckConstraint(
                condition=Q(revoked_by__isnull=True) | Q(revoked_on__isnull=False),
                name="api_tokens_revoked_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_api_tokens_ref"),
            models.Index(fields=["user", "ref_id"], name="idx_api_tokens_user"),
        ]

    def __str__(self):
        return self.name


class InboundEvent(PlatformOrTenantRecord):
    """A message of an outside system exactly as it came, kept before it is answered. No tenant: nobody's so far."""

    append_only = True

    source = models.CharField(max_length=20, choices=InboundSource)
    external_event_id = models.CharField(max_length=255, help_text="The sender's own id; a message sent twice is one.")
    headers = models.JSONField(default=dict, help_text="Secrets are taken out before it is stored.")
    body = models.BinaryField()
    body_sha256 = DigestField()
    is_signature_valid = models.BooleanField()
    received_on = models.DateTimeField()

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "inbound_events"
        constraints = [
            models.UniqueConstraint(fields=["source", "external_event_id"], name="uniq_inbound_events_external")
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_inbound_events_ref")]

    def __str__(self):
        return f"{self.source} {self.external_event_id}"


class IdempotencyKey(PlatformOrTenantRecord, Mutable):
    """The answer to a request that carried an Idempotency-Key, so that the same request again gets the same answer."""

    write_once = ("key", "route", "request_sha256", "response_status", "response_body")
    rows_may_be_deleted = True  # once it has expired the key is free again

    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    route = models.CharField(max_length=200)
    request_sha256 = DigestField()
    response_status = models.SmallIntegerField(null=True, blank=True, help_text="Empty: still at work.")
    response_body = models.JSONField(null=True, blank=True)
    expires_on = models.DateTimeField(help_text="24 hours after it was made.")

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "idempotency_keys"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "route", "key"], nulls_distinct=False, name="uniq_idempotency_keys"
            ),
            between("response_status", 100, 599, name="idempotency_keys_response_is_http"),
            models.CheckConstraint(
                condition=Q(response_status__isnull=False) | Q(response_body__isnull=True),
                name="idempotency_keys_no_answer_while_in_flight",
            ),
        ]
        indexes = [models.Index(fields=["expires_on"], name="idx_idempotency_keys_expires")]

    def __str__(self):
        return f"{self.route} {self.key}"


class WebhookEndpoint(TenantRecord, Mutable, SoftDelete):
    """An address of a customer that is called when something happens; what is sent is signed with its secret."""

    url = models.CharField(max_length=1000, help_text="https only.")
    event_codes = ArrayField(models.TextField(), default=list, help_text="Journal codes it wants to hear of.")
    secret: Any = SealedTextField()  # a text is assigned, a Sealed is read
    previous_secret: Any = SealedTextField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    description = models.CharField(max_length=255, blank=True)
    failure_count = models.SmallIntegerField(default=0, help_text="Failures since the last success.")
    disabled_on = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=255, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "webhook_endpoints"
        constraints = [
            models.CheckConstraint(condition=Q(url__regex=r"^https://[^/]"), name="webhook_endpoints_https_only"),
            not_negative("failure_count", name="webhook_endpoints_failures_not_negative"),
            models.CheckConstraint(
                condition=Q(is_enabled=False) | Q(disabled_on__isnull=True),
                name="webhook_endpoints_disabled_is_off",
            ),
            models.CheckConstraint(
                condition=Q(disabled_reason="") | Q(disabled_on__isnull=False),
                name="webhook_endpoints_reason_says_when",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_webhook_endpoints_ref")]

    def __str__(self):
        return self.url

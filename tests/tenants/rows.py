"""Rows of tables that no operation fills yet, made by the product's own database user."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.tenants.models import (
    ApiToken,
    DispatchLog,
    IdempotencyKey,
    InboundEvent,
    Notification,
    NotificationPreference,
    NotificationProvider,
    SavedView,
    WebhookEndpoint,
)

AT = timezone.now()
USUAL = {
    ApiToken: {
        "name": "Reports",
        "digest": "d" * 64,
        "token_prefix": "lm_4f7a",
        "expires_on": AT + timedelta(days=30),
    },
    DispatchLog: {"channel": "email", "recipient_masked": "al…@acme.test", "status": "sent"},
    IdempotencyKey: {
        "key": "3c1b",
        "route": "POST /api/v1/posts/",
        "request_sha256": "a" * 64,
        "expires_on": AT + timedelta(hours=24),
    },
    InboundEvent: {
        "source": "razorpay",
        "external_event_id": "evt_1",
        "body": b"{}",
        "body_sha256": "b" * 64,
        "is_signature_valid": True,
        "received_on": AT,
    },
    Notification: {"kind": "approval.granted", "title": "A topic was approved"},
    NotificationPreference: {"kind": "approval.granted", "channel": "email", "is_enabled": False},
    NotificationProvider: {"kind": "email", "name": "Mail", "secret": "smtp password"},
    SavedView: {"page": "dm:activities:inbox", "name": "Mine"},
    WebhookEndpoint: {
        "url": "https://hooks.acme.test/in",
        "event_codes": ["post.published"],
        "secret": "signing secret",
    },
}


def make(model, **values):
    """A row of this table; `values` differ from the usual ones."""
    return model.objects.create(**{**USUAL[model], "created_on": AT, **values})


def refusal(write: Callable[[], object]) -> str:
    """The name of the constraint by which PostgreSQL refuses the write; nothing of it stays."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        write()
    return refused.value.__cause__.diag.constraint_name

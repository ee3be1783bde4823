"""Rows of tables that nothing fills yet, and what PostgreSQL refuses them for."""

import hashlib
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.activities.models import ActivityRun, Approval, ReviewComment, ReviewLink, Session, ToolCall
from apps.strategy.models import Goal
from apps.tenants.models import User


@contextmanager
def refused():
    """PostgreSQL refuses what is written inside; `by` is the constraint's name afterwards."""
    told = SimpleNamespace(by="")
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        yield told
    told.by = error.value.__cause__.diag.constraint_name


def a_session(**changes: Any) -> Session:
    at = timezone.now()
    values = {
        "external_session_id": "sess_1",
        "agent_role": "copywriter",
        "goal": Goal.objects.order_by("ref_id").first(),
        "adapter_type": "claude",
        "model_id": "claude-sonnet-4-6",
        "expires_at": at + timedelta(hours=1),
        "created_on": at,
    }
    return Session.objects.create(**(values | changes))


def a_tool_call(**changes: Any) -> ToolCall:
    values = {
        "activity_run": ActivityRun.objects.order_by("ref_id").first(),
        "tool_name": "google_search_console",
        "method": "getKeywordRankings",
        "input": {"keywords": ["filter coffee"]},
        "output": {"rows": 1},
        "status": "success",
        "duration_ms": 120,
        "created_on": timezone.now(),
    }
    return ToolCall.objects.create(**(values | changes))


def a_review_link(at: datetime | None = None, **changes: Any) -> ReviewLink:
    at = at or timezone.now()
    approval = Approval.objects.order_by("ref_id").first()
    values = {
        "token_digest": hashlib.sha256(b"a token").hexdigest(),
        "recipient_user": User.objects.get(tenant=approval.tenant_id, role="admin"),
        "expires_on": at + timedelta(days=7),
        "created_on": at,
    }
    return ReviewLink.objects.create(**(values | changes))


def a_comment(**changes: Any) -> ReviewComment:
    approval = Approval.objects.order_by("ref_id").first()
    values = {
        "approval": approval,
        "subject_ref": approval.subject_ref,
        "content_ref": approval.content_ref,
        "body": "Is this figure right?",
        "anchor": {"quote": "40 %", "start": 10, "end": 14},
        "is_internal": True,
        "created_on": timezone.now(),
    }
    return ReviewComment.objects.create(**(values | changes))

"""What agents remember of their work towards a goal: how it goes on, and how it ends.

A run joins its session with the claim (`engine/claim.py`). A session is open while `expires_at` lies ahead. It has no
status: closing one is writing it down in the journal once its time is over, and `updated_on` then lies behind `expires_at`.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import TenantFacts

from ..models import Session

CLOSED_AT_ONCE = 500


class SessionOver(OperationRefused):
    """This session has ended already."""

    code = "session_over"


def count_tokens(session_id: UUID, tokens: int, *, at: datetime) -> None:
    """Add a call's tokens; a session that is still open lives on from here. Part of the transaction that keeps the call."""
    longer = at + timedelta(seconds=settings.SESSION_SECONDS)
    is_open = Q(expires_at__gt=at)  # what was ended meanwhile stays ended
    # One statement: a row that is changed twice in a transaction has PostgreSQL look at its goal, and wait for it.
    Session.objects.filter(pk=session_id).update(
        token_count=F("token_count") + tokens,
        expires_at=Case(When(is_open, then=Value(longer)), default=F("expires_at")),
        updated_on=Case(When(is_open, then=Value(at)), default=F("updated_on")),
    )


def end_session(session: Session, *, by: Actor, at: datetime) -> Session:
    """A person has an agent begin anew. Raises SessionOver."""
    with transaction.atomic():
        session = Session.objects.select_for_update(of=("self",)).get(pk=session.pk)
        if session.expires_at <= at:
            raise SessionOver
        before = session.expires_at
        over_on = max(at, session.created_on)  # the database's clock made it
        session.expires_at, session.updated_by, session.updated_on = over_on, by.user, over_on
        session.save(update_fields=["expires_at", "updated_by", "updated_on"])
        journal.record(
            "session.ended",
            session,
            by=by,
            at=at,
            before={"expires_at": before.isoformat()},
            after={"expires_at": over_on.isoformat(), "token_count": session.token_count},
        )
    return session


def end_sessions_of(goals: QuerySet, *, by: Actor, at: datetime) -> int:
    """Work towards these goals has ended or begins anew: nothing of it is continued. Part of a transaction."""
    rows = Session.objects.filter(goal__in=goals, expires_at__gt=at)
    return _end(rows, "session.ended", by=by, at=at, expires_at=Greatest(Value(at), F("created_on")))


def close_expired(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """Close this client's sessions whose time is over, each once; returns how many."""
    over = Session.objects.filter(tenant_id=tenant.id, expires_at__lte=at).filter(
        Q(updated_on__isnull=True) | Q(updated_on__lt=F("expires_at"))
    )
    with transaction.atomic():
        return _end(over, "session.expired", by=by, at=at)


def _end(rows: QuerySet[Session], code: str, *, by: Actor, at: datetime, **changes: Any) -> int:
    locked = rows.order_by("pk").select_for_update(of=("self",), skip_locked=not changes)
    found = list(locked.values_list("pk", "ref_id", "tenant_id")[:CLOSED_AT_ONCE])
    if not found:
        return 0
    Session.objects.filter(pk__in=[pk for pk, _, _ in found]).update(updated_by=by.user, updated_on=at, **changes)
    for tenant_id in sorted({tenant_id for _, _, tenant_id in found}):
        refs = sorted(ref_id for _, ref_id, owner in found if owner == tenant_id)
        digest = sha256("\n".join(refs).encode()).hexdigest()
        journal.record_batch(code, Session, tenant_id=tenant_id, by=by, at=at, count=len(refs), refs_sha256=digest)
    return len(found)

"""What happened, written in the same transaction as the change itself; all that follows from it starts here.

`record` inserts one entry per move or edit, runs the code's TOGETHER reactions at once, and leaves one pending delivery
per AFTER consumer. On commit a bell is rung; a sweep rings again; a delivery is deleted when its consumer is done. So
no event is lost, and a consumer must bear being rung twice. Which reactions there are stands in `config/reactions.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import models, transaction

from .actors import Actor
from .models import JournalDelivery, JournalEntry
from .redaction import redact


@dataclass
class Reactions:
    """Filled once at start-up by `config`. `bell` sends a named ring to the workers; it must never raise."""

    together: dict[str, list[Callable]] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)
    always: list[str] = field(default_factory=list)
    rings: dict[str, str] = field(default_factory=dict)
    bell: Callable[[str], None] = lambda name: None


reactions = Reactions()

DELIVERIES = "deliveries"  # the bell of pending deliveries
DELIVERIES_OF = """
INSERT INTO journal_deliveries (id, tenant_id, created_by, created_on, journal_entry_id, consumer, attempts, next_on, last_error)
SELECT ulid_uuid(), e.tenant_id, e.created_by, e.created_on, e.id, c.consumer, 0, e.created_on, ''
  FROM journal_entries e CROSS JOIN unnest(%(consumers)s::text[]) AS c(consumer)
 WHERE e.id = ANY(%(entries)s) ORDER BY e.id
"""


def record(
    code: str,
    subject: models.Model,
    *,
    by: Actor,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> JournalEntry:
    """Write that `code` (noun.past_participle) happened to `subject`; call it inside the operation's transaction."""
    entry = _insert(
        code,
        by=by,
        at=at,
        tenant_id=tenant_of(subject),
        subject_type=subject._meta.db_table,
        subject_id=subject.pk,
        subject_ref=subject.ref_id,
        before=redact(_impersonal(subject, before or {})),
        after=redact(_impersonal(subject, after or {})),
    )
    for reaction in reactions.together.get(code, ()):
        reaction(subject, by=by, at=at)
    return entry


def record_batch(
    code: str, model: type[models.Model], *, tenant_id, by: Actor, at: datetime, count: int, refs_sha256: str
) -> JournalEntry:
    """One entry for a whole bulk write of one tenant: how many rows, and the SHA-256 of their sorted ref_ids."""
    return _insert(
        code,
        by=by,
        at=at,
        tenant_id=tenant_id,
        subject_type=model._meta.db_table,
        row_count=count,
        rows_sha256=refs_sha256,
    )


def record_document(
    code: str,
    collection: str,
    ref_id: str,
    *,
    tenant_id,
    by: Actor,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> JournalEntry:
    """Write what happened to a document of MongoDB that no row points to; of the platform's own where `tenant_id` is None."""
    return _insert(
        code,
        by=by,
        at=at,
        tenant_id=tenant_id,
        subject_type=collection,
        subject_ref=ref_id,
        before=redact(before or {}),
        after=redact(after or {}),
    )


def record_batches(
    code: str,
    model: type[models.Model],
    refs_by_tenant: Mapping[Any, Iterable[str]],
    *,
    by: Actor,
    at: datetime,
) -> None:
    """One entry per tenant for a bulk write over several: how many of its rows, and the digest of their ref_ids."""
    rows: list[dict[str, Any]] = []
    for tenant_id, refs in refs_by_tenant.items():
        if found := sorted(refs):
            digest = sha256("\n".join(found).encode()).hexdigest()
            rows.append({"tenant_id": tenant_id, "row_count": len(found), "rows_sha256": digest})
    _insert_all(code, rows, by=by, at=at, subject_type=model._meta.db_table)


def record_each(code: str, subjects: Iterable[tuple[models.Model, dict[str, Any]]], *, by: Actor, at: datetime) -> None:
    """`record` for many rows in two statements: each with an entry of its own, which says what it is `after`."""
    told = list(subjects)
    rows = [
        {
            "tenant_id": tenant_of(subject),
            "subject_type": subject._meta.db_table,
            "subject_id": subject.pk,
            "subject_ref": subject.ref_id,
            "after": redact(_impersonal(subject, after)),
        }
        for subject, after in told
    ]
    _insert_all(code, rows, by=by, at=at)
    for subject, _ in told:
        for reaction in reactions.together.get(code, ()):
            reaction(subject, by=by, at=at)


def _impersonal(subject: models.Model, values: dict[str, Any]) -> dict[str, Any]:
    """Of columns about a person only whether they are filled: entries and their copies are append-only."""
    personal = getattr(subject, "personal", ())
    return {name: ("set" if value else "not set") if name in personal else value for name, value in values.items()}


def record_of_platform(
    code: str, subject: models.Model, *, by: Actor, at: datetime, after: dict[str, Any]
) -> JournalEntry:
    """An entry of the platform itself about a client's row, which stays when all that is the client's goes."""
    return _insert(
        code,
        by=by,
        at=at,
        tenant_id=None,
        subject_type=subject._meta.db_table,
        subject_id=subject.pk,
        subject_ref=subject.ref_id,
        after=redact(after),
    )


def tenant_of(subject: models.Model):
    """The tenant an entry about this row belongs to: a tenant's own row is its own."""
    if subject._meta.label == "tenants.Tenant":
        return subject.pk
    return getattr(subject, "tenant_id", None)


def deliver_again(entry: JournalEntry, consumer: str, *, at: datetime) -> None:
    """Have a consumer hear once more of an entry whose effect was lost; consumers take a repetition for what it is."""
    JournalDelivery.objects.get_or_create(
        journal_entry=entry, consumer=consumer, defaults={"tenant_id": entry.tenant_id, "created_on": at, "next_on": at}
    )
    ring_on_commit(DELIVERIES)


def ring_on_commit(name: str) -> None:
    """Ring this bell once when the transaction commits, however often it was asked for."""
    connection = transaction.get_connection()
    already = {getattr(waiting[1], "bell_name", None) for waiting in connection.run_on_commit}
    if name in already and connection.in_atomic_block:
        return

    def send():
        reactions.bell(name)

    send.bell_name = name  # type: ignore[attr-defined]
    transaction.on_commit(send, robust=True)


def _insert(code: str, *, by: Actor, at: datetime, **values) -> JournalEntry:
    (entry,) = _insert_all(code, [values], by=by, at=at)
    return entry


def _insert_all(
    code: str, rows: Sequence[dict[str, Any]], *, by: Actor, at: datetime, **common: Any
) -> list[JournalEntry]:
    """Entries and their deliveries, in two statements however many there are."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{code}: a journal entry belongs into the transaction of what it tells.")
    if not rows:
        return []
    entries = JournalEntry.objects.bulk_create(
        JournalEntry(
            code=code,
            created_by=by.user,
            created_on=at,
            actor_type=by.kind,
            actor_ref=by.ref,
            request_id=by.request_id,
            run_ref=by.run_ref,
            ip=by.ip,
            **common,
            **row,
        )
        for row in rows
    )
    consumers = [*reactions.always, *reactions.after.get(code, ())]
    if consumers:
        with transaction.get_connection().cursor() as cursor:
            cursor.execute(DELIVERIES_OF, {"entries": [entry.pk for entry in entries], "consumers": consumers})
        ring_on_commit(DELIVERIES)
    if code in reactions.rings:
        ring_on_commit(reactions.rings[code])
    return entries

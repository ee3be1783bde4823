"""The copy of the journal in MongoDB: written by a user that may only insert, read by one that may only read."""

from typing import Any

from pymongo.errors import DuplicateKeyError

from . import clients
from .documents import AuditLog
from .errors import translated


def store(entry_ref: str, log: AuditLog) -> None:
    """Insert the copy of one journal entry; a second time changes nothing."""
    log.refId = entry_ref
    with translated():
        try:
            clients.audit_writer()[AuditLog.collection].insert_one({"_id": entry_ref, **log.model_dump()})
        except DuplicateKeyError:
            return  # relayed before, and the acknowledgement was lost


def search(filters: dict[str, Any], *, before: str | None = None, limit: int = 50) -> list[AuditLog]:
    """Newest first, for Manage; `before` is the ref_id the previous page ended with."""
    query = {**filters, **({"_id": {"$lt": before}} if before else {})}
    with translated():
        rows = clients.audit_reader()[AuditLog.collection].find(query, sort=[("_id", -1)], limit=limit)
        return [AuditLog.model_validate({k: v for k, v in raw.items() if k != "_id"}) for raw in rows]


def copied(entry_refs: list[str]) -> set[str]:
    """Which of these journal entries have their copy."""
    with translated():
        rows = clients.audit_reader()[AuditLog.collection].find({"_id": {"$in": entry_refs}}, {"_id": 1})
        return {raw["_id"] for raw in rows}

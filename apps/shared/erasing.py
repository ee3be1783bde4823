"""The rows of one cancelled client, counted and removed table by table, through functions only the owner may call."""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from . import guards
from .scoping import TenantModel

BATCH = 1_000  # rows of one transaction


def tables() -> list[Any]:
    """Every table with rows of clients, each before those it refers to. Raises CycleError where there is no such order."""
    found = [model for model in guards.records() if issubclass(model, TenantModel)]
    order = TopologicalSorter({model: [other for other in referred(model) if other in found] for model in found})
    return list(order.static_order())[::-1]


def referred(model: Any) -> list[Any]:
    """The other tables this one has keys to."""
    targets = [f.related_model for f in model._meta.local_fields if f.is_relation]
    return sorted({other for other in targets if other is not model}, key=lambda other: other._meta.db_table)


def count(cursor: CursorWrapper, table: str, tenant_id: UUID) -> int:
    cursor.execute("SELECT rows_of_tenant(%s, %s)", [table, tenant_id])
    (theirs,) = cursor.fetchone()
    cursor.execute(f"SELECT count(*) FROM {theirs}")
    return cursor.fetchone()[0]


def erase(cursor: CursorWrapper, table: str, tenant_id: UUID) -> Iterator[int]:
    """Batch by batch, each its own transaction where the connection commits by itself; yields how many rows went."""
    while True:
        cursor.execute("SELECT erase_rows(%s, %s, %s)", [table, tenant_id, BATCH])
        (gone,) = cursor.fetchone()
        if not gone:
            return
        yield gone

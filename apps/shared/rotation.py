"""Every sealed column of the product: whether its secrets open, and sealing them again with the newest key.

To change the key: put the new one first in ENCRYPTION_KEYS of every process, run `rotate_encryption_key` until it finds
nothing, then remove the old one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Q

from . import journal
from .actors import Actor
from .batches import BATCH, batches
from .encryption import Sealed, SealedFieldMixin, Undecryptable, key_ring, seal
from .findings import Finding
from .ids import spell


@dataclass
class Rotated:
    """What became of the secrets of one table."""

    table: str
    sealed_again: int = 0
    had_newest: int = 0


def sealed_columns() -> dict[type[models.Model], list[models.Field]]:
    """The sealed fields of every table that has one."""
    found = {m: [f for f in m._meta.local_fields if isinstance(f, SealedFieldMixin)] for m in apps.get_models()}
    return {model: fields for model, fields in found.items() if fields}


def rows_with_secrets(model: type[models.Model]) -> models.QuerySet:
    """Soft-deleted rows too: whoever restores one wants its secrets."""
    fields = sealed_columns()[model]
    rows = getattr(model, "with_deleted", model._default_manager)
    kept = ["id", "ref_id", *(["tenant_id"] if hasattr(model, "tenant_id") else []), *(f.name for f in fields)]
    return rows.filter(reduce(or_, (Q(**{f"{f.name}__isnull": False}) for f in fields))).only(*kept)


def unreadable(tenant_refs: dict) -> Iterator[Finding]:
    """Secrets that do not open: their key is gone, they were altered, or lie in another place than they were made for."""
    for model, fields in sealed_columns().items():
        for batch in batches(rows_with_secrets(model)):
            for row, field in ((row, field) for row in batch for field in fields):
                try:
                    field.each(getattr(row, field.attname), lambda secret, _: secret.open())
                except Undecryptable as error:
                    tenant = tenant_refs.get(getattr(row, "tenant_id", None))
                    detail = f"{field.column} does not open: {error.why}"
                    yield Finding("decrypt_failed", detail, model._meta.db_table, tenant, spell(row.pk))


def rotate(model: type[models.Model], *, by: Actor, at: datetime) -> Iterator[Rotated]:
    """Seal every secret of the table with the newest key, batch by batch; yields what the batch came to.

    Each batch is one transaction with its journal entry: killed at any moment, what is done is done, and the next run
    goes on. A row whose secret does not open is left as it is; `unreadable` names it. Call it outside tenancy.
    """
    newest, last = next(iter(key_ring())), None
    while True:
        done = Rotated(model._meta.db_table)
        with transaction.atomic():
            page = rows_with_secrets(model).order_by("pk").select_for_update(of=("self",))
            rows = list((page if last is None else page.filter(pk__gt=last))[:BATCH])
            if not rows:
                return
            changed = [row for row in rows if _seal_again(row, newest, done)]
            if changed:
                refs = sha256("\n".join(sorted(row.ref_id for row in changed)).encode()).hexdigest()
                journal.record_batch(
                    "secrets.sealed_again", model, tenant_id=None, by=by, at=at, count=len(changed), refs_sha256=refs
                )
        last = rows[-1].pk
        yield done


def _seal_again(row: models.Model, newest: str, done: Rotated) -> bool:
    changes: dict[str, Any] = {}
    for field in sealed_columns()[type(row)]:
        value = getattr(row, field.attname)
        if value is None:
            continue
        keys: list[str] = []
        field.each(value, lambda secret, _, keys=keys: keys.append(secret.key_id))
        if all(key == newest for key in keys):
            done.had_newest += len(keys)
            continue
        try:
            changes[field.name] = field.each(
                value, lambda secret, name, field=field: Sealed(seal(secret.open(), field.place(row, name)))
            )
        except Undecryptable:
            continue
        done.sealed_again += len(keys)
    if changes:
        # Not save(): its manager does not see soft-deleted rows. The values are sealed for this row already.
        getattr(type(row), "with_deleted", type(row)._default_manager).filter(pk=row.pk).update(**changes)
    return bool(changes)

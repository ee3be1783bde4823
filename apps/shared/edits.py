"""Changing plain fields of a row: only what differs is written and journalled, and nobody's edit is lost unseen."""

from datetime import datetime
from typing import Any, TypeVar

from django.db import models, transaction

from . import journal
from .actors import Actor
from .encryption import SealedFieldMixin
from .errors import OperationRefused
from .transitions import touched

Row = TypeVar("Row", bound=models.Model)


class EditedMeanwhile(OperationRefused):
    """Somebody changed this after you opened it. Reload the page to see what it says now, then change it again."""

    code = "edited_meanwhile"


def edit(
    subject: Row,
    journal_code: str,
    changes: dict[str, Any],
    *,
    by: Actor,
    at: datetime,
    seen_on: datetime | None,
    told: dict[str, Any] | None = None,
) -> Row:
    """Write those of the changes that differ, journal before and after, and return the fresh row.

    `seen_on` is `updated_on` of the row as the person saw it. Sealed secrets are always written when they are named;
    the journal says no more than that. `told` is what the journal says beside the new values. Raises EditedMeanwhile when the row was changed after it was seen.
    """
    model = type(subject)
    with transaction.atomic():
        row = model.objects.select_for_update(of=("self",)).get(pk=subject.pk)
        if row.updated_on != seen_on:
            raise EditedMeanwhile
        before = {name: getattr(row, name) for name in changes}
        differing = {name: value for name, value in changes.items() if value != before[name]}
        if not differing:
            return row
        for name, value in {**differing, **touched(model, by=by, at=at)}.items():
            setattr(row, name, value)
        row.save(update_fields=[*differing, *touched(model, by=by, at=at)])
        journal.record(
            journal_code,
            row,
            by=by,
            at=at,
            before={name: _kept(model, name, before[name]) for name in differing},
            after={name: _kept(model, name, value) for name, value in differing.items()} | (told or {}),
        )
    return row


def _kept(model: type[models.Model], name: str, value: Any) -> Any:
    """As the journal's JSON takes it; of a secret only whether there is one (a word there would be redacted)."""
    if isinstance(model._meta.get_field(name), SealedFieldMixin):
        return bool(value)
    return value if value is None or isinstance(value, (bool, int, str, list, dict)) else str(value)

"""One row by what the outside calls it."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from .errors import NotFound
from .ids import is_ref_id

R = TypeVar("R", bound=Model)


def by_ref(rows: QuerySet[R], ref_id: str) -> R:
    """Of these rows the one with this `ref_id`. Raises NotFound, also for a text that is no ref_id."""
    found = rows.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if found is None:
        raise NotFound
    return found

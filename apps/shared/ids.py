"""One ULID, two spellings: `id` (a UUID, for joins) and `ref_id` (26 characters, all that the outside sees).

The database spells `ref_id` from `id` in a generated column, so the two cannot disagree whoever inserts the row.
"""

from secrets import randbits
from uuid import UUID

from django.db import models
from django.db.models import Func
from django.db.models.query_utils import DeferredAttribute
from ulid import ULID

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """A new ULID as a UUID: 48 bits of milliseconds, 80 random bits; sorts by time in both spellings."""
    return ULID().to_uuid()


def new_ids(count: int) -> list[UUID]:
    """Ids for rows that are made at once, each the one before plus one: the rows keep their order, whatever it is.

    Their random bits are their own: what `new_id` gives in the same millisecond follows upon its last, not upon these.
    """
    first = new_id().int >> 80 << 80 | randbits(79)  # the highest random bit is left for the sum
    return [UUID(int=first + n) for n in range(count)]


def spell(row_id: UUID) -> str:
    """The 26-character Crockford spelling of an id."""
    return str(ULID.from_uuid(row_id))


def is_ref_id(text: object) -> bool:
    """Whether the text can be a ref_id: 26 upper-case Crockford characters that fit 128 bits."""
    return isinstance(text, str) and len(text) == 26 and text[0] <= "7" and all(c in ALPHABET for c in text)


class UlidText(Func):
    """`ulid_text(id)`: the SQL side of `spell`."""

    function = "ulid_text"


class _SpelledFromId(DeferredAttribute):
    """Known before the row is saved, because keys of bodies are made from it and bodies are written first."""

    def __get__(self, instance, cls=None):
        if instance is None:
            return self
        return instance.__dict__.get(self.field.attname) or spell(instance.pk)


class RefIdField(models.GeneratedField):
    """`ref_id varchar(26) COLLATE "C" GENERATED ALWAYS AS (ulid_text(id)) STORED`, unique unless told otherwise."""

    descriptor_class = _SpelledFromId

    def __init__(self, *, unique: bool = True, **kwargs):
        kwargs.update(
            expression=UlidText("id"),
            output_field=models.CharField(max_length=26, db_collation="C"),
            db_persist=True,
        )
        super().__init__(unique=unique, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("expression", "output_field", "db_persist", "unique"):
            kwargs.pop(fixed, None)
        if not self.unique:
            kwargs["unique"] = False
        return name, path, args, kwargs

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


def id_block() -> UUID:
    """The first id of a block for rows that are made at once; each next is one more, so the rows keep their order.

    Its random bits are its own: what `new_id` gives in the same millisecond follows upon its last, not upon these. The
    highest of the last 48 bits is left for the counting, which `id_in_block` does in SQL, so all share the first 80 bits.
    """
    return UUID(int=new_id().int >> 80 << 80 | randbits(32) << 48 | randbits(47))


def id_in_block(number: str) -> str:
    """SQL for the id so far into the block, whose parts `block_values` gives as parameters."""
    return f"(%(block)s || lpad(to_hex(%(block_begin)s + {number}), 12, '0'))::uuid"


def block_values(first: UUID) -> dict[str, object]:
    return {"block": first.hex[:20], "block_begin": first.int & (1 << 48) - 1}


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

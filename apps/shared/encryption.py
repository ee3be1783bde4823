"""Secrets in columns: AES-256-GCM behind the field classes of django-fernet-encrypted-fields.

Stored as `g1.<key id>.<base64url(nonce 12 | ciphertext | tag 16)>`. The key id and the place (tenant, table, column,
row) are authenticated, so a token copied anywhere else does not open. A secret read from a row is `Sealed`: nothing to
print, log or compare; it opens on purpose, for the one call that needs it.

    channel.access_token = "secret"
    channel.save()                       # sealed here, where tenant and id are known
    channel.access_token                 # <sealed>
    channel.access_token.open()          # "secret"
"""

import base64
import hmac
import os
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from encrypted_fields.fields import EncryptedTextField

FORMAT = "g1"
NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits, fresh for every encryption


class Undecryptable(Exception):
    """The stored value does not open: its key is gone, it was altered, or it lies in another place than it was made for.

    `why` is a sentence's end for operators; it holds neither the value nor an id.
    """

    def __init__(self, why: str, column: str = ""):
        super().__init__(f"{column}: {why}" if column else why)
        self.why = why


@lru_cache(maxsize=1)
def _keys() -> dict[str, bytes]:
    """The keys of ENCRYPTION_KEYS by id, newest first. Raises ImproperlyConfigured for a bad one."""
    ring: dict[str, bytes] = {}
    for number, item in enumerate(settings.ENCRYPTION_KEYS, 1):
        key_id, _, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if len(key) != 32 or not key_id or "." in key_id or key_id in ring:
            # By number: of an entry without an id, what stands before the colon is the key itself.
            raise ImproperlyConfigured(f"ENCRYPTION_KEYS: entry {number} needs a unique id and 32 bytes in base64.")
        ring[key_id] = key
    if not ring:
        raise ImproperlyConfigured("ENCRYPTION_KEYS is empty.")
    return ring


@lru_cache(maxsize=1)
def key_ring() -> dict[str, AESGCM]:
    """Ciphers by key id, newest first: the first encrypts, all decrypt. Raises ImproperlyConfigured for a bad key."""
    return {key_id: AESGCM(key) for key_id, key in _keys().items()}


def _forget_keys(*, setting, **_):
    if setting == "ENCRYPTION_KEYS":
        _keys.cache_clear()
        key_ring.cache_clear()


setting_changed.connect(_forget_keys)  # tests change settings; the product never does


def seal(plain: str, place: str) -> str:
    key_id, cipher = next(iter(key_ring().items()))
    nonce = os.urandom(NONCE_BYTES)
    body = nonce + cipher.encrypt(nonce, plain.encode(), f"{FORMAT}|{key_id}|{place}".encode())
    return f"{FORMAT}.{key_id}.{base64.urlsafe_b64encode(body).decode()}"


def unseal(token: str, place: str) -> str:
    """Raises Undecryptable; never returns anything but what was sealed for this very place."""
    column = ".".join(place.split("|")[1:3])
    try:
        version, key_id, encoded = token.split(".")
        if version != FORMAT:
            raise ValueError("not a sealed value")
        body = base64.urlsafe_b64decode(encoded)
        if base64.urlsafe_b64encode(body).decode() != encoded:  # the decoder skips what is no base64
            raise ValueError("not the spelling it was stored in")
        if key_id not in key_ring():
            raise Undecryptable(f"it was sealed with key {key_id[:40]!r}, which ENCRYPTION_KEYS does not hold", column)
        associated = f"{FORMAT}|{key_id}|{place}".encode()
        return key_ring()[key_id].decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], associated).decode()
    except (ValueError, AttributeError, InvalidTag) as error:  # AttributeError: not even a text
        raise Undecryptable("it was altered, or lies in another place than it was sealed for", column) from error


def sign(text: str, *, purpose: str) -> tuple[str, str]:
    """(key id, HMAC-SHA256 in hexadecimal) with a key derived from the newest for this purpose alone."""
    key_id = next(iter(_keys()))
    return key_id, _signature(text, key_id, purpose)


def is_signature(signature: str, text: str, *, key_id: str, purpose: str) -> bool:
    """Whether `sign` made it for this text. Raises Undecryptable when its key is gone."""
    if key_id not in _keys():
        raise Undecryptable("the key that signed it is not in ENCRYPTION_KEYS")
    return hmac.compare_digest(signature, _signature(text, key_id, purpose))


def _signature(text: str, key_id: str, purpose: str) -> str:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(_keys()[key_id])
    return hmac.new(derived, text.encode(), "sha256").hexdigest()


class Sealed:
    """A secret as it lies in memory. Read through its row it knows its place and opens; from .values() it does not."""

    def __init__(self, token: str, place: str | None = None):
        self.token, self._place = token, place

    def at(self, place: str) -> "Sealed":
        return Sealed(self.token, place)

    @property
    def key_id(self) -> str:
        """Which key it was sealed with; '' for something that was never sealed."""
        parts = self.token.split(".") if isinstance(self.token, str) else []
        return parts[1] if len(parts) == 3 else ""

    def open(self) -> str:
        if self._place is None:
            raise Undecryptable("Read the secret through its row.")
        return unseal(self.token, self._place)

    def __repr__(self):
        return "<sealed>"


class Fresh:
    """Assigned and not saved yet: the row may still lack its tenant."""

    def __init__(self, plain: str):
        self._plain = plain

    def open(self) -> str:
        return self._plain

    def __reduce__(self):
        raise TypeError("A secret that is not sealed yet is not pickled.")

    def __repr__(self):
        return "<sealed>"


class _ThroughItsRow(DeferredAttribute):
    def __get__(self, row, cls=None):
        if row is None:
            return self

        def bound(value, name):
            return value.at(self.field.place(row, name)) if isinstance(value, Sealed) else value

        return self.field.each(super().__get__(row, cls), bound)

    def __set__(self, row, value):
        row.__dict__[self.field.attname] = self.field.each(value, lambda v, _: Fresh(v) if isinstance(v, str) else v)


class SealedFieldMixin:
    descriptor_class: Any = _ThroughItsRow

    def each(self, value, change, name=""):
        return None if value is None else change(value, name)

    def place(self, row, name="") -> str:
        return "|".join((str(getattr(row, "tenant_id", None)), row._meta.db_table, self.column, str(row.pk), name))

    def pre_save(self, row, add):
        def sealed(value, name):
            return Sealed(seal(value.open(), self.place(row, name))) if isinstance(value, Fresh) else value

        row.__dict__[self.attname] = value = self.each(row.__dict__.get(self.attname), sealed)
        return value

    @staticmethod
    def token_of(value, _name="") -> str:
        if not isinstance(value, Sealed):  # .update() and .filter() have no row, so nothing to bind the secret to
            raise TypeError("Assign a secret to its row and save the row.")
        return value.token


class SealedTextField(SealedFieldMixin, EncryptedTextField):
    @property
    def f(self):
        raise TypeError("The package's own cipher is not used.")

    def get_prep_value(self, value):
        return self.each(value, self.token_of)

    def from_db_value(self, value, expression, connection):
        return self.each(value, lambda v, _: Sealed(v))

    def to_python(self, value):
        return value

    def clean(self, value, model_instance):  # the package's own sets a flag on the field, which all threads share
        return value


class EnvSecretsField(SealedFieldMixin, models.JSONField):
    """{"NAME": secret}: names readable, each value sealed on its own with its name as part of the place."""

    def each(self, value, change, name=""):
        return None if value is None else MappingProxyType({name: change(v, name) for name, v in value.items()})

    def validate(self, value, model_instance):  # JSONField would try to print the secrets as JSON
        models.Field.validate(self, value, model_instance)

    def get_db_prep_value(self, value, connection, prepared=False):
        tokens = self.each(value, self.token_of)
        return super().get_db_prep_value(None if tokens is None else dict(tokens), connection, prepared)

    def from_db_value(self, value, expression, connection):
        return self.each(super().from_db_value(value, expression, connection), lambda v, _: Sealed(v))

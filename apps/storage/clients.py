"""One client per process and store, made on first use, which is after any fork."""

import os
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.signals import setting_changed
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

TIMEOUT_MS = 3_000  # a page with content waits no longer for a store that is away


@lru_cache(maxsize=8)
def _mongo(url: str, pid: int) -> MongoClient:
    return MongoClient(
        url,
        tz_aware=True,
        uuidRepresentation="standard",
        serverSelectionTimeoutMS=TIMEOUT_MS,
        connectTimeoutMS=TIMEOUT_MS,
        socketTimeoutMS=10_000,
    )


def database(url: str | None = None) -> Database:
    """The database named in the URL; written with majority and journal, so an acknowledged document stays."""
    client = _mongo(url or settings.MONGO_URL, os.getpid())
    return client.get_default_database().with_options(write_concern=WriteConcern(w="majority", j=True))


def audit_writer() -> Database:
    return database(settings.MONGO_AUDIT_URL)


def audit_reader() -> Database:
    return database(settings.MONGO_AUDIT_READ_URL)


def s3(alias: str) -> tuple[Any, str]:
    """The boto3 client and bucket behind STORAGES[alias] ("content" or "contracts")."""
    storage = storages[alias]
    return storage.connection.meta.client, storage.bucket_name


def _forget(*, setting, **_):
    if setting.startswith("MONGO_"):
        _mongo.cache_clear()


setting_changed.connect(_forget)  # tests change settings; the product never does

"""One client per process and store, made on first use, which is after any fork."""

import os
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import storages
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

TIMEOUT_MS = 3_000  # a page with content waits no longer for a store that is away


_clients: dict[tuple[str, int], MongoClient] = {}


def _mongo(url: str) -> MongoClient:
    key = (url, os.getpid())  # a client made before a fork is not used after it
    if key not in _clients:
        made = _connect(url)
        if _clients.setdefault(key, made) is not made:  # another thread was first
            made.close()
    return _clients[key]


def _connect(url: str) -> MongoClient:
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
    client = _mongo(url or settings.MONGO_URL)
    return client.get_default_database().with_options(write_concern=WriteConcern(w="majority", j=True))


def audit_writer() -> Database:
    return database(settings.MONGO_AUDIT_URL)


def audit_reader() -> Database:
    return database(settings.MONGO_AUDIT_READ_URL)


def s3(alias: str) -> tuple[Any, str]:
    """The boto3 client and bucket behind STORAGES[alias] ("content" or "contracts")."""
    storage: Any = storages[alias]
    return storage.connection.meta.client, storage.bucket_name


_signers: dict[tuple[str, str], Any] = {}


def signing_s3(alias: str) -> tuple[Any, str]:
    """As `s3`, at the address that browsers reach (S3_PUBLIC_ENDPOINT). It signs links, which asks no server."""
    storage: Any = storages[alias]
    endpoint = settings.S3_PUBLIC_ENDPOINT
    if endpoint == settings.S3_ENDPOINT:
        return s3(alias)
    if (alias, endpoint) not in _signers:
        _signers[alias, endpoint] = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=storage.region_name,
            aws_access_key_id=storage.access_key,
            aws_secret_access_key=storage.secret_key,
            config=storage.client_config,
        )
    return _signers[alias, endpoint], storage.bucket_name


def close() -> None:
    """Close this process's MongoDB clients; the next use opens them again."""
    while _clients:
        _clients.popitem()[1].close()


def is_reachable() -> dict[str, bool]:
    """Whether each store answers a small question, for /readyz."""
    answers = {"mongodb": True, "s3": True}
    try:
        database().skills.find_one({}, {"_id": 1})
    except PyMongoError:
        answers["mongodb"] = False
    client, bucket = s3("content")
    try:
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except (BotoCoreError, ClientError):
        answers["s3"] = False
    return answers

"""What the one tenant in scope has in MongoDB and S3, counted and removed for good. Asks for the admin identities.

Every collection of the database is looked at, also one the code does not know any more, and every version and delete
marker below the tenant's prefix. Raises StorageUnavailable.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from django.conf import settings
from pymongo.database import Database

from apps.shared import scoping

from . import bootstrap, clients
from .errors import StorageUnavailable, translated
from .integrity import UNLOCKED

BATCH = 1_000  # the most S3 deletes by one request


@dataclass(frozen=True)
class StoredVersion:
    """A version of an object, or a delete marker."""

    key: str
    version_id: str
    is_marker: bool

    @property
    def folder(self) -> str:
        return "/".join(self.key.split("/")[:2]) + "/"


def documents() -> dict[str, int]:
    """How many documents each collection holds; those with none are left out."""
    with translated():
        counts = {name: _database()[name].count_documents(_theirs()) for name in _collections()}
    return {name: count for name, count in counts.items() if count}


def erase_documents() -> dict[str, int]:
    gone: Counter[str] = Counter()
    with translated():
        for name in _collections():
            collection = _database()[name]
            while ids := [raw["_id"] for raw in collection.find(_theirs(), {"_id": 1}, limit=BATCH)]:
                gone[name] += collection.delete_many({"_id": {"$in": ids}}).deleted_count
    return dict(gone)


def objects(alias: str, *, keep: set[str]) -> dict[str, dict[str, int]]:
    """What lies below the prefix by folder, objects under one of the keys in `keep` left out."""
    return told(version for version in versions(alias) if version.key not in keep)


def erase_objects(alias: str, *, keep: set[str]) -> dict[str, dict[str, int]]:
    client, bucket = _bucket(alias)
    found = [version for version in versions(alias) if version.key not in keep]
    with translated():
        for start in range(0, len(found), BATCH):
            listed = [{"Key": v.key, "VersionId": v.version_id} for v in found[start : start + BATCH]]
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": listed, "Quiet": True})
            if refused := answer.get("Errors"):
                raise StorageUnavailable(f"S3 kept {len(refused)} version(s): {refused[0].get('Code')}.")
    return told(found)


def versions(alias: str) -> list[StoredVersion]:
    client, bucket = _bucket(alias)
    found = []
    with translated():
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{_tenant()}/"):
            for part, is_marker in (("Versions", False), ("DeleteMarkers", True)):
                found += [StoredVersion(v["Key"], v["VersionId"], is_marker) for v in page.get(part, [])]
    return found


def told(found: Iterator[StoredVersion] | list[StoredVersion]) -> dict[str, dict[str, int]]:
    """Counts of objects, versions and markers by folder."""
    folders: dict[str, list[StoredVersion]] = {}
    for version in found:
        folders.setdefault(version.folder, []).append(version)
    return {
        folder: {
            "objects": len({v.key for v in inside}),
            "versions": sum(not v.is_marker for v in inside),
            "markers": sum(v.is_marker for v in inside),
        }
        for folder, inside in sorted(folders.items())
    }


def locked_contracts(*, at: datetime) -> dict[str, datetime]:
    """Keys of PDFs that S3 gives to nobody's deletion yet, with the moment until which it does not."""
    client, bucket = _bucket("contracts")
    locked: dict[str, datetime] = {}
    for version in versions("contracts"):
        if version.is_marker:
            continue
        try:
            with translated():
                held = client.get_object_retention(Bucket=bucket, Key=version.key, VersionId=version.version_id)
        except StorageUnavailable as error:
            if isinstance(error.__cause__, ClientError) and error.__cause__.response["Error"]["Code"] in UNLOCKED:
                continue
            raise
        until = held["Retention"]["RetainUntilDate"]
        if until > at:
            locked[version.key] = max(until, locked.get(version.key, until))
    return locked


def _database() -> Database:
    """As the administrator: no user of the product may delete from audit_logs."""
    client = clients.database(settings.MONGO_ADMIN_URL).client
    return client[urlsplit(settings.MONGO_URL).path.lstrip("/")]


def _collections() -> list[str]:
    return sorted(name for name in _database().list_collection_names() if not name.startswith("system."))


def _bucket(alias: str) -> tuple[Any, str]:
    """With the admin identity where there is one: that of the product may be forbidden to delete versions."""
    client, bucket = clients.s3(alias)
    return (bootstrap.s3_client() if settings.S3_ADMIN_ACCESS_KEY else client), bucket


def _theirs() -> dict[str, str]:
    return {"tenantId": _tenant()}


def _tenant() -> str:
    return scoping.only_tenant().ref_id

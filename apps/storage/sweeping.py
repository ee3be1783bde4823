"""What a failed transaction left behind: documents no row names, and objects no document names.

Bodies are written before the rows that point to them, so a transaction that fails leaves an orphan. Its age is the
store's own (ObjectId, LastModified): a slow writer beside a sweep is younger than a day and loses nothing. Only the
collections and keys of the caller's tenant are looked at; whoever calls says which documents are referenced, and a
document it is not sure about it calls referenced.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from bson import ObjectId
from pydantic import ValidationError

from apps.shared import scoping

from . import clients
from .documents import COLLECTIONS, Document
from .errors import translated

D = TypeVar("D", bound=Document)

BATCH = 500
DENIED = {"AccessDenied", "AllAccessDisabled", "403"}

# model -> function of (pointer, document) pairs that returns the pointers which must stay
IsReferenced = Mapping[type[Document], Callable[[list[tuple[str, Document]]], set[str]]]


@dataclass(frozen=True)
class Swept:
    documents: int
    objects: int


@dataclass
class StoredKey:
    """All versions of one key. `is_marked`: a delete marker is the current version, so the key reads as gone."""

    key: str
    versions: list[dict[str, Any]] = field(default_factory=list)
    is_marked: bool = False

    @property
    def touched_on(self) -> datetime:
        return max(version["LastModified"] for version in self.versions)

    @property
    def current(self) -> str | None:
        return next((version["VersionId"] for version in self.versions if version["IsLatest"]), None)


def sweep(is_referenced: IsReferenced, *, older_than: datetime) -> Swept:
    """Remove the orphans of the one tenant in scope that are older; raises StorageUnavailable.

    Documents go before their objects: killed in between, it leaves objects without a document, which the next sweep
    finds, and never a document without its object.
    """
    documents = objects = 0
    with translated():
        for model, live in is_referenced.items():
            for orphans in orphan_documents(model, live, older_than=older_than):
                ids = [ObjectId(pointer) for pointer, _ in orphans]
                gone = clients.database()[model.collection].delete_many({"_id": {"$in": ids}, **_mine()})
                documents += gone.deleted_count
        for orphan in orphan_objects(older_than=older_than):
            objects += remove(orphan)
    return Swept(documents, objects)


def orphan_documents(
    model: type[Document], live: Callable[[list[tuple[str, Document]]], set[str]], *, older_than: datetime
) -> Iterator[list[tuple[str, Document]]]:
    """Batches of old documents of the tenant in scope that nothing refers to."""
    for batch in walk(model, before=older_than):
        readable = [(pointer, document) for pointer, raw in batch if (document := loaded(model, raw))]
        old = [(pointer, document) for pointer, document in readable if document.createdOn < older_than]
        kept = live(old) if old else set()
        if orphans := [pair for pair in old if pair[0] not in kept]:
            yield orphans


def walk(model: type[Document], *, before: datetime | None = None) -> Iterator[list[tuple[str, dict]]]:
    """(pointer, raw document) of the tenant in scope in batches, in the order of their ObjectIds."""
    last = ObjectId("0" * 24)
    while True:
        bounds: dict[str, Any] = {"$gt": last}
        if before is not None:
            bounds["$lt"] = ObjectId.from_datetime(before)
        found = list(
            clients.database()[model.collection].find({"_id": bounds, **_mine()}, sort=[("_id", 1)], limit=BATCH)
        )
        if not found:
            return
        yield [(str(raw["_id"]), raw) for raw in found]
        last = found[-1]["_id"]


def orphan_objects(*, older_than: datetime) -> list[StoredKey]:
    """Old objects of the tenant in scope, under the keys documents have, that no document names."""
    tenant = scoping.only_tenant().ref_id
    prefixes = tuple(sorted({_folder(pattern, tenant) for model in COLLECTIONS for pattern in model.parts.values()}))
    # Objects first: a document written between the two looks names an object that is not judged any more.
    found = [stored for prefix in prefixes for stored in stored_keys("content", prefix)]
    named = _named_keys()
    return [s for s in found if s.key not in named and not s.is_marked and s.versions and s.touched_on < older_than]


def stored_keys(alias: str, prefix: str) -> list[StoredKey]:
    """Every key below the prefix with all its versions."""
    client, bucket = clients.s3(alias)
    keys: dict[str, StoredKey] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for version in page.get("Versions", []):
            keys.setdefault(version["Key"], StoredKey(version["Key"])).versions.append(version)
        for marker in page.get("DeleteMarkers", []):
            if marker["IsLatest"]:
                keys.setdefault(marker["Key"], StoredKey(marker["Key"])).is_marked = True
    return list(keys.values())


def _folder(pattern: str, tenant: str) -> str:
    return "/".join(pattern.split("/")[:2]).format(tenantId=tenant) + "/"


def _named_keys() -> set[str]:
    named: set[str] = set()
    for model in COLLECTIONS:
        fields = [model.fields_of(part)["key"] for part in model.parts]
        if fields:
            for raw in clients.database()[model.collection].find(_mine(), dict.fromkeys(fields, 1)):
                named.update(raw[name] for name in fields if raw.get(name))
    return named


def remove(orphan: StoredKey) -> int:
    """Every version, or a delete marker where this identity may not delete versions. A locked one stays."""
    client, bucket = clients.s3("content")
    try:
        for version in orphan.versions:
            client.delete_object(Bucket=bucket, Key=orphan.key, VersionId=version["VersionId"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        head = client.head_object(Bucket=bucket, Key=orphan.key)
        if head.get("ObjectLockMode") or head.get("ObjectLockLegalHoldStatus") == "ON":
            return 0
        client.delete_object(Bucket=bucket, Key=orphan.key)
    return 1


def _mine() -> dict[str, str]:
    return {"tenantId": scoping.only_tenant().ref_id}


def loaded(model: type[D], raw: dict[str, Any]) -> D | None:
    """The document, None for one of another release."""
    try:
        return model.model_validate({name: value for name, value in raw.items() if name != "_id"})
    except ValidationError:
        return None  # of another release: nothing is known about it, so it stays

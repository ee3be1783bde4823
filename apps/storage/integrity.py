"""Whether what rows point to is there: the document of the right tenant, its object, size and digest. Repairs nothing.

All functions look at the one tenant in scope, except `documents_of_strangers`. They raise StorageUnavailable.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError
from bson import ObjectId
from bson.errors import InvalidId
from django.db import models

from apps.shared import scoping
from apps.shared.batches import batches
from apps.shared.findings import Finding

from . import clients
from .documents import GLOBAL_TENANT, Document, Skill, StoredPart
from .errors import BodyMissing, StorageUnavailable, translated
from .sweeping import IsReferenced, loaded, orphan_documents, orphan_objects, stored_keys, walk

PARALLEL_READS = 8
MALFORMED = {"InvalidArgument", "NoSuchVersionId", "MethodNotAllowed"}  # a version id that cannot be one, or a marker's
UNLOCKED = {"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest"}


@dataclass(frozen=True)
class PointerColumn:
    """Where a table keeps pointers: `pick(row)` gives (pointer, SHA-256 the row remembers or None) pairs."""

    rows: type[models.Model]
    document: type[Document]
    pick: Callable[[Any], Iterable[tuple[str, str | None]]]


@dataclass(frozen=True)
class FoundByRef:
    """A document that is found by the ref_id of a row: there must be one for every row that `rows()` selects."""

    rows: Callable[[], models.QuerySet]
    document: type[Document]
    field: str


def check_pointers(column: PointerColumn) -> tuple[int, list[Finding]]:
    """(how many pointers, what is wrong with them): document there, of this tenant, with the digest the row remembers."""
    table, seen, found = column.rows._meta.db_table, 0, []
    for batch in batches(column.rows.with_deleted.all()):
        wanted = [(row, pointer, digest) for row in batch for pointer, digest in column.pick(row) if pointer]
        seen += len(wanted)
        documents = _documents(column.document, {pointer for _, pointer, _ in wanted})
        for row, pointer, digest in wanted:
            raw = documents.get(pointer)
            if raw is None:
                fault = ("document_missing", f"{column.document.collection} has no document behind the pointer")
            elif not _is_ours(raw, column.document):
                fault = ("foreign_pointer", f"the document in {column.document.collection} belongs to another client")
            elif digest and raw.get("sha256") != digest:
                fault = ("digest_mismatch", "the row remembers another digest than the document has")
            else:
                continue
            found.append(_finding(*fault, table=table, ref_id=row.ref_id))
    return seen, found


def check_found(rule: FoundByRef) -> list[Finding]:
    found = []
    for batch in batches(rule.rows()):
        refs = [row.ref_id for row in batch]
        with translated():
            documents = clients.database()[rule.document.collection]
            known = set(documents.distinct(rule.field, {rule.field: {"$in": refs}, "tenantId": _tenant()}))
        missing = [row for row in batch if row.ref_id not in known]
        detail = f"{rule.document.collection} has no document for it"
        found += [_finding("document_missing", detail, table=row._meta.db_table, ref_id=row.ref_id) for row in missing]
    return found


def check_objects(model: type[Document]) -> tuple[int, list[Finding]]:
    """(how many objects, what is wrong with them), for every part of every document of the collection."""
    seen: int = 0
    found: list[Finding] = []
    # Threads start without the scope, and a client is dear to make: both are taken along.
    fault_of = partial(_fault_of, prefix=f"{_tenant()}/", place=clients.s3("content"))
    with ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
        for batch in _walk(model):
            refs = [(raw["refId"], part) for _, raw in batch for part in _parts(model, raw)]
            seen += len(refs)
            faults = pool.map(fault_of, [part for _, part in refs])
            for (ref_id, _), fault in zip(refs, faults, strict=True):
                if fault:
                    found.append(_finding(*fault, table=model.collection, ref_id=ref_id))
    return seen, found


def orphans(is_referenced: IsReferenced, *, older_than: datetime) -> list[Finding]:
    """What the sweep would remove."""
    found: list[Finding] = []
    with translated():
        for model, live in is_referenced.items():
            for batch in orphan_documents(model, live, older_than=older_than):
                found += [
                    _finding("orphan_old", "no row refers to the document", table=model.collection, ref_id=d.refId)
                    for _, d in batch
                ]
        # Keys consist of ref_ids and fixed names, so they may be shown.
        found += [
            _finding("orphan_old", f"no document names {o.key}", table="s3")
            for o in orphan_objects(older_than=older_than)
        ]
    return found


def own_skills(*, older_than: datetime) -> Iterator[list[Skill]]:
    """The versions of skills that people of the tenant in scope wrote, in batches."""
    with translated():
        for batch in walk(Skill, before=older_than):
            skills = (loaded(Skill, raw) for _, raw in batch)
            yield [skill for skill in skills if skill is not None and skill.source == "override"]


def documents_of_strangers(
    collections: Iterable[type[Document]], known: set[str], *, older_than: datetime
) -> list[Finding]:
    """Documents of tenants PostgreSQL does not know, as after it was restored to an earlier point."""
    found = []
    with translated():
        for model in collections:
            old = {"_id": {"$lt": ObjectId.from_datetime(older_than)}, "tenantId": {"$nin": [*known, GLOBAL_TENANT]}}
            for tenant in clients.database()[model.collection].distinct("tenantId", old):
                found.append(Finding("orphan_old", "the document's client does not exist", model.collection, tenant))
    return found


@dataclass(frozen=True)
class PinnedPdf:
    """What a contract's row says about its PDF."""

    ref_id: str
    key: str
    version_id: str
    sha256: str


def check_contracts(contracts: list[PinnedPdf]) -> tuple[int, list[Finding], list[str]]:
    """(objects looked at, findings, notes). The pinned version must be there, whole and locked; what lies above it is told."""
    found, notes = [], []
    with translated():
        stored = {s.key: s for s in stored_keys("contracts", f"{_tenant()}/")}
        for pdf in contracts:
            part = StoredPart(key=pdf.key, version_id=pdf.version_id, sha256=pdf.sha256, size=-1)
            fault = _fault_of(part, prefix=f"{_tenant()}/", place=clients.s3("contracts"))
            faults = [fault] if fault else []
            if not faults and (mode := _lock_mode(pdf)) != "COMPLIANCE":
                faults.append(
                    ("contract_unlocked", f"the lock of the accepted PDF is {mode or 'gone'}, not COMPLIANCE")
                )
            versions = stored.get(pdf.key)
            if versions is not None and versions.is_marked:
                faults.append(("contract_marker", "a delete marker hides the PDF; it is still read by its version"))
            elif versions is not None and versions.current != pdf.version_id:
                if _digest("contracts", pdf.key, versions.current) == pdf.sha256:
                    notes.append(f"contract {pdf.ref_id}: the same PDF was stored again above the pinned version")
                else:
                    faults.append(
                        ("contract_overwritten", "another file was stored above the PDF; the pinned version is read")
                    )
            found += [_finding(*f, table="contracts", ref_id=pdf.ref_id) for f in faults]
        pinned = {pdf.key for pdf in contracts}
        if lost := sum(key not in pinned for key in stored):
            notes.append(f"client {_tenant()}: {lost} locked object(s) in the contracts bucket belong to no contract")
    return len(contracts), found, notes


def _walk(model: type[Document]) -> Iterator[list[tuple[str, dict]]]:
    with translated():
        yield from walk(model)


def _documents(model: type[Document], pointers: set[str]) -> dict[str, dict]:
    ids = []
    for pointer in pointers:
        try:
            ids.append(ObjectId(pointer))
        except InvalidId:
            continue  # no pointer at all: reported as a missing document
    with translated():
        wanted = {"tenantId": 1, "sha256": 1}
        return {
            str(raw["_id"]): raw for raw in clients.database()[model.collection].find({"_id": {"$in": ids}}, wanted)
        }


def _is_ours(raw: dict, model: type[Document]) -> bool:
    return raw.get("tenantId") == _tenant() or (model is Skill and raw.get("tenantId") == GLOBAL_TENANT)


def _parts(model: type[Document], raw: dict) -> list[StoredPart]:
    names = [model.fields_of(part) for part in model.parts]
    return [
        StoredPart(key=raw[n["key"]], version_id=raw[n["version_id"]], sha256=raw[n["sha256"]], size=raw[n["size"]])
        for n in names
        if raw.get(n["key"])
    ]


def _fault_of(part: StoredPart, *, prefix: str, place: tuple[Any, str]) -> tuple[str, str] | None:
    """(code, detail), or None when the stored bytes are the ones that were written. `size` -1: not known."""
    if not part.key.startswith(prefix):
        return "foreign_pointer", "the key lies outside the client's own prefix"
    client, bucket = place
    try:
        with translated():
            body = client.get_object(Bucket=bucket, Key=part.key, VersionId=part.version_id)["Body"]
            digest, size = sha256(), 0
            for chunk in body.iter_chunks(1 << 20):
                digest.update(chunk)
                size += len(chunk)
    except (BodyMissing, StorageUnavailable) as error:
        code = error.__cause__.response["Error"]["Code"] if isinstance(error.__cause__, ClientError) else ""
        if isinstance(error, StorageUnavailable) and code not in MALFORMED:
            raise
        return "object_missing", "S3 does not have this version"
    if part.size not in (-1, size):
        return "digest_mismatch", f"S3 has {size} bytes, {part.size} were written"
    if digest.hexdigest() != part.sha256:
        return "digest_mismatch", "S3 has other bytes than were written"
    return None


def _digest(alias: str, key: str, version_id: str | None) -> str:
    client, bucket = clients.s3(alias)
    return sha256(client.get_object(Bucket=bucket, Key=key, VersionId=version_id)["Body"].read()).hexdigest()


def _lock_mode(pdf: PinnedPdf) -> str | None:
    client, bucket = clients.s3("contracts")
    try:
        answer = client.get_object_retention(Bucket=bucket, Key=pdf.key, VersionId=pdf.version_id)
    except ClientError as error:
        if error.response["Error"]["Code"] in UNLOCKED:
            return None
        raise
    return answer["Retention"].get("Mode")


def _tenant() -> str:
    return scoping.only_tenant().ref_id


def _finding(code: str, detail: str, *, table: str, ref_id: str | None = None) -> Finding:
    return Finding(code, detail, table, _tenant(), ref_id)

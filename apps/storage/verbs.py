"""write, read, find, url: how the apps keep and get content. See the package's docstring for the order of things."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import UUID

from bson import ObjectId
from bson.errors import InvalidId

from apps.shared import scoping
from apps.shared.ids import new_id, spell

from . import clients
from .documents import GLOBAL_TENANT, Document, Skill, StoredPart
from .errors import BodyMissing, translated

D = TypeVar("D", bound=Document)

URL_SECONDS = 900  # specification: a link to content lives a quarter of an hour
PARALLEL_READS = 8


@dataclass(frozen=True)
class Body(Generic[D]):
    """The text of a document's part beside the document it belongs to."""

    pointer: str
    document: D
    text: str
    sha256: str


def write(document: D, bodies: dict[str, str] | None = None) -> str:
    """Store the bodies in S3, then the document in MongoDB; returns its ObjectId as 24 hex characters.

    `bodies` maps a part of the document to its text. Call it before the transaction that keeps the pointer: what a
    failed transaction leaves behind is an orphan that `sweep` removes. Raises StorageUnavailable.
    """
    document = _mine(document)
    with translated():
        for part, text in (bodies or {}).items():
            key = document.parts[part].format(**_key_values(document))
            stored = _put("content", key, text.encode(), _content_type(document))
            for value_name, field in document.fields_of(part).items():
                setattr(document, field, getattr(stored, value_name))
        inserted = clients.database()[document.collection].insert_one(document.model_dump())
    return str(inserted.inserted_id)


def write_with_digest(document: D, text: str) -> tuple[str, str]:
    """`write` of a single body, and the SHA-256 the row keeps to notice a store that was changed underneath."""
    return write(document, {"": text}), sha256(text.encode()).hexdigest()


def document(model: type[D], pointer: str) -> D:
    """The document behind a pointer, without its bytes. Raises BodyMissing when it is not there for the tenant in scope."""
    with translated():
        raw = _collection(model).find_one({"_id": {"$in": _ids([pointer])}, **_scope(model)})
    if raw is None:
        raise BodyMissing
    return _load(model, raw)


def documents_behind(model: type[D], pointers: Iterable[str]) -> dict[str, D]:
    """The documents behind these pointers that the tenants in scope may see, in the pointers' order; others are left out."""
    wanted = list(dict.fromkeys(pointers))
    if not wanted:
        return {}
    with translated():
        rows = _collection(model).find({"_id": {"$in": _ids(wanted)}, "deletedOn": None, **_scope(model)})
        found = {str(raw["_id"]): _load(model, raw) for raw in rows}
    return {pointer: found[pointer] for pointer in wanted if pointer in found}


def read(model: type[D], pointers: Iterable[str], *, part: str = "") -> dict[str, Body[D]]:
    """The bodies behind these pointers, of tenants in scope only; one MongoDB query, S3 by version and digest.

    Raises BodyMissing when a document, its object or its digest is not there, StorageUnavailable when a store is away.
    """
    wanted = list(dict.fromkeys(pointers))
    with translated():
        found = {
            str(raw["_id"]): raw for raw in _collection(model).find({"_id": {"$in": _ids(wanted)}, **_scope(model)})
        }
        if missing := [pointer for pointer in wanted if pointer not in found]:
            raise BodyMissing(f"{model.collection}: {len(missing)} document(s) behind a record are missing.")
        documents = {pointer: _load(model, found[pointer]) for pointer in wanted}
        stored: dict[str, StoredPart] = {}
        for pointer, document in documents.items():
            lies_at = document.stored(part)
            if lies_at is None:
                raise BodyMissing(f"{model.collection}: a document has no {part or 'body'}.")
            stored[pointer] = lies_at
        place = clients.s3("content")  # once: each thread would make its own, which takes a tenth of a second
        with ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
            texts = dict(zip(wanted, pool.map(lambda p: _get(place, stored[p]), wanted), strict=True))
    return {p: Body(p, documents[p], texts[p].decode(), stored[p].sha256) for p in wanted}


def read_one(model: type[D], pointer: str, *, part: str = "") -> Body[D]:
    return read(model, [pointer], part=part)[pointer]


def find(
    model: type[D], filters: dict[str, Any], *, sort: list[tuple[str, int]] | None = None, limit: int = 100
) -> list[tuple[str, D]]:
    """(pointer, document) pairs of tenants in scope that match; filters are plain values or operators of ours only."""
    with translated():
        within = {"deletedOn": None, **_scope(model)}
        rows = _collection(model).find({"$and": [filters, within]} if filters else within, sort=sort, limit=limit)
        return [(str(raw["_id"]), _load(model, raw)) for raw in rows]


def newest_skills() -> list[tuple[str, Skill]]:
    """(pointer, skill) of tenants in scope and of the platform: each skill once, in its newest version, switched off or not."""
    newest = [
        {"$match": {"deletedOn": None, **_scope(Skill)}},
        {"$sort": {"tenantId": 1, "name": 1, "version": -1}},
        {"$group": {"_id": {"tenantId": "$tenantId", "name": "$name"}, "newest": {"$first": "$$ROOT"}}},
    ]
    with translated():
        rows = [row["newest"] for row in _collection(Skill).aggregate(newest)]
        return [(str(raw["_id"]), _load(Skill, raw)) for raw in rows]


def search_skills(words: str, *, limit: int = 20) -> list[tuple[str, Skill]]:
    """(pointer, skill) of tenants in scope and of the platform whose text fits the words, best first.

    Each skill once, in its newest version; one that was switched off in it is not found.
    """
    scope = {"deletedOn": None, **_scope(Skill)}
    newest: dict[str, Any] = {"_id": {"tenantId": "$tenantId", "name": "$name"}, "last": {"$max": "$version"}}
    with translated():
        skills = _collection(Skill)
        last = {
            (row["_id"]["tenantId"], row["_id"]["name"]): row["last"]
            for row in skills.aggregate([{"$match": scope}, {"$group": newest}])
        }
        found = skills.find(
            {"$text": {"$search": words}, "isActive": True, **scope},
            {"tenantId": 1, "name": 1, "version": 1, "score": {"$meta": "textScore"}},
            sort=[("score", {"$meta": "textScore"}), ("_id", 1)],
        )
        best = [raw["_id"] for raw in found if last[raw["tenantId"], raw["name"]] == raw["version"]][:limit]
        loaded = {raw["_id"]: _load(Skill, raw) for raw in skills.find({"_id": {"$in": best}, **scope})}
    return [(str(pointer), loaded[pointer]) for pointer in best]


def url(model: type[D], pointer: str, *, file_name: str, part: str = "") -> str:
    """A pre-signed GET for one version of one key, 900 s, as attachment. Check access before asking for it."""
    stored = document(model, pointer).stored(part)
    if stored is None:
        raise BodyMissing
    return presigned("content", stored.key, stored.version_id, file_name=file_name)


def presigned(alias: str, key: str, version_id: str, *, file_name: str) -> str:
    client, bucket = clients.signing_s3(alias)
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in file_name)
    return client.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": bucket,
            "Key": key,
            "VersionId": version_id,
            "ResponseContentDisposition": f'attachment; filename="{safe}"',
        },
        ExpiresIn=URL_SECONDS,
    )


def _mine(document: D) -> D:
    """The document stamped with the tenant in scope and a ref_id of its own."""
    document = document.model_copy()
    document.refId = document.refId or spell(new_id())
    if document.tenantId != GLOBAL_TENANT or not isinstance(document, Skill):
        document.tenantId = scoping.only_tenant().ref_id
    return document


def _scope(model: type[Document]) -> dict[str, Any]:
    refs = [tenant.ref_id for tenant in scoping.tenants_in_scope()]
    return {"tenantId": {"$in": [*refs, GLOBAL_TENANT] if model is Skill else refs}}


def tenant_ref(tenant_id: UUID) -> str:
    return scoping.facts_of(tenant_id).ref_id


def _collection(model: type[Document]):
    return clients.database()[model.collection]


def _ids(pointers: Iterable[str]) -> list[ObjectId]:
    try:
        return [ObjectId(pointer) for pointer in pointers]
    except (InvalidId, TypeError) as error:
        raise BodyMissing("A record's pointer is not one.") from error


def _load(model: type[D], raw: dict[str, Any]) -> D:
    return model.model_validate({name: value for name, value in raw.items() if name != "_id"})


def _key_values(document: Document) -> dict[str, str]:
    values = {name: str(value) for name, value in document.model_dump().items() if isinstance(value, (str, int))}
    return {**values, "extension": getattr(document, "extension", "txt")}


def _content_type(document: Document) -> str:
    return f"{getattr(document, 'contentType', 'text/markdown')}; charset=utf-8"


def _put(alias: str, key: str, body: bytes, content_type: str, **extra: Any) -> StoredPart:
    client, bucket = clients.s3(alias)
    answer = client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **extra)
    return StoredPart(key=key, version_id=answer["VersionId"], sha256=sha256(body).hexdigest(), size=len(body))


def _get(place: tuple[Any, str], stored: StoredPart) -> bytes:
    client, bucket = place
    with translated():  # runs in a thread of its own
        body = client.get_object(Bucket=bucket, Key=stored.key, VersionId=stored.version_id)["Body"].read()
    if sha256(body).hexdigest() != stored.sha256:
        raise BodyMissing(f"{stored.key}: the stored bytes are not what was written.")
    return body

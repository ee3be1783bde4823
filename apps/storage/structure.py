"""Whether MongoDB and S3 stand as the product needs them. Repairs nothing; `bootstrap` does.

The product's own users see most of it; collections, validators and the index of audit_logs need MONGO_ADMIN_URL, the
lock of the contracts bucket needs the admin identity. What could not be looked at comes back as a note.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from django.conf import settings
from pymongo import MongoClient
from pymongo.database import Database

from apps.shared.findings import Finding

from . import bootstrap, clients
from .documents import COLLECTIONS, AuditLog, Document, validator
from .errors import translated

DRIFT, MISSING, RIGHTS, BUCKET = "collection_drift", "collection_missing", "mongo_grant_drift", "bucket_drift"


def look() -> tuple[list[Finding], list[str]]:
    """(findings, notes about what could not be looked at). Raises StorageUnavailable when a store does not answer."""
    with translated():
        mongo, mongo_notes = _mongodb()
        buckets, bucket_notes = _s3()
    return [*mongo, *_rights(), *buckets], [*mongo_notes, *bucket_notes]


def _mongodb() -> tuple[list[Finding], list[str]]:
    name = urlsplit(settings.MONGO_URL).path.lstrip("/")
    if not settings.MONGO_ADMIN_URL:
        database = clients.database()
        seen = [model for model in COLLECTIONS if model is not AuditLog]
        found = [finding for model in seen for finding in _indexes(database, model)]
        return found, ["Collections, validators and the indexes of audit_logs need MONGO_ADMIN_URL."]
    admin: MongoClient[dict[str, Any]] = MongoClient(
        settings.MONGO_ADMIN_URL, serverSelectionTimeoutMS=clients.TIMEOUT_MS
    )
    with admin:
        database = admin[name]
        standing = {raw["name"]: raw.get("options", {}) for raw in database.list_collections()}
        found = []
        for model in COLLECTIONS:
            if model.collection not in standing:
                found.append(Finding(MISSING, "the collection does not exist", model.collection))
                continue
            if standing[model.collection].get("validator") != validator(model):
                found.append(Finding(DRIFT, "the validator is not the one of the model", model.collection))
            if standing[model.collection].get("validationAction", "error") != "error":
                found.append(Finding(DRIFT, "the validator only warns", model.collection))
            if standing[model.collection].get("validationLevel", "strict") != "strict":
                found.append(Finding(DRIFT, "the validator lets some documents pass", model.collection))
            found.extend(_indexes(database, model))
        known = {model.collection for model in COLLECTIONS}
        found.extend(Finding(DRIFT, "no model has this collection", other) for other in sorted(set(standing) - known))
    return found, []


def _indexes(database: Database, model: type[Document]) -> list[Finding]:
    standing = {raw["name"]: raw for raw in database[model.collection].list_indexes()}
    found = []
    for index in model.all_indexes():
        asked = index.document
        have = standing.pop(asked["name"], None)
        if have is None:
            found.append(Finding("index_missing", f"index {asked['name']} does not exist", model.collection))
        elif _shape(have) != _shape(asked):
            found.append(
                Finding("index_missing", f"index {asked['name']} is another than the model's", model.collection)
            )
    for name, extra in standing.items():
        if "expireAfterSeconds" in extra:  # documents would vanish that must stay
            found.append(Finding(DRIFT, f"index {name} lets documents expire", model.collection))
    return found


def _shape(index: Mapping[str, Any]) -> tuple:
    """What an index does. MongoDB stores a text index as weights of its fields."""
    fields = index.get("weights") or dict(index["key"])
    keys = sorted(fields) if "text" in dict(index["key"]).values() else list(dict(index["key"]).items())
    return keys, bool(index.get("unique")), index.get("expireAfterSeconds")


def _rights() -> list[Finding]:
    """Each user asks what it may itself: exactly what bootstrap gives, wherever that came from."""
    found = []
    for url, wanted in bootstrap.privileges().items():
        user = urlsplit(url).username
        answer = clients.database(url).command("connectionStatus", showPrivileges=True)
        held = {
            (right["resource"].get("collection", "anything"), right["resource"].get("db", "anywhere"), action)
            for right in answer["authInfo"]["authenticatedUserPrivileges"]
            for action in right["actions"]
        }
        asked = {(r["resource"]["collection"], r["resource"]["db"], action) for r in wanted for action in r["actions"]}
        for collection, _, action in sorted(held - asked):
            found.append(Finding(RIGHTS, f"{user} may {action}", collection or "every collection"))
        for collection, _, action in sorted(asked - held):
            found.append(Finding(RIGHTS, f"{user} may not {action}", collection))
    return found


def _s3() -> tuple[list[Finding], list[str]]:
    found: list[Finding] = []
    for alias in ("content", "contracts"):
        client, bucket = clients.s3(alias)
        if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            found.append(Finding(BUCKET, "versioning is off", bucket))
    if not settings.S3_ADMIN_ACCESS_KEY:
        return found, ["The Object Lock of the contracts bucket and lifecycle rules need the admin identity of S3."]
    for bucket in (settings.S3_BUCKET, settings.S3_CONTRACTS_BUCKET):
        found.extend(Finding(BUCKET, fault, bucket) for fault in _lifecycle(bucket))
    try:
        lock = bootstrap.s3_client().get_object_lock_configuration(Bucket=settings.S3_CONTRACTS_BUCKET)
        is_locked = lock["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
    except ClientError as error:
        if error.response["Error"]["Code"] != "ObjectLockConfigurationNotFoundError":
            raise
        is_locked = False
    if not is_locked:
        found.append(Finding(BUCKET, "Object Lock is off", settings.S3_CONTRACTS_BUCKET))
    return found, []


def _lifecycle(bucket: str) -> list[str]:
    """Rules that are not there, and rules that would let what must stay expire."""
    try:
        rules = bootstrap.s3_client().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        rules = []
    standing = {rule.get("ID") for rule in rules if rule["Status"] == "Enabled"}
    faults = [f"lifecycle rule {r['ID']} is missing" for r in bootstrap.LIFECYCLE if r["ID"] not in standing]
    for rule in rules:
        if "NoncurrentVersionExpiration" in rule or {"Days", "Date"} & set(rule.get("Expiration", {})):
            faults.append(f"lifecycle rule {rule.get('ID', '')} lets objects expire")
    return faults

"""What the stores need before the product can use them; every step may run again and changes nothing then."""

from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure

from .documents import COLLECTIONS, AuditLog, validator

COLLECTION_EXISTS, NO_USER, NO_ROLE, ROLE_EXISTS, USER_EXISTS = 48, 11, 31, 51002, 51003  # MongoDB's error codes
READ_WRITE = ["find", "insert", "update", "remove", "listIndexes", "collStats"]


def mongodb() -> list[str]:
    """Collections, validators, indexes, TTLs, and the three users of the product; needs MONGO_ADMIN_URL.

    Roles name collections in any database (`db: ""`), so that test databases obey the same rules.
    """
    done = []
    client: MongoClient[dict[str, Any]] = MongoClient(settings.MONGO_ADMIN_URL, serverSelectionTimeoutMS=5_000)
    with client:
        _roles_and_users(client)
        database = client[urlsplit(settings.MONGO_URL).path.lstrip("/")]
        existing = set(database.list_collection_names())
        for model in COLLECTIONS:
            if model.collection not in existing:
                _create(database, model.collection)
                done.append(model.collection)
            database.command("collMod", model.collection, validator=validator(model))
            database[model.collection].create_indexes(model.all_indexes())
    return done


def _create(database: Database, name: str) -> None:
    try:
        database.create_collection(name)
    except CollectionInvalid:
        return  # another runner made it at this moment
    except OperationFailure as error:
        if error.code != COLLECTION_EXISTS:
            raise


def privileges() -> dict[str, list[dict]]:
    """What each of the product's three users may do, by the URL it signs in with; nothing else."""

    def on(collection: str, actions: list[str]) -> dict:
        return {"resource": {"db": "", "collection": collection}, "actions": actions}

    audit = AuditLog.collection
    return {
        settings.MONGO_URL: [on(m.collection, READ_WRITE) for m in COLLECTIONS if m.collection != audit],
        settings.MONGO_AUDIT_URL: [on(audit, ["insert"])],
        settings.MONGO_AUDIT_READ_URL: [on(audit, ["find"])],
    }


def _roles_and_users(client: MongoClient) -> None:
    admin = client.admin
    for url, rights in privileges().items():
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        role = f"leadmetrics_{user}"
        _put(admin, "Role", role, privileges=rights, roles=[])
        _put(admin, "User", user, pwd=password, roles=[{"role": role, "db": "admin"}])


def _put(admin: Database, kind: str, name: str, **values: Any) -> None:
    """Update the role or user, or create it; whoever loses the race to create it updates it."""
    for verb in ("update", "create", "update"):
        try:
            admin.command(f"{verb}{kind}", name, **values)
            return
        except OperationFailure as error:
            if error.code not in (NO_USER, NO_ROLE, USER_EXISTS, ROLE_EXISTS):
                raise
    raise RuntimeError(f"{kind} {name} can neither be created nor updated.")


def s3_client():
    """A client of the admin identity."""
    return boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ADMIN_ACCESS_KEY,
        aws_secret_access_key=settings.S3_ADMIN_SECRET_KEY,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


# What a broken upload left, and markers over nothing. No rule may let an object or a version expire: rows name versions.
LIFECYCLE: list[Any] = [
    {"ID": "uploads", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    {"ID": "markers", "Expiration": {"ExpiredObjectDeleteMarker": True}},
]


def s3() -> list[str]:
    """Both buckets, versioning, lifecycle, and Object Lock on the contracts; needs the admin identity."""
    client = s3_client()
    made = []
    for bucket, locked in ((settings.S3_BUCKET, False), (settings.S3_CONTRACTS_BUCKET, True)):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            try:
                client.create_bucket(
                    Bucket=bucket, ObjectLockEnabledForBucket=locked
                )  # a lock can only be had at creation
                made.append(bucket)
            except ClientError as other:  # another runner made it at this moment
                if other.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        rules = [{**rule, "Status": "Enabled", "Filter": {"Prefix": ""}} for rule in LIFECYCLE]
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    return made

"""Contract PDFs: a bucket of their own under Object Lock, COMPLIANCE. Object Lock protects versions, not keys, so a
contract is always read by its version and digest."""

from datetime import datetime, timedelta

from django.conf import settings

from apps.shared import scoping

from . import clients, verbs
from .documents import StoredPart
from .errors import translated

KEY = "{tenantId}/contracts/{contractRefId}/{templateVersion}.pdf"


def store(pdf: bytes, *, contract_ref: str, template_version: str, at: datetime) -> StoredPart:
    """Store the PDF of the one tenant in scope, locked for CONTRACT_RETENTION_DAYS from `at`.

    The key follows from the contract's ref_id: trying again makes a new version, not a new object.
    """
    tenant = scoping.only_tenant().ref_id
    key = KEY.format(tenantId=tenant, contractRefId=contract_ref, templateVersion=template_version)
    with translated():
        return verbs._put(
            "contracts",
            key,
            pdf,
            "application/pdf",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=at + timedelta(days=settings.CONTRACT_RETENTION_DAYS),
        )


def read(key: str, *, version_id: str, sha256: str) -> bytes:
    """The PDF as it was stored; raises BodyMissing when version or digest do not match."""
    with translated():
        return verbs._get(clients.s3("contracts"), StoredPart(key=key, version_id=version_id, sha256=sha256, size=0))


def url(key: str, *, version_id: str, file_name: str) -> str:
    """A pre-signed GET of exactly this version, 900 s."""
    return verbs.presigned("contracts", key, version_id, file_name=file_name)


def lock_of(key: str, *, version_id: str) -> tuple[str, datetime]:
    """(mode, retained until) of the stored version, for `verify_integrity`."""
    client, bucket = clients.s3("contracts")
    with translated():
        retention = client.get_object_retention(Bucket=bucket, Key=key, VersionId=version_id)["Retention"]
    return retention["Mode"], retention["RetainUntilDate"]

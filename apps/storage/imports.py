"""Files that people hand over to be read in: one object each, below the client's own prefix, for some days.

`{tenantId}/imports/{uploadRef}`. No row names them before their import begins; the name of the file and its digest
lie beside the bytes.
"""

from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, unquote

from apps.shared import scoping
from apps.shared.ids import is_ref_id

from . import clients, sweeping
from .documents import StoredPart
from .errors import BodyMissing, translated


class Upload(StoredPart):
    """Where a file lies, and what the person's machine called it."""

    ref_id: str
    name: str


def put(content: bytes, *, upload_ref: str, name: str) -> Upload:
    """Store a file of the one tenant in scope. Raises StorageUnavailable."""
    client, bucket = clients.s3("content")
    digest = sha256(content).hexdigest()
    described = {"sha256": digest, "name": quote(name)}  # headers are ASCII
    with translated():
        answer = client.put_object(
            Bucket=bucket,
            Key=_key(upload_ref),
            Body=content,
            ContentType="application/octet-stream",
            Metadata=described,
        )
    return Upload(
        key=_key(upload_ref),
        version_id=answer["VersionId"],
        sha256=digest,
        size=len(content),
        ref_id=upload_ref,
        name=name,
    )


def find(upload_ref: str) -> Upload | None:
    """The file of the client in scope; None for what is not there any more, never was, or is another client's."""
    if not is_ref_id(upload_ref):
        return None
    client, bucket = clients.s3("content")
    try:
        with translated():
            head = client.head_object(Bucket=bucket, Key=_key(upload_ref))
    except BodyMissing:
        return None
    return Upload(
        key=_key(upload_ref),
        version_id=head["VersionId"],
        sha256=head["Metadata"]["sha256"],
        size=head["ContentLength"],
        ref_id=upload_ref,
        name=unquote(head["Metadata"]["name"]),
    )


def read(upload: Upload) -> bytes:
    """Its bytes. Raises BodyMissing when it is not the client's in scope, is gone, or is not what was stored."""
    if upload.key != _key(upload.ref_id):
        raise BodyMissing("The file is not this client's.")
    client, bucket = clients.s3("content")
    with translated():
        content = client.get_object(Bucket=bucket, Key=upload.key, VersionId=upload.version_id)["Body"].read()
    if sha256(content).hexdigest() != upload.sha256:
        raise BodyMissing(f"{upload.key}: the stored bytes are not what was written.")
    return content


def remove_old(*, older_than: datetime) -> int:
    """Files of the client in scope; how many went."""
    with translated():
        stored = sweeping.stored_keys("content", f"{scoping.only_tenant().ref_id}/imports/")
        old = [each for each in stored if each.versions and not each.is_marked and each.touched_on < older_than]
        return sum(sweeping.remove(each) for each in old)


def _key(upload_ref: str) -> str:
    return f"{scoping.only_tenant().ref_id}/imports/{upload_ref}"

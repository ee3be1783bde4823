"""Files made of a client's data: pieces while one is being made, then one archive, each below the client's own prefix.

`{tenantId}/exports/{activityRef}/…`. Nothing in PostgreSQL or MongoDB holds the bytes; the activity keeps where they are.
They are read and written in chunks, so memory does not grow with the client.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

from boto3.s3.transfer import TransferConfig

from apps.shared import scoping

from . import clients, sweeping
from .documents import StoredPart
from .errors import BodyMissing, translated
from .verbs import presigned

CHUNK_BYTES = 1 << 20
# One chunk of the archive in memory at a time; S3 takes at most 10,000 of them, so 80 GB.
TRANSFER = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, use_threads=False)


def put_piece(file: BinaryIO, *, export_ref: str, name: str) -> StoredPart:
    """Store a seekable file, read from its beginning, as a piece of an export that is being made."""
    file.seek(0)
    digest, size = sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    client, bucket = clients.s3("content")
    key = f"{_folder(export_ref)}pieces/{name}"
    with translated():
        answer = client.put_object(Bucket=bucket, Key=key, Body=file, ContentType="application/gzip")
    return StoredPart(key=key, version_id=answer["VersionId"], sha256=digest.hexdigest(), size=size)


def read_piece(piece: StoredPart) -> Iterator[bytes]:
    """Its bytes in chunks. Raises BodyMissing when it is not the client's in scope, or at the end not what was stored."""
    _check_mine(piece.key)
    client, bucket = clients.s3("content")
    digest = sha256()
    with translated():
        body = client.get_object(Bucket=bucket, Key=piece.key, VersionId=piece.version_id)["Body"]
        while chunk := body.read(CHUNK_BYTES):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != piece.sha256:
        raise BodyMissing(f"{piece.key}: the stored bytes are not what was written.")


def put_archive(chunks: Iterator[bytes], *, export_ref: str, name: str) -> StoredPart:
    """Store what the chunks make together, as they come. What the iterator raises passes through, and nothing is left."""
    client, bucket = clients.s3("content")
    key, reading = f"{_folder(export_ref)}{name}", _Chunks(chunks)
    with translated():
        client.upload_fileobj(reading, bucket, key, ExtraArgs={"ContentType": "application/zip"}, Config=TRANSFER)
        version = client.head_object(Bucket=bucket, Key=key)["VersionId"]
    return StoredPart(key=key, version_id=version, sha256=reading.digest.hexdigest(), size=reading.size)


def url(archive: StoredPart, *, file_name: str) -> str:
    """A link to the archive for 900 seconds. Check access before asking; another client's archive is BodyMissing."""
    _check_mine(archive.key)
    return presigned("content", archive.key, archive.version_id, file_name=file_name)


def remove_pieces(export_ref: str) -> int:
    """What an archive was made of; how many went."""
    with translated():
        stored = sweeping.stored_keys("content", f"{_folder(export_ref)}pieces/")
        return sum(sweeping.remove(each) for each in stored if each.versions and not each.is_marked)


def remove_old(*, older_than: datetime) -> int:
    """Archives, and pieces of exports that never became one, of the client in scope; how many went."""
    with translated():
        stored = sweeping.stored_keys("content", f"{scoping.only_tenant().ref_id}/exports/")
        old = [each for each in stored if each.versions and not each.is_marked and each.touched_on < older_than]
        return sum(sweeping.remove(each) for each in old)


class _Chunks:
    """An iterator of chunks as the file that boto reads from, counted and digested on the way."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks, self._rest = chunks, b""
        self.digest, self.size = sha256(), 0

    def read(self, wanted: int = -1) -> bytes:
        taken = [self._rest]
        length = len(self._rest)
        while wanted < 0 or length < wanted:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            taken.append(chunk)
            length += len(chunk)
        whole = b"".join(taken)
        answer, self._rest = (whole, b"") if wanted < 0 else (whole[:wanted], whole[wanted:])
        self.digest.update(answer)
        self.size += len(answer)
        return answer


def _folder(export_ref: str) -> str:
    return f"{scoping.only_tenant().ref_id}/exports/{export_ref}/"


def _check_mine(key: str) -> None:
    if not key.startswith(f"{scoping.only_tenant().ref_id}/exports/"):
        raise BodyMissing("The export is not this client's.")

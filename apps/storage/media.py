"""Pictures, videos and documents: one object per file, its type told from its bytes, and its key written once."""

import re
from hashlib import sha256
from os import SEEK_END
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from apps.shared import scoping
from apps.shared.errors import OperationRefused

from . import clients
from .documents import StoredPart
from .errors import translated

LARGEST_BYTES = 100 * 1024 * 1024
CHUNK_BYTES = 1 << 20
HEAD_BYTES = 16  # as much as the longest signature needs
# How files of each type begin. An mp4 names its brand: pictures and sounds come in the same container, under others.
SIGNATURES = {
    "image/png": ("png", rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": ("jpg", rb"\xff\xd8\xff"),
    "image/gif": ("gif", rb"GIF8[79]a"),
    "image/webp": ("webp", rb"RIFF....WEBP"),
    "video/mp4": ("mp4", rb"....ftyp(?:isom|iso[2-9]|mp4[12]|avc1|M4V |MSNV|dash)"),
    "application/pdf": ("pdf", rb"%PDF-"),
}


class MediaTooLarge(OperationRefused):
    """The file is larger than 100 MB. Make it smaller, then add it again."""

    code = "media_too_large"
    http_status = 413


class UnknownMedia(OperationRefused):
    """The file is none of PNG, JPEG, GIF, WebP, MP4 and PDF, whatever its name says. Save it as one of these."""

    code = "unknown_media"
    http_status = 415


class MediaStored(OperationRefused):
    """There is a file under this reference already, and it is never replaced. Add yours as a new one."""

    code = "media_stored"


class StoredMedia(StoredPart):
    """Where a file lies, and what it is by its bytes."""

    content_type: str


def store(file: BinaryIO, *, asset_ref: str) -> StoredMedia:
    """Store the file of an asset of the one tenant in scope; the file must be seekable and is read from its beginning.

    Raises MediaTooLarge before anything is read, UnknownMedia, MediaStored when the asset has its file already, and
    StorageUnavailable.
    """
    size = file.seek(0, SEEK_END)
    if size > LARGEST_BYTES:
        raise MediaTooLarge
    file.seek(0)
    content_type, extension = sniffed(file.read(HEAD_BYTES))
    file.seek(0)
    digest = sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    file.seek(0)
    key = f"{scoping.only_tenant().ref_id}/media/{asset_ref}.{extension}"
    with translated():
        version = _put_once(key, file, content_type)
    return StoredMedia(key=key, version_id=version, sha256=digest.hexdigest(), size=size, content_type=content_type)


def sniffed(head: bytes) -> tuple[str, str]:
    """(content type, extension) of a file that begins with these bytes. Raises UnknownMedia."""
    for content_type, (extension, signature) in SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return content_type, extension
    raise UnknownMedia


def _put_once(key: str, body: Any, content_type: str) -> str:
    client, bucket = clients.s3("content")
    try:
        answer = client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):  # it is there, or being written
            raise MediaStored from error
        raise
    return answer["VersionId"]

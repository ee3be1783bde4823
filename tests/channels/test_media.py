"""Media: the bytes say what a file is, the key is ours and written once, and the row comes after the body."""

from hashlib import sha256
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.channels import operations
from apps.channels.models import MediaAsset
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput
from apps.shared.ids import new_id, spell
from apps.shared.models import JournalEntry
from apps.storage import clients, media, sweeping

NOW = timezone.now()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FILES = {
    "image/png": (PNG, "image", "png"),
    "image/jpeg": (b"\xff\xd8\xff\xe0" + bytes(100), "image", "jpg"),
    "image/gif": (b"GIF89a" + bytes(100), "image", "gif"),
    "image/webp": (b"RIFF\x0a\x00\x00\x00WEBPVP8 " + bytes(100), "image", "webp"),
    "video/mp4": (b"\x00\x00\x00\x0aftypisom" + bytes(100), "video", "mp4"),
    "application/pdf": (b"%PDF-1.7\n" + bytes(100), "document", "pdf"),
}


def add(body: bytes, file_name: str = "Team photo.png", **said) -> MediaAsset:
    return operations.add_media(BytesIO(body), file_name=file_name, by=Actor.system("tests"), at=NOW, **said)


def stored(tenant) -> dict[str, list[str]]:
    """Key -> versions of all media of the client."""
    return {
        s.key: [version["VersionId"] for version in s.versions]
        for s in sweeping.stored_keys("content", f"{tenant.ref_id}/media/")
    }


def in_s3(key: str, version_id: str) -> tuple[bytes, str]:
    client, bucket = clients.s3("content")
    answer = client.get_object(Bucket=bucket, Key=key, VersionId=version_id)
    return answer["Body"].read(), answer["ContentType"]


def added() -> list[str]:
    return list(JournalEntry.objects.filter(code="media.added").values_list("subject_ref", flat=True))


@pytest.mark.acceptance("media_assets")
@pytest.mark.acceptance("S3-key-media")
@pytest.mark.parametrize("content_type", FILES)
def test_a_file_lies_under_the_assets_own_key_as_what_its_bytes_say(acme, rita, content_type):
    body, kind, extension = FILES[content_type]

    made = operations.add_media(BytesIO(body), file_name="lies.svg", alt_text="Our team", by=rita.actor, at=NOW)

    asset = MediaAsset.objects.get()
    assert asset == made
    assert (asset.tenant_id, asset.created_by, asset.created_on) == (acme.pk, rita.user, NOW)
    assert (asset.kind, asset.content_type, asset.bytes) == (kind, content_type, len(body))
    assert (asset.file_name, asset.alt_text) == ("lies.svg", "Our team")
    assert asset.s3_key == f"{acme.ref_id}/media/{asset.ref_id}.{extension}"
    assert asset.sha256 == sha256(body).hexdigest()
    assert in_s3(asset.s3_key, asset.s3_version_id) == (body, content_type)
    assert added() == [asset.ref_id]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x89PNG",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"PK\x03\x04 a document with macros, or anything else in an archive",
        b" %PDF-1.7",
        b"\x00\x00\x00\x18ftypheic" + bytes(20),
        b"\x00\x00\x00\x18ftypqt  " + bytes(20),
        b"RIFF\x0a\x00\x00\x00WAVEfmt ",
        b"MZ\x90\x00",
    ],
)
def test_whatever_its_name_says_a_file_of_another_type_is_refused_and_nothing_is_kept(acme, body):
    before = stored(acme)

    with pytest.raises(media.UnknownMedia) as refused:
        add(body, "photo.png")

    assert refused.value.http_status == 415
    assert (stored(acme), MediaAsset.objects.count(), added()) == (before, 0, [])


def test_a_file_that_is_too_large_is_refused_before_it_is_read(acme):
    class Unread:
        """Large, and nothing in it can be read."""

        def seek(self, *place) -> int:
            return media.LARGEST_BYTES + 1

    with pytest.raises(media.MediaTooLarge) as refused:
        operations.add_media(Unread(), file_name="film.mp4", by=Actor.system("tests"), at=NOW)

    assert refused.value.http_status == 413
    assert (MediaAsset.objects.count(), added()) == (0, [])


def test_the_largest_file_is_taken_and_one_byte_more_is_not(acme, monkeypatch):
    monkeypatch.setattr(media, "LARGEST_BYTES", len(PNG))

    assert add(PNG).bytes == len(PNG)
    with pytest.raises(media.MediaTooLarge):
        add(PNG + b"\x00")


@pytest.mark.parametrize("upload", [SimpleUploadedFile, TemporaryUploadedFile], ids=lambda u: u.__name__)
def test_an_upload_is_taken_as_django_hands_it_over(acme, upload):
    if upload is SimpleUploadedFile:
        file = SimpleUploadedFile("photo.png", PNG)
    else:
        file = TemporaryUploadedFile("photo.png", "image/png", len(PNG), None)
        file.write(PNG)

    with file:
        made = operations.add_media(file, file_name=file.name, by=Actor.system("tests"), at=NOW)

    assert in_s3(made.s3_key, made.s3_version_id) == (PNG, "image/png")


@pytest.mark.acceptance("S3-key-media")
def test_a_key_is_written_once(acme):
    ref = spell(new_id())
    first = media.store(BytesIO(PNG), asset_ref=ref)

    with pytest.raises(media.MediaStored) as refused:
        media.store(BytesIO(PNG + b"other"), asset_ref=ref)

    assert refused.value.http_status == 409
    assert stored(acme)[first.key] == [first.version_id]
    assert in_s3(first.key, first.version_id)[0] == PNG


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"file_name": " "}, "file_name"),
        ({"file_name": "n" * 256}, "file_name"),
        ({"file_name": "a\r\nb.png"}, "file_name"),
        ({"file_name": "a\x00.png"}, "file_name"),
        ({"file_name": "a\ud800.png"}, "file_name"),
        ({"file_name": "a.png", "alt_text": "a\x00b"}, "alt_text"),
        ({"file_name": "a.png", "alt_text": "a\udfffb"}, "alt_text"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused_before_the_body_is_written(acme, said, field):
    before = stored(acme)

    with pytest.raises(InvalidInput) as refused:
        add(PNG, **said)

    assert list(refused.value.errors) == [field]
    assert (stored(acme), MediaAsset.objects.count(), added()) == (before, 0, [])


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\photos\\a.png", "टीम 👨‍👩‍👧.png", '"quoted".png', "n" * 255])
def test_any_other_name_is_kept_as_it_is_and_never_part_of_the_key(acme, name):
    asset = add(PNG, name)

    asset.refresh_from_db()
    assert asset.file_name == name
    assert asset.s3_key == f"{acme.ref_id}/media/{asset.ref_id}.png"


@pytest.mark.acceptance("media_assets")
@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"bytes": 1}, "guard_immutable"),
        ({"s3_key": "0" * 26 + "/media/" + "0" * 26 + ".png"}, "guard_immutable"),
        ({"s3_version_id": "other"}, "guard_immutable"),
        ({"sha256": "0" * 64}, "guard_immutable"),
        ({"content_type": "image/gif"}, "guard_immutable"),
        ({"width": -1}, "media_assets_measures_not_negative"),
    ],
)
def test_what_a_file_is_never_changes(acme, changes, constraint):
    asset = add(PNG)

    with pytest.raises(IntegrityError) as error, transaction.atomic():
        MediaAsset.objects.filter(pk=asset.pk).update(**changes)

    assert error.value.__cause__.diag.constraint_name == constraint
    MediaAsset.objects.filter(pk=asset.pk).update(width=640, height=480, alt_text="Our team")


@pytest.mark.acceptance("media_assets")
@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({}, "uniq_media_assets_key"),
        ({"bytes": 0, "s3_key": "0" * 26 + "/media/" + "0" * 26 + ".png"}, "media_assets_file_is_not_empty"),
        ({"s3_key": "0" * 26 + "/contracts/" + "0" * 26 + ".pdf"}, "media_assets_key_is_ours"),
        ({"s3_key": "../" + "0" * 26 + "/media/" + "0" * 26 + ".png"}, "media_assets_key_is_ours"),
    ],
)
def test_a_row_that_points_nowhere_of_ours_is_refused(acme, changes, constraint):
    values = MediaAsset.objects.filter(pk=add(PNG).pk).values().get()

    with pytest.raises(IntegrityError) as error, transaction.atomic():
        MediaAsset.objects.create(**{k: v for k, v in values.items() if k not in ("id", "ref_id")} | changes)

    assert error.value.__cause__.diag.constraint_name == constraint
    assert MediaAsset.objects.count() == 1

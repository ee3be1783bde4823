"""Files that lie in S3 for some days only: exports, and files that people hand over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps import storage
from apps.shared.ids import new_id, spell
from apps.storage import sweeping

HOUR = timedelta(hours=1)


def hand_over() -> None:
    storage.imports.put(b"E-mail\na@b.test\n", upload_ref=spell(new_id()), name="a.csv")


def put_export() -> None:
    storage.exports.put_archive(iter([b"PK"]), export_ref=spell(new_id()), name="1.zip")


def keys(client) -> list[str]:
    stored = sweeping.stored_keys("content", f"{client.ref_id}/")
    return [each.key for each in stored if each.versions and not each.is_marked]


@pytest.mark.parametrize(("put", "files"), [(hand_over, storage.imports), (put_export, storage.exports)])
def test_what_is_old_goes_and_nobody_elses(ours, theirs, put, files):
    put()
    with theirs.scope():
        put()
    (kept,) = keys(ours)

    assert files.remove_old(older_than=timezone.now() - HOUR) == 0
    assert keys(ours) == [kept]

    assert files.remove_old(older_than=timezone.now() + HOUR) > 0
    assert (keys(ours), len(keys(theirs))) == ([], 1)

    with theirs.scope():
        files.remove_old(older_than=timezone.now() + HOUR)

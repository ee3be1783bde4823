"""Ids: one ULID in two spellings, in Python and in SQL, whoever makes the row."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from django.db import connection
from ulid import ULID

from apps.shared.guards import records
from apps.shared.ids import block_values, id_block, id_in_block, is_ref_id, new_id, spell

from .ulids import many

PROCESSES, EACH = 8, 12_500


@pytest.mark.acceptance("CONV-ref_id")
def test_a_hundred_thousand_ids_of_eight_processes_are_all_different():
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawned) as pool:
        made = [ref for refs in pool.map(many, [EACH] * PROCESSES) for ref in refs]

    assert len(set(made)) == PROCESSES * EACH
    assert all(is_ref_id(ref) for ref in made)


@pytest.mark.acceptance("CONV-base-id")
def test_postgresql_spells_an_id_as_python_does(db):
    ids = [new_id() for _ in range(2_000)]

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, ulid_text(id) FROM unnest(%s::uuid[]) AS id", [ids])
        assert {row_id: text for row_id, text in cursor.fetchall()} == {row_id: spell(row_id) for row_id in ids}
        cursor.execute(
            "SELECT ulid_text('00000000-0000-0000-0000-000000000000'), ulid_text('ffffffff-ffff-ffff-ffff-ffffffffffff')"
        )
        assert cursor.fetchone() == ("0" * 26, "7" + "Z" * 25)


def test_ids_made_in_sql_are_ulids_of_this_moment(db):
    before = time.time() - 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT ulid_uuid() FROM generate_series(1, 20000)")
        made = [row_id for (row_id,) in cursor.fetchall()]

    assert len(set(made)) == 20_000
    assert all(before <= ULID.from_uuid(row_id).timestamp <= time.time() + 1 for row_id in made)
    assert len({row_id.bytes[6:] for row_id in made}) == 20_000  # 80 random bits, no counter


def test_ids_made_at_once_keep_their_order_and_meet_no_others_of_the_same_moment(db):
    before = time.time() - 1
    made = []
    with connection.cursor() as cursor:
        for _ in range(20):
            first = id_block()
            cursor.execute(f"SELECT {id_in_block('n')} FROM generate_series(0, 499) AS n", block_values(first))
            block = [row_id for (row_id,) in cursor.fetchall()]
            assert [row_id.int for row_id in block] == list(range(first.int, first.int + 500))
            assert sorted(block, key=spell) == block
            made += [*block, new_id(), new_id()]

    assert len(set(made)) == 20 * 502
    assert all(before <= ULID.from_uuid(row_id).timestamp <= time.time() + 1 for row_id in made)


def test_ids_sort_by_time_in_both_spellings(db):
    first = new_id()
    time.sleep(0.002)
    second = new_id()

    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT %s::uuid < %s::uuid, %s COLLATE "C" < %s COLLATE "C"', [first, second, spell(first), spell(second)]
        )
        assert cursor.fetchone() == (True, True)


@pytest.mark.acceptance("IDX-27")
@pytest.mark.parametrize("model", records(), ids=lambda m: m._meta.db_table)
def test_the_rows_of_the_world_have_the_ref_id_of_their_id(model, db):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, ref_id FROM {model._meta.db_table} ORDER BY id LIMIT 5000")
        rows = cursor.fetchall()

    assert [ref for _, ref in rows] == [spell(row_id) for row_id, _ in rows]


def test_rows_made_by_insert_select_have_their_own_ref_ids(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO activity_dependencies (id, tenant_id, created_on, activity_id, depends_on_id) "
            "SELECT ulid_uuid(), a.tenant_id, now(), a.id, b.id FROM activities a JOIN activities b "
            "ON b.tenant_id = a.tenant_id AND b.id <> a.id "
            "WHERE NOT EXISTS (SELECT FROM activity_dependencies d WHERE d.activity_id = a.id AND d.depends_on_id = b.id) "
            "LIMIT 200 RETURNING id, ref_id"
        )
        rows = cursor.fetchall()

    assert len(rows) == 200
    assert [ref for _, ref in rows] == [spell(row_id) for row_id, _ in rows]
    assert len({ref for _, ref in rows}) == 200


def test_a_ref_id_is_known_before_the_row_is_saved():
    model = next(m for m in records() if m._meta.db_table == "blog_posts")
    post = model()

    assert post.ref_id == spell(post.id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8" + "Z" * 25,
        "0" * 25,
        "0" * 27,
        "01arz3ndektsv4rrffq69g5fav",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "I" * 26,
        None,
        7,
    ],
)
def test_what_is_no_ref_id_is_not_taken_for_one(text):
    assert not is_ref_id(text)

"""The specification file is read as it is written, and every way to differ from it is named."""

import dataclasses

import pytest
from django.db import connection

from apps.shared import schema_rules, specification
from apps.shared.specification import Column
from config import schema


@pytest.fixture(scope="module")
def catalog(template_database, django_db_blocker):
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        return schema_rules.read(cursor)


def differing(catalog, table: str, **changes) -> list[tuple[str, str]]:
    """(code, detail) of what is found in `table` when the specification of it is changed."""
    specified = {**schema.TABLES, table: dataclasses.replace(schema.TABLES[table], **changes)}
    found = [f for f in specification.look(specified, catalog) if f.table == table]
    return [(finding.code, finding.detail) for finding in found]


def with_column(table: str, column: Column) -> tuple[Column, ...]:
    return (*(c for c in schema.TABLES[table].columns if c.name != column.name), column)


@pytest.mark.acceptance("CONV-suffix-on")
def test_timestamps_end_in_on_but_for_those_the_specification_names_otherwise():
    otherwise = {
        "token_expires_at", "last_verified_at", "score_calculated_at", "expires_at", "last_login", "held_until", "scheduled_for",
        "snooze_until", "settle_until", "grace_until",
    }  # fmt: skip
    moments = {c.name for t in schema.TABLES.values() for c in t.columns if c.kind == "timestamp with time zone"}

    assert {name for name in moments if not name.endswith("_on")} == otherwise


@pytest.mark.acceptance("CONV-suffix-by")
def test_keys_to_people_end_in_by_but_for_those_the_specification_names_otherwise():
    people = {c.name for t in schema.TABLES.values() for c in t.columns if c.target == "users"}

    assert {name for name in people if not name.endswith("_by")} == {
        "assigned_to", "assignee_user_id", "user_id", "recipient_user_id",
    }  # fmt: skip


def test_the_tables_are_as_specified(catalog):
    assert list(specification.look(schema.TABLES, catalog)) == []


@pytest.mark.parametrize(
    ("column", "detail"),
    [
        (Column("colour", "text"), "the specification asks for column colour"),
        (Column("name", "character varying(300)"), "column name is character varying(255), the specification says"),
        (Column("name", "character varying(255)", nullable=True), "column name is NOT NULL, against"),
        (
            Column("updated_on", "timestamp with time zone", nullable=False),
            "column updated_on is not NOT NULL, against",
        ),
        (Column("strategy_id", "uuid", target="goals"), "column strategy_id has no key to goals"),
        (Column("status", values=("active", "achieved")), "column status does not hold exactly active, achieved"),
        (Column("metric", values=("sessions",)), "column metric does not hold exactly sessions"),
    ],
    ids=lambda value: value.name if isinstance(value, Column) else "",
)
def test_a_column_that_differs_is_named(catalog, column, detail):
    ((_, found),) = differing(catalog, "goals", columns=with_column("goals", column))

    assert found.startswith(detail)


def test_a_column_that_nobody_asked_for_is_named(catalog):
    fewer = tuple(c for c in schema.TABLES["goals"].columns if c.name != "metric")

    assert differing(catalog, "goals", columns=fewer) == [
        ("column_unlisted", "the specification does not have column metric")
    ]


def test_a_table_too_many_and_one_too_few_are_named(catalog):
    without = {name: table for name, table in schema.TABLES.items() if name != "goals"}
    more = {**schema.TABLES, "wishes": dataclasses.replace(schema.TABLES["goals"], name="wishes")}

    assert [(f.code, f.table) for f in specification.look(without, catalog)] == [("table_unlisted", "goals")]
    assert [(f.code, f.table) for f in specification.look(more, catalog)] == [("table_missing", "wishes")]


def test_a_table_that_must_be_append_only_is_named(catalog):
    assert differing(catalog, "goals", fields="BI") == [("table_drift", "the table must be append-only")]
    assert differing(catalog, "llm_calls", fields="B") == [("table_drift", "the table must not be append-only")]


@pytest.mark.parametrize("said", ["", "key", "enum", "varchar(20) maybe", "user null null"])
def test_a_column_that_cannot_be_read_is_refused(tmp_path, said):
    file = tmp_path / "specification.toml"
    file.write_text(f'[things]\nfields = ""\n[things.columns]\nname = "{said}"\n')

    with pytest.raises(ValueError, match="name"):
        specification.load(file)

"""What app_user is refused: append-only tables, columns that never change, values outside their lists and ranges."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, models, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from apps.shared.guards import records
from apps.shared.schema_rules import months

from .rows import insert_copy, need_row

RECORDS = records()
APPEND_ONLY = [m for m in RECORDS if m.append_only]
CHANGING = [m for m in RECORDS if not m.append_only]
PARTITIONS = [f"llm_calls_{month:%Y_%m}" for month in months(timezone.now())] + ["llm_calls_default"]
PROTECTED = [m._meta.db_table for m in APPEND_ONLY] + PARTITIONS

STATEMENTS = {
    "update": "UPDATE {table} SET created_on = created_on",
    "update of nothing": "UPDATE {table} SET created_on = created_on WHERE false",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table}",
    "lock for update": "SELECT FROM {table} FOR UPDATE",
    "upsert": "INSERT INTO {table} (id, created_on) VALUES (ulid_uuid(), now()) ON CONFLICT (id{more}) DO UPDATE SET created_on = now()",
    "merge": "MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "drop": "DROP TABLE {table}",
    "disable triggers": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "index": "CREATE INDEX ON {table} (created_on)",
    "rule": "CREATE RULE none AS ON INSERT TO {table} DO INSTEAD NOTHING",
}


def refused(statement: str) -> str | None:
    """The SQLSTATE with which PostgreSQL refuses it, None if it does not."""
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(statement)
                transaction.set_rollback(True)
        except DatabaseError as error:
            return error.__cause__.sqlstate
    return None


@pytest.mark.acceptance("SEC-append-only")
@pytest.mark.parametrize("table", PROTECTED)
@pytest.mark.parametrize("name", STATEMENTS)
def test_an_append_only_table_refuses_every_way_to_change_it(table, name, db):
    more = ", created_on" if table.startswith("llm_calls") else ""

    assert refused(STATEMENTS[name].format(table=table, more=more)) == "42501", name  # insufficient privilege


@pytest.mark.filterwarnings("ignore:no privileges")
def test_the_product_cannot_grant_itself_more(db):
    with connection.cursor() as cursor:
        cursor.execute("GRANT UPDATE, DELETE, TRUNCATE ON journal_entries TO app_user")  # PostgreSQL only warns
        cursor.execute("SELECT has_table_privilege('journal_entries', 'UPDATE, DELETE, TRUNCATE')")

        assert cursor.fetchone() == (False,)


@pytest.mark.acceptance("SEC-immutable-llm")
@pytest.mark.acceptance("SEC-immutable-runs")
def test_the_lists_above_hold_model_calls_runs_and_the_journal():
    assert {"llm_calls", "activity_runs", "journal_entries", *PARTITIONS} <= set(PROTECTED)


@pytest.mark.acceptance("SEC-app_user")
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
        "SET ROLE migrator_user",
        "SET SESSION AUTHORIZATION migrator_user",
        "ALTER ROLE app_user SUPERUSER",
        "INSERT INTO allowed_moves VALUES ('activities', 'status', 'completed', 'created', '9')",
        "DELETE FROM allowed_moves",
        "COPY users TO PROGRAM 'cat'",
        "COPY users TO '/tmp/users'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT guard_append_only()",
        "DELETE FROM tenants",
        "DELETE FROM activities",
        "TRUNCATE activities",
    ],
)
def test_the_product_owns_nothing_and_has_no_way_around(statement, db):
    assert refused(statement) == "42501"


def test_the_trigger_refuses_too_if_a_grant_was_widened(own_database):
    with connections["migrator"].cursor() as migrator:
        migrator.execute(
            "GRANT UPDATE, DELETE ON journal_entries, activity_runs, llm_calls, llm_calls_default TO app_user"
        )

    for table in ("journal_entries", "activity_runs", "llm_calls"):
        assert refused(f"UPDATE {table} SET created_on = created_on") == "42501"
        assert refused(f"DELETE FROM {table}") == "42501"


@pytest.mark.acceptance("CONV-created_on")
@pytest.mark.parametrize("model", CHANGING, ids=lambda m: m._meta.db_table)
def test_id_client_creation_and_what_is_written_once_never_change(model, db):
    table = model._meta.db_table
    fixed = {"id": "ulid_uuid()", "created_on": "created_on + interval '1 day'"}
    if "tenant_id" in {f.column for f in model._meta.fields} and model._meta.db_table != "users":
        fixed["tenant_id"] = "ulid_uuid()"
    fixed["created_by"] = "(SELECT id FROM users u WHERE u.id IS DISTINCT FROM t.created_by ORDER BY id LIMIT 1)"
    with connection.cursor() as cursor:
        need_row(cursor, model)

    for column, value in fixed.items():
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} t SET {column} = {value}")
        assert error.value.__cause__.diag.constraint_name == "guard_immutable", column
    assert refused(f"UPDATE {table} SET ref_id = ref_id") == "428C9"  # generated always


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("contracts", "pdf_version_id", "other"),
        ("contracts", "pdf_sha256", "0" * 64),
        ("contracts", "accepted_on", "2001-01-01T00:00:00Z"),
        ("approvals", "decision_note", "other"),
        ("publish_attempts", "marker", "other"),
        ("publish_attempts", "content_sha256", "0" * 64),
    ],
)
def test_what_is_written_once_keeps_its_first_value(table, column, value, db):
    with connection.cursor() as cursor:
        if table == "approvals":
            cursor.execute("UPDATE approvals SET decision_note = 'first' WHERE status = 'approved'")
        with pytest.raises(IntegrityError) as error, transaction.atomic():
            cursor.execute(f"UPDATE {table} SET {column} = %s WHERE coalesce({column}::text, '') <> ''", [value])

    assert error.value.__cause__.diag.constraint_name == "guard_immutable"


ENUMS = [(m, f) for m in RECORDS for f in m._meta.local_fields if getattr(f, "base_field", f).choices]
NUMBERS = [(m, f) for m in RECORDS for f in m._meta.local_fields if isinstance(f, models.DecimalField)]


def named(pair) -> str:
    return f"{pair[0]._meta.db_table}.{pair[1].column}"


@pytest.mark.parametrize("pair", ENUMS, ids=named)
def test_a_value_outside_the_list_is_refused(pair, db):
    model, field = pair
    bad = ["nonsense"] if hasattr(field, "base_field") else "nonsense"

    assert _insert_refused(model, **{field.column: bad}) == "23514"


@pytest.mark.parametrize("pair", NUMBERS, ids=named)
def test_a_number_that_is_none_is_refused(pair, db):
    model, field = pair

    assert _insert_refused(model, **{field.column: "NaN"}) == "23514"


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("Tenant", {"monthly_spend_cap_usd": -1}),
        ("Tenant", {"slug": "Not A Slug"}),
        ("User", {"email": "UPPER@EXAMPLE.TEST"}),
        ("User", {"role": "reviewer", "tenant_id": "any"}),
        ("Strategy", {"start_date": "2026-02-01", "end_date": "2026-01-01"}),
        ("Strategy", {"period_months": 0}),
        ("Goal", {"priority": -1}),
        ("Deliverable", {"quantity_per_period": -1}),
        ("DeliverablePeriod", {"period_end": "1999-01-01"}),
        ("DeliverablePeriod", {"target_count": -1}),
        ("DeliverablePeriod", {"completed_count": -1}),
        ("Channel", {"score": 101}),
        ("Channel", {"score": -1}),
        ("AgentConfig", {"max_concurrent": -1}),
        ("AgentConfig", {"timeout_ms": 0}),
        ("ActivityRun", {"input_tokens": -1}),
        ("LlmCall", {"output_tokens": -1}),
        ("LlmCall", {"cost_usd": -1}),
        ("SpendCounter", {"settled_usd": -1}),
        ("SpendReservation", {"reserved_usd": -1}),
        ("BlogRequest", {"target_word_count": 0}),
        ("BlogPost", {"word_count": -1}),
        ("Approval", {"review_seconds": -1}),
        ("RecurringTaskTemplate", {"trigger": "manual", "cron_expression": "0 9 * * *"}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_what_cannot_be_is_refused(model, changes, db):
    (found,) = [m for m in RECORDS if m.__name__ == model]
    if changes.get("tenant_id") == "any":
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants LIMIT 1")
            changes = {**changes, "tenant_id": cursor.fetchone()[0]}

    assert _insert_refused(found, **changes) == "23514"


def _insert_refused(model, **changes) -> str | None:
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                insert_copy(cursor, model, **changes)
        except (IntegrityError, ProgrammingError) as error:
            return error.__cause__.sqlstate
    return None

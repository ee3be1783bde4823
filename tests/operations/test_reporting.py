"""What Grafana may read: as readonly_user, over a connection of its own."""

import os

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from apps.activities.models import AgentConfig, LlmProvider
from apps.channels.models import Channel
from apps.shared import reporting
from apps.shared.guards import records
from apps.shared.management.commands.migrate import Command as Migrate
from apps.shared.scoping import every_tenant
from apps.tenants.models import Invitation, User

TABLES = [model._meta.db_table for model in records()]
THIRD_PARTY = ("django_session", "mfa_authenticator", "account_emailaddress", "django_admin_log", "allowed_moves")


@pytest.fixture
def grafana(db):
    """A connection of readonly_user to this worker's database; what a test writes and does not commit it cannot see."""
    url = os.environ["DATABASE_READONLY_URL"]
    with psycopg.connect(url, dbname=connections["default"].settings_dict["NAME"], autocommit=True) as connection:
        yield connection


def refusal(connection, statement: str) -> str | None:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.acceptance("SEC-readonly_user")
@pytest.mark.parametrize("table", TABLES)
def test_grafana_reads_the_view_of_every_table_with_all_its_rows(grafana, table):
    with connections["default"].cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        rows = cursor.fetchone()

    assert grafana.execute(f'SELECT count(*) FROM reporting."{table}"').fetchone() == rows


@pytest.mark.acceptance("SEC-readonly_user")
@pytest.mark.parametrize("table", [*TABLES, *THIRD_PARTY])
def test_grafana_reads_no_table_and_writes_to_none(grafana, table):
    statements = (
        f"SELECT FROM {table}",
        f"SELECT count(*) FROM {table}",
        f"INSERT INTO {table} DEFAULT VALUES",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
    )

    assert {refusal(grafana, statement) for statement in statements} == {"42501"}  # insufficient privilege


@pytest.mark.acceptance("SEC-readonly_user")
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO reporting.tenants (id) VALUES (gen_random_uuid())",
        "UPDATE reporting.tenants SET name = 'mine'",
        "DELETE FROM reporting.goals",
        "SELECT FROM reporting.goals FOR UPDATE",
        "CREATE VIEW reporting.mine AS SELECT 1 AS one",
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "DROP VIEW reporting.goals",
        "COMMENT ON VIEW reporting.goals IS 'mine'",
        "SELECT ulid_uuid()",
        "SELECT ensure_llm_calls_partition(current_date)",
        "SET ROLE app_user",
        "SET ROLE migrator_user",
        "COPY reporting.goals TO '/dev/null'",
    ],
)
def test_grafana_changes_nothing_and_becomes_nobody(grafana, statement):
    assert refusal(grafana, statement) == "42501"


@pytest.mark.acceptance("SEC-readonly_user")
def test_grafana_may_call_none_of_the_products_functions_but_the_one_behind_slow_queries(grafana):
    callable_ones = grafana.execute(
        "SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname IN ('public', 'reporting') AND has_function_privilege(p.oid, 'EXECUTE') "
        "AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')"
    ).fetchall()

    assert callable_ones == [("reporting.slow_statements",)]


@pytest.mark.acceptance("SEC-readonly_user")
@pytest.mark.acceptance("SEC-enc-list")
def test_no_view_shows_a_secret_a_password_a_session_or_a_digest(grafana):
    columns = grafana.execute(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'reporting'"
    ).fetchall()
    shown = {column for (column,) in columns}

    for secret in (
        "users.password",
        "channels.access_token",
        "channels.refresh_token",
        "llm_providers.api_key",
        "agent_configs.env_secrets",
        "invitations.token_digest",
        "contracts.accepted_ip",
        "contracts.accepted_user_agent",
        "contracts.pdf_sha256",
        "approvals.content_sha256",
        "approvals.decision_ip",
        "journal_entries.ip",
        "llm_calls.prompt_hash",
        "llm_calls.response_hash",
    ):
        assert secret not in shown
    assert {"users.email", "channels.token_expires_at", "llm_calls.input_tokens", "tenants.name"} <= shown
    assert [column for column in shown if reporting.is_withheld(column.partition(".")[2])] == []


@pytest.mark.acceptance("SEC-readonly_user")
def test_no_sealed_value_and_no_digest_of_the_world_can_be_read_anywhere(grafana):
    with every_tenant(reason="the secrets of all clients are looked for"):
        secrets = [token for pair in Channel.objects.values_list("access_token", "refresh_token") for token in pair]
        secrets += [v for c in AgentConfig.objects.all() for v in (c.env_secrets or {}).values()]
        secrets += LlmProvider.objects.values_list("api_key", flat=True)
        texts = [secret.token for secret in secrets if secret is not None]
        texts += [*User.objects.values_list("password", flat=True)]
        texts += [*Invitation.objects.values_list("token_digest", flat=True)]
    everything = "".join(
        row
        for table in TABLES
        for (row,) in grafana.execute(f'SELECT v::text FROM reporting."{table}" AS v').fetchall()
    )

    assert len(texts) > 10 and len(everything) > 10_000
    assert [text for text in texts if text and text in everything] == []


@pytest.mark.parametrize(
    ("column", "withheld"),
    [
        ("password", True), ("access_token", True), ("token_prefix", True), ("token_digest", True), ("secret", True),
        ("previous_secret", True), ("digest", True), ("last_used_ip", True), ("ip", True), ("session_id", True),
        ("external_session_id", True), ("request_sha256", True), ("user_agent", True), ("env_secrets", True),
        ("input_tokens", False), ("token_count", False), ("token_expires_at", False), ("assignee_agent_role", False),
        ("zip", False), ("description", False), ("pipeline_step", False), ("secondary_keywords", False),
    ],
)  # fmt: skip
def test_a_column_is_withheld_by_what_its_name_says(column, withheld):
    assert reporting.is_withheld(column) is withheld


def test_a_second_migrate_makes_no_view_again(own_database, capsys):
    call_command("migrate", verbosity=1)

    assert "Reporting: 0 views made." in capsys.readouterr().out


def test_migrate_restores_what_was_replaced_and_removes_what_no_model_has(own_database, capsys):
    with connections["migrator"].cursor() as cursor:
        cursor.execute("DROP VIEW reporting.goals; CREATE VIEW reporting.mine AS SELECT password FROM users")
        cursor.execute("CREATE OR REPLACE VIEW reporting.llm_providers AS SELECT * FROM ("
                       f"SELECT {', '.join(reporting.shown(LlmProvider))} FROM llm_providers) AS p WHERE false")  # fmt: skip
        cursor.execute("GRANT INSERT ON reporting.tenants TO readonly_user")

        call_command("migrate", verbosity=1)

        assert reporting.changed(cursor) == ([], [])
        cursor.execute("SELECT has_table_privilege('readonly_user', 'reporting.tenants', 'INSERT')")
        assert cursor.fetchone() == (False,)
    assert "Reporting: 2 views made." in capsys.readouterr().out


def test_the_views_are_out_of_the_way_of_a_migration_and_there_again_after_it(own_database):
    with connections["migrator"].cursor() as cursor:
        call_command("migrate", verbosity=0)
        assert number_of_views(cursor) > 70  # nothing to do: they stay

        cursor.execute("DELETE FROM django_migrations WHERE app = 'crm'")
        Migrate._clear_the_way(connections["migrator"], {"app_label": None})
        assert number_of_views(cursor) == 0
        cursor.execute(
            "ALTER TABLE channels ALTER name TYPE varchar(256)"
        )  # PostgreSQL refuses it while a view shows it
        cursor.execute("ALTER TABLE channels ALTER name TYPE varchar(255)")

        call_command("migrate", "crm", fake=True, verbosity=0)
        assert reporting.changed(cursor) == ([], [])


def number_of_views(cursor) -> int:
    cursor.execute("SELECT count(*) FROM pg_views WHERE schemaname = 'reporting'")
    return cursor.fetchone()[0]


@pytest.mark.acceptance("PERF-pg_stat")
def test_the_slowest_statements_are_a_view_that_is_empty_without_the_extension(grafana):
    rows = grafana.execute("SELECT query, calls, mean_exec_time, total_exec_time FROM reporting.slow_queries")

    assert rows.fetchall() == []


STATEMENTS = """
CREATE VIEW pg_stat_statements AS
SELECT 'SELECT ' || n AS query, n AS calls, n * 2.0::float8 AS mean_exec_time, n * n * 2.0::float8 AS total_exec_time,
       (SELECT oid FROM pg_roles WHERE rolname = CASE WHEN n = 30 THEN 'migrator_user' ELSE 'app_user' END) AS userid,
       (SELECT oid FROM pg_database WHERE datname = CASE WHEN n = 29 THEN 'postgres' ELSE current_database() END) AS dbid
  FROM generate_series(1::bigint, 30) AS n
"""


@pytest.mark.acceptance("PERF-pg_stat")
@pytest.mark.acceptance("SEC-readonly_user")
def test_where_the_extension_is_there_the_view_tells_of_the_products_own_statements(own_database):
    url = os.environ["DATABASE_READONLY_URL"]
    with connections["migrator"].cursor() as cursor:
        cursor.execute(STATEMENTS)  # a stand-in of the same columns: the wheel's PostgreSQL lacks the extension
        cursor.execute("REVOKE ALL ON pg_stat_statements FROM PUBLIC")
    with psycopg.connect(url, dbname=own_database, autocommit=True) as grafana:
        rows = grafana.execute("SELECT query, calls, mean_exec_time, total_exec_time FROM reporting.slow_queries")

        assert rows.fetchall() == [(f"SELECT {n}", n, n * 2.0, n * n * 2.0) for n in range(28, 18, -1)]
        assert refusal(grafana, "SELECT FROM pg_stat_statements") == "42501"


@pytest.mark.acceptance("INT-ops")
def test_grafana_has_an_address_of_its_own_and_the_product_has_not(settings):
    assert settings.DATABASES.keys() == {"default", "migrator"}
    assert "readonly_user" in os.environ["DATABASE_READONLY_URL"]

"""check_schema: clean on the database as migrate and bootstrap leave it, and every weakening is named."""

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone
from pymongo import MongoClient

from apps.activities.management.commands.bootstrap import DAY, TICKS
from apps.channels.models import Channel
from apps.shared import grant_rules, reporting, schema_rules
from apps.storage import StorageUnavailable, bootstrap, clients, structure

PLANTED = [
    # what is planted, and what the finding must say: code, table, a word of the detail
    ("DROP INDEX idx_activities_claim", "index_missing", "activities", "idx_activities_claim"),
    ("DROP INDEX idx_activities_tenant_status", "index_missing", "activities", "IDX-01"),
    (
        "DROP INDEX idx_goals_active; CREATE INDEX idx_goals_active ON goals (tenant_id, status)",
        "index_missing",
        "goals",
        "idx_goals_active",
    ),
    (
        "DROP INDEX idx_approvals_pending; CREATE INDEX idx_approvals_pending ON approvals (tenant_id, expires_at)",
        "index_missing",
        "approvals",
        "idx_approvals_pending",
    ),
    ("DROP INDEX uniq_strategies_active", "index_missing", "strategies", "IDX-31"),
    ("DROP INDEX uniq_goals_tenant_id CASCADE", "index_missing", "goals", "uniq_goals_tenant_id"),
    (
        "ALTER TABLE blog_posts DROP CONSTRAINT blog_posts_ref_id_key",
        "index_missing",
        "blog_posts",
        "ref_id is not unique",
    ),
    ("ALTER TABLE activities DROP CONSTRAINT uniq_activities_origin", "index_missing", "activities", "IDX-35"),
    (
        "ALTER TABLE activities DROP CONSTRAINT activities_goal_id_same_tenant",
        "constraint_missing",
        "activities",
        "activities_goal_id_same_tenant",
    ),
    ("ALTER TABLE goals DROP CONSTRAINT goals_status_listed", "constraint_missing", "goals", "goals_status_listed"),
    (
        "ALTER TABLE goals DROP CONSTRAINT goals_status_listed; ALTER TABLE goals ADD CONSTRAINT goals_status_listed CHECK (true)",
        "constraint_missing",
        "goals",
        "goals_status_listed",
    ),
    (
        "ALTER TABLE channels DROP CONSTRAINT channels_score_in_range",
        "constraint_missing",
        "channels",
        "channels_score_in_range",
    ),
    (
        "ALTER TABLE channels DROP CONSTRAINT channels_score_in_range; "
        "ALTER TABLE channels ADD CONSTRAINT channels_score_in_range CHECK (score >= 0 AND score <= 1000)",
        "constraint_missing",
        "channels",
        "channels_score_in_range",
    ),
    ("DROP TRIGGER guard_moves_status ON blog_posts", "constraint_missing", "blog_posts", "guard_moves_status"),
    (
        "ALTER TABLE blog_posts DISABLE TRIGGER guard_moves_status",
        "constraint_missing",
        "blog_posts",
        "guard_moves_status",
    ),
    ("DROP TRIGGER guard_append_only ON journal_entries", "constraint_missing", "journal_entries", "guard_append_only"),
    (
        "ALTER TABLE llm_calls_default DISABLE TRIGGER guard_append_only",
        "constraint_missing",
        "llm_calls_default",
        "guard_append_only",
    ),
    ("ALTER TABLE goals ALTER tenant_id DROP NOT NULL", "tenant_key_missing", "goals", "may be NULL"),
    ("CREATE TABLE extra (id uuid)", "tenant_key_missing", "extra", "no tenant_id"),
    ("CREATE TABLE extra (id uuid)", "table_unlisted", "extra", "no model"),
    ("ALTER TABLE goals ADD COLUMN colour text", "column_unlisted", "goals", "colour"),
    (
        "DROP VIEW reporting.goals; ALTER TABLE goals ALTER name TYPE varchar(300)",
        "column_drift",
        "goals",
        "character varying(300)",
    ),
    ("ALTER TABLE goals ALTER name DROP NOT NULL", "column_drift", "goals", "name"),
    ("ALTER TABLE goals ALTER ref_id DROP EXPRESSION", "constraint_missing", "goals", "not generated"),
    (
        "INSERT INTO allowed_moves VALUES ('activities', 'status', 'completed', 'failed', '{release}')",
        "moves_drift",
        "activities",
        "no listed move",
    ),
    ("DELETE FROM allowed_moves WHERE table_name = 'contracts'", "moves_drift", "contracts", "does not allow"),
    ("GRANT UPDATE ON llm_calls TO app_user", "grant_drift", "llm_calls", "may UPDATE"),
    ("GRANT UPDATE ON llm_calls_default TO app_user", "grant_drift", "llm_calls_default", "may UPDATE"),
    ("GRANT TRUNCATE ON activities TO app_user", "grant_drift", "activities", "may TRUNCATE"),
    ("GRANT DELETE ON activities TO PUBLIC", "grant_drift", "activities", "PUBLIC may DELETE"),
    ("GRANT SELECT ON users TO readonly_user", "grant_drift", "users", "readonly_user may SELECT"),
    ("GRANT UPDATE (error) ON activity_runs TO app_user", "grant_drift", "activity_runs", "column error"),
    ("REVOKE INSERT ON channels FROM app_user", "grant_drift", "channels", "may not INSERT"),
    ("GRANT INSERT ON allowed_moves TO app_user", "grant_drift", "allowed_moves", "may INSERT"),
    ("GRANT SELECT ON channels TO app_user WITH GRANT OPTION", "grant_drift", "channels", "may pass on"),
    ("GRANT CREATE ON SCHEMA public TO app_user", "grant_drift", None, "may create in schema public"),
    (
        "ALTER DEFAULT PRIVILEGES GRANT UPDATE ON TABLES TO app_user",
        "grant_drift",
        None,
        "by default app_user gets UPDATE",
    ),
    ("ALTER DEFAULT PRIVILEGES REVOKE INSERT ON TABLES FROM app_user", "grant_drift", None, "does not get INSERT"),
    ("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC", "grant_drift", None, "PUBLIC"),
    ("GRANT EXECUTE ON FUNCTION guard_moves() TO app_user", "grant_drift", None, "may call guard_moves"),
    (
        "GRANT EXECUTE ON FUNCTION erase_rows(text, uuid, integer) TO app_user",
        "grant_drift",
        None,
        "may call erase_rows",
    ),
    ("DROP FUNCTION erase_rows(text, uuid, integer)", "grant_drift", None, "erase_rows does not exist"),
    (
        "ALTER FUNCTION erase_rows(text, uuid, integer) SECURITY INVOKER",
        "grant_drift",
        None,
        "erase_rows does not exist, or does not run as its owner",
    ),
    ("REVOKE EXECUTE ON FUNCTION ulid_uuid() FROM app_user", "grant_drift", None, "may not call ulid_uuid"),
    (
        "ALTER FUNCTION ensure_llm_calls_partition(date) RESET search_path",
        "grant_drift",
        None,
        "does not fix its search_path",
    ),
    ("ALTER TABLE llm_calls DETACH PARTITION {next_month}", "partition_missing", "llm_calls", "no partition"),
    ("ALTER TABLE llm_calls DETACH PARTITION llm_calls_default", "partition_missing", "llm_calls", "no DEFAULT"),
    ("DROP VIEW reporting.goals", "view_drift", "reporting.goals", "missing"),
    (
        "CREATE OR REPLACE VIEW reporting.channels AS SELECT * FROM (SELECT {channels}, access_token AS note FROM channels) AS c",
        "view_drift",
        "reporting.channels",
        "not the one that migrate makes",
    ),
    (
        "CREATE OR REPLACE VIEW reporting.channels AS SELECT {channels}, access_token AS note FROM channels",
        "secret_shown",
        "reporting.channels",
        "shows channels.access_token",
    ),
    (
        "CREATE VIEW reporting.people AS SELECT password AS word FROM users",
        "view_drift",
        "reporting.people",
        "no model",
    ),
    (
        "CREATE VIEW reporting.people AS SELECT password AS word FROM users",
        "secret_shown",
        "reporting.people",
        "users.password",
    ),
    (
        "CREATE VIEW reporting.doors AS SELECT session_key FROM django_session",
        "view_drift",
        "reporting.doors",
        "no model",
    ),
    ("GRANT SELECT ON tenants TO readonly_user", "grant_drift", "tenants", "readonly_user may SELECT"),
    ("GRANT SELECT (name) ON tenants TO readonly_user", "grant_drift", "tenants", "column name"),
    ("GRANT INSERT ON reporting.goals TO readonly_user", "grant_drift", "reporting.goals", "readonly_user may INSERT"),
    ("GRANT UPDATE (name) ON reporting.goals TO PUBLIC", "grant_drift", "reporting.goals", "PUBLIC may UPDATE (name)"),
    ("GRANT SELECT ON reporting.goals TO app_user", "grant_drift", "reporting.goals", "app_user may SELECT"),
    ("GRANT SELECT ON reporting.goals TO readonly_user WITH GRANT OPTION", "grant_drift", "reporting.goals", "pass on"),
    ("REVOKE SELECT ON reporting.goals FROM readonly_user", "grant_drift", "reporting.goals", "may not SELECT"),
    ("REVOKE USAGE ON SCHEMA reporting FROM readonly_user", "grant_drift", "reporting", "may not USAGE"),
    ("GRANT CREATE ON SCHEMA reporting TO readonly_user", "grant_drift", "reporting", "may CREATE"),
    ("GRANT EXECUTE ON FUNCTION ulid_uuid() TO readonly_user", "grant_drift", None, "readonly_user may call ulid_uuid"),
    ("DROP FUNCTION reporting.slow_statements() CASCADE", "view_drift", None, "slow_statements is missing"),
    ("ALTER FUNCTION reporting.slow_statements() SECURITY INVOKER", "view_drift", None, "slow_statements"),
    ("DROP SCHEMA reporting CASCADE", "view_drift", "reporting.tenants", "missing"),
    ("DROP TABLE spend_reservations CASCADE", "table_missing", "spend_reservations", "does not exist"),
]


@pytest.mark.acceptance("TEST-index-ci")
def test_the_database_as_migrate_and_bootstrap_leave_it_is_clean(run, db):
    ran = run("check_schema", "--json")

    assert ran.report["findings"] == []
    assert (ran.code, ran.report["ok"]) == (0, True)


@pytest.mark.acceptance("TEST-index-ci", "TEST-schema-ci", "SEC-tenant-fk")
@pytest.mark.parametrize(("planted", "code", "table", "words"), PLANTED, ids=[p[0][:70] for p in PLANTED])
def test_every_weakening_is_named(planted, code, table, words, migrator):
    migrator.execute("SELECT to_char(now() + interval '1 month', '\"llm_calls_\"YYYY_MM')")
    (next_month,) = migrator.fetchone()

    with transaction.atomic(using="migrator"):
        channels = ", ".join(reporting.shown(Channel))
        migrator.execute(planted.format(next_month=next_month, release=settings.RELEASE, channels=channels))
        found = [*schema_rules.look(migrator, at=timezone.now()), *grant_rules.look(migrator)]
        transaction.set_rollback(True, using="migrator")

    assert [f for f in found if (f.code, f.table) == (code, table) and words in f.detail], [str(f) for f in found]


def test_the_command_ends_with_1_and_a_line_for_each(own_database, run):
    with connections["migrator"].cursor() as cursor:
        cursor.execute("DROP INDEX idx_activities_claim; GRANT DELETE ON activities TO app_user")

    ran = run("check_schema")

    assert ran.code == 1
    assert ran.text.splitlines() == [
        "index_missing: activities: idx_activities_claim does not exist or is not valid",
        "index_missing: activities: IDX-34: idx_activities_claim does not exist as (assignee_agent_role, ready_on, ref_id) "
        "WHERE assignee_type = 'agent' AND deleted_on IS NULL AND status = 'assigned'",
        "grant_drift: activities: app_user may DELETE",
    ]


def test_a_cascade_inside_the_database_is_named(own_database, run):
    with connections["migrator"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE tenant_assignments ADD CONSTRAINT gone FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE"
        )

    assert ("tenant_assignments", None) in run("check_schema", "--json").about("constraint_missing")


@pytest.mark.acceptance("CRON-partitions")
def test_rows_in_default_are_an_alarm_until_ensure_partitions_moved_them(own_database, run):
    migrator = connections["migrator"].cursor()
    migrator.execute(
        "INSERT INTO llm_calls (id, tenant_id, created_on, activity_run_id, adapter_type, model_id, prompt_hash, response_hash, "
        "input_tokens, output_tokens, cost_usd, duration_ms, cached_input_tokens, input_usd_per_million, output_usd_per_million, "
        "agent_role) SELECT ulid_uuid(), tenant_id, created_on - interval '14 months', activity_run_id, adapter_type, model_id, "
        "prompt_hash, response_hash, input_tokens, output_tokens, cost_usd, duration_ms, cached_input_tokens, "
        "input_usd_per_million, output_usd_per_million, agent_role FROM llm_calls LIMIT 3"
    )

    assert run("check_schema", "--json").about("default_partition_used") == [("llm_calls", None)]
    assert run("ensure_partitions").text.startswith("1 partition made")
    assert run("check_schema", "--json").report["findings"] == []
    migrator.execute("SELECT count(*) FROM llm_calls WHERE created_on < now() - interval '13 months'")
    assert migrator.fetchone() == (3,)
    migrator.execute(
        "SELECT to_char(date_trunc('month', now()) + make_interval(months => n), '\"llm_calls_\"YYYY\"_\"MM') "
        "FROM generate_series(0, 3) AS n EXCEPT SELECT inhrelid::regclass::text FROM pg_inherits "
        "WHERE inhparent = 'llm_calls'::regclass"
    )
    assert migrator.fetchall() == []  # this month and three ahead
    assert TICKS["activities.ensure_partitions"] == DAY


@pytest.mark.acceptance("MON-tenant")
def test_collections_that_drifted_are_named(own_mongo, run):
    admin = own_mongo
    admin.command("collMod", "activity_outputs", validator={})
    admin.command("collMod", "skills", validationAction="warn")
    admin.command("collMod", "tool_call_logs", validationLevel="moderate")
    admin["activity_streams"].drop_index("ttl")
    admin["activity_outputs"].create_index("createdOn", expireAfterSeconds=60, name="gone_in_a_minute")
    admin.drop_collection("event_logs")
    admin.create_collection("contract_pdfs")

    found, notes = structure.look()

    assert notes == []
    assert sorted((f.code, f.table, f.detail) for f in found) == [
        ("collection_drift", "activity_outputs", "index gone_in_a_minute lets documents expire"),
        ("collection_drift", "activity_outputs", "the validator is not the one of the model"),
        ("collection_drift", "contract_pdfs", "no model has this collection"),
        ("collection_drift", "skills", "the validator only warns"),
        ("collection_drift", "tool_call_logs", "the validator lets some documents pass"),
        ("collection_missing", "event_logs", "the collection does not exist"),
        ("index_missing", "activity_streams", "index ttl does not exist"),
    ]


@pytest.mark.acceptance("SEC-audit-insert")
def test_the_users_of_mongodb_may_what_they_should_and_nothing_else(db):
    held = {}
    for url in bootstrap.privileges():
        answer = clients.database(url).command("connectionStatus", showPrivileges=True)["authInfo"]
        (user,) = (u["user"] for u in answer["authenticatedUsers"])
        held[user] = {
            (right["resource"]["collection"], action)
            for right in answer["authenticatedUserPrivileges"]
            for action in right["actions"]
        }

    assert held["audit_writer"] == {("audit_logs", "insert")}
    assert held["audit_reader"] == {("audit_logs", "find")}
    assert not any(collection in ("audit_logs", "") for collection, _ in held["app_user"])


def test_what_needs_an_operators_credentials_is_said_and_not_guessed(db, settings):
    settings.MONGO_ADMIN_URL = settings.S3_ADMIN_ACCESS_KEY = ""

    found, notes = structure.look()

    assert (found, len(notes)) == ([], 2)


def test_a_store_that_is_away_is_no_finding(run, db, settings, documents_away):
    documents_away()
    settings.MONGO_ADMIN_URL = ""

    with pytest.raises(StorageUnavailable):
        structure.look()
    assert run("check_schema").code == 2


@pytest.fixture
def own_mongo(settings, db):
    """A MongoDB database of its own, bootstrapped; dropped afterwards."""
    former = settings.MONGO_URL
    name = f"{former.rpartition('/')[2].partition('?')[0]}_structure"
    for variable in ("MONGO_URL", "MONGO_AUDIT_URL", "MONGO_AUDIT_READ_URL"):
        head, _, tail = getattr(settings, variable).rpartition("/")
        setattr(settings, variable, f"{head}/{name}?{tail.partition('?')[2]}")
    with MongoClient(settings.MONGO_ADMIN_URL) as client:
        client.drop_database(name)
        bootstrap.mongodb()
        yield client[name]
        client.drop_database(name)
    clients.close()

"""Which stores there are, where their addresses come from, and who may do what in PostgreSQL."""

import os
import subprocess
import sys

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from apps.activities.models import ToolCall
from apps.content.models import SocialPost
from apps.shared.guards import records
from apps.shared.scoping import TenantModel
from apps.storage.documents import ToolCallLog
from config.integrity import POINTERS

ELSEWHERE = {
    "DATABASE_URL": "postgres://app_user:x@db.managed.example:6432/leadmetrics",
    "DATABASE_MIGRATOR_URL": "postgres://migrator_user:x@db.managed.example:5432/leadmetrics",
    "MONGO_URL": "mongodb://product:x@docs.managed.example:27017/leadmetrics?authSource=admin",
    "MONGO_AUDIT_URL": "mongodb://writer:x@docs.managed.example:27017/leadmetrics?authSource=admin",
    "MONGO_AUDIT_READ_URL": "mongodb://reader:x@docs.managed.example:27017/leadmetrics?authSource=admin",
    "S3_ENDPOINT": "https://nyc3.digitaloceanspaces.example",
    "S3_ACCESS_KEY": "a-key",
    "S3_SECRET_KEY": "a-secret",
    "S3_BUCKET": "content-of-ours",
    "S3_CONTRACTS_BUCKET": "contracts-of-ours",
    "REDIS_URL": "redis://cache.managed.example:6379/0",
    "SECRET_KEY": "p" * 60,
    "ALLOWED_HOSTS": "app.agency.example",
    "PUBLIC_BASE_URL": "https://app.agency.example",
}
TELL = """
import django
django.setup()
from django.conf import settings as s
d = s.DATABASES["default"]
print(d["HOST"], d["PORT"], s.MONGO_URL.split("@")[1].split(":")[0], s.S3_ENDPOINT, s.S3_BUCKET, s.S3_CONTRACTS_BUCKET,
      s.STORAGES["content"]["OPTIONS"]["access_key"], s.REDIS_URL)
"""


@pytest.mark.acceptance("ENV-prod")
@pytest.mark.acceptance("ENV-onprem")
@pytest.mark.acceptance("ENV-MONGO_URL")
@pytest.mark.acceptance("ENV-S3_ENDPOINT")
@pytest.mark.acceptance("S3-config")
def test_other_servers_are_a_matter_of_the_environment_alone():
    ran = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=settings.BASE_DIR,
        env={**os.environ, **ELSEWHERE, "DJANGO_SETTINGS_MODULE": "config.settings.production", "DEBUG": "0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [
        "db.managed.example", "6432", "docs.managed.example", "https://nyc3.digitaloceanspaces.example", "content-of-ours",
        "contracts-of-ours", "a-key", "redis://cache.managed.example:6379/0",
    ]  # fmt: skip


@pytest.mark.acceptance("TEST-real-pg")
@pytest.mark.acceptance("TEST-migrate-first")
def test_the_suite_works_as_the_products_user_on_a_database_its_owner_migrated(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, version()")
        user, version = cursor.fetchone()
        cursor.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        owners = {owner for (owner,) in cursor.fetchall()}

    assert (user, version.split()[0], owners) == ("app_user", "PostgreSQL", {"migrator_user"})
    assert connection.vendor == "postgresql"


@pytest.mark.acceptance("SEC-migrator_user")
def test_nobody_but_the_owner_defines_or_owns_anything(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, has_schema_privilege(oid, 'public', 'CREATE'), "
            "has_database_privilege(oid, current_database(), 'CREATE') FROM pg_roles "
            "WHERE rolname IN ('app_user', 'readonly_user', 'migrator_user') ORDER BY rolname"
        )
        rights = {name: rest for name, *rest in cursor.fetchall()}
    assert rights["app_user"] == rights["readonly_user"] == [False, False, False]
    assert (settings.DATABASES["migrator"]["USER"], rights["migrator_user"][:2]) == ("migrator_user", [False, True])


@pytest.mark.acceptance("SEC-no-rls")
def test_no_table_has_row_security(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity OR relforcerowsecurity")
        secured = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM pg_policies")
        policies = cursor.fetchone()[0]

    assert (secured, policies) == ([], 0)


@pytest.mark.acceptance("IDX-29")
@pytest.mark.parametrize(
    "model", [m for m in records() if issubclass(m, TenantModel)], ids=lambda model: model._meta.db_table
)
def test_a_clients_rows_are_reached_by_an_index_that_begins_with_the_client(model, db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
            "WHERE i.indrelid = %s::regclass AND i.indisvalid AND a.attname = 'tenant_id' AND i.indpred IS NULL",
            [model._meta.db_table],
        )

        assert cursor.fetchone()[0] > 0


@pytest.mark.acceptance("ENV-migrate-dev")
def test_no_model_has_changed_without_a_migration():
    written = MigrationLoader(None, ignore_no_migrations=True).project_state()

    changes = MigrationAutodetector(written, ProjectState.from_apps(apps)).changes(graph=MigrationLoader(None).graph)

    assert changes == {}


@pytest.mark.acceptance("PLACE-social")
def test_the_words_of_a_social_post_have_no_column():
    columns = {field.name for field in SocialPost._meta.local_fields}

    assert "content_ref" in columns and not columns & {"content", "text", "body", "copy", "hashtags"}
    assert SocialPost in {pointer.rows for pointer in POINTERS}


@pytest.mark.acceptance("PLACE-tool-payload")
def test_a_tool_call_is_a_summary_here_and_its_payload_a_document_that_goes_after_ninety_days():
    columns = {field.name for field in ToolCall._meta.local_fields}
    lives = [
        index.document["expireAfterSeconds"] for index in ToolCallLog.indexes if "expireAfterSeconds" in index.document
    ]

    assert {"tool_name", "method", "status", "duration_ms"} <= columns
    assert {"toolCallId", "request", "response"} <= set(ToolCallLog.model_fields)
    assert lives == [90 * 24 * 3600]

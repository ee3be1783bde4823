"""Migrations on a database with data, under traffic: they go back and forth, lose nothing, and refuse no request."""

import threading
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from apps.shared import reporting
from apps.shared.guards import records
from apps.tenants.models import Tenant

FIRST_RELEASE = [
    ("activities", "0003_turns"),
    ("ads", None),
    ("billing", "0001_initial"),
    ("channels", "0001_initial"),
    ("content", "0001_initial"),
    ("crm", None),
    ("shared", "0002_journal"),
    ("strategy", "0001_initial"),
    ("tenants", "0001_initial"),
]
TRAFFIC = [
    "SELECT count(*) FROM activities a JOIN tenants t ON t.id = a.tenant_id WHERE t.slug = 'acme-live'",
    "SELECT id, email, app_access FROM users ORDER BY ref_id LIMIT 25",
    "SELECT id FROM approvals WHERE status = 'pending' ORDER BY expires_at LIMIT 25",
    "UPDATE tenants SET updated_on = now() WHERE slug = 'acme-live'",
    "UPDATE deliverable_periods SET updated_on = now() WHERE id IN (SELECT id FROM deliverable_periods LIMIT 3)",
    "INSERT INTO journal_entries (id, created_on, code, subject_type, subject_ref, actor_type, actor_ref, before, after, "
    "request_id) VALUES (ulid_uuid(), now(), 'tests.passed', '', '', 'system', 'tests', '{}', '{}', '')",
]


class Traffic(threading.Thread):
    """Statements of ordinary requests, one after the other. How long one waits is the machine's business, not a test's: the
    time-out only tells waiting from hanging."""

    def __init__(self, database: str):
        super().__init__(daemon=True)
        params = settings.DATABASES["default"]
        self._url = f"postgresql://{params['USER']}:{params['PASSWORD']}@{params['HOST']}:{params['PORT']}/{database}"
        self.rounds, self.refused, self._enough = 0, [], threading.Event()

    def run(self):
        # As the product connects: a statement prepared before a table changed is refused afterwards.
        asked = {"autocommit": True, "prepare_threshold": None, "options": "-c lock_timeout=60s"}
        with psycopg.connect(self._url, **asked) as connection:
            while not self._enough.is_set():
                for statement in TRAFFIC:
                    try:
                        connection.execute(statement)
                    except psycopg.Error as error:
                        self.refused.append((statement, str(error)))
                self.rounds += 1

    def end(self):
        self._enough.set()
        self.join()


@pytest.fixture
def traffic(own_database):
    begun: list[Traffic] = []

    def begin() -> Traffic:
        begun.append(Traffic(own_database))
        begun[-1].start()
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def to_first_release() -> None:
    with connections["migrator"].cursor() as cursor:
        reporting.remove(cursor)  # as `migrate` does before it changes a table
    executor = MigrationExecutor(connections["migrator"])
    known = {app for app, _ in executor.loader.disk_migrations}
    executor.migrate([target for target in FIRST_RELEASE if target[0] in known])


def rows_of_first_release() -> dict[str, int]:
    with connections["migrator"].cursor() as cursor:
        tables = set(connections["migrator"].introspection.table_names(cursor))
        counts = {}
        for model in records():
            table = model._meta.db_table
            if table in tables and not table.startswith("journal"):
                cursor.execute(f"SELECT count(*), md5(string_agg(id::text, '' ORDER BY id)) FROM \"{table}\"")
                counts[table] = cursor.fetchone()
    return counts


def spent_this_month() -> dict[str, Decimal]:
    return dict(Tenant.objects.values_list("slug", "current_month_spend_usd"))


@pytest.mark.acceptance("ENV-migrations")
@pytest.mark.acceptance("ENV-migrate-startup")
def test_the_first_release_with_data_becomes_this_one_under_traffic(own_database, traffic, run):
    spent = spent_this_month()
    to_first_release()
    before = rows_of_first_release()
    requests = traffic()

    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)  # again: nothing to do

    requests.end()
    after = rows_of_first_release()
    assert requests.refused == []
    assert requests.rounds > 3
    assert {table: after[table] for table in before} == before
    assert len(before) > 20
    assert spent_this_month() == spent
    assert any(amount != round(amount, 4) for amount in spent.values())  # the first release had four places
    assert run("check_schema", "--json").report["findings"] == []


def test_two_who_migrate_at_once_take_turns(own_database):
    to_first_release()
    failed = []

    def migrate():
        try:
            call_command("migrate", verbosity=0)
        except Exception as error:  # told by the assertion below
            failed.append(error)
        finally:
            connections.close_all()

    both = [threading.Thread(target=migrate) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert failed == []
    with connections["migrator"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT app, name FROM django_migrations GROUP BY 1, 2 HAVING count(*) > 1) t"
        )
        assert cursor.fetchone() == (0,)

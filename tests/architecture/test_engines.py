"""The engines the product runs on, how it speaks to them, and what the suite itself promises."""

import ast
import os
import re
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pydantic import BaseModel

from apps.channels.models import Integration
from apps.shared.actors import Actor
from apps.shared.guards import APP_USER, records
from apps.shared.scoping import every_tenant
from apps.storage import clients
from apps.storage.documents import COLLECTIONS
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant
from tests import databases

from .test_source import TREES

# Statements that cannot be constants: names of tables stand in them, which PostgreSQL takes as no parameter. The names
# come from the models or from PostgreSQL's own catalog, never from outside.
BUILT_FROM_NAMES = {
    "apps/shared/guards.py",  # walls and grants, at the end of migrate
    "apps/shared/schema_rules.py",  # check_schema looks into the default partitions
    "apps/shared/reporting.py",  # the views of the reporting schema, at the end of migrate
    "apps/shared/erasing.py",  # what a definer function of ours says is to be counted
    "apps/shared/timings.py",  # the plan of a statement that the product itself sent
}


def ask(statement: str):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


@pytest.mark.acceptance("TEST-real-pg")
def test_tests_run_on_postgresql_a_mongodb_and_an_s3_store_that_answer(db):
    assert int(ask("SHOW server_version_num")) // 10_000 == 16
    assert clients.database().client.server_info()["version"].split(".")[0] in ("6", "7")  # the wheel's, compose's
    client, bucket = clients.s3("content")
    key = "tests/engine.txt"
    client.put_object(Bucket=bucket, Key=key, Body=b"kept")
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"kept"
    client.delete_object(Bucket=bucket, Key=key)


@pytest.mark.acceptance("TEST-migrate-first")
def test_tests_run_as_the_products_own_user_in_a_database_that_migrator_user_made(db):
    assert ask("SELECT current_user") == APP_USER == "app_user"
    assert ask(
        "SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = current_database()"
    ) == ("migrator_user")
    assert MigrationRecorder(connection).migration_qs.count() > 20
    with every_tenant(reason="a test looks for what bootstrap makes"):
        assert apps.get_model("activities", "ActivityTemplate").objects.filter(tenant=None).exists()


@pytest.mark.acceptance("ENV-client")
def test_a_process_has_one_client_for_each_store():
    assert clients.database().client is clients.database().client
    assert clients.audit_writer().client is clients.audit_writer().client
    assert clients.s3("content")[0] is clients.s3("content")[0]
    made = [
        (file, node.lineno)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("MongoClient", "Session")
    ]
    assert {file for file, _ in made} == {
        "apps/storage/clients.py",
        "apps/storage/bootstrap.py",  # these two as the owner, for an operator's command
        "apps/storage/structure.py",
    }


@pytest.mark.acceptance("ENV-client")
def test_a_client_made_before_a_fork_is_not_used_after_it(monkeypatch):
    before = clients.database().client
    forked = os.getpid() + 1
    monkeypatch.setattr(clients, "os", SimpleNamespace(getpid=lambda: forked))

    after = clients.database().client
    try:
        assert after is not before
    finally:
        after.close()
        clients._clients.pop((settings.MONGO_URL, forked))


@pytest.mark.acceptance("ENV-orm")
@pytest.mark.django_db(databases=["default", "migrator"])
def test_rows_are_django_models_documents_are_pydantic_models_and_migrations_are_djangos():
    assert all(issubclass(model, models.Model) for model in records())
    assert all(issubclass(model, BaseModel) for model in COLLECTIONS)
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)  # exits when a model has no migration


def is_constant(node: ast.expr) -> bool:
    """A text as it stands, or something named in capitals."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    name = getattr(node, "id", getattr(node, "attr", ""))
    return bool(re.fullmatch(r"[A-Z][A-Z0-9_]*", name))


def is_a_list_of_constants(node: ast.expr) -> bool:
    parts = list(ast.walk(node))
    return not any(isinstance(p, (ast.JoinedStr, ast.BinOp, ast.Call)) for p in parts) and any(
        is_constant(p) for p in parts if isinstance(p, ast.expr)
    )


def built(tree: ast.Module) -> list[int]:
    """Lines that send PostgreSQL something else than a constant, or than one of a list of constants."""
    lines = []
    looped = {
        target.id: node.iter
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.comprehension))
        for target in ast.walk(node.target)
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        statement, called, owner = node.args[0], node.func.attr, getattr(node.func.value, "id", "")
        if called in ("extra", "RawSQL") or (called == "raw" and owner != "self"):
            lines.append(node.lineno)
        if called in ("execute", "executemany", "callproc", "copy") and owner in ("cursor", "connection", "db"):
            in_loop = looped.get(getattr(statement, "id", ""))
            if not (is_constant(statement) or (in_loop is not None and is_a_list_of_constants(in_loop))):
                lines.append(node.lineno)
    return lines


@pytest.mark.acceptance("PERF-no-raw-sql")
def test_statements_are_constants_with_parameters():
    found = {file: built(tree) for file, tree in TREES.items() if file not in BUILT_FROM_NAMES}

    # The walk of the rehearsal reads the bytes of an answer by a method that is called raw, too.
    assert {file for file, lines in found.items() if lines} == {"apps/portals/rehearsal.py"}


@pytest.mark.parametrize(
    ("source", "is_refused"),
    [
        ('cursor.execute("SELECT %s", [x])', False),
        ("cursor.execute(CLAIM, {})", False),
        ("cursor.execute(queries.CLAIM, {})", False),
        ('for code, sql in [("a", ONE), *RULES]: cursor.execute(sql)', False),
        ('cursor.execute(f"SELECT {x}")', True),
        ('cursor.execute("SELECT " + x)', True),
        ('cursor.execute("SELECT %s" % x)', True),
        ('cursor.execute("SELECT {}".format(x))', True),
        ("cursor.execute(statement)", True),
        ('for sql in [f"SELECT {x}"]: cursor.execute(sql)', True),
        ('Goal.objects.raw(f"SELECT {x}")', True),
        ('Goal.objects.extra(where=["x"], tables=x) or rows.extra(x)', True),
    ],
)
def test_the_rule_knows_a_statement_that_is_built(source, is_refused):
    assert bool(built(ast.parse(source))) is is_refused


@pytest.mark.acceptance("PERF-no-raw-sql")
def test_no_named_statement_is_put_together_from_variables():
    """`NAMED = f"…{x}…"` may hold other constants of the module, and nothing else."""
    foreign = []
    for file, tree in TREES.items():
        if file in BUILT_FROM_NAMES:
            continue
        for node in tree.body:
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr)):
                continue
            if not re.search(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b", ast.unparse(node.value)):
                continue
            foreign += [
                f"{file}:{node.lineno}"
                for part in ast.walk(node.value)
                if isinstance(part, ast.FormattedValue) and not is_constant(part.value)
            ]

    assert foreign == []


@pytest.mark.acceptance("SEC-no-rls")
def test_no_table_has_row_level_security(db):
    assert ask("SELECT count(*) FROM pg_class WHERE relrowsecurity OR relforcerowsecurity") == 0
    assert ask("SELECT count(*) FROM pg_policies") == 0


@pytest.mark.acceptance("TEST-clean")
@pytest.mark.parametrize("run", ["first", "second"])
def test_what_a_test_writes_is_gone_in_the_next(world, run):
    with world.at("drafts"):
        assert not Integration.objects.filter(name="left behind").exists()
        Integration.objects.create(provider="custom", name="left behind", auth_type="none", created_on=timezone.now())


@pytest.mark.acceptance("TEST-clean")
@pytest.mark.acceptance("TEST-tenant")
@pytest.mark.parametrize("run", ["first", "second"])
def test_what_is_committed_in_a_database_of_its_own_reaches_no_other_run(own_database, run):
    wanted = tenants.NewClient(name="Nova", slug="nova", admin_name="Nina", admin_email="nina@nova.test")
    with every_tenant(reason="a test makes a client that another run makes too"):
        tenants.create_tenant(wanted, by=Actor.system("tests"), at=timezone.now())
    with databases.owner() as server:
        names = {name for (name,) in server.execute("SELECT datname FROM pg_database").fetchall()}

    assert Tenant.objects.filter(slug="nova").count() == 1
    assert own_database in names and own_database.endswith(f"_{os.getpid()}")

"""How the product reaches PostgreSQL in production, and that nothing relies on a connection staying its own."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from django.conf import settings
from django.db import connection

from config.settings import base

from .test_source import TREES, ast, calls

ROOT = settings.BASE_DIR
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PRODUCT = ("migrate", "web", "worker", "ticks", "beat")
MIGRATE = "apps/shared/management/commands/migrate.py"
SESSION_STATE = {
    "a setting of the session": r"(?<!DEFINER )\bSET\s+(SESSION\s+)?(ROLE|TIME ZONE|timezone|role|search_path|\w+_timeout|work_mem|plan_cache_mode|"
    r"application_name|jit|enable_\w+|session_\w+|default_\w+)\b(?!\s*,)",
    "a setting that outlives its transaction": r"\bset_config\([^)]*,\s*false\s*\)",
    "a lock of the session": r"\bpg_(try_)?advisory_(un)?lock(_shared|_all)?\(",
    "a listener": r"\b(UN)?LISTEN\s+[\"\w]",
    "a prepared statement": r"\b(PREPARE\s+\w+\s*(\(|AS\b)|DEALLOCATE\b)",
    "a cursor of the session": r"\bDECLARE\s+\w+[\w\s]*CURSOR\b",
    "a table of the session": r"\bCREATE\s+(GLOBAL\s+|LOCAL\s+)?TEMP(ORARY)?\s+TABLE\b(?!.*ON COMMIT DROP)",
    "the end of a session": r"\bDISCARD\s+(ALL|PLANS|TEMP|SEQUENCES)\b",
}


def production(**environment: str) -> subprocess.CompletedProcess:
    """What the production settings say of the databases, in a process of its own."""
    said = "import json; from config.settings import production as p; print(json.dumps(p.DATABASES))"
    return subprocess.run(
        [sys.executable, "-c", said],
        cwd=ROOT,
        env={
            **os.environ,
            "PUBLIC_BASE_URL": "https://leadmetrics.example",
            "ALLOWED_HOSTS": "leadmetrics.example",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.acceptance("ENV-pool")
@pytest.mark.parametrize(
    ("environment", "sizes"),
    [({}, (2, 20)), ({"DATABASE_POOL_MIN": "1", "DATABASE_POOL_MAX": "5"}, (1, 5))],
)
def test_production_keeps_a_pool_of_connections_of_the_size_it_is_told(environment, sizes):
    default = json.loads(production(**environment).stdout)["default"]

    pool = default["OPTIONS"]["pool"]
    assert (pool["min_size"], pool["max_size"]) == sizes
    assert (default["CONN_MAX_AGE"], default["CONN_HEALTH_CHECKS"]) == (0, True)


@pytest.mark.acceptance("ENV-pool")
@pytest.mark.parametrize(("least", "most"), [("3", "2"), ("0", "20")])
def test_a_pool_that_cannot_be_is_refused_at_the_start(least, most):
    started = production(DATABASE_POOL_MIN=least, DATABASE_POOL_MAX=most)

    assert started.returncode != 0
    assert "DATABASE_POOL_MIN must be at least 1 and at most DATABASE_POOL_MAX" in started.stderr


@pytest.mark.acceptance("ENV-pool")
def test_the_pool_lends_connections_that_work():
    asked = (
        "import django; django.setup(); from django.db import connection as c\n"
        "with c.cursor() as cursor: cursor.execute('SELECT current_user'); print(cursor.fetchone()[0])\n"
        "print(c.connection.prepare_threshold, c.pool.min_size, c.pool.max_size); c.close(); print(c.connection); c.close_pool()"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "PUBLIC_BASE_URL": "https://leadmetrics.example",
        "DATABASE_SSL": "false",
        "STATEMENT_TIMINGS": "false",
    }

    said = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert (said.stdout.splitlines(), said.returncode) == (["app_user", "None 2 20", "None"], 0), said.stderr


@pytest.mark.acceptance("ENV-ssl")
@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({}, "verify-full"),
        ({"DATABASE_SSL": "true", "DATABASE_SSLMODE": "verify-ca"}, "verify-ca"),
        ({"DATABASE_SSL": "false"}, "prefer"),
    ],
)
def test_production_speaks_tls_to_both_users_databases_unless_told_otherwise(environment, mode):
    databases = json.loads(production(**environment).stdout)

    assert {name: database["OPTIONS"]["sslmode"] for name, database in databases.items()} == {
        "default": mode,
        "migrator": mode,
    }


@pytest.mark.acceptance("ENV-ssl")
@pytest.mark.acceptance("PERF-local")
def test_development_connects_directly_and_without_a_pool():
    assert settings.DATABASES["default"]["OPTIONS"]["sslmode"] == "prefer"
    assert "pool" not in base.DATABASES["default"]["OPTIONS"]
    assert settings.DATABASES["default"]["PORT"] == settings.DATABASES["migrator"]["PORT"]


@pytest.mark.acceptance("PERF-pgbouncer")
@pytest.mark.acceptance("ENV-compose")
def test_pgbouncer_stands_before_postgresql_in_transaction_mode():
    said = SERVICES["pgbouncer"]["environment"]

    assert (said["POOL_MODE"], said["LISTEN_PORT"], said["DB_PORT"]) == ("transaction", "5433", "5432")
    assert said["DEFAULT_POOL_SIZE"] == "25"
    assert int(said["DEFAULT_POOL_SIZE"]) <= int(said["MAX_DB_CONNECTIONS"]) < 100
    assert "max_connections=100" in SERVICES["postgres"]["command"]
    assert SERVICES["pgbouncer"]["ports"] == ["127.0.0.1:5433:5433"]


@pytest.mark.acceptance("PERF-pgbouncer")
def test_how_the_pool_grows_is_written_beside_its_size():
    lines = (ROOT / "docker-compose.yml").read_text().splitlines()
    (place,) = (number for number, line in enumerate(lines) if "DEFAULT_POOL_SIZE" in line)

    assert "instances x 10 (three: 30)" in lines[place - 1]


@pytest.mark.acceptance("ENV-DATABASE_URL")
@pytest.mark.acceptance("ENV-migrate-startup")
def test_the_product_goes_through_pgbouncer_and_only_the_migrating_job_knows_the_owner():
    files = {name: [each["path"] for each in SERVICES[name].get("env_file", [])] for name in PRODUCT}
    shared = (ROOT / "docker/production.env.example").read_text()

    assert "@pgbouncer:5433/leadmetrics" in shared and "MIGRATOR" not in shared and "ADMIN" not in shared
    assert "DATABASE_MIGRATOR_URL=" in (ROOT / "docker/migrate.env.example").read_text()
    assert [name for name, paths in files.items() if "docker/migrate.env" in paths] == ["migrate"]
    assert "manage.py migrate" in SERVICES["migrate"]["command"]
    for name in ("web", "worker", "ticks", "beat"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


@pytest.mark.acceptance("ENV-compose")
@pytest.mark.acceptance("ENV-engines")
def test_every_image_is_pinned_and_every_server_says_whether_it_is_well():
    images = {name: service["image"] for name, service in SERVICES.items()}

    assert {images[name] for name in ("postgres", "mongo")} == {"postgres:16", "mongo:7"}
    assert [name for name, image in images.items() if image.partition(":")[2] in ("", "latest")] == []
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"migrate"}
    assert {images[name] for name in PRODUCT} == {f"leadmetrics:{settings.RELEASE}"}


@pytest.mark.acceptance("ENV-compose")
def test_development_starts_nothing_of_production_and_production_no_development_server():
    behind = {name for name, service in SERVICES.items() if service.get("profiles") == ["production"]}

    assert behind == {"pgbouncer", *PRODUCT}
    for name in behind:
        assert set(SERVICES[name].get("depends_on", {})) <= behind


def test_every_port_is_published_on_loopback_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_the_examples_of_the_environment_name_what_the_settings_want():
    source = "".join((ROOT / f"config/settings/{name}.py").read_text() for name in ("base", "production"))
    wanted = set(re.findall(r"\benv(?:\.\w+)?\(\"([A-Z0-9_]+)\"\)", source))  # without a default
    named = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / "docker/production.env.example").read_text(), re.MULTILINE))

    assert wanted - named == {"DATABASE_MIGRATOR_URL"}  # which only the migrating job has


@pytest.mark.acceptance("PERF-pgbouncer")
@pytest.mark.parametrize("what", SESSION_STATE)
def test_no_statement_leaves_anything_on_its_connection(what):
    pattern = re.compile(SESSION_STATE[what], re.DOTALL)
    found = [
        f"{file}:{node.lineno}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and pattern.search(node.value)
        and file != MIGRATE
    ]

    assert found == []


@pytest.mark.acceptance("PERF-pgbouncer")
@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("SET statement_timeout = 0", "a setting of the session"),
        ("SET SESSION lock_timeout TO '3s'", "a setting of the session"),
        ("SET ROLE migrator_user", "a setting of the session"),
        ("SELECT set_config('search_path', 'x', false)", "a setting that outlives its transaction"),
        ("SELECT pg_advisory_lock(1)", "a lock of the session"),
        ("SELECT pg_try_advisory_lock(1)", "a lock of the session"),
        ("LISTEN work", "a listener"),
        ("PREPARE q AS SELECT 1", "a prepared statement"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "a cursor of the session"),
        ("CREATE TEMP TABLE t (id int)", "a table of the session"),
        ("DISCARD ALL", "the end of a session"),
    ],
)
def test_the_search_finds_what_it_is_for(statement, what):
    assert re.search(SESSION_STATE[what], statement, re.DOTALL)


@pytest.mark.parametrize(
    "statement",
    [
        "SET LOCAL statement_timeout = 0",
        "SELECT set_config('lock_timeout', '3s', true)",
        "SELECT pg_advisory_xact_lock(1)",
        "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog",
        "UPDATE activities SET status = 'x', role = 'y'",
        "CREATE TEMP TABLE t (id int) ON COMMIT DROP",
    ],
)
def test_what_ends_with_its_transaction_is_allowed(statement):
    assert [what for what, pattern in SESSION_STATE.items() if re.search(pattern, statement, re.DOTALL)] == []


@pytest.mark.acceptance("PERF-pgbouncer")
def test_the_driver_prepares_nothing_and_opens_no_cursor_on_the_server(db):
    assert connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert connection.connection.prepare_threshold is None
    assert [file for file, call in calls({"cursor"}) if any(k.arg in ("name", "withhold") for k in call.keywords)] == []


@pytest.mark.acceptance("PERF-pgbouncer")
def test_opening_a_connection_sets_nothing_on_it(db):
    """Django sets the time zone of a connection that has another one: the servers run in UTC, so it has no need to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_settings WHERE source = 'session' AND name <> 'client_encoding'")

        assert cursor.fetchone() == (0,)


@pytest.mark.acceptance("PERF-grafana")
@pytest.mark.acceptance("INT-ops")
def test_grafana_is_told_to_alert_above_100_ms_as_readonly_user():
    folder = ROOT / "docker/grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/leadmetrics.yaml").read_text())["datasources"]
    ((rule,),) = [
        group["rules"] for group in yaml.safe_load((folder / "alerting/slow-queries.yaml").read_text())["groups"]
    ]
    asked, threshold = (part["model"] for part in rule["data"])

    assert (source["user"], source["uid"]) == ("readonly_user", rule["data"][0]["datasourceUid"])
    assert asked["rawSql"].endswith("FROM reporting.slow_queries")
    assert threshold["conditions"] == [{"evaluator": {"type": "gt", "params": [100]}}]

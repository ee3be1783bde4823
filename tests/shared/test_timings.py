"""How the product measures its own statements, and which are the slowest. Times are given, never taken."""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections
from django_celery_beat.models import PeriodicTask

from apps.shared import tasks, timings
from apps.shared.timings import Timings, normalised, plan_of, slowest

NOW = datetime(2100 + os.getpid() % 800, 3, 10, 12, tzinfo=UTC)  # a week of this process's own
STATEMENTS = """
CREATE VIEW pg_stat_statements AS
SELECT query, 3::bigint AS calls, mean AS mean_exec_time, mean * 3 AS total_exec_time,
       (SELECT oid FROM pg_roles WHERE rolname = owner) AS userid,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS dbid
  FROM (VALUES ('SELECT slow', 250.5::float8, 'app_user'), ('SELECT quick', 1.5, 'app_user'),
               ('CREATE INDEX', 9000, 'migrator_user')) AS s (query, mean, owner)
"""


@pytest.fixture
def mine(monkeypatch):
    """Fresh timings of this process; what they hand over is removed again."""
    fresh = Timings()
    monkeypatch.setattr(fresh, "_begin", lambda: None)
    monkeypatch.setattr(timings, "timings", fresh)
    with time_machine.travel(NOW, tick=False):
        yield fresh
    for week in (NOW, NOW - timedelta(days=7)):
        timings._valkey().delete(*timings._keys(week))


def ranked() -> list[tuple]:
    return [(q.query, q.calls, q.mean_exec_time, q.total_exec_time) for q in slowest(at=NOW).queries]


@pytest.mark.acceptance("QRY-slow-top10")
@pytest.mark.acceptance("PERF-pg_stat")
def test_the_slowest_are_ranked_by_their_mean_over_all_processes(mine, db):
    mine.add("SELECT 1", 10.0)
    mine.add("SELECT 1", 30.0)
    mine.hand_over()
    another = Timings()
    another._begin = lambda: None
    another.add("SELECT 1", 80.0)
    another.add("SELECT 2", 50.0)
    another.hand_over()

    assert ranked() == [("SELECT 2", 1, 50.0, 50.0), ("SELECT 1", 3, 40.0, 120.0)]
    assert slowest(at=NOW).source == "the product's own timings"


@pytest.mark.acceptance("QRY-slow-top10")
def test_ten_are_shown_unless_another_number_is_asked_for(mine, db):
    for n in range(12):
        mine.add(f"SELECT {n:02}", float(n))

    assert [q.query for q in slowest(at=NOW).queries] == [f"SELECT {n:02}" for n in range(11, 1, -1)]
    assert [q.query for q in slowest(limit=1, at=NOW).queries] == ["SELECT 11"]


def test_this_week_and_last_count_and_older_ones_do_not(mine, db):
    mine.add("SELECT 1", 10.0)
    mine.hand_over()

    weeks = [slowest(at=NOW + timedelta(days=7 * n)).queries for n in (0, 1, 2)]

    assert [len(queries) for queries in weeks] == [1, 1, 0]


def test_what_is_kept_expires_by_itself(mine):
    mine.add("SELECT 1", 10.0)
    mine.hand_over()

    assert {0 < timings._valkey().ttl(key) <= 21 * 86_400 for key in timings._keys(NOW)} == {True}


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT 1\n  FROM t", "SELECT 1 FROM t"),
        ("SELECT 1 WHERE a IN (%s, %s, %s)", "SELECT 1 WHERE a IN (%s, …)"),
        ("INSERT INTO t VALUES (%s, %s), (%s, %s)", "INSERT INTO t VALUES (%s, …), …"),
        ("SELECT 1 WHERE a = %s AND b = %s", "SELECT 1 WHERE a = %s AND b = %s"),
    ],
)
def test_one_question_has_one_text_however_long_its_lists_are(sql, text):
    assert normalised(sql) == text


@pytest.mark.parametrize("sql", ["SAVEPOINT s1_x1", "RELEASE SAVEPOINT s1", "BEGIN", "EXPLAIN SELECT 1", "SET x = 1"])
def test_what_is_no_question_about_data_is_not_measured(mine, db, sql):
    mine.add(sql, 500.0)

    assert ranked() == []


def test_memory_holds_a_limited_number_of_texts(mine, monkeypatch, db):
    monkeypatch.setattr(timings, "MOST_TEXTS", 2)
    for n in range(5):
        mine.add(f"SELECT {n}", 1.0)
    mine.add("SELECT 0", 1.0)

    assert sorted(row[:2] for row in ranked()) == [("SELECT 0", 2), ("SELECT 1", 1)]


def test_every_statement_of_a_connection_is_measured_and_no_parameter_is_kept(mine, db):
    with connection.execute_wrapper(mine.observe), connection.cursor() as cursor:
        cursor.execute("SELECT %s, 'constant'", ["a customer's secret"])
        with pytest.raises(Exception, match="division by zero"):
            cursor.execute("SELECT 1 / %s", [0])

    kept = json.dumps(mine._seen)
    assert list(mine._seen) == ["SELECT %s, 'constant'", "SELECT 1 / %s"]
    assert "secret" not in kept


def test_a_connection_is_measured_once_however_often_it_is_opened(mine):
    ours, owners = (SimpleNamespace(alias=alias, execute_wrappers=[]) for alias in ("default", "migrator"))

    for opened in (ours, ours, owners):
        timings._measure(None, opened)

    assert (len(ours.execute_wrappers), len(owners.execute_wrappers)) == (1, 0)


@pytest.mark.acceptance("PERF-slow-100ms")
def test_a_slow_statement_is_logged_once_with_its_text_and_without_parameters(mine, caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            mine.add("SELECT %s FROM t", 150.0)
        mine.add("SELECT quick", 99.0)

    assert len([r for r in caplog.records if "statement.slow" in str(r.msg)]) == 1


def test_while_valkey_is_away_everything_is_kept_for_the_next_time(mine, settings, db):
    mine.add("SELECT 1", 10.0)
    timings._valkey.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    mine.hand_over()
    mine.add("SELECT 1", 20.0)
    timings._valkey.cache_clear()
    settings.REDIS_URL = os.environ["REDIS_URL"]

    assert ranked() == [("SELECT 1", 2, 15.0, 30.0)]


def test_when_nobody_can_say_the_command_ends_with_2(mine, settings, db):
    timings._valkey.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(CommandError) as refused:
        call_command("slow_queries")
    timings._valkey.cache_clear()
    assert refused.value.returncode == 2


@pytest.mark.acceptance("PERF-slow-100ms")
@pytest.mark.parametrize(("milliseconds", "code"), [(100.0, 0), (100.1, 1)])
def test_a_mean_over_100_ms_ends_the_command_with_1(mine, db, capsys, milliseconds, code):
    mine.add("SELECT 1", milliseconds)

    ended = 0
    try:
        call_command("slow_queries", "--json")
    except CommandError as error:
        ended = error.returncode
    report = json.loads(capsys.readouterr().out)

    assert (ended, report["ok"]) == (code, code == 0)
    assert report["queries"] == [
        {"query": "SELECT 1", "calls": 1, "mean_exec_time": milliseconds, "total_exec_time": milliseconds}
    ]
    assert (report["source"], report["limit_ms"]) == ("the product's own timings", 100.0)


@pytest.mark.acceptance("QRY-slow-top10")
@pytest.mark.acceptance("PERF-pg_stat")
def test_where_postgresql_counts_itself_it_is_asked_for_the_products_own_statements(mine, own_database):
    mine.add("SELECT measured", 5_000.0)
    with connections["migrator"].cursor() as cursor:
        cursor.execute(STATEMENTS)  # a stand-in of the same columns: the wheel's PostgreSQL lacks the extension

    found = slowest(at=NOW)

    assert found.source == "pg_stat_statements"
    assert [(q.query, q.calls, q.mean_exec_time, q.total_exec_time) for q in found.queries] == [
        ("SELECT slow", 3, 250.5, 751.5),
        ("SELECT quick", 3, 1.5, 4.5),
    ]


@pytest.mark.acceptance("CRON-slow-queries")
@pytest.mark.acceptance("PERF-slow-100ms")
def test_the_weekly_tick_logs_the_ten_slowest_and_the_plan_of_those_over_the_limit(mine, db, monkeypatch):
    said = []
    log = SimpleNamespace(
        warning=lambda event, **words: said.append((event, words)),
        info=lambda event, **words: said.append((event, words)),
    )
    monkeypatch.setattr(tasks, "log", log)
    mine.add("SELECT name FROM tenants WHERE slug = %s", 300.0)
    for n in range(11):
        mine.add(f"SELECT {n:02}", float(n))

    assert tasks.slow_queries() == 1

    assert [event for event, _ in said] == ["statement.over_limit", *["statement.slowest"] * 9]
    assert said[0][1]["query"] == "SELECT name FROM tenants WHERE slug = %s"
    assert "tenants" in said[0][1]["plan"] and "$1" in said[0][1]["plan"]
    assert "plan" not in said[1][1]


@pytest.mark.acceptance("CRON-slow-queries")
def test_it_is_a_tick_of_every_week_that_no_release_puts_off(db):
    tick = PeriodicTask.objects.get(name="shared.slow_queries")

    assert (tick.interval.every, tick.interval.period) == (7 * 86_400, "seconds")
    assert tick.start_time is not None


@pytest.mark.parametrize(
    ("text", "has_plan"),
    [
        ("SELECT name FROM tenants WHERE slug = %s", True),
        ("SELECT name FROM tenants WHERE slug = $1 LIMIT $2", True),
        ("SELECT name FROM tenants WHERE slug = %(slug)s OR name = %(slug)s", True),
        ("SELECT name FROM tenants WHERE slug IN (%s, …)", True),
        ("UPDATE tenants SET name = %s WHERE slug = %s", True),
        ("SELECT FROM nowhere", False),
        ("TRUNCATE tenants", False),
        ("SELECT 1; DELETE FROM journal_deliveries", False),
    ],
)
def test_a_plan_is_had_without_running_the_statement(db, text, has_plan):
    plan = plan_of(text)

    assert (plan is not None) is has_plan
    with connection.cursor() as cursor:  # the transaction goes on
        cursor.execute("SELECT count(*) FROM tenants WHERE name IS NULL")
        assert cursor.fetchone() == (0,)


def test_the_suite_itself_is_not_measured():
    assert django_settings.STATEMENT_TIMINGS is False
    assert timings.timings.observe not in connection.execute_wrappers

"""How long the product's statements take: measured in every process, added up in Valkey, read by `slow_queries`.

pg_stat_statements knows better and is asked first; not every PostgreSQL has it. Parametrised SQL is normalised as it
stands, so the text is the key and no parameter is ever kept. A process adds up in memory and hands over once a minute,
beside its work: what it had not handed over when it was killed is lost, and while Valkey is away it waits.
"""

import atexit
import os
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.backends.signals import connection_created

log = structlog.get_logger(__name__)

SLOW_MS = 100.0  # a mean above this asks for an index
HAND_OVER_SECONDS = 60
KEPT = timedelta(days=21)  # the week that is read, the one before it, and a few days
MOST_TEXTS = 2_000  # in memory between two hand-overs; further ones are not counted
MEASURED = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\b", re.IGNORECASE
)  # savepoints have names of their own
LISTS = re.compile(r"%s(?:, %s)+")  # IN lists and rows of VALUES differ only in length
ROWS = re.compile(r"\((?:%s|%s, …)\)(?:, \((?:%s|%s, …)\))+")
PLACEHOLDER = re.compile(r"%%|%s|%\((\w+)\)s")

SLOWEST = """
SELECT query, calls, mean_exec_time, total_exec_time
  FROM pg_stat_statements
 WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
   AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY mean_exec_time DESC
 LIMIT %s
"""


@dataclass(frozen=True)
class SlowQuery:
    """Times in milliseconds, as pg_stat_statements names them."""

    query: str
    calls: int
    mean_exec_time: float
    total_exec_time: float

    @property
    def is_over(self) -> bool:
        return self.mean_exec_time > SLOW_MS


@dataclass(frozen=True)
class Slowest:
    source: str  # pg_stat_statements, or the product's own timings
    queries: list[SlowQuery]


class TimingsUnavailable(Exception):
    """Neither PostgreSQL nor Valkey could say how long the statements take."""


class Timings:
    """What this process measured since it last handed over."""

    def __init__(self) -> None:
        self._seen: dict[str, list] = {}  # text -> [calls, milliseconds], or [0, 0] for what is not measured
        self._thread: threading.Thread | None = None

    def observe(self, execute: Callable, sql: Any, params: Any, many: bool, context: dict) -> Any:
        """Django's execute wrapper: two looks at the clock and one at a dictionary."""
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if type(sql) is str:
                self.add(sql, (time.perf_counter() - began) * 1_000, calls=len(params) if many and params else 1)

    def add(self, sql: str, milliseconds: float, *, calls: int = 1) -> None:
        seen = self._seen.get(sql)
        if seen is None:
            if len(self._seen) >= MOST_TEXTS or not MEASURED.match(sql):
                return
            seen = self._seen.setdefault(sql, [0, 0.0, False])
            self._begin()
        seen[0] += calls
        seen[1] += milliseconds
        if milliseconds > SLOW_MS * calls and not seen[2]:
            seen[2] = True  # one line per text and minute
            log.warning("statement.slow", query=normalised(sql), milliseconds=round(milliseconds), calls=calls)

    def hand_over(self) -> None:
        """Add what was measured to the week's sums. Kept for the next time when Valkey does not answer."""
        taken, self._seen = self._seen, {}
        try:
            _add(taken)
        except redis.RedisError as error:
            log.info("timings.kept", cause=type(error).__name__)
            for sql, (calls, milliseconds, _) in taken.items():
                kept = self._seen.setdefault(sql, [0, 0.0, False])
                kept[0] += calls
                kept[1] += milliseconds

    def forget(self) -> None:
        """In a forked child: what was measured is the parent's to tell, and its thread did not come along."""
        self._seen, self._thread = {}, None

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._every_minute, name="timings", daemon=True)
            self._thread.start()

    def _every_minute(self) -> None:
        while True:
            time.sleep(HAND_OVER_SECONDS)
            if self._seen:
                self.hand_over()


timings = Timings()


def install() -> None:
    """Measure every connection this process opens from here on."""
    connection_created.connect(_measure, dispatch_uid="timings")
    os.register_at_fork(after_in_child=timings.forget)
    atexit.register(timings.hand_over)


def _measure(sender, connection, **_) -> None:
    if connection.alias == "default" and timings.observe not in connection.execute_wrappers:  # not the owner's DDL
        connection.execute_wrappers.append(timings.observe)


def normalised(sql: str) -> str:
    """One text for one question: no line breaks, and lists of any length look the same."""
    text = LISTS.sub("%s, …", " ".join(sql.split()))
    return ROWS.sub("(%s, …), …", text)


@lru_cache(maxsize=1)
def _valkey() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, decode_responses=True, socket_connect_timeout=0.5, socket_timeout=1, retry=None
    )


def _keys(week: datetime) -> tuple[str, str]:
    year, number, _ = week.isocalendar()
    return f"statement-timings:{year}-{number:02}:calls", f"statement-timings:{year}-{number:02}:milliseconds"


def _add(taken: dict[str, list]) -> None:
    if not taken:
        return
    calls_key, times_key = _keys(datetime.now(UTC))
    with _valkey().pipeline(transaction=False) as pipe:
        for sql, (calls, milliseconds, _) in taken.items():
            text = normalised(sql)
            pipe.hincrby(calls_key, text, calls)
            pipe.hincrbyfloat(times_key, text, milliseconds)
        for key in (calls_key, times_key):
            pipe.expire(key, KEPT)
        pipe.execute()


def slowest(*, limit: int = 10, at: datetime) -> Slowest:
    """The statements with the highest mean, from PostgreSQL where it counts them, else as the product measured them this
    week and last. Raises TimingsUnavailable."""
    counted = _counted_by_postgresql(limit)
    if counted is not None:
        return Slowest("pg_stat_statements", counted)
    timings.hand_over()
    return Slowest("the product's own timings", _measured(limit, at))


def _counted_by_postgresql(limit: int) -> list[SlowQuery] | None:
    """None where the extension is missing, or was created without being preloaded."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('pg_stat_statements') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return None
            cursor.execute(SLOWEST, [limit])
            return [SlowQuery(*row) for row in cursor.fetchall()]
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") == "55000":  # object not in prerequisite state
            return None
        raise TimingsUnavailable(str(error)) from error


def _measured(limit: int, at: datetime) -> list[SlowQuery]:
    calls: Counter[str] = Counter()
    times: dict[str, float] = defaultdict(float)
    try:
        for week in (at, at - timedelta(days=7)):
            calls_key, times_key = _keys(week)
            for text, number in _valkey().hgetall(calls_key).items():
                calls[str(text)] += int(number)
            for text, milliseconds in _valkey().hgetall(times_key).items():
                times[str(text)] += float(milliseconds)
    except redis.RedisError as error:
        raise TimingsUnavailable(f"Valkey: {type(error).__name__}") from error
    found = [SlowQuery(text, n, times[text] / n, times[text]) for text, n in calls.items()]
    return sorted(found, key=lambda query: (-query.mean_exec_time, query.query))[:limit]


def plan_of(text: str) -> str | None:
    """PostgreSQL's plan for any parameters, without running the statement; None where it cannot be had.

    ANALYZE would run it, with parameters that nobody kept. Shortened lists are planned with a single value.
    """
    if not MEASURED.match(text) or ";" in text:  # a second statement would run
        return None
    numbers: dict[str, int] = {}

    def number(found: re.Match) -> str:
        if found[0] == "%%":
            return "%"
        return f"${numbers.setdefault(found[1] or str(len(numbers)), len(numbers) + 1)}"

    statement = PLACEHOLDER.sub(number, text.replace(", …", ""))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (GENERIC_PLAN) {statement}")
            return "\n".join(line for (line,) in cursor.fetchall())
    except DatabaseError:
        return None

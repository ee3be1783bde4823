"""What Grafana sees: the schema `reporting`, one view per record table, made at the end of every migrate.

The views follow from the models, so none can be forgotten, and a column that could open something is withheld by its
kind or its name. `readonly_user` reads these views and no table behind them. Each view carries two digests as its
comment, of the SQL it was made from and of the view as it stood then: an unchanged one is left alone, and `check_schema`
tells one that somebody replaced.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db import models
from django.db.backends.utils import CursorWrapper

from .constraints import DigestField
from .encryption import SealedFieldMixin
from .guards import APP_USER, records

READER = "readonly_user"
SCHEMA = "reporting"
SLOW_QUERIES = "slow_queries"
# What signs somebody in, opens something, or says from where a person came. Counts and dates of tokens are none of that.
WITHHELD = re.compile(
    r"(^|_)(passwords?|secrets?|session|digest|hash|sha256|ip|user_agent|api_key|token(?!_(count|expires)))(_|$)"
)

# `pg_stat_statements` tells a role only of its own statements, and a view's functions run as whoever reads the view: so
# this one runs as its owner, who needs pg_read_all_stats. Where the extension is missing or was not preloaded there is
# nothing to tell. The text is normalised by the extension: no parameter is in it.
SLOW_STATEMENTS = f"""
BEGIN
  IF to_regclass('public.pg_stat_statements') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE $sql$
    SELECT s.query, s.calls, s.mean_exec_time, s.total_exec_time
      FROM public.pg_stat_statements s
      JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()
      JOIN pg_roles r ON r.oid = s.userid AND r.rolname = '{APP_USER}'
  $sql$;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  RETURN;
END
"""
CREATE_SLOW_STATEMENTS = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.slow_statements()
RETURNS TABLE (query text, calls bigint, mean_exec_time double precision, total_exec_time double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $body${SLOW_STATEMENTS}$body$
"""
FUNCTION = "slow_statements"


@dataclass(frozen=True)
class View:
    """A view of the schema: its name and the SELECT it is made of."""

    name: str
    select: str

    @property
    def digest(self) -> str:
        return sha256(self.select.encode()).hexdigest()[:16]

    @property
    def create(self) -> str:
        return f'CREATE VIEW {SCHEMA}."{self.name}" AS {self.select}'


def is_withheld(column: str, field: models.Field | None = None) -> bool:
    """Whether Grafana must not see the column: by its kind where the field is known, and by its name."""
    return isinstance(field, (SealedFieldMixin, DigestField)) or WITHHELD.search(column) is not None


def shown(model: Any) -> list[str]:
    """The columns of a model's view, in the order of the model."""
    return [field.column for field in model._meta.local_concrete_fields if not is_withheld(field.column, field)]


def views() -> Iterator[View]:
    for model in records():
        table = model._meta.db_table
        columns = ", ".join(f'"{column}"' for column in shown(model))
        yield View(table, f'SELECT {columns} FROM public."{table}"')
    yield View(
        SLOW_QUERIES,
        f"SELECT query, calls, mean_exec_time, total_exec_time FROM {SCHEMA}.{FUNCTION}() "
        "ORDER BY mean_exec_time DESC LIMIT 10",
    )


STANDING = """
SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), left(md5(pg_get_viewdef(c.oid)), 16)
  FROM pg_class c WHERE c.relnamespace = to_regnamespace('reporting') AND c.relkind = 'v'
"""
STANDING_FUNCTION = """
SELECT p.prosrc FROM pg_proc p
 WHERE p.pronamespace = to_regnamespace('reporting') AND p.proname = 'slow_statements' AND p.pronargs = 0
   AND p.prosecdef AND p.proconfig = ARRAY['search_path=pg_catalog']
"""


def changed(cursor: CursorWrapper) -> tuple[list[View], list[str]]:
    """Views that are missing or not as the models make them, and names of views that no model has."""
    cursor.execute(STANDING)
    standing = {name: (comment, is_now) for name, comment, is_now in cursor.fetchall()}
    wanted = list(views())
    other = [v for v in wanted if v.name not in standing or standing[v.name][0] != f"{v.digest} {standing[v.name][1]}"]
    return other, sorted(standing.keys() - {view.name for view in wanted})


def has_function(cursor: CursorWrapper) -> bool:
    """Whether the function behind `slow_queries` stands as it is written here."""
    cursor.execute(STANDING_FUNCTION)
    return cursor.fetchall() == [(SLOW_STATEMENTS,)]


def remove(cursor: CursorWrapper) -> None:
    """Take the views away: PostgreSQL changes no column that a view shows. `install` brings them back."""
    cursor.execute(STANDING)
    for name, _, _ in cursor.fetchall():
        cursor.execute(f'DROP VIEW {SCHEMA}."{name}" CASCADE')


def install(cursor: CursorWrapper) -> int:
    """Make the schema what the models say, as the owner of the tables; returns how many views were made."""
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    if not has_function(cursor):
        cursor.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.{FUNCTION}() CASCADE")
        cursor.execute(CREATE_SLOW_STATEMENTS)
    other, unlisted = changed(cursor)
    for name in [*unlisted, *(view.name for view in other)]:
        cursor.execute(f'DROP VIEW IF EXISTS {SCHEMA}."{name}" CASCADE')
    for view in other:
        cursor.execute(view.create)
        cursor.execute("SELECT left(md5(pg_get_viewdef(%s::regclass)), 16)", [f'{SCHEMA}."{view.name}"'])
        cursor.execute(f"COMMENT ON VIEW {SCHEMA}.\"{view.name}\" IS '{view.digest} {cursor.fetchone()[0]}'")
    # By default app_user gets SELECT and INSERT on whatever the owner makes, views among them; it has no business here.
    cursor.execute(f"REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC, {APP_USER}")
    cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {SCHEMA} FROM PUBLIC, {APP_USER}, {READER}")
    cursor.execute(f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {SCHEMA} FROM PUBLIC, {APP_USER}")
    cursor.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {READER}")
    cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {READER}")
    cursor.execute(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{FUNCTION}() TO {READER}")
    return len(other)

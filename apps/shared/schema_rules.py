"""Whether PostgreSQL stands as the models and the specification say. Reads the catalogs only, as app_user may.

What follows from the models is derived from them: tables, columns, keys, indexes, checks, walls, moves, partitions.
What does not (which tables may lack a tenant, which indexes are mandatory) is a `Demands`, filled in by `config`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models, router
from django.db.backends.utils import CursorWrapper

from . import guards, reporting, specification
from .constraints import TenantForeignKey
from .findings import Finding
from .ids import RefIdField
from .models import BaseRecord
from .scoping import TenantModel

MONTHS_AHEAD = 3  # partitions that exist beyond this month's


@dataclass(frozen=True)
class MandatoryIndex:
    """An index somebody's query depends on. `name` None: any name will do. `columns` and `where` as PostgreSQL prints them."""

    row: str
    name: str | None
    table: str
    columns: str
    where: str = ""
    unique: bool = False
    nulls_distinct: bool = True


@dataclass
class Demands:
    """What the specification asks for beyond the models. Filled once at start-up by `config`."""

    tables: dict[str, specification.Table] = field(default_factory=dict)
    third_party: tuple[str, ...] = ()
    indexes: list[MandatoryIndex] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)  # what app_user may execute
    withheld: set[str] = field(default_factory=set)  # what runs as the owner, and nobody but the owner may execute

    def tenant_of(self, table: str) -> str:
        """required, nullable or none; a table nobody specified needs its tenant."""
        return self.tables[table].tenant if table in self.tables else "required"


demands = Demands()


@dataclass(frozen=True)
class StandingIndex:
    table: str
    name: str
    is_unique: bool
    is_valid: bool
    nulls_distinct: bool
    columns: tuple[str, ...]
    where: str


@dataclass(frozen=True, order=True)
class StandingKey:
    table: str
    columns: tuple[str, ...]
    target: str
    is_valid: bool
    keeps_rows: bool  # neither deletes nor empties them by itself


@dataclass(frozen=True)
class Catalog:
    """What there is, read once."""

    columns: dict[tuple[str, str], tuple]  # (table, column) -> type, not null, generated, collation, expression
    indexes: dict[str, list[StandingIndex]]
    keys: list[StandingKey]  # several may stand on the same columns
    checks: dict[tuple[str, str], tuple]  # (table, name) -> definition, validated
    partitions: dict[str, set[str]]

    @cached_property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}

    @cached_property
    def references(self) -> set[tuple[str, tuple[str, ...], str]]:
        """Of every key its table, columns and target."""
        return {(key.table, key.columns, key.target) for key in self.keys}


COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text, l.collname,
       pg_get_expr(d.adbin, d.adrelid, true)
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
 WHERE a.attnum > 0 AND NOT a.attisdropped
"""
INDEXES = """
SELECT t.relname, x.relname, i.indisunique, i.indisvalid AND i.indisready, NOT i.indnullsnotdistinct,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) || CASE WHEN i.indoption[n - 1] & 1 = 1 THEN ' DESC' ELSE '' END
               FROM generate_series(1, i.indnkeyatts) AS n),
       pg_get_expr(i.indpred, i.indrelid, true)
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
 WHERE x.relnamespace = 'public'::regnamespace
"""
KEYS = """
SELECT t.relname, ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY AS c(n, place)
                          JOIN pg_attribute ON attrelid = k.conrelid AND attnum = c.n ORDER BY place),
       f.relname, k.convalidated, k.confdeltype IN ('a', 'r')
  FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
 WHERE k.contype = 'f' AND k.conparentid = 0 AND t.relnamespace = 'public'::regnamespace
"""
CHECKS = """
SELECT t.relname, k.conname, pg_get_constraintdef(k.oid, true), k.convalidated
  FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
 WHERE k.contype = 'c' AND t.relnamespace = 'public'::regnamespace
"""
PARTITIONS = """
SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
 WHERE p.relkind = 'p' AND p.relnamespace = 'public'::regnamespace
"""
# Clones of a parent's triggers, and the triggers behind foreign keys: `guards.missing` looks at neither.
SWITCHED_OFF = """
SELECT tgrelid::regclass::text, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
 WHERE relnamespace = 'public'::regnamespace AND tgenabled <> 'O' AND (tgisinternal OR tgparentid <> 0)
"""
TRIGGERS_NOT_CLONED = """
SELECT i.inhrelid::regclass::text, t.tgname
  FROM pg_trigger t JOIN pg_inherits i ON i.inhparent = t.tgrelid JOIN pg_class p ON p.oid = t.tgrelid AND p.relkind = 'p'
 WHERE NOT t.tgisinternal AND NOT EXISTS (SELECT FROM pg_trigger c WHERE c.tgrelid = i.inhrelid AND c.tgparentid = t.oid)
"""

# Which columns a view reads, under whatever name it shows them.
SHOWN = """
SELECT DISTINCT v.relname, t.relname, a.attname
  FROM pg_class v
  JOIN pg_rewrite r ON r.ev_class = v.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class t ON t.oid = d.refobjid AND t.oid <> v.oid
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE v.relnamespace = to_regnamespace('reporting') AND d.refobjsubid > 0
"""


def look(cursor: CursorWrapper, *, at: datetime) -> list[Finding]:
    """Everything that is not as it should be."""
    catalog = read(cursor)
    return [
        *tables(catalog),
        *columns(catalog),
        *specification.look(demands.tables, catalog),
        *tenant_keys(catalog),
        *foreign_keys(catalog),
        *declared_indexes(catalog),
        *declared_checks(catalog),
        *mandatory_indexes(catalog),
        *ref_ids(catalog),
        *walls(cursor),
        *moves(cursor, catalog),
        *partitions(cursor, catalog, at=at),
        *views(cursor),
    ]


def read(cursor: CursorWrapper) -> Catalog:
    def rows(sql: str) -> list[tuple]:
        cursor.execute(sql)
        return cursor.fetchall()

    indexes = defaultdict(list)
    for table, name, is_unique, is_valid, nulls_distinct, keys, where in rows(INDEXES):
        names = tuple(key.replace('"', "") for key in keys)
        indexes[table].append(StandingIndex(table, name, is_unique, is_valid, nulls_distinct, names, plain(where)))
    children = defaultdict(set)
    for parent, child in rows(PARTITIONS):
        children[parent].add(child)
    return Catalog(
        columns={(table, column): tuple(rest) for table, column, *rest in rows(COLUMNS)},
        indexes=indexes,
        keys=[StandingKey(table, tuple(names), *rest) for table, names, *rest in rows(KEYS)],
        checks={(table, name): (definition, valid) for table, name, definition, valid in rows(CHECKS)},
        partitions=children,
    )


def plain(sql: str | None) -> str:
    """A condition without what PostgreSQL adds when it prints one: casts, brackets, ANY (ARRAY[…]) for IN (…)."""
    text = re.sub(r"'(-?[0-9.]+)'(?=::(numeric|integer|smallint|bigint))", r"\1", sql or "")
    text = re.sub(r"::[a-z]+( varying| with(out)? time zone)?(\([0-9, ]+\))?(\[\])?", "", text)
    text = re.sub(r"= ANY \(\(?ARRAY\[(.*?)\]\)?\)", r"IN (\1)", text)
    return re.sub(r'[\s()"]', "", text.replace("!=", "<>")).lower()


def stored() -> list[type[models.Model]]:
    """Every model that has a table of its own in this database, those of packages too."""
    found = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy]
    return sorted((m for m in found if router.allow_migrate_model("default", m)), key=lambda m: m._meta.db_table)


def tables(catalog: Catalog) -> Iterator[Finding]:
    wanted = {model._meta.db_table for model in stored()}
    for table in sorted(wanted - catalog.tables):
        yield Finding("table_missing", "the table does not exist", table)
    known = wanted | {"django_migrations"} | {child for children in catalog.partitions.values() for child in children}
    for table in sorted(catalog.tables - known):
        yield Finding("table_unlisted", "no model has this table", table)


def columns(catalog: Catalog) -> Iterator[Finding]:
    connection = connections["default"]
    for model in _present(catalog):
        table = model._meta.db_table
        wanted = {f.column: f for f in model._meta.local_concrete_fields}
        for name, declared in wanted.items():
            if (table, name) not in catalog.columns:
                yield Finding("column_missing", f"column {name} does not exist", table)
                continue
            kind, not_null, generated, collation, _ = catalog.columns[table, name]
            asked = (
                declared.db_parameters(connection)["type"].replace("varchar", "character varying").replace(", ", ",")
            )
            if kind != asked:
                yield Finding("column_drift", f"column {name} is {kind}, not {asked}", table)
            if not generated and not_null == declared.null:
                yield Finding("column_drift", f"column {name} is {'' if not_null else 'not '}NOT NULL", table)
            order = getattr(declared, "db_collation", None)
            if order and collation != order:
                yield Finding("column_drift", f"column {name} has collation {collation}, not {order}", table)
        for held, name in sorted(catalog.columns):
            if held == table and name not in wanted:
                yield Finding("column_unlisted", f"no field has column {name}", table)


def tenant_keys(catalog: Catalog) -> Iterator[Finding]:
    """tenant_id NOT NULL with a key to tenants everywhere, the one list of exceptions apart."""
    for table in sorted(catalog.tables):
        if demands.tenant_of(table) == "none" or table.startswith(demands.third_party):
            continue
        column = catalog.columns.get((table, "tenant_id"))
        if column is None:
            yield Finding(
                "tenant_key_missing", "there is no tenant_id and the table is on no list of exceptions", table
            )
            continue
        if not column[1] and demands.tenant_of(table) != "nullable":
            yield Finding(
                "tenant_key_missing", "tenant_id may be NULL and the table is on no list of exceptions", table
            )
        is_partition = any(table in children for children in catalog.partitions.values())
        if not is_partition and (table, ("tenant_id",), "tenants") not in catalog.references:
            yield Finding("tenant_key_missing", "tenant_id has no foreign key to tenants", table)


def foreign_keys(catalog: Catalog) -> Iterator[Finding]:
    valid = {(key.table, key.columns, key.target) for key in catalog.keys if key.is_valid}
    for model in _present(catalog):
        for relation in model._meta.local_fields:
            if relation.is_relation and not isinstance(relation, TenantForeignKey):
                wanted = relation.related_model._meta.db_table
                if (model._meta.db_table, (relation.column,), wanted) not in valid:
                    yield Finding(
                        "constraint_missing",
                        f"no valid foreign key from {relation.column} to {wanted}",
                        model._meta.db_table,
                    )
    for key in sorted(catalog.keys):
        if not key.keeps_rows:  # a cascade inside PostgreSQL deletes where DELETE was never granted
            detail = f"the key {', '.join(key.columns)} to {key.target} deletes or empties rows by itself"
            yield Finding("constraint_missing", detail, key.table)


def declared_indexes(catalog: Catalog) -> Iterator[Finding]:
    with connections["default"].schema_editor(collect_sql=True) as editor:
        for model in _present(catalog):
            standing = {index.name: index for index in catalog.indexes[model._meta.db_table]}
            uniques = [c for c in model._meta.constraints if isinstance(c, models.UniqueConstraint)]
            for declared in [*model._meta.indexes, *uniques]:
                orders = getattr(declared, "fields_orders", [(name, "") for name in declared.fields])
                names = tuple(f"{model._meta.get_field(f).column}{' DESC' if order else ''}" for f, order in orders)
                where = plain(declared._get_condition_sql(model, editor))
                found = standing.get(declared.name)
                if found is None or not found.is_valid:
                    yield Finding(
                        "index_missing", f"{declared.name} does not exist or is not valid", model._meta.db_table
                    )
                elif (found.columns, found.where, found.is_unique) != (names, where, declared in uniques):
                    yield Finding(
                        "index_missing", f"{declared.name} is another index than declared", model._meta.db_table
                    )


def declared_checks(catalog: Catalog) -> Iterator[Finding]:
    with connections["default"].schema_editor(collect_sql=True) as editor:
        for model in _present(catalog):
            for declared in model._meta.constraints:
                if isinstance(declared, models.CheckConstraint):
                    definition, is_valid = catalog.checks.get((model._meta.db_table, declared.name), ("", False))
                    asked = plain(declared._get_check_sql(model, editor))  # type: ignore[attr-defined]
                    if not is_valid or plain(definition).removeprefix("check") != asked:
                        detail = f"{declared.name} does not exist, is not validated, or says something else"
                        yield Finding("constraint_missing", detail, model._meta.db_table)


def mandatory_indexes(catalog: Catalog) -> Iterator[Finding]:
    for wanted in demands.indexes:
        asked = (tuple(wanted.columns.split(", ")), plain(wanted.where))
        fits = [
            index.name
            for index in catalog.indexes[wanted.table]
            if (index.columns, index.where) == asked
            and index.is_valid
            and index.is_unique >= wanted.unique
            and index.nulls_distinct == wanted.nulls_distinct
        ]
        if not fits or (wanted.name and wanted.name not in fits):
            named = wanted.name or f"{wanted.table}({wanted.columns})"
            detail = f"{wanted.row}: {named} does not exist as ({wanted.columns}){f' WHERE {wanted.where}' * bool(wanted.where)}"
            yield Finding("index_missing", detail, wanted.table)


def ref_ids(catalog: Catalog) -> Iterator[Finding]:
    for model in guards.records():
        table = model._meta.db_table
        spelled = catalog.columns.get((table, "ref_id"))
        if spelled is None or not isinstance(model._meta.get_field("ref_id"), RefIdField):
            continue  # reported as a missing column
        _, _, generated, collation, expression = spelled
        if (generated, collation, expression) != ("s", "C", "ulid_text(id)"):
            yield Finding("constraint_missing", "ref_id is not generated from id by ulid_text", table)
        unique = ("ref_id", "created_on") if getattr(model, "partitioned", False) else ("ref_id",)
        if not any(i.columns == unique and i.is_unique and i.is_valid and not i.where for i in catalog.indexes[table]):
            yield Finding("index_missing", "ref_id is not unique", table)


def walls(cursor: CursorWrapper) -> Iterator[Finding]:
    for wall in guards.missing(cursor):
        code = "index_missing" if wall.kind == "INDEX" else "constraint_missing"
        yield Finding(
            code, f"{wall.kind.lower()} {wall.name} is absent, switched off, not validated or changed", wall.table
        )
    for sql, fault in ((SWITCHED_OFF, "is switched off"), (TRIGGERS_NOT_CLONED, "is missing on this partition")):
        cursor.execute(sql)
        for table, name in cursor.fetchall():
            yield Finding("constraint_missing", f"trigger {name} {fault}", table)


def moves(cursor: CursorWrapper, catalog: Catalog) -> Iterator[Finding]:
    """allowed_moves holds the MOVES tables of this release, and of the one before while it may still be running."""
    if "allowed_moves" not in catalog.tables:
        return
    wanted = {
        (m._meta.db_table, m.moves.field, old, new)
        for m in guards.records()
        if m.moves is not None
        for old, new in m.moves.allowed_pairs()
    }
    cursor.execute("SELECT table_name, column_name, old_value, new_value, release FROM allowed_moves")
    held = {tuple(row[:4]): row[4] for row in cursor.fetchall()}
    for table, column, old, new in sorted(
        wanted - {pair for pair, release in held.items() if release == settings.RELEASE}
    ):
        yield Finding(
            "moves_drift", f"{column}: {old} -> {new} is a listed move and PostgreSQL does not allow it", table
        )
    others = set(held.values()) - {settings.RELEASE}
    for (table, column, old, new), release in sorted(held.items()):
        if (table, column, old, new) not in wanted and (release == settings.RELEASE or len(others) > 1):
            yield Finding("moves_drift", f"{column}: {old} -> {new} is no listed move and PostgreSQL allows it", table)


def partitions(cursor: CursorWrapper, catalog: Catalog, *, at: datetime) -> Iterator[Finding]:
    for model in _present(catalog):
        if not getattr(model, "partitioned", False):
            continue
        table = model._meta.db_table
        for month in months(at):
            if f"{table}_{month:%Y_%m}" not in catalog.partitions[table]:
                yield Finding("partition_missing", f"there is no partition for {month:%B %Y}", table)
        caught = f"{table}_default"
        if caught not in catalog.partitions[table]:
            yield Finding("partition_missing", "there is no DEFAULT partition", table)
            continue
        cursor.execute(f'SELECT EXISTS (SELECT FROM "{caught}")')
        if cursor.fetchone()[0]:
            yield Finding("default_partition_used", "rows lie in DEFAULT: run ensure_partitions", table)


def views(cursor: CursorWrapper) -> Iterator[Finding]:
    """The views of Grafana are those of the models, and none shows what must not be seen."""
    other, unlisted = reporting.changed(cursor)
    for view in other:
        yield Finding(
            "view_drift", "the view is missing, or is not the one that migrate makes", f"{reporting.SCHEMA}.{view.name}"
        )
    for name in unlisted:
        yield Finding("view_drift", "no model has this view", f"{reporting.SCHEMA}.{name}")
    if not reporting.has_function(cursor):
        yield Finding("view_drift", f"{reporting.FUNCTION} is missing, or is not the one that migrate makes")
    kinds = {(m._meta.db_table, f.column): f for m in stored() for f in m._meta.local_concrete_fields}
    cursor.execute(SHOWN)
    for view, table, column in sorted(cursor.fetchall()):
        if reporting.is_withheld(column, kinds.get((table, column))):
            yield Finding("secret_shown", f"the view shows {table}.{column}", f"{reporting.SCHEMA}.{view}")


def months(at: datetime) -> list[date]:
    """The first days of this month and of the months ahead."""
    first = at.year * 12 + at.month - 1
    return [date((first + n) // 12, (first + n) % 12 + 1, 1) for n in range(MONTHS_AHEAD + 1)]


def _present(catalog: Catalog) -> list[Any]:
    """The product's own records that have their table."""
    return [
        m for m in guards.records() if m._meta.db_table in catalog.tables and issubclass(m, (TenantModel, BaseRecord))
    ]

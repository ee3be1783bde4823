"""What every table must be, read from a file people can read, and whether PostgreSQL agrees.

The models say how a table is made; this says what it has to be, so that neither a forgotten column nor one that nobody
asked for goes unseen.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import guards
from .findings import Finding

FIELD_SETS = {
    "B": {"id": "uuid required", "ref_id": "varchar(26)", "created_by": "user", "created_on": "timestamptz required"},
    "M": {"updated_by": "user null", "updated_on": "timestamptz null"},
    "S": {"deleted_by": "user null", "deleted_on": "timestamptz null"},
    "I": {},
}  # fmt: skip
SPELLED_OUT = {
    "varchar": "character varying",
    "char": "character",
    "int": "integer",
    "timestamptz": "timestamp with time zone",
}


@dataclass(frozen=True)
class Column:
    """`kind` is a PostgreSQL type as it prints it, or '' where only `values` or `target` are asked for."""

    name: str
    kind: str = ""
    values: tuple[str, ...] = ()
    target: str = ""
    nullable: bool | None = None  # None: either will do


@dataclass(frozen=True)
class Table:
    name: str
    fields: str
    tenant: str  # required, nullable, none
    columns: tuple[Column, ...]

    @property
    def append_only(self) -> bool:
        return "I" in self.fields


def load(path: Path) -> dict[str, Table]:
    """The tables of the file; raises ValueError on a column it cannot read."""
    found = {}
    for name, said in tomllib.loads(path.read_text()).items():
        tenant = said.get("tenant", "required")
        columns = {**said["columns"]}
        for one in said["fields"]:
            columns = {**FIELD_SETS[one], **columns}
        if said["fields"] and tenant != "none":
            columns = {"tenant_id": f"key tenants {'null' if tenant == 'nullable' else 'required'}", **columns}
        found[name] = Table(name, said["fields"], tenant, tuple(_column(c, said_of) for c, said_of in columns.items()))
    return found


def _column(name: str, said: str) -> Column:
    match = re.fullmatch(
        r"(enum (?P<values>.+?)|key (?P<target>\w+)|(?P<kind>(?!(key|enum)$)\S+))( (?P<rule>null|required))?", said
    )
    if match is None:
        raise ValueError(f"{name}: {said}")
    nullable = {"null": True, "required": False}.get(match["rule"])
    if match["values"]:
        return Column(name, values=tuple(match["values"].split(" / ")), nullable=nullable)
    target = "users" if match["kind"] == "user" else match["target"]
    if target:
        return Column(name, "uuid", target=target, nullable=nullable)
    word, _, length = match["kind"].partition("(")
    array = "[]" * word.endswith("[]")
    word = word.removesuffix("[]")
    return Column(name, SPELLED_OUT.get(word, word) + (f"({length}" if length else "") + array, nullable=nullable)


def look(specified: dict[str, Table], catalog) -> Iterator[Finding]:
    """Everything by which the tables of `schema_rules.Catalog` differ from the specification."""
    append_only = {model._meta.db_table: model.append_only for model in guards.records()}
    held = defaultdict(set)
    for table_name, name in catalog.columns:
        held[table_name].add(name)
    known = set(specified)
    for table in sorted(append_only.keys() - known):
        yield Finding("table_unlisted", "the specification does not have this table", table)
    for table in specified.values():
        if table.name not in catalog.tables:
            yield Finding("table_missing", "the specification asks for this table", table.name)
            continue
        if append_only.get(table.name, False) != table.append_only:
            yield Finding(
                "table_drift", f"the table must {'' if table.append_only else 'not '}be append-only", table.name
            )
        for column in table.columns:
            standing = catalog.columns.get((table.name, column.name))
            if standing is None:
                yield Finding("column_missing", f"the specification asks for column {column.name}", table.name)
            else:
                for fault in _faults(table.name, column, standing, catalog):
                    yield Finding("column_drift", f"column {column.name} {fault}", table.name)
        for name in sorted(held[table.name] - {column.name for column in table.columns}):
            yield Finding("column_unlisted", f"the specification does not have column {name}", table.name)


def _faults(table: str, column: Column, standing: tuple, catalog) -> Iterator[str]:
    kind, not_null = standing[:2]
    if column.kind and kind != column.kind:
        yield f"is {kind}, the specification says {column.kind}"
    if column.nullable is not None and column.nullable == not_null:
        yield f"is {'' if not_null else 'not '}NOT NULL, against the specification"
    if column.target:
        ways = [(table, names, column.target) for names in ((column.name,), ("tenant_id", column.name))]
        if catalog.references.isdisjoint(ways):
            yield f"has no key to {column.target}"
    if column.values:
        held = {
            frozenset(re.findall(r"'([^']*)'", definition))
            for (of, _), (definition, _) in catalog.checks.items()
            if of == table and re.match(rf"CHECK \(\(?\(?{column.name}\b", definition)
        }
        if frozenset(column.values) not in held:
            yield f"does not hold exactly {', '.join(column.values)}"

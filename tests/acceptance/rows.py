"""The rows of config/acceptance.toml and config/specification.toml, and what `check_schema` holds of them.

A rule of `check_schema` compares a store with the models at every `make check`; what counts here is that the models have
what the row asks for, so a row of a table that is still to come is not shown by it.
"""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps

from apps.storage.documents import COLLECTIONS
from config import schema

from .collecting import ROOT

LIST = tomllib.loads((ROOT / "config/acceptance.toml").read_text())
REQUIRED: list[str] = LIST["required"]
SECTIONS: dict[str, str] = {name: said["title"] for name, said in LIST.items() if isinstance(said, dict)}


@dataclass(frozen=True)
class Row:
    name: str
    section: str
    expected: str


def listed() -> dict[str, Row]:
    """All rows by name."""
    rows = [Row(n, s, said) for s in SECTIONS for n, said in LIST[s]["rows"].items()]
    rows += [Row(name, "K", _in_words(said["moves"])) for name, said in LIST["K"]["moves"].items()]
    rows += [Row(f"{t}.{c}", "B", "") for t, c in _columns() if t in LIST["A"]["rows"]]
    return {row.name: row for row in rows}


def names() -> dict[str, str]:
    """What a marker may say -> the row it means: a row's own name, or a column of a table of section U."""
    return {name: name for name in listed()} | {f"{t}.{c}": t for t, c in _columns() if t in LIST["U"]["rows"]}


def _in_words(moves: str) -> str:
    return moves.replace(" > ", " → ")


def _columns() -> Iterator[tuple[str, str]]:
    """Table and column, as the specification spells them out."""
    for name, said in tomllib.loads((ROOT / "config/specification.toml").read_text()).items():
        for column in said["columns"]:
            yield name, column


# -- what check_schema holds


def _models() -> dict[str, type]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _standing() -> set[str]:
    """`table` and `table.column` of everything the models have."""
    models = _models().items()
    return {*_models()} | {f"{table}.{f.column}" for table, m in models for f in m._meta.local_concrete_fields}


def _tables() -> Iterator[str]:
    """Sections A, B, E and U: field set, type, NULL, values and keys of each column. Columns nobody asked for are reported."""
    standing = _standing()
    for table in [*LIST["A"]["rows"], *LIST["U"]["rows"]]:
        columns = {column.name for column in schema.TABLES[table].columns}
        if all(f"{table}.{column}" in standing for column in columns):
            yield table
    yield from (f"{t}.{c}" for t, c in _columns() if f"{t}.{c}" in standing)
    yield from (row for row, tables in LIST["E"]["tables"].items() if standing.issuperset(tables.split()))
    yield from (name for name in LIST["B"]["rows"] if name.partition(".")[0] in standing and name not in standing)


def _keys() -> Iterator[str]:
    standing = _standing()
    for row, keys in LIST["D"]["keys"].items():
        if standing.issuperset(keys) and row != "REL-02":  # a pointer is no key
            yield row


def _indexes() -> Iterator[str]:
    wanted = defaultdict(set)
    for index in schema.INDEXES:
        wanted[index.row].add(index.table)
    yield from (row for row, tables in wanted.items() if tables <= _standing())
    yield from ("REL-13", "REL-15")  # two of the indexes of IDX-31


def _moves() -> Iterator[str]:
    for row, said in LIST["K"]["moves"].items():
        models = [_models().get(table) for table in said["tables"].split()]
        if all(model is not None and _allowed(model) == pairs(said["moves"]) for model in models):
            yield row
    if "tool_calls.status" in _standing():  # append-only: what is written once does not move
        yield "SM-tool_calls"


def _allowed(model) -> set[tuple[str, str]]:
    return model.moves.allowed_pairs() if model.moves else set()


def pairs(moves: str) -> set[tuple[str, str]]:
    """'a b > c; c > d' -> (a, c), (b, c), (c, d)."""
    both = [tuple(side.split() for side in part.split(" > ")) for part in moves.split("; ")]
    return {(old, new) for olds, news in both for old in olds for new in news}


def differing_moves() -> Iterator[str]:
    """Machines that exist and are not the ones of the list."""
    for row, said in LIST["K"]["moves"].items():
        for table in said["tables"].split():
            model = _models().get(table)
            if model is None:
                continue
            for old, new in sorted(_allowed(model) ^ pairs(said["moves"])):
                yield f"{row}: {old} -> {new} is in only one of {table} and the list"


def _collections() -> Iterator[str]:
    documents = {document.collection: document for document in COLLECTIONS}
    for row, said in LIST["F"]["collections"].items():
        document = documents.get(said["name"])
        if (
            document
            and document.model_fields.keys() >= set(said["fields"].split())
            and _hours(document) == said["hours"]
        ):
            yield row
    if "contract_pdfs" not in documents:
        yield "MON-contract_pdfs"


def _hours(document) -> int:
    return sum(index.document.get("expireAfterSeconds", 0) for index in document.indexes) // 3600


# Part of check_schema -> the rows it holds.
HELD: dict[str, Callable[[], Iterable[str]]] = {
    "columns": _tables,
    "keys": _keys,
    "indexes": _indexes,
    "moves": _moves,
    "tenant keys": lambda: ["CONV-tenant_id", "SEC-tenant-fk"],
    "ref_ids": lambda: ["CONV-ref_id", "IDX-27"],
    "walls": lambda: ["CONV-composite-fk", "CONV-created_on", "REL-21", "SEC-guards"],
    "partitions": lambda: ["IDX-33"],
    "grants": lambda: ["SEC-app_user", "SEC-append-only", "SEC-immutable-llm", "SEC-immutable-runs"],
    "collections": _collections,
    "users of MongoDB": lambda: ["SEC-audit-insert"],
}


def held() -> dict[str, list[str]]:
    """Row -> the parts of check_schema that hold it."""
    found = defaultdict(list)
    for part, rows in HELD.items():
        for row in rows():
            if part not in found[row]:
                found[row].append(part)
    return dict(found)

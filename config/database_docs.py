"""What docs/database says of tables, collections and keys: read from the models, so that it cannot tell an older truth."""

import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connections, models

from apps.shared import guards
from apps.shared.constraints import DigestField, TenantForeignKey
from apps.shared.encryption import SealedFieldMixin
from apps.shared.models import BaseRecord, Mutable, SoftDelete
from apps.shared.scoping import every_tenant
from apps.storage import bootstrap, contracts
from apps.storage.documents import COLLECTIONS, Document, validator

from . import integrity
from .markdown import as_table

EDGES = 12  # more arrows than these in one picture, and nobody follows them
SPELLED = {
    "timestamp with time zone": "timestamptz",
    "integer": "int",
    "character varying": "varchar",
    "character": "char",
}
COMMON = {field.name for base in (BaseRecord, Mutable, SoftDelete) for field in base._meta.fields} | {"tenant"}
DAY = 86_400


# -- what there is


def _apps() -> Iterator[tuple[AppConfig, list[Any]]]:
    """The product's apps that have tables, the lowest layer first, each with its models by table."""
    for config in apps.get_app_configs():
        tables = sorted(config.get_models(), key=lambda model: model._meta.db_table)
        if config.name.startswith("apps.") and tables:
            yield config, tables


def _tables() -> dict[str, Any]:
    return {model._meta.db_table: model for _, tables in _apps() for model in tables}


def _own(model: Any) -> list[models.Field]:
    """The columns beside those of the field sets."""
    return [field for field in model._meta.local_concrete_fields if field.name not in COMMON]


def _said(thing: Any) -> str:
    """The first paragraph of a docstring, in one line; nothing where Django or pydantic wrote it."""
    text = inspect.getdoc(thing) if "__doc__" in vars(thing) else ""
    return "" if not text or text.startswith(f"{thing.__name__}(") else " ".join(text.split("\n\n")[0].split())


def _sets(model: Any) -> str:
    held = [("B", BaseRecord), ("M", Mutable), ("S", SoftDelete)]
    letters = [letter for letter, base in held if issubclass(model, base)]
    return " ".join([*letters, "I"] if getattr(model, "append_only", False) else letters) or "no field set"


def _link(table: str, page: str = "") -> str:
    return f"[`{table}`]({page}#{table})"


# -- postgresql.md


def tables(root: Path, about: None) -> list[str]:
    """Per app and table: what a row is, its columns, and what the database holds them to."""
    lines = []
    for config, found in _apps():
        listed = " · ".join(_link(model._meta.db_table) for model in found)
        lines += ["", f"## App {config.label}", "", f"{listed}"]
        for model in found:
            lines += ["", *_table(model)]
    return lines[1:]


def _table(model: Any) -> list[str]:
    table = model._meta.db_table
    facts = [f"**{_sets(model)}**", _tenancy(model), f"`app_user`: {', '.join(sorted(guards.grants(model)))}"]
    if getattr(model, "partitioned", False):
        facts.append("one partition a month")
    if getattr(model, "moves", None) is not None:
        facts.append(f"moves of `{model.moves.field}`: [rules](../rules/{table}.md)")
    lines = [f"### `{table}`", "", _said(model), "", " · ".join(facts), ""]
    if own := _own(model):
        lines += as_table("column type null default meaning", [_column(model, field) for field in own])
    if held := [*_indexes(model), *_checks(model), *_guards(model)]:
        lines += ["", *as_table("rule over", held)]
    return lines


def _tenancy(model: Any) -> str:
    tenant = next((f for f in model._meta.local_fields if f.name == "tenant"), None)
    if tenant is None:
        return "no tenant"
    return "a tenant's or the platform's" if tenant.null else "a tenant's"


def _column(model: Any, field: models.Field) -> list[str]:
    about = [field.help_text] if field.help_text else []
    element = getattr(field, "base_field", field)
    if element.choices:
        about.append(" / ".join(str(value) for value, _ in element.flatchoices))
    if field.is_relation:
        target = field.related_model._meta.db_table  # type: ignore[union-attr]
        about.append(f"→ {_link(target)}" + ", of the same tenant" * isinstance(field, TenantForeignKey))
    if isinstance(field, SealedFieldMixin):
        about.append("Sealed with AES-256-GCM.")
    if isinstance(field, DigestField):
        about.append("SHA-256 in hexadecimal.")
    if field.column in getattr(model, "write_once", ()):
        about.append("Keeps its first value.")
    meaning = " ".join(_sentence(part) for part in about).replace("<", "&lt;")
    return [f"`{field.column}`", _kind(field), "yes" if field.null else "", _default(field), meaning]


def _sentence(part: str) -> str:
    return part if part[-1] in ".!?" or "/" in part else f"{part}."


def _kind(field: models.Field) -> str:
    kind = str(field.db_parameters(connections["default"])["type"]).replace(", ", ",")
    word = re.match(r"[a-z ]+", kind)[0]  # type: ignore[index]
    return SPELLED.get(word, word) + kind[len(word) :]


def _default(field: models.Field) -> str:
    if not field.has_default():
        return "''" if field.blank and not field.null and field.empty_strings_allowed else ""
    value = field.default
    if callable(value):
        value = {dict: "{}", list: "[]"}.get(value, f"{value.__name__}()")
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"


def _indexes(model: Any) -> Iterator[list[str]]:
    with connections["default"].schema_editor(collect_sql=True, atomic=False) as editor:
        uniques = [c for c in model._meta.constraints if isinstance(c, models.UniqueConstraint)]
        for index in [*uniques, *model._meta.indexes]:
            kind = "unique" if index in uniques else "index"
            orders = getattr(index, "fields_orders", [(name, "") for name in index.fields])
            names = [f"{model._meta.get_field(f).column}{' DESC' if order else ''}" for f, order in orders]
            where = _readable(index._get_condition_sql(model, editor))
            nulls = " nulls not distinct" if getattr(index, "nulls_distinct", None) is False else ""
            what = f"{', '.join(names)}{nulls}{f' where {where}' if where else ''}"
            yield [f"{kind} `{index.name}`", what]
    for field in _own(model):
        if field.unique:
            yield ["unique", str(field.column)]
        elif field.db_index:
            yield ["index", str(field.column)]


def _checks(model: Any) -> Iterator[list[str]]:
    with connections["default"].schema_editor(collect_sql=True, atomic=False) as editor:
        for check in model._meta.constraints:
            if isinstance(check, models.CheckConstraint):
                yield [f"check `{check.name}`", _readable(check._get_check_sql(model, editor))]  # type: ignore[attr-defined]


def _readable(sql: Any) -> str:
    return f"`{sql}`".replace('"', "").replace("\n", " ") if sql else ""


def _guards(model: Any) -> Iterator[list[str]]:
    """The triggers of the table; what each does stands on top of the page."""
    if issubclass(model, BaseRecord):
        found = [f"`{wall.name}`" for wall in guards.walls() if wall.kind == "TRIGGER" and _is_on(wall, model)]
        yield ["[guards](#guards)", ", ".join(sorted(found))]


def _is_on(wall: guards.Wall, model: Any) -> bool:
    return wall.table == model._meta.db_table


# -- relations-sql.md


def pictures(root: Path, about: None) -> list[str]:
    """Per app the keys between tables, in pictures small enough to read, and the columns that name people."""
    lines = []
    for config, found in _apps():
        keys = [(model, field) for model in found for field in _own(model) if _is_key(field)]
        people = [
            f"{_link(model._meta.db_table, 'postgresql.md')}: {', '.join(names)}"
            for model in found
            if (names := [f"`{field.column}`" for field in _own(model) if _is_person(field)])
        ]
        if not keys and not people:
            continue
        lines += ["", f"## App {config.label}"]
        for group in _groups(keys):
            lines += ["", "```mermaid", "erDiagram", *(_edge(model, field) for model, field in group), "```"]
        if people:
            lines += ["", f"Keys to people: {'; '.join(people)}."]
    return lines[1:]


def _is_key(field: models.Field) -> bool:
    return field.is_relation and not _is_person(field)


def _is_person(field: Any) -> bool:
    return field.is_relation and field.related_model._meta.db_table == "users"


def _groups(keys: list[tuple]) -> Iterator[list[tuple]]:
    """One picture; with too many arrows, one for the table most point to, and the rest again."""
    while len(keys) > EDGES:
        target, _ = Counter(field.related_model for _, field in keys).most_common(1)[0]
        around = [key for key in keys if key[1].related_model is target]
        yield around
        keys = [key for key in keys if key not in around]
    if keys:
        yield keys


def _edge(model: Any, field: Any) -> str:
    many = "|o" if field.unique else "}o"
    one = "o|" if field.null else "||"
    return f"    {model._meta.db_table} {many}--{one} {field.related_model._meta.db_table} : {field.column}"


def relationships(root: Path, about: None) -> list[str]:
    """The named relationships of the acceptance list, and how each of their keys is held."""
    listed = tomllib.loads((root / "config/acceptance.toml").read_text())["D"]
    return as_table(
        "row relationship keys",
        [
            [name, said, "<br>".join(_key(key) for key in listed.get("keys", {}).get(name, []))]
            for name, said in listed["rows"].items()
        ],
    )


def _key(name: str) -> str:
    table, _, column = name.partition(".")
    model = _tables().get(table)
    field = next((f for f in model._meta.local_concrete_fields if f.column == column), None) if model else None
    if field is None:
        return f"`{name}` (not there yet)"
    if not field.is_relation:
        return f"`{name}` (a pointer)"
    plain = "plain, trigger" if _is_person(field) else "plain"
    return f"`{name}` ({'composite' if isinstance(field, TenantForeignKey) else plain})"


# -- mongodb.md


def collections(root: Path, about: None) -> list[str]:
    """Per collection: fields, scope, lifetime, indexes, and what its validator asks for."""
    lines = []
    for document in COLLECTIONS:
        asked = validator(document)["$jsonSchema"]
        own = [name for name in document.model_fields if name not in Document.model_fields]
        fields = [
            [f"`{name}`", _bson(asked["properties"][name]), "yes" if name in asked["required"] else "", _points(name)]
            for name in own
        ]
        facts = [_scope(document), _lifetime(document), _bodies(document)]
        lines += [
            "",
            f"## `{document.collection}`",
            "",
            _said(document),
            "",
            f"{' · '.join(facts)}",
            "",
            *as_table("field type required names", fields),
            "",
            *as_table("index over", list(_mongo_indexes(document))),
        ]
    return lines[1:]


def _bson(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " / ".join(schema["enum"])
    kinds = schema.get("bsonType", "anything")
    return kinds if isinstance(kinds, str) else " / ".join(kinds)


def _names() -> dict[str, str]:
    """Field of a document -> table whose ref_id it holds, by the name of the model or by the rule that looks it up."""
    found = {f"{m.__name__[0].lower()}{m.__name__[1:]}Id": m._meta.db_table for m in guards.records()}
    for field, table, _ in _by_ref():
        found[field] = table
    return found


def _points(field: str) -> str:
    table = _names().get(field)
    return f"{_link(table, 'postgresql.md')}, by ref_id" if table else ""


def _scope(document: type[Document]) -> str:
    return "a client's, or the platform's (null)" if document.tenant_is_optional else "a client's"


def _lifetime(document: type[Document]) -> str:
    seconds = [i.document["expireAfterSeconds"] for i in document.all_indexes() if "expireAfterSeconds" in i.document]
    if not seconds:
        return "stays"
    return "removed after 24 hours" if seconds[0] == DAY else f"removed after {seconds[0] // DAY} days"


def _bodies(document: type[Document]) -> str:
    return f"bytes in S3: {len(document.parts)}" if document.parts else "nothing in S3"


def _mongo_indexes(document: type[Document]) -> Iterator[list[str]]:
    for index in document.all_indexes():
        asked = index.document
        over = ", ".join(name + {-1: " desc", "text": " (text)"}.get(order, "") for name, order in asked["key"].items())
        marks = [
            mark for mark, is_so in (("unique", asked.get("unique")), ("TTL", "expireAfterSeconds" in asked)) if is_so
        ]
        yield [f"`{asked['name']}`", f"{over}{f' — {chr(44).join(marks)}' if marks else ''}"]


# -- relations-nosql.md


def pointers(root: Path, about: None) -> list[str]:
    """Every way from a row to a document and on to an object, as a picture and as a table."""
    rows, arrows = [], []
    for table, column, digest, document in _pointers():
        name = f"{table}.{column}"
        rows.append([f"`{name}`", f"`{document.collection}`", "the document's id", f"`{digest}`" if digest else ""])
        arrows.append(f'    {table} -- "{column}" --> {document.collection}')
    for field, table, document in _by_ref():
        rows.append([f"`{table}.ref_id`", f"`{document.collection}`", f"`{field}` of the document", ""])
        arrows.append(f'    {table} -. "{field}" .-> {document.collection}')
    stored = [
        f'    {document.collection} -- "{part or "body"}" --> S3[(S3 content)]'
        for document in COLLECTIONS
        for part in list(document.parts)[:1]
    ]
    stored += [f'    {table} -- "{column}" --> {where}' for table, column, where in _key_columns()]
    return [
        "```mermaid",
        "flowchart LR",
        *sorted(set(arrows)),
        *stored,
        "```",
        "",
        *as_table("row document by digest", rows),
    ]


def _pointers() -> Iterator[tuple[str, str, str, type[Document]]]:
    """(table, column, column with the digest or '', document): what a rule's `pick` reads of a row, the pointer first."""
    for rule in integrity.POINTERS:
        columns = {field.name: field.column for field in rule.rows._meta.local_concrete_fields}
        read = [columns[name] for name in rule.pick.__code__.co_names if name in columns] or ["…"]
        yield rule.rows._meta.db_table, str(read[0]), str(read[1]) if len(read) > 1 else "", rule.document


def _by_ref() -> Iterator[tuple[str, str, type[Document]]]:
    with every_tenant(reason="only the model of each rule is asked for, no row"):
        for rule in integrity.FOUND_BY_REF:
            yield rule.field, rule.rows().model._meta.db_table, rule.document


def _key_columns() -> Iterator[tuple[str, str, str]]:
    """Columns that hold a key of S3 themselves."""
    for model in guards.records():
        for field in _own(model):
            if str(field.column).endswith("s3_key"):
                in_contracts = model._meta.db_table == "contracts"
                yield (
                    model._meta.db_table,
                    str(field.column),
                    "L[(S3 contracts)]" if in_contracts else "S3[(S3 content)]",
                )


def keys(root: Path, about: None) -> list[str]:
    """The patterns of all keys in S3."""
    rows = [
        [f"`{pattern}`", f"`{document.collection}`", f"`{document.fields_of(part)['key']}`"]
        for document in COLLECTIONS
        for part, pattern in document.parts.items()
    ]
    rows.append([f"`{contracts.KEY}`", "`contracts`", "`pdf_s3_key`"])
    return as_table("key of field", rows)


# -- overview.md


def stores(root: Path, about: None) -> list[str]:
    """What runs, who signs in with what, and what they may do."""
    images = dict(re.findall(r"^  (\w+):\n    image: (\S+)", (root / "docker-compose.yml").read_text(), re.MULTILINE))
    rights = Counter(", ".join(sorted(guards.grants(model))) for model in guards.records())
    may = "; ".join(f"{what} on {_tables_of(many)}" for what, many in sorted(rights.items()))
    rows = [
        ["PostgreSQL", f"`{images['postgres']}`", "`DATABASE_URL`", f"as `{guards.APP_USER}`: {may}"],
        [
            "PostgreSQL",
            "",
            "`DATABASE_MIGRATOR_URL`",
            "as `migrator_user`: owns all tables and is the only one to change them",
        ],
    ]
    for url, privileges in bootstrap.privileges().items():
        name = next(n for n in ("MONGO_URL", "MONGO_AUDIT_URL", "MONGO_AUDIT_READ_URL") if getattr(settings, n) == url)
        rows.append(["MongoDB", f"`{images['mongo']}`" * (name == "MONGO_URL"), f"`{name}`", _may(privileges)])
    rows += [
        [
            "S3",
            f"`{images['s3']}`",
            "`S3_BUCKET`",
            "content: every version stays until the sweep removes what no row names",
        ],
        ["S3", "", "`S3_CONTRACTS_BUCKET`", "contract PDFs: Object Lock, COMPLIANCE; a version cannot be removed"],
    ]
    return as_table("store image setting may", rows)


def _tables_of(many: int) -> str:
    return "1 table" if many == 1 else f"{many} tables"


def _may(privileges: Iterable[dict]) -> str:
    found = [(p["resource"]["collection"], ", ".join(p["actions"])) for p in privileges]
    what = found[0][1]
    return f"{what} on `{found[0][0]}`" if len(found) == 1 else f"{what} on {len(found)} collections"


PARTS = (tables, pictures, relationships, collections, pointers, keys, stores)

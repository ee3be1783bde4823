"""The walls every table has, derived from the models and attached at the end of every migrate.

What holds for all tables (composite tenant keys, value lists, numbers that are numbers, columns that never change, moves,
append-only tables, grants) is not repeated in each model's Meta, where it could be forgotten: it follows from the
fields themselves. Every wall carries the digest of its own SQL as a comment, so that an unchanged one is left alone and
`check_schema` can name a missing one. New keys and checks are added NOT VALID and validated in a second statement,
which needs no long lock on a filled table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.utils import CursorWrapper

from .constraints import TenantForeignKey
from .models import AllowedMove, BaseRecord
from .scoping import TenantModel

APP_USER = "app_user"


@dataclass(frozen=True)
class Wall:
    """One constraint, trigger or index: how it is made and by which name PostgreSQL knows it."""

    kind: str  # CONSTRAINT, TRIGGER, INDEX
    table: str
    name: str
    create: tuple[str, ...]

    @property
    def digest(self) -> str:
        return sha256("\n".join(self.create).encode()).hexdigest()[:16]

    @property
    def on(self) -> str:
        return f'"{self.name}"' if self.kind == "INDEX" else f'"{self.name}" ON "{self.table}"'

    @property
    def drop(self) -> str:
        if self.kind == "CONSTRAINT":
            return f'ALTER TABLE "{self.table}" DROP CONSTRAINT IF EXISTS "{self.name}"'
        return f"DROP {self.kind} IF EXISTS {self.on}"


def records() -> list[Any]:
    """Every concrete record of the product, in a stable order."""
    return sorted((m for m in apps.get_models() if issubclass(m, BaseRecord)), key=lambda m: m._meta.db_table)


def walls() -> Iterator[Wall]:
    """All walls in the order in which they can be built: what keys point to comes first."""
    for model in records():
        if issubclass(model, TenantModel) and not getattr(model, "partitioned", False):
            yield _tenant_and_id(model)
    for model in records():
        yield from _keys(model)
        yield from _checks(model)
        yield from _triggers(model)


def _named(*parts: str) -> str:
    """A constraint name within PostgreSQL's 63 bytes; a longer one keeps its beginning and a digest of the rest."""
    name = "_".join(parts)
    return name if len(name) <= 63 else f"{name[:54]}_{sha256(name.encode()).hexdigest()[:8]}"


def _tenant_and_id(model) -> Wall:
    table = model._meta.db_table
    name = _named("uniq", table, "tenant_id")
    return Wall("INDEX", table, name, (f'CREATE UNIQUE INDEX "{name}" ON "{table}" (tenant_id, id)',))


def _constraint(table: str, name: str, rule: str, *, partitioned: bool = False) -> Wall:
    if partitioned:  # PostgreSQL knows no NOT VALID key on a partitioned table
        return Wall("CONSTRAINT", table, name, (f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {rule}',))
    return Wall(
        "CONSTRAINT",
        table,
        name,
        (
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {rule} NOT VALID',
            f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"',
        ),
    )


def _keys(model: Any) -> Iterator[Wall]:
    table = model._meta.db_table
    for field in model._meta.local_fields:
        if isinstance(field, TenantForeignKey):
            target = field.related_model._meta.db_table
            yield _constraint(
                table,
                _named(table, str(field.column), "same_tenant"),
                f'FOREIGN KEY (tenant_id, "{field.column}") REFERENCES "{target}" (tenant_id, id)',
                partitioned=getattr(model, "partitioned", False),
            )


def _checks(model: Any) -> Iterator[Wall]:
    table, partitioned = model._meta.db_table, getattr(model, "partitioned", False)
    for field in model._meta.local_fields:
        element = getattr(field, "base_field", field)
        if element.choices:
            values = ", ".join(f"'{value}'" for value, _ in element.flatchoices)
            rule = f'"{field.column}" IN ({values})'
            if element is not field:
                rule = f'"{field.column}" <@ ARRAY[{values}]::text[]'
            yield _constraint(table, _named(table, field.column, "listed"), f"CHECK ({rule})", partitioned=partitioned)
        if isinstance(field, models.DecimalField):
            rule = f"CHECK (\"{field.column}\" <> 'NaN')"  # numeric takes NaN, and NaN is greater than any cap
            yield _constraint(table, _named(table, str(field.column), "is_a_number"), rule, partitioned=partitioned)


def _trigger(table: str, name: str, when: str, function: str, arguments=(), condition: str = "") -> Wall:
    listed = ", ".join(f"'{argument}'" for argument in arguments)
    sql = f'CREATE TRIGGER "{name}" BEFORE {when} ON "{table}" FOR EACH ROW {condition} EXECUTE FUNCTION {function}({listed})'
    return Wall("TRIGGER", table, name, (sql,))


def _triggers(model) -> Iterator[Wall]:
    table = model._meta.db_table
    fixed = ["id", "created_by", "created_on"] + (
        ["tenant_id"] if "tenant" in {f.name for f in model._meta.fields} else []
    )
    yield _trigger(
        table, "guard_immutable", "UPDATE", "guard_immutable", [*fixed, *(f"once:{c}" for c in model.write_once)]
    )
    if model.fixed:
        condition = f"WHEN ({model.fixed_when})" if model.fixed_when else ""
        yield _trigger(table, "guard_fixed", "UPDATE", "guard_immutable", model.fixed, condition)
    for name, when, function in model.guarded_by:
        yield _trigger(table, name, when, function)
    if model.moves is not None:
        field = model.moves.field
        changed = f"WHEN (OLD.{field} IS DISTINCT FROM NEW.{field})"
        yield _trigger(table, f"guard_moves_{field}", f"UPDATE OF {field}", "guard_moves", [field], changed)
    if model.append_only:
        # Definer functions run as the owner and pass; grants are the first wall and hold TRUNCATE too.
        yield _trigger(
            table,
            "guard_append_only",
            "UPDATE OR DELETE",
            "guard_append_only",
            condition=f"WHEN (current_user = '{APP_USER}')",
        )
    users = [f.column for f in model._meta.local_fields if f.is_relation and f.related_model._meta.db_table == "users"]
    if users and issubclass(model, TenantModel):
        named = " OR ".join(f"NEW.{column} IS NOT NULL" for column in users)  # most rows name nobody
        when = f"INSERT OR UPDATE OF {', '.join(users)}"
        yield _trigger(table, "guard_user_keys", when, "guard_user_keys", users, f"WHEN ({named})")


EXISTING = """
SELECT 'CONSTRAINT', conrelid::regclass::text, conname, obj_description(oid, 'pg_constraint'), convalidated
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'TRIGGER', tgrelid::regclass::text, tgname, obj_description(oid, 'pg_trigger'), tgenabled = 'O'
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'INDEX', indrelid::regclass::text, indexrelid::regclass::text, obj_description(indexrelid, 'pg_class'), indisvalid
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid AND relnamespace = 'public'::regnamespace
"""


def missing(cursor: CursorWrapper) -> list[Wall]:
    """Walls that are absent, disabled, not validated, or built from other SQL than the models now ask for."""
    cursor.execute(EXISTING)
    standing = {
        (kind, table.strip('"'), name.strip('"')): (digest, sound) for kind, table, name, digest, sound in cursor
    }
    return [w for w in walls() if standing.get((w.kind, w.table, w.name)) != (w.digest, True)]


def install(cursor: CursorWrapper) -> list[Wall]:
    """Build what is missing, as the owner of the tables; returns what was built."""
    built = missing(cursor)
    for wall in built:
        cursor.execute(wall.drop)
        for statement in wall.create:
            cursor.execute(statement)
        cursor.execute(f"COMMENT ON {wall.kind} {wall.on} IS '{wall.digest}'")
    return built


def fill_allowed_moves(cursor: CursorWrapper, *, release: str) -> None:
    """The MOVES tables of this release beside those of the release before, which may still be running."""
    rows = [
        (model._meta.db_table, model.moves.field, old, new, release)
        for model in records()
        if model.moves is not None
        for old, new in sorted(model.moves.allowed_pairs())
    ]
    cursor.executemany(
        "INSERT INTO allowed_moves (table_name, column_name, old_value, new_value, release) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (table_name, column_name, old_value, new_value) DO UPDATE SET release = excluded.release",
        rows,
    )
    cursor.execute(
        "DELETE FROM allowed_moves WHERE release NOT IN (SELECT release FROM allowed_moves GROUP BY release "
        "ORDER BY string_to_array(release, '.')::int[] DESC LIMIT 2)"
    )


def grants(model: type[models.Model]) -> set[str]:
    """What app_user may do with the table beyond nothing."""
    if model is AllowedMove:
        return {"SELECT"}
    if not issubclass(model, BaseRecord):
        return {"SELECT", "INSERT", "UPDATE", "DELETE"}  # tables of Django and its packages
    if model.append_only:
        return {"SELECT", "INSERT"}
    rights = {"SELECT", "INSERT", "UPDATE"}
    return rights | {"DELETE"} if getattr(model, "rows_may_be_deleted", False) else rights


def grant(cursor: CursorWrapper, tables: set[str]) -> None:
    """Give app_user its rights table by table; partitions follow the rights of nobody but themselves (SELECT, INSERT)."""
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if table not in tables:
            continue
        wanted = grants(model)
        cursor.execute(
            "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_schema = 'public' "
            "AND table_name = %s AND grantee = %s",
            [table, APP_USER],
        )
        held = {privilege for (privilege,) in cursor.fetchall()}
        if wanted - held:
            cursor.execute(f'GRANT {", ".join(sorted(wanted - held))} ON "{table}" TO {APP_USER}')
        if held - wanted:
            cursor.execute(f'REVOKE {", ".join(sorted(held - wanted))} ON "{table}" FROM {APP_USER}')

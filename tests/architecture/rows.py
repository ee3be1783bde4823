"""Rows of every kind for tests that work on tables rather than on one model: a row of the world or the least there can be,
copied with changes."""

from hashlib import sha256

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone
from psycopg import sql

from apps.shared.encryption import SealedTextField
from apps.shared.ids import new_id, spell
from apps.shared.scoping import TenantModel
from tests.examples import EXAMPLES


def columns_of(model: type[models.Model]) -> list[models.Field]:
    """The columns an INSERT may name: all but the generated one."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]


def need_row(cursor, model: type[models.Model]) -> None:
    """There is a row of this table to copy or to change: of the world, or made here for two clients (or for nobody)."""
    cursor.execute(f'SELECT EXISTS (SELECT FROM "{model._meta.db_table}")')
    if cursor.fetchone()[0]:
        return
    if not issubclass(model, TenantModel):
        make_row(cursor, model, None)
        return
    cursor.execute("SELECT id FROM tenants WHERE slug IN ('acme-client', 'acme-live') ORDER BY slug")
    for (tenant,) in cursor.fetchall():
        make_row(cursor, model, tenant)


def make_row(cursor, model: type[models.Model], tenant):
    """INSERT a row with nothing but what the table demands, and return its id; rows it must refer to are made as well."""
    columns = columns_of(model)
    values = {field.column: _value(cursor, model, field, tenant) for field in columns}
    statement = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values})").format(
        table=sql.Identifier(model._meta.db_table),
        columns=sql.SQL(", ").join(map(sql.Identifier, values)),
        values=sql.SQL(", ").join(
            sql.SQL("%s::{}").format(sql.SQL(field.db_type(connection).replace("bigserial", "bigint")))
            for field in columns
        ),
    )
    cursor.execute(statement.as_string(cursor.connection), list(values.values()))
    return values["id"]


def _value(cursor, model, field, tenant):
    examples = EXAMPLES.get(model._meta.db_table, {})
    if field.column in examples:
        example = examples[field.column]
        return _prepared(field, example() if callable(example) else example)
    if field.column == "tenant_id":
        return tenant
    if field.column == "id":
        return new_id()
    if field.null:
        return None
    if field.is_relation:
        alike = [f for f in model._meta.local_fields if f.related_model is field.related_model and not f.null]
        # Two keys to one table name two rows, such as the two leads of a merge.
        return (_parent if field is alike[0] else make_row)(cursor, field.related_model, tenant)
    if field.has_default():
        return _prepared(field, field.get_default())
    if field.choices:
        return field.flatchoices[0][0]
    return _prepared(field, _generic(field))


def _prepared(field, value):
    if isinstance(field, SealedTextField):
        return value  # a ciphertext that opens for nobody
    return field.get_db_prep_save(value, connection)


def _generic(field):
    match field:
        case models.DateTimeField():
            return timezone.now()
        case models.DateField():
            return timezone.now().date()
        case models.BooleanField():
            return False
        case models.IntegerField() | models.DecimalField():
            return 0
        case models.JSONField():
            return {}
        case models.BinaryField():
            return b""
        case ArrayField():
            return []
    if not isinstance(field, models.CharField):
        return "" if field.blank else "something"
    if field.name.endswith("_ref") and field.max_length == 26:
        return spell(new_id())
    if field.max_length == 64:
        return sha256(new_id().bytes).hexdigest()
    return spell(new_id()).lower()[-field.max_length :]  # the end of an id is different each time


def _parent(cursor, model, tenant):
    """The id of a row that a row of this tenant may refer to."""
    where, asked = "", []
    if issubclass(model, TenantModel):
        where, asked = "WHERE tenant_id IS NOT DISTINCT FROM %s", [tenant]
    elif model._meta.db_table == "users":
        where, asked = "WHERE tenant_id IS NULL OR tenant_id = %s", [tenant]
    cursor.execute(f'SELECT id FROM "{model._meta.db_table}" {where} ORDER BY id LIMIT 1', asked)
    found = cursor.fetchone()
    return found[0] if found else make_row(cursor, model, tenant)


def insert_copy(cursor, model: type[models.Model], **changes) -> None:
    """INSERT a copy of some row of the table, with an id of its own and the given columns changed. Raises what PostgreSQL says."""
    need_row(cursor, model)
    taken, values = [], []
    for field in columns_of(model):
        if field.column in changes:
            taken.append(sql.SQL("%s::{}").format(sql.SQL(field.db_type(connection))))
            values.append(changes[field.column])
        elif field.column == "id":
            taken.append(sql.SQL("ulid_uuid()"))
        elif _is_of_one_row(field):
            taken.append(sql.SQL("%s::{}").format(sql.SQL(field.db_type(connection))))
            values.append(_value(cursor, model, field, None))
        else:
            taken.append(sql.Identifier(field.column))
    statement = sql.SQL("INSERT INTO {table} ({columns}) SELECT {taken} FROM {table} ORDER BY id LIMIT 1").format(
        table=sql.Identifier(model._meta.db_table),
        columns=sql.SQL(", ").join(sql.Identifier(field.column) for field in columns_of(model)),
        taken=sql.SQL(", ").join(taken),
    )
    cursor.execute(statement.as_string(cursor.connection), values)


def _is_of_one_row(field) -> bool:
    """Whether the text belongs to one row only, so that a copy needs another."""
    uniques = [c for c in field.model._meta.constraints if isinstance(c, models.UniqueConstraint)]
    named = {name for constraint in uniques for name in constraint.fields}
    is_a_name = isinstance(field, models.CharField) and not field.choices
    return is_a_name and (field.unique or field.name in named)

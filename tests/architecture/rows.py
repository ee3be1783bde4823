"""Rows of every kind for tests that work on tables rather than on one model: a row of the world, copied with changes."""

from django.db import connection, models
from psycopg import sql


def columns_of(model: type[models.Model]) -> list[models.Field]:
    """The columns an INSERT may name: all but the generated one."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]


# Deliveries are deleted when they are done, so a world at rest has none.
A_DELIVERY = """
INSERT INTO journal_deliveries (id, tenant_id, created_on, journal_entry_id, consumer, attempts, next_on, last_error)
SELECT ulid_uuid(), tenant_id, now(), id, 'tests.none', 0, now(), '' FROM journal_entries
 WHERE tenant_id IS NOT NULL AND NOT EXISTS (SELECT FROM journal_deliveries) ORDER BY id LIMIT 1
"""


def need_row(cursor, model: type[models.Model]) -> None:
    """There is a row of this table to copy or to change; a new kind of record belongs into the world of tests/world.py."""
    table = model._meta.db_table
    if table == "journal_deliveries":
        cursor.execute(A_DELIVERY)
    cursor.execute(f'SELECT EXISTS (SELECT FROM "{table}")')
    assert cursor.fetchone()[0], f"The world has no row of {table}."


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
        else:
            taken.append(sql.Identifier(field.column))
    statement = sql.SQL("INSERT INTO {table} ({columns}) SELECT {taken} FROM {table} ORDER BY id LIMIT 1").format(
        table=sql.Identifier(model._meta.db_table),
        columns=sql.SQL(", ").join(sql.Identifier(field.column) for field in columns_of(model)),
        taken=sql.SQL(", ").join(taken),
    )
    cursor.execute(statement.as_string(cursor.connection), values)

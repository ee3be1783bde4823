"""Foreign keys: composite between tenant tables, pointing down the layers, and refused by PostgreSQL for another's row."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from apps.shared.constraints import TenantForeignKey, UserKey
from apps.shared.guards import records
from apps.shared.models import BaseRecord
from apps.shared.scoping import PlatformOrTenantModel, TenantModel, every_tenant
from apps.tenants.models import User
from config import schema

from .rows import insert_copy, need_row

# Import order, top to bottom; apps in one row do not know each other.
LAYERS = [
    {"crm"},
    {"content", "ads"},
    {"activities"},
    {"channels", "strategy"},
    {"billing"},
    {"tenants"},
    {"storage"},
    {"shared"},
]
# Their target may be a row of the platform itself, so the tenant cannot be part of the key.
PLAIN = {
    ("activity_templates", "source_template"),
    ("recurring_task_templates", "source_template"),
    ("journal_deliveries", "journal_entry"),
    ("notifications", "journal_entry"),
    ("dispatch_logs", "notification"),
    ("dispatch_logs", "provider"),
    ("dispatch_logs", "journal_entry"),
}
RECORDS = records()
KEYS = [(m, f) for m in RECORDS for f in m._meta.local_fields if f.is_relation]
TENANT_KEYS = [(m, f) for m, f in KEYS if isinstance(f, TenantForeignKey)]
USER_KEYS = [(m, f) for m, f in KEYS if f.related_model is User and issubclass(m, TenantModel)]


def named(pair) -> str:
    return f"{pair[0]._meta.db_table}.{pair[1].column}"


def layer_of(model) -> int:
    return next(place for place, layer in enumerate(LAYERS) if model._meta.app_label in layer)


@pytest.mark.acceptance("CONV-composite-fk")
def test_every_key_between_two_tenant_tables_carries_the_tenant():
    plain = {
        (m._meta.db_table, f.name)
        for m, f in KEYS
        if issubclass(m, TenantModel)
        and issubclass(f.related_model, TenantModel)
        and not isinstance(f, TenantForeignKey)
    }

    assert plain == PLAIN


@pytest.mark.acceptance("REL-23")
def test_every_key_points_down_the_layers():
    upward = []
    for model, field in KEYS:
        target = field.related_model
        if field.name == "tenant" or target is User:
            continue  # of the base record: the written exception
        same_app = model._meta.app_label == target._meta.app_label
        if not same_app and layer_of(target) <= layer_of(model):
            upward.append(named((model, field)))

    assert upward == []


@pytest.mark.acceptance("CONV-created_by")
def test_keys_to_people_are_plain_and_every_other_key_of_a_base_record_is_one():
    for model in RECORDS:
        for name in ("created_by", "updated_by", "deleted_by"):
            if name in {f.name for f in model._meta.local_fields}:
                field = model._meta.get_field(name)
                assert (type(field), field.column) == (UserKey, name)


@pytest.mark.acceptance("CONV-tenant_id")
def test_the_exceptions_to_the_tenant_key_are_the_one_list():
    nullable = {m._meta.db_table for m in RECORDS if issubclass(m, PlatformOrTenantModel)} | {"users"}
    without = {m._meta.db_table for m in RECORDS if not issubclass(m, TenantModel)} - {"users"}
    unscoped = {
        m._meta.db_table
        for m in apps.get_models(include_auto_created=True)
        if not issubclass(m, BaseRecord) and not m._meta.db_table.startswith((*schema.THIRD_PARTY, "auth_"))
    }

    assert nullable == {t.name for t in schema.TABLES.values() if t.tenant == "nullable"}
    assert without | unscoped == {t.name for t in schema.TABLES.values() if t.tenant == "none"}


@pytest.mark.acceptance("CONV-composite-fk")
@pytest.mark.parametrize("pair", TENANT_KEYS, ids=named)
def test_postgresql_refuses_a_row_that_names_another_clients_row(pair, db):
    model, field = pair
    with connection.cursor() as cursor:
        child = f'"{model._meta.db_table}"'
        need_row(cursor, field.related_model)
        need_row(cursor, model)
        # A parent of another client that no row names yet, so that only the key itself can refuse it.
        cursor.execute(
            f'SELECT p.id FROM "{field.related_model._meta.db_table}" p '
            f"WHERE p.tenant_id <> (SELECT tenant_id FROM {child} ORDER BY id LIMIT 1) "
            f'ORDER BY p.id IN (SELECT "{field.column}" FROM {child}), p.id LIMIT 1'
        )
        (foreign,) = cursor.fetchone()
        changes = {field.column: foreign}
        if model._meta.db_table == "activity_runs":
            changes["attempt"] = 30_000
        if model._meta.db_table == "deliverable_periods":
            changes["period_start"] = "1999-01-01"
        if model._meta.db_table == "contract_events":
            changes["event"] = "viewed"  # which may be there twice
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            _write(cursor, model, changes)

    key = f"{model._meta.db_table}_{field.column}_same_tenant"  # a long name keeps its first 54 characters
    assert refused.value.__cause__.diag.constraint_name[:54] == key[:54]


def _write(cursor, model, changes) -> None:
    """By UPDATE where app_user may, which keeps all else as it is; else by INSERT."""
    if model.append_only or set(changes) & {model._meta.get_field(name).column for name in model.write_once}:
        insert_copy(cursor, model, **changes)
        return
    set_to = ", ".join(f'"{column}" = %s' for column in changes)
    table = model._meta.db_table
    cursor.execute(
        f'UPDATE "{table}" SET {set_to} WHERE id = (SELECT id FROM "{table}" ORDER BY id LIMIT 1)', [*changes.values()]
    )


@pytest.mark.acceptance("REL-21")
@pytest.mark.parametrize("pair", USER_KEYS, ids=named)
def test_postgresql_refuses_a_person_of_another_client(pair, db):
    model, field = pair
    with connection.cursor() as cursor:
        table = model._meta.db_table
        need_row(cursor, model)
        cursor.execute(
            "SELECT u.id FROM users u WHERE u.tenant_id IS NOT NULL AND u.tenant_id IS DISTINCT FROM "
            f'(SELECT tenant_id FROM "{table}" ORDER BY id LIMIT 1) ORDER BY u.id LIMIT 1'
        )
        (stranger,) = cursor.fetchone()
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            insert_copy(cursor, model, **{field.column: stranger})

    assert refused.value.__cause__.diag.constraint_name == "guard_user_keys"


def test_postgresql_takes_staff_and_people_of_the_client_itself(world, rita):
    with world.at("drafts") as tenant, connection.cursor() as cursor:
        for person in (rita.user, world.alice("drafts").user):
            cursor.execute("UPDATE approvals SET assigned_to = %s WHERE tenant_id = %s", [person.pk, tenant.pk])
            assert cursor.rowcount > 0


@pytest.mark.acceptance("REL-12", "CONV-global", "FLOW-templates-copy")
def test_a_clients_template_may_come_from_a_global_one(db):
    template = apps.get_model("activities", "ActivityTemplate")
    with every_tenant(reason="a test looks at copies"):
        copies = template.objects.filter(tenant__isnull=False)
        assert {copy.source_template.tenant_id for copy in copies.select_related("source_template")} == {None}

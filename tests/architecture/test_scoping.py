"""No scope, no data: asked outside a scope, every way into every tenant model raises before a statement is sent."""

import uuid

import pytest
from django.apps import apps
from django.db.models import Count, F

from apps.activities.models import Activity
from apps.shared.scoping import NoTenantScope, TenantManager, TenantModel

TENANT_MODELS = sorted((m for m in apps.get_models() if issubclass(m, TenantModel)), key=lambda m: m._meta.label)
MANAGERS = ("objects", "with_deleted", "_default_manager", "_base_manager")
ANY = uuid.UUID(int=1)

VERBS = {
    "all": lambda rows: rows.all(),
    "filter": lambda rows: rows.filter(pk=ANY),
    "exclude": lambda rows: rows.exclude(pk=ANY),
    "none": lambda rows: rows.none(),
    "get": lambda rows: rows.get(pk=ANY),
    "exists": lambda rows: rows.exists(),
    "count": lambda rows: rows.count(),
    "contains": lambda rows: rows.contains(rows.model(pk=ANY)),
    "first": lambda rows: rows.first(),
    "last": lambda rows: rows.last(),
    "earliest": lambda rows: rows.earliest("created_on"),
    "latest": lambda rows: rows.latest("created_on"),
    "in_bulk": lambda rows: rows.in_bulk([ANY]),
    "iterator": lambda rows: list(rows.iterator()),
    "values": lambda rows: rows.values("pk"),
    "values_list": lambda rows: rows.values_list("pk"),
    "dates": lambda rows: rows.dates("created_on", "month"),
    "datetimes": lambda rows: rows.datetimes("created_on", "month"),
    "annotate": lambda rows: rows.annotate(other=F("pk")),
    "alias": lambda rows: rows.alias(other=F("pk")),
    "aggregate": lambda rows: rows.aggregate(Count("pk")),
    "order_by": lambda rows: rows.order_by("pk"),
    "reverse": lambda rows: rows.reverse(),
    "distinct": lambda rows: rows.distinct(),
    "only": lambda rows: rows.only("pk"),
    "defer": lambda rows: rows.defer("created_on"),
    "select_related": lambda rows: rows.select_related("tenant"),
    "prefetch_related": lambda rows: rows.prefetch_related("tenant"),
    "select_for_update": lambda rows: rows.select_for_update(),
    "union": lambda rows: rows.union(rows.all()),
    "using": lambda rows: rows.using("default"),
    "raw": lambda rows: rows.raw("SELECT 1"),
    "explain": lambda rows: rows.explain(),
    "create": lambda rows: rows.create(),
    "get_or_create": lambda rows: rows.get_or_create(pk=ANY),
    "update_or_create": lambda rows: rows.update_or_create(pk=ANY),
    "bulk_create": lambda rows: rows.bulk_create([rows.model(pk=ANY)]),
    "bulk_update": lambda rows: rows.bulk_update([rows.model(pk=ANY)], ["created_on"]),
    "update": lambda rows: rows.update(created_on=None),
    "delete": lambda rows: rows.all().delete(),
    "aiterator": lambda rows: rows.aiterator(),
}


@pytest.mark.acceptance("SEC-tenant-filter")
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m._meta.db_table)
@pytest.mark.parametrize("manager", MANAGERS)
def test_every_manager_of_every_tenant_model_refuses_every_verb_outside_a_scope(model, manager):
    rows = getattr(model, manager)

    obeyed = []
    for name, ask in VERBS.items():
        try:
            ask(rows)
        except NoTenantScope:
            continue
        obeyed.append(name)

    assert obeyed == []


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m._meta.db_table)
def test_every_manager_of_a_tenant_model_is_a_scoped_one(model):
    managers = [*model._meta.managers, model._base_manager, model._default_manager]

    assert [m for m in managers if not isinstance(m, TenantManager)] == []


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m._meta.db_table)
def test_a_row_of_a_tenant_cannot_be_saved_or_read_again_outside_a_scope(model):
    row = model(pk=ANY)

    for way in (row.save, row.refresh_from_db, row.validate_unique):
        with pytest.raises(NoTenantScope):
            way()


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m._meta.db_table)
def test_a_key_to_a_tenant_model_is_not_followed_outside_a_scope(model):
    row = model(pk=ANY)
    keys = [f for f in model._meta.local_fields if f.is_relation and issubclass(f.related_model, TenantModel)]

    for key in keys:
        setattr(row, key.attname, ANY)
        with pytest.raises(NoTenantScope):
            getattr(row, key.name)


@pytest.mark.parametrize("verb", VERBS)
def test_a_related_manager_refuses_every_verb_outside_a_scope(verb):
    with pytest.raises(NoTenantScope):
        VERBS[verb](Activity(pk=ANY).steps)

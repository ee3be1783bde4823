"""Planting faults as the owner in a copy of the database, and looking at what is stored."""

import os

import pytest
from django.db import connections

from apps.shared.ids import new_id, spell
from apps.shared.scoping import tenant_scope
from apps.storage import clients
from apps.storage.documents import COLLECTIONS
from tests import databases
from tests import world as worlds


@pytest.fixture(scope="module")
def copied(template_database, django_db_blocker):
    """One copy of the database for all tests of the module, which commit and set what they need anew each time."""
    name = f"{template_database}_module_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    former = connections["default"].settings_dict["NAME"]
    with django_db_blocker.unblock():
        databases.copy(template_database, name)
        databases.use(name)
        try:
            yield name
        finally:
            connections.close_all()
            databases.use(former)
            databases.drop(name)


@pytest.fixture
def migrator(copied):
    """A cursor of the owner of the tables, in the module's copy."""
    with connections["migrator"].cursor() as cursor:
        yield cursor


@pytest.fixture
def own_client(db, sandbox, sam, rita):
    """A new client in scope, which no other process of the suite can see; its documents go with it."""
    slug = f"own-{spell(new_id()).lower()}"
    cast = worlds.make_client(slug, "created", sandbox_url=sandbox.url, sam=sam.user, rita=rita.user)
    with tenant_scope(cast.tenant.facts):
        yield cast.tenant
    for model in COLLECTIONS:
        if model.collection != "audit_logs":
            clients.database()[model.collection].delete_many({"tenantId": cast.tenant.ref_id})

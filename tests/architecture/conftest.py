"""What tests of the database itself need besides the shared fixtures."""

import os

import pytest
from django.db import connections

from tests import databases


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

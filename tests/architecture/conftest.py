"""What tests of the database itself need besides the shared fixtures."""

import pytest
from django.db import connections


@pytest.fixture
def migrator(own_database):
    """A cursor of the owner of the tables, in a copy of its own: what it plants is thrown away with the copy."""
    connections["migrator"].close()
    with connections["migrator"].cursor() as cursor:
        yield cursor
    connections["migrator"].close()

"""What the tests of Manage look at."""

import re

import pytest

from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def everything():
    """All clients at once, as Manage sees them."""
    with every_tenant(reason="a test looks at what was stored"):
        yield


@pytest.fixture
def journal(everything):
    """The codes written since the test began, oldest first."""
    known = set(JournalEntry.objects.values_list("pk", flat=True))

    def codes() -> list[str]:
        return list(JournalEntry.objects.exclude(pk__in=known).order_by("ref_id").values_list("code", flat=True))

    return codes

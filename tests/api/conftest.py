"""What every test of the API leans on; tests/README.md explains the cast."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from apps.storage import clients
from tests.api.routes import Records, records_in_scope


@pytest.fixture(autouse=True)
def fresh_limits():
    """Each test may ask as often as it likes."""
    cache.clear()


@pytest.fixture
def at_drafts(acme) -> Iterator[Records]:
    """One record of each kind of acme, whose two drafts wait for the reviewer."""
    yield records_in_scope()
    of_tests = {"name": {"$regex": "^(api|made)-"}, "tenantId": acme.ref_id}
    clients.database()["skills"].delete_many(of_tests)


def problem(response, status: int, code: str) -> dict:
    """The body of an error, after a look at its form; `errors` and `detail` are the caller's to compare."""
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), response.content
    assert response["Content-Type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "code", "detail", "errors", "request_id"}
    assert (body["status"], body["request_id"]) == (status, response["X-Request-ID"])
    return body


@pytest.fixture(name="problem")
def problem_fixture():
    return problem

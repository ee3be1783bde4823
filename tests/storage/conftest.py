"""Documents of clients that exist for one test only."""

from contextlib import contextmanager

import pytest
from django.utils import timezone

from apps import storage
from apps.shared.ids import new_id, spell
from apps.shared.scoping import TenantFacts, tenant_scope
from apps.storage import clients
from apps.storage.documents import COLLECTIONS


class Client:
    """A tenant as storage knows it: facts, no row."""

    def __init__(self):
        row_id = new_id()
        self.ref_id = spell(row_id)
        self.facts = TenantFacts(row_id, self.ref_id, "tests", "active", "cloud_ok", "UTC", True)

    @contextmanager
    def scope(self):
        with tenant_scope(self.facts):
            yield self


@pytest.fixture(autouse=True)
def stores(template_database):
    """The suite's own collections and buckets."""


@pytest.fixture
def clients_of_test():
    made = [Client(), Client()]
    yield made
    for model in COLLECTIONS:
        if model.collection != "audit_logs":
            refs = [client.ref_id for client in made]
            clients.database()[model.collection].delete_many({"tenantId": {"$in": refs}})


@pytest.fixture
def ours(clients_of_test):
    """In scope."""
    with clients_of_test[0].scope() as client:
        yield client


@pytest.fixture
def theirs(clients_of_test):
    return clients_of_test[1]


@pytest.fixture
def output():
    """output(version=2): an activity's output that is not stored yet."""

    def make(**changes) -> storage.ActivityOutput:
        ref = spell(new_id())
        values = {"activityId": ref, "subjectRef": ref, "version": 1, "authorType": "agent", "type": "blog_post"}
        return storage.ActivityOutput(createdOn=timezone.now(), **{**values, **changes})

    return make

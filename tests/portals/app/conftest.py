"""A client at the contract gate, and addresses of the dashboard."""

from dataclasses import dataclass

import pytest
from django.core.cache import cache
from django.urls import get_resolver
from django.utils import timezone

from apps.shared.actors import Actor
from apps.tenants import operations as tenants
from apps.tenants.models import Contract, Invitation, Tenant
from tests.conftest import Person
from tests.world import PASSWORD

NOWHERE = "01M0000000000000000000000A"  # a ref_id of no row


@pytest.fixture(autouse=True)
def fresh_limits():
    """Rate limits count per address, and all tests come from the same one."""
    cache.clear()
    yield
    cache.clear()


@dataclass(frozen=True)
class Gate:
    """A client whose contract waits: alice may accept it, mark may not."""

    tenant: Tenant
    alice: Person
    mark: Person
    contract: Contract

    def is_closed(self) -> bool:
        """Nobody accepted: the client's row, the contract's and its record of acceptance say so."""
        self.tenant.refresh_from_db()
        self.contract.refresh_from_db()
        accepted = (self.tenant.contract_accepted_on, self.contract.accepted_on, self.contract.accepted_by_id)
        return self.contract.status == "pending_acceptance" and accepted == (None, None, None)


@pytest.fixture
def gate(world):
    with world.at("created") as tenant:
        at = timezone.now()
        alice = tenants.accept_invitation(Invitation.objects.get(), password=PASSWORD, at=at)
        tenants.invite_user(
            tenant, name="Mark Menon", email=f"mark@{tenant.slug}.test", role="member", by=Actor.human(alice), at=at
        )
        mark = tenants.accept_invitation(Invitation.objects.get(email__startswith="mark@"), password=PASSWORD, at=at)
        yield Gate(tenant, Person(alice), Person(mark), Contract.objects.get())


def addresses(ref_id: str) -> dict[str, str]:
    """Every address of the dashboard by name, with this ref_id where it takes one."""
    found = {}

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, route)
            else:
                found[pattern.name] = route.replace("<str:ref_id>", ref_id)

    walk(get_resolver("apps.portals.app.urls").url_patterns, "/app/")
    return found

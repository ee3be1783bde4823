"""Decisions that wait at acme, a reviewer without clients, and every address of the DM Portal."""

import re

import pytest
from django.urls import get_resolver
from django.utils import timezone

from apps.activities.models import Activity, Approval
from apps.content.models import BlogPost
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from apps.tenants import operations as tenants
from tests.conftest import Person
from tests.world import PASSWORD

NOWHERE = "01M0000000000000000000000A"  # a ref_id of no row


@pytest.fixture
def olga(sam):
    """A reviewer to whom no client is assigned."""
    with tenant_scope():
        user = tenants.create_staff(
            email="olga@leadmetrics.test",
            name="Olga Ott",
            role="reviewer",
            password=PASSWORD,
            by=sam.actor,
            at=timezone.now(),
        )
    return Person(user)


@pytest.fixture
def drafts(acme):
    """The two drafts that wait for the reviewer, in the order of the queue."""
    return list(
        Approval.objects.filter(status="pending").select_related("tenant", "activity").order_by("expires_at", "ref_id")
    )


@pytest.fixture
def draft(drafts):
    return drafts[0]


def page_of(approval, action: str = "") -> str:
    return f"/dm/c/{approval.tenant.slug}/approvals/{approval.ref_id}/{action}"


def standing() -> list:
    """All that a decision, an edit or a move could change for the clients in scope, to be compared afterwards."""
    return [
        list(
            Approval.objects.order_by("ref_id").values_list(
                "ref_id", "status", "content_sha256", "decided_by_id", "decision_note"
            )
        ),
        list(Activity.objects.order_by("ref_id").values_list("ref_id", "status", "output_ref", "revision_note")),
        list(
            BlogPost.objects.order_by("ref_id").values_list(
                "ref_id", "status", "title", "slug", "content_ref", "scheduled_for"
            )
        ),
        JournalEntry.objects.count(),
    ]


def without_tokens(response) -> str:
    """The page without what is random in every answer: the CSRF token."""
    return re.sub(r'("X-CSRFToken": "|csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}', r"\1", response.text)


def system_of(name: str) -> Actor:
    return Actor.system(name)


def addresses(slug: str, ref_id: str) -> dict[str, str]:
    """Every address of the portal by name, for this client and ref_id."""
    found = {}

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, route)
            else:
                found[pattern.name] = route.replace("<slug:slug>", slug).replace("<str:ref_id>", ref_id)
                found[pattern.name] = found[pattern.name].replace("<str:name>", "no-such-skill")

    walk(get_resolver("apps.portals.dm.urls").url_patterns, "")
    return {name: "/dm/" + route.replace("^/", "", 1) for name, route in found.items()}

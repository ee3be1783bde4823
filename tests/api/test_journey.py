"""The first journey, from the contract to the live post, with nothing but the API; agents work between the requests."""

from urllib.request import urlopen

import pytest
from django.utils import timezone

from apps.shared.scoping import tenant_scope
from apps.tenants import operations as tenants
from apps.tenants.models import Invitation, Tenant
from tests.conftest import Person
from tests.world import PASSWORD, WORDPRESS_PASSWORD


@pytest.fixture
def hana(world, sandbox) -> Person:
    """The admin of a client whose contract nobody has accepted yet, just after she joined."""
    tenant = world.tenant("created")
    Tenant.objects.filter(pk=tenant.pk).update(website=f"{sandbox.url}/site/harbour-coffee/")  # where it is today
    with tenant_scope(tenant.facts):
        invitation = Invitation.objects.get(accepted_on__isnull=True)
        return Person(tenants.accept_invitation(invitation, password=PASSWORD, at=timezone.now()))


def told(response, status: int = 200):
    assert response.status_code == status, response.text
    return response.json()["data"]


def waiting(person: Person, role: str, **headers) -> list[dict]:
    return told(person.get(f"/api/v1/approvals/?status=pending&required_role={role}", **headers))


def read_and_approve(person: Person, role: str, **headers) -> list[str]:
    """Open each decision that waits, and approve what was shown; returns what they were about."""
    subjects = []
    for row in waiting(person, role, **headers):
        shown = told(person.get(f"/api/v1/approvals/{row['ref_id']}/", **headers))
        body = {"shown_sha256": shown["content_sha256"]}
        assert (
            told(person.send("POST", f"/api/v1/approvals/{row['ref_id']}/approve/", body, **headers))["status"]
            == "approved"
        )
        subjects.append(row["subject_type"])
    return subjects


@pytest.mark.acceptance("FLOW-contract-accept")
def test_a_client_gets_from_the_contract_to_live_posts(hana, rita, world, sandbox, run_world):
    for_client = {"X-Tenant": world.tenant("created").ref_id}

    assert hana.get("/api/v1/activities/").json()["code"] == "contract_required"
    contract = told(hana.get("/api/v1/contract/"))
    with urlopen(contract["pdf_url"]) as pdf:
        assert pdf.read(5) == b"%PDF-"
    accepted = told(hana.send("POST", "/api/v1/contract/accept/", {"shown_sha256": contract["sha256"], "agree": True}))
    assert (accepted["status"], accepted["accepted_by"]["name"]) == ("accepted", "Alice Ahuja")

    site = {
        "name": "Company blog",
        "site_url": f"{sandbox.url}/wordpress/acme",
        "username": "editor",
        "application_password": WORDPRESS_PASSWORD,
    }
    channel = told(hana.send("POST", "/api/v1/channels/connect/", site), 201)
    assert told(hana.send("POST", f"/api/v1/channels/{channel['ref_id']}/verify/"))["ok"] is True

    run_world()
    (run,) = told(hana.get("/api/v1/onboarding-runs/"))
    assert (run["status"], waiting(hana, "admin")) == ("review", [])
    assert "## " in told(hana.get(f"/api/v1/onboarding-runs/{run['ref_id']}/"))["context_file"]
    assert read_and_approve(rita, "reviewer", **for_client) == ["onboarding_run"]

    run_world()
    assert read_and_approve(hana, "admin") == ["strategy"]
    (strategy,) = told(hana.get("/api/v1/strategies/?status=active"))
    (deliverable,) = told(hana.get(f"/api/v1/deliverables/?type=blog_posts&strategy={strategy['ref_id']}"))

    run_world()
    (period,) = told(hana.get(f"/api/v1/deliverable-periods/?deliverable={deliverable['ref_id']}"))
    assert (period["completed_count"], period["status"]) == (0, "in_progress")
    topics = read_and_approve(rita, "reviewer", **for_client)
    assert topics == ["blog_request"] * period["target_count"]

    run_world()
    first, *others = waiting(rita, "reviewer", **for_client)
    asked = {"shown_sha256": first["content_sha256"], "note": "Say more about water."}
    assert told(rita.send("POST", f"/api/v1/approvals/{first['ref_id']}/reject/", asked))["status"] == "rejected"

    run_world()
    (again,) = [row for row in waiting(rita, "reviewer", **for_client) if row["subject_ref"] == first["subject_ref"]]
    post_path = f"/api/v1/blog-posts/{again['subject_ref']}/"
    post = rita.get(post_path)
    edit = {"title": "Soft water, better coffee", "change_note": "A shorter title."}
    edited = rita.send("PATCH", post_path, edit, **{"If-Match": post["ETag"]})
    assert told(edited)["title"] == "Soft water, better coffee"
    assert len(others) == period["target_count"] - 1
    assert read_and_approve(rita, "reviewer", **for_client) == ["blog_post"] * period["target_count"]

    run_world()
    assert read_and_approve(hana, "admin") == ["blog_post"] * period["target_count"]

    run_world()
    posts = told(hana.get("/api/v1/blog-posts/"))
    assert [post["status"] for post in posts] == ["published"] * period["target_count"]
    assert "Soft water, better coffee" in [post["title"] for post in posts]
    for post in posts:
        with urlopen(post["published_url"]) as page:
            assert post["title"] in page.read().decode()
    created = [
        e for e in sandbox.world.entries(target="wordpress") if (e.get("recorded") or {}).get("kind") == "post.created"
    ]
    assert len(created) == period["target_count"]
    (done,) = told(hana.get(f"/api/v1/deliverable-periods/?deliverable={deliverable['ref_id']}"))
    assert (done["completed_count"], done["status"]) == (done["target_count"], "completed")
    assert told(hana.get("/api/v1/usage/"))["calls"] > 0
    assert told(hana.get("/api/v1/activities/?status=failed")) == []

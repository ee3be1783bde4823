"""Nobody reaches another client's rows, and staff have no dashboard."""

import re

import pytest
from django.test import Client

from apps.activities.models import Approval
from apps.content.models import BlogPost
from apps.shared.models import JournalEntry
from tests.portals.app.conftest import NOWHERE, addresses

TAKES_A_REF = {name for name, path in addresses(NOWHERE).items() if NOWHERE in path}


def without_tokens(response) -> str:
    """The page without what is random in every answer: the CSRF token."""
    return re.sub(r'("X-CSRFToken": "|csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}', r"\1", response.text)


def test_the_walk_knows_every_address():
    assert sorted(TAKES_A_REF) == ["approval", "approve", "fill_setup", "opened", "post", "reject", "report"]
    assert set(addresses(NOWHERE)) - TAKES_A_REF == {
        "home", "approvals", "strategy", "content", "backlinks", "reports", "progress", "contract", "contract_pdf",
        "accept_contract", "setup", "ask",
    }  # fmt: skip
    assert addresses(NOWHERE)["approve"] == f"/app/approvals/{NOWHERE}/approve/"


@pytest.mark.parametrize("name", sorted(TAKES_A_REF))
def test_another_clients_rows_look_like_rows_that_are_not_there(world, mallory, name):
    with world.at("client"):
        theirs = [
            *Approval.objects.values_list("ref_id", flat=True),
            *BlogPost.objects.values_list("ref_id", flat=True),
        ]
        digest = Approval.objects.filter(status="pending").first().content_sha256
        before = list(Approval.objects.order_by("ref_id").values_list("status", "opened_on", "updated_on"))
        entries = JournalEntry.objects.count()
    nothing = addresses(NOWHERE)[name]
    sent = {"shown_sha256": digest, "note": "mine now"}

    for ref_id in theirs:
        path = addresses(ref_id)[name]
        for ask in (
            lambda p: mallory.get(p),
            lambda p: mallory.post(p, sent),
            lambda p: mallory.get(p, **{"HX-Request": "true"}),
        ):
            got, absent = ask(path), ask(nothing)
            assert got.status_code == absent.status_code
            if got.status_code == 404:
                assert without_tokens(got) == without_tokens(absent)
            else:  # a method this address does not take, or the way from a POST address to its page
                assert got.status_code in (302, 405)
    with world.at("client"):
        assert list(Approval.objects.order_by("ref_id").values_list("status", "opened_on", "updated_on")) == before
        assert JournalEntry.objects.count() == entries


def test_pages_without_a_ref_show_nothing_of_others(world, mallory):
    with world.at("client") as tenant:
        secrets = [tenant.name, tenant.slug, *BlogPost.objects.values_list("ref_id", flat=True)]

    for path in addresses(NOWHERE).values():
        response = mallory.get(path)
        assert not [secret for secret in secrets if secret in response.text]


def test_staff_have_no_dashboard(world, sam, rita):
    with world.at("client"):
        ref_id = Approval.objects.filter(status="pending").first().ref_id

    for person in (sam, rita):
        for name, path in addresses(ref_id).items():
            got, sent = person.get(path).status_code, person.post(path, {"shown_sha256": "0" * 64}).status_code
            assert {got, sent} <= {404, 405}, name
            assert 404 in (got, sent), name


def test_visitors_are_asked_to_sign_in(world):
    for path in addresses(NOWHERE).values():
        response = Client().get(path)
        if response.status_code != 405:
            assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={path}")
        part = Client().get(path, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/app/content/"})
        if part.status_code != 405:  # the page goes to the sign-in, not the part that asked
            assert (part.status_code, part["HX-Redirect"]) == (204, "/account/login/?next=/app/content/")


def test_somebody_without_access_to_the_dashboard_finds_nothing(world):
    alice = world.alice("client")
    type(alice.user).objects.filter(pk=alice.user.pk).update(app_access=[])

    assert {alice.get(path).status_code for path in addresses(NOWHERE).values()} <= {404, 405}

"""Signing in with address and password."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.tenants import operations as tenants
from apps.tenants.models import User
from tests.world import PASSWORD

ALICE, RITA = "alice@acme-live.test", "rita@leadmetrics.test"


def sign_in(
    email: str, password: str = PASSWORD, *, client: Client | None = None, path: str = "/account/login/", **data
):
    client = client or Client()
    response = client.post(path, {"login": email, "password": password, **data})
    response.user_id = client.session.get("_auth_user_id")
    response.text = response.content.decode()
    return response


@pytest.mark.parametrize(("email", "home"), [(ALICE, "app:home"), (ALICE.upper(), "app:home"), (RITA, "dm:inbox")])
def test_people_land_on_their_own_pages(world, email, home):
    response = sign_in(email)

    assert (response.status_code, response["Location"]) == (302, reverse(home))


def test_a_wrong_password_is_answered_alike_for_known_and_unknown_addresses(world):
    known, unknown = sign_in(ALICE, "not her passphrase"), sign_in("nobody@acme-live.test", "not her passphrase")

    def without_what_was_typed(response):
        text = response.text.replace(ALICE, "ADDRESS").replace("nobody@acme-live.test", "ADDRESS")
        return text.replace(str(response.context["csrf_token"]), "TOKEN")

    assert "The address or the password is wrong." in known.text
    assert without_what_was_typed(known) == without_what_was_typed(unknown)
    assert (known.user_id, unknown.user_id) == (None, None)


def test_the_session_is_a_new_one_after_signing_in(world):
    client = Client()
    session = client.session
    session["before"] = True
    session.save()
    before = session.session_key

    sign_in(ALICE, client=client)

    assert client.session.session_key != before


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "http://testserver@evil.example/",
        "https:evil.example",
        "\t//evil.example",
        " https://evil.example",
    ],
)
def test_next_leads_nowhere_else(world, target):
    by_field = sign_in(ALICE, next=target)
    by_query = Client().post("/account/login/", {"login": ALICE, "password": PASSWORD}, query_params={"next": target})

    assert (by_field["Location"], by_query["Location"]) == ("/app/", "/app/")


def test_next_leads_back_to_an_own_page(world):
    asked = Client().get("/app/content/?before=01M0000000000000000000000A")
    response = sign_in(ALICE, next="/app/content/?before=01M0000000000000000000000A")

    assert asked["Location"] == "/account/login/?next=/app/content/%3Fbefore%3D01M0000000000000000000000A"
    assert response["Location"] == "/app/content/?before=01M0000000000000000000000A"


def test_failures_are_limited_per_caller_and_the_owner_is_not_locked_out(world):
    attacker = Client(REMOTE_ADDR="203.0.113.7")
    failures = [sign_in(ALICE, "wrong passphrase", client=attacker).status_code for _ in range(5)]

    refused = sign_in(ALICE, PASSWORD, client=attacker)
    forged = Client(REMOTE_ADDR="203.0.113.7", headers={"X-Forwarded-For": "198.51.100.9"})
    still_refused = sign_in(ALICE, PASSWORD, client=forged)
    owner = sign_in(ALICE, PASSWORD, client=Client(REMOTE_ADDR="198.51.100.4"))

    assert failures == [200] * 5
    assert (refused.status_code, refused["Retry-After"], refused.user_id) == (429, "300", None)
    assert "Too many tries" in refused.text
    assert (still_refused.status_code, still_refused.user_id) == (429, None)
    assert owner.status_code == 302


def test_trying_many_addresses_from_one_place_is_answered_429(world):
    answers = [sign_in(f"guess{n}@acme-live.test", "wrong passphrase").status_code for n in range(11)]

    assert answers == [200] * 10 + [429]


def test_somebody_deactivated_neither_signs_in_nor_stays(world, sam):
    alice = world.alice("live")
    assert alice.get("/app/").status_code == 200
    with world.at("live"):
        tenants.deactivate_user(alice.user, by=sam.actor, at=timezone.now())

    stays, returns = alice.get("/app/"), sign_in(ALICE)

    assert (stays.status_code, stays["Location"]) == (302, "/account/login/?next=/app/")
    assert (returns["Location"], returns.user_id) == ("/account/inactive/", None)
    assert "switched off" in Client().get("/account/inactive/").content.decode()


def test_somebody_invited_who_has_not_joined_cannot_sign_in(world):
    assert User.objects.get(email="alice@acme-created.test").status == "invited"

    assert [sign_in("alice@acme-created.test", password).user_id for password in ("", "!", PASSWORD)] == [None] * 3


def test_a_suspended_client_is_told_why_after_signing_in(world, sam):
    with world.at("live") as tenant:
        tenants.move_tenant(tenant, "suspend", by=sam.actor, at=timezone.now())
    client = Client()
    sign_in(ALICE, client=client)

    for path in ("/app/", "/app/content/", "/app/contract/"):
        response = client.get(path)
        assert response.status_code == 403
        assert "The account of Acme Live is suspended. Write to your agency." in response.content.decode()


def test_a_megabyte_of_password_is_not_hashed(world):
    response = sign_in(ALICE, "x" * 900_000)

    assert response.user_id is None
    assert "1024" in response.text


def test_signing_in_needs_the_csrf_token(world):
    client = Client(enforce_csrf_checks=True)

    response = sign_in(ALICE, client=client)

    assert (response.status_code, response.user_id) == (403, None)
    assert "Go back, reload the page, and send it again." in response.text


def test_signing_out_ends_the_session_and_a_get_does_not(world):
    alice = world.alice("live")
    key = alice.client.session.session_key

    alice.get("/account/logout/")
    assert alice.get("/app/").status_code == 200
    alice.post("/account/logout/")

    stolen = Client()
    stolen.cookies["sessionid"] = key
    assert stolen.get("/app/").status_code == 302

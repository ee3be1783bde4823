"""The page behind the mailed link."""

import logging
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.shared.scoping import every_tenant
from apps.tenants import operations as tenants
from apps.tenants.models import Invitation, User
from config.logs import JsonFormatter
from tests.conftest import Person

GOOD = "three calm herons wade"


@pytest.fixture
def invitation(world):
    with world.at("created"):
        yield Invitation.objects.select_related("user", "tenant").get()


@pytest.fixture
def link(invitation):
    return f"/invitation/{tenants.invitation_token(invitation)}/"


@pytest.fixture
def visitor():
    return Client()


def untouched(invitation) -> bool:
    """The invitation is as it was: open, and nobody joined."""
    invitation.refresh_from_db()
    user = User.objects.get(pk=invitation.user_id)
    return invitation.accepted_on is None and user.status == "invited" and not user.has_usable_password()


def test_it_says_who_invites_whom_to_what_and_changes_nothing(visitor, link, invitation):
    for _ in range(3):  # mail scanners fetch links more than once
        response = visitor.get(link)

    text = response.content.decode()
    assert response.status_code == 200
    assert "Join Acme Created" in text
    assert "Sam Iyer has opened an account for Alice Ahuja" in text
    assert (response["Referrer-Policy"], response["Cache-Control"]) == ("no-referrer", "no-store")
    assert '<meta name="referrer" content="strict-origin">' in text  # else browsers send the form with Origin: null
    assert untouched(invitation)


def test_choosing_a_password_signs_the_person_in_with_a_fresh_session(visitor, link, invitation):
    visitor.get("/account/login/")
    session = visitor.session
    session["before"] = True
    session.save()
    before = session.session_key

    response = visitor.post(link, {"password": f" {GOOD} "})

    alice = User.objects.get(pk=invitation.user_id)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert visitor.session["_auth_user_id"] == str(alice.pk)
    assert visitor.session.session_key != before
    assert (alice.status, alice.check_password(f" {GOOD} "), alice.check_password(GOOD)) == ("active", True, False)
    assert visitor.get("/", follow=True).redirect_chain[-1][0] == "/app/contract/"


def test_a_second_use_and_every_other_token_get_the_same_page(visitor, link, invitation):
    visitor.post(link, {"password": GOOD})
    password = User.objects.get(pk=invitation.user_id).password
    others = ["nonsense", "a" * 64, "%00", "x" * 3_000, "%F0%9F%92%A3", "..%2f"]

    answers = [Client().get(link), Client().post(link, {"password": "another good passphrase"})]
    answers += [Client().get(f"/invitation/{token}/") for token in others]

    assert {response.status_code for response in answers} <= {410, 404}
    pages = [response.content for response in answers if response.status_code == 410]
    assert len(pages) >= 7
    assert len(set(pages)) == 1
    assert b"ask whoever invited you" in pages[0]
    assert User.objects.get(pk=invitation.user_id).password == password


@pytest.mark.parametrize("end", ["expired", "revoked", "deactivated"])
def test_a_link_that_ended_is_spent(visitor, link, invitation, sam, end):
    if end == "expired":
        Invitation.objects.filter(pk=invitation.pk).update(expires_on=timezone.now() - timedelta(seconds=1))
    elif end == "revoked":
        Invitation.objects.filter(pk=invitation.pk).update(revoked_on=timezone.now(), revoked_by=sam.user)
    else:
        tenants.deactivate_user(invitation.user, by=sam.actor, at=timezone.now())

    got, posted = visitor.get(link), visitor.post(link, {"password": GOOD})

    assert (got.status_code, posted.status_code) == (410, 410)
    assert User.objects.get(pk=invitation.user_id).status in ("invited", "deactivated")
    assert "_auth_user_id" not in visitor.session


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "Choose a password."),
        ("brief", "at least 10 characters"),
        ("password1234", "too common"),
        ("alice ahuja", "too similar"),
        ("x" * 1_025, "at most 1024"),
        ("ten chars\0 and more", "Null characters"),
    ],
)
def test_a_password_that_will_not_do_is_refused_beside_the_field(visitor, link, invitation, password, says):
    response = visitor.post(link, {"password": password})

    assert response.status_code == 422
    assert says in response.content.decode()
    assert password not in response.content.decode() or not password
    assert untouched(invitation)
    assert "_auth_user_id" not in visitor.session


def test_without_a_csrf_token_nobody_joins(link, invitation):
    response = Client(enforce_csrf_checks=True).post(link, {"password": GOOD})

    assert response.status_code == 403
    assert untouched(invitation)


def test_somebody_else_who_is_signed_in_is_told_and_signed_out(link, rita, invitation):
    page = rita.get(link)
    rita.post(link, {"password": GOOD})

    assert "You are signed in as rita@leadmetrics.test" in page.text
    assert rita.client.session["_auth_user_id"] == str(invitation.user_id)


def test_staff_join_by_invitation_too(visitor, sam):
    with every_tenant(reason="staff belong to no client"):
        tenants.invite_user(
            None, name="Ravi Rao", email="ravi@leadmetrics.test", role="reviewer", by=sam.actor, at=timezone.now()
        )
        invitation = Invitation.objects.get(email="ravi@leadmetrics.test")
    link = f"/invitation/{tenants.invitation_token(invitation)}/"

    page = visitor.get(link).content.decode()
    answers = [visitor.post(link, {"password": GOOD}).status_code, Client().post(link, {"password": GOOD}).status_code]

    assert "Join Leadmetrics" in page
    assert answers == [302, 410]
    assert User.objects.get(email="ravi@leadmetrics.test").status == "active"


def test_the_token_is_not_logged(visitor, link, caplog):
    with caplog.at_level(logging.DEBUG):
        visitor.post(link, {"password": "short"})
        visitor.post(link, {"password": GOOD})
        visitor.get(link)

    token = link.split("/")[2]
    lines = [JsonFormatter().format(record) for record in caplog.records if record.name.startswith("django.request")]
    assert len(lines) == 2
    assert not [line for line in lines if token in line]


def test_names_are_shown_as_typed(visitor, link, invitation):
    hostile = "<script>alert(1)</script>{{7*7}}"
    User.objects.filter(pk=invitation.user_id).update(name=hostile)

    text = visitor.get(link).content.decode()

    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in text


def test_other_methods_are_refused(link, rita: Person):
    assert [rita.client.generic(method, link).status_code for method in ("PUT", "DELETE", "PATCH", "OPTIONS")] == [
        405
    ] * 4

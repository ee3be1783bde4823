"""Channels: connecting a WordPress site, testing it, disconnecting it; its password is written and never read."""

import pytest

from apps.channels.models import Channel
from apps.shared.models import JournalEntry
from tests.api.routes import ROUTES, body_for, state_of

CONNECT = "/api/v1/channels/connect/"
SECRET = "rehearsal application password"


def site(sandbox, **changes) -> dict:
    (route,) = [route for route in ROUTES if route.path == "/channels/connect/"]
    return {**body_for(route, sandbox.url), **changes}


def test_a_connected_site_is_a_channel_whose_password_nobody_sees(alice, acme, sandbox):
    response = alice.send("POST", CONNECT, site(sandbox))

    told = response.json()["data"]
    channel = Channel.objects.get(ref_id=told["ref_id"])
    assert (response.status_code, response["Location"]) == (201, f"/api/v1/channels/{channel.ref_id}/")
    assert (told["platform"], told["username"], told["publish_as"]) == ("wordpress", "editor", "draft")
    assert channel.access_token.open() == SECRET
    seen = [response.text, alice.get(response["Location"]).text, alice.get("/api/v1/channels/").text]
    assert [SECRET in text for text in seen] == [False, False, False]
    assert "g1." not in "".join(seen)  # nor its ciphertext
    assert JournalEntry.objects.order_by("-ref_id").first().code == "channel.added"


def test_a_site_that_is_connected_already_is_400(alice, acme, sandbox, problem):
    alice.send("POST", CONNECT, site(sandbox))
    before = state_of(acme)

    errors = problem(alice.send("POST", CONNECT, site(sandbox)), 400, "invalid_input")["errors"]

    assert errors == {"site_url": ["This site is connected with this user already."]}
    assert state_of(acme) == before


def test_the_same_site_of_another_client_is_theirs(alice, mallory, acme, sandbox):
    assert mallory.send("POST", CONNECT, site(sandbox)).status_code == 201
    assert alice.send("POST", CONNECT, site(sandbox)).status_code == 201


def test_verifying_asks_the_site_and_says_what_it_found(alice, acme, at_drafts, sandbox):
    response = alice.send("POST", f"/api/v1/channels/{at_drafts.channel}/verify/")

    told = response.json()["data"]
    assert (response.status_code, told["ok"], told["cause"]) == (200, True, "")
    assert told["channel"]["status"] == "connected"
    assert told["channel"]["last_verified_at"] is not None
    assert SECRET not in response.text


def test_a_test_that_fails_names_the_cause_and_the_channel_is_in_error(alice, acme, sandbox):
    added = alice.send("POST", CONNECT, site(sandbox, application_password="wrong")).json()["data"]

    response = alice.send("POST", f"/api/v1/channels/{added['ref_id']}/verify/")

    told = response.json()["data"]
    assert (response.status_code, told["ok"], told["cause"]) == (200, False, "wrong_credentials")
    assert "Make a new application password" in told["detail"]
    assert (told["channel"]["status"], told["channel"]["error_message"]) == ("error", told["detail"])


def test_a_disconnected_channel_forgets_its_password(alice, acme, at_drafts, sandbox, problem):
    path = f"/api/v1/channels/{at_drafts.channel}"

    told = alice.send("POST", f"{path}/disconnect/").json()["data"]

    assert told["status"] == "revoked"
    assert Channel.objects.get(ref_id=at_drafts.channel).access_token is None
    problem(alice.send("POST", f"{path}/disconnect/"), 409, "move_refused")
    problem(alice.send("POST", f"{path}/verify/"), 409, "channel_disconnected")
    assert sandbox.world.entries(target="wordpress") == []


def test_a_disconnected_site_can_be_connected_again(alice, acme, sandbox):
    first = alice.send("POST", CONNECT, site(sandbox)).json()["data"]
    alice.send("POST", f"/api/v1/channels/{first['ref_id']}/disconnect/")

    again = alice.send("POST", CONNECT, site(sandbox, name="Blog", application_password="another one"))

    told = again.json()["data"]
    assert (again.status_code, told["ref_id"], told["status"], told["name"]) == (
        201,
        first["ref_id"],
        "connected",
        "Blog",
    )
    assert Channel.objects.get(ref_id=told["ref_id"]).access_token.open() == "another one"


def test_a_password_that_cannot_be_read_any_more_is_no_crash(alice, acme, at_drafts, sandbox, problem):
    other = Channel.objects.get(ref_id=alice.send("POST", CONNECT, site(sandbox)).json()["data"]["ref_id"])
    channel = Channel.objects.get(ref_id=at_drafts.channel)
    channel.__dict__["access_token"] = other.__dict__["access_token"]  # a ciphertext made for another row
    channel.save(update_fields=["access_token"])

    problem(alice.send("POST", f"/api/v1/channels/{at_drafts.channel}/verify/"), 409, "secret_unreadable")

    assert sandbox.world.entries(target="wordpress") == []


@pytest.mark.acceptance("SEC-decrypt")
def test_no_answer_of_the_api_holds_a_password(alice, rita, acme, at_drafts, sandbox):
    answers = [
        alice.send("POST", CONNECT, site(sandbox)),
        alice.send("POST", CONNECT, site(sandbox)),
        alice.send("POST", CONNECT, site(sandbox, username="")),
        alice.send("POST", f"/api/v1/channels/{at_drafts.channel}/verify/"),
        alice.send("POST", f"/api/v1/channels/{at_drafts.channel}/disconnect/"),
        alice.get("/api/v1/channels/"),
        rita.get("/api/v1/channels/"),
    ]

    assert [answer.status_code for answer in answers] == [201, 400, 400, 200, 200, 200, 200]
    assert not [answer.text for answer in answers if SECRET in answer.text or "g1." in answer.text]


ADDRESSES = [
    "http://127.0.0.1",
    "http://127.0.0.1:1/wordpress",
    "http://localhost",
    "http://[::1]/",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.1",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal",
    "http://10.0.0.1",
    "https://blog.internal",
    "ftp://example.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/html,x",
    "//example.com",
    "example.com",
    "https://",
    "https://user:password@example.com",
    "https://example.com:8080",
    "https://example.com/a b",
    "https://example.com\\@evil.example",
    "https://example.com/?p=1",
    "https://example.com/#top",
    "https://exa\u200bmple.com",
    "https://example.com/" + "x" * 400,
    "https://" + "a" * 300 + ".example",
    "https://exam\nple.com",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_the_product_may_not_call_is_400_when_it_is_saved(address, alice, acme, sandbox, problem):
    before = state_of(acme)

    errors = problem(alice.send("POST", CONNECT, site(sandbox, site_url=address)), 400, "invalid_input")["errors"]

    assert set(errors) == {"site_url"}
    assert state_of(acme) == before
    assert sandbox.world.entries(target="wordpress") == []

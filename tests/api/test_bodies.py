"""Bad values in every field of every body: 400 that names the field, and nothing changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.channels.models import Channel
from tests.api.routes import (
    FIGURES,
    REFUSED_AT_DRAFTS,
    WITH_FIELDS,
    Route,
    body_for,
    headers_for,
    named,
    random_ref,
    state_of,
)

NO_TEXT = [None, 1, 1.5, True, False, [], {}, ["x"], {"$ne": ""}]
NO_LINE = [*NO_TEXT, "", "   ", "a\nb", "a\r\nBcc: x@evil.example", "tab\tbed", "bell\x07", "\x7f"]
NO_WORD = [*NO_LINE, "ad\u200bmin", "ad\u202emin", "ad\u2066min", "\ufeffadmin"]
NO_LIST = [None, 1, True, "tea", {}, {"$ne": ""}, [None], [1], [{}], [[]], [""]]
FIELDS = {
    "shown_sha256": [*NO_TEXT, "", "0" * 63, "0" * 65, "g" * 64, "A" * 64, "0" * 64 + "\n", " " + "0" * 63, "٠" * 64],
    "agree": [None, False, 1, 0, "true", "yes", "", [], {}],
    "name": [*NO_LINE, "x" * 256],
    "site_url": [*NO_WORD, "x" * 401, "not an address", "https://example.com/" + "x" * 400],
    "username": [*NO_WORD, "x" * 61, "with:colon"],
    "application_password": [*NO_TEXT, "", "   ", "x" * 201, "x" * 1_000_000],
    "publish_as": [*NO_TEXT, "", "PUBLISH", "publish ", "live", "' OR 1=1--", "x" * 9_000],
    "title": [*NO_LINE, "x" * 501],
    "slug": [
        *NO_WORD,
        "x" * 101,
        "Upper",
        "two words",
        "-lead",
        "trail-",
        "dou--ble",
        "..",
        "%2e%2e",
        "a/b",
        "emoji-💩",
        "ünder",
        "under_score",
    ],
    "meta_description": [*NO_LINE, "x" * 161],
    "scheduled_for": [
        *[value for value in NO_TEXT if value is not None],
        "",
        "tomorrow",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2027-03-28T02:30:00",
        "2027-03-28",
        "1774922400",
        "٢٠٢٧-03-28T02:30:00Z",
        "9999-12-31T23:59:59-23:59",
        (timezone.now() + timedelta(days=800)).isoformat(),
    ],
    "body_markdown": [*NO_TEXT, "", " \n ", "x" * 60_001, "# A title of its own\n\nText."],
    "change_note": [*NO_TEXT, "x" * 501],
    "url": [*NO_TEXT, "", " ", "two\nlines", "https://a.example/\u202e", "x" * 1_001],
    "cause": [*NO_TEXT, "", "   ", "x" * 4_001],
    "description": [*NO_TEXT, "", "   ", "x" * 501, "x" * 1_001, "ad\u202emin"],
    "body": [*NO_TEXT, "", " \n ", "x" * 20_001, "ad\u202emin", "---\nname: a\n---\nb"],
    "tags": [*NO_LIST, ["two words"], ["Ünder"], ["x" * 41], [str(number) for number in range(11)]],
    "roles": [*NO_LIST, ["boss"], ["publisher"], ["x" * 101]],
    "deliverable_type": [*NO_TEXT, "", "blogs", "onboarding", "BLOG_POSTS"],
    "wish": [*NO_TEXT, "", " \n ", "x" * 4_001, "ad\u202emin", "bell\x07"],
    "platforms": [*NO_LIST, ["wordpress"], ["myspace"], ["linkedin", "linkedin"], ["x" * 101], ["linkedin"] * 11],
    "wanted_by": [
        *[value for value in NO_TEXT if value is not None],
        "",
        "tomorrow",
        "2027-02-30",
        "20270301",
        "2027-03-01T00:00:00Z",
        "٢٠٢٧-03-01",
        "2020-01-01",
        (timezone.now() + timedelta(days=800)).date().isoformat(),
    ],
    "goal": [*[value for value in NO_TEXT if value is not None], "", "x", "x" * 27, random_ref()],
    "is_active": [None, 1, 0, "true", "yes", "", [], {}],
    **dict.fromkeys(FIGURES, [None, "", "3", 3.5, -1, True, [], {}, 10**11]),
}
NOTES = {
    "/approvals/{ref}/approve/": [*NO_TEXT, "x" * 4_001],
    "/approvals/{ref}/reject/": [*NO_TEXT, "", "   ", "\n", "x" * 4_001],
    "/activities/{ref}/confirm-published/": [*NO_TEXT, "x" * 4_001],
}
OPTIONAL = {
    "/approvals/{ref}/approve/": {"note"},
    "/channels/connect/": {"publish_as"},
    "/activities/{ref}/confirm-published/": {"note"},
    "/social-posts/{ref}/engagement/": set(FIGURES),
    "/activities/": {"platforms", "wanted_by", "goal"},
    "/skills/": {"tags", "roles"},
    "/skills/{ref}/": {"description", "body", "tags", "roles", "is_active"},
    "/blog-posts/{ref}/": {"title", "slug", "meta_description", "scheduled_for", "body_markdown", "change_note"},
}


def bad_values(route: Route, field: str) -> list:
    return NOTES[route.path] if field == "note" else FIELDS[field]


@pytest.fixture
def ask(rita, alice, acme, at_drafts, sandbox):
    """Send a body to a route as somebody who may, with the digests of what is there now."""

    def send(route: Route, body: dict):
        person = alice if "contract" in route.path else rita
        headers = {"X-Tenant": acme.ref_id} if person is rita else {}
        return person.send(
            route.method, at_drafts.of(route), body, **headers_for(route, at_drafts.content_sha256), **headers
        )

    return send


def good_body(route: Route, at_drafts, sandbox) -> dict:
    sha256 = at_drafts.contract_sha256 if "contract" in route.path else at_drafts.content_sha256
    return body_for(route, sandbox.url, sha256)


@pytest.mark.parametrize("route", WITH_FIELDS, ids=named(WITH_FIELDS))
def test_a_value_that_is_not_exactly_what_is_due_is_400_and_named(route, ask, acme, at_drafts, sandbox, problem):
    good, before = good_body(route, at_drafts, sandbox), state_of(acme)

    for field in route.fields:
        for value in bad_values(route, field):
            response = ask(route, {**good, field: value})
            errors = problem(response, 400, "invalid_input")["errors"]
            assert set(errors) == {field}, (field, str(value)[:50], errors)
            assert len(response.content) < 2_000  # what was sent is not sent back

    assert state_of(acme) == before


@pytest.mark.parametrize("route", WITH_FIELDS, ids=named(WITH_FIELDS))
def test_a_text_may_not_hold_what_no_table_could(route, ask, acme, at_drafts, sandbox, problem):
    good, before = good_body(route, at_drafts, sandbox), state_of(acme)

    for field in route.fields:
        for value in ("nul\x00nul", "lone\ud800surrogate"):
            assert problem(ask(route, {**good, field: value}), 400, "parse_error")["errors"] == {}

    assert state_of(acme) == before


@pytest.mark.parametrize("route", WITH_FIELDS, ids=named(WITH_FIELDS))
def test_a_field_that_is_due_and_missing_is_named(route, ask, acme, at_drafts, sandbox, problem):
    good, before = good_body(route, at_drafts, sandbox), state_of(acme)
    required = [field for field in route.fields if field not in OPTIONAL.get(route.path, ())]

    for field in required:
        body = {name: value for name, value in good.items() if name != field}
        errors = problem(ask(route, body), 400, "invalid_input")["errors"]
        assert errors == {field: ["This field is required."]}
    if len(required) > 1:
        assert set(problem(ask(route, {}), 400, "invalid_input")["errors"]) == set(required)

    assert state_of(acme) == before


@pytest.mark.parametrize("route", WITH_FIELDS, ids=named(WITH_FIELDS))
def test_the_good_body_the_others_are_made_from_is_taken(route, ask, at_drafts, sandbox):
    response = ask(route, good_body(route, at_drafts, sandbox))

    wanted = (409,) if route.path.endswith(REFUSED_AT_DRAFTS) else (200, 201)
    assert response.status_code in wanted, response.text


def test_a_limit_is_named_with_its_number(ask, at_drafts, sandbox, problem):
    (route,) = [route for route in WITH_FIELDS if (route.method, route.noun) == ("PATCH", "blog_post")]

    errors = problem(ask(route, {"title": "x" * 501, "meta_description": "x" * 161}), 400, "invalid_input")["errors"]

    assert errors == {
        "title": ["Ensure this field has no more than 500 characters."],
        "meta_description": ["Ensure this field has no more than 160 characters."],
    }


@pytest.mark.parametrize("body", [{}, {"change_note": "x"}])
def test_an_edit_that_changes_nothing_is_400(body, ask, problem):
    (route,) = [route for route in WITH_FIELDS if (route.method, route.noun) == ("PATCH", "blog_post")]

    assert problem(ask(route, body), 400, "invalid_input")["errors"] == {"non_field_errors": ["Say what to change."]}


@pytest.mark.parametrize("password", ["x", " outer spaces ", "p" * 128, "p" * 200, "ünï çødé", "a b c d", "💩" * 100])
def test_a_password_is_kept_exactly_as_it_was_sent(password, alice, acme, sandbox):
    (route,) = [route for route in WITH_FIELDS if "connect" in route.path]
    body = {**body_for(route, sandbox.url), "application_password": password}

    added = alice.send("POST", "/api/v1/channels/connect/", body).json()["data"]

    assert Channel.objects.get(ref_id=added["ref_id"]).access_token.open() == password


@pytest.mark.parametrize(
    "note", ["Shorter.\n\nAnd warmer.", " outer spaces ", "न" * 4_000, "<b>{{7*7}}</b>", "👨\u200d👩\u200d👧", "‮abc"]
)
def test_a_note_is_kept_exactly_as_it_was_sent(note, rita, acme, at_drafts):
    body = {"shown_sha256": at_drafts.content_sha256, "note": note}

    told = rita.send("POST", f"/api/v1/approvals/{at_drafts.approval}/reject/", body).json()["data"]

    assert told["decision_note"] == note

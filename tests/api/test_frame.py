"""The frame every route stands in: sign-in, CSRF, headers, content types, JSON, and one form of error."""

import json

import pytest
from django.test import Client
from rest_framework.throttling import UserRateThrottle

from apps.activities.models import Approval
from tests.api.routes import ROUTES, WITH_FIELDS, WRITING, body_for, named, state_of

ACCEPT = "/api/v1/contract/accept/"


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_nobody_gets_anything_without_signing_in(route, at_drafts, problem, sandbox):
    response = Client().generic(route.method, at_drafts.of(route), "", content_type="application/json")

    problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Session"


def test_a_token_in_the_query_is_not_read(db, problem):
    problem(Client().get("/api/v1/me/?token=abc"), 401, "not_authenticated")


def test_a_deactivated_person_is_signed_out_by_the_next_request(alice, problem):
    type(alice.user).objects.filter(pk=alice.user.pk).update(status="deactivated")

    problem(alice.get("/api/v1/me/"), 401, "not_authenticated")


@pytest.mark.parametrize("route", WRITING, ids=named(WRITING))
def test_nothing_is_written_without_the_csrf_token(route, rita, alice, acme, at_drafts, problem, sandbox):
    person = alice if "contract" in route.path else rita
    client = Client(enforce_csrf_checks=True)
    client.force_login(person.user)
    before = state_of(acme)

    response = client.generic(
        route.method, at_drafts.of(route), json.dumps(body_for(route, sandbox.url)), content_type="application/json"
    )

    problem(response, 403, "csrf_failed")
    assert state_of(acme) == before


def test_the_csrf_token_that_me_tells_opens_writing(rita, at_drafts):
    client = Client(enforce_csrf_checks=True)
    client.force_login(rita.user)
    token = client.get("/api/v1/me/").json()["data"]["csrf_token"]
    path, body = f"/api/v1/approvals/{at_drafts.approval}/approve/", {"shown_sha256": at_drafts.content_sha256}

    response = client.post(path, body, content_type="application/json", headers={"X-CSRFToken": token})

    assert (response.status_code, response.json()["data"]["status"]) == (200, "approved")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"broken"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 2_000_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(1_000))),
        ("application/x-www-form-urlencoded; charset=utf-16", b"a=1"),
    ],
)
def test_looking_for_the_csrf_token_reads_no_form(rita, acme, at_drafts, problem, content_type, body):
    client = Client(enforce_csrf_checks=True)
    client.force_login(rita.user)
    token = client.get("/api/v1/me/").json()["data"]["csrf_token"]
    path = f"/api/v1/approvals/{at_drafts.approval}/approve/"

    response = client.generic("POST", path, body, content_type=content_type, headers={"X-CSRFToken": token})

    problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("origin", ["null", "https://evil.example"])
def test_another_origin_may_not_write(rita, at_drafts, problem, origin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(rita.user)
    token = client.get("/api/v1/me/").json()["data"]["csrf_token"]
    path, body = f"/api/v1/approvals/{at_drafts.approval}/approve/", {"shown_sha256": at_drafts.content_sha256}

    response = client.post(
        path, body, content_type="application/json", headers={"X-CSRFToken": token, "Origin": origin}
    )

    problem(response, 403, "csrf_failed")
    assert Approval.objects.get(ref_id=at_drafts.approval).status == "pending"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/", "/api/v1/nothing/", "/api/v1/me", "/api/v1/me/more/", "/api/v1/approvals", "/api/v2/me/", "/api/"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_404_whatever_the_method(db, problem, path, method):
    problem(Client(enforce_csrf_checks=True).generic(method, path), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "FOO", "POST", "PATCH"])
def test_a_method_that_is_not_offered_is_405_and_says_which_are(rita, problem, method):
    response = rita.send(method, "/api/v1/approvals/", {} if method in ("POST", "PATCH", "PUT") else None)

    problem(response, 405, "method_not_allowed")
    assert "GET" in response["Allow"]


def test_head_answers_like_get_without_a_body(rita, at_drafts):
    response = rita.client.head("/api/v1/approvals/")

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/problem+json", "image/*"])
def test_only_json_is_offered(rita, problem, accept):
    problem(rita.get("/api/v1/approvals/", Accept=accept), 406, "not_acceptable")


NOT_JSON = (
    "text/plain",
    "text/xml",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json; Charset=UTF-16",
    "application/json; charset=latin-1",
    "application/json; charset=zlib",
    "application/json; charset=",
    "application/merge-patch+json",
    "application/jsonp",
    "json",
    "x" * 5_000,
    "",
)


@pytest.mark.parametrize("route", WRITING, ids=named(WRITING))
def test_a_body_that_does_not_say_it_is_json_in_utf8_is_415(route, rita, acme, at_drafts, problem, sandbox):
    before = state_of(acme)
    path, body = at_drafts.of(route), json.dumps(body_for(route, sandbox.url))

    for content_type in NOT_JSON:
        response = rita.client.generic(route.method, path, body, content_type=content_type)
        problem(response, 415, "unsupported_media_type")

    assert state_of(acme) == before


def test_a_strange_charset_does_not_disturb_reading_the_query(rita, problem):
    response = rita.client.generic(
        "GET", "/api/v1/approvals/?status=%41", content_type="application/json; charset=zlib"
    )

    assert response.status_code in (400, 415)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"])
def test_json_in_utf8_is_taken_however_it_is_spelled(content_type, alice, at_drafts):
    body = json.dumps({"shown_sha256": at_drafts.contract_sha256, "agree": True})

    assert alice.client.generic("POST", ACCEPT, body, content_type=content_type).status_code == 200


SHAPES = {
    "empty": b"",
    "white space": b"  \n",
    "null": b"null",
    "text": b'"x"',
    "number": b"1",
    "list": b"[1,2]",
    "list of objects": b"[{}]",
    "broken": b'{"a":',
    "two values": b"{} {}",
    "trailing comma": b'{"a":1,}',
    "comment": b"{/* */}",
    "single quotes": b"{'a':1}",
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "huge float": b'{"a":1e999}',
    "huge integer": b'{"a":' + b"9" * 5_000 + b"}",
    "duplicate key": b'{"note":"a","note":"b"}',
    "duplicate key with a space": b'{"note" :"a","note":"b"}',
    "duplicate key, escaped": b'{"note":"a","\\u006eote":"b"}',
    "duplicate key, deep": b'{"note":{"a":1,"a" : 2}}',
    "duplicate key beside a colon in text": b'{"note" :"\\":","note":"b"}',
    "NUL in a value": b'{"note":"a\\u0000b"}',
    "NUL in a key": b'{"no\\u0000te":"b"}',
    "raw NUL": b'{"note":"a\x00b"}',
    "raw line break in text": b'{"note":"a\nb"}',
    "lone surrogate": b'{"note":"\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff":"a"}',
    "surrogate in UTF-8": b'{"note":"\xed\xa0\x80"}',
    "not UTF-8": b'{"note":"\xff"}',
    "overlong UTF-8": b'{"note":"\xc0\xaf"}',
    "UTF-16": '{"note":"a"}'.encode("utf-16"),
    "UTF-32": '{"note":"a"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"note":"a"}',
    "65 levels": b'{"a":' * 65 + b"1" + b"}" * 65,
    "65 levels of lists": b'{"a":' + b"[" * 65 + b"]" * 65 + b"}",
    "100,000 levels": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 levels, open": b"[" * 100_000,
    "operators as keys": b'{"__proto__":{},"$where":"1","a.b":1,"$ne":null}',
    "ten thousand keys": json.dumps({f"k{number}": number for number in range(10_000)}).encode(),
}


READABLE = {"empty", "operators as keys", "ten thousand keys"}  # JSON like any other, but for its fields


@pytest.mark.parametrize("route", WITH_FIELDS, ids=named(WITH_FIELDS))
def test_a_body_of_the_wrong_shape_is_400_and_changes_nothing(route, rita, alice, acme, at_drafts, problem):
    person = alice if "contract" in route.path else rita
    headers = {"X-Tenant": acme.ref_id} if person is rita else {}
    before = state_of(acme)

    answers = {name: person.send(route.method, at_drafts.of(route), body, **headers) for name, body in SHAPES.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(SHAPES, 400)
    for name, answer in answers.items():
        problem(answer, 400, "invalid_input" if name in READABLE else "parse_error")
        assert len(answer.content) < 5_000
    assert state_of(acme) == before


@pytest.mark.parametrize(
    "body", ['{"shown_sha256":"%s","note":"a","note":"b"}', '{"shown_sha256":"x","shown_sha256" : "%s"}']
)
def test_a_key_that_occurs_twice_decides_nothing(body, rita, acme, at_drafts, problem):
    before = state_of(acme)

    response = rita.send("POST", f"/api/v1/approvals/{at_drafts.approval}/approve/", body % at_drafts.content_sha256)

    assert problem(response, 400, "parse_error")["detail"] == "A key occurs twice."
    assert state_of(acme) == before


def test_64_levels_are_read(alice, problem):
    body = b'{"note":' + b"[" * 62 + b"]" * 62 + b"}"

    errors = problem(alice.send("POST", ACCEPT, body), 400, "invalid_input")["errors"]

    assert errors == {"note": ["Unknown field."]}


def test_a_missing_body_lists_the_fields_that_are_due(alice, problem):
    errors = problem(alice.send("POST", ACCEPT, b""), 400, "invalid_input")["errors"]

    assert errors == {"shown_sha256": ["This field is required."], "agree": ["This field is required."]}


@pytest.mark.parametrize("size", [1_048_577, 3_000_000])
def test_a_body_of_more_than_a_mebibyte_is_413(alice, acme, problem, size):
    before = state_of(acme)
    body = json.dumps({"shown_sha256": "", "agree": True, "note": ""})
    body = body[:-2] + "x" * (size - len(body)) + body[-2:]

    assert len(body) == size
    problem(alice.send("POST", ACCEPT, body), 413, "too_large")
    assert state_of(acme) == before


def test_a_body_of_a_mebibyte_is_read(alice, problem):
    body = json.dumps({"note": ""})
    body = body[:-2] + "x" * (1_048_576 - len(body)) + body[-2:]

    assert problem(alice.send("POST", ACCEPT, body), 400, "invalid_input")["errors"] == {"note": ["Unknown field."]}


def test_an_unknown_field_is_named_but_not_at_any_length(alice, problem):
    errors = problem(alice.send("POST", ACCEPT, {"x" * 10_000: 1}), 400, "invalid_input")["errors"]

    assert errors == {"x" * 100: ["Unknown field."]}


@pytest.mark.parametrize("name", ["X-Tenant", "If-Match", "User-Agent", "X-Anything"])
@pytest.mark.parametrize("value", ["x" * 10_000, "a\x00b", "a\x1bb", "a\nb"])
def test_a_header_too_long_or_with_control_characters_is_400(rita, at_drafts, problem, name, value):
    meta = {"HTTP_" + name.upper().replace("-", "_"): value}

    problem(rita.client.get("/api/v1/approvals/", **meta), 400, "parse_error")


def test_too_many_parameters_are_400(rita, problem):
    problem(rita.get("/api/v1/approvals/?" + "&".join(f"p{n}=1" for n in range(600))), 400, "bad_request")


@pytest.mark.parametrize("path", ["/api/v1/me/", "/api/v1/usage/", "/api/v1/contract/"])
@pytest.mark.parametrize("query", ["?format=json", "?format=xml", "?expand=all", "?limit=5", "?cursor=x", "?%00=1"])
def test_a_parameter_nobody_offered_is_400(alice, problem, path, query):
    problem(alice.get(path + query), 400, "invalid_input")


def test_who_asks_too_often_waits(alice, problem, monkeypatch):
    monkeypatch.setattr(UserRateThrottle, "rate", "2/min", raising=False)

    answers = [alice.get("/api/v1/me/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    problem(answers[2], 429, "too_many_requests")
    assert 0 < int(answers[2]["Retry-After"]) <= 60

"""Whatever JSON, query or header is thrown at a route: an answer in the one form, never a failure of the server."""

import json
import os
from urllib.parse import quote

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.api.routes import LISTS, WITH_FIELDS, WRITING, named

SCALARS = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=60)
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
calmly = settings(
    max_examples=int(os.environ.get("EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)


def calm(response) -> None:
    assert response.status_code < 500, response.content
    if response.status_code >= 400:
        body = response.json()
        assert response["Content-Type"] == "application/problem+json"
        assert body["status"] == response.status_code


class _Undone(Exception):
    pass


def undone(call) -> None:
    """Make the call and take back what it changed, so that each example starts from the same world."""
    try:
        with transaction.atomic():
            call()
            raise _Undone
    except _Undone:
        pass


@pytest.mark.parametrize("route", WITH_FIELDS, ids=named(WITH_FIELDS))
def test_any_values_in_the_known_fields(route, rita, alice, acme, at_drafts, sandbox):
    person = alice if "contract" in route.path else rita
    headers = {"X-Tenant": acme.ref_id} if person is rita else {}
    if route.method == "PATCH":
        headers["If-Match"] = f'"{at_drafts.content_sha256}"'
    known = {
        "shown_sha256": some.just(at_drafts.content_sha256),
        "agree": some.just(True),
        "site_url": some.just(f"{sandbox.url}/wordpress/x"),
    }
    bodies = some.fixed_dictionaries(
        {}, optional={name: known.get(name, some.nothing()) | SCALARS | VALUES for name in route.fields}
    )

    @calmly
    @given(bodies)
    def throw(body):
        undone(lambda: calm(person.send(route.method, at_drafts.of(route), json.dumps(body), **headers)))

    throw()


@pytest.mark.parametrize("route", WRITING, ids=named(WRITING))
def test_any_json_and_any_bytes(route, rita, alice, acme, at_drafts, sandbox):
    person = alice if "contract" in route.path else rita

    @calmly
    @given(
        VALUES.map(json.dumps)
        | some.binary(max_size=200)
        | some.dictionaries(some.text(max_size=12), VALUES, max_size=5).map(json.dumps)
    )
    def throw(body):
        undone(lambda: calm(person.send(route.method, at_drafts.of(route), body or b" ")))

    throw()


@pytest.mark.parametrize("route", LISTS, ids=named(LISTS))
def test_any_query(route, alice, acme, at_drafts):
    names = some.sampled_from(
        ["limit", "cursor", "status", "type", "strategy", "parent", "pipeline_step", "subject_ref"]
    ) | some.text(max_size=8)

    @calmly
    @given(some.lists(some.tuples(names, some.text(max_size=40) | some.binary(max_size=8)), max_size=4))
    def throw(pairs):
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
        calm(alice.get(f"{at_drafts.of(route)}?{query}"))

    throw()


def test_any_reference_in_a_path(rita, acme, at_drafts):
    @calmly
    @given(some.text(min_size=1, max_size=40) | some.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26))
    def throw(ref):
        for noun in (
            "approvals",
            "activities",
            "blog-posts",
            "channels",
            "strategies",
            "onboarding-runs",
            "blog-requests",
        ):
            calm(rita.get(f"/api/v1/{noun}/{quote(ref, safe='')}/"))

    throw()


def test_any_header(rita, acme, at_drafts):
    @calmly
    @given(
        some.text(some.characters(max_codepoint=255), max_size=80),
        some.sampled_from(["X-Tenant", "If-Match", "Accept", "X-Request-ID", "User-Agent", "Content-Type"]),
    )
    def throw(value, name):
        calm(rita.client.generic("GET", "/api/v1/approvals/", headers={name: value}))

    throw()

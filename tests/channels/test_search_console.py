"""Search Console's figures from a server on loopback that answers as Google's reference describes, and from the rehearsal."""

import json
from datetime import date
from pathlib import Path

import pytest
from werkzeug import Response

from apps.channels.platforms import google_search_console
from apps.channels.platforms.base import Connection
from apps.channels.platforms.google_search_console import Figures, Row, Unreadable
from sandbox.faults import Fault

FIXTURES = Path(google_search_console.__file__).parent / "fixtures"
QUERY = json.loads((FIXTURES / "query.json").read_text())
ERRORS = json.loads((FIXTURES / "errors.json").read_text())
SITE = "https://www.example.com/"
ROUTE = "/webmasters/v3/sites/https%3A%2F%2Fwww.example.com%2F/searchAnalytics/query"
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 28)


@pytest.fixture
def plan(sandbox):
    def plan(target: str, fault: str) -> None:
        with sandbox.world.lock:
            sandbox.world.planned.append(Fault.from_order({"target": target, "fault": fault}))

    return plan


@pytest.fixture
def google(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def ask(base_url: str, *, site: str = SITE, dimension="query", limit: int = 25):
    connection = Connection(base_url=base_url, username="", secret="ya29.a-token")
    return google_search_console.query(connection, site=site, dimension=dimension, first=FIRST, last=LAST, limit=limit)


def answer_with(google, body, status: int = 200) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    google.expect_request("/webmasters/v3/sites/https://www.example.com//searchAnalytics/query").respond_with_response(
        Response(text, status, content_type="application/json")
    )


def test_the_figures_are_those_of_the_answer(google):
    answer_with(google, QUERY)

    found = ask(google.url_for(""))

    assert found == Figures(
        (
            Row("speciality coffee edinburgh", 109, 1810, 0.0602, 3.0),
            Row("coffee subscription", 32, 440, 0.0727, 7.4),
        ),
        200,
    )
    ((request, _),) = google.log
    assert (request.method, request.environ["RAW_URI"]) == ("POST", ROUTE)
    assert request.headers["Authorization"] == "Bearer ya29.a-token"
    assert request.get_json() == {
        "startDate": "2026-03-01", "endDate": "2026-03-28", "dimensions": ["query"], "rowLimit": 25
    }  # fmt: skip


def test_a_time_without_data_has_no_rows(google):
    answer_with(google, {"responseAggregationType": "byProperty"})

    assert ask(google.url_for("")) == Figures((), 200)


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        ("401", 401, "wrong_credentials"),
        ("403", 403, "not_allowed"),
        ("429", 429, "too_many_requests"),
        ("quota as 403", 403, "too_many_requests"),
    ],
)
def test_googles_refusals_have_a_cause_and_a_next_step(google, error, status, cause):
    answer_with(google, ERRORS[error], status)

    found = ask(google.url_for(""))

    assert found == Unreadable(cause, status)
    assert found.next_step


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        ("", 200, "broken_answer"),
        ("[]", 200, "broken_answer"),
        ('{"rows": {}}', 200, "broken_answer"),
        ('{"rows": [7]}', 200, "broken_answer"),
        ('{"rows": [{"keys": [], "clicks": 1, "impressions": 1, "ctr": 1, "position": 1}]}', 200, "broken_answer"),
        ('{"rows": [{"keys": ["a"], "clicks": -1, "impressions": 1, "ctr": 1, "position": 1}]}', 200, "broken_answer"),
        (
            '{"rows": [{"keys": ["a"], "clicks": "NaN", "impressions": 1, "ctr": 1, "position": 1}]}',
            200,
            "broken_answer",
        ),
        ("<html>", 502, "service_error"),
        ("{}", 418, "broken_answer"),
        ("[]", 404, "no_such_property"),
    ],
)
def test_nonsense_is_told_as_what_it_is(google, body, status, cause):
    answer_with(google, body, status)

    assert ask(google.url_for("")) == Unreadable(cause, status)


def test_a_service_that_is_away_is_not_reachable(settings):
    settings.EGRESS_ALLOW_HOSTS = ["127.0.0.1:9"]

    assert ask("http://127.0.0.1:9") == Unreadable("not_reachable", None)


@pytest.mark.parametrize("dimension", ["query", "page", "country", "device", "date"])
def test_the_rehearsal_answers_in_the_shape_of_the_reference(sandbox, settings, dimension):
    settings.EGRESS_ALLOW_HOSTS = [sandbox.url.removeprefix("http://")]

    found = ask(f"{sandbox.url}/google", site="sc-domain:example.com", dimension=dimension, limit=3)

    assert isinstance(found, Figures)
    assert len(found.rows) == 3
    assert ask(f"{sandbox.url}/google", site="sc-domain:forbidden.com") == Unreadable("not_allowed", 403)
    answered = sandbox.world.entries(target="google")[0]
    assert answered["recorded"] == {
        "kind": "search analytics", "site": "sc-domain:example.com", "dimension": dimension
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("401", "wrong_credentials"), ("429", "too_many_requests"), ("500", "service_error"), ("503", "service_error"),
        ("reset", "not_reachable"), ("garbage", "broken_answer"), ("truncated", "not_reachable"),
        ("wrong_types", "broken_answer"), ("redirect", "broken_answer"), ("echo_secret", "service_error"),
    ],
)  # fmt: skip
def test_what_goes_wrong_on_the_way_has_a_cause(sandbox, settings, plan, fault, cause):
    settings.EGRESS_ALLOW_HOSTS = [sandbox.url.removeprefix("http://")]
    plan("google", fault)

    found = ask(f"{sandbox.url}/google")

    assert isinstance(found, Unreadable)
    assert found.cause == cause

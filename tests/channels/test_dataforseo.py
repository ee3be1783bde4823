"""DataForSEO's answers from a server on loopback that answers as its documentation describes, and from the rehearsal."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from werkzeug import Response

from apps.channels.platforms import dataforseo
from apps.channels.platforms.base import Connection
from apps.channels.platforms.dataforseo import Answer, BacklinkSummary, KeywordVolume, SearchResult, Unreadable

FIXTURES = Path(dataforseo.__file__).parent / "fixtures"
VOLUMES, RESULTS, BACKLINKS, ERRORS = (
    json.loads((FIXTURES / f"{name}.json").read_text()) for name in ("volumes", "results", "backlinks", "errors")
)
SEARCHES = ["coffee subscription", "harbour coffee blend no 9"]
ROUTE = "/v3/keywords_data/google_ads/search_volume/live"


@pytest.fixture
def service(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def connected(base_url: str, login: str = "agency", password: str = "secret") -> Connection:
    return Connection(base_url=base_url, username=login, secret=password)


def volumes(base_url: str):
    return dataforseo.keyword_volumes(connected(base_url), keywords=SEARCHES, country="GB", language="en")


def answer_with(service, body, status: int = 200, *, route: str = ROUTE) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    service.expect_request(route).respond_with_response(Response(text, status, content_type="application/json"))


def test_volumes_are_those_of_the_answer_with_what_it_cost(service):
    answer_with(service, VOLUMES)

    assert volumes(service.url_for("")) == Answer(
        (KeywordVolume("coffee subscription", 14_800, 87, 1.93), KeywordVolume(SEARCHES[1], None, None, None)),
        Decimal("0.075"),
        200,
    )
    ((request, _),) = service.log
    assert request.authorization.username == "agency" and request.authorization.password == "secret"
    assert request.get_json() == [{"keywords": SEARCHES, "location_code": 2826, "language_code": "en"}]


def test_results_are_the_unpaid_ones(service):
    answer_with(service, RESULTS, route="/v3/serp/google/organic/live/regular")

    found = dataforseo.search_results(
        connected(service.url_for("")), keyword="coffee subscription", country="GB", language="en", limit=2
    )

    assert found == Answer(
        (
            SearchResult(1, "https://www.example.com/subscribe", "The coffee subscription", "Beans by post."),
            SearchResult(2, "https://example.org/coffee", "Twelve subscriptions compared", ""),
        ),
        Decimal("0.002"),
        200,
    )
    ((request, _),) = service.log
    assert request.get_json()[0]["depth"] == 10


def test_links_to_a_site_are_those_of_the_answer(service):
    answer_with(service, BACKLINKS, route="/v3/backlinks/summary/live")

    found = dataforseo.backlink_summary(connected(service.url_for("")), target="explodingtopics.com")

    summary = BacklinkSummary("explodingtopics.com", 358, 26_451, 5_318, 4_797, 1_204, 274, 9)
    assert found == Answer((summary,), Decimal("0.02003"), 200)


@pytest.mark.parametrize(
    ("error", "cause", "cost"),
    [
        ("credentials", "wrong_credentials", "0"), ("payment", "account", "0"), ("rate", "too_many_requests", "0"),
        ("cost limit", "account", "0"), ("field", "bad_request", "0"), ("search engine", "service_error", "0.002"),
        ("internal", "service_error", "0"),
    ],
)  # fmt: skip
def test_refusals_have_a_cause_a_next_step_and_a_cost(service, error, cause, cost):
    answer_with(service, ERRORS[error]["body"], ERRORS[error]["http"])

    found = volumes(service.url_for(""))

    assert found == Unreadable(cause, ERRORS[error]["http"], Decimal(cost))
    assert found.next_step


def with_row(**changes) -> dict:
    (task,) = VOLUMES["tasks"]
    return {**VOLUMES, "tasks": [{**task, "result": [{**task["result"][0], **changes}]}]}


@pytest.mark.parametrize(
    "body",
    [
        with_row(search_volume="many"), with_row(search_volume=-1), with_row(keyword=7), with_row(cpc=True),
        {**VOLUMES, "tasks": None}, {**VOLUMES, "tasks": []}, {**VOLUMES, "tasks": VOLUMES["tasks"] * 2},
        {**VOLUMES, "tasks": [{"status_code": 20000, "result": [7]}]}, {**VOLUMES, "tasks": [7]},
    ],
)  # fmt: skip
def test_nonsense_is_told_as_what_it_is_and_was_paid_for(service, body):
    answer_with(service, body)

    assert volumes(service.url_for("")) == Unreadable("broken_answer", 200, Decimal("0.075"))


@pytest.mark.parametrize("body", ["", "[]", "{}", "7", "<html>"])
def test_an_answer_that_is_none_tells_no_cost(service, body):
    answer_with(service, body)

    assert volumes(service.url_for("")) == Unreadable("broken_answer", 200, None)


@pytest.mark.parametrize("cost", [None, "0.075", -1, 1_000_000, True, []])
def test_what_is_no_price_is_not_believed(service, cost):
    answer_with(service, {**VOLUMES, "cost": cost})

    found = volumes(service.url_for(""))

    assert (len(found.rows), found.cost_usd) == (2, None)


def test_a_search_that_finds_nothing_is_an_answer_and_is_paid_for(service):
    (task,) = VOLUMES["tasks"]
    answer_with(service, {**VOLUMES, "tasks": [{**task, "status_code": 40102, "result": None}]})

    assert volumes(service.url_for("")) == Answer((), Decimal("0.075"), 200)


def test_a_service_that_is_away_was_not_asked_and_costs_nothing(settings):
    settings.EGRESS_ALLOW_HOSTS = ["127.0.0.1:9"]

    assert volumes("http://127.0.0.1:9") == Unreadable("not_reachable", None, Decimal(0))


def test_the_rehearsal_answers_in_the_shape_of_the_documentation(sandbox, settings):
    settings.EGRESS_ALLOW_HOSTS = [sandbox.url.removeprefix("http://")]
    base = f"{sandbox.url}/dataforseo"

    found = volumes(base)
    assert [row.keyword for row in found.rows] == SEARCHES
    assert found == volumes(base)
    searched = dataforseo.search_results(connected(base), keyword="tea", country="US", language="en", limit=12)
    assert (len(searched.rows), searched.cost_usd) == (12, Decimal("0.004"))
    assert dataforseo.backlink_summary(connected(base), target="example.com").cost_usd == Decimal("0.02003")
    assert dataforseo.backlink_summary(connected(base), target="www.example.com").cause == "bad_request"
    assert dataforseo.backlink_summary(connected(base, password="revoked"), target="a.example").status == 401
    assert dataforseo.backlink_summary(connected(base, login="unpaid"), target="a.example").cause == "account"

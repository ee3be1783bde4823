"""Analytics' figures from a server on loopback that answers as Google's reference describes, and from the rehearsal."""

import json
from datetime import date
from pathlib import Path

import pytest
from werkzeug import Response

from apps.channels.platforms import google_analytics
from apps.channels.platforms.base import Connection
from apps.channels.platforms.google_analytics import Figures, Row, Unreadable
from sandbox.faults import Fault

FIXTURES = Path(google_analytics.__file__).parent / "fixtures"
REPORT = json.loads((FIXTURES / "report.json").read_text())
ERRORS = json.loads((FIXTURES / "errors.json").read_text())
PROPERTY = "properties/1234"
ROUTE = "/v1beta/properties/1234:runReport"
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 28)
METRICS = ["sessions", "totalUsers", "engagedSessions", "keyEvents", "screenPageViews", "averageSessionDuration"]


@pytest.fixture
def google(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def ask(base_url: str, *, property_id: str = PROPERTY, dimension="landing_page", limit: int = 25):
    connection = Connection(base_url=base_url, username="", secret="ya29.a-token")
    return google_analytics.run_report(
        connection, property_id=property_id, dimension=dimension, first=FIRST, last=LAST, limit=limit
    )


def answer_with(google, body, status: int = 200) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    google.expect_request(ROUTE).respond_with_response(Response(text, status, content_type="application/json"))


def test_the_figures_are_those_of_the_answer(google):
    answer_with(google, REPORT)

    found = ask(google.url_for(""))

    assert found == Figures(
        (Row("/coffees", 420, 344, 231, 17.5, 614, 194.8), Row("(not set)", 12, 12, 0, 0.0, 0, 0.0)), 200
    )
    ((request, _),) = google.log
    assert (request.method, request.path) == ("POST", ROUTE)
    assert request.headers["Authorization"] == "Bearer ya29.a-token"
    assert request.get_json() == {
        "dateRanges": [{"startDate": "2026-03-01", "endDate": "2026-03-28"}],
        "dimensions": [{"name": "landingPage"}],
        "metrics": [{"name": name} for name in METRICS],
        "orderBys": [{"metric": {"metricName": "sessions"}, "desc": True}],
        "limit": "25",
    }


def test_a_time_without_data_has_no_rows(google):
    answer_with(google, {"metadata": {"currencyCode": "USD"}, "kind": "analyticsData#runReport"})

    assert ask(google.url_for("")) == Figures((), 200)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, "bad_request"), (401, "wrong_credentials"), (403, "not_allowed"), (429, "too_many_requests"),
        (503, "service_error"),
    ],
)  # fmt: skip
def test_googles_refusals_have_a_cause_and_a_next_step(google, status, cause):
    answer_with(google, ERRORS[str(status)], status)

    found = ask(google.url_for(""))

    assert found == Unreadable(cause, status)
    assert found.next_step


def with_value(value: object) -> str:
    figures = [{"value": value}, *REPORT["rows"][0]["metricValues"][1:]]
    return json.dumps({**REPORT, "rows": [{**REPORT["rows"][0], "metricValues": figures}]})


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", '{"rows": [7]}', '{"rows": {}}', with_value("-1"), with_value("NaN"), with_value("many"),
        with_value(None), json.dumps({**REPORT, "metricHeaders": REPORT["metricHeaders"][1:]}),
        json.dumps({**REPORT, "rows": [{"dimensionValues": [], "metricValues": []}]}),
    ],
)  # fmt: skip
def test_nonsense_is_told_as_what_it_is(google, body):
    answer_with(google, body)

    assert ask(google.url_for("")) == Unreadable("broken_answer", 200)


@pytest.mark.parametrize(
    "property_id", ["", "UA-1234-5", "properties/", "1234/../5678", "1234:runReport?x=", "properties/12\n"]
)
def test_what_is_no_number_of_a_property_is_never_asked_for(google, property_id):
    assert ask(google.url_for(""), property_id=property_id) == Unreadable("no_such_property", None)
    assert google.log == []


def test_the_rehearsal_answers_every_dimension_in_the_shape_of_the_reference(sandbox, settings):
    settings.EGRESS_ALLOW_HOSTS = [sandbox.url.removeprefix("http://")]
    base = f"{sandbox.url}/analytics"

    for dimension in google_analytics.reports.DIMENSIONS:
        found = ask(base, dimension=dimension, limit=3)
        assert isinstance(found, Figures), dimension
        assert found == ask(base, dimension=dimension, limit=3)
        counted = [row.sessions for row in found.rows]
        if dimension == "date":
            assert [row.key for row in found.rows] == ["2026-03-01", "2026-03-02", "2026-03-03"]
        else:
            assert counted == sorted(counted, reverse=True)
    assert ask(base, property_id="1403") == Unreadable("not_allowed", 403)
    assert sandbox.world.entries(target="analytics")[0]["recorded"] == {
        "kind": "analytics report", "property": "1234", "dimension": "landingPage"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("401", "wrong_credentials"), ("429", "too_many_requests"), ("500", "service_error"), ("503", "service_error"),
        ("reset", "not_reachable"), ("garbage", "broken_answer"), ("truncated", "not_reachable"),
        ("wrong_types", "broken_answer"), ("redirect", "broken_answer"), ("echo_secret", "service_error"),
    ],
)  # fmt: skip
def test_what_goes_wrong_on_the_way_has_a_cause(sandbox, settings, fault, cause):
    settings.EGRESS_ALLOW_HOSTS = [sandbox.url.removeprefix("http://")]
    with sandbox.world.lock:
        sandbox.world.planned.append(Fault.from_order({"target": "analytics", "fault": fault}))

    found = ask(f"{sandbox.url}/analytics")

    assert isinstance(found, Unreadable)
    assert found.cause == cause

"""Sessions, users, engaged sessions, key events, page views and time of a property, grouped by one dimension.

https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from apps.channels.platforms.base import Connection
from apps.shared import egress

Dimension = Literal["landing_page", "channel_group", "country", "device", "date"]
# ours -> Google's; pages without their query, in which visitors' own data may stand
DIMENSIONS: dict[Dimension, str] = {
    "landing_page": "landingPage",
    "channel_group": "sessionDefaultChannelGroup",
    "country": "country",
    "device": "deviceCategory",
    "date": "date",
}
METRICS = ("sessions", "totalUsers", "engagedSessions", "keyEvents", "screenPageViews", "averageSessionDuration")
PROPERTY = re.compile(r"(?:properties/)?([0-9]{1,20})")
MAX_ROWS = 250_000  # of one answer, says Google
MAX_BYTES = 2_000_000
MAX_KEY = 500

# cause -> what to do
NEXT_STEPS = {
    "wrong_credentials": "Google no longer accepts the connection. Connect Analytics again.",
    "not_allowed": "The connected account may not see this property. Give it access in Analytics.",
    "no_such_property": "Analytics knows no such property. Connect it again, by its number.",
    "too_many_requests": "Google asks for fewer requests. Try again later.",
    "service_error": "Google answers with an error of its own. Try again later.",
    "not_reachable": "Google cannot be reached at the moment. Try again later.",
    "bad_request": "Google does not accept this question.",
    "broken_answer": "Google's answer makes no sense. Try again later.",
}
CAUSE_OF_STATUS = {
    400: "bad_request",
    401: "wrong_credentials",
    403: "not_allowed",
    404: "no_such_property",
    429: "too_many_requests",
}


@dataclass(frozen=True)
class Row:
    """`key_events` were called conversions before; `average_session_seconds` is what the name says."""

    key: str
    sessions: int
    total_users: int
    engaged_sessions: int
    key_events: float
    page_views: int
    average_session_seconds: float


@dataclass(frozen=True)
class Report:
    """Rows with the most sessions first, days in their order; days are those of the property's own time zone."""

    rows: tuple[Row, ...]
    status: int


@dataclass(frozen=True)
class Unreadable:
    """`cause` is a key of NEXT_STEPS."""

    cause: str
    status: int | None

    @property
    def next_step(self) -> str:
        return NEXT_STEPS[self.cause]


def run_report(
    connection: Connection, *, property_id: str, dimension: Dimension, first: date, last: date, limit: int
) -> Report | Unreadable:
    """The figures of a property, which Analytics calls by its number: `properties/1234` or `1234`."""
    number = PROPERTY.fullmatch(property_id)
    if number is None:
        return Unreadable("no_such_property", None)
    url = f"{connection.base_url.rstrip('/')}/v1beta/properties/{number[1]}:runReport"
    order: dict[str, Any] = {"metric": {"metricName": "sessions"}, "desc": True}
    if dimension == "date":
        order = {"dimension": {"dimensionName": "date"}}
    body = {
        "dateRanges": [{"startDate": first.isoformat(), "endDate": last.isoformat()}],
        "dimensions": [{"name": DIMENSIONS[dimension]}],
        "metrics": [{"name": name} for name in METRICS],
        "orderBys": [order],
        "limit": str(min(limit, MAX_ROWS)),
    }
    try:
        answer = egress.request(
            "POST", url, json=body, headers={"Authorization": f"Bearer {connection.secret}"}, max_bytes=MAX_BYTES
        )
    except egress.EgressError:
        return Unreadable("not_reachable", None)
    if answer.status != 200:
        cause = CAUSE_OF_STATUS.get(answer.status, "service_error" if answer.status >= 500 else "broken_answer")
        return Unreadable(cause, answer.status)
    try:
        told = answer.json()
        names = [header["name"] for header in told.get("metricHeaders", [])]
        rows = tuple(_row(row, names, dimension) for row in told.get("rows", [])[:limit])
    except (ValueError, TypeError, LookupError, AttributeError):
        return Unreadable("broken_answer", answer.status)
    return Report(rows, answer.status)


def _row(row: dict[str, Any], names: list[str], dimension: Dimension) -> Row:
    """Figures come as text, in the order of the headers."""
    ((key,), values) = ([one["value"] for one in row[part]] for part in ("dimensionValues", "metricValues"))
    found = {name: float(value) for name, value in zip(names, values, strict=True)}
    if not isinstance(key, str) or not all(math.isfinite(number) and number >= 0 for number in found.values()):
        raise ValueError("a row that is none")
    if dimension == "date":
        key = datetime.strptime(key, "%Y%m%d").date().isoformat()
    return Row(
        key=key[:MAX_KEY],
        sessions=int(found["sessions"]),
        total_users=int(found["totalUsers"]),
        engaged_sessions=int(found["engagedSessions"]),
        key_events=round(found["keyEvents"], 2),
        page_views=int(found["screenPageViews"]),
        average_session_seconds=round(found["averageSessionDuration"], 1),
    )

"""Clicks, impressions, click-through rate and position of a property, grouped by one dimension.

https://developers.google.com/webmaster-tools/v1/searchanalytics/query
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from apps.channels.platforms.base import Connection
from apps.shared import egress

Dimension = Literal["query", "page", "country", "device", "date"]
MAX_ROWS = 25_000  # of one answer, says Google
MAX_BYTES = 2_000_000
MAX_KEY = 500

# cause -> what to do
NEXT_STEPS = {
    "wrong_credentials": "Google no longer accepts the connection. Connect Search Console again.",
    "not_allowed": "The connected account may not see this property. Give it access in Search Console.",
    "no_such_property": "Search Console knows no such property. Connect the site again.",
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
QUOTA_REASONS = {"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"}  # come as 403 too


@dataclass(frozen=True)
class Row:
    """`ctr` is a fraction; `position` is the average one, 1 being the top."""

    key: str
    clicks: int
    impressions: int
    ctr: float
    position: float


@dataclass(frozen=True)
class Figures:
    """Rows with the most clicks first; days are Google's, in Pacific time."""

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


def query(
    connection: Connection, *, site: str, dimension: Dimension, first: date, last: date, limit: int
) -> Figures | Unreadable:
    """The figures of `site`, the property as Search Console calls it: `https://www.example.com/`, `sc-domain:example.com`."""
    url = f"{connection.base_url.rstrip('/')}/webmasters/v3/sites/{quote(site, safe='')}/searchAnalytics/query"
    body = {
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "dimensions": [dimension],
        "rowLimit": min(limit, MAX_ROWS),
    }
    try:
        answer = egress.request(
            "POST", url, json=body, headers={"Authorization": f"Bearer {connection.secret}"}, max_bytes=MAX_BYTES
        )
    except egress.EgressError:
        return Unreadable("not_reachable", None)
    if answer.status != 200:
        return Unreadable(_cause(answer), answer.status)
    try:
        return Figures(tuple(_row(row) for row in answer.json().get("rows", [])[:limit]), answer.status)
    except (ValueError, TypeError, LookupError, AttributeError):
        return Unreadable("broken_answer", answer.status)


def _row(row: dict[str, Any]) -> Row:
    (key,) = row["keys"]
    numbers = [float(row[name]) for name in ("clicks", "impressions", "ctr", "position")]
    if not isinstance(key, str) or not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("a row that is none")
    clicks, impressions, ctr, position = numbers
    return Row(key[:MAX_KEY], int(clicks), int(impressions), round(ctr, 4), round(position, 1))


def _cause(answer: egress.Answer) -> str:
    try:
        reasons = {error.get("reason") for error in answer.json()["error"].get("errors", [])}
    except (ValueError, TypeError, LookupError, AttributeError):
        reasons = set()
    if reasons & QUOTA_REASONS:
        return "too_many_requests"
    return CAUSE_OF_STATUS.get(answer.status, "service_error" if answer.status >= 500 else "broken_answer")

"""Sessions, users, engaged sessions, key events, page views and time of a property, grouped by one dimension.

https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from apps.channels.platforms.base import Connection
from apps.channels.platforms.google import Figures, Unreadable, ask

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
MAX_KEY = 500


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


def run_report(
    connection: Connection, *, property_id: str, dimension: Dimension | None, first: date, last: date, limit: int
) -> Figures[Row] | Unreadable:
    """The figures of a property, which Analytics calls by its number: `properties/1234` or `1234`.

    Rows with the most sessions first, days in their order; days are those of the property's own time zone. Without a
    dimension one row, whose key is '', holds the whole: users cannot be added up over rows.
    """
    number = PROPERTY.fullmatch(property_id)
    if number is None:
        return Unreadable("no_such_property", None)
    order: dict[str, Any] = {"metric": {"metricName": "sessions"}, "desc": True}
    if dimension == "date":
        order = {"dimension": {"dimensionName": "date"}}
    body = {
        "dateRanges": [{"startDate": first.isoformat(), "endDate": last.isoformat()}],
        "dimensions": [{"name": DIMENSIONS[dimension]}] if dimension else [],
        "metrics": [{"name": name} for name in METRICS],
        "orderBys": [order],
        "limit": str(min(limit, MAX_ROWS)),
    }

    def read(told: dict[str, Any]) -> Callable[[Any], Row]:
        names = [header["name"] for header in told.get("metricHeaders", [])]
        return lambda row: _row(row, names, dimension)

    return ask(connection, f"/v1beta/properties/{number[1]}:runReport", body, limit=limit, read=read)


def _row(row: dict[str, Any], names: list[str], dimension: Dimension | None) -> Row:
    """Figures come as text, in the order of the headers."""
    (key,) = [one["value"] for one in row["dimensionValues"]] if dimension else [""]
    values = [one["value"] for one in row["metricValues"]]
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

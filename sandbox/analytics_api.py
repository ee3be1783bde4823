"""Google Analytics' Data API as its reference describes it (SOURCES.md); figures are made from the request."""

import random
import re
from datetime import date, timedelta
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.world import World

ROUTE = re.compile(r"/analytics/v1beta/properties/([0-9]+):runReport")
METRICS = {
    "sessions": "TYPE_INTEGER",
    "totalUsers": "TYPE_INTEGER",
    "engagedSessions": "TYPE_INTEGER",
    "keyEvents": "TYPE_FLOAT",
    "screenPageViews": "TYPE_INTEGER",
    "averageSessionDuration": "TYPE_SECONDS",
}
KEYS = {
    "landingPage": ("/", "/coffees", "/prices", "/blog", "(not set)"),
    "sessionDefaultChannelGroup": ("Organic Search", "Direct", "Referral", "Organic Social", "Email", "Paid Search"),
    "country": ("United Kingdom", "India", "Germany", "(not set)"),
    "deviceCategory": ("mobile", "desktop", "tablet"),
    "date": (),
}
MOST_METRICS = 10
NOT_ALLOWED = "403"  # properties that end so belong to somebody else
ERRORS = {
    400: ("INVALID_ARGUMENT", "Invalid value."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "User does not have sufficient permissions for this property."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Exhausted property tokens for a project per hour."),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}


def answer(world: World, request: Request) -> Response:
    found = ROUTE.fullmatch(request.path)
    if found is None or request.method != "POST":
        return error(world, 404)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token.strip() in ("", "revoked"):
        return error(world, 401)
    if found[1].endswith(NOT_ALLOWED):
        return error(world, 403)
    try:
        body = request.json()
        (span,) = body["dateRanges"]
        first, last = (date.fromisoformat(span[name]) for name in ("startDate", "endDate"))
        dimension, *more = [one["name"] for one in body.get("dimensions", [])] or [""]
        metrics = [one["name"] for one in body["metrics"]]
        limit = int(body.get("limit", 10_000))
    except (ValueError, TypeError, KeyError):
        return error(world, 400)
    unknown = [name for name in [dimension, *more, *metrics] if name and name not in KEYS and name not in METRICS]
    if unknown:
        return error(world, 400, f"Field {unknown[0]} is not a valid dimension or metric.")
    if more or first > last or not 1 <= limit <= 250_000 or not 1 <= len(metrics) <= MOST_METRICS:
        return error(world, 400)
    rows = figures(found[1], dimension, metrics, first, last, seed=world.seed)
    told: dict[str, Any] = {
        "dimensionHeaders": [{"name": dimension}] if dimension else [],
        "metricHeaders": [{"name": name, "type": METRICS[name]} for name in metrics],
        "rows": rows[:limit],
        "rowCount": len(rows),
        "metadata": {"currencyCode": "USD", "timeZone": "Europe/London"},
        "kind": "analyticsData#runReport",
    }
    if request.fault_kind == "empty":
        del told["rows"], told["rowCount"]
    if request.fault_kind == "wrong_types":
        told["rows"] = [{"dimensionValues": "none", "metricValues": [7]}]
    return json_response(told, recorded={"kind": "analytics report", "property": found[1], "dimension": dimension})


def error(world: World, status: int, message: str = "") -> Response:
    name, usual = ERRORS[status]
    return json_response({"error": {"code": status, "message": message or usual, "status": name}}, status=status)


def figures(
    property_id: str, dimension: str, metrics: list[str], first: date, last: date, *, seed: int
) -> list[dict[str, Any]]:
    """The same for the same question; most sessions first, days in their order; without a dimension one row of the whole."""
    days = (last - first).days + 1
    if not dimension:
        parts = figures(property_id, "sessionDefaultChannelGroup", metrics, first, last, seed=seed)
        told = zip(*(part["metricValues"] for part in parts), strict=True)
        return [{"metricValues": [{"value": str(sum(float(one["value"]) for one in each))} for each in told]}]
    keys = KEYS[dimension] or [(first + timedelta(days=number)).strftime("%Y%m%d") for number in range(days)]
    rows = []
    for key in keys:
        rng = random.Random(f"{seed}{property_id}{key}")
        sessions = rng.randint(4, 60) * (1 if dimension == "date" else days)
        engaged = int(sessions * rng.uniform(0.3, 0.8))
        values = {
            "sessions": sessions,
            "totalUsers": int(sessions * rng.uniform(0.6, 0.95)),
            "engagedSessions": engaged,
            "keyEvents": engaged // rng.randint(8, 30),
            "screenPageViews": int(sessions * rng.uniform(1.1, 3.5)),
            "averageSessionDuration": rng.uniform(20, 240),
        }
        rows.append((sessions, key, [{"value": str(values[name])} for name in metrics]))
    if dimension != "date":
        rows.sort(key=lambda row: -row[0])
    return [{"dimensionValues": [{"value": key}], "metricValues": told} for _, key, told in rows]

"""Google Search Console's search analytics and sitemaps as its reference describes them (SOURCES.md); figures are made from
the request, and of a rehearsal WordPress site each post that is out is among its pages."""

import random
import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

from sandbox.wire import Request, Response, json_response
from sandbox.world import World

ROUTE = re.compile(r"/google/webmasters/v3/sites/([^/?]+)/searchAnalytics/query")
SITEMAPS = re.compile(r"/google/webmasters/v3/sites/([^/?]+)/sitemaps")
DIMENSIONS = ("query", "page", "country", "device", "date")
QUERIES = (
    "speciality coffee near me", "coffee subscription", "how to choose a grinder", "office coffee supplier",
    "single origin beans", "coffee roastery tour", "best espresso beans", "decaf coffee delivery",
)  # fmt: skip
ERRORS = {
    400: ("Invalid value", "invalidParameter"),
    401: ("Request had invalid authentication credentials.", "authError"),
    403: ("User does not have sufficient permission for site '{site}'.", "forbidden"),
    404: ("Not Found", "notFound"),
    429: ("Quota exceeded", "rateLimitExceeded"),
    500: ("Internal error encountered.", "backendError"),
    503: ("The service is currently unavailable.", "backendError"),
}


def answer(world: World, request: Request) -> Response:
    line = request.line.partition("?")[0]
    listing = SITEMAPS.fullmatch(line) if request.method == "GET" else None
    found = listing or (ROUTE.fullmatch(line) if request.method == "POST" else None)
    if found is None:
        return error(world, 404)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token.strip() in ("", "revoked"):
        return error(world, 401)
    site = unquote(found[1])
    if "forbidden" in site:
        return error(world, 403, ERRORS[403][0].format(site=site))
    if listing:
        return sitemaps(site, request)
    try:
        body = request.json()
        first, last = (date.fromisoformat(body[name]) for name in ("startDate", "endDate"))
        (dimension,) = body.get("dimensions") or ["query"]
        limit = int(body.get("rowLimit", 1_000))
    except (ValueError, TypeError, KeyError):
        return error(world, 400)
    if dimension not in DIMENSIONS or first > last or not 1 <= limit <= 25_000:
        return error(world, 400)
    posts = posts_of(world, site) if dimension == "page" else []
    rows = figures(site, dimension, first, last, seed=world.seed, more=posts)[:limit]
    told: dict[str, Any] = {"responseAggregationType": "byPage" if dimension == "page" else "byProperty"}
    if rows and request.fault_kind != "empty":
        told["rows"] = rows
    if request.fault_kind == "wrong_types":
        told["rows"] = [{"keys": "none", "clicks": "many"}]
    return json_response(told, recorded={"kind": "search analytics", "site": site, "dimension": dimension})


def sitemaps(site: str, request: Request) -> Response:
    """What was submitted: nothing for properties with `bare` in their name, errors for those with `faulty`. A `long` is
    text in Google's JSON, and an empty list is left out."""
    told: dict[str, Any] = {}
    if "bare" not in site and request.fault_kind != "empty":
        told["sitemap"] = [
            {
                "path": f"{site.removeprefix('sc-domain:').rstrip('/')}/wp-sitemap.xml",
                "lastSubmitted": "2026-01-05T08:00:00.000Z",
                "isPending": False,
                "isSitemapsIndex": True,
                "lastDownloaded": "2026-01-06T03:12:45.000Z",
                "warnings": "0",
                "errors": "2" if "faulty" in site else "0",
                "contents": [{"type": "web", "submitted": "24", "indexed": "0"}],
            }
        ]
    if request.fault_kind == "wrong_types":
        told["sitemap"] = [{"path": 7, "errors": "many"}]
    return json_response(told, recorded={"kind": "sitemaps", "site": site})


def posts_of(world: World, site: str) -> list[str]:
    """Addresses of what is out on the rehearsal's WordPress sites that this property covers."""
    with world.lock:
        return [
            blog.link(post)
            for blog in world.wordpress.values()
            for post in blog.posts.values()
            if post.status == "publish" and f"{blog.address}/".startswith(site)
        ]


def error(world: World, status: int, message: str = "") -> Response:
    usual, reason = ERRORS[status]
    told = message or usual
    return json_response(
        {
            "error": {
                "code": status,
                "message": told,
                "errors": [{"message": told, "domain": "global", "reason": reason}],
            }
        },
        status=status,
    )


def figures(
    site: str, dimension: str, first: date, last: date, *, seed: int, more: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The same for the same question; most clicks first, days in their order. `more` are pages beside the usual ones."""
    days = (last - first).days + 1
    keys = {
        "query": list(QUERIES),
        "page": [f"{site.removeprefix('sc-domain:').rstrip('/')}/{path}" for path in ("", "coffees", "prices", "blog")]
        + [*more],
        "country": ["gbr", "ind", "deu"],
        "device": ["MOBILE", "DESKTOP", "TABLET"],
        "date": [(first + timedelta(days=number)).isoformat() for number in range(days)],
    }[dimension]
    rows = []
    for key in keys:
        rng = random.Random(f"{seed}{site}{key}")
        clicks = rng.randint(1, 12) * (1 if dimension == "date" else days)
        impressions = clicks * rng.randint(8, 40)
        rows.append(
            {
                "keys": [key],
                "clicks": float(clicks),
                "impressions": float(impressions),
                "ctr": clicks / impressions,
                "position": rng.uniform(1.5, 24),
            }
        )
    return rows if dimension == "date" else sorted(rows, key=lambda row: -row["clicks"])

"""Clicks, impressions, click-through rate and position of a property, grouped by one dimension; and its sitemaps.

https://developers.google.com/webmaster-tools/v1/searchanalytics/query
https://developers.google.com/webmaster-tools/v1/sitemaps/list
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from apps.channels.platforms.base import Connection
from apps.channels.platforms.google import Figures, Unreadable, ask

Dimension = Literal["query", "page", "country", "device", "date"]
MAX_ROWS = 25_000  # of one answer, says Google
MAX_SITEMAPS = 500
MAX_KEY = 500


@dataclass(frozen=True)
class Row:
    """`ctr` is a fraction; `position` is the average one, 1 being the top."""

    key: str
    clicks: int
    impressions: int
    ctr: float
    position: float


def query(
    connection: Connection, *, site: str, dimension: Dimension, first: date, last: date, limit: int
) -> Figures[Row] | Unreadable:
    """The figures of `site`, the property as Search Console calls it: `https://www.example.com/`, `sc-domain:example.com`.

    Rows with the most clicks first; days are Google's, in Pacific time.
    """
    body = {
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "dimensions": [dimension],
        "rowLimit": min(limit, MAX_ROWS),
    }
    path = f"/webmasters/v3/sites/{quote(site, safe='')}/searchAnalytics/query"
    return ask(connection, path, body, limit=limit, read=lambda told: _row)


def _row(row: dict[str, Any]) -> Row:
    (key,) = row["keys"]
    numbers = [float(row[name]) for name in ("clicks", "impressions", "ctr", "position")]
    if not isinstance(key, str) or not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("a row that is none")
    clicks, impressions, ctr, position = numbers
    return Row(key[:MAX_KEY], int(clicks), int(impressions), round(ctr, 4), round(position, 1))


@dataclass(frozen=True)
class Sitemap:
    """A sitemap that was submitted; `errors` are those that keep it from being processed."""

    path: str
    errors: int


def sitemaps(connection: Connection, *, site: str) -> Figures[Sitemap] | Unreadable:
    """What was submitted for `site`; none where nothing was."""
    path = f"/webmasters/v3/sites/{quote(site, safe='')}/sitemaps"
    return ask(connection, path, None, limit=MAX_SITEMAPS, read=lambda told: _sitemap, rows_in="sitemap")


def _sitemap(row: dict[str, Any]) -> Sitemap:
    errors = int(row.get("errors", 0))  # a `long`, which Google's JSON writes as text
    if not isinstance(row["path"], str) or errors < 0:
        raise ValueError("a sitemap that is none")
    return Sitemap(row["path"][:MAX_KEY], errors)

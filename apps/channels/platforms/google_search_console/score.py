"""What a property's score is made of, and how Google showed the site that it covers. Index coverage is not to be had:
`sitemaps` names `indexed` deprecated and not to be used, and inspecting every address costs a request each."""

from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from apps.channels.platforms.base import Question, SearchSeen, Source, Unscored
from apps.channels.platforms.google import Figures, Unreadable
from apps.channels.platforms.google_search_console.metrics import Row, query, sitemaps
from apps.channels.scoring import Fact, change, periods

LAG = timedelta(days=3)  # figures of the last days still change
MOST_ROWS = 5_000  # of one answer; more are too long for one
TOP = 20
NOT_SHOWN = "Google has not shown the site in these days."

T = TypeVar("T")


class _NoAnswer(Exception):
    """One of the questions was not answered, so the rest is not asked."""

    def __init__(self, answer: Unreadable) -> None:
        self.unscored = Unscored(answer.cause, answer.next_step)


def read_facts(question: Question) -> dict[str, Fact] | Unscored:
    """From six answers: each day of both periods, pages and searches of each, and the sitemaps that were submitted."""
    try:
        return _facts(question)
    except _NoAnswer as no_answer:
        return no_answer.unscored


def _facts(question: Question) -> dict[str, Fact]:
    source = question.source
    now, before = periods(question.at.date() - LAG)
    ask = partial(query, source.connection, site=source.name, limit=MOST_ROWS)
    days = _rows(ask(dimension="date", first=before.first, last=now.last))
    shown = _shown(_rows(ask(dimension="page", first=now.first, last=now.last)))
    shown_before = _shown(_rows(ask(dimension="page", first=before.first, last=before.last)))
    searches = _rows(ask(dimension="query", first=now.first, last=now.last))
    searches_before = _rows(ask(dimension="query", first=before.first, last=before.last))
    submitted = _rows(sitemaps(source.connection, site=source.name))

    these = [row for row in days if row.key >= now.first.isoformat()]
    clicks, impressions = sum(row.clicks for row in these), sum(row.impressions for row in these)
    clicks_before = sum(row.clicks for row in days) - clicks
    top_before = {row.key for row in searches_before if row.position <= TOP}
    new = [row for row in searches if row.position <= TOP and row.key not in top_before]
    faulty = [each for each in submitted if each.errors]
    return {
        "verified": Fact(1, "Search Console answers for this property."),
        "sitemaps": Fact(
            bool(submitted) and not faulty,
            f"{len(faulty)} of {len(submitted)} submitted sitemaps have errors."
            if submitted
            else "No sitemap is submitted.",
        ),
        "coverage": Fact(None, "Search Console does not tell other programs how many pages are indexed."),
        "pages_change": changed(len(shown), len(shown_before), "pages"),
        "new_queries": Fact(len(new), f"{len(new)} among the first {TOP} that were not before."),
        "clicks_change": changed(clicks, clicks_before, "clicks"),
        "click_rate": Fact(clicks / impressions, f"{clicks:,} clicks of {impressions:,} impressions.")
        if impressions
        else Fact(None, NOT_SHOWN),
        "position": _position(these, impressions),
    }


def seen(source: Source, *, at: datetime) -> SearchSeen | Unscored:
    """How Google showed the site, for whoever scores the site itself."""
    now, before = periods(at.date() - LAG)
    ask = partial(query, source.connection, site=source.name, limit=MOST_ROWS)
    try:
        days = _rows(ask(dimension="date", first=before.first, last=now.last))
        pages = _rows(ask(dimension="page", first=now.first, last=now.last))
    except _NoAnswer as no_answer:
        return no_answer.unscored
    clicks = sum(row.clicks for row in days if row.key >= now.first.isoformat())
    return SearchSeen(frozenset(_shown(pages)), clicks, sum(row.clicks for row in days) - clicks)


def covers(property_name: str, address: str) -> bool:
    """Whether the property holds this address: a domain with all of its hosts, or all that begins with a prefix."""
    if property_name.startswith("sc-domain:"):
        domain = property_name.removeprefix("sc-domain:").lower()
        try:
            host = (urlsplit(address).hostname or "").lower()
        except ValueError:
            return False
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
    return bool(property_name) and f"{address.rstrip('/')}/".startswith(property_name)


def changed(now: int, before: int, what: str) -> Fact:
    return Fact(change(now, before), f"{now:,} {what}, {before:,} in the 30 days before.")


def _rows(answer: Figures[T] | Unreadable) -> tuple[T, ...]:
    if isinstance(answer, Unreadable):
        raise _NoAnswer(answer)
    return answer.rows


def _shown(pages: tuple[Row, ...]) -> list[str]:
    return [row.key for row in pages if row.impressions]


def _position(days: list[Row], impressions: int) -> Fact:
    if not impressions:
        return Fact(None, NOT_SHOWN)
    position = sum(row.position * row.impressions for row in days) / impressions
    return Fact(round(position, 1), f"On average at place {position:.1f}.")

"""Three questions to DataForSEO's API v3, each answered at once, with what it cost.

https://docs.dataforseo.com/v3/
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any, Generic, TypeVar

from apps.channels.platforms.base import Connection
from apps.shared import egress

# Country -> location: Google's criterion of a country is 2000 and its ISO 3166 number.
LOCATIONS = {
    "AE": 2784, "AU": 2036, "CA": 2124, "DE": 2276, "ES": 2724, "FR": 2250, "GB": 2826, "IE": 2372, "IN": 2356,
    "IT": 2380, "NL": 2528, "NZ": 2554, "SG": 2702, "US": 2840, "ZA": 2710,
}  # fmt: skip
TIMEOUT_S = 30.0  # a search is carried out while we wait, which takes about six seconds
MAX_BYTES = 4_000_000
MAX_TEXT = 500
DEAREST = Decimal(10)  # USD; what claims to have cost more is no price
MICROS = Decimal("0.000001")
OK, NO_RESULTS = 20_000, 40_102
NOTHING = Decimal(0)

# cause -> what to do
NEXT_STEPS = {
    "wrong_credentials": "DataForSEO does not accept the agency's credentials. An operator has to look at them.",
    "account": "DataForSEO answers nothing until the agency's account there is in order. An operator has to look at it.",
    "too_many_requests": "DataForSEO asks for fewer requests. Try again later.",
    "service_error": "DataForSEO answers with an error of its own. Try again later.",
    "not_reachable": "DataForSEO cannot be reached at the moment. Try again later.",
    "bad_request": "DataForSEO does not accept this question. Word it more plainly.",
    "broken_answer": "DataForSEO's answer makes no sense. Try again later.",
}
CAUSE_OF_STATUS = {401: "wrong_credentials", 402: "account", 404: "bad_request", 429: "too_many_requests"}
CAUSE_OF_CODE = {
    40_100: "wrong_credentials",
    40_101: "service_error",
    40_103: "service_error",
    40_202: "too_many_requests",
    40_209: "too_many_requests",
}
CAUSE_OF_HUNDRED = {400: "bad_request", 401: "account", 402: "account", 404: "bad_request", 405: "bad_request"}


@dataclass(frozen=True)
class KeywordVolume:
    """`searches` is an average month of the last twelve. `competition` is that among advertisers, 0 to 100; clicks are
    paid in USD. None: Google Ads tells nothing."""

    keyword: str
    searches: int | None
    competition: int | None
    cost_per_click_usd: float | None


@dataclass(frozen=True)
class SearchResult:
    """`rank` counts the unpaid results, 1 being the top."""

    rank: int
    url: str
    title: str
    description: str


@dataclass(frozen=True)
class BacklinkSummary:
    """`rank` is DataForSEO's own, 0 to 1000; `spam_score` 0 to 100, the worst; `referring_sites` counts a site with all
    its subdomains once."""

    target: str
    rank: int | None
    backlinks: int | None
    referring_domains: int | None
    referring_sites: int | None
    nofollow_domains: int | None
    broken_backlinks: int | None
    spam_score: int | None


Row = TypeVar("Row", KeywordVolume, SearchResult, BacklinkSummary)


@dataclass(frozen=True)
class Answer(Generic[Row]):
    """`cost_usd` is what DataForSEO says it charged; None where it says nothing that could be a price."""

    rows: tuple[Row, ...]
    cost_usd: Decimal | None
    status: int


@dataclass(frozen=True)
class Unreadable:
    """`cause` is a key of NEXT_STEPS. `cost_usd` is None where nobody can tell whether it was charged for."""

    cause: str
    status: int | None
    cost_usd: Decimal | None

    @property
    def next_step(self) -> str:
        return NEXT_STEPS[self.cause]


def keyword_volumes(
    connection: Connection, *, keywords: list[str], country: str, language: str
) -> Answer[KeywordVolume] | Unreadable:
    """How often each is searched for on Google: up to 1,000 of 80 characters and ten words, for one price."""
    task = {"keywords": keywords, "location_code": LOCATIONS[country], "language_code": language}
    return _ask(connection, "keywords_data/google_ads/search_volume/live", task, lambda found: [*map(_volume, found)])


def search_results(
    connection: Connection, *, keyword: str, country: str, language: str, limit: int
) -> Answer[SearchResult] | Unreadable:
    """The unpaid results of Google for one search, the best first. Every ten results have a price."""
    depth = max(10, math.ceil(limit / 10) * 10)
    task = {"keyword": keyword, "location_code": LOCATIONS[country], "language_code": language, "depth": depth}

    def rows(found: list[dict[str, Any]]) -> list[SearchResult]:
        items = [item for page in found for item in page["items"] or [] if item["type"] == "organic"]
        return [*map(_result, items[:limit])]

    return _ask(connection, "serp/google/organic/live/regular", task, rows)


def backlink_summary(connection: Connection, *, target: str) -> Answer[BacklinkSummary] | Unreadable:
    """How many link to a host, given without `https://` and `www.`, its subdomains included."""
    task = {"target": target, "include_subdomains": True, "backlinks_status_type": "live", "internal_list_limit": 1}
    return _ask(connection, "backlinks/summary/live", task, lambda found: [*map(_summary, found)])


def _ask(
    connection: Connection, path: str, task: dict[str, Any], read: Callable[[list[dict[str, Any]]], list[Row]]
) -> Answer[Row] | Unreadable:
    """One task, as an array of one. Whether it went well is said twice in the body, beside the status of HTTP."""
    url = f"{connection.base_url.rstrip('/')}/v3/{path}"
    try:
        answer = egress.request(
            "POST",
            url,
            json=[task],
            auth=(connection.username, connection.secret),
            timeout_s=TIMEOUT_S,
            max_bytes=MAX_BYTES,
        )
    except egress.EgressError as error:
        return Unreadable("not_reachable", None, None if error.request_left else NOTHING)
    if answer.status != 200:
        cause = CAUSE_OF_STATUS.get(answer.status, "service_error" if answer.status >= 500 else "broken_answer")
        return Unreadable(cause, answer.status, NOTHING if answer.status in CAUSE_OF_STATUS else None)
    cost: Decimal | None = None
    try:
        told = answer.json()
        cost = _cost(told)
        if told["status_code"] != OK:
            return Unreadable(_cause(told["status_code"]), answer.status, cost)
        (done,) = told["tasks"]
        if done["status_code"] not in (OK, NO_RESULTS):
            return Unreadable(_cause(done["status_code"]), answer.status, cost)
        return Answer(tuple(read(done.get("result") or [])), cost, answer.status)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return Unreadable("broken_answer", answer.status, cost)


def _cost(told: dict[str, Any]) -> Decimal | None:
    cost = told.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost <= DEAREST:
        return None
    return Decimal(str(cost)).quantize(MICROS, ROUND_UP)


def _cause(code: int) -> str:
    return CAUSE_OF_CODE.get(code) or CAUSE_OF_HUNDRED.get(code // 100, "service_error")


def _volume(row: dict[str, Any]) -> KeywordVolume:
    click = row["cpc"]
    return KeywordVolume(
        keyword=_text(row["keyword"]),
        searches=_count(row["search_volume"]),
        competition=_count(row["competition_index"]),
        cost_per_click_usd=None if click is None else round(_number(click), 2),
    )


def _result(row: dict[str, Any]) -> SearchResult:
    return SearchResult(
        rank=int(_number(row["rank_group"])),
        url=_text(row["url"]),
        title=_text(row["title"]),
        description=_text(row.get("description") or ""),
    )


def _summary(row: dict[str, Any]) -> BacklinkSummary:
    return BacklinkSummary(
        target=_text(row["target"]),
        rank=_count(row["rank"]),
        backlinks=_count(row["backlinks"]),
        referring_domains=_count(row["referring_domains"]),
        referring_sites=_count(row["referring_main_domains"]),
        nofollow_domains=_count(row["referring_domains_nofollow"]),
        broken_backlinks=_count(row["broken_backlinks"]),
        spam_score=_count(row["backlinks_spam_score"]),
    )


def _count(value: Any) -> int | None:
    return None if value is None else int(_number(value))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("no figure")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value[:MAX_TEXT]

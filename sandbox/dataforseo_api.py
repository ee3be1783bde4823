"""DataForSEO's API v3 as its documentation describes it (SOURCES.md); figures are made from the request."""

import base64
import binascii
import random
from collections.abc import Callable
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.world import World

OK = (20000, "Ok.")
NO_RESULTS = (40102, "No Search Results.")
INVALID = (40501, "Invalid Field.")
ONE_ONLY = (40000, "You can set only one task at a time.")
# status of HTTP -> what stands in the envelope; all but 401, 402, 404 and 500 come with 200
ERRORS = {
    401: (40100, "You are not Authorized to Access this Resource."),
    402: (40200, "Payment Required."),
    404: (40400, "Not Found."),
    429: (40202, "Rate limit per minute has been exceeded."),
    500: (50000, "Internal Error."),
}
MADE_UP = ("guide.example", "shop.example", "reviews.example", "magazine.example", "wiki.example")


def answer(world: World, request: Request) -> Response:
    login, password = credentials(request)
    if not login or password in ("", "revoked"):
        return error(world, 401)
    if login == "unpaid":
        return error(world, 402)
    path = request.path.removeprefix("/dataforseo/v3/")
    if path not in QUESTIONS or request.method != "POST":
        return error(world, 404)
    try:
        tasks = request.json()
        (task,) = tasks
        code, cost, result = QUESTIONS[path](task, world.seed)
    except (TypeError, KeyError, ValueError):
        return told(ONE_ONLY if isinstance(request.json(), list) else INVALID, 0, [])
    if request.fault_kind == "empty":
        code, result = NO_RESULTS, []
    if request.fault_kind == "wrong_types":
        result = [{"keyword": 7, "items": [7]}]
    done = {
        "id": "10131915-1535-0367-0000-daa93e6535f6",
        "status_code": code[0],
        "status_message": code[1],
        "time": "0.9619 sec.",
        "cost": cost,
        "result_count": len(result),
        "path": ["v3", *path.split("/")],
        "data": task,
        "result": result or None,
    }
    claimed: Any = {"wrong_usage": 1_000_000.0, "negative_usage": -5, "no_usage": None}.get(request.fault_kind, cost)
    return told(OK, claimed, [done], recorded={"kind": path, "cost": cost, "task": task})


def error(world: World, status: int, message: str = "") -> Response:
    code, usual = ERRORS.get(status, ERRORS[500])
    return told((code, message or usual), 0, None, status=status if status in (401, 402, 404, 500) else 200)


def told(
    code: tuple[int, str], cost: float, tasks: list | None, *, status: int = 200, recorded: dict | None = None
) -> Response:
    envelope = {
        "version": "0.1.20230825",
        "status_code": code[0],
        "status_message": code[1],
        "time": "1.0162 sec.",
        "cost": cost,
        "tasks_count": len(tasks or []),
        "tasks_error": sum(task["status_code"] != OK[0] for task in tasks or []),
        "tasks": tasks,
    }
    return json_response(envelope, status=status, recorded=recorded)


def credentials(request: Request) -> tuple[str, str]:
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    try:
        login, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (login, password) if scheme.lower() == "basic" else ("", "")


Done = tuple[tuple[int, str], float, list[dict[str, Any]]]


def volumes(task: dict[str, Any], seed: int) -> Done:
    keywords = task["keywords"]
    if not 1 <= len(keywords) <= 1_000 or any(len(word) > 80 or len(word.split()) > 10 for word in keywords):
        return INVALID, 0, []
    rows = []
    for keyword in keywords:
        rng = random.Random(f"{seed}{keyword}{task['location_code']}")
        known = "unheard" not in keyword
        rows.append(
            {
                "keyword": keyword.lower(),
                "spell": None,
                "location_code": task["location_code"],
                "language_code": task["language_code"],
                "search_partners": False,
                "competition": rng.choice(["LOW", "MEDIUM", "HIGH"]) if known else None,
                "competition_index": rng.randint(3, 96) if known else None,
                "search_volume": rng.choice([30, 90, 260, 720, 1_900, 5_400]) if known else None,
                "low_top_of_page_bid": 0.22 if known else None,
                "high_top_of_page_bid": 1.95 if known else None,
                "cpc": round(rng.uniform(0.2, 3), 2) if known else None,
                "monthly_searches": [{"year": 2026, "month": 1, "search_volume": 260}] if known else None,
            }
        )
    return OK, 0.075, rows


def results(task: dict[str, Any], seed: int) -> Done:
    keyword, depth = task["keyword"], int(task.get("depth", 10))
    cost = 0.002 * depth / 10
    if "nothing" in keyword:
        return NO_RESULTS, cost, []
    rng = random.Random(f"{seed}{keyword}{task['location_code']}")
    items: list[dict[str, Any]] = [item("paid", 1, 1, "ads.example", keyword)]
    for rank in range(1, depth + 1):
        items.append(item("organic", rank, rank + 1, f"{rng.randint(1, 99)}.{rng.choice(MADE_UP)}", keyword))
    page = {
        "keyword": keyword,
        "type": "organic",
        "se_domain": "google.com",
        "location_code": task["location_code"],
        "language_code": task["language_code"],
        "check_url": "https://www.google.com/search",
        "datetime": "2026-01-15 12:57:46 +00:00",
        "spell": None,
        "item_types": ["organic", "paid"],
        "se_results_count": 98_700,
        "items_count": len(items),
        "items": items,
    }
    return OK, cost, [page]


def item(kind: str, group: int, absolute: int, domain: str, keyword: str) -> dict[str, Any]:
    return {
        "type": kind,
        "rank_group": group,
        "rank_absolute": absolute,
        "domain": domain,
        "title": f"{keyword.title()}, answer {group}",
        "description": f"What {domain} says about {keyword}.",
        "url": f"https://{domain}/{keyword.replace(' ', '-')}",
        "breadcrumb": f"https://{domain}",
    }


def backlinks(task: dict[str, Any], seed: int) -> Done:
    target = task["target"]
    if target.startswith(("http", "www.")):
        return INVALID, 0, []
    rng = random.Random(f"{seed}{target}")
    sites = rng.randint(20, 900)
    summary = {
        "target": target,
        "first_seen": "2019-11-15 12:57:46 +00:00",
        "lost_date": None,
        "rank": rng.randint(20, 500),
        "backlinks": sites * rng.randint(2, 9),
        "backlinks_spam_score": rng.randint(0, 30),
        "crawled_pages": rng.randint(40, 4_000),
        "broken_backlinks": sites // 20,
        "broken_pages": sites // 30,
        "referring_domains": sites + sites // 10,
        "referring_domains_nofollow": sites // 4,
        "referring_main_domains": sites,
        "referring_main_domains_nofollow": sites // 5,
    }
    return OK, 0.02003, [summary]


QUESTIONS: dict[str, Callable[[dict[str, Any], int], Done]] = {
    "keywords_data/google_ads/search_volume/live": volumes,
    "serp/google/organic/live/regular": results,
    "backlinks/summary/live": backlinks,
}

"""The REST API under `/wordpress/<site>/wp-json/`: who asks, which route, WordPress' own errors."""

import base64
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.wordpress import writing
from sandbox.wordpress.records import (
    APPLICATION_PASSWORD,
    STATUSES,
    USERS,
    Blog,
    Post,
    User,
    blog,
    parse_time,
    post_json,
    term_json,
    user_json,
)
from sandbox.wordpress.refusals import Refused, not_allowed
from sandbox.world import World

TAXONOMIES = {"categories": "category", "tags": "post_tag"}
ORDERS: dict[str, Callable[[Post], Any]] = {
    "date": lambda post: (post.date, post.id),
    "id": lambda post: post.id,
    "modified": lambda post: (post.modified, post.id),
    "slug": lambda post: post.slug,
    "title": lambda post: post.title.lower(),
}


def answer(world: World, request: Request) -> Response:
    name, _, route = request.path.removeprefix("/wordpress/").partition("/wp-json")
    try:
        with world.lock:
            site = blog(world, name.strip("/"))
            site.settle(datetime.now(UTC))
            response = respond(site, request, route.strip("/"))
    except Refused as refusal:
        return refusal.response()
    if request.fault_kind == "wrong_types":
        return json_response(with_wrong_types(response.body), status=response.status, recorded=response.recorded)
    return response


def outage(world: World, status: int, message: str = "") -> Response:
    """What WordPress, or the host before it, says when it does not carry a request out."""
    code, usual = {
        401: ("incorrect_password", "The provided password is an invalid application password."),
        429: ("too_many_requests", "Too many requests. Please try again later."),
        529: ("service_overloaded", "The site is overloaded."),
    }.get(status, ("internal_server_error", "<p>There has been a critical error on this website.</p>"))
    return Refused(status, code, message or usual).response()


def respond(site: Blog, request: Request, route: str) -> Response:
    user = who(request)
    if route == "":
        return json_response(index(site))
    if request.method not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        raise no_route()
    match route.removeprefix("wp/v2/").split("/"):
        case ["users", "me"] if request.method == "GET":
            if user is None:
                raise Refused(401, "rest_not_logged_in", "You are not currently logged in.")
            return finished(request, user_json(site, user, context=request.first("context", "view")))
        case ["settings"] if request.method == "GET":
            if user is None or user.role != "administrator":
                raise not_allowed(user, "rest_forbidden", "Sorry, you are not allowed to do that.")
            return json_response(
                {
                    "title": site.title,
                    "description": "",
                    "url": site.address,
                    "email": "admin@rehearsal.invalid",
                    "timezone": "UTC",
                    "date_format": "F j, Y",
                    "time_format": "g:i a",
                    "start_of_week": 1,
                    "language": "",
                    "use_smilies": True,
                    "default_category": 1,
                    "default_post_format": "0",
                    "posts_per_page": 10,
                    "show_on_front": "posts",
                    "page_on_front": 0,
                    "page_for_posts": 0,
                    "default_ping_status": "open",
                    "default_comment_status": "open",
                }
            )
        case ["posts"]:
            return (
                list_posts(site, user, request) if request.method == "GET" else writing.create_post(site, user, request)
            )
        case ["posts", number] if number.isdigit():
            if request.method == "GET":
                return one_post(site, user, request, int(number))
            if request.method == "DELETE":
                return writing.delete_post(site, user, request, int(number))
            return writing.update_post(site, user, request, int(number))
        case [("categories" | "tags") as base]:
            taxonomy = TAXONOMIES[base]
            return (
                list_terms(site, request, taxonomy)
                if request.method == "GET"
                else writing.create_term(site, user, request, taxonomy)
            )
        case [("categories" | "tags") as base, number] if number.isdigit() and request.method == "GET":
            term = site.terms.get(int(number))
            if term is None or term.taxonomy != TAXONOMIES[base]:
                raise Refused(404, "rest_term_invalid", "Term does not exist.")
            return finished(request, term_json(site, term))
    raise no_route()


def no_route() -> Refused:
    return Refused(404, "rest_no_route", "No route was found matching the URL and request method.")


def who(request: Request) -> User | None:
    """The user behind the application password; None without credentials. Raises Refused for wrong ones."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        login, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    user = USERS.get(login)
    if user is None:
        raise Refused(401, "invalid_username", "Unknown username. Check again or try your email address.")
    if "".join(password.split()) != APPLICATION_PASSWORD:
        raise Refused(401, "incorrect_password", "The provided password is an invalid application password.")
    return user


def index(site: Blog) -> dict[str, Any]:
    return {
        "name": site.title,
        "description": "A rehearsal site: nothing here is published to anybody",
        "url": site.address,
        "home": site.address,
        "gmt_offset": 0,
        "timezone_string": "UTC",
        "page_for_posts": 0,
        "page_on_front": 0,
        "show_on_front": "posts",
        "namespaces": ["oembed/1.0", "wp/v2", "wp-site-health/v1"],
        "authentication": {
            "application-passwords": {
                "endpoints": {"authorization": f"{site.address}/wp-admin/authorize-application.php"}
            }
        },
        "routes": {
            f"/wp/v2/{route}": {"namespace": "wp/v2", "methods": ["GET", "POST"]}
            for route in ("posts", "categories", "tags")
        },
        "site_logo": 0,
        "site_icon": 0,
        "site_icon_url": "",
        "_links": {"help": [{"href": "https://developer.wordpress.org/rest-api/"}]},
    }


def list_posts(site: Blog, user: User | None, request: Request) -> Response:
    context = context_of(user, request, "Sorry, you are not allowed to edit posts in this post type.")
    statuses = values(request, "status") or ["publish"]
    statuses = list(STATUSES) if statuses == ["any"] else statuses
    for status in statuses:
        if status not in (*STATUSES, "trash"):
            raise Refused.parameter("status", f"status[0] is not one of {', '.join(STATUSES)}.")
        if status != "publish" and (user is None or not user.may_write):
            raise Refused.parameter("status", "Status is forbidden.")
    slugs, words = values(request, "slug"), request.first("search").lower().split()
    found = [
        post
        for post in site.posts.values()
        if post.status in statuses
        and (not slugs or post.slug in slugs)
        and all(word in f"{post.title}\n{post.excerpt}\n{post.content}".lower() for word in words)
    ]
    for base in TAXONOMIES:
        wanted = {int(value) for value in values(request, base) if value.isdigit()}
        found = [post for post in found if not wanted or wanted & set(getattr(post, base))]
    for name, keep in (
        ("after", lambda post, moment: post.date > moment),
        ("before", lambda post, moment: post.date < moment),
    ):
        if request.first(name):
            moment = parse_time(request.first(name))
            if moment is None:
                raise Refused.parameter(name, "Invalid date.")
            found = [post for post in found if keep(post, moment)]
    if request.first("include"):
        found = [post for post in found if str(post.id) in values(request, "include")]
    order = request.first("orderby", "date")
    found.sort(key=ORDERS.get(order, ORDERS["date"]), reverse=request.first("order", "desc") == "desc")
    if request.fault_kind == "empty":  # a listing that is late: what was just created is not in it yet
        found = []
    return page_of(
        request, [post_json(site, post, context=context) for post in found], too_far="rest_post_invalid_page_number"
    )


def one_post(site: Blog, user: User | None, request: Request, number: int) -> Response:
    post = site.posts.get(number)
    if post is None or request.fault_kind == "empty":
        raise Refused(404, "rest_post_invalid_id", "Invalid post ID.")
    context = context_of(user, request, "Sorry, you are not allowed to edit this post.")
    if post.status != "publish" and (user is None or not user.may_write):
        raise not_allowed(user, "rest_forbidden", "Sorry, you are not allowed to do that.")
    return finished(request, post_json(site, post, context=context))


def list_terms(site: Blog, request: Request, taxonomy: str) -> Response:
    slugs, search = values(request, "slug"), request.first("search").lower()
    found = [
        term
        for term in site.terms.values()
        if term.taxonomy == taxonomy
        and (not slugs or term.slug in slugs)
        and search in f"{term.name}\n{term.slug}".lower()
    ]
    found.sort(key=lambda term: term.name.lower())
    return page_of(request, [term_json(site, term) for term in found], too_far="")


def context_of(user: User | None, request: Request, refusal: str) -> str:
    context = request.first("context", "view")
    if context not in ("view", "edit", "embed"):
        raise Refused.parameter("context", "context is not one of view, embed, and edit.")
    if context == "edit" and (user is None or not user.may_write):
        raise not_allowed(user, "rest_forbidden_context", refusal)
    return context


def page_of(request: Request, items: list[Any], *, too_far: str) -> Response:
    """One page of a collection with WordPress' total headers."""
    per_page, page = whole_number(request, "per_page", 10), whole_number(request, "page", 1)
    if not 1 <= per_page <= 100:
        raise Refused.parameter("per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)")
    pages = math.ceil(len(items) / per_page)
    if too_far and items and page > pages:
        raise Refused(400, too_far, "The page number requested is larger than the number of pages available.")
    shown = [fields_wanted(request, item) for item in items[(page - 1) * per_page : page * per_page]]
    return json_response(shown, headers={"X-WP-Total": str(len(items)), "X-WP-TotalPages": str(pages)})


def finished(request: Request, item: dict[str, Any]) -> Response:
    return json_response(fields_wanted(request, item))


def fields_wanted(request: Request, item: dict[str, Any]) -> dict[str, Any]:
    wanted = {name.split(".")[0] for name in values(request, "_fields")}
    return {name: value for name, value in item.items() if name in wanted} if wanted else item


def values(request: Request, name: str) -> list[str]:
    """A list parameter: `a,b`, `name[]=a&name[]=b` or repeated."""
    given = request.query.get(name, []) + request.query.get(f"{name}[]", [])
    return [part.strip() for value in given for part in value.split(",") if part.strip()]


def whole_number(request: Request, name: str, default: int) -> int:
    value = request.first(name, str(default))
    if not value.lstrip("-").isdigit() or int(value) < 1:
        raise Refused.parameter(name, f"{name} must be greater than or equal to 1")
    return int(value)


def with_wrong_types(body: bytes) -> Any:
    """The same answer with its types confused: numbers as words, objects as strings, lists as numbers."""
    value = json.loads(body)

    def confuse(part: Any) -> Any:
        return (
            f"no {part}"
            if isinstance(part, int)
            else 0
            if isinstance(part, list)
            else str(part)
            if isinstance(part, dict)
            else [part]
        )

    return (
        [{name: confuse(part) for name, part in item.items()} for item in value]
        if isinstance(value, list)
        else {name: confuse(part) for name, part in value.items()}
    )

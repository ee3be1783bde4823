"""Routes that change a WordPress site. The caller holds the world's lock."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.wordpress import text
from sandbox.wordpress.records import (
    REGISTERED_META,
    STATUSES,
    Blog,
    Post,
    User,
    parse_time,
    post_json,
    term_json,
)
from sandbox.wordpress.refusals import Refused, not_allowed

PLAIN_FIELDS = {
    "comment_status": str,
    "ping_status": str,
    "template": str,
    "format": str,
    "password": str,
    "sticky": bool,
    "featured_media": int,
}


def create_post(site: Blog, user: User | None, request: Request) -> Response:
    if user is None or not user.may_write:
        raise not_allowed(user, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
    now = datetime.now(UTC).replace(microsecond=0)
    given = body_of(request)
    draft = Post(0, user.id, now, now)
    changed = apply(site, draft, given, now)
    if not (changed.title.strip() or changed.content.strip() or changed.excerpt.strip()):
        raise Refused(400, "empty_content", "Content, title, and excerpt are empty.")
    post = settle_slug(
        site, replace(changed, id=site.next_id(), categories=changed.categories or [default_category(site)]), given
    )
    site.posts[post.id] = post
    answer = post_json(site, post, context="edit")
    return json_response(
        answer,
        status=201,
        headers={"Location": answer["_links"]["self"][0]["href"]},
        recorded=record("post.created", site, post),
    )


def update_post(site: Blog, user: User | None, request: Request, number: int) -> Response:
    post = existing(site, number)
    if user is None or not user.may_write:
        raise not_allowed(user, "rest_cannot_edit", "Sorry, you are not allowed to edit this post.")
    given, now = body_of(request), datetime.now(UTC).replace(microsecond=0)
    post = settle_slug(site, apply(site, post, given, now), given)
    site.posts[number] = post
    return json_response(post_json(site, post, context="edit"), recorded=record("post.updated", site, post))


def delete_post(site: Blog, user: User | None, request: Request, number: int) -> Response:
    post = existing(site, number)
    if user is None or not user.may_write:
        raise not_allowed(user, "rest_cannot_delete", "Sorry, you are not allowed to delete this post.")
    previous = post_json(site, post, context="edit")
    if request.first("force").lower() in ("1", "true"):
        del site.posts[number]
        return json_response({"deleted": True, "previous": previous}, recorded=record("post.deleted", site, post))
    if post.status == "trash":
        raise Refused(410, "rest_already_trashed", "The post has already been deleted.")
    post = replace(post, status="trash", slug=f"{post.slug}__trashed")
    site.posts[number] = post
    return json_response(post_json(site, post, context="edit"), recorded=record("post.trashed", site, post))


def create_term(site: Blog, user: User | None, request: Request, taxonomy: str) -> Response:
    if user is None or not user.may_write:
        raise not_allowed(user, "rest_cannot_create", "Sorry, you are not allowed to create terms in this taxonomy.")
    given = body_of(request)
    name, parent = str(given.get("name", "")).strip(), int(given.get("parent") or 0)
    if not name:
        raise Refused(400, "rest_missing_callback_param", "Missing parameter(s): name", params=["name"])
    same = next(
        (
            term
            for term in site.terms.values()
            if term.taxonomy == taxonomy
            and term.parent == parent
            and (term.name.lower() == name.lower() or term.slug == text.slug(str(given.get("slug") or name)))
        ),
        None,
    )
    if same:
        where = "with this parent" if taxonomy == "category" else "in this taxonomy"
        raise Refused(400, "term_exists", f"A term with the name provided already exists {where}.", term_id=same.id)
    term = site.add_term(
        taxonomy, name, slug=str(given.get("slug", "")), description=str(given.get("description", "")), parent=parent
    )
    answer = term_json(site, term)
    return json_response(
        answer,
        status=201,
        headers={"Location": answer["_links"]["self"][0]["href"]},
        recorded={"kind": "term.created", "site": site.name, "id": term.id, "slug": term.slug},
    )


def existing(site: Blog, number: int) -> Post:
    post = site.posts.get(number)
    if post is None:
        raise Refused(404, "rest_post_invalid_id", "Invalid post ID.")
    return post


def default_category(site: Blog) -> int:
    return min(term.id for term in site.terms.values() if term.taxonomy == "category")


def body_of(request: Request) -> dict[str, Any]:
    """JSON or form fields, whichever came; query parameters count too, as in WordPress."""
    given: dict[str, Any] = {name: found[0] for name, found in request.query.items()}
    if "json" in request.headers.get("Content-Type", ""):
        try:
            body = request.json() if request.body else {}
        except ValueError as mistake:
            raise Refused(
                400,
                "rest_invalid_json",
                "Invalid JSON body passed.",
                json_error_code=4,
                json_error_message="Syntax error",
            ) from mistake
        if isinstance(body, dict):
            given |= body
    else:
        given |= request.form()
    return given


def apply(site: Blog, post: Post, given: dict[str, Any], now: datetime) -> Post:
    """The post with the given fields changed. Raises Refused for a value WordPress does not take."""
    changes: dict[str, Any] = {"modified": now}
    for name in ("title", "content", "excerpt"):
        if name in given:
            value = given[name]
            changes[name] = str(value.get("raw", "") if isinstance(value, dict) else value)
    for name, kind in PLAIN_FIELDS.items():
        if name in given:
            changes[name] = kind(given[name])
    for name, taxonomy in (("categories", "category"), ("tags", "post_tag")):
        if name in given:
            changes[name] = term_ids(site, name, given[name], taxonomy)
    if isinstance(given.get("meta"), dict):
        changes["meta"] = post.meta | {key: value for key, value in given["meta"].items() if key in REGISTERED_META}
    for name in ("date", "date_gmt"):
        if given.get(name):
            changes["date"] = parse_time(str(given[name]))
            if changes["date"] is None:
                raise Refused.parameter(name, "Invalid date.")
    status = given.get("status", post.status)
    if status not in (*STATUSES, post.status):
        raise Refused.parameter("status", f"status is not one of {', '.join(STATUSES[:-1])}, and {STATUSES[-1]}.")
    changed = replace(post, **changes)
    if status == "publish" and changed.date > now:
        status = "future"
    elif status == "future" and changed.date <= now:
        status = "publish"
    elif status == "publish" and post.status in ("draft", "pending") and "date" not in changes:
        changed = replace(changed, date=now)
    return replace(changed, status=status)


def term_ids(site: Blog, name: str, given: Any, taxonomy: str) -> list[int]:
    items = given if isinstance(given, list) else str(given).split(",")
    if not all(str(item).strip().isdigit() for item in items):
        raise Refused.parameter(name, f"{name}[0] is not of type integer.")
    return [
        number
        for number in dict.fromkeys(int(item) for item in items)
        if number in site.terms and site.terms[number].taxonomy == taxonomy
    ]


def settle_slug(site: Blog, post: Post, given: dict[str, Any]) -> Post:
    """Drafts and pending posts keep an empty slug until one is given; all others get a unique one from the title."""
    wanted = str(given["slug"]) if given.get("slug") else post.slug
    if not wanted and post.status in ("draft", "pending"):
        return post
    return replace(
        post,
        slug=site.free_slug(wanted or post.title or str(post.id), except_post=site.posts.get(post.id, post))
        or str(post.id),
    )


def record(kind: str, site: Blog, post: Post) -> dict[str, Any]:
    return {
        "kind": kind,
        "site": site.name,
        "id": post.id,
        "slug": post.slug,
        "status": post.status,
        "title": post.title,
    }

"""Putting one article on a WordPress site at most once, and finding it again by its marker."""

import html
import re
from typing import Any

from apps.channels.platforms.base import (
    Absent,
    CannotTell,
    Connection,
    Found,
    Publication,
    Published,
    Refused,
    Unknown,
)
from apps.channels.platforms.wordpress.client import (
    EXPLANATIONS,
    PASSING_CAUSES,
    Site,
    WordPressFault,
    cause_of,
    code_of,
    fault_of,
    fault_of_answer,
    find_site,
    get,
    is_own_link,
    json_of,
    summary_of,
    text_of,
)
from apps.shared import egress

SEND_TIMEOUT_S = 30.0  # a busy WordPress with many plugins takes this long to save a post
MAX_SLUG_NUMBER = 5  # WordPress appends -2, -3 … to a slug that is taken
RECENT_PAGES, RECENT_PER_PAGE = 3, 20  # an article can be large, and all of a page has to fit into one answer
LOOKED_AT = "id,link,status,content"


def publish(
    connection: Connection, publication: Publication, *, deadline_monotonic: float | None = None
) -> Published | Refused | Unknown:
    """Create the post: one POST that is never repeated here, after look-ups that may be.

    No byte of that POST is written once `time.monotonic()` has reached `deadline_monotonic`. Refused means that
    nothing was published; Unknown means that `find_existing` has to be asked. Raises ValueError for a marker that
    could not stand in a comment.
    """
    comment = marker_comment(publication.marker)
    try:
        site = find_site(connection)
        categories = [_term_id(site, "categories", name) for name in dict.fromkeys(publication.categories)]
        tags = [_term_id(site, "tags", name) for name in dict.fromkeys(publication.tags)]
    except WordPressFault as fault:
        return _refused(fault)
    post = {
        # WordPress takes titles and excerpts as HTML, and runs what it takes for a shortcode in the content.
        "title": html.escape(publication.title, quote=False),
        "excerpt": html.escape(publication.excerpt, quote=False),
        "content": f"{publication.html.replace('[', '&#91;')}\n{comment}",
        "slug": publication.slug,
        "status": publication.status,
        "categories": categories,
        "tags": tags,
    }
    try:
        answer = egress.request(
            "POST",
            site.url("/wp/v2/posts"),
            headers={"Accept": "application/json"},
            json=post,
            auth=(connection.username, connection.secret),
            timeout_s=SEND_TIMEOUT_S,
            send_by=deadline_monotonic,
        )
    except egress.EgressError as error:
        if error.request_left:
            return Unknown(error.cause, fault_of(error).summary)
        return _refused(fault_of(error))
    return _outcome(site, publication, answer)


def _outcome(site: Site, publication: Publication, answer: egress.Answer) -> Published | Refused | Unknown:
    summary = summary_of(answer, site.connection)
    if answer.status >= 500 or answer.status == 408:
        return Unknown("site_error", summary)
    if answer.status >= 300:
        return _refused(fault_of_answer(answer, site.connection))
    post = json_of(answer)
    if not isinstance(post, dict) or not _is_post_id(post.get("id")) or not is_own_link(site, post.get("link")):
        return Unknown("broken_answer", summary)
    if post.get("status", publication.status) != publication.status:
        return Unknown("other_status", {**summary, "post_status": text_of(post["status"])})
    return Published(str(post["id"]), post["link"], summary)


def _refused(fault: WordPressFault) -> Refused:
    what, next_step = EXPLANATIONS[fault.cause]
    return Refused(
        fault.cause, f"{what} {next_step}", fault.summary, fault.cause in PASSING_CAUSES, fault.retry_after_s
    )


def _term_id(site: Site, taxonomy: str, name: str) -> int:
    """The id of a category or tag of this name, created if need be. Repeating it does no harm: names are unique."""
    terms = json_of(get(site, f"/wp/v2/{taxonomy}", search=name, per_page=100, _fields="id,name"))
    for term in terms if isinstance(terms, list) else ():
        is_named_so = isinstance(term, dict) and text_of(term.get("name")).casefold() == name.casefold()
        if is_named_so and _is_post_id(term.get("id")):
            return term["id"]
    connection = site.connection
    try:
        answer = egress.request(
            "POST",
            site.url(f"/wp/v2/{taxonomy}"),
            headers={"Accept": "application/json"},
            json={"name": name},
            auth=(connection.username, connection.secret),
        )
    except egress.EgressError as error:
        raise fault_of(error) from error
    body = json_of(answer)
    if answer.status == 400 and code_of(answer) == "term_exists":
        # Somebody made it meanwhile, or WordPress compares names more loosely than we do; the answer names it.
        body = {"id": (body.get("data") or {}).get("term_id")}
    elif answer.status in (401, 403) and cause_of(answer) == "may_not_publish":
        raise WordPressFault("may_not_create_terms", summary_of(answer, connection))
    elif not 200 <= answer.status < 300:
        raise fault_of_answer(answer, connection)
    if not isinstance(body, dict) or not _is_post_id(body.get("id")):
        raise WordPressFault("broken_answer", summary_of(answer, connection))
    return body["id"]


def find_existing(connection: Connection, *, marker: str, slug: str) -> Found | Absent | CannotTell:
    """Look for the post that carries this marker, whatever its status: by its slug, then among the newest.

    Absent only if WordPress answered every question with the full text of the posts; anything less is CannotTell.
    """
    comment = marker_comment(marker)
    variants = ",".join(f"{slug}-{number}" for number in range(2, MAX_SLUG_NUMBER + 1))
    try:
        site = find_site(connection)
        questions: list[dict[str, Any]] = [{"slug": slug}, {"slug": variants}]
        questions += [{"orderby": "id", "order": "desc", "page": page} for page in range(1, RECENT_PAGES + 1)]
        for question in questions:
            posts = _posts(site, question)
            found = _marked(site, posts, comment)
            if found:
                return found
            if "page" in question and len(posts) < RECENT_PER_PAGE:
                break
    except WordPressFault as fault:
        return CannotTell(fault.cause)
    return Absent()


def _posts(site: Site, question: dict[str, Any]) -> list[dict[str, Any]]:
    """The posts WordPress has for a question, each with its full text; WordPressFault if it answers anything else."""
    common = {"status": "any", "context": "edit", "per_page": RECENT_PER_PAGE, "_fields": LOOKED_AT}
    answer = get(site, "/wp/v2/posts", accept_any_status=True, **common, **question)
    if code_of(answer) == "rest_post_invalid_page_number":  # the page before was full and the last one
        return []
    if not 200 <= answer.status < 300:
        raise fault_of_answer(answer, site.connection)
    posts = json_of(answer)
    if not isinstance(posts, list) or any(not isinstance(post, dict) or _raw_content(post) is None for post in posts):
        raise WordPressFault("broken_answer", {})
    return posts


def _marked(site: Site, posts: list[dict[str, Any]], comment: str) -> Found | None:
    for post in posts:
        if comment in (_raw_content(post) or ""):
            if not _is_post_id(post.get("id")) or not is_own_link(site, post.get("link")):
                raise WordPressFault("broken_answer", {})
            return Found(str(post["id"]), post["link"], text_of(post.get("status")))
    return None


def _raw_content(post: dict[str, Any]) -> str | None:
    content = post.get("content")
    raw = content.get("raw") if isinstance(content, dict) else None
    return raw if isinstance(raw, str) else None


def _is_post_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def marker_comment(marker: str) -> str:
    """The comment that ends the content: invisible to readers, kept by WordPress, found by `find_existing`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,128}", marker):
        raise ValueError("a marker is made of 8 to 128 letters, digits, - and _")
    return f"<!-- leadmetrics:{marker} -->"

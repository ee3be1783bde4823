"""The WordPress client against an HTTP server on loopback that answers as the handbook describes."""

import base64
import json
import re
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from werkzeug import Request, Response

from apps.channels.platforms import PLATFORMS
from apps.channels.platforms.base import Absent, CannotTell, Connection, Found, Publication, Published, Refused, Unknown
from apps.channels.platforms.markup import markdown_to_html
from apps.channels.platforms.wordpress import check_connection, find_existing, publish

FIXTURES = Path(__file__).parents[2] / "apps/channels/platforms/wordpress/fixtures"
ERRORS = json.loads((FIXTURES / "errors.json").read_text())
PASSWORD = "abcd EFGH 1234 ijkl MNOP 5678"
MARKER = "01JD0MARKER0000000000000001"
COMMENT = f"<!-- leadmetrics:{MARKER} -->"


def fixture(name: str):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def error(code: str) -> Response:
    return answer(ERRORS[code], ERRORS[code]["data"]["status"])


def answer(body, status: int = 200, **headers: str) -> Response:
    return Response(json.dumps(body), status, headers=headers, content_type="application/json")


class Blog:
    """A WordPress site whose next answers a test sets: `blog.on("POST", "/wp/v2/posts", answer(…))`."""

    def __init__(self, server):
        self.server = server
        self.base_url = server.url_for("").rstrip("/")
        self.answers: dict[tuple[str, str], list] = {}
        self.requests: list[Request] = []
        server.expect_request(re.compile(".*")).respond_with_handler(self._respond)
        self.on("GET", "/", answer(self.localised("index")))
        self.on("GET", "/wp/v2/users/me", answer(fixture("user_me")))
        self.on("GET", "/wp/v2/posts", answer([]))
        self.on("GET", "/wp/v2/categories", answer([]))
        self.on("GET", "/wp/v2/tags", answer([]))
        self.on("POST", "/wp/v2/posts", answer(self.localised("post_created"), 201))

    def localised(self, name: str, **changes):
        """A fixture in which the handbook's example.com is this server."""
        body = json.loads((FIXTURES / f"{name}.json").read_text().replace("http://example.com", self.base_url))
        return {**body, **changes} if isinstance(body, dict) else body

    def on(self, method: str, route: str, *answers) -> None:
        self.answers[method, route] = list(answers)

    def _respond(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path.startswith("/wp-json"):
            route = request.path.removeprefix("/wp-json")
        elif "rest_route" in request.args:
            route = request.args["rest_route"]
        else:
            return Response("<html>a front page</html>", 404, content_type="text/html")
        answers = self.answers.get((request.method, route))
        if answers is None:
            return error("rest_no_route")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return found(request) if callable(found) and not isinstance(found, Response) else found

    def sent(self, method: str, route: str) -> list[Request]:
        return [request for request in self.requests if request.method == method and request.path == f"/wp-json{route}"]

    def wait_until_idle(self) -> None:
        """The server is shared by all tests; an answer that is still under way would be logged in the next one."""
        while len(self.server.log) < len(self.requests):
            time.sleep(0.01)

    def connection(self, **settings) -> Connection:
        return Connection(self.base_url, "anna", PASSWORD, settings)


@pytest.fixture
def blog(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return Blog(httpserver)


def publication(**changes) -> Publication:
    usual = {
        "title": "Good bread",
        "slug": "good-bread",
        "html": "<p>Flour and water.</p>",
        "excerpt": "How to bake.",
        "categories": (),
        "tags": (),
        "status": "publish",
        "marker": MARKER,
    }
    return Publication(**{**usual, **changes})


def test_the_registry_has_one_row_and_it_is_wordpress():
    assert list(PLATFORMS) == ["wordpress"]
    assert PLATFORMS["wordpress"].publish is publish


def test_a_good_connection_names_site_and_account_and_changes_nothing(blog):
    check = check_connection(blog.connection())

    assert (check.ok, check.cause, check.account_name) == (True, "", "Anna & Co")
    assert check.detail == "Connected to Example WordPress Site as Anna & Co."
    assert {request.method for request in blog.requests} == {"GET"}
    expected = "Basic " + base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    assert {request.headers["Authorization"] for request in blog.requests} == {expected}


def test_a_site_without_pretty_permalinks_is_found_too(blog, httpserver):
    blog.on("GET", "/", lambda request: Response("no", 404) if "wp-json" in request.path else answer(fixture("index")))

    check = check_connection(blog.connection())
    outcome = publish(blog.connection(), publication())

    assert check.ok
    assert isinstance(outcome, Published)
    assert blog.requests[-1].args["rest_route"] == "/wp/v2/posts"


@pytest.mark.parametrize(
    ("where", "response", "cause"),
    [
        ("/", lambda: error("incorrect_password"), "wrong_credentials"),
        ("/wp/v2/users/me", lambda: error("incorrect_password"), "wrong_credentials"),
        ("/wp/v2/users/me", lambda: error("invalid_username"), "wrong_credentials"),
        ("/wp/v2/users/me", lambda: error("rest_not_logged_in"), "wrong_credentials"),
        ("/wp/v2/users/me", lambda: error("application_passwords_disabled"), "application_passwords_disabled"),
        ("/wp/v2/users/me", lambda: error("rest_no_route"), "rest_api_disabled"),
        ("/wp/v2/users/me", lambda: Response("blocked", 403), "rest_api_disabled"),
        ("/wp/v2/users/me", lambda: answer({"id": 3}), "broken_answer"),
        ("/wp/v2/users/me", lambda: Response("<html>log in</html>"), "broken_answer"),
        ("/", lambda: Response("<html>a shop</html>", content_type="text/html"), "not_wordpress"),
        ("/", lambda: Response("nothing", 404), "not_wordpress"),
        ("/", lambda: answer({"name": "old", "namespaces": ["oembed/1.0"]}), "not_wordpress"),
        ("/", lambda: error("rest_no_route"), "rest_api_disabled"),
        ("/", lambda: Response("down", 500), "site_error"),
        ("/", lambda: Response("", 301, headers={"Location": "https://www.example.com/wp-json/"}), "redirected"),
    ],
)
def test_a_bad_connection_is_explained(blog, where, response, cause):
    blog.on("GET", where, response())

    check = check_connection(blog.connection())

    assert (check.ok, check.cause) == (False, cause)
    assert check.detail.endswith(".") and len(check.detail) > 40


def test_a_site_that_forwards_is_told_with_its_new_address(blog):
    blog.on("GET", "/", Response("", 301, headers={"Location": "https://www.example.com/wp-json/?x=1"}))

    assert "https://www.example.com." in check_connection(blog.connection()).detail


def test_a_user_who_may_not_publish_is_told_so_unless_the_channel_only_saves_drafts(blog):
    contributor = fixture("user_me")
    del contributor["capabilities"]["publish_posts"]
    blog.on("GET", "/wp/v2/users/me", answer(contributor))

    assert check_connection(blog.connection()).cause == "may_not_publish"
    assert check_connection(blog.connection(status="draft")).ok


@pytest.mark.parametrize(
    ("base_url", "cause"),
    [
        ("http://acme.example", "not_https"),
        ("https://127.0.0.1", "address_refused"),
        ("https://[::1", "address_refused"),
        ("ftp://acme.example", "address_refused"),
        ("https://no-such-site.invalid", "not_reachable"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained(settings, base_url, cause):
    settings.EGRESS_ALLOW_HOSTS = []

    assert check_connection(Connection(base_url, "anna", PASSWORD, {})).cause == cause


def test_a_site_that_is_down_is_not_reachable_and_publishing_may_be_tried_again(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EGRESS_ALLOW_HOSTS = [f"127.0.0.1:{port}"]
    connection = Connection(f"http://127.0.0.1:{port}", "anna", PASSWORD, {})

    assert check_connection(connection).cause == "not_reachable"
    outcome = publish(connection, publication())
    assert isinstance(outcome, Refused)
    assert (outcome.cause, outcome.is_retryable) == ("not_reachable", True)


def test_a_plain_server_where_tls_is_expected_is_a_tls_problem(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    connection = Connection(f"https://{httpserver.host}:{httpserver.port}", "anna", PASSWORD, {})

    assert check_connection(connection).cause == "tls_problem"


def test_publishing_sends_the_article_once_with_its_marker_at_the_end(blog):
    outcome = publish(blog.connection(), publication())

    assert isinstance(outcome, Published)
    assert (outcome.external_object_id, outcome.external_url) == ("42", f"{blog.base_url}/good-bread/")
    assert outcome.response_summary["status"] == 201
    (request,) = blog.sent("POST", "/wp/v2/posts")
    assert request.get_json() == {
        "title": "Good bread",
        "slug": "good-bread",
        "content": f"<p>Flour and water.</p>\n{COMMENT}",
        "excerpt": "How to bake.",
        "status": "publish",
        "categories": [],
        "tags": [],
    }


def test_texts_cannot_become_markup_or_shortcodes(blog):
    publish(blog.connection(), publication(title="<script>x</script> & more", html="<p>[gallery] a[0]</p>"))

    sent = blog.sent("POST", "/wp/v2/posts")[0].get_json()
    assert sent["title"] == "&lt;script&gt;x&lt;/script&gt; &amp; more"
    assert sent["content"] == f"<p>&#91;gallery] a&#91;0]</p>\n{COMMENT}"


def test_categories_and_tags_are_looked_up_by_their_whole_name_and_created_when_missing(blog):
    blog.on("GET", "/wp/v2/categories", answer(fixture("categories")))
    blog.on("POST", "/wp/v2/tags", answer({"id": 11, "name": "rye"}, 201), error("term_exists"))

    outcome = publish(blog.connection(), publication(categories=("baking & cooking",), tags=("rye", "spelt", "rye")))

    assert isinstance(outcome, Published)
    assert [request.get_json() for request in blog.sent("POST", "/wp/v2/tags")] == [{"name": "rye"}, {"name": "spelt"}]
    sent = blog.sent("POST", "/wp/v2/posts")[0].get_json()
    assert (sent["categories"], sent["tags"]) == ([7], [11, 7])
    assert blog.sent("POST", "/wp/v2/categories") == []


@pytest.mark.parametrize(
    ("response", "cause", "is_retryable"),
    [
        (lambda: error("rest_cannot_create"), "may_not_create_terms", False),
        (lambda: Response("down", 500), "site_error", True),
        (lambda: answer({"id": None}, 201), "broken_answer", False),
    ],
)
def test_when_a_tag_cannot_be_made_nothing_is_published(blog, response, cause, is_retryable):
    blog.on("POST", "/wp/v2/tags", response())

    outcome = publish(blog.connection(), publication(tags=("rye",)))

    assert isinstance(outcome, Refused)
    assert (outcome.cause, outcome.is_retryable) == (cause, is_retryable)
    assert blog.sent("POST", "/wp/v2/posts") == []


@pytest.mark.parametrize(
    ("response", "cause", "is_retryable", "retry_after_s"),
    [
        (lambda: error("incorrect_password"), "wrong_credentials", False, None),
        (lambda: error("rest_cannot_create"), "may_not_publish", False, None),
        (lambda: error("rest_cannot_publish"), "may_not_publish", False, None),
        (lambda: error("rest_invalid_param"), "rejected_content", False, None),
        (lambda: Response("blocked", 403), "rest_api_disabled", False, None),
        (lambda: Response("", 413), "too_large", False, None),
        (lambda: Response("", 302, headers={"Location": "/elsewhere"}), "redirected", False, None),
        (lambda: Response("", 429, headers={"Retry-After": "120"}), "too_many_requests", True, 120),
        (lambda: Response("", 429, headers={"Retry-After": "99999999"}), "too_many_requests", True, 3600),
    ],
)
def test_a_refusal_names_cause_and_next_step_and_is_not_repeated(blog, response, cause, is_retryable, retry_after_s):
    blog.on("POST", "/wp/v2/posts", response())

    outcome = publish(blog.connection(), publication())

    assert isinstance(outcome, Refused)
    assert (outcome.cause, outcome.is_retryable, outcome.retry_after_s) == (cause, is_retryable, retry_after_s)
    assert outcome.next_step.endswith(".")
    assert len(blog.sent("POST", "/wp/v2/posts")) == 1


@pytest.mark.parametrize(
    "response",
    [
        lambda blog: Response("boom", 500),
        lambda blog: Response("", 502),
        lambda blog: Response("", 503, headers={"Retry-After": "1"}),
        lambda blog: Response("", 504),
        lambda blog: Response("", 408),
        lambda blog: Response("<html>log in</html>", 200, content_type="text/html"),
        lambda blog: Response("", 201),
        lambda blog: answer([], 201),
        lambda blog: answer(blog.localised("post_created", id=None), 201),
        lambda blog: answer(blog.localised("post_created", id="42"), 201),
        lambda blog: answer(blog.localised("post_created", id=True), 201),
        lambda blog: answer(blog.localised("post_created", id=0), 201),
        lambda blog: answer(blog.localised("post_created", link="javascript:alert(1)"), 201),
        lambda blog: answer(blog.localised("post_created", link="https://evil.example/x"), 201),
        lambda blog: answer(blog.localised("post_created", link=None), 201),
        lambda blog: answer(blog.localised("post_created", link=f"{blog.base_url}/a\x00b"), 201),
        lambda blog: answer(blog.localised("post_created", link=f"{blog.base_url}@evil.example/"), 201),
        lambda blog: answer(blog.localised("post_created", status="pending"), 201),
    ],
)
def test_an_answer_that_cannot_be_trusted_leaves_the_outcome_unknown_after_one_request(blog, response):
    blog.on("POST", "/wp/v2/posts", response(blog))

    outcome = publish(blog.connection(), publication())

    assert isinstance(outcome, Unknown)
    assert len(blog.sent("POST", "/wp/v2/posts")) == 1


def test_silence_after_sending_leaves_the_outcome_unknown_after_one_request(blog, monkeypatch):
    # Within the package the name `publish` is the function, so its module is taken from where modules are kept.
    monkeypatch.setattr(sys.modules["apps.channels.platforms.wordpress.publish"], "SEND_TIMEOUT_S", 1)

    is_over = threading.Event()

    def stay_silent(request):
        is_over.wait(60)
        return answer({}, 201)

    blog.on("POST", "/wp/v2/posts", stay_silent)

    outcome = publish(blog.connection(), publication())

    is_over.set()
    blog.wait_until_idle()
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "timed_out"
    assert len(blog.sent("POST", "/wp/v2/posts")) == 1


def test_nothing_is_sent_once_the_deadline_has_passed(blog):
    outcome = publish(blog.connection(), publication(), deadline_monotonic=time.monotonic() - 0.01)

    assert isinstance(outcome, Refused)
    assert (outcome.cause, outcome.is_retryable) == ("deadline_passed", True)
    assert blog.sent("POST", "/wp/v2/posts") == []


@pytest.mark.parametrize("marker", ["short", "x -->", "a" * 129, "01JD0MARKER--><script>"])
def test_a_marker_that_could_leave_its_comment_is_refused_before_anything_is_sent(blog, marker):
    with pytest.raises(ValueError):
        publish(blog.connection(), publication(marker=marker))

    assert blog.requests == []


def test_a_link_under_the_sites_own_home_or_www_name_is_accepted(blog):
    blog.on("GET", "/", answer(blog.localised("index", home="https://www.acme.example")))
    post = blog.localised("post_created", link="https://acme.example/good-bread/")
    blog.on("POST", "/wp/v2/posts", answer(post, 201))

    outcome = publish(blog.connection(), publication())

    assert isinstance(outcome, Published)
    assert outcome.external_url == "https://acme.example/good-bread/"


def test_a_secret_that_the_site_echoes_is_not_kept(blog):
    said = {"code": "rest_invalid_param", "message": f"cannot use {PASSWORD} or {PASSWORD.replace(' ', '')}"}
    blog.on("POST", "/wp/v2/posts", answer(said, 400))
    connection = blog.connection()

    outcome = publish(connection, publication())

    assert "EFGH" not in repr(outcome)
    assert "EFGH" not in repr(connection)


def test_what_is_kept_of_an_answer_holds_no_control_characters(blog):
    blog.on("POST", "/wp/v2/posts", Response(b"\x00\xff garbage \x07\x1b[31m", 200))

    outcome = publish(blog.connection(), publication())

    assert isinstance(outcome, Unknown)
    assert all(text.isprintable() for text in outcome.response_summary.values() if isinstance(text, str))


def posts_by(blog, **by_slug):
    """GET /wp/v2/posts as WordPress does it for `slug`, `page` and `per_page`."""

    def respond(request: Request) -> Response:
        assert request.args["status"] == "any" and request.args["context"] == "edit"
        if "slug" in request.args:
            return answer([by_slug[slug] for slug in request.args["slug"].split(",") if slug in by_slug])
        posts = sorted(by_slug.values(), key=lambda post: -post["id"])
        size, page = int(request.args["per_page"]), int(request.args["page"])
        if page > 1 and (page - 1) * size >= len(posts):
            return error("rest_post_invalid_page_number")
        return answer(posts[(page - 1) * size : page * size])

    blog.on("GET", "/wp/v2/posts", respond)


def other_post(blog, number: int, text: str = "<p>Something else</p>"):
    return blog.localised("post_created", id=number, slug=f"post-{number}", content={"raw": text, "rendered": text})


def test_a_post_is_found_again_by_its_slug_and_marker(blog):
    posts_by(blog, **{"good-bread": blog.localised("post_created")})

    assert find_existing(blog.connection(), marker=MARKER, slug="good-bread") == Found(
        "42", f"{blog.base_url}/good-bread/", "publish"
    )
    assert len(blog.sent("GET", "/wp/v2/posts")) == 1


def test_a_post_whose_slug_was_taken_is_found_under_the_numbered_one(blog):
    mine = blog.localised("post_created", id=43, status="draft")
    posts_by(blog, **{"good-bread": other_post(blog, 5), "good-bread-2": mine})

    found = find_existing(blog.connection(), marker=MARKER, slug="good-bread")

    assert (found.external_object_id, found.status) == ("43", "draft")


def test_a_post_whose_slug_a_person_changed_is_found_among_the_newest(blog):
    others = {f"post-{number}": other_post(blog, number) for number in range(100, 130)}
    posts_by(blog, **{"renamed": blog.localised("post_created"), **others})

    found = find_existing(blog.connection(), marker=MARKER, slug="good-bread")

    assert isinstance(found, Found)
    assert len(blog.sent("GET", "/wp/v2/posts")) == 4


@pytest.mark.parametrize("number_of_posts", [0, 3, 20, 40, 90])
def test_a_post_that_carries_another_marker_is_absent(blog, number_of_posts):
    text = "<p>x</p>\n<!-- leadmetrics:01JD0MARKER0000000000000002 -->"
    posts_by(blog, **{f"post-{number}": other_post(blog, number, text) for number in range(1, number_of_posts + 1)})

    assert find_existing(blog.connection(), marker=MARKER, slug="post-1") == Absent()


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (lambda: Response("down", 500), "site_error"),
        (lambda: error("incorrect_password"), "wrong_credentials"),
        (lambda: Response("<html>log in</html>"), "broken_answer"),
        (lambda: answer({"posts": []}), "broken_answer"),
        (lambda: answer([{"id": 42, "content": {"rendered": "<p>x</p>"}}]), "broken_answer"),
        (lambda: Response("", 429, headers={"Retry-After": "60"}), "too_many_requests"),
    ],
)
def test_a_site_that_does_not_answer_in_full_proves_nothing(blog, response, cause):
    blog.on("GET", "/wp/v2/posts", answer([]), response())

    assert find_existing(blog.connection(), marker=MARKER, slug="good-bread") == CannotTell(cause)


def test_a_marked_post_with_an_impossible_link_proves_nothing(blog):
    posts_by(blog, **{"good-bread": blog.localised("post_created", link="javascript:alert(1)")})

    assert find_existing(blog.connection(), marker=MARKER, slug="good-bread") == CannotTell("broken_answer")


def test_markdown_becomes_plain_safe_html():
    html = markdown_to_html(
        "# Title\n\nSome *text* with [a link](https://acme.example/a 'T').\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n~~old~~"
    )

    assert html == (
        "<h2>Title</h2>\n"
        '<p>Some <em>text</em> with <a href="https://acme.example/a" title="T" rel="noopener">a link</a>.</p>\n'
        "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n"
        "</tbody>\n</table>\n<p><s>old</s></p>\n"
    )


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "<ScRiPt src=//evil>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&#58;alert(1))",
        "[x](data:text/html,hi)",
        "![x](https://outside.example/?q=1)",
        "<!-- leadmetrics:01JD0MARKER0000000000000009 -->",
        "<iframe src='https://evil.example'></iframe>",
        "<img src=x onerror=alert(1)>",
        "[x](vbscript:x)",
        "<svg/onload=alert(1)>",
    ],
)
def test_hostile_markdown_leaves_no_live_markup(markdown):
    html = markdown_to_html(markdown)

    live = html.replace("&lt;", "").lower()
    assert "<script" not in live and "<img" not in live and "<iframe" not in live and "<svg" not in live
    assert "<!--" not in live
    assert "href=" not in live

"""Requests to a WordPress site, and what its refusals mean for the person who set the channel up."""

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from apps.channels.platforms.base import Connection, ConnectionCheck
from apps.shared import egress
from apps.shared.redaction import redact

INDEX_FIELDS = "name,url,home,namespaces,authentication"
MAX_SUMMARY_TEXT = 300

# cause -> (what is wrong, what to do)
EXPLANATIONS = {
    "address_refused": ("The address is not one we may call.", "Enter the public https:// address of the site."),
    "not_reachable": ("The site could not be reached.", "Check the address and whether the site is up."),
    "tls_problem": ("The site's secure connection is not in order.", "Ask the host to repair the certificate."),
    "not_https": (
        "The site is not addressed over https://, and the password would travel readable by anybody.",
        "Switch the site to https:// and enter that address.",
    ),
    "redirected": ("The site forwards to another address.", "Enter the address the site forwards to."),
    "not_wordpress": ("There is no WordPress at this address.", "Enter the address of the WordPress site itself."),
    "rest_api_disabled": (
        "The REST API of the site is switched off or blocked.",
        "Switch the REST API on, or let this application through in the security plugin or firewall.",
    ),
    "application_passwords_disabled": (
        "Application passwords are switched off on this site.",
        "Allow application passwords in WordPress (they need https:// and may be blocked by a security plugin).",
    ),
    "wrong_credentials": (
        "The user name or the application password is wrong.",
        "Make a new application password in WordPress under Users › Profile and enter it. If it is right, "
        "ask the host whether the web server passes the Authorization header on.",
    ),
    "may_not_publish": (
        "The WordPress user may not publish posts.",
        "Give the user the role Author or Editor, or set the channel to save drafts.",
    ),
    "may_not_create_terms": (
        "The WordPress user may not create categories or tags.",
        "Create the missing categories and tags in WordPress, or give the user the role Editor.",
    ),
    "rejected_content": ("WordPress does not accept the content.", "Read its message and change the article."),
    "too_large": ("The article is larger than the site accepts.", "Raise the upload limit of the site or shorten it."),
    "too_many_requests": ("The site asks for fewer requests.", "It is tried again later."),
    "site_error": ("The site answered with an error of its own.", "It is tried again; if it stays, ask the host."),
    "deadline_passed": ("The time for sending had passed.", "It is tried again."),
    "broken_answer": ("The site's answer makes no sense.", "Look at the site; a plugin or proxy may be in the way."),
}
# Over and over; everything else needs a person first.
PASSING_CAUSES = frozenset({"not_reachable", "too_many_requests", "site_error", "deadline_passed"})

CAUSE_OF_FAILURE = {
    "dns": "not_reachable",
    "refused": "not_reachable",
    "unreachable": "not_reachable",
    "timed_out": "not_reachable",
    "reset": "not_reachable",
    "tls": "tls_problem",
    "deadline_passed": "deadline_passed",
    "too_many_redirects": "redirected",
}
# Codes of WordPress core; see SOURCES.md.
CAUSE_OF_CODE = {
    "invalid_username": "wrong_credentials",
    "invalid_email": "wrong_credentials",
    "incorrect_password": "wrong_credentials",
    "rest_not_logged_in": "wrong_credentials",
    "rest_cannot_create": "may_not_publish",
    "rest_cannot_publish": "may_not_publish",
    "rest_forbidden_status": "may_not_publish",
    "rest_cannot_edit": "may_not_publish",
    "rest_forbidden_context": "may_not_publish",
    "rest_cannot_assign_term": "may_not_publish",
    "application_passwords_disabled": "application_passwords_disabled",
    "application_passwords_disabled_for_user": "application_passwords_disabled",
    "rest_disabled": "rest_api_disabled",
    "rest_cannot_access": "rest_api_disabled",
    "rest_no_route": "rest_api_disabled",
}


class WordPressFault(Exception):
    """A request that may be repeated went wrong; `cause` is a key of EXPLANATIONS."""

    def __init__(self, cause: str, summary: dict[str, Any], *, retry_after_s: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.summary = summary
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Site:
    """A WordPress site that was found: the root of its REST API, and the hosts its own links may carry."""

    connection: Connection
    root: str
    hosts: frozenset[str]
    name: str

    def url(self, route: str, **params: Any) -> str:
        """`site.url("/wp/v2/posts", slug=["a", "b"])`, for sites with and without pretty permalinks."""
        joint = "&" if "?" in self.root else "?"
        query = urlencode(params, doseq=True)
        return self.root + route.lstrip("/") + (joint + query if query else "")


def find_site(connection: Connection) -> Site:
    """Where the REST API of this address is. Raises WordPressFault; nothing but GET is sent."""
    base = connection.base_url.rstrip("/")
    try:
        is_listed = egress.is_listed_url(base)
    except egress.EgressRefused as error:
        raise fault_of(error) from error
    if base.startswith("http://") and not is_listed:
        raise WordPressFault("not_https", {})
    fault = WordPressFault("not_wordpress", {})
    for root in (f"{base}/wp-json/", f"{base}/?rest_route=/"):
        site = Site(connection, root, frozenset({_bare_host(base)}), "")
        answer = get(site, "/", accept_any_status=True, _fields=INDEX_FIELDS)
        index = json_of(answer)
        if answer.status == 200 and isinstance(index, dict) and "wp/v2" in (index.get("namespaces") or ()):
            # A site may be served under one name and call itself by another («home»): its links then carry that.
            own = [index.get("home"), index.get("url"), connection.settings.get("site_url")]
            hosts = site.hosts | {_bare_host(address) for address in own if isinstance(address, str)}
            return Site(connection, root, hosts - {""}, text_of(index.get("name")))
        if answer.status not in (200, 404):
            raise fault_of_answer(answer, connection)
        if answer.status == 404 and code_of(answer):  # WordPress itself says so, a mere web server sends no code
            fault = fault_of_answer(answer, connection)
    raise fault


def get(site: Site, route: str, *, accept_any_status: bool = False, **params: Any) -> egress.Answer:
    """A GET, repeated on passing faults. Raises WordPressFault, unless 2xx or any status will do.

    Redirects are not followed: the POST that comes after would not follow them either.
    """
    connection = site.connection
    try:
        answer = egress.request(
            "GET",
            site.url(route, **params),
            headers={"Accept": "application/json", "Cache-Control": "no-cache"},
            auth=(connection.username, connection.secret),
            retry=True,
        )
    except egress.EgressError as error:
        raise fault_of(error) from error
    if not accept_any_status and not 200 <= answer.status < 300:
        raise fault_of_answer(answer, connection)
    return answer


def fault_of(error: egress.EgressError) -> WordPressFault:
    refused = "address_refused" if isinstance(error, egress.EgressRefused) else "broken_answer"
    return WordPressFault(CAUSE_OF_FAILURE.get(error.cause, refused), {"cause": error.cause, "message": error.sentence})


def fault_of_answer(answer: egress.Answer, connection: Connection) -> WordPressFault:
    summary = summary_of(answer, connection)
    if cause_of(answer) == "redirected":
        there = urljoin(answer.url, answer.headers.get("location", ""))
        summary["forwards_to"] = printable(re.split(r"/wp-json|\?", there)[0])
    retry_after_s = egress.retry_after_s(answer.headers.get("retry-after"))
    return WordPressFault(cause_of(answer), summary, retry_after_s=retry_after_s)


def cause_of(answer: egress.Answer) -> str:
    """What an answer other than 2xx means: by WordPress's own code where it sent one, by the status otherwise."""
    code = code_of(answer)
    if code in CAUSE_OF_CODE:
        return CAUSE_OF_CODE[code]
    match answer.status:
        case 429:
            return "too_many_requests"
        case 413:
            return "too_large"
        case 401:
            return "wrong_credentials"
        case 403:
            return "may_not_publish" if code else "rest_api_disabled"  # no code: a firewall spoke, not WordPress
        case 404:
            return "rest_api_disabled"
        case status if 300 <= status < 400:
            return "redirected"
        case status if status >= 500 or status == 408:
            return "site_error"
        case _:
            return "rejected_content"


def code_of(answer: egress.Answer) -> str:
    body = json_of(answer)
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) else ""


def json_of(answer: egress.Answer) -> Any:
    """The body as JSON, or None: a login page with status 200 is as possible as anything."""
    try:
        return answer.json()
    except ValueError:
        return None


def summary_of(answer: egress.Answer, connection: Connection) -> dict[str, Any]:
    """What operators may see of an answer: status, WordPress's code and message, without secrets."""
    body = json_of(answer)
    if isinstance(body, dict):
        said = {name: body.get(name) for name in ("code", "message", "id", "link")}
    else:
        said = {"message": answer.body[:MAX_SUMMARY_TEXT].decode("utf-8", "replace")}
    kept: dict[str, Any] = {name: printable(item) for name, item in said.items() if isinstance(item, str) and item}
    if isinstance(said.get("id"), int):
        kept["id"] = said["id"]
    pair = f"{connection.username}:{connection.secret}"
    return redact({"status": answer.status, "took_ms": answer.took_ms, **kept}, secrets=[connection.secret, pair])


def printable(text: str) -> str:
    """Without control characters and lone surrogates, which neither a page nor a JSON column takes; cut to size."""
    return "".join(character for character in text[:MAX_SUMMARY_TEXT] if character.isprintable())


def text_of(value: Any) -> str:
    return printable(html.unescape(value)) if isinstance(value, str) else ""


def _bare_host(url: str) -> str:
    """The host in lower case, without «www.», which sites add and drop as they like."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def is_own_link(site: Site, link: Any) -> bool:
    if not isinstance(link, str) or len(link) > egress.MAX_URL_LENGTH or not link.isprintable() or " " in link:
        return False
    return link.startswith(("https://", "http://")) and _bare_host(link) in site.hosts


def check_connection(connection: Connection) -> ConnectionCheck:
    """Whether this site can be published to, and if not, exactly why. Nothing on the site changes."""
    try:
        site = find_site(connection)
        account = json_of(get(site, "/wp/v2/users/me", context="edit"))
    except WordPressFault as fault:
        return _failed_check(fault.cause, fault.summary)
    capabilities = account.get("capabilities") if isinstance(account, dict) else None
    if not isinstance(capabilities, dict):
        return _failed_check("broken_answer", {})
    name = text_of(account.get("name")) or connection.username
    wants_draft = connection.settings.get("status") == "draft"
    if not capabilities.get("edit_posts" if wants_draft else "publish_posts"):
        return _failed_check("may_not_publish", {}, account_name=name)
    return ConnectionCheck(True, "", f"Connected to {site.name or connection.base_url} as {name}.", name)


def _failed_check(cause: str, summary: dict[str, Any], *, account_name: str = "") -> ConnectionCheck:
    what, next_step = EXPLANATIONS[cause]
    forwards_to = f" It forwards to {summary['forwards_to']}." if "forwards_to" in summary else ""
    return ConnectionCheck(False, cause, f"{what}{forwards_to} {next_step}", account_name)

"""Calls to the outside of backlinks: looking for a link on a page, and handing one mail to the mail server."""

import contextlib
import smtplib
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.core.mail import EmailMessage, get_connection

from apps.shared import egress

from .outcomes import LinkSeen, Mail, NotSent, Outcome, Sent, Unsure

HTML_TYPES = ("text/html", "application/xhtml+xml")
MAX_PAGE_BYTES = 2_000_000
MAX_ANCHOR = 500
KINDS = (
    "sponsored",
    "ugc",
    "nofollow",
)  # of `rel`, the strongest first; see developers.google.com/search, qualify links


def find_link(page: str, to: str) -> LinkSeen:
    """Whether the page carries a link to this address; one to another page of the same site is not it."""
    try:
        answer = egress.request(
            "GET", page, follow_redirects=True, max_bytes=MAX_PAGE_BYTES, content_types=HTML_TYPES, retry=True
        )
    except egress.EgressError as error:
        return LinkSeen(None, error.sentence)
    if answer.status in (404, 410):
        return LinkSeen(False, f"The page is gone ({answer.status}).")
    if not 200 <= answer.status < 300:
        return LinkSeen(None, f"The page answered with status {answer.status}.")
    reader = _Anchors(base=answer.url)
    reader.feed(answer.body.decode("utf-8", "replace"))
    for address, rel, text in reader.found:
        if same_page(address, to):
            kind = next((kind for kind in KINDS if kind in rel), "dofollow")
            return LinkSeen(True, anchor_text=text[:MAX_ANCHOR], link_type=kind)
    return LinkSeen(False, "The page does not link there.")


def same_page(address: str, other: str) -> bool:
    """Whether two addresses name one page: scheme, www, a slash at the end, query and fragment make no difference."""
    return _key(address) == _key(other)


def is_on_site(address: str, site: str) -> bool:
    """Whether a page lies on this site, or below its folder where the site has one."""
    (host, path), (home, folder) = _key(address), _key(site)
    return bool(host) and host == home and (path == folder or path.startswith(f"{folder}/"))


def _key(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.netloc.lower().removeprefix("www."), parts.path.rstrip("/")


class _Anchors(HTMLParser):
    """Every link of a page: (address, words of its rel, its text)."""

    def __init__(self, *, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[tuple[str, list[str], str]] = []
        self._open: tuple[str, list[str]] | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            return
        self._close()
        given = dict(attrs)
        try:
            address = urljoin(self.base, (given.get("href") or "").strip())
        except ValueError:
            return
        self._open = (address, (given.get("rel") or "").lower().split())

    def handle_data(self, data: str) -> None:
        if self._open:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._close()

    def _close(self) -> None:
        if self._open:
            text = " ".join("".join(c for c in "".join(self._text) if c.isprintable() or c.isspace()).split())
            self.found.append((*self._open, text))
        self._open, self._text = None, []


def send_mail(mail: Mail) -> Outcome:
    """Hand one mail to the mail server, once; what was not refused in so many words is unsure (RFC 5321, 4.2)."""
    message = EmailMessage(
        subject=mail.subject,
        body=mail.body,
        to=[mail.to],
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers={"Message-ID": mail.message_id},
    )
    connection = get_connection()
    try:
        connection.open()
    except (smtplib.SMTPException, OSError) as error:
        return NotSent(f"The mail server cannot be reached: {type(error).__name__}.", is_passing=True)
    try:
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return NotSent(f"The mail server refuses this address ({codes[0]}).", is_passing=max(codes) < 500)
    except smtplib.SMTPResponseException as error:
        if 400 <= error.smtp_code < 600:
            return NotSent(f"The mail server refuses this mail ({error.smtp_code}).", error.smtp_code < 500)
        return Unsure("The mail server gave an answer that is none.")
    except (smtplib.SMTPException, OSError) as error:
        return Unsure(f"The connection broke before the mail server answered: {type(error).__name__}.")
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):  # the answer is known already
            connection.close()
    return Sent()

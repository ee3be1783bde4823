"""Reads a client's website: robots.txt first, then the start page, the sitemaps, and links breadth-first.

Everything found there is hostile until shown otherwise: pages are fetched through the egress door, capped in number,
size, time and text, and what comes out is plain text without control characters.
"""

import hashlib
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from django.conf import settings

from apps.shared import egress
from apps.strategy.page_text import PageReader, PageUnreadable
from apps.strategy.robots import BOT_NAME, Robots, parse_robots, parse_sitemap

HTML_TYPES = ("text/html", "application/xhtml+xml")
MAX_ROBOTS_BYTES = 512_000  # RFC 9309 asks for at least 500 KiB
NO_PAGE = re.compile(
    r"(?i)\.(avif|bmp|css|csv|docx?|eot|exe|gif|gz|ico|jpe?g|js|json|m4a|mov|mp[34]|ogg|pdf|png|pptx?|rar|rss|svg|tar|"
    r"tiff?|ttf|txt|wav|webm|webp|woff2?|xlsx?|xml|zip)$"
)
TRACKING = re.compile(r"(?i)^(utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|_ga|_gl)$")

SENTENCES = {
    "robots_forbid_all": "The site's robots.txt does not allow programs to read it.",
    "http_401": "The site asks for a password.",
    "http_403": "The site does not let programs in (403).",
    "http_404": "There is no page at this address (404).",
    "http_429": "The site asks for fewer requests (429). Try again later.",
    "http_5xx": "The site answers with an error of its own. Try again later.",
    "not_html": "At this address there is a file and not a web page.",
    "no_text": "The pages hold no text that can be read without running their scripts.",
    "too_large": "The page is too large to be read.",
    "redirected_elsewhere": "The page leads to another site, which was not followed.",
}


@dataclass(frozen=True)
class CrawlLimits:
    pages: int = 40
    page_bytes: int = 2_000_000
    seconds: float = 60.0
    text_bytes: int = 200_000
    page_text_bytes: int = 30_000  # one endless page must not take the place of all others
    sitemaps: int = 6
    known_urls: int = 2_000


ONE_PAGE = CrawlLimits(pages=1, seconds=20.0, page_text_bytes=60_000)


@dataclass(frozen=True)
class Page:
    """`text` is the main text without navigation; `sha256` its hexadecimal digest over UTF-8."""

    url: str
    title: str
    description: str
    text: str
    sha256: str
    fetched_on: datetime


@dataclass(frozen=True)
class CrawlFailure:
    """`cause`: address_refused, dns, refused, unreachable, tls, timed_out, reset … (as in egress), or of SENTENCES."""

    cause: str
    sentence: str


@dataclass(frozen=True)
class CrawlProgress:
    pages_read: int
    pages_known: int
    url: str


@dataclass(frozen=True)
class Crawl:
    """`skipped` pairs an address with the reason it was left out; `failed` is set when there is no page at all."""

    pages: tuple[Page, ...]
    skipped: tuple[tuple[str, str], ...]
    failed: CrawlFailure | None


@dataclass
class _Reader:
    """One crawl under way: what is known of the site, what is still to be read, what has been."""

    limits: CrawlLimits
    deadline: float
    start: str
    page_reader: PageReader
    robots: Robots = field(default_factory=Robots)
    waiting: deque[str] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)
    pages: list[Page] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def folder(self) -> str:
        """The path all pages lie under: `/en/` for `/en/index.html`, `/blog/` for `/blog`."""
        path = urlsplit(self.start).path
        parent, _, last = path.rpartition("/")
        return f"{parent}/" if "." in last or not last else f"{path}/"

    def fetch(self, url: str, *, follow_redirects: bool = True, **options: Any) -> egress.Answer:
        seconds = min(egress.TIMEOUT_S, max(self.deadline - time.monotonic(), 0.01))
        headers = {"User-Agent": f"{BOT_NAME}/1.0 (+{settings.PUBLIC_BASE_URL})"}
        return egress.request(
            "GET", url, headers=headers, follow_redirects=follow_redirects, timeout_s=seconds, **options
        )

    def own(self, url: str, base: str = "") -> str | None:
        """The address in the one form it is compared by, or None if it is not a page of this site."""
        try:
            parts = urlsplit(urljoin(base, url.strip()))
            home = urlsplit(self.start)
            if parts.scheme not in ("http", "https") or _bare(parts.netloc) != _bare(home.netloc):
                return None
            path = quote(re.sub(r"/{2,}", "/", parts.path or "/"), safe="/%:@!$&'()*+,;=~")
        except ValueError:
            return None
        if not (path + "/").startswith(self.folder) or len(url) > egress.MAX_URL_LENGTH:
            return None
        query = urlencode(sorted(pair for pair in parse_qsl(parts.query) if not TRACKING.match(pair[0])))
        return urlunsplit((home.scheme, home.netloc, path, query, ""))

    def want(self, urls: Iterable[str], *, base: str = "") -> None:
        for url in urls:
            own = self.own(url, base)
            if own and own not in self.known and len(self.known) < self.limits.known_urls:
                self.known.add(own)
                self.waiting.append(own)

    def skip(self, url: str, reason: str) -> None:
        self.skipped.append((url, reason))

    @property
    def text_bytes_left(self) -> int:
        used = sum(len(page.text.encode()) for page in self.pages)
        return min(self.limits.text_bytes - used, self.limits.page_text_bytes)


def crawl_website(
    url: str, *, on_progress: Callable[[CrawlProgress], None] | None = None, limits: CrawlLimits = CrawlLimits()
) -> Crawl:
    """The readable pages of a website from `url` downwards; whatever is wrong with the site is in the result.

    `on_progress` is called after each address; what it raises ends the crawl.
    """
    return _crawled(url, limits, lambda reader: _crawl(reader, on_progress))


def read_page(url: str, *, may_visit: Callable[[str], bool], limits: CrawlLimits = ONE_PAGE) -> Crawl:
    """The one page at `url`, under the same rules; a redirect is followed only to an address that `may_visit` allows."""
    return _crawled(url, limits, lambda reader: _read_one(reader, may_visit))


def _crawled(url: str, limits: CrawlLimits, work: Callable[[_Reader], None]) -> Crawl:
    deadline = time.monotonic() + limits.seconds
    failed: CrawlFailure | None = None
    with PageReader() as page_reader:
        reader = _Reader(limits=limits, deadline=deadline, start=url, page_reader=page_reader)
        try:
            work(reader)
        except egress.EgressRefused as refusal:
            failed = CrawlFailure("address_refused", refusal.sentence)
        except egress.EgressFailed as failure:
            cause = "not_html" if failure.cause == "wrong_type" else failure.cause
            failed = CrawlFailure(cause, SENTENCES.get(cause, failure.sentence))
        except _SiteFault as fault:
            failed = CrawlFailure(fault.cause, SENTENCES[fault.cause])
        else:
            if not reader.pages:
                failed = CrawlFailure("no_text", SENTENCES["no_text"])
    return Crawl(tuple(reader.pages), tuple(reader.skipped), failed)


def _read_one(reader: _Reader, may_visit: Callable[[str], bool]) -> None:
    for _ in range(egress.MAX_REDIRECTS + 1):
        egress.check_url(reader.start)
        reader.start = _normal_start(reader.start)
        reader.robots = _read_robots(reader)
        if not reader.robots.allows(reader.start):
            raise _SiteFault("robots_forbid_all")
        answer = reader.fetch(
            reader.start, follow_redirects=False, max_bytes=reader.limits.page_bytes, content_types=HTML_TYPES
        )
        if answer.status not in (301, 302, 303, 307, 308):
            _refuse_faulty(answer)
            _take(reader, answer, answer.url)
            return
        reader.start = urljoin(reader.start, answer.headers.get("location", ""))
        if not may_visit(reader.start):
            break
    raise _SiteFault("redirected_elsewhere")


def _crawl(reader: _Reader, on_progress: Callable[[CrawlProgress], None] | None) -> None:
    """Fill the reader with pages. What is wrong with the start page or robots.txt is raised, all else is noted."""
    egress.check_url(reader.start)
    reader.start = _normal_start(reader.start)
    reader.robots = _read_robots(reader)
    first = _read_start(reader)
    links = _take(reader, first, reader.own(first.url) or first.url)
    _report(reader, on_progress, first.url)
    reader.want(_sitemap_urls(reader))
    reader.want(links, base=first.url)
    while reader.waiting and len(reader.pages) < reader.limits.pages and reader.text_bytes_left > 0:
        time.sleep(min(reader.robots.delay_s, max(reader.deadline - time.monotonic(), 0)))
        if time.monotonic() >= reader.deadline:
            break
        here = reader.waiting.popleft()
        reader.want(_read(reader, here), base=here)
        _report(reader, on_progress, here)


class _SiteFault(Exception):
    """The site answered, but its start page cannot be read; `cause` is a key of SENTENCES."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def _normal_start(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", parts.query, ""))


def _bare(netloc: str) -> str:
    return netloc.lower().removesuffix(":443").removesuffix(":80").removeprefix("www.")


def _report(reader: _Reader, on_progress: Callable[[CrawlProgress], None] | None, url: str) -> None:
    if on_progress is not None:
        on_progress(CrawlProgress(len(reader.pages), len(reader.known), url))


def _read_robots(reader: _Reader) -> Robots:
    try:
        answer = reader.fetch(urljoin(reader.start, "/robots.txt"), max_bytes=MAX_ROBOTS_BYTES)
    except egress.EgressRefused:
        return Robots()  # it redirects to where nobody may go; there is no file to obey
    except egress.EgressFailed as failure:
        if failure.cause in ("too_large", "broken_answer", "too_many_redirects"):
            return Robots()
        raise
    if answer.status >= 500 or answer.status == 429:  # RFC 9309: then everything is forbidden for the moment
        raise _SiteFault("http_429" if answer.status == 429 else "http_5xx")
    return parse_robots(answer.body.decode("utf-8", "replace")) if answer.status < 300 else Robots()


def _read_start(reader: _Reader) -> egress.Answer:
    """The start page. Where it redirects to another host or folder, that becomes the site to read."""
    if not reader.robots.allows(reader.start):
        raise _SiteFault("robots_forbid_all")
    answer = reader.fetch(reader.start, max_bytes=reader.limits.page_bytes, content_types=HTML_TYPES)
    if urlsplit(answer.url).netloc != urlsplit(reader.start).netloc:
        reader.start = _normal_start(answer.url)
        reader.robots = _read_robots(reader)
        if not reader.robots.allows(answer.url):
            raise _SiteFault("robots_forbid_all")
    elif urlsplit(answer.url).scheme != urlsplit(reader.start).scheme:
        reader.start = reader.start.replace("http://", "https://", 1)
    _refuse_faulty(answer)
    reader.known.add(reader.own(answer.url) or answer.url)
    return answer


def _refuse_faulty(answer: egress.Answer) -> None:
    if not 200 <= answer.status < 300:
        known = f"http_{answer.status}"
        raise _SiteFault("http_5xx" if answer.status >= 500 else known if known in SENTENCES else "http_404")


def _read(reader: _Reader, url: str) -> list[str]:
    """Fetch one page and keep it; the links on it. What is left out is noted with its reason."""
    if NO_PAGE.search(urlsplit(url).path):
        reader.skip(url, "not_html")
        return []
    if not reader.robots.allows(url):
        reader.skip(url, "robots")
        return []
    try:
        answer = reader.fetch(url, max_bytes=reader.limits.page_bytes, content_types=HTML_TYPES)
    except egress.EgressError as error:
        reader.skip(url, "not_html" if error.cause == "wrong_type" else error.cause)
        return []
    if not 200 <= answer.status < 300:
        reader.skip(url, f"http_{answer.status}")
        return []
    there = reader.own(answer.url)
    if there is None or not reader.robots.allows(there):
        reader.skip(url, "redirected_elsewhere")
        return []
    if there != url and there in reader.known:
        reader.skip(url, "duplicate")
        return []
    reader.known.add(there)
    return _take(reader, answer, there)


def _take(reader: _Reader, answer: egress.Answer, url: str) -> list[str]:
    """Keep the page if it says something new; the links on it either way."""
    try:
        found = reader.page_reader.read(answer.body, url=url, max_bytes=reader.text_bytes_left)
    except PageUnreadable as error:
        reader.skip(url, error.reason)
        return []
    same = reader.own(found.canonical, url) if found.canonical else None
    if same and same != reader.own(url):
        if any(page.url == same for page in reader.pages):
            reader.skip(url, "duplicate")
            return found.links
        reader.known.add(same)
        url = same
    if not found.text:
        reader.skip(url, "no_text")
        return found.links
    digest = hashlib.sha256(found.text.encode()).hexdigest()
    if any(page.sha256 == digest for page in reader.pages):
        reader.skip(url, "duplicate")
        return found.links
    reader.pages.append(Page(url, found.title, found.description, found.text, digest, datetime.now(UTC)))
    return found.links


def _sitemap_urls(reader: _Reader) -> list[str]:
    """Pages the sitemaps name, those nearest to the root first; sitemaps of other hosts are not asked."""
    listed = [url for url in reader.robots.sitemaps if _is_same_host(url, reader.start)]
    waiting = deque(listed or [urljoin(reader.start, "/sitemap.xml")])
    asked: set[str] = set()
    found: list[str] = []
    while waiting and len(asked) < reader.limits.sitemaps and time.monotonic() < reader.deadline:
        here = waiting.popleft()
        if here in asked or not reader.robots.allows(here):
            continue
        asked.add(here)
        try:
            answer = reader.fetch(here)
            if answer.status == 404 and not listed:
                break  # nobody promised one
            if answer.status != 200:
                reader.skip(here, f"http_{answer.status}")
                continue
            is_index, locations = parse_sitemap(answer.body)
        except egress.EgressError as error:
            reader.skip(here, error.cause)
            continue
        except ValueError as error:
            reader.skip(here, str(error))
            continue
        if is_index:
            waiting.extend(url for url in locations if _is_same_host(url, reader.start))
        else:
            found += locations[: reader.limits.known_urls]
    return sorted(found, key=lambda url: urlsplit(url).path.rstrip("/").count("/"))


def _is_same_host(url: str, other: str) -> bool:
    try:
        return _bare(urlsplit(url).netloc) == _bare(urlsplit(other).netloc)
    except ValueError:
        return False

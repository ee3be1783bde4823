"""What a site's score is made of: its posts over the REST API, and a sample of its pages as visitors get them.

The sample is the home page and the newest posts. Links are followed within the site alone; a link is broken when what it
leads to is gone, and one that is merely slow or refuses programs is not.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from apps.channels.platforms.base import Question, SearchSeen, Unscored
from apps.channels.platforms.wordpress.client import (
    EXPLANATIONS,
    Site,
    WordPressFault,
    find_site,
    get,
    is_own_link,
    json_of,
    printable,
)
from apps.channels.scoring import PERIOD_DAYS, Fact, change
from apps.shared import egress

POSTS_LISTED = 100  # the most that WordPress gives at once
MOST_PAGES = 10
MOST_LINKS = 30
LINKS_NAMED = 3
SHOWN_AFTER = timedelta(days=7)  # a newer post may not have been found by Google yet
MAX_PAGE_BYTES = 1_000_000
SAMPLE_SECONDS = 60.0  # what has not been looked at then is not part of the sample
HTML_TYPES = ("text/html", "application/xhtml+xml")
SITEMAPS = ("wp-sitemap.xml", "sitemap_index.xml", "sitemap.xml")  # WordPress's own, the usual plugins', everybody's
SITEMAP_BEGINS = (b"<sitemapindex", b"<urlset")
TAGS = ("googletagmanager.com/gtag/js", "googletagmanager.com/gtm.js", "google-analytics.com/analytics.js")
GONE = (404, 410)
SEARCH_MISSING = "No Search Console property of this client covers the site."


@dataclass(frozen=True)
class Post:
    link: str
    published: datetime
    modified: datetime


@dataclass(frozen=True)
class Page:
    """A page as far as it is scored; `links` are absolute, without fragments."""

    is_described: bool
    has_tag: bool
    links: tuple[str, ...]


@dataclass
class Sample:
    """Pages by address, the home page first; None for one that could not be read."""

    home: str
    pages: dict[str, Page | None] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    links_seen: int = 0

    @property
    def read(self) -> list[Page]:
        return [page for page in self.pages.values() if page is not None]


def read_facts(question: Question) -> dict[str, Fact] | Unscored:
    connection = question.source.connection
    since = question.at - timedelta(days=PERIOD_DAYS)
    try:
        site = find_site(connection)
        newest = _posts(site, orderby="date")
        changed = _posts(site, orderby="modified", before=since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    except WordPressFault as fault:
        return Unscored(fault.cause, " ".join(EXPLANATIONS[fault.cause]))
    home = f"{connection.base_url.rstrip('/')}/"
    sample = _sample(site, home, [post.link for post in newest])
    posts = sum(post.published >= since for post in newest)
    updated = sum(post.modified >= since for post in changed)
    is_secure = home.startswith("https://")
    return {
        "https": Fact(is_secure, "The site is addressed over https://." if is_secure else "The address is http://."),
        "sitemap": _sitemap(home),
        "analytics_tag": _tag(sample),
        "meta": _meta(sample),
        "links": _links(sample),
        "posts": Fact(posts, f"{posts} published."),
        "updated_posts": Fact(updated, f"{updated} of the older posts."),
        **_search(question.search, newest, before=question.at - SHOWN_AFTER),
    }


def _posts(site: Site, **question: Any) -> list[Post]:
    """Published posts, those with the latest `orderby` first. Raises WordPressFault."""
    wanted: dict[str, Any] = {"order": "desc", "per_page": POSTS_LISTED, "_fields": "link,date_gmt,modified_gmt"}
    rows = json_of(get(site, "/wp/v2/posts", **wanted, **question))
    try:
        return [Post(_text(row["link"]), _moment(row["date_gmt"]), _moment(row["modified_gmt"])) for row in rows]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise WordPressFault("broken_answer", {}) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _moment(text: str) -> datetime:
    """WordPress writes GMT without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _sample(site: Site, home: str, posts: Iterable[str]) -> Sample:
    """Read the home page and the newest posts, and look where their links lead, while there is time."""
    deadline = time.monotonic() + SAMPLE_SECONDS
    sample = Sample(home)
    own = [link for link in posts if is_own_link(site, link)]
    for address in list(dict.fromkeys([home, *own]))[:MOST_PAGES]:
        if time.monotonic() < deadline:
            sample.pages[address] = _page(address)
    links = dict.fromkeys(link for page in sample.read for link in page.links if is_own_link(site, link))
    for link in list(links)[:MOST_LINKS]:
        if time.monotonic() >= deadline:
            break
        sample.links_seen += 1
        if sample.pages.get(link) is None and _is_gone(link):
            sample.gone.append(link)
    return sample


def _page(address: str) -> Page | None:
    try:
        answer = egress.request(
            "GET", address, follow_redirects=True, max_bytes=MAX_PAGE_BYTES, content_types=HTML_TYPES
        )
    except egress.EgressError:
        return None
    if answer.status != 200:
        return None
    reader = _Reader(base=answer.url)
    try:
        reader.feed(answer.body.decode("utf-8", "replace"))
    except AssertionError:  # how html.parser says that it cannot go on
        return None
    return Page(reader.is_described, reader.has_tag, tuple(dict.fromkeys(reader.links)))


def _is_gone(link: str) -> bool:
    try:
        return egress.request("HEAD", link, follow_redirects=True).status in GONE
    except egress.EgressError:
        return False


class _Reader(HTMLParser):
    """Title, description, links and scripts of a page."""

    def __init__(self, *, base: str) -> None:
        super().__init__()
        self.base = base
        self.links: list[str] = []
        self.has_tag = False
        self._title = self._description = ""
        self._within = ""

    @property
    def is_described(self) -> bool:
        return bool(self._title.strip() and self._description.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("title", "script"):
            self._within = tag
        if tag == "script":
            self._look_for_tag(given.get("src", ""))
        elif tag == "meta" and given.get("name", "").lower() == "description":
            self._description = given.get("content", "")
        elif tag == "a" and given.get("href"):
            try:
                self.links.append(urldefrag(urljoin(self.base, given["href"].strip())).url)
            except ValueError:
                return

    def handle_data(self, data: str) -> None:
        if self._within == "title":
            self._title += data
        elif self._within == "script":
            self._look_for_tag(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""

    def _look_for_tag(self, text: str) -> None:
        self.has_tag = self.has_tag or any(tag in text for tag in TAGS)


def _sitemap(home: str) -> Fact:
    for name in SITEMAPS:
        try:
            answer = egress.request("GET", urljoin(home, name), follow_redirects=True)
        except egress.EgressError:
            continue
        if answer.status == 200 and any(begin in answer.body[:2_000] for begin in SITEMAP_BEGINS):
            return Fact(1, f"Found at /{name}.")
    return Fact(0, "None was found where sites keep them.")


def _tag(sample: Sample) -> Fact:
    home = sample.pages.get(sample.home)
    if home is None:
        return Fact(None, "The home page could not be read.")
    return Fact(home.has_tag, "On the home page." if home.has_tag else "None of Google's tags is on the home page.")


def _meta(sample: Sample) -> Fact:
    if not sample.read:
        return Fact(None, "No page could be read.")
    described = sum(page.is_described for page in sample.read)
    return Fact(described / len(sample.read), f"{described} of {len(sample.read)} pages have both.")


def _links(sample: Sample) -> Fact:
    if not sample.read:
        return Fact(None, "No page could be read.")
    if not sample.gone:
        return Fact(1, f"{sample.links_seen} links within the site were followed.")
    named = ", ".join(printable(urlsplit(link).path)[:100] for link in sample.gone[:LINKS_NAMED])
    return Fact(0, f"{len(sample.gone)} of {sample.links_seen} lead nowhere: {named}")


def _search(search: SearchSeen | Unscored | None, newest: list[Post], *, before: datetime) -> dict[str, Fact]:
    if not isinstance(search, SearchSeen):
        nothing = Fact(None, SEARCH_MISSING if search is None else f"Search Console: {search.sentence}")
        return {"indexed": nothing, "clicks_change": nothing}
    older = [post for post in newest if post.published < before]
    shown = sum(post.link in search.pages for post in older)
    return {
        "indexed": Fact(shown / len(older), f"{shown} of {len(older)} posts were shown in search results.")
        if older
        else Fact(None, f"No post is older than {SHOWN_AFTER.days} days."),
        "clicks_change": Fact(
            change(search.clicks, search.clicks_before),
            f"{search.clicks:,} clicks, {search.clicks_before:,} in the 30 days before.",
        ),
    }

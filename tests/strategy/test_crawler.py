"""Reading websites: small ones made here, faulty ones, and real pages that ship with installed packages."""

import gzip
import hashlib
import re
import socket
import sysconfig
import time
from pathlib import Path

import pytest
from django.test import RequestFactory
from django.views.debug import default_urlconf
from werkzeug import Request, Response

from apps.strategy.outside import CrawlLimits, CrawlProgress, crawl_website
from apps.strategy.page_text import PageReader, PageUnreadable
from apps.strategy.robots import parse_robots, parse_sitemap

SENTENCE = "We roast coffee in small batches on Tuesdays, and we deliver it on Wednesdays to the whole town."
TOPICS = "origins roasting brewing grinders wholesale subscriptions team history contact delivery".split()


def page(topic: str, *links: str, head: str = "") -> str:
    anchors = "".join(f'<a href="{link}">{link}</a> ' for link in links)
    return (
        f"<!doctype html><html><head><title>About {topic}</title>"
        f'<meta name="description" content="All about {topic}.">{head}</head>'
        f"<body><nav>{anchors}</nav><main><article><h1>{topic}</h1>"
        f"<p>This page is about {topic}. {SENTENCE}</p><p>More on {topic}: {SENTENCE}</p>"
        "</article></main></body></html>"
    )


class Website:
    """`website.put("/about", page("team"))`; everything else is a 404."""

    def __init__(self, server):
        self.server = server
        self.url = server.url_for("/")
        self.contents: dict = {}
        server.expect_request(re.compile(".*")).respond_with_handler(self._respond)

    def _respond(self, request: Request) -> Response:
        content = self.contents.get(request.full_path.rstrip("?"), Response("nothing here", 404))
        if callable(content) and not isinstance(content, Response):
            return content(request)
        return content if isinstance(content, Response) else Response(content, content_type="text/html; charset=utf-8")

    def put(self, path: str, content) -> None:
        self.contents[path] = content

    def text(self, path: str, content: str, content_type: str = "text/plain") -> None:
        self.contents[path] = Response(content, content_type=content_type)

    def asked(self) -> list[str]:
        return [request.full_path.rstrip("?") for request, _ in self.server.log]

    def paths(self, crawl) -> list[str]:
        return ["/" + page.url.removeprefix(self.url) for page in crawl.pages]

    def reasons(self, crawl) -> dict[str, str]:
        return {"/" + url.removeprefix(self.url): reason for url, reason in crawl.skipped}


@pytest.fixture
def website(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    settings.PUBLIC_BASE_URL = "https://leadmetrics.example"
    return Website(httpserver)


def test_a_site_is_read_from_its_start_page_along_its_links(website):
    website.put("/", page("coffee", "/about", "about#team", "/prices?utm_source=x", "https://elsewhere.example/x"))
    website.put("/about", page("team", "/", "/deep"))
    website.put("/prices", page("prices"))
    website.put("/deep", page("roasting"))

    crawl = crawl_website(website.url)

    assert website.paths(crawl) == ["/", "/about", "/prices", "/deep"]
    assert (crawl.failed, crawl.skipped) == (None, ())
    first = crawl.pages[0]
    assert (first.title, first.description) == ("coffee", "All about coffee.")
    assert SENTENCE in first.text and "elsewhere" not in first.text
    assert first.sha256 == hashlib.sha256(first.text.encode()).hexdigest()


def test_the_reader_says_who_it_is_and_where_to_complain(website):
    website.put("/", page("coffee"))

    crawl_website(website.url)

    agents = {request.headers["User-Agent"] for request, _ in website.server.log}
    assert agents == {"LeadmetricsBot/1.0 (+https://leadmetrics.example)"}


def test_robots_txt_is_asked_first_and_obeyed(website):
    website.text("/robots.txt", "User-agent: *\nDisallow: /private\nAllow: /private/but-this\nDisallow: /*.php$\n")
    website.put("/", page("coffee", "/private/x", "/private/but-this", "/a.php", "/a.php5"))
    website.put("/private/but-this", page("exceptions"))
    website.put("/a.php5", page("old pages"))

    crawl = crawl_website(website.url)

    assert website.asked()[0] == "/robots.txt"
    assert website.paths(crawl) == ["/", "/private/but-this", "/a.php5"]
    assert website.reasons(crawl) == {"/private/x": "robots", "/a.php": "robots"}
    assert "/private/x" not in website.asked() and "/a.php" not in website.asked()


@pytest.mark.parametrize("rule", ["Disallow: /", "Disallow: /*", "Disallow: *"])
def test_a_site_that_forbids_everything_is_left_alone(website, rule):
    website.text("/robots.txt", f"User-agent: *\n{rule}\n")
    website.put("/", page("coffee"))

    crawl = crawl_website(website.url)

    assert (crawl.pages, crawl.failed.cause) == ((), "robots_forbid_all")
    assert crawl.failed.sentence.endswith(".")
    assert website.asked() == ["/robots.txt"]


@pytest.mark.parametrize(
    ("robots", "url", "is_allowed"),
    [
        ("", "/x", True),
        ("User-agent: *\nDisallow:\n", "/x", True),
        ("User-agent: OtherBot\nDisallow: /\n", "/x", True),
        ("User-agent: OtherBot\nUser-agent: leadmetricsbot\nDisallow: /x\n", "/x", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: LeadmetricsBot\nDisallow: /y\n", "/x", True),
        ("User-agent: *\nDisallow: /x # a note\nAllow: /x/y\n", "/x/y/z", True),
        ("User-agent: *\nAllow: /x\nDisallow: /x\n", "/x", True),
        ("User-agent: *\nDisallow: /*?sort=\n", "/shop?sort=up", False),
        ("User-agent: *\nDisallow: /a%20b\n", "/a b", False),
        ("User-agent: *\nDisallow: /fish*.php\n", "/fishheads/catfish.php?p=1", False),
        ("User-agent: *\nDisallow: /end$\n", "/end/more", True),
        ("User-agent: *\nDisallow: /*.php$\n", "/a.php/b.php", False),
        ("User-agent: *\nDisallow: /*.php$\n", "/.ph", True),
        ("User-agent: *\nCrawl-delay: 1\nDisallow: /x", "/x", False),
        ("\ufeffUser-agent: *\r\nDisallow: /x\r\n", "/x", False),
        ("<html>not found</html>", "/x", True),
        ("Disallow: /x\n", "/x", True),
    ],
)
def test_robots_txt_is_read_as_the_standard_says(robots, url, is_allowed):
    assert parse_robots(robots).allows(f"https://acme.example{url}") is is_allowed


def test_a_hostile_robots_txt_does_not_keep_the_reader_busy():
    robots = parse_robots("User-agent: *\nDisallow: /" + "*a" * 1000 + "b\n" * 100)

    assert robots.allows("https://acme.example/" + "a" * 2000)


def test_sitemaps_are_followed_through_their_index_and_read_near_pages_first(website):
    website.text("/robots.txt", f"Sitemap: {website.url}maps.xml\nSitemap: https://elsewhere.example/s.xml\n")
    website.text(
        "/maps.xml",
        '<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        f"<sitemap><loc>{website.url}posts.xml.gz</loc></sitemap>"
        "<sitemap><loc>http://10.0.0.1/s.xml</loc></sitemap></sitemapindex>",
    )
    urls = f"<url><loc>{website.url}blog/a/b</loc></url><url><loc> {website.url}about </loc></url>"
    urls += "<url><loc>https://elsewhere.example/x</loc></url><url><loc>javascript:alert(1)</loc></url>"
    packed = gzip.compress(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode())
    website.put("/posts.xml.gz", Response(packed, content_type="application/gzip"))
    website.put("/", page("coffee", "/linked"))
    website.put("/about", page("team"))
    website.put("/blog/a/b", page("brewing"))
    website.put("/linked", page("links"))

    crawl = crawl_website(website.url)

    assert website.paths(crawl) == ["/", "/about", "/blog/a/b", "/linked"]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"{BOMB}<urlset><url><loc>&b;</loc></url></urlset>".encode(), "sitemap_with_doctype"),
        (f"{BOMB}<urlset><url><loc>&b;</loc></url></urlset>".encode("utf-16"), "sitemap_with_doctype"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><urlset/>', "sitemap_with_doctype"),
        (b"<html><p>404", "sitemap_broken"),
        (b"", "sitemap_broken"),
        (b"\x1f\x8bnot really", "sitemap_broken"),
        (gzip.compress(b" " * 6_000_000), "sitemap_too_large"),
        (b"<a>" * 100_000, "sitemap_broken"),
    ],
    ids=["entities", "entities in UTF-16", "a file of ours", "HTML", "empty", "no gzip", "gzip bomb", "deep"],
)
def test_a_hostile_sitemap_is_refused(body, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_sitemap(body)


def test_a_broken_sitemap_is_noted_and_the_crawl_goes_on(website):
    website.text("/robots.txt", f"Sitemap: {website.url}map.xml\n")
    website.text("/map.xml", f"{BOMB}<urlset><url><loc>&b;</loc></url></urlset>", "application/xml")
    website.put("/", page("coffee"))

    crawl = crawl_website(website.url)

    assert website.paths(crawl) == ["/"]
    assert crawl.skipped == ((f"{website.url}map.xml", "sitemap_with_doctype"),)


def test_only_pages_under_the_folder_of_the_start_page_are_read(website):
    website.put("/en/index.html", page("coffee", "/en/about", "/de/about", "../fr/", "../en/shop"))
    website.put("/en/about", page("team"))
    website.put("/de/about", page("Mannschaft"))
    website.put("/en/shop", page("shop"))

    crawl = crawl_website(f"{website.url}en/index.html")

    assert website.paths(crawl) == ["/en/index.html", "/en/about", "/en/shop"]


def test_a_start_page_that_redirects_within_the_site_is_read_where_it_ends(website):
    website.put("/", Response("", 302, headers={"Location": "/en/"}))
    website.put("/en/", page("coffee", "/about"))
    website.put("/about", page("team"))

    assert website.paths(crawl_website(website.url)) == ["/en/", "/about"]


def test_the_same_page_under_two_addresses_is_kept_once(website):
    canonical = f'<link rel="canonical" href="{website.url}about">'
    website.put("/", page("coffee", "/about?ref=1", "/about", "/copy", "/moved", "/coffee-again"))
    website.put("/about?ref=1", page("team", head=canonical))
    website.put("/about", page("team", head=canonical))
    website.put("/copy", page("team"))
    website.put("/moved", Response("", 301, headers={"Location": "/about"}))
    website.put("/coffee-again", page("coffee"))

    crawl = crawl_website(website.url)

    assert website.paths(crawl) == ["/", "/about"]
    assert {reason for _, reason in crawl.skipped} == {"duplicate"}


def test_files_redirects_elsewhere_and_missing_pages_are_left_out_with_their_reason(website):
    website.put("/", page("coffee", "/menu.pdf", "/data", "/out", "/gone", "/inside", "/broken"))
    website.text("/data", "{}", "application/json")
    website.put("/out", Response("", 302, headers={"Location": "https://elsewhere.invalid/"}))
    website.put("/inside", Response("", 302, headers={"Location": "http://169.254.169.254/latest/"}))
    website.put("/broken", Response("", 500))

    crawl = crawl_website(website.url)

    assert website.paths(crawl) == ["/"]
    assert website.reasons(crawl) == {
        "/menu.pdf": "not_html",
        "/data": "not_html",
        "/out": "dns",
        "/gone": "http_404",
        "/inside": "private_address",
        "/broken": "http_500",
    }
    assert "/menu.pdf" not in website.asked()


def test_pages_text_and_size_are_capped(website):
    website.put("/", page("coffee", "/huge", *(f"/{topic}" for topic in TOPICS)))
    website.put("/huge", "<html><body><p>" + "word " * 20_000)
    for topic in TOPICS:
        website.put(f"/{topic}", page(topic))

    by_pages = crawl_website(website.url, limits=CrawlLimits(pages=4, page_bytes=50_000))
    by_text = crawl_website(website.url, limits=CrawlLimits(text_bytes=700, page_text_bytes=300, page_bytes=50_000))

    assert website.paths(by_pages) == ["/", "/origins", "/roasting", "/brewing"]
    assert website.reasons(by_pages) == {"/huge": "too_large"}
    sizes = [len(found.text.encode()) for found in by_text.pages]
    assert max(sizes) <= 300
    assert 600 <= sum(sizes) <= 700


def test_the_time_for_the_whole_crawl_is_capped(website):
    begun = []

    def slow(request):
        begun.append(request.path)
        time.sleep(0.3)
        return Response(page(request.path), content_type="text/html")

    website.put("/", page("coffee", *(f"/{topic}" for topic in TOPICS)))
    for topic in TOPICS:
        website.put(f"/{topic}", slow)

    crawl = crawl_website(website.url, limits=CrawlLimits(seconds=2.0))

    while not set(begun) <= set(website.asked()):  # the server is shared; what is under way would reach the next test
        time.sleep(0.01)
    assert 1 <= len(crawl.pages) < len(TOPICS)
    assert crawl.failed is None


def test_progress_is_told_and_may_end_the_crawl(website):
    website.put("/", page("coffee", "/about", "/prices"))
    website.put("/about", page("team"))
    website.put("/prices", page("prices"))
    seen: list[CrawlProgress] = []

    class Cancelled(Exception):
        pass

    def watch(progress):
        seen.append(progress)
        if len(seen) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        crawl_website(website.url, on_progress=watch)

    assert seen == [CrawlProgress(1, 1, website.url), CrawlProgress(2, 3, f"{website.url}about")]
    assert "/prices" not in website.asked()


@pytest.mark.parametrize(
    ("start", "cause"),
    [
        (Response("", 403), "http_403"),
        (Response("", 404), "http_404"),
        (Response("", 500), "http_5xx"),
        (Response("%PDF", content_type="application/pdf"), "not_html"),
        ("<html><head><script>app()</script></head><body><div id='root'></div></body></html>", "no_text"),
    ],
    ids=["403", "404", "500", "pdf", "script"],
)
def test_a_site_without_a_readable_page_says_why(website, start, cause):
    website.put("/", start)

    crawl = crawl_website(website.url)

    assert (crawl.pages, crawl.failed.cause) == ((), cause)
    assert crawl.failed.sentence.endswith(".")


def test_a_site_whose_robots_txt_is_out_of_order_is_not_read_today(website):
    website.put("/robots.txt", Response("", 503))
    website.put("/", page("coffee"))

    assert crawl_website(website.url).failed.cause == "http_5xx"
    assert website.asked() == ["/robots.txt"]


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("https://no-such-site.invalid/", "dns"),
        ("http://127.0.0.1/", "address_refused"),
        ("http://[::1]/", "address_refused"),
        ("file:///etc/passwd", "address_refused"),
        ("acme", "address_refused"),
        ("http://[::1", "address_refused"),
    ],
)
def test_an_address_that_cannot_be_read_says_why(settings, url, cause):
    settings.EGRESS_ALLOW_HOSTS = []

    crawl = crawl_website(url)

    assert (crawl.pages, crawl.failed.cause) == ((), cause)
    assert crawl.failed.sentence.endswith(".")


def test_a_site_that_is_switched_off_says_so(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EGRESS_ALLOW_HOSTS = [f"127.0.0.1:{port}"]

    assert crawl_website(f"http://127.0.0.1:{port}/").failed.cause == "refused"


def test_a_server_without_tls_says_so(website):
    assert crawl_website(website.url.replace("http://", "https://")).failed.cause == "tls"


def test_control_characters_and_lone_surrogates_do_not_reach_the_text(website):
    text = f"one\x00two\x07three\x1b[31m &#xD800; &#1; &#0; {SENTENCE}"
    website.put("/", f"<html><head><title>A\x00B\x08</title></head><body><p>{text}</p></body></html>")

    (found,) = crawl_website(website.url).pages

    assert SENTENCE in found.text
    assert found.title.isprintable()
    assert not set(found.text) & {chr(code) for code in [*range(9), *range(11, 32), 127, *range(0xD800, 0xE000)]}


def test_a_page_that_keeps_the_parsers_busy_is_left_out_and_the_next_one_is_read(monkeypatch):
    monkeypatch.setattr("apps.strategy.page_text.SECONDS_PER_PAGE", 2.0)
    good = page("coffee").encode()
    attributes = b" ".join(b"a%d=1" % number for number in range(150_000))
    with PageReader() as reader:
        reader.read(good, url="https://acme.example/", max_bytes=1000)
        with pytest.raises(PageUnreadable) as refusal:
            reader.read(b"<html><body><p " + attributes + b">x", url="https://acme.example/", max_bytes=1000)
        after = reader.read(good, url="https://acme.example/", max_bytes=1000)

    assert refusal.value.reason == "too_complex"
    assert SENTENCE in after.text


def test_pages_that_nobody_here_wrote_are_read(website):
    installed = Path(sysconfig.get_path("purelib")) / "importlinter/ui/static/index.html"
    website.put("/", default_urlconf(RequestFactory().get("/")).content.decode())
    website.put("/linter/", installed.read_text(encoding="utf-8"))
    website.text("/sitemap.xml", f"<urlset><url><loc>{website.url}linter/</loc></url></urlset>", "application/xml")

    crawl = crawl_website(website.url)

    assert website.paths(crawl) == ["/", "/linter/"]
    assert crawl.pages[0].title == "The install worked successfully! Congratulations!"
    assert "You are seeing this page because DEBUG=True" in " ".join(crawl.pages[0].text.split())
    assert crawl.pages[1].title == "Import Linter"
    assert "<" not in crawl.pages[0].text

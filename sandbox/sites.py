"""Three invented companies' websites at `/site/<name>/`, made from the Markdown files in `sandbox/sites/`.

Each file starts with `key: value` lines (title, description, and nav when it stands in the menu), then an empty line.
"""

import html
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from sandbox import pages
from sandbox.wire import Request, Response, html_response, redirect, text_response
from sandbox.world import World

FOLDER = Path(__file__).parent / "sites"
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class SitePage:
    path: str  # "" for the home page, "blog/choosing-a-grinder" for others
    title: str
    description: str
    nav: str
    body: str  # Markdown; links between pages are relative to the site, written as (/path/)


@dataclass(frozen=True)
class Site:
    name: str
    title: str
    tagline: str
    colour: str
    font: str
    phone: str
    email: str
    street: str
    disallow: tuple[str, ...]
    nav: tuple[str, ...]
    pages: dict[str, SitePage]


@cache
def all_sites() -> tuple[Site, ...]:
    return tuple(_read_site(folder) for folder in sorted(FOLDER.iterdir()) if (folder / "site.json").exists())


def answer(world: World, request: Request) -> Response:
    if request.path == "/robots.txt":
        return _robots(world)
    name, _, path = request.path.removeprefix("/site").strip("/").partition("/")
    site = next((site for site in all_sites() if site.name == name), None)
    if site is None:
        return pages.nothing_here("There is no such company in this rehearsal.")
    if request.fault_kind == "empty":
        return html_response("")
    if path == "sitemap.xml":
        return _sitemap(world, site)
    page = site.pages.get(path)
    if page is None:
        return _framed(
            world,
            site,
            SitePage(path, "Page not found", "", "", "# Page not found\n\nThis page has moved or never was."),
            status=404,
        )
    if not request.path.endswith("/"):
        return redirect(f"{request.path}/", status=301)
    return _framed(world, site, page)


def outage(world: World, status: int, message: str = "") -> Response:
    return pages.page(
        "Out of order",
        f"<main><h1>{status}</h1><p>{html.escape(message or 'This website is out of order.')}</p></main>",
        status=status,
    )


def _read_site(folder: Path) -> Site:
    facts = json.loads((folder / "site.json").read_text("utf-8"))
    found = (_read_page(folder, file) for file in sorted(folder.rglob("*.md")))
    return Site(
        name=folder.name,
        pages={page.path: page for page in found},
        **{**facts, "disallow": tuple(facts["disallow"]), "nav": tuple(facts["nav"])},
    )


def _read_page(folder: Path, file: Path) -> SitePage:
    head, _, body = file.read_text("utf-8").partition("\n\n")
    facts = dict(line.split(": ", 1) for line in head.splitlines())
    path = file.relative_to(folder).with_suffix("").as_posix()
    return SitePage("" if path == "index" else path, facts["title"], facts["description"], facts.get("nav", ""), body)


def _robots(world: World) -> Response:
    lines = ["# Rehearsal", "User-agent: *", "Disallow: /_control/", "Disallow: /mail/"]
    lines += [f"Disallow: /site/{site.name}/{path}/" for site in all_sites() for path in site.disallow]
    lines += [f"Sitemap: {world.url}/site/{site.name}/sitemap.xml" for site in all_sites()]
    return text_response("\n".join(lines) + "\n")


def _sitemap(world: World, site: Site) -> Response:
    listed = [page.path for page in site.pages.values() if page.path not in site.disallow]
    entries = "".join(f"<url><loc>{world.url}{_address(site, path)}</loc></url>" for path in listed)
    return text_response(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>\n',
        content_type="application/xml; charset=utf-8",
    )


def _address(site: Site, path: str) -> str:
    return f"/site/{site.name}/{path}/" if path else f"/site/{site.name}/"


def _framed(world: World, site: Site, page: SitePage, *, status: int = 200) -> Response:
    body = MARKDOWN.render(page.body).replace('href="/', f'href="/site/{site.name}/')
    menu = " ".join(pages.link(_address(site, path), site.pages[path].nav) for path in site.nav)
    document = pages.template("site.html").substitute(
        title=html.escape(page.title),
        description=html.escape(page.description, quote=True),
        colour=site.colour,
        font=site.font,
        canonical=f"{world.url}{_address(site, page.path)}",
        company=html.escape(site.title),
        tagline=html.escape(site.tagline),
        home=_address(site, ""),
        menu=menu,
        body=body,
        street=html.escape(site.street),
        phone=site.phone,
        email=site.email,
        terms=_address(site, "terms"),
        initial=site.title[0],
    )
    return html_response(document, status=status, headers={"Content-Security-Policy": pages.CONTENT_SECURITY_POLICY})

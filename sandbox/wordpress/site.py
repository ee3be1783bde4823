"""What a reader sees at `/wordpress/<site>/`."""

import html
from datetime import UTC, datetime

from sandbox import pages
from sandbox.wire import Request, Response, redirect, text_response
from sandbox.wordpress import text
from sandbox.wordpress.records import Blog, Post, blog, excerpt_of
from sandbox.world import World

MEASURED = "measured"  # sites with this in their name carry Google's tag, which the pages' policy keeps from loading
GOOGLE_TAG = '<script async src="https://www.googletagmanager.com/gtag/js?id=G-REHEARSAL"></script>'
RIBBON = "Rehearsal: this WordPress site exists only in this process"


def answer(world: World, request: Request) -> Response:
    name, _, rest = request.path.removeprefix("/wordpress").strip("/").partition("/")
    if not name:
        return pages.nothing_here("Name a site: /wordpress/<site>/")
    if request.method not in ("GET", "HEAD"):
        return missing(None)
    if not rest and not request.path.endswith("/"):
        return redirect(f"/wordpress/{name}/", status=301)
    with world.lock:
        site = blog(world, name)
        site.settle(datetime.now(UTC))
        published = sorted(
            (post for post in site.posts.values() if post.status == "publish"), key=lambda post: post.date, reverse=True
        )
        if request.first("p"):
            found = next((post for post in published if str(post.id) == request.first("p")), None)
            return redirect(site.link(found), status=301) if found else missing(site)
        match rest.split("/"):
            case [""]:
                return listing(site, published, site.title)
            case ["wp-sitemap.xml"]:
                return sitemap(site)
            case [("category" | "tag") as kind, slug]:
                term = next((term for term in site.terms.values() if term.slug == slug), None)
                base = "categories" if kind == "category" else "tags"
                return (
                    listing(site, [post for post in published if term.id in getattr(post, base)], term.name)
                    if term
                    else missing(site)
                )
            case [slug]:
                found = next((post for post in published if post.slug == slug), None)
                return article(site, found) if found else missing(site)
    return missing(site)


def framed(
    site: Blog | None, title: str, body: str, *, description: str = "", canonical: str = "", status: int = 200
) -> Response:
    head, header = "", ""
    headers = {}
    if site:
        headers["Link"] = f'<{site.address}/wp-json/>; rel="https://api.w.org/"'
        header = f"<header><nav>{pages.link(f'/wordpress/{site.name}/', site.title)}</nav></header>"
    if description:
        head += f'<meta name="description" content="{html.escape(description, quote=True)}">'
    if site and MEASURED in site.name:
        head += GOOGLE_TAG
    if canonical:
        head += f'<link rel="canonical" href="{html.escape(canonical, quote=True)}">'
    footer = f"<footer>A rehearsal copy of WordPress. {pages.link('/', 'Everything in this rehearsal')}</footer>"
    return pages.page(
        title, f"{header}<main>{body}</main>{footer}", ribbon=RIBBON, head_html=head, status=status, headers=headers
    )


def listing(site: Blog, posts: list[Post], heading: str) -> Response:
    items = "".join(
        f'<article><h2><a href="{html.escape(site.link(post))}">{text.curly(post.title)}</a></h2>'
        f'<p class="meta">{post.date:%-d %B %Y}</p>{text.rendered(excerpt_of(post))}</article>'
        for post in posts
    )
    return framed(
        site,
        heading,
        f"<h1>{html.escape(heading)}</h1>{items or '<p>Nothing has been published here yet.</p>'}",
        description=f"{heading}: {len(posts)} posts",
    )


def sitemap(site: Blog) -> Response:
    """The index of sitemaps that WordPress has made since 5.5."""
    listed = f"<sitemap><loc>{site.address}/wp-sitemap-posts-post-1.xml</loc></sitemap>"
    return text_response(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</sitemapindex>\n',
        content_type="application/xml; charset=utf-8",
    )


def article(site: Blog, post: Post) -> Response:
    terms = [site.terms[number] for number in post.categories + post.tags if number in site.terms]
    links = ", ".join(
        pages.link(
            f"/wordpress/{site.name}/{'category' if term.taxonomy == 'category' else 'tag'}/{term.slug}/", term.name
        )
        for term in terms
    )
    body = f"""<article><h1>{text.curly(post.title)}</h1>
<p class="meta">{post.date:%-d %B %Y} in {links or "no category"}</p>
{text.rendered(post.content)}</article>"""
    return framed(
        site,
        f"{html.unescape(text.plain(post.title))} – {site.title}",
        body,
        description=text.plain(excerpt_of(post)),
        canonical=site.link(post),
    )


def missing(site: Blog | None) -> Response:
    return framed(site, "Page not found", "<h1>Page not found</h1><p>There is nothing at this address.</p>", status=404)

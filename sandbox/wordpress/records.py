"""Posts, terms and users of one rehearsal WordPress site, and how they look in its REST API."""

import html
import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.wordpress import text
from sandbox.world import World

STATUSES = ("publish", "future", "draft", "pending", "private")
REGISTERED_META = ("footnotes", "rehearsal_marker")  # WordPress ignores meta keys that nobody registered
APPLICATION_PASSWORD = "rehearsalapplicationpassword"  # as compared: WordPress ignores the spaces people type
EXCERPT_WORDS = 55


@dataclass(frozen=True)
class User:
    id: int
    login: str
    role: str

    @property
    def may_write(self) -> bool:
        return self.role in ("administrator", "editor")


USERS = {
    user.login: user
    for user in (User(1, "admin", "administrator"), User(2, "editor", "editor"), User(3, "subscriber", "subscriber"))
}


@dataclass
class Term:
    id: int
    taxonomy: str
    name: str
    slug: str
    description: str = ""
    parent: int = 0


@dataclass
class Post:
    id: int
    author: int
    date: datetime
    modified: datetime
    status: str = "draft"
    slug: str = ""
    title: str = ""
    content: str = ""
    excerpt: str = ""
    password: str = ""
    featured_media: int = 0
    comment_status: str = "open"
    ping_status: str = "open"
    sticky: bool = False
    template: str = ""
    format: str = "standard"
    meta: dict[str, Any] = field(default_factory=lambda: {key: "" for key in REGISTERED_META})
    categories: list[int] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)


@dataclass
class Blog:
    """One site. `address` has no slash at its end; times are UTC, which is also the site's zone."""

    name: str
    address: str
    posts: dict[int, Post] = field(default_factory=dict)
    terms: dict[int, Term] = field(default_factory=dict)
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.add_term("category", "Uncategorized")

    @property
    def title(self) -> str:
        return self.name.replace("-", " ").title()

    def next_id(self) -> int:
        return next(self.ids)

    def add_term(self, taxonomy: str, name: str, *, slug: str = "", description: str = "", parent: int = 0) -> Term:
        taken = {term.slug for term in self.terms.values() if term.taxonomy == taxonomy}
        term = Term(self.next_id(), taxonomy, name, text.unique(text.slug(slug or name), taken), description, parent)
        self.terms[term.id] = term
        return term

    def settle(self, now: datetime) -> None:
        """Scheduled posts whose time has come are published, as WordPress' cron would do."""
        for post in self.posts.values():
            if post.status == "future" and post.date <= now:
                post.status = "publish"

    def free_slug(self, wanted: str, *, except_post: Post) -> str:
        return text.unique(text.slug(wanted), {post.slug for post in self.posts.values() if post is not except_post})

    def link(self, post: Post) -> str:
        return (
            f"{self.address}/{post.slug}/" if post.status in ("publish", "private") else f"{self.address}/?p={post.id}"
        )


def blog(world: World, name: str) -> Blog:
    """The site of that name; it comes into being on first use. The caller holds the world's lock."""
    if name not in world.wordpress:
        world.wordpress[name] = Blog(name, f"{world.url}/wordpress/{name}")
    return world.wordpress[name]


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def post_json(blog: Blog, post: Post, *, context: str) -> dict[str, Any]:
    """A post as the Posts reference lists its fields for `view` and `edit`."""
    edit = context == "edit"
    guid = f"{blog.address}/?p={post.id}"
    shown = {
        "id": post.id,
        "date": stamp(post.date),
        "date_gmt": stamp(post.date),
        "guid": both(guid, guid, edit=edit),
        "modified": stamp(post.modified),
        "modified_gmt": stamp(post.modified),
        "slug": post.slug,
        "status": post.status,
        "type": "post",
        "link": blog.link(post),
        "title": both(post.title, text.curly(post.title), edit=edit),
        "content": {**both(post.content, text.rendered(post.content), edit=edit), "protected": bool(post.password)},
        "excerpt": {**both(post.excerpt, text.rendered(excerpt_of(post)), edit=edit), "protected": bool(post.password)},
        "author": post.author,
        "featured_media": post.featured_media,
        "comment_status": post.comment_status,
        "ping_status": post.ping_status,
        "sticky": post.sticky,
        "template": post.template,
        "format": post.format,
        "meta": dict(post.meta),
        "categories": list(post.categories),
        "tags": list(post.tags),
        "class_list": [
            f"post-{post.id}",
            "post",
            "type-post",
            f"status-{post.status}",
            f"format-{post.format}",
            "hentry",
        ],
    }
    if edit:
        shown["content"]["block_version"] = 1 if "<!-- wp:" in post.content else 0
        shown |= {
            "password": post.password,
            "permalink_template": f"{blog.address}/%postname%/",
            "generated_slug": blog.free_slug(post.title, except_post=post),
        }
    return {**shown, "_links": post_links(blog, post)}


def both(raw: str, rendered: str, *, edit: bool) -> dict[str, Any]:
    return {"raw": raw, "rendered": rendered} if edit else {"rendered": rendered}


def excerpt_of(post: Post) -> str:
    """The excerpt given, else the first words of the content."""
    if post.excerpt:
        return post.excerpt
    words = text.plain(post.content).split()
    return " ".join(words[:EXCERPT_WORDS]) + (" […]" if len(words) > EXCERPT_WORDS else "")


def post_links(blog: Blog, post: Post) -> dict[str, Any]:
    api = f"{blog.address}/wp-json/wp/v2"
    return {
        "self": [{"href": f"{api}/posts/{post.id}"}],
        "collection": [{"href": f"{api}/posts"}],
        "about": [{"href": f"{api}/types/post"}],
        "author": [{"embeddable": True, "href": f"{api}/users/{post.author}"}],
        "wp:term": [
            {"taxonomy": "category", "embeddable": True, "href": f"{api}/categories?post={post.id}"},
            {"taxonomy": "post_tag", "embeddable": True, "href": f"{api}/tags?post={post.id}"},
        ],
        "curies": [{"name": "wp", "href": "https://api.w.org/{rel}", "templated": True}],
    }


def term_json(blog: Blog, term: Term) -> dict[str, Any]:
    base = "categories" if term.taxonomy == "category" else "tags"
    posts = [post for post in blog.posts.values() if post.status == "publish" and term.id in getattr(post, base)]
    shown = {
        "id": term.id,
        "count": len(posts),
        "description": term.description,
        "link": f"{blog.address}/{'category' if base == 'categories' else 'tag'}/{term.slug}/",
        "name": html.escape(term.name, quote=False),
        "slug": term.slug,
        "taxonomy": term.taxonomy,
    }
    if base == "categories":
        shown["parent"] = term.parent
    api = f"{blog.address}/wp-json/wp/v2"
    return {
        **shown,
        "meta": [],
        "_links": {
            "self": [{"href": f"{api}/{base}/{term.id}"}],
            "collection": [{"href": f"{api}/{base}"}],
            "about": [{"href": f"{api}/taxonomies/{term.taxonomy}"}],
        },
    }


def user_json(blog: Blog, user: User, *, context: str) -> dict[str, Any]:
    shown = {
        "id": user.id,
        "name": user.login.title(),
        "url": "",
        "description": "",
        "link": f"{blog.address}/author/{user.login}/",
        "slug": user.login,
        "avatar_urls": {},
        "meta": [],
    }
    if context == "edit":
        may = {"read": True, user.role: True}
        if user.may_write:
            may |= dict.fromkeys(
                (
                    "edit_posts",
                    "edit_others_posts",
                    "edit_published_posts",
                    "publish_posts",
                    "delete_posts",
                    "manage_categories",
                    "upload_files",
                ),
                True,
            )
        if user.role == "administrator":
            may["manage_options"] = True
        shown |= {
            "username": user.login,
            "first_name": "",
            "last_name": "",
            "email": f"{user.login}@rehearsal.invalid",
            "locale": "en_US",
            "nickname": user.login,
            "roles": [user.role],
            "registered_date": "2024-01-01T00:00:00+00:00",
            "capabilities": may,
            "extra_capabilities": {user.role: True},
        }
    api = f"{blog.address}/wp-json/wp/v2"
    return {**shown, "_links": {"self": [{"href": f"{api}/users/{user.id}"}], "collection": [{"href": f"{api}/users"}]}}


def parse_time(value: str) -> datetime | None:
    """An ISO 8601 time as UTC; without an offset it is the site's zone, which is UTC. None when it is no time."""
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

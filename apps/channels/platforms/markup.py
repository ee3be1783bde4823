"""From the Markdown people approve to the HTML that platforms take."""

import nh3
from markdown_it import MarkdownIt

ALLOWED_TAGS = set(
    "a blockquote br code del em h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul".split()
)
ALLOWED_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
ALLOWED_SCHEMES = {"http", "https", "mailto", "tel"}

_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def markdown_to_html(markdown: str) -> str:
    """HTML of an article's body. The text may come from a model and is taken to be hostile.

    Raw HTML shows as text; only the tags above survive, links only with harmless schemes. Images are left out, for
    an address in a text would make every reader's browser call somewhere. A first-level heading becomes a
    second-level one: the platform's theme prints the title.
    """
    tokens = _markdown.parse(markdown)
    for token in tokens:
        if token.tag == "h1":
            token.tag = "h2"
    rendered = _markdown.renderer.render(tokens, _markdown.options, {})
    return nh3.clean(
        rendered,
        tags=ALLOWED_TAGS,
        attributes=ALLOWED_ATTRIBUTES,
        url_schemes=ALLOWED_SCHEMES,
        # No nofollow: these are the client's own links on the client's own site.
        link_rel="noopener",
    )

"""What WordPress does to text: slugs, typographic quotes, paragraphs."""

import html
import re
import unicodedata

TAG = re.compile(r"(<!--.*?-->|<[^>]+>)", re.DOTALL)
BLOCK = re.compile(
    r"^\s*(<!--|</?(?:p|h[1-6]|ul|ol|li|table|blockquote|pre|figure|div|section|hr|aside)\b)", re.IGNORECASE
)


def slug(wanted: str) -> str:
    """`sanitize_title`: ASCII where possible, lower case, words joined by hyphens, at most 200 characters."""
    plain_text = (
        unicodedata.normalize("NFKD", html.unescape(TAG.sub("", wanted))).encode("ascii", "ignore").decode().lower()
    )
    plain_text = re.sub(r"[’']", "", plain_text)
    return re.sub(r"[^a-z0-9]+", "-", plain_text).strip("-")[:200]


def unique(wanted: str, taken: set[str]) -> str:
    """`wp_unique_post_slug`: the wanted slug, or the first of slug-2, slug-3 … that is free."""
    if wanted not in taken or not wanted:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def curly(value: str) -> str:
    """`wptexturize` outside of tags: curly quotes, dashes, ellipses, as the numeric entities WordPress writes."""
    return "".join(part if part.startswith("<") else _curly_text(part) for part in TAG.split(value))


def _curly_text(value: str) -> str:
    value = re.sub(r"&(?!#?\w+;)", "&#038;", value)
    value = (
        value.replace("...", "&#8230;").replace("---", "&#8212;").replace(" -- ", " &#8212; ").replace("--", "&#8211;")
    )
    value = re.sub(r"""(^|[\s(\[])"(?=\S)""", r"\1&#8220;", value).replace('"', "&#8221;")
    value = re.sub(r"(^|[\s(\[])'(?=\S)", r"\1&#8216;", value)
    return value.replace("'", "&#8217;")


def rendered(content: str) -> str:
    """`the_content` as far as it matters here: block comments out, bare lines into paragraphs, typographic quotes."""
    content = re.sub(r"<!--\s*/?wp:.*?-->\n?", "", content, flags=re.DOTALL)
    parts = [part.strip("\n") for part in re.split(r"\n\s*\n", content) if part.strip()]
    return "".join(
        (part if BLOCK.match(part) else "<p>" + part.replace("\n", "<br />\n") + "</p>") + "\n"
        for part in map(curly, parts)
    )


def plain(content: str) -> str:
    return " ".join(html.unescape(TAG.sub(" ", content)).split())

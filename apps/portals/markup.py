"""Text of people, models and outside pages, made safe to show.

Everything here takes hostile text. Markdown goes through two locks: markdown-it with HTML switched off, then an
allow-list sanitiser. Nothing that is rendered loads anything from anywhere.
"""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import nh3
from diff_match_patch import diff_match_patch
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
# Markdown has no use for nesting deeper than this, and deeper nesting is what makes parsers slow.
_PARSER.options["maxNesting"] = 20

_TAGS = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code",
    "em", "strong", "s", "a", "span", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_CLASSES = {"span": {"link-host", "picture-note"}, "th": {"numeric"}, "td": {"numeric"}}
_REL = "noopener noreferrer nofollow ugc"
_WEB_SCHEMES = {"http", "https"}

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
# Seconds after which a difference is given roughly rather than minimally.
_DIFFERENCE_TIMEOUT = 1.0


def to_html(markdown: str) -> SafeString:
    """Render Markdown as HTML that runs nothing and loads nothing.

    HTML in the text appears as typed. A link goes to http, https or mailto, names its host behind its text and is
    nofollow; any other link becomes its text. A picture becomes a note with its description and host, because
    fetching it would tell an outsider that the page was opened.
    """
    tokens = _PARSER.parse(markdown)
    for token in tokens:
        if token.type == "inline":
            token.children = _without_outside_loads(token.children or [])
        elif token.type in ("th_open", "td_open"):
            _align_by_class(token)
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return mark_safe(
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            allowed_classes=_CLASSES,
            url_schemes={*_WEB_SCHEMES, "mailto"},
            link_rel=_REL,
            strip_comments=True,
        )
    )


def mail_html(html: str) -> SafeString:
    """The HTML of a mail with text and links only: whatever else is in it is left out, and nothing is loaded."""
    return mark_safe(
        nh3.clean(
            html,
            tags=_TAGS | {"b", "i"},
            attributes={"a": {"href"}},
            url_schemes={*_WEB_SCHEMES, "mailto"},
            link_rel=_REL,
            strip_comments=True,
        )
    )


def answer_markdown(text: str) -> str:
    """An agent's JSON answer as Markdown to read: fields as headings in words, lists as lists. Other text stays as it is.

    The result goes through `to_html` like any foreign text.
    """
    try:
        answer = json.loads(text)
        return "\n\n".join(_told(answer, level=3)) if isinstance(answer, dict | list) else text
    except (ValueError, RecursionError):  # no JSON, or nested beyond all reason
        return text


def _told(value: Any, *, level: int) -> list[str]:
    """Paragraphs that tell a value; `level` is that of a heading inside it, six at most."""
    if isinstance(value, dict):
        parts = []
        short = {name: part for name, part in value.items() if _is_line(part)}
        if short:
            parts.append("\n".join(f"- **{_label(name)}:** {_line(part)}" for name, part in short.items()))
        for name, part in value.items():
            if name not in short and part not in ("", [], {}, None):
                parts += [f"{'#' * level} {_label(name)}", *_told(part, level=min(level + 1, 6))]
        return parts
    if isinstance(value, list):
        if all(_is_line(part) for part in value):
            return ["\n".join(f"- {_line(part)}" for part in value)]
        parts = []
        for number, part in enumerate(value, start=1):
            parts += [f"{'#' * level} {number}.", *_told(part, level=min(level + 1, 6))]
        return parts
    return [_line(value) if _is_line(value) else str(value)]


def _is_line(value: Any) -> bool:
    return value is None or isinstance(value, int | float | bool) or (isinstance(value, str) and "\n" not in value)


def _line(value: Any) -> str:
    if value is None:
        return "—"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _label(name: str) -> str:
    """A field's name as people read it: `metaDescription` is "Meta description"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", name).lower().strip()
    return words[:1].upper() + words[1:]


def plain_excerpt(markdown: str, length: int = 160) -> str:
    """The first `length` characters of what Markdown says, on one line, cut between words.

    Plain text: the template escapes it.
    """
    words = " ".join(_texts(_PARSER.parse(markdown))).split()
    text = " ".join(words)
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return f"{cut.rsplit(' ', 1)[0] or cut}…"


def difference_html(old: str, new: str) -> SafeString:
    """Mark what `new` adds (`<ins>`) and leaves out (`<del>`) against `old`, by whole words, all of it escaped."""
    matcher = diff_match_patch()
    matcher.Diff_Timeout = _DIFFERENCE_TIMEOUT
    letters: dict[str, str] = {}
    changes = matcher.diff_main(_as_letters(old, letters), _as_letters(new, letters), False)
    matcher.diff_cleanupSemantic(changes)
    words = {letter: word for word, letter in letters.items()}
    element = {matcher.DIFF_INSERT: "<ins>{}</ins>", matcher.DIFF_DELETE: "<del>{}</del>", matcher.DIFF_EQUAL: "{}"}
    parts = (element[kind].format(escape("".join(words[letter] for letter in run))) for kind, run in changes)
    return mark_safe("".join(parts))


def shown_host(href: str) -> str | None:
    """The host a browser would go to, in ASCII so that look-alike letters show; None where it is not plain to see."""
    if "\\" in href or re.search(r"[\x00-\x20\x7f]", href):
        return None
    try:
        address = urlsplit(href)
        host = address.hostname
        if address.scheme not in _WEB_SCHEMES or not host or address.username is not None:
            return None
        return host.encode("idna").decode("ascii") if not host.isascii() else host
    except (ValueError, UnicodeError):
        return None


def _without_outside_loads(children: list[Token]) -> list[Token]:
    """Replace pictures by notes, name the host of each link, and unlink what leads nowhere safe."""
    kept: list[Token] = []
    open_links: list[tuple[bool, str]] = []
    for child in children:
        if child.type == "image":
            host = shown_host(str(child.attrGet("src") or ""))
            kept.extend(_span("picture-note", f"Picture: {child.content or 'no description'} ({host or 'not loaded'})"))
        elif child.type == "link_open":
            href = str(child.attrGet("href") or "")
            host = shown_host(href)
            is_shown = host is not None or href.lower().startswith("mailto:")
            # An autolink already is its own address.
            open_links.append((is_shown, host if host and child.markup != "autolink" else ""))
            if is_shown:
                child.attrs = {"href": href}
                kept.append(child)
        elif child.type == "link_close":
            is_shown, host = open_links.pop()
            if is_shown:
                kept.append(child)
            if host:
                kept.extend(_span("link-host", f" ({host})"))
        else:
            kept.append(child)
    return kept


def _span(name: str, text: str) -> list[Token]:
    return [
        Token("span_open", "span", 1, attrs={"class": name}),
        Token("text", "", 0, content=text),
        Token("span_close", "span", -1),
    ]


def _align_by_class(token: Token) -> None:
    """A strict content security policy drops the style attribute that the table rule writes."""
    is_numeric = "right" in str(token.attrs.pop("style", ""))
    if is_numeric:
        token.attrs["class"] = "numeric"


def _texts(tokens: list[Token]) -> list[str]:
    texts: list[str] = []
    for token in tokens:
        if token.type == "inline":
            texts.append("".join(_inline_text(child) for child in token.children or []))
        elif token.type in ("fence", "code_block"):
            texts.append(token.content)
    return texts


def _inline_text(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return token.content


def _as_letters(text: str, letters: dict[str, str]) -> str:
    """Spell `text` with one private letter per word, because the matcher compares letter by letter."""
    spelled = []
    for word in _WORD.findall(text):
        if word not in letters:
            number = len(letters) + 1
            # Surrogates are no characters of their own.
            letters[word] = chr(number if number < 0xD800 else number + 0x800)
        spelled.append(letters[word])
    return "".join(spelled)

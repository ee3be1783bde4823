"""A text as it is checked, and what it is held against."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel

from apps.shared.addresses import canonical_host

from ..prompting import clean

QUOTE_LENGTH = 120
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_PARSER.options["maxNesting"] = 20
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # what it would hide is what is looked for


class LinkState(StrEnum):
    WORKS = "works"
    DEAD = "dead"
    UNCLEAR = "unclear"  # no answer that says either


@dataclass(frozen=True)
class Limit:
    """How much of `unit` a part may hold; `count` says how it is counted. A hard one is the platform's, not the brief's."""

    part: str
    unit: str
    count: Callable[[str], int]
    least: int
    most: int
    is_hard: bool = True


@dataclass(frozen=True)
class Draft:
    """A text as it is checked: Markdown by the name people know each part by. A public one is held to the brand's rules."""

    parts: Mapping[str, str]
    limits: Sequence[Limit] = ()
    is_public: bool = True

    @cached_property
    def passages(self) -> list["Passage"]:
        return [passage for part, text in self.parts.items() for passage in _passages(part, text)]


@dataclass(frozen=True)
class Passage:
    """A heading, paragraph or cell as a reader sees it, its first line in the part, and the addresses it names.

    `prose` leaves out code.
    """

    part: str
    line: int
    text: str
    prose: str
    addresses: tuple[str, ...]

    @cached_property
    def folded(self) -> str:
        return folded(self.text)


@dataclass(frozen=True)
class BrandRules:
    banned: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    reading_ease: int | None = None


@dataclass(frozen=True)
class Ground:
    """What a draft is held against. `material` is text that a person of the client's has approved; `tried` links by address."""

    rules: BrandRules = BrandRules()
    website: str = ""
    material: str = ""
    tried: Mapping[str, LinkState] = field(default_factory=dict)

    @cached_property
    def own_host(self) -> str:
        host = host_of(self.website)
        return host.removeprefix("www.")

    @cached_property
    def own_folder(self) -> str:
        """Of a website that is a part of its host, as on a builder of sites; '' for a whole host."""
        return folder_of(self.website)

    def is_own(self, address: str) -> bool:
        """On the client's host or below it, and within the website's folder where it has one."""
        host = host_of(address)
        if not self.own_host or (host != self.own_host and not host.endswith(f".{self.own_host}")):
            return False
        return not self.own_folder or (
            host.removeprefix("www.") == self.own_host and f"{folder_of(address)}/".startswith(f"{self.own_folder}/")
        )

    def is_known(self, address: str) -> bool:
        """The very address stands in the material."""
        return re.search(rf"{re.escape(address)}(?![\w/?#&=%-])", self.material) is not None

    @cached_property
    def folded(self) -> str:
        return folded(self.material)


@dataclass(frozen=True)
class Found:
    """One place; `said` fills the check's sentence."""

    part: str
    line: int
    quote: str
    said: Mapping[str, str] = field(default_factory=dict)


def every_text(output: BaseModel, activity: Any = None) -> Draft:
    """Each text of an answer as a part under its field's name, with no limits of length but its schema's."""
    values = output.model_dump(mode="json", by_alias=False)
    return Draft({name.replace("_", " "): value for name, value in values.items() if isinstance(value, str)})


def internal_text(output: BaseModel, activity: Any = None) -> Draft:
    """The same for what the public never reads."""
    return Draft(every_text(output).parts, is_public=False)


def _passages(part: str, text: str) -> Iterator[Passage]:
    line = 1
    for block in _PARSER.parse(text):
        if block.map:
            line = block.map[0] + 1
        if block.type == "inline":
            spans = list(_spans(block.children or []))
            prose = plain("".join(_shown(span) for span in spans if span.type != "code_inline"))
            shown = plain("".join(map(_shown, spans)))
            targets = [str(span.attrGet("href") or span.attrGet("src") or "") for span in spans]
            bare = re.findall(r"\b(?:https?|ftp|javascript|vbscript|data|file|blob):[^\s<>()\[\]\"“”]+", prose, re.I)
            addresses = dict.fromkeys([*filter(None, targets), *(address.rstrip(".,;:!?'’") for address in bare)])
            yield Passage(part, line, shown, prose, tuple(addresses))
        elif block.type in ("fence", "code_block"):
            yield Passage(part, line, plain(block.content), "", ())


def _spans(children: Sequence[Token]) -> Iterator[Token]:
    for child in children:
        yield child
        yield from _spans(child.children or [])


def _shown(span: Token) -> str:
    if span.type in ("softbreak", "hardbreak"):
        return " "
    return span.content if span.type in ("text", "code_inline", "text_special") else ""


def plain(text: str) -> str:
    """On one line, without what nobody sees."""
    return " ".join(clean(text).split())


def folded(text: str) -> str:
    return plain(unicodedata.normalize("NFKC", text)).casefold()


def holds(text: str, phrase: str) -> bool:
    """Whether a text, folded already, holds the phrase as whole words."""
    return re.search(rf"(?<!\w){re.escape(folded(phrase))}(?!\w)", text) is not None


def around(text: str, phrase: str) -> str:
    """The words around a phrase; all of a short text."""
    start = text.casefold().find(phrase.casefold())
    return text if start < 0 else text[max(0, start - QUOTE_LENGTH // 3) :]


def short(text: str) -> str:
    line = plain(text)
    return line if len(line) <= QUOTE_LENGTH else f"{line[: QUOTE_LENGTH - 1]}…"


def matching(draft: Draft, pattern: str) -> Iterator[Found]:
    for passage in draft.passages:
        if match := re.search(pattern, passage.prose, re.I):
            yield Found(passage.part, passage.line, passage.prose[max(0, match.start() - 40) :], {"match": match[0]})


def folder_of(address: str) -> str:
    """The path without the slashes at its end, as a browser asks for it; '/' for one that climbs out of folders."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return "/"
    return "/" if re.search(r"(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\]|$)", path, re.I) else path.rstrip("/")


def host_of(address: str) -> str:
    found = re.match(r"https?://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)", address, re.I)
    try:
        return canonical_host(found[1]) if found else ""
    except (ValueError, UnicodeError, ipaddress.AddressValueError):
        return ""

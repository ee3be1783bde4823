r"""What is looked at before a person looks: deterministic checks of a text. Pure: no database, no clock, no network.

Each check is one function and one row of CHECKS. What fails is told to the model, which may try again; all else goes
to the person who decides, with the place it was found at.

A client's own rules stand in the front matter of its skill `brand-voice`, and in its context file under the heading
`Brand rules`, one to a line; both count.

    banned: [cheap, "no brainer"]        - banned: cheap
    required: ["Drink responsibly."]     - required: Drink responsibly.
    reading_ease: 50                     - reading_ease: 50

`banned` are words or phrases that must not occur, in any case; `required` must occur, each at least once;
`reading_ease` is the lowest Flesch score of English text (100 is a comic strip, 30 a scientific paper).
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel

from apps.shared.addresses import EgressRefused, canonical_host, checked_url, is_public

from .prompting import clean

MOST_RULES, RULE_LENGTH = 200, 200
MOST_OF_A_KIND = 5  # findings of one check; a text full of one fault is known by then
QUOTE_LENGTH = 120
READING_EASE, WORDS_TO_JUDGE = 30, 100

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_PARSER.options["maxNesting"] = 20
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # what it would hide is what is looked for


class Level(StrEnum):
    FAIL = "fail"  # told to the model; shown in red if it stays
    WARN = "warn"
    INFO = "info"


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
        return _folded(self.text)


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
        host = _host_of(self.website)
        return host.removeprefix("www.")

    def is_own(self, address: str) -> bool:
        host = _host_of(address)
        return bool(self.own_host) and (host == self.own_host or host.endswith(f".{self.own_host}"))

    def is_known(self, address: str) -> bool:
        """The very address stands in the material."""
        return re.search(rf"{re.escape(address)}(?![\w/?#&=%-])", self.material) is not None

    @cached_property
    def folded(self) -> str:
        return _folded(self.material)


@dataclass(frozen=True)
class Found:
    """One place; `said` fills the check's sentence."""

    part: str
    line: int
    quote: str
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """`sentence` is for people, {names} in it come from what was found. Some are for text that the public reads only."""

    code: str
    level: Level
    sentence: str
    find: Callable[[Draft, Ground], Iterable[Found]]
    is_for_public_text: bool = True


@dataclass(frozen=True)
class Finding:
    """What a check found, where: the part, its line (0 for the part as a whole), the words, and the address if it is a link."""

    code: str
    level: str
    sentence: str
    part: str
    line: int
    quote: str
    address: str = ""

    @property
    def told(self) -> str:
        """As the model is told, which wrote the text."""
        where = f"{self.part}, line {self.line}" if self.line else self.part
        return f"{where}: {self.sentence}" + (f" There it says: {self.quote}" if self.quote else "")


def run(draft: Draft, ground: Ground) -> list[Finding]:
    """Everything found, what fails first, then in the order of the text."""
    found = [
        Finding(
            code=check.code,
            level=check.level,
            sentence=check.sentence.format(**{name: _short(value) for name, value in each.said.items()}),
            part=each.part,
            line=each.line,
            quote=_short(each.quote),
            address=each.said.get("address", ""),
        )
        for check in CHECKS
        if draft.is_public or not check.is_for_public_text
        for each in _first(check.find(draft, ground))
    ]
    return sorted(found, key=lambda finding: list(Level).index(Level(finding.level)))


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def failures(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == Level.FAIL]


def every_text(output: BaseModel, activity: Any = None) -> Draft:
    """Each text of an answer as a part under its field's name, with no limits of length but its schema's."""
    values = output.model_dump(mode="json", by_alias=False)
    return Draft({name.replace("_", " "): value for name, value in values.items() if isinstance(value, str)})


def internal_text(output: BaseModel, activity: Any = None) -> Draft:
    """The same for what the public never reads."""
    return Draft(every_text(output).parts, is_public=False)


def links_to_try(draft: Draft, ground: Ground, *, own_only: bool) -> list[str]:
    """The addresses that may be opened before anybody has approved the text: the client's own, and those a person approved.

    An address a model made up is not opened: opening it would tell its owner whatever the model put into it.
    """
    addresses = dict.fromkeys(_absolute(address, ground) for passage in draft.passages for address in passage.addresses)
    return [
        address
        for address in addresses
        if address.startswith(("http://", "https://"))
        and not _why_forbidden(address, ground)
        and ((ground.is_own(address) and "?" not in address) or (ground.is_known(address) and not own_only))
    ]


# ---- the client's rules


def rules_of(frontmatter: Mapping[str, Any]) -> BrandRules:
    """From a skill's front matter. What is not of the grammar is passed over: a skill has other entries too."""
    return BrandRules(
        banned=_phrases(frontmatter.get("banned")),
        required=_phrases(frontmatter.get("required")),
        reading_ease=_score(frontmatter.get("reading_ease")),
    )


def rules_in(context_file: str) -> BrandRules:
    """From the section `Brand rules` of a context file."""
    section = re.search(r"^#{2,3}[ \t]+Brand rules[ \t]*$(.*?)(?=^#{1,3}[ \t]|\Z)", context_file, re.M | re.S | re.I)
    rows = re.findall(r"^[-*][ \t]+(banned|required|reading_ease):[ \t]*(\S.*)$", section[1], re.M) if section else []
    values: dict[str, list[str]] = {}
    for name, value in rows:
        values.setdefault(name, []).append(value.strip())
    return rules_of({**values, "reading_ease": values.get("reading_ease", [None])[0]})


def united(one: BrandRules, other: BrandRules) -> BrandRules:
    """Both; where each asks for a reading ease, the first one's counts."""
    return BrandRules(
        banned=tuple(dict.fromkeys(one.banned + other.banned)),
        required=tuple(dict.fromkeys(one.required + other.required)),
        reading_ease=one.reading_ease if one.reading_ease is not None else other.reading_ease,
    )


def _phrases(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    phrases = (_plain(each) for each in values if isinstance(each, str) and len(each) <= RULE_LENGTH)
    return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))[:MOST_RULES]


def _score(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if re.fullmatch(r"\d{1,3}", text) and int(text) <= 100 else None


# ---- the checks


def _outside_limits(draft: Draft, *, is_hard: bool) -> Iterator[Found]:
    for limit in draft.limits:
        if limit.is_hard != is_hard:
            continue
        text = draft.parts.get(limit.part, "")
        count = limit.count(text)
        if not limit.least <= count <= limit.most:
            wanted = f"{limit.least} to {limit.most}" if limit.least else f"up to {limit.most}"
            said = {"part": limit.part, "count": str(count), "unit": limit.unit, "wanted": wanted}
            yield Found(limit.part, 0, "", said)


def outside_limits(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _outside_limits(draft, is_hard=True)


def off_the_brief(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _outside_limits(draft, is_hard=False)


def banned_words(draft: Draft, ground: Ground) -> Iterator[Found]:
    for phrase in ground.rules.banned:
        for passage in draft.passages:
            if _holds(passage.folded, phrase):
                yield Found(passage.part, passage.line, _around(passage.text, phrase), {"phrase": phrase})
                break


def required_words(draft: Draft, ground: Ground) -> Iterator[Found]:
    for phrase in ground.rules.required:
        if not any(_holds(passage.folded, phrase) for passage in draft.passages):
            yield Found(next(reversed(list(draft.parts)), ""), 0, "", {"phrase": phrase})


def hidden_characters(draft: Draft, ground: Ground) -> Iterator[Found]:
    """Characters nobody sees: zero width, direction marks, tags. The joiners of Indian scripts and emoji are none."""
    for part, text in draft.parts.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if clean(line) != line:
                yield Found(part, number, clean(line))


def typed_html(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _matching(draft, r"</?[a-z][a-z0-9-]*(?:[\s/][^<>]{0,300})?>|<!--")


def placeholders(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _matching(
        draft,
        r"\{\{[^{}]{0,80}\}\}|\{%[^{}]{0,80}%\}|\[(?:your|insert|add|client|company|name|date|link)\b[^\[\]]{0,60}\](?!\()"
        r"|\blorem ipsum\b|\bTODO\b|\bas an AI (?:language )?model\b",
    )


def forbidden_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    for passage, address in _links(draft):
        if why := _why_forbidden(_absolute(address, ground), ground):
            yield Found(passage.part, passage.line, passage.text, {"address": address, "why": why})


def unknown_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    for passage, address in _web_links(draft, ground):
        if not ground.is_own(address) and not ground.is_known(address):
            yield Found(passage.part, passage.line, passage.text, {"address": address})


def links_away(draft: Draft, ground: Ground) -> Iterator[Found]:
    for passage, address in _web_links(draft, ground):
        if not ground.is_own(address) and ground.is_known(address):
            yield Found(passage.part, passage.line, passage.text, {"host": _host_of(address)})


def dead_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _links_in_state(draft, ground, LinkState.DEAD)


def untried_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _links_in_state(draft, ground, LinkState.UNCLEAR)


def hard_reading(draft: Draft, ground: Ground) -> Iterator[Found]:
    wanted = READING_EASE if ground.rules.reading_ease is None else ground.rules.reading_ease
    for part in draft.parts:
        prose = [passage.prose for passage in draft.passages if passage.part == part and passage.prose]
        ease = reading_ease(prose)
        if ease is not None and ease < wanted:
            yield Found(part, 0, "", {"part": part, "ease": str(round(ease)), "wanted": str(wanted)})


def superlatives(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _claims(
        draft,
        ground,
        r"(?:\bno\.? ?1\b|#1\b|\bnumber[ -]one\b|\b(?:best|first|second)[ -](?:in[ -]class|to[ -]none)\b|\bworld[ -]class\b"
        r"|\b(?:un(?:rivall?ed|beatable|matched|paralleled)|award[ -]winning|market[ -]leading|industry[ -]leading)\b"
        r"|\b(?:the|our|\w{1,40}['’]s) (?:very )?(?:best|finest|leading|largest|biggest|cheapest|fastest|most trusted|most popular)"
        r" (?!way|time|place|moment|thing|question|practice)\w+)",
    )


def guarantees(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _claims(
        draft, ground, r"\b(?:guarantee[sd]?|guaranteed|risk[ -]free|never fails?|always works?|money[ -]back)\b"
    )


def figures(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _claims(
        draft,
        ground,
        r"\b\d+(?:[.,]\d+)?(?: ?%| per ?cent\b)|\b(?:\d+|two|three|four|five|ten) ?(?:x|times) (?:more|faster|cheaper|better)\b",
    )


def medical_claims(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _claims(
        draft,
        ground,
        r"\b(?:cures?|heals?|detox(?:es|ify|ifies)?|clinically (?:proven|tested)|doctor[ -]recommended|FDA[ -]approved"
        r"|boosts? (?:your )?immunity|burns? fat|lowers? (?:your )?(?:blood pressure|cholesterol)"
        r"|(?:treats?|prevents?) (?:\w+ )?(?:cancer|diabetes|disease|infection|depression|anxiety|pain))\b",
    )


def financial_claims(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _claims(
        draft,
        ground,
        r"\b(?:(?:guaranteed|assured|fixed|risk[ -]free) (?:returns?|income|profits?|gains?)|doubles? your (?:money|income)"
        r"|get rich|no[ -]risk investment|tax[ -]free (?:returns?|income)|beats? the market)\b",
    )


CHECKS = (
    Check("outside_limits", Level.FAIL, "The {part} has {count} {unit}; {wanted} are allowed.", outside_limits),
    Check("banned_word", Level.FAIL, "The client's brand rules ban “{phrase}”.", banned_words),
    Check("required_missing", Level.FAIL, "The client's brand rules ask for “{phrase}”; it is missing.", required_words),
    Check(
        "hidden_characters", Level.FAIL, "There are characters here that nobody sees.", hidden_characters,
        is_for_public_text=False,
    ),
    Check("link_forbidden", Level.FAIL, "The link to {address} must not go out: {why}", forbidden_links, is_for_public_text=False),
    Check("typed_html", Level.FAIL, "HTML does not belong in the text: {match} would appear as typed.", typed_html),
    Check("placeholder", Level.FAIL, "This looks unfinished: “{match}”.", placeholders),
    Check("off_the_brief", Level.WARN, "The {part} has {count} {unit}; the brief asks for {wanted}.", off_the_brief),
    Check("link_unknown", Level.WARN, "The link to {address} stands in nothing that a person has approved. Open it yourself first.", unknown_links),
    Check("link_dead", Level.WARN, "The link to {address} leads nowhere.", dead_links),
    Check("superlative", Level.WARN, "“{match}” is a claim without a source.", superlatives),
    Check("guarantee", Level.WARN, "“{match}” promises something, without a source.", guarantees),
    Check("figure", Level.WARN, "“{match}” is a figure without a source.", figures),
    Check("medical_claim", Level.WARN, "“{match}” is a claim about health, without a source.", medical_claims),
    Check("financial_claim", Level.WARN, "“{match}” is a claim about money, without a source.", financial_claims),
    Check("hard_to_read", Level.WARN, "The {part} is hard to read: {ease} of 100 points, {wanted} are wanted.", hard_reading),
    Check("link_away", Level.INFO, "A link leads away from the client's website, to {host}.", links_away),
    Check("link_untried", Level.INFO, "Nobody has seen whether the link to {address} works.", untried_links),
)  # fmt: skip


# ---- reading ease


def reading_ease(passages: Sequence[str]) -> float | None:
    """Flesch's score (J. Applied Psychology 32, 1948) of English prose; None for little text and for other languages."""
    text = "\n".join(passages)
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text)
    if len(words) < WORDS_TO_JUDGE or not _is_english(words):
        return None
    sentences = sum(max(1, len(re.findall(r"[.!?]+(?=\s|$)", passage))) for passage in passages)
    syllables = sum(_syllables(word.lower()) for word in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)


def _syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    if re.search(r"[^aeiouyl]e$", word) or re.search(r"[^aeiouytd]ed$", word):  # a silent e
        groups -= 1
    return max(1, groups)


def _is_english(words: Sequence[str]) -> bool:
    usual = {"the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "with", "as", "on", "are", "you", "or"}
    return sum(word.lower() in usual for word in words) >= len(words) * 0.12


# ---- places in the text


def _passages(part: str, text: str) -> Iterator[Passage]:
    line = 1
    for block in _PARSER.parse(text):
        if block.map:
            line = block.map[0] + 1
        if block.type == "inline":
            spans = list(_spans(block.children or []))
            prose = _plain("".join(_shown(span) for span in spans if span.type != "code_inline"))
            shown = _plain("".join(map(_shown, spans)))
            targets = [str(span.attrGet("href") or span.attrGet("src") or "") for span in spans]
            bare = re.findall(r"\b(?:https?|ftp|javascript|vbscript|data|file|blob):[^\s<>()\[\]\"“”]+", prose, re.I)
            addresses = dict.fromkeys([*filter(None, targets), *(address.rstrip(".,;:!?'’") for address in bare)])
            yield Passage(part, line, shown, prose, tuple(addresses))
        elif block.type in ("fence", "code_block"):
            yield Passage(part, line, _plain(block.content), "", ())


def _spans(children: Sequence[Token]) -> Iterator[Token]:
    for child in children:
        yield child
        yield from _spans(child.children or [])


def _shown(span: Token) -> str:
    if span.type in ("softbreak", "hardbreak"):
        return " "
    return span.content if span.type in ("text", "code_inline", "text_special") else ""


def _plain(text: str) -> str:
    """On one line, without what nobody sees."""
    return " ".join(clean(text).split())


def _folded(text: str) -> str:
    return _plain(unicodedata.normalize("NFKC", text)).casefold()


def _holds(folded: str, phrase: str) -> bool:
    """Whether a text, folded already, holds the phrase as whole words."""
    return re.search(rf"(?<!\w){re.escape(_folded(phrase))}(?!\w)", folded) is not None


def _around(text: str, phrase: str) -> str:
    """The words around a phrase; all of a short text."""
    start = text.casefold().find(phrase.casefold())
    return text if start < 0 else text[max(0, start - QUOTE_LENGTH // 3) :]


def _short(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= QUOTE_LENGTH else f"{plain[: QUOTE_LENGTH - 1]}…"


def _first(found: Iterable[Found]) -> Iterator[Found]:
    for number, each in enumerate(found):
        if number == MOST_OF_A_KIND:
            return
        yield each


def _matching(draft: Draft, pattern: str) -> Iterator[Found]:
    for passage in draft.passages:
        if match := re.search(pattern, passage.prose, re.I):
            yield Found(passage.part, passage.line, passage.prose[max(0, match.start() - 40) :], {"match": match[0]})


def _claims(draft: Draft, ground: Ground, pattern: str) -> Iterator[Found]:
    """Sentences that claim, unless they name a source, deny it, or repeat what a person has approved."""
    for passage in draft.passages:
        links = (_absolute(address, ground) for address in passage.addresses)
        has_source = any(link.startswith(("http://", "https://")) and not ground.is_own(link) for link in links)
        for sentence in re.split(r"(?<=[.!?])\s+(?!\d)", passage.prose):
            match = re.search(pattern, sentence, re.I)
            if match is None or has_source or re.search(r"\baccording to\b|\bsources?:", sentence, re.I):
                continue
            is_denied = re.search(
                r"(?:\b(?:no|not|never|without|cannot)|n['’]t)(?: \w+){0,2} ?$", sentence[: match.start()], re.I
            )
            if is_denied or _holds(ground.folded, match[0]):
                continue
            yield Found(passage.part, passage.line, sentence, {"match": match[0]})


# ---- links


def _links(draft: Draft) -> Iterator[tuple[Passage, str]]:
    seen: set[str] = set()
    for passage in draft.passages:
        for address in passage.addresses:
            if address not in seen:
                seen.add(address)
                yield passage, address


def _web_links(draft: Draft, ground: Ground) -> Iterator[tuple[Passage, str]]:
    for passage, address in _links(draft):
        whole = _absolute(address, ground)
        if whole.startswith(("http://", "https://")) and not _why_forbidden(whole, ground):
            yield passage, whole


def _links_in_state(draft: Draft, ground: Ground, state: LinkState) -> Iterator[Found]:
    for passage, address in _web_links(draft, ground):
        if ground.tried.get(address) == state:
            yield Found(passage.part, passage.line, passage.text, {"address": address})


def _absolute(address: str, ground: Ground) -> str:
    """A relative address as it stands on the client's website."""
    address = address.strip()
    if re.match(r"[a-z][a-z0-9+.-]*:", address, re.I):
        scheme, _, rest = address.partition(":")
        return f"{scheme.lower()}:{rest}"
    try:
        return urljoin(ground.website, address) if ground.website else address
    except ValueError:
        return address


def _why_forbidden(address: str, ground: Ground) -> str:
    """Why no text may link there, as a sentence; '' if it may."""
    if re.match(r"(?:mailto:[^\s@]+@[^\s@]+|tel:[+\d() .-]+|#\S*)$", address) or (
        address.startswith("/") and not address.startswith("//")
    ):
        return ""
    own = ground.own_host
    try:
        host = checked_url(address, exempt=lambda host, port: bool(own) and host.removeprefix("www.") == own).host
    except EgressRefused as refusal:
        return refusal.sentence
    if host.removeprefix("www.") == own:
        return ""
    try:
        is_private = not is_public(host)
    except ValueError:
        is_private = "." not in host
    return f"{host} is not an address on the public internet." if is_private else ""


def _host_of(address: str) -> str:
    found = re.match(r"https?://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)", address, re.I)
    try:
        return canonical_host(found[1]) if found else ""
    except (ValueError, UnicodeError, ipaddress.AddressValueError):
        return ""

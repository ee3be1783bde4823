"""Every check, and what they find in a text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from .brand import banned_words, required_words
from .claims import figures, financial_claims, guarantees, medical_claims, superlatives
from .drafts import Draft, Found, Ground, short
from .form import hard_reading, hidden_characters, off_the_brief, outside_limits, placeholders, typed_html
from .links import dead_links, forbidden_links, links_away, unknown_links, untried_links

MOST_OF_A_KIND = 5  # findings of one check; a text full of one fault is known by then


class Level(StrEnum):
    FAIL = "fail"  # told to the model; shown in red if it stays
    WARN = "warn"
    INFO = "info"


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
            sentence=check.sentence.format(**{name: short(value) for name, value in each.said.items()}),
            part=each.part,
            line=each.line,
            quote=short(each.quote),
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


def _first(found: Iterable[Found]) -> Iterator[Found]:
    for number, each in enumerate(found):
        if number == MOST_OF_A_KIND:
            return
        yield each

"""The client's own rules: how they are written, and whether a text keeps them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .drafts import BrandRules, Draft, Found, Ground, around, holds, plain

MOST_RULES, RULE_LENGTH = 200, 200


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
    phrases = (plain(each) for each in values if isinstance(each, str) and len(each) <= RULE_LENGTH)
    return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))[:MOST_RULES]


def _score(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if re.fullmatch(r"\d{1,3}", text) and int(text) <= 100 else None


def banned_words(draft: Draft, ground: Ground) -> Iterator[Found]:
    for phrase in ground.rules.banned:
        for passage in draft.passages:
            if holds(passage.folded, phrase):
                yield Found(passage.part, passage.line, around(passage.text, phrase), {"phrase": phrase})
                break


def required_words(draft: Draft, ground: Ground) -> Iterator[Found]:
    for phrase in ground.rules.required:
        if not any(holds(passage.folded, phrase) for passage in draft.passages):
            yield Found(next(reversed(list(draft.parts)), ""), 0, "", {"phrase": phrase})

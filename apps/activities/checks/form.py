"""What does not belong in a text at all, and how long and how hard it may be."""

import re
from collections.abc import Iterator, Sequence

from ..prompting import clean
from .drafts import Draft, Found, Ground, matching

READING_EASE, WORDS_TO_JUDGE = 30, 100


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


def hidden_characters(draft: Draft, ground: Ground) -> Iterator[Found]:
    """Characters nobody sees: zero width, direction marks, tags. The joiners of Indian scripts and emoji are none."""
    for part, text in draft.parts.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if clean(line) != line:
                yield Found(part, number, clean(line))


def typed_html(draft: Draft, ground: Ground) -> Iterator[Found]:
    return matching(draft, r"</?[a-z][a-z0-9-]*(?:[\s/][^<>]{0,300})?>|<!--")


def placeholders(draft: Draft, ground: Ground) -> Iterator[Found]:
    return matching(
        draft,
        r"\{\{[^{}]{0,80}\}\}|\{%[^{}]{0,80}%\}|\[(?:your|insert|add|client|company|name|date|link)\b[^\[\]]{0,60}\](?!\()"
        r"|\blorem ipsum\b|\bTODO\b|\bas an AI (?:language )?model\b",
    )


def hard_reading(draft: Draft, ground: Ground) -> Iterator[Found]:
    wanted = READING_EASE if ground.rules.reading_ease is None else ground.rules.reading_ease
    for part in draft.parts:
        prose = [passage.prose for passage in draft.passages if passage.part == part and passage.prose]
        ease = reading_ease(prose)
        if ease is not None and ease < wanted:
            yield Found(part, 0, "", {"part": part, "ease": str(round(ease)), "wanted": str(wanted)})


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

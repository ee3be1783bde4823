"""What a text claims without a source."""

import re
from collections.abc import Iterator

from .drafts import Draft, Found, Ground, holds
from .links import absolute


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


def _claims(draft: Draft, ground: Ground, pattern: str) -> Iterator[Found]:
    """Sentences that claim, unless they name a source, deny it, or repeat what a person has approved."""
    for passage in draft.passages:
        links = (absolute(address, ground) for address in passage.addresses)
        has_source = any(link.startswith(("http://", "https://")) and not ground.is_own(link) for link in links)
        for sentence in re.split(r"(?<=[.!?])\s+(?!\d)", passage.prose):
            match = re.search(pattern, sentence, re.I)
            if match is None or has_source or re.search(r"\baccording to\b|\bsources?:", sentence, re.I):
                continue
            is_denied = re.search(
                r"(?:\b(?:no|not|never|without|cannot)|n['’]t)(?: \w+){0,2} ?$", sentence[: match.start()], re.I
            )
            if is_denied or holds(ground.folded, match[0]):
                continue
            yield Found(passage.part, passage.line, sentence, {"match": match[0]})

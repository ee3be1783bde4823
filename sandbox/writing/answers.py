"""What the played model services do alike to a text that is to go out: count it, cut it in pieces, spoil it."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from sandbox.writing import model as writer

PIECE_CHARACTERS = 60  # of one streamed piece
CHARACTERS_PER_TOKEN = 4  # the vendors' own rule of thumb for English


def tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def pieces(text: str) -> list[str]:
    return re.findall(rf"(?s).{{1,{PIECE_CHARACTERS}}}", text)


def spoiled(text: str, fault: str) -> str:
    """The text as the planned fault leaves it; unchanged for a fault that concerns something else."""
    if fault == "empty":
        return ""
    if fault == "prose_around_json":
        return f"Certainly! Here is the answer:\n\n```json\n{text}\n```\n\nLet me know what you would like to change."
    if fault == "wrong_types":
        return json.dumps(writer.with_wrong_types(text), ensure_ascii=False)
    return text


def wrong_counts(usage: dict[str, Any], names: Iterable[str], fault: str) -> dict[str, int]:
    """The named numbers of a usage report as the planned fault tells them; none for any other fault."""
    factor = {"wrong_usage": 1000, "negative_usage": -1}.get(fault)
    return {name: usage[name] * factor for name in names} if factor else {}

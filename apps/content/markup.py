"""Markdown made of values: what stands in it can neither end a cell or line nor mark anything up."""

from collections.abc import Iterable

MARKS = r"\`*_[]<>|~#"


def plain(text: str) -> str:
    """The text in one line, with whatever Markdown would take for markup escaped."""
    return "".join(f"\\{c}" if c in MARKS else c for c in " ".join(text.split()))


def row(*cells: str) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def listed(lines: Iterable[str]) -> str:
    """A list of Markdown lines."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)

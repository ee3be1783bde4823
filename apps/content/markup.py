"""Markdown made of values: what stands in it can neither end a cell or line nor mark anything up."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

MARKS = r"\`*_[]<>|~#"


def plain(text: str) -> str:
    """The text in one line, with whatever Markdown would take for markup escaped."""
    return "".join(f"\\{c}" if c in MARKS else c for c in " ".join(text.split()))


def row(*cells: str) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def listed(lines: Iterable[str]) -> str:
    """A list of Markdown lines."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def number(value: Decimal) -> str:
    """1200.50 is 1,200.5 and 400.00 is 400."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(when: date) -> str:
    return f"{when.day} {when:%B %Y}"


def days(first: date, last: date) -> str:
    """1 to 31 October 2026; of days in different months both in full."""
    begins = str(first.day) if (first.year, first.month) == (last.year, last.month) else day(first)
    return f"{begins} to {day(last)}"

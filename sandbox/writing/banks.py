"""Reads the prepared sentences and fills in company, subject and phrases."""

import random
import re
from functools import cache
from pathlib import Path

from sandbox.writing.prompt import Facts

FOLDER = Path(__file__).parent / "banks"
LEADING = re.compile(
    r"^(?:how to (?:choose|get|use|find|do|read)?|how|why|what is|what|best|guide to|choosing(?: an?)?|the|an?)\s+",
    re.IGNORECASE,
)
TRAILING = re.compile(
    r"\s+(?:guide|near me|cost|costs|price|prices|mistakes|tips|explained|checklist|ideas|comparison|questions)$",
    re.IGNORECASE,
)

Section = tuple[str, list[str]]


@cache
def sections(name: str) -> dict[str, list[Section]]:
    """The parts of a bank by kind (`intro`, `section`, `list`, `conclusion`): heading and sentences, with slots."""
    found: dict[str, list[Section]] = {}
    for part in re.split(r"^# ", (FOLDER / name).read_text("utf-8"), flags=re.MULTILINE)[1:]:
        first, *rest = part.strip().splitlines()
        kind, _, heading = first.partition(": ")
        found.setdefault(kind, []).append((heading, rest))
    return found


@cache
def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text("utf-8").splitlines()


@cache
def named_lines(name: str) -> dict[str, str]:
    """A bank whose lines read `name: text`."""
    return dict(line.split(": ", 1) for line in lines(name))


def noun(keyword: str) -> str:
    """The thing a search phrase is about: "how to choose a grinder" -> "grinder"."""
    shorter = TRAILING.sub("", LEADING.sub("", LEADING.sub("", keyword.strip(' ?.!"'))))
    return shorter if len(shorter) > 2 else keyword


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class Filler:
    """Fills slots; the phrases a, b and c change from section to section, so that a text covers its subject."""

    def __init__(self, facts: Facts, rng: random.Random, keyword: str = "") -> None:
        self.facts, self.rng = facts, rng
        keyword = keyword or facts.keyword
        subject = noun(keyword)
        self.phrases = [
            phrase for phrase in facts.phrases if phrase not in (keyword.lower(), subject.lower())
        ] or facts.phrases
        self.turn = rng.randrange(len(self.phrases))
        audiences = facts.audiences + facts.audiences
        products = facts.products + facts.products
        self.fixed = {
            "keyword": keyword,
            "Keyword": capital(keyword),
            "subject": subject,
            "company": facts.company,
            "audience": audiences[0],
            "audience2": audiences[1] if audiences[1] != audiences[0] else "people who decide together with others",
            "product": products[0],
            "product2": products[1],
        }

    def next_section(self) -> None:
        self.turn += 2

    def fill(self, template: str) -> str:
        phrases = {
            letter: self.phrases[(self.turn + offset) % len(self.phrases)] for offset, letter in enumerate("abc")
        }
        return capital(template.format(**self.fixed, **phrases))

    def named(self, name: str) -> str:
        return self.fill(named_lines("roles.txt")[name])

    def sentence(self) -> str:
        self.turn += 1
        return self.fill(self.rng.choice(lines("sentences.txt")))

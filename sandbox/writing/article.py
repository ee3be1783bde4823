"""Composes long texts from a bank: introduction, sections in a varied order, a list, an ending; to a wanted length."""

import random
import re

from sandbox.writing import phrases
from sandbox.writing.banks import Filler, capital, lines, sections
from sandbox.writing.prompt import Facts

PARAGRAPH_SENTENCES = 4
USUAL_WORDS = 800
ASKING = re.compile(
    r"^(?:please|kindly|could you|can you|we (?:need|want|would like)|i (?:would|'d) like(?: you)? to|also|and|then"
    r"|the (?:article|text|draft|post) (?:should|must|needs to))\s+",
    re.IGNORECASE,
)
VERBS = re.compile(
    r"^(?:add|include|mention|write|insert|give|put in|cover|explain|discuss|talk about|say something about|address"
    r"|expand(?: on)?|say|tell|see|make it clear that|have)\s+",
    re.IGNORECASE,
)
CONTAINERS = re.compile(
    r"^(?:more )?(?:an?|the|one|another|some|something|more|two)?\s*(?:short |new |longer |whole |separate |clear )?"
    r"(?:paragraph|section|sentences?|part|chapter|words?|note|line|information|details?)\s+"
    r"(?:about|on|for|that|which|to|of|with|explaining|covering)\s+(?:explains? |covers? |answers? )?",
    re.IGNORECASE,
)
PARTS_OF_A_NOTE = re.compile(
    r"(?<=[.!?;])\s|\n|,?\s+and\s+(?=(?:please\s+)?"
    r"(?:add|include|mention|write|insert|cover|explain|discuss|address|say|link|give)\b)"
)
QUOTING = (
    "The {company} website puts it like this: “{sentence}”",
    "A sentence from {company} sums it up: “{sentence}”",
    "Or, as {company} says: “{sentence}”",
)
QUOTED = re.compile(r"[\"“']([^\"”']{8,120})[\"”']")


def count_words(text: str) -> int:
    """Whitespace-separated pieces that hold a letter or a digit."""
    return sum(1 for piece in text.split() if re.search(r"[A-Za-z0-9À-ÿ]", piece))


def paragraphs(sentences: list[str]) -> str:
    rows = [sentences[start : start + PARAGRAPH_SENTENCES] for start in range(0, len(sentences), PARAGRAPH_SENTENCES)]
    return "\n\n".join(" ".join(row) for row in rows)


def write_article(facts: Facts, rng: random.Random, links: list[tuple[str, str]], words: int) -> str:
    """Markdown without a first-level heading. `links` are (address, words to click); the first three are worked in."""
    bank, filler = sections("article.md"), Filler(facts, rng)
    first, *others = bank["intro"][0][1]
    opening = paragraphs([filler.fill(line) for line in [first, *rng.sample(others, 4)]])
    tail = [_list(bank, filler), *_answer_to_note(facts), _conclusion(bank, filler, links)]
    evidence = phrases.about(f"{facts.keyword} {facts.title}", facts.sentences)[: len(QUOTING)]
    quoting = iter(QUOTING)
    parts, left = [opening], [*rng.sample(bank["section"][1:], len(bank["section"]) - 1), bank["section"][0]]
    budget = (words or USUAL_WORDS) - count_words("\n".join([opening, *tail]))
    while left and budget > 40:
        filler.next_section()
        heading, templates = left.pop()
        body = [filler.fill(line) for line in templates]
        if evidence:
            body.insert(2, next(quoting).format(company=facts.company, sentence=evidence.pop(0)))
        section = _trimmed(body, budget - count_words(heading))
        if links[len(parts) : len(parts) + 1] and len(parts) < 3:
            address, words_to_click = links[len(parts)]
            section = f"{section} More about this: [{words_to_click}]({address})."
        parts.append(f"## {filler.fill(heading)}\n\n{section}")
        budget -= count_words(parts[-1])
    middle = len(parts) // 2 + 1
    return "\n\n".join([*parts[:middle], tail[0], *parts[middle:], *tail[1:]])


def _trimmed(sentences: list[str], words: int) -> str:
    """As many sentences as fit into the words left, at least three."""
    kept, used = [], 0
    for sentence in sentences:
        if used >= words and len(kept) >= 3:
            break
        kept.append(sentence)
        used += count_words(sentence)
    return paragraphs(kept)


def _list(bank: dict, filler: Filler) -> str:
    heading, templates = bank["list"][0]
    return f"## {heading}\n\n" + "\n".join("- " + filler.fill(line.removeprefix("- ")) for line in templates)


def _conclusion(bank: dict, filler: Filler, links: list[tuple[str, str]]) -> str:
    heading, templates = bank["conclusion"][0]
    text = paragraphs([filler.fill(line) for line in templates])
    return f"## {heading}\n\n{text}" + (f"\n\nRead on: [{links[-1][1]}]({links[-1][0]})." if links else "")


def _answer_to_note(facts: Facts) -> list[str]:
    return [f"## {note_heading(facts.note)}\n\n{note_answer(facts)}"] if facts.note else []


def note_topics(note: str) -> list[str]:
    """What a reviewer asks for, without the asking: "Please add a paragraph about prices." -> prices."""
    found = []
    for part in PARTS_OF_A_NOTE.split(note.strip()):
        part = part.strip(" .!?;-")
        while (shorter := CONTAINERS.sub("", VERBS.sub("", ASKING.sub("", part))).strip()) and shorter != part:
            part = shorter
        if part:
            found.append(part[:90].rsplit(" ", 1)[0] if len(part) > 90 else part)
    return found or [note.strip()[:90]]


def note_topic(note: str) -> str:
    return note_topics(note)[0]


def note_heading(note: str) -> str:
    return capital(note_topic(note))[:70]


def note_answer(facts: Facts) -> str:
    """A paragraph that takes up the reviewer's note, with what the sources say about it and any words it quotes."""
    topics = note_topics(facts.note)
    sentences = [f"One point deserves a section of its own: {topics[0]}."]
    sentences += [f"The same goes for {topic}." for topic in topics[1:]]
    words = {word.lower() for word in phrases.WORD.findall(facts.note)} - phrases.stopwords()
    related = [
        sentence
        for sentence in phrases.about(facts.note, facts.sentences)
        if words & {word.lower() for word in phrases.WORD.findall(sentence)}
    ]
    sentences += [f"Here is what {facts.company} says about it: “{sentence}”" for sentence in related[:1]]
    sentences += related[1:2]
    sentences += [f"In the words that were asked for: “{quoted}”." for quoted in QUOTED.findall(facts.note)[:1]]
    sentences += [
        f"For {facts.audiences[0]} this is often the point at which a decision becomes easy.",
        f"Whoever wants to know more about it can ask {facts.company} directly and will get a plain answer.",
    ]
    return " ".join(sentences)


def write_title(facts: Facts, rng: random.Random, keyword: str = "") -> str:
    """A working title of at most 70 characters, if one of the patterns allows it."""
    filler = Filler(facts, rng, keyword)
    titles = [filler.fill(line) for line in rng.sample(lines("titles.txt"), len(lines("titles.txt")))]
    return next((title for title in titles if len(title) <= 70), titles[0])


def write_strategy(facts: Facts, rng: random.Random) -> str:
    bank, filler = sections("strategy.md"), Filler(facts, rng)
    parts = [f"# Content strategy for {facts.company}"]
    for heading, templates in bank["section"]:
        filler.next_section()
        parts.append(f"## {filler.fill(heading)}\n\n{paragraphs([filler.fill(line) for line in templates])}")
    parts += _answer_to_note(facts)
    heading, templates = bank["conclusion"][0]
    return "\n\n".join([*parts, f"## {heading}\n\n{paragraphs([filler.fill(line) for line in templates])}"])

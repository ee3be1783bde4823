"""One prompt in, one answer out: the same for the same prompt and seed."""

import hashlib
import json
import random
import re
from typing import Any

from sandbox.writing import article, prompt, roles
from sandbox.writing.banks import Filler, lines
from sandbox.writing.conform import ABSENT, Maker, conform, plain, plain_slug, resolved
from sandbox.writing.prompt import Facts

# Made-up values by the name of the field they go into; the first pattern found in the name wins.
NUMBERS = [
    (r"year", 2026),
    (r"month", 6),
    (r"day", 14),
    (r"percent|rate|share|ratio", 12),
    (r"score|confidence|relevance", 72),
    (r"index|offset", 0),
    (r"wordcount|charcount", 120),
    (r"budget|cost|price|amount|spend", 250),
    (r"seconds|duration", 12),
    (r"count|quantity|number|total", 3),
]


def write(*, system: str, conversation: str, schema: dict[str, Any] | None, seed: int) -> str:
    """The answer's text: JSON for a schema, a few paragraphs without one."""
    facts = prompt.read(system, conversation)
    what_counts = f"{seed}\0{prompt.what_counts(system)}\0{prompt.what_counts(conversation)}"
    rng = random.Random(hashlib.sha256(what_counts.encode()).digest())
    if schema is None:
        return plain_answer(facts, rng)
    maker = maker_for(facts, rng, schema)
    role = roles.of({plain(name) for name in resolved(schema, maker).get("properties", {})})
    return json.dumps(conform(schema, role(facts, rng) if role else ABSENT, maker), ensure_ascii=False)


def plain_answer(facts: Facts, rng: random.Random) -> str:
    filler = Filler(facts, rng)
    parts = [filler.fill(line) for line in lines("answers.txt")]
    return "\n\n".join(parts + ([article.note_answer(facts)] if facts.note else []))


def maker_for(facts: Facts, rng: random.Random, schema: dict[str, Any]) -> Maker:
    filler = Filler(facts, rng)
    used_note = iter([article.note_answer(facts)] if facts.note else [])

    def text(name: str) -> str:
        made = short_text(plain(name), facts, filler)
        if made is not None:
            return made
        if name == "sentence":
            return filler.sentence()
        long = re.search(r"markdown|html|body|report|article|narrative|script|copy|content", plain(name))
        sentences = [filler.sentence() for _ in range(6 if long else 2)]
        return " ".join([*sentences, *used_note])

    def number(name: str, low: float, high: float) -> float:
        return next((value for pattern, value in NUMBERS if re.search(pattern, plain(name))), rng.randint(1, 90))

    return Maker(rng, text, number, facts.website, schema)


def short_text(name: str, facts: Facts, filler: Filler) -> str | None:
    """A value for a field whose name says what it holds; None when a sentence will do."""
    table = [
        (
            r"^(?:website|url|link|href|pageurl|linkurl|ctaurl|uri)$|url$",
            lambda: facts.website or "https://example.com/",
        ),
        (r"email|mailaddress", lambda: "hello@example.com"),
        (r"slug", lambda: plain_slug(facts.keyword)),
        (r"metadescription", lambda: roles.meta_description(facts, filler.rng)),
        (r"metatitle|title|headline|subject|heading", lambda: article.write_title(facts, filler.rng)),
        (r"hashtag", lambda: "#" + "".join(word.title() for word in filler.rng.choice(facts.phrases).split())),
        (r"keyword|phrase|term$|tag$|tags$|topic|theme", lambda: filler.rng.choice(facts.phrases)),
        (r"company|brand|business$|client$", lambda: facts.company),
        (r"audience|persona|segment", lambda: filler.rng.choice(facts.audiences)),
        (r"product|service|offer", lambda: filler.rng.choice(facts.products)),
        (r"platform|channel", lambda: "wordpress"),
        (r"date$|on$", lambda: "2026-03-02" if re.search(r"date|_on|publishedon|dueon", name) else None),
        (r"currency", lambda: "EUR"),
        (r"language|locale", lambda: "en"),
        (r"^name$|label|cta$|calltoaction", lambda: filler.fill("More about {a}")),
        (r"hook", lambda: filler.sentence()),
    ]
    for pattern, make in table:
        if re.search(pattern, name):
            made = make()
            if made is not None:
                return made
    return None


def with_wrong_types(text: str) -> Any:
    """The same answer with the types of its first-level fields confused, as if the schema had been ignored."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    if not isinstance(value, dict):
        return {"answer": value}
    return {
        name: 7 if isinstance(part, str) else "many" if isinstance(part, (int, float)) else {"value": part}
        for name, part in value.items()
    }

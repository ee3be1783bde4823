"""What the roles that look at rivals, reviews and search terms would answer; proposals, as in `roles`."""

import random
import re
from typing import Any

from sandbox.writing import article
from sandbox.writing.advertising import listed, turned
from sandbox.writing.banks import Filler, capital, noun
from sandbox.writing.prompt import Facts

UNWANTED = re.compile(r"\b(?:jobs?|free|second hand|used|diy|salary|course)\b", re.IGNORECASE)
STARS = re.compile(r"\b([1-5])\s*(?:stars?|/\s*5|of 5)\b", re.IGNORECASE)
GRAVE = re.compile(r"\b(?:ill|sick|lawyer|refund|injur\w+|police|damage\w*)\b", re.IGNORECASE)
FEWEST_CLICKS = 3


def competitors(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Those that were named, and nobody else: a list of invented firms would be worse than a short one."""
    named = [name for name in facts.listed("competitors", "knowncompetitors") if not name.startswith("http")]
    filler = Filler(facts, rng)
    found = [
        {
            "name": name,
            "url": "",
            "standing": "known",
            "positioning": f"{name} speaks to {facts.audiences[0]} too. {filler.sentence()}",
            "channels": ["website"],
            "strengths": ["Known by name"],
            "gaps": [f"Says little about {noun(turned(facts)[0])}"],
        }
        for name in named[:8]
    ]
    openings = [f"Answer questions about {noun(theme)} with figures" for theme in turned(facts)[:3]]
    if facts.note:
        openings.insert(0, capital(article.note_topic(facts.note)))
    return {"competitors": found, "opportunities": openings}


def review_answers(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """One line of the material is one review; what names damage goes to a person."""
    lines = [line.strip(" -*") for line in facts.text("newreviews").splitlines()]
    answers, grave = [], []
    for line in filter(None, lines):
        review = STARS.sub("", line).strip(" :,-")[:300]
        stars = STARS.search(line)
        if GRAVE.search(line):
            told = {"review": review, "summary": f"The customer writes: {review}", "reason": "A complaint about damage"}
            grave.append(told)
            continue
        answers.append(
            {
                "review": review,
                "reviewer": "",
                "stars": int(stars.group(1)) if stars else None,
                "answer": f"Thank you for writing to us about “{review[:60]}”. {facts.company} is glad to hear from you.",
            }
        )
    return {"responses": answers, "escalations": grave}


def search_terms(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Excludes what asks for jobs and free things, takes what converted, and waits with the rest."""
    items = []
    for row in listed(facts, "search_terms"):
        term = str(row.get("term", ""))
        if UNWANTED.search(term):
            verdict, match, reason = "negative_keyword", "phrase", "The searcher wants something else."
        elif row.get("conversions"):
            verdict, match, reason = "keyword", "exact", f"{row['conversions']} conversions for {row.get('cost')}."
        elif (row.get("clicks") or 0) < FEWEST_CLICKS:
            verdict, match, reason = "watch", None, "Too few clicks to tell."
        else:
            verdict, match, reason = "skip", None, "It says nothing about what is wanted."
        items.append({"term": term, "classification": verdict, "recommendedMatchType": match, "reasoning": reason})
    return {"items": items, "summary": f"{len(items)} search terms were judged."}

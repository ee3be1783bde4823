"""What the roles around ads and landing pages would answer; proposals, as in `roles`."""

import json
import random
from typing import Any

from sandbox.writing import article, phrases
from sandbox.writing.banks import Filler, capital, noun
from sandbox.writing.conform import fit_words, plain_slug
from sandbox.writing.prompt import Facts

GOOGLE_HEADLINE, GOOGLE_DESCRIPTION, GOOGLE_PATH = 30, 90, 15
META_TEXT, META_HEADLINE, META_DESCRIPTION = 125, 40, 30
STEP = 1.15  # of a bid or budget that is proposed to rise


def turn_of(facts: Facts) -> int:
    """0 for the first unit of a period, so that each writes about something else."""
    unit = str(facts.first("unitnumber") or 1)
    return int(unit) - 1 if unit.isdigit() else 0


def turned(facts: Facts) -> list[str]:
    start = turn_of(facts) % len(facts.phrases)
    return [*facts.phrases[start:], *facts.phrases[:start]]


def listed(facts: Facts, block: str) -> list[dict[str, Any]]:
    """The rows of a data block that holds a JSON list; none where it holds a sentence."""
    try:
        rows = json.loads(facts.blocks.get(block, ""))
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def audience_and_offer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    themes, filler = turned(facts), Filler(facts, rng)
    product = facts.products[turn_of(facts) % len(facts.products)]
    people = facts.audiences[turn_of(facts) % len(facts.audiences)]
    campaigns = listed(facts, "campaigns")
    found = [
        f"{row.get('name')}: {row.get('cost')} spent for {row.get('conversions')} conversions" for row in campaigns
    ]
    angles = [f"{capital(theme)} without detours" for theme in themes[:3]]
    if facts.note:
        angles.insert(0, capital(article.note_topic(facts.note)))
    return {
        "audience": f"{capital(people)} who compare two or three offers for {themes[0]} and want to decide this week.",
        "offer": f"{capital(product)} from {facts.company}, explained in plain words before anybody has to buy.",
        "landingPage": facts.website,
        "angles": angles,
        "keywords": [noun(theme.lower()) for theme in themes[:6]],
        "negativeKeywords": ["jobs", "free", "second hand"],
        "findings": found[:5],
        "summary": filler.sentence(),
    }


def google_ads(facts: Facts, rng: random.Random) -> dict[str, Any]:
    themes = turned(facts)
    wanted = [capital(noun(theme)) for theme in themes[:6]]
    wanted += [f"{capital(noun(theme))} online" for theme in themes[:3]]
    wanted += [f"From {facts.company}", "Ask before you buy", "Plain words, clear offer", "Compare in two minutes"]
    descriptions = [
        f"{capital(noun(themes[0]))} from {facts.company}: see what is in it before you decide.",
        f"For {facts.audiences[0]}: clear choices and answers to your questions.",
        f"Read about {noun(themes[1 % len(themes)])} and choose in your own time.",
    ]
    if facts.note:
        wanted.insert(0, capital(article.note_topic(facts.note)))
        descriptions.insert(0, f"{capital(article.note_topic(facts.note))}. Ask {facts.company} about it.")
    return {
        "headlines": different(wanted, GOOGLE_HEADLINE)[:12],
        "descriptions": different(descriptions, GOOGLE_DESCRIPTION)[:4],
        "paths": different([plain_slug(noun(theme)) for theme in themes[:2]], GOOGLE_PATH),
    }


def meta_ads(facts: Facts, rng: random.Random) -> dict[str, Any]:
    themes = turned(facts)
    texts = [
        f"{capital(noun(themes[0]))}, explained in plain words. See what {facts.company} does differently.",
        f"Made for {facts.audiences[0]}: fewer promises, more to look at.",
        f"Two minutes about {noun(themes[1 % len(themes)])} before you decide.",
    ]
    headlines = [f"{capital(noun(theme))}, made simple" for theme in themes[:3]]
    if facts.note:
        texts.insert(0, f"{capital(article.note_topic(facts.note))}: {facts.company} tells you more.")
        headlines.insert(0, capital(article.note_topic(facts.note)))
    return {
        "primaryTexts": different(texts, META_TEXT)[:4],
        "headlines": different(headlines, META_HEADLINE)[:4],
        "descriptions": different([f"From {facts.company}"], META_DESCRIPTION),
        "callToAction": "LEARN_MORE",
    }


def different(texts: list[str], most: int) -> list[str]:
    """Cut after a whole word, and each once, whatever was cut off."""
    kept: dict[str, str] = {}
    for text in texts:
        short = fit_words(text.replace("!", ""), most)
        if short:
            kept.setdefault(short.casefold(), short)
    return list(kept.values())


def landing_brief(facts: Facts, rng: random.Random) -> dict[str, Any]:
    themes, filler = turned(facts), Filler(facts, rng)
    subject = noun(themes[0].lower())
    product = facts.products[turn_of(facts) % len(facts.products)]
    outline = [
        f"{capital(product)} at a glance - what it is",
        "Who it is for - the situation of the reader",
        "What one gets - the offer in detail",
        "What people ask first - objections and answers",
        "The next step - one action",
    ]
    objections = ["Is it worth the price?", "How long does it take?", "What if it does not suit me?"]
    if facts.note:
        outline.insert(3, f"{article.note_heading(facts.note)} - as the reviewer asked")
    return {
        "workingTitle": f"{capital(subject)}: {facts.company}"[:70],
        "offer": f"{capital(product)} for {facts.audiences[0]}. {filler.sentence()}",
        "targetAudience": f"{capital(facts.audiences[turn_of(facts) % len(facts.audiences)])} who search with a purchase in mind.",
        "primaryKeyword": subject,
        "secondaryKeywords": [f"{subject} cost", f"{subject} near me", f"buy {subject}"],
        "conversionGoal": "Send an enquiry",
        "objections": objections,
        "proof": phrases.about(subject, facts.sentences)[:4],
        "recommendedOutline": outline,
    }


def landing_page(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    subject = noun((facts.text("primarykeyword") or turned(facts)[0]).lower())
    told = phrases.about(subject, facts.sentences)
    sections = []
    for heading in (
        f"{capital(subject)} at a glance",
        f"Made for {facts.audiences[0]}",
        "What you get",
        "How it goes on",
    ):
        filler.next_section()
        body = [filler.sentence(), *told[:1], filler.sentence()]
        told = told[1:]
        sections.append({"heading": heading, "bodyMarkdown": " ".join(body)})
    if facts.note:
        sections.insert(2, {"heading": article.note_heading(facts.note), "bodyMarkdown": article.note_answer(facts)})
    return {
        "headline": f"{capital(subject)} from {facts.company}"[:90],
        "subheadline": f"For {facts.audiences[0]} who want to know what they get before they decide."[:200],
        "sections": sections,
        "faq": [
            {"question": f"How do I choose {subject}?", "answer": filler.sentence()},
            {"question": "What happens after my enquiry?", "answer": filler.sentence()},
        ],
        "cta": {"label": "Send an enquiry", "leadsTo": facts.website or "The contact form"},
        "metaTitle": fit_words(f"{capital(subject)} | {facts.company}", 60),
        "slug": plain_slug(f"{subject} {facts.company}"),
    }


def optimisation(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """A raise for the campaign that earns most, a pause for the keyword that only costs; nothing without figures."""
    campaigns, keywords = listed(facts, "campaigns"), listed(facts, "ad_keywords")
    proposed = []
    earning = sorted((row for row in campaigns if row.get("budget")), key=lambda row: -(row.get("conversions") or 0))
    for row in earning[:1]:
        budget = float(row["budget"])
        raised = round(budget * STEP, 2)
        proposed.append(
            change(row["campaign"], "budget_change", f"Raise the budget of {row.get('name')} to {raised}", "medium")
            | {"changePayload": payload(currentValue=budget, newValue=raised)}
        )
    idle = [row for row in keywords if row.get("status") == "active" and not row.get("conversions")]
    for row in idle[:1]:
        proposed.append(
            change(row["campaign"], "pause_keyword", f"Pause “{row.get('text')}”", "low")
            | {"changePayload": payload(keyword=str(row["keyword"]))}
        )
    for row in campaigns[:1]:
        proposed.append(
            change(row["campaign"], "add_negative", "Leave out searches for jobs", "low")
            | {"changePayload": payload(text="jobs", matchType="phrase")}
        )
    pacing = [
        {"campaign": row["campaign"], "finding": f"{row.get('name')} has spent {row.get('cost')}."} for row in campaigns
    ]
    told = (
        f"{len(campaigns)} campaigns were looked at."
        if campaigns
        else "No ads account was synced, so nothing is proposed."
    )
    return {"summary": told, "pacing": pacing, "recommendations": proposed}


def change(campaign: str, kind: str, title: str, priority: str) -> dict[str, Any]:
    return {
        "type": kind,
        "campaign": campaign,
        "title": title,
        "reasoning": "The figures of this month carry it.",
        "impactEstimate": {"impressionsDelta": None, "spendDelta": None, "convDelta": None},
        "priority": priority,
    }


def payload(**told: Any) -> dict[str, Any]:
    empty = {"keyword": "", "text": "", "matchType": None, "currentValue": None, "newValue": None}
    return {**empty, **told}

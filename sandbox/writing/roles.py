"""What each agent role of the product would answer. A role is recognised by the names of the fields it must fill.

Every function proposes; `conform` brings the proposal into the schema's exact shape, so a field that a schema does not have is
dropped and one that nobody proposed is made up.
"""

import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

from sandbox.writing import article, phrases
from sandbox.writing.banks import Filler, capital, noun
from sandbox.writing.conform import plain_slug
from sandbox.writing.prompt import Facts

Role = Callable[[Facts, random.Random], dict[str, Any]]
META_LENGTH = (140, 160)
META_FILLERS = ("Clear steps, real figures and no jargon.", "Read what to check first.", "With a short list to take away.", "Plainly told.")
BRIEF_WORDS = 900
INTENTS = ("informational", "commercial", "transactional", "informational", "commercial")


def keyword_researcher(facts: Facts, rng: random.Random) -> dict[str, Any]:
    wanted = facts.listed("topics", "topic", "keyword", "primarykeyword", "theme")
    pool = list(dict.fromkeys([*wanted, *rng.sample(facts.phrases[:8], min(8, len(facts.phrases)))]))[:5]
    place = next(iter(facts.listed("market", "location", "city", "region")), "")
    clusters = []
    for number, seed in enumerate(pool):
        base = noun(seed.lower()) if seed.islower() else noun(seed)
        people = facts.audiences[number % len(facts.audiences)]
        secondary = [f"how to choose {base}", f"{base} cost", f"{base} for {people}", f"{base} mistakes"]
        if place:
            secondary.append(f"{base} {place.lower()}")
        clusters.append({
            "name": capital(base), "primary": base, "secondary": secondary, "intent": INTENTS[number % len(INTENTS)],
            "volume": rng.randrange(90, 2400, 10), "difficulty": rng.randint(12, 58),
            "rationale": f"{facts.company} can answer this from practice, and few competitors do.",
        })
    return {"clusters": clusters, "summary": f"{len(clusters)} groups of search phrases for {facts.company}, most promising first."}


def content_brief_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    keyword = facts.text("primarykeyword", "primary", "keyword", "targetkeyword", "topic") or facts.keyword
    filler = Filler(facts, rng, keyword)
    secondary = facts.listed("secondary", "secondarykeywords") or [f"{noun(keyword)} cost", f"how to choose {noun(keyword)}", f"{noun(keyword)} mistakes"]
    outline = ["What the reader should be able to decide afterwards", filler.fill("Start with what is there already"),
               filler.fill("How to compare offers for {subject}"), filler.fill("What it costs, and what it saves"),
               filler.fill("Mistakes {company} sees most often"), "A short list to take away", "The next step"]
    angle = filler.fill("Advice from the daily work of {company}: what {audience} should check before they decide on {subject}, and when it is better to wait.")
    if facts.note:
        outline.insert(4, article.note_heading(facts.note))
        angle += f" The reviewer's point is taken up in a section of its own: {article.note_topic(facts.note)}."
    return {
        "workingTitle": article.write_title(facts, rng, keyword), "angle": angle, "primaryKeyword": keyword, "secondaryKeywords": secondary[:6],
        "searchIntent": facts.text("intent", "searchintent") or "informational", "recommendedOutline": outline,
        "internalLinkTargets": [address for address, _ in inner_links(facts)][:4] or [facts.website or "/"],
        "competitorUrls": competitor_addresses(facts), "targetWordCount": facts.word_count or BRIEF_WORDS,
        "audience": facts.audiences[0], "tone": "calm, concrete, no superlatives",
    }


def copywriter(facts: Facts, rng: random.Random) -> dict[str, Any]:
    title = facts.title or article.write_title(facts, rng)
    told = re.search(r"(?:title|headline)\b[^\"“]{0,40}[\"“]([^\"”]{8,110})[\"”]", facts.note, re.IGNORECASE)
    if told:
        title = told.group(1)
    words = facts.word_count or article.USUAL_WORDS
    if re.search(r"\bshort(?:er|en)\b", facts.note, re.IGNORECASE):
        words = max(600, round(words * 0.8))
    body = article.write_article(facts, rng, inner_links(facts), max(words, 600))
    return {
        "title": title, "metaDescription": meta_description(facts, rng), "slug": plain_slug(title), "bodyMarkdown": body,
        "internalLinksUsed": list(dict.fromkeys(address for address, _ in inner_links(facts) if f"]({address})" in body)),
        "wordCount": article.count_words(body),
    }


def onboarding_agent(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    told = phrases.about(" ".join(facts.phrases[:6]), facts.sentences)
    summary = [filler.fill("{company} serves {audience} with {a} and {b}."), *told[:4],
               filler.fill("{product} stands for the offer as a whole, and the company explains itself in plain words.")]
    mail = ["newsletter"] if re.search(r"newsletter|subscribe to our", facts.corpus, re.IGNORECASE) else []
    social = [name for name in ("linkedin", "facebook", "instagram", "tiktok", "youtube") if re.search(name, facts.corpus, re.IGNORECASE)]
    return {
        "businessSummary": " ".join(summary), "products": facts.products[:6], "audiences": facts.audiences[:5], "toneSamples": told[4:8] or told[:3],
        "channelsFound": ["website", *(["blog"] if re.search(r"/blog|journal", facts.corpus + " ".join(facts.addresses)) else []), *mail, *social],
        "competitorResearch": filler.fill("Larger providers write about {keyword} in general terms and without prices. Smaller ones know their trade as well "
                                          "as {company} but publish seldom. Open ground lies in precise answers about {a} and {b}, with figures and limits."),
        "industryContext": filler.fill("Interest in {keyword} is seasonal and local. Buyers compare two or three options, read the list first, and trust "
                                       "sources that also say when something is not worth it. Rising costs make {audience} ask for numbers earlier."),
        "rawNotes": "\n".join(f"- {sentence}" for sentence in facts.sentences[:12]) or "- The website says little about the business itself.",
        "sources": facts.addresses[:12] or [facts.website or "https://example.com/"],
    }


def context_file_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    told = phrases.about(" ".join(facts.phrases[:6]), facts.sentences)
    bullets = lambda items: "\n".join(f"- {capital(item)}" for item in items) or "- Not known yet"      # noqa: E731
    parts = [
        f"# {facts.company}",
        "## Business\n\n" + " ".join([filler.fill("{company} serves {audience} with {a} and {b}."), *told[:3]]),
        "## Products and services\n\n" + bullets(facts.products[:6]),
        "## Audiences\n\n" + bullets(facts.audiences[:4]) + "\n\n" + filler.fill("They ask concrete questions about {subject}, compare two or three options and want figures."),
        "## Voice\n\nCalm, concrete, a little dry. Short sentences, no superlatives, no countdowns. Typical sentences:\n\n" + "\n".join(f"> {line}\n" for line in told[3:6]),
        "## Facts that may be used\n\n" + bullets(told[6:12] or told[:3]),
        "## Themes worth writing about\n\n" + bullets(facts.phrases[:6]),
        "## What to avoid\n\n- Claims without a figure or a source\n- Comparisons that name a competitor\n- Promises about results by a date",
    ]
    if facts.note:
        parts.append(f"## {article.note_heading(facts.note)}\n\n{article.note_answer(facts)}")
    return {"markdown": "\n\n".join(parts), "openQuestions": [
        filler.fill("Which of the offers around {a} earns most, and should be mentioned first?"),
        filler.fill("May prices be quoted in articles about {subject}?"), "Who checks facts when the usual contact is away?"]}


def strategy_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    deliverables = [{
        "goalIndex": 0, "goal": 0, "type": "blog_posts", "name": "Two blog articles a month", "quantityPerPeriod": 2, "quantity": 2, "period": "monthly",
        "platforms": ["wordpress"], "description": filler.fill("Two articles a month about {a}, {b} and related questions, published on WordPress."),
    }]
    asked = [name for name in facts.listed("requesteddeliverables", "deliverabletypes", "requesteddeliverabletypes") if name != "blog_posts"]
    deliverables += [{"goalIndex": 1, "type": name, "name": capital(name.replace("_", " ")), "quantityPerPeriod": 1, "period": "monthly", "platforms": []}
                     for name in asked]
    strategy = article.write_strategy(facts, rng)
    return {
        "strategyMarkdown": strategy, "wordCount": article.count_words(strategy), "periodMonths": 6,
        "summary": filler.fill("{company} becomes the source people trust on {subject}: two checked articles a month, built around {a} and {b}, measured by visits "
                               "from search and by enquiries that mention an article.") + (f" New in this version: {article.note_topic(facts.note)}." if facts.note else ""),
        "rationale": filler.fill("The offer is clear and the website honest, but only people who know the name find it. Questions about {subject} are asked every day, "
                                 "competitors answer them in general terms, and {company} can answer them from practice.")
        + (f" The reviewer's point was decisive for this version: {article.note_topic(facts.note)}." if facts.note else ""),
        "changesSummary": article.note_topic(facts.note) if facts.note else "First version.",
        "recommendedChannels": ["wordpress"],
        "goals": [goal("More visits from search", filler.fill("More people who ask about {subject} arrive on the website."), "organic_sessions", 400, 700, "high"),
                  goal("More enquiries from articles", filler.fill("{audience} write or call after reading an article."), "qualified_leads", 6, 12, "medium"),
                  goal("Better places for the main themes", filler.fill("Articles about {a} and {b} reach the first results page."), "keyword_rankings", 3, 10, "medium")],
        "smartGoals": ["Raise visits from search from 400 to 700 a month within six months", "Raise enquiries from articles from 6 to 12 a month within six months"],
        "deliverables": deliverables,
    }


def goal(name: str, description: str, metric: str, baseline: float, target: float, priority: str) -> dict[str, Any]:
    return {"name": name, "description": description, "metric": metric, "baselineValue": baseline, "baseline": baseline, "targetValue": target,
            "target": target, "period": "monthly", "targetMonths": 6, "priority": priority}


def live_checker(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Compares what was fetched with what should be there; says no when it sees no page."""
    fetched = next((text for name, text in facts.blocks.items() if re.search(r"page|fetched|live|html|response", name, re.IGNORECASE)), facts.corpus)
    status = facts.first("httpstatus", "statuscode", "responsestatus", "status")
    failed = str(status).isdigit() and int(status) >= 400
    is_live = bool(fetched.strip()) and not failed and not re.search(r"page not found|\b404\b", fetched, re.IGNORECASE)
    expected = facts.text("expectedtitle", "approvedtitle", "posttitle", "title")
    matches = is_live and (not expected or letters(expected) in letters(fetched.replace(expected, "", 1) if fetched is facts.corpus else fetched))
    found = [f"The page answers{f' with status {status}' if str(status).isdigit() else ''}." if is_live else "No published page was found at this address."]
    if is_live:
        found.append("The title is the approved one." if matches else "The title on the page differs from the approved one.")
    return {"isLive": is_live, "titleMatches": bool(matches), "findings": found}


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"&#?\w+;", "", text.lower()))


def inner_links(facts: Facts) -> list[tuple[str, str]]:
    """Pages of the client's own website with words to click, those named in a brief first."""
    named = [value for value in facts.fields.get("internallinktargets", []) if isinstance(value, str)]
    own = [address for address in facts.addresses if facts.website and address.startswith(facts.website)]
    useful = [address for address in own if not re.search(r"terms|privacy|sitemap|robots|contact|\.(?:css|xml|png|jpg|svg)$", address)]
    found = []
    for address in dict.fromkeys([*named, *useful, *([facts.website] if facts.website else [])]):
        address = urljoin(facts.website, address.lstrip("/")) if facts.website and not address.startswith("http") else address
        steps = [step for step in urlsplit(address).path.split("/") if step]
        words = steps[-1].replace("-", " ") if steps and address.rstrip("/") != facts.website.rstrip("/") else f"the {facts.company} website"
        found.append((address, words))
    return list(dict.fromkeys(found))


def competitor_addresses(facts: Facts) -> list[str]:
    named = [value for name in ("competitorurls", "competitors", "competitor") for value in facts.fields.get(name, [])
             if isinstance(value, str) and value.startswith("http")]
    return list(dict.fromkeys(named))[:4]


def meta_description(facts: Facts, rng: random.Random) -> str:
    """Between 140 and 160 characters, whole words, ending like a sentence."""
    low, high = META_LENGTH
    filler = Filler(facts, rng)
    text = filler.fill("{Keyword}: what {audience} should check, what it costs and when to wait. Advice from the daily work of {company}.")
    for more in (*META_FILLERS, *META_FILLERS):
        if len(text) >= low:
            break
        text = f"{text} {more}"
    if len(text) > high:
        text = text[:high].rsplit(" ", 1)[0].rstrip(" ,.;:–-") + "."
    return text


# The first role of which all named fields are asked for is the one that answers.
ROLES: list[tuple[set[str], Role]] = [
    ({"strategymarkdown"}, strategy_writer),
    ({"bodymarkdown", "metadescription"}, copywriter),
    ({"workingtitle", "recommendedoutline"}, content_brief_writer),
    ({"businesssummary"}, onboarding_agent),
    ({"markdown", "openquestions"}, context_file_writer),
    ({"islive"}, live_checker),
    ({"clusters"}, keyword_researcher),
    ({"goals", "deliverables"}, strategy_writer),
]


def of(names: set[str]) -> Role | None:
    return next((role for needed, role in ROLES if needed <= names), None)

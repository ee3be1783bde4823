"""What each agent role of the product would answer. A role is recognised by the names of the fields it must fill.

Every function proposes; `conform` brings the proposal into the schema's exact shape: a field that the schema does not
have is dropped, and one that nobody proposed is made up.
"""

import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

from sandbox.writing import advertising, article, channels, findings, market, phrases
from sandbox.writing.banks import Filler, capital, lines, noun
from sandbox.writing.conform import plain_slug
from sandbox.writing.prompt import Facts

Role = Callable[[Facts, random.Random], dict[str, Any]]
META_LENGTH = (140, 160)
BRIEF_WORDS = 900
AVOID = [
    "Claims without a figure or a source",
    "Comparisons that name a competitor",
    "Promises about results by a date",
]
# What a client may ask for beside blog posts, and where it would go out.
PLATFORMS_OF = {
    "social_posts": ["linkedin"],
    "backlinks": [],
    "gbp_posts": ["google_business_profile"],
    "website_audit": [],
    "email_newsletters": ["mailchimp"],
    "ad_copy_sets": ["google_ads"],
    "performance_reports": [],
    "landing_pages": ["wordpress"],
    "video_scripts": [],
}
INTENTS = ("informational", "commercial", "transactional", "informational", "commercial")


def keyword_researcher(facts: Facts, rng: random.Random) -> dict[str, Any]:
    wanted = facts.listed("topics", "topic", "keyword", "primarykeyword", "theme")
    unit = str(facts.first("unitnumber") or 1)
    turn = (int(unit) - 1 if unit.isdigit() else 0) % len(facts.phrases)  # each unit of a period gets its own subject
    pool = list(dict.fromkeys([*wanted, *facts.phrases[turn:], *facts.phrases[:turn]]))
    pool = [seed for seed in pool if noun(seed.lower()) not in facts.taken][:5] or pool[:5]
    place = next(iter(facts.listed("market", "location", "city", "region")), "")
    clusters = []
    for number, seed in enumerate(pool):
        base = noun(seed.lower()) if seed.islower() else noun(seed)
        people = facts.audiences[number % len(facts.audiences)]
        secondary = [f"how to choose {base}", f"{base} cost", f"{base} for {people}", f"{base} mistakes"]
        if place:
            secondary.append(f"{base} {place.lower()}")
        clusters.append(
            {
                "name": capital(base),
                "primary": base,
                "secondary": secondary,
                "intent": INTENTS[number % len(INTENTS)],
                "volume": rng.randrange(90, 2400, 10),
                "difficulty": rng.randint(12, 58),
                "rationale": f"{facts.company} can answer this from practice, and few competitors do.",
            }
        )
    return {
        "clusters": clusters,
        "summary": f"{len(clusters)} groups of search phrases for {facts.company}, most promising first.",
    }


def content_brief_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    keyword = facts.text("primarykeyword", "primary", "keyword", "targetkeyword", "topic") or facts.keyword
    offered = [value for value in facts.fields.get("primary", []) if isinstance(value, str)]
    if keyword.lower() in facts.taken:
        keyword = next((subject for subject in offered if subject.lower() not in facts.taken), keyword)
    filler = Filler(facts, rng, keyword)
    secondary = facts.listed("secondary", "secondarykeywords") or [
        f"{noun(keyword)} cost",
        f"how to choose {noun(keyword)}",
        f"{noun(keyword)} mistakes",
    ]
    outline = [
        "What the reader should be able to decide afterwards",
        filler.fill("Start with what is there already"),
        filler.fill("How to compare offers for {subject}"),
        filler.fill("What it costs, and what it saves"),
        filler.fill("Mistakes {company} sees most often"),
        "A short list to take away",
        "The next step",
    ]
    angle = filler.named("angle")
    if facts.note:
        outline.insert(4, article.note_heading(facts.note))
        angle += f" The reviewer's point is taken up in a section of its own: {article.note_topic(facts.note)}."
    return {
        "workingTitle": article.write_title(facts, rng, keyword),
        "angle": angle,
        "primaryKeyword": keyword,
        "secondaryKeywords": secondary[:6],
        "searchIntent": facts.text("intent", "searchintent") or "informational",
        "recommendedOutline": outline,
        "internalLinkTargets": [address for address, _ in inner_links(facts)][:4] or [facts.website or "/"],
        "competitorUrls": competitor_addresses(facts),
        "targetWordCount": facts.word_count or BRIEF_WORDS,
        "audience": facts.audiences[0],
        "tone": "calm, concrete, no superlatives",
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
    secondary = facts.listed("secondarykeywords", "secondary") or facts.phrases
    return {
        "title": title,
        "metaDescription": meta_description(facts, rng),
        "slug": plain_slug(title),
        "bodyMarkdown": body,
        "internalLinksUsed": list(
            dict.fromkeys(address for address, _ in inner_links(facts) if f"]({address})" in body)
        ),
        "wordCount": article.count_words(body),
        "categories": [capital(noun(facts.keyword))],
        "tags": secondary[:3],
    }


def onboarding_agent(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    told = phrases.about(" ".join(facts.phrases[:6]), facts.sentences)
    summary = [
        filler.named("business"),
        *told[:4],
        filler.named("business_end"),
    ]
    mail = ["newsletter"] if re.search(r"newsletter|subscribe to our", facts.corpus, re.IGNORECASE) else []
    social = [
        name
        for name in ("linkedin", "facebook", "instagram", "tiktok", "youtube")
        if re.search(name, facts.corpus, re.IGNORECASE)
    ]
    return {
        "businessSummary": " ".join(summary),
        "products": facts.products[:6],
        "audiences": facts.audiences[:5],
        "toneSamples": told[4:8] or told[:3],
        "channelsFound": [
            "website",
            *(["blog"] if re.search(r"/blog|journal", facts.corpus + " ".join(facts.addresses)) else []),
            *mail,
            *social,
        ],
        "competitorResearch": filler.named("competitors"),
        "industryContext": filler.named("industry"),
        "rawNotes": "\n".join(f"- {sentence}" for sentence in facts.sentences[:12])
        or "- The website says little about the business itself.",
        "sources": facts.addresses[:12] or [facts.website or "https://example.com/"],
    }


def context_file_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    told = phrases.about(" ".join(facts.phrases[:6]), facts.sentences)
    parts = [
        f"# {facts.company}",
        "## Business\n\n" + " ".join([filler.named("business"), *told[:3]]),
        "## Products and services\n\n" + bullets(facts.products[:6]),
        f"## Audiences\n\n{bullets(facts.audiences[:4])}\n\n{filler.named('audience')}",
        f"## Voice\n\n{filler.named('voice')}\n\n" + "\n".join(f"> {line}\n" for line in told[3:6]),
        "## Facts that may be used\n\n" + bullets(told[6:12] or told[:3]),
        "## Themes worth writing about\n\n" + bullets(facts.phrases[:6]),
        "## Pages worth linking to\n\n"
        + "\n".join(f"- [{words}]({address})" for address, words in inner_links(facts)[:8]),
        "## What to avoid\n\n" + bullets(AVOID),
    ]
    if facts.note:
        parts.append(f"## {article.note_heading(facts.note)}\n\n{article.note_answer(facts)}")
    return {
        "markdown": "\n\n".join(parts),
        "openQuestions": [
            filler.named("question_offer"),
            filler.named("question_prices"),
            "Who checks facts when the usual contact is away?",
        ],
    }


def bullets(items: list[str]) -> str:
    return "\n".join(f"- {capital(item)}" for item in items) or "- Not known yet"


def strategy_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    deliverables = [
        {
            "goalIndex": 0,
            "goal": 0,
            "type": "blog_posts",
            "name": "Two blog articles a month",
            "quantityPerPeriod": 2,
            "quantity": 2,
            "period": "monthly",
            "platforms": ["wordpress"],
            "description": filler.named("deliverable"),
        }
    ]
    asked = [
        name
        for name in facts.listed("requesteddeliverables", "deliverabletypes", "requesteddeliverabletypes")
        if name != "blog_posts"
    ]
    asked += [name for name in PLATFORMS_OF if name.replace("_", " ") in facts.note.lower() and name not in asked]
    deliverables += [
        {
            "goalIndex": 1,
            "type": name,
            "name": capital(name.replace("_", " ").replace("gbp", "Business Profile")),
            "quantityPerPeriod": 1,
            "period": "monthly",
            "platforms": PLATFORMS_OF.get(name, []),
        }
        for name in asked
    ]
    strategy = article.write_strategy(facts, rng)
    return {
        "strategyMarkdown": strategy,
        "wordCount": article.count_words(strategy),
        "periodMonths": 6,
        "summary": filler.named("strategy_summary")
        + (f" New in this version: {article.note_topic(facts.note)}." if facts.note else ""),
        "rationale": filler.named("strategy_rationale")
        + (
            f" The reviewer's point was decisive for this version: {article.note_topic(facts.note)}."
            if facts.note
            else ""
        ),
        "changesSummary": article.note_topic(facts.note) if facts.note else "First version.",
        "recommendedChannels": ["wordpress"],
        "goals": [
            goal(
                "More visits from search",
                filler.named("goal_visits"),
                "organic_sessions",
                400,
                700,
                "high",
            ),
            goal(
                "More enquiries from articles",
                filler.named("goal_enquiries"),
                "qualified_leads",
                6,
                12,
                "medium",
            ),
            goal(
                "Better places for the main themes",
                filler.named("goal_rankings"),
                "keyword_rankings",
                3,
                10,
                "medium",
            ),
        ],
        "smartGoals": [
            "Raise visits from search from 400 to 700 a month within six months",
            "Raise enquiries from articles from 6 to 12 a month within six months",
        ],
        "deliverables": deliverables,
    }


def goal(name: str, description: str, metric: str, baseline: float, target: float, priority: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "metric": metric,
        "baselineValue": baseline,
        "baseline": baseline,
        "targetValue": target,
        "target": target,
        "period": "monthly",
        "targetMonths": 6,
        "priority": priority,
    }


def live_checker(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Compares what was fetched with what should be there; says no when it sees no page."""
    fetched = next(
        (
            text
            for name, text in facts.blocks.items()
            if re.search(r"page|fetched|live|html|response", name, re.IGNORECASE)
        ),
        facts.corpus,
    )
    spoken = re.search(r"^(?:HTTP |Status:? )(\d{3})\b", fetched, re.MULTILINE)
    status = spoken.group(1) if spoken else facts.first("httpstatus", "statuscode", "responsestatus", "status")
    failed = (str(status).isdigit() and int(status) >= 400) or "could not be read" in fetched
    is_live = bool(fetched.strip()) and not failed and "page not found" not in fetched.lower()
    headed = next(
        (
            found.group(1)
            for name, text in facts.blocks.items()
            if "post" in name and (found := re.search(r"^# (.+)$", text, re.MULTILINE))
        ),
        "",
    )
    expected = headed or facts.text("expectedtitle", "approvedtitle", "posttitle", "title")
    matches = is_live and (
        not expected
        or letters(expected) in letters(fetched.replace(expected, "", 1) if fetched is facts.corpus else fetched)
    )
    found = [
        f"The page answers{f' with status {status}' if str(status).isdigit() else ''}."
        if is_live
        else "No published page was found at this address."
    ]
    if is_live:
        found.append(
            "The title is the approved one." if matches else "The title on the page differs from the approved one."
        )
    return {"isLive": is_live, "titleMatches": bool(matches), "findings": found}


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"&#?\w+;", "", text.lower()))


def inner_links(facts: Facts) -> list[tuple[str, str]]:
    """Pages of the client's own website with words to click, the most fitting first and the home page last."""
    named = [value for value in facts.fields.get("internallinktargets", []) if isinstance(value, str)]
    own = [address for address in facts.addresses if facts.website and address.startswith(facts.website)]
    useful = [
        address
        for address in own
        if not re.search(r"terms|privacy|sitemap|robots|contact|\.(?:css|xml|png|jpg|svg)$", address)
    ]
    found = []
    for address in dict.fromkeys([*named, *useful, *([facts.website] if facts.website else [])]):
        address = (
            urljoin(facts.website, address.lstrip("/")) if facts.website and not address.startswith("http") else address
        )
        steps = [step for step in urlsplit(address).path.split("/") if step]
        words = (
            steps[-1].replace("-", " ")
            if steps and address.rstrip("/") != facts.website.rstrip("/")
            else f"the {facts.company} website"
        )
        found.append((address, f"about {facts.company}" if words == "about" else words))
    pages = [link for link in dict.fromkeys(found) if not link[1].startswith("the ")]
    home = [link for link in dict.fromkeys(found) if link[1].startswith("the ")]
    fitting = phrases.about(f"{facts.keyword} {facts.title}", [words for _, words in pages])
    return sorted(pages, key=lambda link: fitting.index(link[1])) + home


def competitor_addresses(facts: Facts) -> list[str]:
    named = [
        value
        for name in ("competitorurls", "competitors", "competitor")
        for value in facts.fields.get(name, [])
        if isinstance(value, str) and value.startswith("http")
    ]
    return list(dict.fromkeys(named))[:4]


def meta_description(facts: Facts, rng: random.Random) -> str:
    """Between 140 and 160 characters in whole sentences where that is possible, in whole words always."""
    low, high = META_LENGTH
    filler = Filler(facts, rng)
    for pattern in lines("meta_descriptions.txt"):
        first = filler.fill(pattern)
        for more in lines("meta_endings.txt"):
            if low <= len(text := f"{first} {more}".strip()) <= high:
                return text
    text = f"{filler.fill(lines('meta_descriptions.txt')[0])} {' '.join(lines('meta_endings.txt'))}"
    return text[:high].rsplit(" ", 1)[0].rstrip(" ,.;:–-") + "."


# The first role of which all named fields are asked for is the one that answers.
def quality_checker(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Quotes a sentence of the draft it was given; finds nothing where there is none."""
    draft = next((text for name, text in facts.blocks.items() if "draft" in name), "")
    sentence = re.search(r"^[A-Z][^.\n]{20,150}\.", draft, re.MULTILINE)
    finding = {
        "severity": "minor",
        "concern": "language",
        "problem": "This sentence needs a second reading.",
        "quote": sentence.group(0) if sentence else "",
        "suggestion": "Say it in two sentences.",
    }
    return {
        "summary": f"An article for {facts.company} that answers its brief. Look at one sentence first.",
        "findings": [finding] if sentence else [],
    }


NO_VOICE_YET = (
    "---\nname: brand-voice\ndescription: How to write for the client.\n---\n\nSay what is true, in short words.\n"
)


def brand_rules_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """The file it was given with one rule more, in the words of the first rejection's note; the same file for none."""
    now = facts.blocks.get("brand_voice_now", NO_VOICE_YET)
    notes = [note for note in facts.fields.get("note", []) if isinstance(note, str) and note.strip()]
    if not notes:
        return {"summary": "Nothing to learn.", "changes": [], "skillMarkdown": now}
    rule = f"Reviewers ask: {' '.join(notes[0].split())[:200]}"
    change = {"change": "add", "rule": rule, "reason": "It was asked for more than once.", "rejections": [1, 2]}
    return {
        "summary": f"{len(notes)} texts were sent back. One rule would have kept them.",
        "changes": [change],
        "skillMarkdown": f"{now.strip()}\n\n- {rule}\n",
    }


ROLES: list[tuple[set[str], Role]] = [
    *findings.ROLES,
    ({"changes", "skillmarkdown"}, brand_rules_writer),
    ({"strategymarkdown"}, strategy_writer),
    ({"bodymarkdown", "metadescription"}, copywriter),
    ({"conversiongoal", "objections"}, advertising.landing_brief),
    ({"workingtitle", "recommendedoutline"}, content_brief_writer),
    ({"businesssummary"}, onboarding_agent),
    ({"markdown", "openquestions"}, context_file_writer),
    ({"islive"}, live_checker),
    ({"clusters"}, keyword_researcher),
    ({"goals", "deliverables"}, strategy_writer),
    ({"audience", "offer", "angles"}, advertising.audience_and_offer),
    ({"headlines", "descriptions", "paths"}, advertising.google_ads),
    ({"primarytexts", "calltoaction"}, advertising.meta_ads),
    ({"subheadline", "sections", "faq"}, advertising.landing_page),
    ({"recommendations", "pacing"}, advertising.optimisation),
    ({"competitors", "opportunities"}, market.competitors),
    ({"responses", "escalations"}, market.review_answers),
    ({"items", "summary"}, market.search_terms),
    ({"theme", "posttype", "platforms"}, channels.social_calendar_planner),
    ({"platform", "bodytext", "hashtags"}, channels.social_post_writer),
    ({"body", "ctatype", "event", "offer"}, channels.gbp_post_writer),
    ({"lengthseconds", "needs"}, channels.video_planner),
    ({"hook", "scenes", "cta"}, channels.video_script_writer),
    ({"angle", "sections", "offer", "targetaudience"}, channels.newsletter_planner),
    ({"subjectline", "htmlbody", "plaintext"}, channels.email_writer),
    ({"figuresknown", "findings"}, channels.engagement_analyst),
    ({"summary", "findings"}, quality_checker),
]


def of(names: set[str]) -> Role | None:
    return next((role for needed, role in ROLES if needed <= names), None)

"""What the agents that write for channels would answer: topics and posts, and what their figures say."""

import random
import re
from html import escape
from typing import Any

from sandbox.writing import article
from sandbox.writing.banks import Filler, capital, noun
from sandbox.writing.prompt import Facts

OPENINGS = (
    "{Keyword}: what {audience} ask us first",
    "What we check before we recommend {subject}",
    "One question about {subject} that saves money",
    "Behind the scenes: how we work on {subject}",
    "Three things {audience} should know about {subject}",
)
ROOM = {"linkedin": 1_300, "facebook": 500, "instagram": 900, "x_twitter": 140, "tiktok": 150}  # of the text alone
WITHOUT_LINKS = ("instagram", "tiktok")


def social_calendar_planner(facts: Facts, rng: random.Random) -> dict[str, Any]:
    number = unit_number(facts)
    keyword = facts.phrases[(number - 1) % len(facts.phrases)]
    filler = Filler(facts, rng, keyword)
    theme = filler.fill(OPENINGS[(number - 1) % len(OPENINGS)])
    brief = [filler.sentence(), filler.sentence(), f"The picture shows {noun(keyword)} at {facts.company}."]
    if facts.note:
        theme = f"{theme}, with {article.note_topic(facts.note)}"
        brief.insert(1, f"The reviewer's point comes first: {article.note_topic(facts.note)}.")
    return {
        "theme": theme,
        "brief": " ".join(brief),
        "postType": "standard",
        "platforms": connected(facts) or ["linkedin"],
        "date": None,
        "time": None,
        "notes": f"Keep {capital(noun(keyword))} in the picture.",
    }


def connected(facts: Facts) -> list[str]:
    """The platforms of the block `channels`, but for those it calls not connected."""
    lines = facts.blocks.get("channels", "").splitlines()
    found = [re.match(r"- ([a-z_]+): (.+)", line) for line in lines]
    return list(dict.fromkeys(one[1] for one in found if one and not one[2].startswith("not connected")))


def unit_number(facts: Facts) -> int:
    unit = str(facts.first("unitnumber") or 1)
    return int(unit) if unit.isdigit() else 1


def social_post_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    told = re.search(r"^Platform: ([a-z_]+)$", facts.blocks.get("platform", ""), re.MULTILINE)
    platform = told[1] if told else "linkedin"
    topic = facts.blocks.get("social_brief", facts.keyword).strip().splitlines()[0]
    filler = Filler(facts, rng)
    room, parts = ROOM.get(platform, 500), [topic.rstrip(".") + "."]
    if facts.note:
        parts.append(f"{capital(article.note_topic(facts.note))}: this matters most.")
    while sum(map(len, parts)) < room and len(parts) < 6:
        parts.append(filler.sentence())
    text = parts[0]
    for part in parts[1:]:
        if len(text) + len(part) + 2 <= room:
            text += f"\n\n{part}"
    return {
        "platform": platform,
        "bodyText": text[:room],
        "hashtags": hashtags(facts),
        "emojiUsed": False,
        "altText": f"{capital(noun(facts.keyword))} at {facts.company}.",
        "linkUrl": None if platform in WITHOUT_LINKS else facts.website or None,
    }


def hashtags(facts: Facts) -> list[str]:
    """Three, of short phrases."""
    words = ["".join(re.findall(r"[A-Za-z0-9]+", phrase.title())) for phrase in facts.phrases]
    short = [word for word in dict.fromkeys(words) if 2 < len(word) <= 20]
    return [*short, "GoodAdvice", "ClearAnswers", "CarefulWork"][:3]


def gbp_post_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    number = unit_number(facts)
    keyword = facts.phrases[(number - 1) % len(facts.phrases)]
    filler = Filler(facts, rng, keyword)
    text = [filler.fill("{Keyword} at {company}."), filler.sentence(), filler.sentence()]
    if facts.note:
        text.insert(1, f"{capital(article.note_topic(facts.note))}: this matters most.")
    return {
        "topic": filler.fill("{Keyword} at {company}"),
        "body": " ".join(text),
        "ctaType": "learn_more" if facts.website else "call",
        "ctaUrl": facts.website or None,
        "event": None,
        "offer": None,
    }


def video_planner(facts: Facts, rng: random.Random) -> dict[str, Any]:
    number = unit_number(facts)
    keyword = facts.phrases[(number - 1) % len(facts.phrases)]
    filler = Filler(facts, rng, keyword)
    return {
        "title": filler.fill("{Keyword}, shown in half a minute"),
        "angle": f"{filler.sentence()} The viewer sees how it is done at {facts.company}.",
        "targetAudience": facts.audiences[0],
        "platform": "instagram",
        "lengthSeconds": 30,
        "needs": [capital(noun(keyword)), "Somebody who knows the work"],
    }


def video_script_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    filler = Filler(facts, rng)
    scenes = [
        {
            "seconds": 3,
            "visual": filler.fill("Close on {subject}."),
            "voice": None,
            "caption": filler.fill("{Keyword}?"),
        },
        {"seconds": 12, "visual": "Two hands at work.", "voice": filler.sentence(), "caption": None},
        {"seconds": 12, "visual": "The result, from the side.", "voice": filler.sentence(), "caption": "Done"},
    ]
    if facts.note:
        topic = capital(article.note_topic(facts.note))
        scenes.insert(
            2, {"seconds": 5, "visual": f"{topic}.", "voice": f"{topic}: this matters most.", "caption": None}
        )
    return {
        "title": facts.text("title") or filler.fill("{Keyword}, shown in half a minute"),
        "hook": filler.fill("Close on {subject}: what would you check first?"),
        "scenes": scenes,
        "cta": filler.fill("Ask {company} before you decide."),
        "hashtags": hashtags(facts),
    }


def newsletter_planner(facts: Facts, rng: random.Random) -> dict[str, Any]:
    number = unit_number(facts)
    keyword = facts.phrases[(number - 1) % len(facts.phrases)]
    filler = Filler(facts, rng, keyword)
    return {
        "title": filler.fill("{Keyword}: what to know this month"),
        "angle": filler.sentence(),
        "targetAudience": facts.audiences[0],
        "offer": None,
        "sections": [filler.fill("What {audience} ask about {subject}"), "A short list to take away"],
    }


def email_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    title = facts.text("title") or facts.keyword
    filler = Filler(facts, rng)
    parts = [[filler.sentence() for _ in range(3)] for _ in range(2)]
    if facts.note:
        parts.insert(1, [f"{capital(article.note_topic(facts.note))}: this matters most."])
    address = facts.website or "https://example.com/"
    html = "".join(f"<p>{escape(' '.join(part))}</p>" for part in parts)
    return {
        "subjectLine": title[:50],
        "subjectVariants": [f"For you: {title}"[:60]],
        "previewText": "A short list to take away, and one question we are often asked.",
        "htmlBody": f'<h2>{escape(title)}</h2>{html}<p><a href="{escape(address)}">Read more at {escape(facts.company)}</a></p>',
        "plainText": "\n\n".join([title, *(" ".join(part) for part in parts), f"Read more: {address}"]),
    }


def engagement_analyst(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Says what the figures are, and nothing where none are known."""
    figures = facts.blocks.get("figures", "").strip()
    if not figures or "no figures" in figures:
        return {
            "figuresKnown": False,
            "findings": ["Nobody has fetched the figures of this post yet."],
            "recommendations": [],
        }
    return {
        "figuresKnown": True,
        "findings": [f"The figures of this post: {figures}.", "One post proves nothing about the next."],
        "recommendations": ["Open the next post with a question as well, and compare."],
    }

"""What the agents that look into things would answer: analysts, report writers, auditors, link researchers."""

import json
import random
import re
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from sandbox.writing import article
from sandbox.writing.banks import Filler
from sandbox.writing.prompt import Facts


def given(facts: Facts, block: str) -> Any:
    """What a block of JSON holds; None where there is no such block."""
    try:
        return json.loads(facts.blocks.get(block, ""))
    except ValueError:
        return None


def note_line(facts: Facts) -> list[str]:
    """The reviewer's point as a line of its own, where there is one."""
    return [f"As asked for: {article.note_topic(facts.note)}."] if facts.note else []


def data_analyst(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """A goal is read from the figure that bears its metric's name; all others stay unmeasured."""
    figures = {figure["key"]: figure for figure in (given(facts, "figures") or {}).get("figures", [])}
    goals = given(facts, "goals") or []
    measured = [goal for goal in goals if goal["metric"] in figures]
    unmeasured = [goal["name"] for goal in goals if goal["metric"] not in figures]
    told = [f"{figure['label']}: {figure['value']}." for figure in figures.values()]
    return {
        "goalUpdates": [
            {
                "goal": goal["goal"],
                "figure": goal["metric"],
                "value": figures[goal["metric"]]["value"],
                "evidence": f"The figure counts exactly what “{goal['name']}” is measured by.",
            }
            for goal in measured
        ],
        "strengths": [line for line, figure in zip(told, figures.values(), strict=True) if float(figure["value"]) > 0][
            :3
        ],
        "weaknesses": [f"Nothing measures “{name}” yet." for name in unmeasured[:3]],
        "opportunities": [Filler(facts, rng).fill("Readers ask about {a}; one article could answer that.")],
        "recommendations": [*note_line(facts), "Connect search and visit figures, so that every goal has a source."],
        "findings": [f"The figures do not tell: {name}." for name in unmeasured[:2]]
        if "task_values" in facts.blocks
        else [],
    }


def report_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    collected = given(facts, "figures") or {"first": "2026-01-01", "last": "2026-01-31", "figures": []}
    month = f"{date.fromisoformat(collected['last']):%B %Y}"
    filler = Filler(facts, rng)
    told = [f"{figure['label']}: {figure['value']}" for figure in collected["figures"]]
    sections = [
        "## What was done\n\n" + "\n".join(f"- {line}" for line in told[:6]) + f"\n\n{filler.sentence()}",
        f"## What came of it\n\n{filler.sentence()} {filler.sentence()}",
        f"## What did not work\n\n{filler.sentence()}",
    ]
    if facts.note:
        sections.append(f"## {article.note_heading(facts.note)}\n\n{article.note_answer(facts)}")
    return {
        "title": f"How {month} went for {facts.company}",
        "executiveSummary": f"This report is about {month}. " + (f"{told[0]}. " if told else "") + filler.sentence(),
        "highlights": told[:4] or ["The first figures are counted."],
        "sectionsMarkdown": "\n\n".join(sections),
        "nextMonth": [filler.fill("An article about {a}, for more visits from search"), *note_line(facts)],
    }


def site_auditor(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Reads the measures as a careful person would: short texts, missing descriptions, addresses that are gone."""
    measured = given(facts, "measured") or {"pages": [], "notRead": [], "titlesUsedTwice": []}
    pages = sorted(measured["pages"], key=lambda page: page["words"])
    found = [
        {
            "area": "on_page",
            "severity": "medium",
            "page": page["url"],
            "issue": f"The description has {page['descriptionLength']} characters; 120 to 155 are shown in full.",
            "fix": "Write a description of 120 to 155 characters that says what visitors get here.",
        }
        for page in pages
        if not 120 <= page["descriptionLength"] <= 155
    ][:2]
    found += [
        {
            "area": "content",
            "severity": "low",
            "page": page["url"],
            "issue": f"The page has {page['words']} words only.",
            "fix": "Answer the two questions that customers ask most often about this.",
        }
        for page in pages[:2]
    ]
    found += [
        {
            "area": "technical",
            "severity": "high",
            "page": page["url"],
            "issue": "A link leads to a page that is not there.",
            "fix": "Correct the link, or send visitors on to the page that took its place.",
        }
        for page in measured["notRead"]
        if page["reason"] == "http_404"
    ][:2]
    if facts.note:
        found.append(
            {
                "area": "content",
                "severity": "medium",
                "page": "",
                "issue": note_line(facts)[0],
                "fix": article.note_answer(facts)[:900],
            }
        )
    order = ["high", "medium", "low"]
    return {
        "summary": f"{len(pages)} pages of {facts.company} were measured; {len(found)} points are worth the effort.",
        "scores": {"technical": 90, "onPage": 80, "content": 84},
        "findings": sorted(found, key=lambda finding: order.index(finding["severity"])),
    }


def action_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """One action for each finding of the audit, which comes as Markdown."""
    found = re.findall(
        r"^### (\w[\w ]*): (.+)\n\n(.+)\n\n\*\*Fix:\*\* (.+)$", facts.blocks.get("audit", ""), re.MULTILINE
    )
    areas = {"Technical": "technical", "On the page": "on_page", "Content": "content", "Links": "links"}
    actions = [
        {
            "title": fix.split(".")[0][:80],
            "area": areas.get(area, "local"),
            "severity": "high" if area == "Technical" else "medium" if area == "On the page" else "low",
            "page": re.sub(r"\\(.)", r"\1", page) if page.startswith("http") else "",
            "steps": f"1. {issue}\n2. {fix}",
            "owner": "client" if area == "Content" else "agency",
        }
        for area, page, issue, fix in found
    ]
    if re.search(r"\b(?:fewer|only one|just one|drop|leave out)\b", facts.note, re.IGNORECASE):
        actions = actions[:1]
    return {
        "summary": " ".join(
            [f"These {len(actions)} improvements help people find and trust {facts.company}.", *note_line(facts)]
        ),
        "actions": actions,
    }


def listing_checker(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """The telephone number on the pages that were read, against the one that is right."""
    values, measured = given(facts, "task_values") or {}, given(facts, "measured") or {"pages": []}
    right = re.sub(r"\D", "", values.get("phone", ""))
    differing = []
    for page in measured["pages"]:
        for number in re.findall(r"\+?\d[\d ()/-]{7,}\d", page["excerpt"]):
            if right and re.sub(r"\D", "", number) != right:
                differing.append((page["url"], f"{number} stands there; {values['phone']} is right."))
    return {
        "summary": f"{len(measured['pages'])} pages of the website were compared; no directory could be looked up.",
        "differences": [
            {"place": "Own website", "address": url, "difference": difference} for url, difference in differing[:10]
        ],
    }


GUIDE = "/site/quay-notes/"  # the rehearsal's magazine, whose pages link to the companies next door
PAGE_ABOUT = {"harbour-coffee": "coffee", "lumen-physio": "clinics", "northfield-solar": "roofs"}
GUIDE_PAGES = ("coffee", "mornings", "clinics", "roofs", "markets", "walks")


def backlink_researcher(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """Two pages of the rehearsal's magazine for each unit, others for the next; a note brings yet others."""
    parts = urlsplit(facts.website)
    unit = int(str(facts.first("unitnumber") or 1))
    known = facts.blocks.get("known_links", "")
    about = [page for folder, page in PAGE_ABOUT.items() if folder in facts.website] if unit == 1 else []
    pages = [*about, *GUIDE_PAGES[2 * unit - 2 :], *GUIDE_PAGES]
    addresses = [f"{parts.scheme}://{parts.netloc}{GUIDE}{page}/" for page in dict.fromkeys(pages)]
    free = [address for address in addresses if f"{address} (" not in known] or addresses
    if facts.note:
        free = free[1:] or free
    return {
        "prospects": [
            {
                "sourceDomain": parts.hostname,
                "sourceUrl": address,
                "prospectType": "outreach",
                "relevanceScore": 86 - 7 * position,
                "pitchRationale": " ".join(
                    [f"Readers of Quay Notes look for what {facts.company} offers nearby.", *note_line(facts)]
                ),
                "contactEmail": f"{address.rstrip('/').rsplit('/', 1)[1]}@quay-notes.example",
                "targetPage": facts.website,
            }
            for position, address in enumerate(free[:2])
        ]
    }


def outreach_writer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    mails = []
    for prospect in given(facts, "prospects") or []:
        about = prospect["theirPage"].rstrip("/").rsplit("/", 1)[1]
        lines = [
            "Hello,",
            f"I write for {facts.company}. Your page about {about} ({prospect['theirPage']}) tells readers what is good "
            f"on the quay, and one thing they ask for is not on it yet.",
            f"This page of ours answers it: {prospect['ourPage']} If it helps your readers, would you consider a link?",
            *note_line(facts),
            "If not, a word is enough and we will not write again.",
            f"Kind regards, {facts.company}",
        ]
        mails.append(
            {
                "prospect": prospect["prospect"],
                "to": prospect["to"],
                "subject": f"A page for your readers about {about}",
                "body": "\n\n".join(lines),
                "followUpBody": f"Hello,\n\none more line about {prospect['ourPage']}, and the last. Kind regards, "
                f"{facts.company}",
                "personalisation": [f"Names their page about {about}"],
            }
        )
    return {"mails": mails}


def link_checker(facts: Facts, rng: random.Random) -> dict[str, Any]:
    checks = given(facts, "checks") or []
    live = [check for check in checks if check["is_live"]]
    return {
        "summary": f"{len(live)} of {len(checks)} links are on their pages.",
        "oddities": [f"{check['page']}: {check['sentence']}" for check in checks if not check["is_live"]],
    }


def link_reviewer(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """A link whose anchor is a row of search words looks bought."""
    links = given(facts, "links") or []
    return {
        "summary": f"{len(links)} links were looked at.",
        "harmful": [
            {"link": link["link"], "reason": f"The anchor “{link['anchor']}” repeats search phrases."}
            for link in links
            if re.search(r"\b(?:cheap|best|buy)\b", link["anchor"], re.IGNORECASE)
        ],
    }


ROLES = [
    ({"goalupdates"}, data_analyst),
    ({"executivesummary", "sectionsmarkdown"}, report_writer),
    ({"findings", "scores"}, site_auditor),
    ({"actions", "summary"}, action_writer),
    ({"differences", "summary"}, listing_checker),
    ({"prospects"}, backlink_researcher),
    ({"mails"}, outreach_writer),
    ({"oddities"}, link_checker),
    ({"harmful"}, link_reviewer),
]

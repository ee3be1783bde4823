"""What the checks and the advising agents found on a text, as the card of its decision shows it."""

from typing import Any

from ..checks import CHECKS, Level
from ..models import Approval

TONES = {Level.FAIL: "danger", Level.WARN: "warning", Level.INFO: "neutral"}
ICONS = {Level.FAIL: "circle-alert", Level.WARN: "triangle-alert", Level.INFO: "info"}
LABELS = {Level.FAIL: "must be mended", Level.WARN: "to look at", Level.INFO: "to know"}
SEVERITIES = {"serious": Level.WARN, "minor": Level.INFO}


def found_on(approval: Approval) -> dict[str, Any]:
    """For components/findings.html: exactly what the decision is bound to."""
    body = approval.shown_snapshot.get("body", {})
    rows = [
        _row(found["level"], found["sentence"], found["part"], found["line"], found["quote"])
        for found in body.get("checks", ())
    ]
    return {
        "is_checked": "checks" in body,
        "rows": rows,
        "counts": _counts(found["level"] for found in body.get("checks", ())),
        "needs_care": any(found["level"] != Level.INFO for found in body.get("checks", ())),
        "checks": len(CHECKS),
        "advice": [
            {
                "summary": advice["summary"],
                "is_about_this": advice["read"] == body.get("sha256"),
                "rows": [
                    _row(
                        SEVERITIES[each["severity"]],
                        f"{each['problem']} {each['suggestion']}".strip(),
                        "",
                        0,
                        each["quote"],
                    )
                    for each in advice["findings"]
                ],
            }
            for advice in approval.shown_snapshot.get("advice", ())
            if advice
        ],
    }


def _row(level: str, sentence: str, part: str, line: int, quote: str) -> dict[str, str]:
    place = f"{part.capitalize()}, line {line}" if line else part.capitalize()
    return {"tone": TONES[Level(level)], "icon": ICONS[Level(level)], "text": sentence, "place": place, "quote": quote}


def _counts(levels) -> str:
    found = list(levels)
    return ", ".join(f"{found.count(level)} {LABELS[level]}" for level in Level if level in found)

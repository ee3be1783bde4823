"""What a channel's score is made of: a rubric per platform as a table, and the arithmetic. Pure.

A score is the sum of its parts, rounded once, 0 to 100. A part that nothing is known about counts 0 and says why. Who
changes a rubric raises its version: the rubric that was applied is kept with each score.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

PERIOD_DAYS = 30
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Fact:
    """A figure for one part of a score, None where there is no data; `told` says it, or why there is none."""

    value: float | None
    told: str


@dataclass(frozen=True)
class Days:
    """Both of them included."""

    first: date
    last: date


def periods(last: date) -> tuple[Days, Days]:
    """The 30 days that end with this one, and the 30 before them."""
    first = last - timedelta(days=PERIOD_DAYS - 1)
    return Days(first, last), Days(first - timedelta(days=PERIOD_DAYS), first - timedelta(days=1))


def change(now: float, before: float) -> float | None:
    """0.1 is a tenth more; None where there was nothing to compare with."""
    return (now - before) / before if before > 0 else None


def lin(x: float, full: float) -> float:
    """min(1, x / full), and nothing below 0."""
    return max(0.0, min(1.0, x / full))


@dataclass(frozen=True)
class Rule:
    """Which share of a part's points a figure earns, from 0 to 1; `words` stand in the rubric that is kept."""

    words: str
    share: Callable[[float], float]


YES = Rule("yes", lambda x: 1.0 if x else 0.0)
SHARE = Rule("x", lambda x: lin(x, 1))


def count(full: float) -> Rule:
    return Rule(f"lin(x, {full:g})", lambda x: lin(x, full))


def rate(full: float) -> Rule:
    return Rule(f"lin(x, {full:.4g})", lambda x: lin(x, full))


def growth(full: float) -> Rule:
    return Rule(f"lin(change, {full:+.4g})", lambda x: lin(x, full))


def at_least(least: float) -> Rule:
    return Rule(f"x >= {least:g}", lambda x: 1.0 if x >= least else 0.0)


def at_most(*steps: tuple[float, float]) -> Rule:
    """The share of the first step that the figure does not pass: (10, 1.0), (20, 0.5)."""
    words = ", ".join(f"x <= {most:g}: {share:g}" for most, share in steps)
    return Rule(words, lambda x: next((share for most, share in steps if x <= most), 0.0))


@dataclass(frozen=True)
class Part:
    key: str
    label: str
    maximum: int
    rule: Rule


@dataclass(frozen=True)
class Rubric:
    """Three groups of parts; their maxima sum up to 100."""

    version: int
    completeness: tuple[Part, ...]
    activity: tuple[Part, ...]
    result: tuple[Part, ...]

    @property
    def parts(self) -> list[tuple[str, Part]]:
        """(group, part), in the order in which they are shown."""
        groups = {"completeness": self.completeness, "activity": self.activity, "result": self.result}
        return [(group, part) for group, parts in groups.items() for part in parts]


# fmt: off
RUBRICS = {
    "wordpress": Rubric(
        version=1,
        completeness=(
            Part("https",           "Reached over HTTPS",                     5, YES),
            Part("sitemap",         "Sitemap",                                5, YES),
            Part("analytics_tag",   "Analytics tag",                          5, YES),
            Part("meta",            "Titles and descriptions on the sample", 10, at_least(0.9)),
            Part("links",           "No broken links on the sample",          5, YES),
        ),
        activity=(
            Part("posts",           "Posts in 30 days",                      30, count(8)),
            Part("updated_posts",   "Older posts updated in 30 days",        10, count(2)),
        ),
        result=(
            Part("indexed",         "Posts that Google shows",               15, SHARE),
            Part("clicks_change",   "Clicks from Google, change",            15, growth(0.10)),
        ),
    ),
    "google_search_console": Rubric(
        version=1,
        completeness=(
            Part("verified",        "Property verified",                     10, YES),
            Part("sitemaps",        "Sitemap without errors",                10, YES),
            Part("coverage",        "Index coverage",                        10, at_least(0.9)),
        ),
        activity=(
            Part("pages_change",    "Pages that Google shows, change",       15, growth(0.05)),
            Part("new_queries",     "New searches in the top 20",            15, count(10)),
        ),
        result=(
            Part("clicks_change",   "Clicks, change",                        20, growth(0.10)),
            Part("click_rate",      "Click rate",                            10, rate(0.03)),
            Part("position",        "Average position",                      10, at_most((10, 1.0), (20, 0.5))),
        ),
    ),
    "google_analytics": Rubric(
        version=1,
        completeness=(
            Part("arriving",        "Data arrives",                          15, YES),
            Part("conversions",     "Key events defined",                    15, YES),
            Part("linked",          "Linked to Google Ads and Search",       10, YES),
        ),
        activity=(
            Part("days",            "Days with data",                        20, SHARE),
        ),
        result=(
            Part("sessions_change", "Sessions, change",                      15, growth(0.10)),
            Part("engagement_rate", "Engagement rate",                       10, rate(0.60)),
            Part("conversion_rate", "Key events per session",                15, rate(0.02)),
        ),
    ),
}
# fmt: on


@dataclass(frozen=True)
class Scored:
    """`breakdown` and `criteria` are JSON, as `channels` and `channel_scores` keep them."""

    score: int
    breakdown: dict[str, Any]
    criteria: dict[str, Any]


def scored(platform: str, facts: Mapping[str, Fact]) -> Scored:
    """What these facts score by the platform's rubric; there is a fact for each of its parts."""
    rubric = RUBRICS[platform]
    parts = [_part(group, part, facts[part.key]) for group, part in rubric.parts]
    total = sum((Decimal(str(part["value"])) for part in parts), Decimal(0))
    return Scored(
        score=int(total.quantize(Decimal(1), ROUND_HALF_UP)),
        breakdown={"period_days": PERIOD_DAYS, "parts": parts},
        criteria={
            "platform": platform,
            "version": rubric.version,
            "period_days": PERIOD_DAYS,
            "parts": [
                {"key": part.key, "label": part.label, "group": group, "maximum": part.maximum, "rule": part.rule.words}
                for group, part in rubric.parts
            ],
        },
    )


def _part(group: str, part: Part, fact: Fact) -> dict[str, Any]:
    share = 0.0 if fact.value is None else part.rule.share(fact.value)
    value = (Decimal(part.maximum) * Decimal(str(share))).quantize(HUNDREDTH, ROUND_HALF_UP)
    return {
        "key": part.key,
        "label": part.label,
        "group": group,
        "value": float(value),
        "maximum": part.maximum,
        "has_data": fact.value is not None,
        "told": fact.told,
    }

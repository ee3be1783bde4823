"""Website audits as work: the site is measured, findings are reviewed, and what the client approves becomes tasks.

What is measured is kept on the step that measured it. A model judges it; it cannot name a page that was not there.
"""

import json
from collections import Counter
from datetime import datetime
from typing import Any

from apps.activities import material
from apps.activities import operations as work
from apps.activities.models import Activity
from apps.activities.onboarding import WebsiteUnreadable
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.activities.registry import Kept
from apps.activities.statuses import HumanRole, Priority
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.strategy import outside
from apps.tenants.models import Tenant

from .audit_bodies import Action, ActionList, Audit, ListingCheck
from .markup import listed, plain, row
from .reports import tell_reviewer

LIMITS = outside.CrawlLimits(pages=25, seconds=45.0)
EXCERPT = 600  # characters of a page's text that are kept and shown to the auditor
PRIORITIES = {"high": Priority.HIGH, "medium": Priority.NORMAL, "low": Priority.LOW}
OWNERS = {"agency": HumanRole.REVIEWER, "client": HumanRole.ADMIN}
WHO = {"agency": "Your agency does this", "client": "You do this"}
AREAS = {"technical": "Technical", "on_page": "On the page", "content": "Content", "links": "Links", "local": "Local"}


class PageUnknown(OperationRefused):
    """A finding names a page that was not measured. Have the step tried again."""

    code = "page_unknown"


def measure(activity: Activity, *, by: Actor, at: datetime) -> None:
    """Read the client's site through the egress door and keep what can be counted on the step.

    Raises WebsiteUnreadable.
    """
    tenant = Tenant.objects.get(pk=activity.tenant_id)
    if not tenant.website:
        raise WebsiteUnreadable("The client has no website address yet. Add it in Manage, then retry this step.")
    crawl = outside.crawl_website(tenant.website, limits=LIMITS)
    if crawl.failed is not None:
        raise WebsiteUnreadable(crawl.failed.sentence)
    work.keep_input(activity, measured=measures(crawl), at=at)


def measures(crawl: outside.Crawl) -> dict[str, Any]:
    """What a crawl shows in figures: lengths and words per page, titles used twice, addresses that could not be read."""
    titles = Counter(page.title for page in crawl.pages if page.title)
    return {
        "pages": [
            {
                "url": page.url,
                "title": page.title,
                "titleLength": len(page.title),
                "description": page.description,
                "descriptionLength": len(page.description),
                "words": len(page.text.split()),
                "excerpt": page.text[:EXCERPT],
            }
            for page in crawl.pages
        ],
        "titlesUsedTwice": sorted(title for title, count in titles.items() if count > 1),
        "notRead": [{"url": url, "reason": reason} for url, reason in crawl.skipped[:50]],
    }


def measured_at(activity: Activity) -> dict[str, Any]:
    return activity.input_data["measured"]


def gather_audit(activity: Activity) -> list[DataBlock]:
    return [
        material.context(),
        *material.promise(activity),
        DataBlock("measured", json.dumps(measured_at(activity), ensure_ascii=False, indent=2)),
        *material.previous(activity),
    ]


def _refuse_unmeasured(pages: list[str], measured: dict[str, Any]) -> None:
    there = {"", *(page["url"] for page in measured["pages"]), *(page["url"] for page in measured["notRead"])}
    if not set(pages) <= there:
        raise PageUnknown


def receive_audit(output: Audit, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Findings change no row: the reviewer decides on them. Raises PageUnknown."""
    _refuse_unmeasured([finding.page for finding in output.findings], measured_at(activity))


def audit_as_text(audit: Audit) -> tuple[str, str]:
    scores = audit.scores
    parts = [
        f"## Summary\n\n{audit.summary}",
        f"Technical {scores.technical}, on the page {scores.on_page}, content {scores.content}, of 100 each.",
    ]
    for severity in ("high", "medium", "low"):
        found = [finding for finding in audit.findings if finding.severity == severity]
        if found:
            parts.append(f"## {severity.capitalize()} priority")
        parts += [
            f"### {AREAS[finding.area]}: {plain(finding.page) or 'the whole site'}\n\n{finding.issue}\n\n"
            f"**Fix:** {finding.fix}"
            for finding in found
        ]
    return "\n\n".join(parts), "text/markdown"


def measures_as_text(activity: Activity) -> str:
    """The pages that were measured, below the findings: what the auditor had to go by."""
    measured = measured_at(activity)
    lines = ["## What was measured", "", "| Page | Words | Title | Description |", "| --- | ---: | ---: | ---: |"]
    lines += [
        row(page["url"], str(page["words"]), str(page["titleLength"]), str(page["descriptionLength"]))
        for page in measured["pages"]
    ]
    if measured["notRead"]:
        left_out = [f"{page['url']}: {page['reason'].replace('_', ' ')}" for page in measured["notRead"]]
        lines += ["", "Not read:", "", listed([plain(line) for line in left_out])]
    return "\n".join(lines)


def gather_actions(activity: Activity) -> list[DataBlock]:
    return [
        material.context(),
        DataBlock("audit", output_of(activity.unit, "crawl_and_measure")),
        *material.previous(activity),
    ]


def receive_actions(output: ActionList, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The proposed actions are kept on the step, from where their approval makes the tasks. Raises PageUnknown."""
    measured = measured_at(activity.unit.steps.get(pipeline_step="crawl_and_measure"))
    _refuse_unmeasured([action.page for action in output.actions], measured)
    work.keep_outcome(activity, actions=[action.model_dump(mode="json") for action in output.actions])


def actions_as_text(proposed: ActionList) -> tuple[str, str]:
    parts = [proposed.summary]
    for number, action in enumerate(proposed.actions, start=1):
        where = plain(action.page) or "the whole site"
        parts.append(
            f"## {number}. {plain(action.title)}\n\n"
            + listed([f"**Where:** {where}", f"**Priority:** {action.severity}", f"**Who:** {WHO[action.owner]}"])
            + f"\n\n{action.steps}"
        )
    return "\n\n".join(parts), "text/markdown"


def title_of_actions(proposed: ActionList) -> str:
    count = len(proposed.actions)
    return f"{count} improvement{'' if count == 1 else 's'} of your website"


def release_actions(step: Activity, *, by: Actor, at: datetime, gate: Activity) -> None:
    """The client approved: every action becomes a task of whoever it is for."""
    for number, kept in enumerate(step.output_summary.get("actions", []), start=1):
        action = Action.model_validate(kept)
        work.raise_task(
            tenant_id=step.tenant_id,
            title=action.title,
            note=f"{action.page or 'The whole site'}\n\n{action.steps}",
            origin=f"audit:{step.ref_id}/{number}",
            role=OWNERS[action.owner],
            priority=PRIORITIES[action.severity],
            by=by,
            at=at,
            about={"checked": step.ref_id},
        )


def gather_listings(activity: Activity) -> list[DataBlock]:
    return [
        material.context(),
        DataBlock("measured", json.dumps(measured_at(activity), ensure_ascii=False, indent=2)),
    ]


def receive_listings(output: ListingCheck, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """What differs is told to a reviewer, who corrects it there."""
    found = [f"{entry.place} {entry.address}: {entry.difference}" for entry in output.differences]
    tell_reviewer(activity, found, by=by, at=at)

"""Onboarding and strategy as agents' work: what the agents are told, how answers are kept, which rows they change."""

import json

from django.utils import timezone

from apps import storage
from apps.shared.errors import OperationRefused
from apps.strategy import bodies, operations, outside, queries
from apps.tenants.models import Tenant

from .models import Activity
from .operations import Job, context_files
from .prompting import DataBlock
from .queries import output_of
from .registry import Kept

URL_SHOWN = 200


class WebsiteUnreadable(OperationRefused):
    """The client's website could not be read. Correct its address in Manage, then retry this step."""

    code = "website_unreadable"


def subject(activity: Activity) -> str:
    return activity.subject_ref


def crawl(job: Job) -> dict:
    """Read the client's website and keep its text; the research begins with it. Raises WebsiteUnreadable.

    A crawl that was stopped begins anew: it takes a minute, and two halves of different days are no picture of a site.
    """
    activity, by = job.activity, job.by
    run = queries.onboarding_run_of(activity.subject_ref)
    operations.start_research(run, by=by, at=timezone.now())
    tenant = Tenant.objects.get(pk=activity.tenant_id)
    if not tenant.website:
        raise WebsiteUnreadable("The client has no website address yet. Add it in Manage, then retry this step.")
    result = outside.crawl_website(
        tenant.website,
        on_progress=lambda so_far: job.tell(
            f"Reading {so_far.url[:URL_SHOWN]}", done=so_far.pages_read, total=so_far.pages_known
        ),
    )
    if result.failed is not None:
        raise WebsiteUnreadable(result.failed.sentence)
    text = "\n\n".join(
        f"# {page.title or page.url}\n{page.url}\n{page.description}\n\n{page.text}" for page in result.pages
    )
    pointer = storage.write(
        storage.OnboardingResearch(
            runId=run.ref_id, sources=[page.url for page in result.pages], createdOn=timezone.now()
        ),
        {"websiteText": text},
    )
    return {
        "research": pointer,
        "pages": len(result.pages),
        "characters": len(text),
        "skipped": [list(pair) for pair in result.skipped[:50]],
    }


def _website_text(activity: Activity) -> str:
    crawled = activity.unit.steps.get(pipeline_step="crawl_website")
    return storage.read_one(storage.OnboardingResearch, crawled.output_summary["research"], part="websiteText").text


def gather_research(activity: Activity) -> list[DataBlock]:
    return [DataBlock("website_text", _website_text(activity), limit=200_000)]


def research_as_text(research: bodies.Research) -> tuple[str, str]:
    return json.dumps(research.model_dump(mode="json"), ensure_ascii=False, indent=2), "application/json"


def keep_research(research: bodies.Research, *, activity: Activity, at) -> dict[str, str]:
    """The research split: one document, each kind of text under its own key."""
    pointer = storage.write(
        storage.OnboardingResearch(runId=activity.subject_ref, sources=list(research.sources), createdOn=at),
        {
            "competitorResearch": research.competitor_research,
            "industryContext": research.industry_context,
            "rawNotes": research.raw_notes,
        },
    )
    return {"research": pointer}


def receive_research(research: bodies.Research, *, activity: Activity, kept: Kept, by, at) -> None:
    run = queries.onboarding_run_of(activity.subject_ref)
    operations.keep_research(run, summary=research.business_summary, by=by, at=at)


def gather_context(activity: Activity) -> list[DataBlock]:
    blocks = [DataBlock("research", output_of(activity.unit, "research"))]
    if competitors := output_of(activity.unit, "competitors"):  # a step that a pipeline may have
        blocks.append(DataBlock("competitors", competitors))
    if activity.revision_note and activity.output_ref:
        blocks.append(DataBlock("previous_draft", storage.read_one(storage.ActivityOutput, activity.output_ref).text))
    return blocks


def context_as_text(context: bodies.ContextFile) -> tuple[str, str]:
    return context.markdown, "text/markdown"


def keep_context_file(context: bodies.ContextFile, *, activity: Activity, at) -> dict[str, str]:
    return context_files.store(context.markdown, run_ref=activity.subject_ref, at=at)


def receive_context_file(context: bodies.ContextFile, *, activity: Activity, kept: Kept, by, at) -> None:
    run = queries.onboarding_run_of(activity.subject_ref)
    operations.submit_context_file(run, skill_pointer=kept.extra["skill"], by=by, at=at)


def gather_strategy(activity: Activity) -> list[DataBlock]:
    blocks = [DataBlock("context_file", context_files.approved())]
    active = queries.active_strategy()
    if active is not None:
        blocks.append(DataBlock("existing_strategy", f"{active.summary}\n\n{active.rationale}"))
        blocks.append(
            DataBlock(
                "goals",
                "\n".join(f"- {g.name}: {g.current_value} of {g.target_value}" for g in queries.goals_of(active)),
            )
        )
    if activity.revision_note and activity.output_ref:
        blocks.append(DataBlock("previous_draft", storage.read_one(storage.ActivityOutput, activity.output_ref).text))
    return blocks


def strategy_as_text(draft: bodies.StrategyDraft) -> tuple[str, str]:
    return draft.strategy_markdown, "text/markdown"


def keep_strategy(draft: bodies.StrategyDraft, *, activity: Activity, at) -> dict[str, str]:
    """The narrative under the strategy's fixed key; a second draft is a new version of it."""
    strategy = queries.strategy_of(activity.subject_ref)
    headings = [line.lstrip("# ").strip() for line in draft.strategy_markdown.splitlines() if line.startswith("#")]
    pointer = storage.write(
        storage.StrategyContent(
            strategyId=strategy.ref_id, version=strategy.version, headings=headings[:100], createdOn=at
        ),
        {"": draft.strategy_markdown},
    )
    return {"strategy": pointer}


def receive_strategy(draft: bodies.StrategyDraft, *, activity: Activity, kept: Kept, by, at) -> None:
    strategy = queries.strategy_of(activity.subject_ref, lock=True)
    operations.submit_strategy(strategy, draft, by=by, at=at)

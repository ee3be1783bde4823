"""What points at what over all apps: for `verify_integrity`, and for the sweep that removes what nothing points at."""

from apps.activities.models import Activity, ActivityRun, AgentConfig, Approval, ReviewComment
from apps.activities.statuses import RunStatus
from apps.billing import integrity as billing
from apps.content.models import BlogPost, SocialPost
from apps.shared.models import JournalEntry
from apps.storage.documents import ActivityOutput, OnboardingResearch, Skill, StrategyContent
from apps.storage.integrity import FoundByRef, PointerColumn
from apps.strategy.models import Campaign, OnboardingRun, Strategy
from apps.strategy.statuses import OnboardingStatus, StrategyStatus

POINTERS = [
    PointerColumn(Activity, ActivityOutput, lambda a: [(a.output_ref, a.output_summary.get("sha256"))]),
    PointerColumn(Activity, OnboardingResearch, lambda a: [(a.output_summary.get("research", ""), None)]),
    PointerColumn(
        Approval, ActivityOutput, lambda a: [(a.content_ref, a.shown_snapshot.get("body", {}).get("sha256"))]
    ),
    PointerColumn(BlogPost, ActivityOutput, lambda post: [(post.content_ref, None)]),
    PointerColumn(Campaign, ActivityOutput, lambda campaign: [(campaign.brief_ref, None)]),
    PointerColumn(SocialPost, ActivityOutput, lambda post: [(post.content_ref, None)]),
    PointerColumn(ReviewComment, ActivityOutput, lambda comment: [(comment.content_ref, None)]),
    PointerColumn(OnboardingRun, Skill, lambda run: [(run.context_file_id, None)]),
    PointerColumn(AgentConfig, Skill, lambda config: [(pointer, None) for pointer in config.skill_ids]),
]

WITHOUT_RESEARCH = (OnboardingStatus.PENDING, OnboardingStatus.RESEARCHING)
FOUND_BY_REF = [
    FoundByRef(lambda: Strategy.objects.exclude(status=StrategyStatus.DRAFT), StrategyContent, "strategyId"),
    FoundByRef(lambda: OnboardingRun.objects.exclude(status__in=WITHOUT_RESEARCH), OnboardingResearch, "runId"),
]


# Which old documents must stay. People read the history of a text, so an output stays while its run did not end badly,
# and a person's edit while the journal tells of it; where that cannot be told, it stays.
EDIT_CODES = {"blog_post": "blog_post.edited"}  # type of an output -> the entry that names the pointer of its edit


def live_outputs(candidates: list[tuple[str, ActivityOutput]]) -> set[str]:
    pointers = [pointer for pointer, _ in candidates]
    live = set(Activity.with_deleted.filter(output_ref__in=pointers).values_list("output_ref", flat=True))
    live |= set(Approval.objects.filter(content_ref__in=pointers).values_list("content_ref", flat=True))
    live |= set(Campaign.with_deleted.filter(brief_ref__in=pointers).values_list("brief_ref", flat=True))
    for rows in (BlogPost, SocialPost, ReviewComment):
        live |= set(rows.with_deleted.filter(content_ref__in=pointers).values_list("content_ref", flat=True))
    runs = ActivityRun.objects.filter(ref_id__in={d.activityRunId for _, d in candidates if d.activityRunId})
    alive = set(runs.exclude(status__in=[RunStatus.FAILED, RunStatus.TIMED_OUT]).values_list("ref_id", flat=True))
    named = set(
        JournalEntry.objects.filter(code__in=EDIT_CODES.values(), after__content_ref__in=pointers).values_list(
            "after__content_ref", flat=True
        )
    )
    for pointer, document in candidates:
        ended_well = document.activityRunId in alive
        cannot_be_told = document.activityRunId is None and (
            document.authorType != "human" or document.type not in EDIT_CODES
        )
        if ended_well or cannot_be_told or pointer in named:
            live.add(pointer)
    return live


def live_research(candidates: list[tuple[str, OnboardingResearch]]) -> set[str]:
    return _known(candidates, OnboardingRun, "runId")


def live_strategies(candidates: list[tuple[str, StrategyContent]]) -> set[str]:
    return _known(candidates, Strategy, "strategyId")


def live_skills(candidates: list[tuple[str, Skill]]) -> set[str]:
    """Versions of a context file have no run of their own, and overrides are people's: all stay while the client does."""
    return {pointer for pointer, _ in candidates}


def _known(candidates: list, rows, field: str) -> set[str]:
    refs = {getattr(document, field) for _, document in candidates}
    known = set(rows.with_deleted.filter(ref_id__in=refs).values_list("ref_id", flat=True))
    return {pointer for pointer, document in candidates if getattr(document, field) in known}


IS_REFERENCED = {
    ActivityOutput: live_outputs,
    OnboardingResearch: live_research,
    StrategyContent: live_strategies,
    Skill: live_skills,
}

# Further rules of states that belong together in several tables: (code, statement), see apps/activities/integrity.py.
PUBLISHED_UNCONFIRMED = """
SELECT 'blog_posts', p.ref_id, 'published, and no attempt was confirmed'
  FROM blog_posts p
 WHERE p.tenant_id = %(tenant)s AND p.deleted_on IS NULL AND p.status = 'published'
   AND NOT EXISTS (SELECT FROM publish_attempts a WHERE a.tenant_id = p.tenant_id AND a.subject_ref = p.ref_id
                                                    AND a.status = 'confirmed')
"""
CONFIRMED_UNPUBLISHED = """
SELECT 'blog_posts', p.ref_id, 'an attempt is confirmed, and the post is ' || p.status
  FROM blog_posts p
 WHERE p.tenant_id = %(tenant)s AND p.deleted_on IS NULL AND p.status IN ('draft', 'writing', 'scheduled')
   AND EXISTS (SELECT FROM publish_attempts a WHERE a.tenant_id = p.tenant_id AND a.subject_ref = p.ref_id
                                                AND a.status = 'confirmed')
"""
SOCIAL_UNCONFIRMED = """
SELECT 'social_posts', p.ref_id, 'published, and no attempt was confirmed'
  FROM social_posts p
 WHERE p.tenant_id = %(tenant)s AND p.deleted_on IS NULL AND p.status = 'published'
   AND NOT EXISTS (SELECT FROM publish_attempts a WHERE a.tenant_id = p.tenant_id AND a.subject_ref = p.ref_id
                                                    AND a.status = 'confirmed')
"""
SOCIAL_UNPUBLISHED = """
SELECT 'social_posts', p.ref_id, 'an attempt is confirmed, and the post is ' || p.status
  FROM social_posts p
 WHERE p.tenant_id = %(tenant)s AND p.deleted_on IS NULL AND p.status IN ('draft', 'writing', 'scheduled', 'failed')
   AND EXISTS (SELECT FROM publish_attempts a WHERE a.tenant_id = p.tenant_id AND a.subject_ref = p.ref_id
                                                AND a.status = 'confirmed')
"""
RULES = [
    ("illegal_state", PUBLISHED_UNCONFIRMED),
    ("illegal_state", CONFIRMED_UNPUBLISHED),
    ("illegal_state", SOCIAL_UNCONFIRMED),
    ("illegal_state", SOCIAL_UNPUBLISHED),
    *billing.RULES,
]

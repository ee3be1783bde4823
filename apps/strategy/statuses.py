"""Statuses of onboarding, strategies, goals, periods and campaigns, and the moves between them."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class OnboardingStatus(TextChoices):
    PENDING = "pending", "Waiting to start"
    RESEARCHING = "researching", "Researching"
    REVIEW = "review", "In review"
    COMPLETED = "completed", "Completed"


class StrategyStatus(TextChoices):
    DRAFT = "draft", "Draft"
    AWAITING_APPROVAL = "awaiting_approval", "Waiting for approval"
    ACTIVE = "active", "Active"
    ARCHIVED = "archived", "Archived"


class GoalPeriod(TextChoices):
    MONTHLY = "monthly", "Monthly"
    QUARTERLY = "quarterly", "Quarterly"
    ANNUAL = "annual", "Annual"


class GoalStatus(TextChoices):
    ACTIVE = "active", "Active"
    ON_TRACK = "on_track", "On track"
    AT_RISK = "at_risk", "At risk"
    ACHIEVED = "achieved", "Achieved"
    PAUSED = "paused", "Paused"


OPEN_GOALS = (GoalStatus.ACTIVE, GoalStatus.ON_TRACK, GoalStatus.AT_RISK)


class DeliverableType(TextChoices):
    BLOG_POSTS = "blog_posts", "Blog posts"
    SOCIAL_POSTS = "social_posts", "Social posts"
    BACKLINKS = "backlinks", "Backlinks"
    GBP_POSTS = "gbp_posts", "Business Profile posts"
    WEBSITE_AUDIT = "website_audit", "Website audit"
    EMAIL_NEWSLETTERS = "email_newsletters", "Newsletters"
    AD_COPY_SETS = "ad_copy_sets", "Ad copy sets"
    PERFORMANCE_REPORTS = "performance_reports", "Performance reports"
    LANDING_PAGES = "landing_pages", "Landing pages"
    VIDEO_SCRIPTS = "video_scripts", "Video scripts"


# How one, many and a finished one are said in a sentence.
COUNTED: dict[DeliverableType, tuple[str, str, str]] = {
    DeliverableType.BLOG_POSTS: ("blog post", "blog posts", "published"),
    DeliverableType.SOCIAL_POSTS: ("social post", "social posts", "published"),
    DeliverableType.BACKLINKS: ("backlink", "backlinks", "won"),
    DeliverableType.GBP_POSTS: ("Business Profile post", "Business Profile posts", "published"),
    DeliverableType.WEBSITE_AUDIT: ("website audit", "website audits", "delivered"),
    DeliverableType.EMAIL_NEWSLETTERS: ("newsletter", "newsletters", "sent"),
    DeliverableType.AD_COPY_SETS: ("set of ad texts", "sets of ad texts", "delivered"),
    DeliverableType.PERFORMANCE_REPORTS: ("report", "reports", "delivered"),
    DeliverableType.LANDING_PAGES: ("landing page", "landing pages", "delivered"),
    DeliverableType.VIDEO_SCRIPTS: ("video script", "video scripts", "delivered"),
}


class DeliverablePeriodLength(TextChoices):
    MONTHLY = "monthly", "Monthly"
    QUARTERLY = "quarterly", "Quarterly"


class PeriodStatus(TextChoices):
    NOT_STARTED = "not_started", "Not started"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"
    AT_RISK = "at_risk", "At risk"
    MISSED = "missed", "Missed"


OPEN_PERIODS = (PeriodStatus.NOT_STARTED, PeriodStatus.IN_PROGRESS, PeriodStatus.AT_RISK)


class CampaignType(TextChoices):
    CONTENT = "content", "Content"
    PAID_ADS = "paid_ads", "Paid ads"
    EMAIL = "email", "E-mail"
    SOCIAL = "social", "Social"
    SEO_OUTREACH = "seo_outreach", "SEO outreach"
    REVIEWS = "reviews", "Reviews"


class CampaignObjective(TextChoices):
    AWARENESS = "awareness", "Awareness"
    TRAFFIC = "traffic", "Traffic"
    LEADS = "leads", "Leads"
    SALES = "sales", "Sales"
    RETENTION = "retention", "Retention"
    REVIEWS = "reviews", "Reviews"


class CampaignStatus(TextChoices):
    DRAFT = "draft", "Draft"
    PENDING_APPROVAL = "pending_approval", "Waiting for approval"
    APPROVED = "approved", "Approved"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    ARCHIVED = "archived", "Archived"
    REJECTED = "rejected", "Rejected"


O = OnboardingStatus  # noqa: E741
ONBOARDING_MOVES = Moves(
    O,
    # move      from               to              journal
    ("start", [O.PENDING], O.RESEARCHING, "onboarding.started"),
    ("submit", [O.RESEARCHING], O.REVIEW, "onboarding.submitted"),
    ("send_back", [O.REVIEW], O.RESEARCHING, "onboarding.sent_back"),
    ("complete", [O.REVIEW], O.COMPLETED, "onboarding.completed"),
)

S = StrategyStatus
STRATEGY_MOVES = Moves(
    S,
    ("submit", [S.DRAFT], S.AWAITING_APPROVAL, "strategy.submitted"),
    ("send_back", [S.AWAITING_APPROVAL], S.DRAFT, "strategy.sent_back"),
    ("activate", [S.AWAITING_APPROVAL], S.ACTIVE, "strategy.activated"),
    ("archive", [S.ACTIVE, S.DRAFT], S.ARCHIVED, "strategy.archived"),
)

G = GoalStatus
GOAL_MOVES = Moves(
    G,
    ("mark_active", [G.ON_TRACK, G.PAUSED], G.ACTIVE, "goal.activated"),
    ("mark_on_track", [G.ACTIVE, G.AT_RISK, G.PAUSED], G.ON_TRACK, "goal.on_track"),
    ("mark_at_risk", [G.ON_TRACK, G.PAUSED], G.AT_RISK, "goal.at_risk"),
    ("achieve", [G.ACTIVE, G.ON_TRACK, G.AT_RISK], G.ACHIEVED, "goal.achieved"),
    ("pause", [G.ACTIVE, G.ON_TRACK, G.AT_RISK], G.PAUSED, "goal.paused"),
)

P = PeriodStatus
PERIOD_MOVES = Moves(
    P,
    ("start", [P.NOT_STARTED], P.IN_PROGRESS, "period.started"),
    ("complete", [P.IN_PROGRESS, P.AT_RISK], P.COMPLETED, "period.completed"),
    ("mark_at_risk", [P.NOT_STARTED, P.IN_PROGRESS], P.AT_RISK, "period.at_risk"),
    ("recover", [P.AT_RISK], P.IN_PROGRESS, "period.recovered"),
    ("rest", [P.AT_RISK], P.NOT_STARTED, "period.rested"),
    ("miss", [P.NOT_STARTED, P.IN_PROGRESS, P.AT_RISK], P.MISSED, "period.missed"),
)

C = CampaignStatus
CAMPAIGN_MOVES = Moves(
    C,
    ("submit", [C.DRAFT], C.PENDING_APPROVAL, "campaign.submitted"),
    ("withdraw", [C.PENDING_APPROVAL], C.DRAFT, "campaign.withdrawn"),
    ("approve", [C.PENDING_APPROVAL], C.APPROVED, "campaign.approved"),
    ("reject", [C.PENDING_APPROVAL], C.REJECTED, "campaign.rejected"),
    ("revise", [C.REJECTED], C.DRAFT, "campaign.revised"),
    ("start", [C.APPROVED], C.ACTIVE, "campaign.started"),
    ("pause", [C.ACTIVE], C.PAUSED, "campaign.paused"),
    ("resume", [C.PAUSED], C.ACTIVE, "campaign.resumed"),
    ("complete", [C.ACTIVE, C.PAUSED], C.COMPLETED, "campaign.completed"),
    ("archive", [status for status in C if status != C.ARCHIVED], C.ARCHIVED, "campaign.archived"),
)

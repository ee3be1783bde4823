"""Statuses of work, runs and approvals, and the moves between them."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class ActivityType(TextChoices):
    RESEARCH = "research", "Research"
    WRITE = "write", "Write"
    REVIEW = "review", "Review"
    APPROVE = "approve", "Approve"
    PUBLISH = "publish", "Publish"
    AUDIT = "audit", "Audit"
    REPORT = "report", "Report"
    OUTREACH = "outreach", "Outreach"
    OTHER = "other", "Other"


class AssigneeType(TextChoices):
    AGENT = "agent", "Agent"
    HUMAN = "human", "Person"


class HumanRole(TextChoices):
    REVIEWER = "reviewer", "Reviewer"
    ADMIN = "admin", "Client admin"


class ActivityStatus(TextChoices):
    CREATED = "created", "Waiting for earlier steps"
    ASSIGNED = "assigned", "Ready"
    IN_PROGRESS = "in_progress", "In progress"
    AWAITING_APPROVAL = "awaiting_approval", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Change asked for"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Priority(TextChoices):
    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    URGENT = "urgent", "Urgent"


class RunStatus(TextChoices):
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    TIMED_OUT = "timed_out", "Timed out"


class ToolCallStatus(TextChoices):
    SUCCESS = "success", "Success"
    ERROR = "error", "Error"


class AdapterType(TextChoices):
    CLAUDE = "claude", "Claude"
    OPENAI = "openai", "OpenAI"
    OLLAMA = "ollama", "Ollama"
    WEBHOOK = "webhook", "Webhook"


class Periodicity(TextChoices):
    ONE_TIME = "one_time", "Once"
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"
    MONTHLY = "monthly", "Monthly"
    QUARTERLY = "quarterly", "Quarterly"
    YEARLY = "yearly", "Yearly"


class Trigger(TextChoices):
    ON_ONBOARDING = "on_onboarding", "When onboarding is complete"
    ON_STRATEGY_APPROVAL = "on_strategy_approval", "When a strategy is approved"
    CRON = "cron", "On a schedule"
    MANUAL = "manual", "By hand"


class SubjectType(TextChoices):
    BLOG_REQUEST = "blog_request", "Blog topic"
    BLOG_POST = "blog_post", "Blog post"
    SOCIAL_MEDIA_REQUEST = "social_media_request", "Social topic"
    SOCIAL_POST = "social_post", "Social post"
    STRATEGY = "strategy", "Strategy"
    ONBOARDING_RUN = "onboarding_run", "Context file"
    AD_RECOMMENDATION = "ad_recommendation", "Ads recommendation"
    CAMPAIGN = "campaign", "Campaign"
    ACTIVITY = "activity", "Activity"


class ApprovalStatus(TextChoices):
    PENDING = "pending", "Pending"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Change asked for"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"


class HeldUpBy(TextChoices):
    """Whose turn it is at a unit that is not finished."""

    AGENT = "agent", "Agent"
    REVIEWER = "reviewer", "Reviewer"
    CLIENT = "client", "Client"
    CHANNEL = "channel", "Channel"
    BUDGET = "budget", "Budget"
    NOBODY = "nobody", "No work planned"


class RiskLevel(TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class RequesterType(TextChoices):
    AGENT = "agent", "Agent"
    HUMAN = "human", "Person"
    SYSTEM = "system", "System"


A = ActivityStatus
OPEN = [A.CREATED, A.ASSIGNED, A.IN_PROGRESS, A.AWAITING_APPROVAL, A.FAILED]
ACTIVITY_MOVES = Moves(
    A,
    # move            from                           to                   journal
    ("ready", [A.CREATED], A.ASSIGNED, "activity.readied"),
    ("start", [A.CREATED, A.ASSIGNED], A.IN_PROGRESS, "activity.started"),
    ("give_back", [A.IN_PROGRESS], A.ASSIGNED, "activity.given_back"),
    ("complete", [A.IN_PROGRESS], A.COMPLETED, "activity.completed"),
    ("fail", [A.IN_PROGRESS], A.FAILED, "activity.failed"),
    ("retry", [A.FAILED], A.ASSIGNED, "activity.retried"),
    ("ask_approval", [A.CREATED, A.ASSIGNED], A.AWAITING_APPROVAL, "activity.approval_asked"),
    ("approve", [A.AWAITING_APPROVAL], A.APPROVED, "activity.approved"),
    ("reject", [A.AWAITING_APPROVAL], A.REJECTED, "activity.rejected"),
    ("close_gate", [A.APPROVED], A.COMPLETED, "activity.gate_closed"),
    ("redo", [A.COMPLETED], A.ASSIGNED, "activity.sent_back"),
    ("wait_again", [A.COMPLETED, A.REJECTED], A.CREATED, "activity.reset"),
    ("cancel", OPEN, A.CANCELLED, "activity.cancelled"),
)

R = RunStatus
RUN_MOVES = Moves(  # performed by the closing function of the database, once
    R,
    ("complete", [R.RUNNING], R.COMPLETED, "run.completed"),
    ("fail", [R.RUNNING], R.FAILED, "run.failed"),
    ("time_out", [R.RUNNING], R.TIMED_OUT, "run.timed_out"),
)

P = ApprovalStatus
APPROVAL_MOVES = Moves(
    P,
    ("approve", [P.PENDING], P.APPROVED, "approval.granted"),
    ("reject", [P.PENDING], P.REJECTED, "approval.refused"),
    ("expire", [P.PENDING], P.EXPIRED, "approval.expired"),
    ("withdraw", [P.PENDING], P.WITHDRAWN, "approval.withdrawn"),
)

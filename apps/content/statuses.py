"""Statuses of requests and posts, and the moves between them."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class RequestStatus(TextChoices):
    DRAFT = "draft", "Draft"
    PENDING_APPROVAL = "pending_approval", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Change asked for"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"


class RequesterType(TextChoices):
    AGENT = "agent", "Agent"
    HUMAN = "human", "Person"


class SearchIntent(TextChoices):
    INFORMATIONAL = "informational", "Informational"
    COMMERCIAL = "commercial", "Commercial"
    NAVIGATIONAL = "navigational", "Navigational"
    TRANSACTIONAL = "transactional", "Transactional"


class PostType(TextChoices):
    STANDARD = "standard", "Standard"
    CAROUSEL = "carousel", "Carousel"
    REEL = "reel", "Reel"
    STORY = "story", "Story"
    ARTICLE = "article", "Article"  # offered for LinkedIn only
    GBP_UPDATE = "gbp_update", "Business Profile update"


class RequestPriority(TextChoices):
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    URGENT = "urgent", "Urgent"


class BlogPostStatus(TextChoices):
    DRAFT = "draft", "Draft"
    WRITING = "writing", "Being written"
    REVIEW = "review", "In review"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    PUBLISHED = "published", "Published"
    REJECTED = "rejected", "Change asked for"


class SocialPostStatus(TextChoices):
    DRAFT = "draft", "Draft"
    WRITING = "writing", "Being written"
    REVIEW = "review", "In review"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    PUBLISHED = "published", "Published"
    REJECTED = "rejected", "Change asked for"
    FAILED = "failed", "Failed"


class LinkType(TextChoices):
    DOFOLLOW = "dofollow", "Followed"
    NOFOLLOW = "nofollow", "Not followed"
    UGC = "ugc", "User content"
    SPONSORED = "sponsored", "Sponsored"


class OutreachStatus(TextChoices):
    PROSPECTING = "prospecting", "Prospect"
    OUTREACH_SENT = "outreach_sent", "Asked"
    RESPONDED = "responded", "Answered"
    AGREED = "agreed", "Agreed"
    PUBLISHED = "published", "Published"
    REJECTED = "rejected", "Declined"
    NO_RESPONSE = "no_response", "No answer"


# Of blog requests and of social media requests alike.
Q = RequestStatus
REQUEST_MOVES = Moves(
    Q,
    # move      from                        to                    journal
    ("submit", [Q.DRAFT, Q.REJECTED], Q.PENDING_APPROVAL, "request.submitted"),
    ("approve", [Q.PENDING_APPROVAL], Q.APPROVED, "request.approved"),
    ("reject", [Q.PENDING_APPROVAL], Q.REJECTED, "request.rejected"),
    ("begin", [Q.APPROVED], Q.IN_PROGRESS, "request.begun"),
    ("complete", [Q.IN_PROGRESS], Q.COMPLETED, "request.completed"),
)

B = BlogPostStatus
BLOG_POST_MOVES = Moves(
    B,
    ("write", [B.DRAFT, B.REJECTED], B.WRITING, "blog_post.writing"),
    ("submit", [B.WRITING], B.REVIEW, "blog_post.submitted"),
    ("approve", [B.REVIEW], B.APPROVED, "blog_post.approved"),
    ("reject", [B.REVIEW], B.REJECTED, "blog_post.rejected"),
    ("schedule", [B.APPROVED], B.SCHEDULED, "blog_post.scheduled"),
    ("reopen", [B.SCHEDULED, B.APPROVED], B.REVIEW, "blog_post.reopened"),
    ("publish", [B.APPROVED, B.SCHEDULED], B.PUBLISHED, "blog_post.published"),
    ("unpublish", [B.PUBLISHED], B.APPROVED, "blog_post.unpublished"),
)

S = SocialPostStatus
SOCIAL_POST_MOVES = Moves(
    S,
    ("write", [S.DRAFT, S.REJECTED], S.WRITING, "social_post.writing"),
    ("submit", [S.WRITING], S.REVIEW, "social_post.submitted"),
    ("approve", [S.REVIEW], S.APPROVED, "social_post.approved"),
    ("reject", [S.REVIEW], S.REJECTED, "social_post.rejected"),
    ("schedule", [S.APPROVED, S.FAILED], S.SCHEDULED, "social_post.scheduled"),
    ("reopen", [S.SCHEDULED, S.APPROVED], S.REVIEW, "social_post.reopened"),
    ("publish", [S.APPROVED, S.SCHEDULED, S.FAILED], S.PUBLISHED, "social_post.published"),
    ("fail", [S.APPROVED, S.SCHEDULED], S.FAILED, "social_post.failed"),
    ("unpublish", [S.PUBLISHED], S.APPROVED, "social_post.unpublished"),
)

U = OutreachStatus
BACKLINK_MOVES = Moves(
    U,
    ("ask", [U.PROSPECTING, U.NO_RESPONSE], U.OUTREACH_SENT, "backlink.asked"),
    ("answer", [U.OUTREACH_SENT, U.NO_RESPONSE], U.RESPONDED, "backlink.answered"),
    ("agree", [U.RESPONDED], U.AGREED, "backlink.agreed"),
    ("publish", [U.AGREED], U.PUBLISHED, "backlink.published"),
    ("reject", [U.PROSPECTING, U.OUTREACH_SENT, U.RESPONDED, U.AGREED], U.REJECTED, "backlink.rejected"),
    ("give_up", [U.OUTREACH_SENT], U.NO_RESPONSE, "backlink.given_up"),
    field="outreach_status",
)

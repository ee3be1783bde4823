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

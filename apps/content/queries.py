"""Answers about requests and posts."""

from dataclasses import dataclass

from apps.activities.models import Activity, Approval
from apps.activities.statuses import ApprovalStatus, HumanRole, SubjectType
from apps.shared.errors import NotFound

from .models import BlogPost, BlogRequest
from .statuses import BlogPostStatus


def blog_request_of(ref_id: str, *, lock: bool = False) -> BlogRequest:
    return _row(BlogRequest, ref_id, lock)


def blog_post_of(ref_id: str, *, lock: bool = False) -> BlogPost:
    return _row(BlogPost, ref_id, lock)


def _row(model, ref_id: str, lock: bool):
    shown_with = {BlogRequest: ("target_channel",), BlogPost: ("channel", "blog_request")}[model]
    rows = model.objects.select_for_update(of=("self",)) if lock else model.objects.select_related(*shown_with)
    row = rows.filter(ref_id=ref_id).first()
    if row is None:
        raise NotFound
    return row


def blog_request_shown(request: BlogRequest) -> dict:
    return {
        "blog_request": request.ref_id,
        "title": request.title,
        "topic_brief": request.topic_brief,
        "target_keyword": request.target_keyword,
        "secondary_keywords": request.secondary_keywords,
        "search_intent": request.search_intent,
        "target_audience": request.target_audience,
        "target_channel": str(request.target_channel_id),
        "target_word_count": request.target_word_count,
    }


def blog_post_shown(post: BlogPost) -> dict:
    """Everything that goes out with the text: title, address, description, channel, time."""
    return {
        "blog_post": post.ref_id,
        "title": post.title,
        "slug": post.slug,
        "meta_description": post.meta_description,
        "channel": str(post.channel_id),
        "scheduled_for": post.scheduled_for.isoformat() if post.scheduled_for else None,
        "content_ref": post.content_ref,
    }


def pending_approval(post: BlogPost) -> Approval | None:
    """The decision that is pending on this post; there is one at most."""
    return Approval.objects.filter(
        subject_type=SubjectType.BLOG_POST, subject_ref=post.ref_id, status=ApprovalStatus.PENDING
    ).first()


def unit_of(request: BlogRequest) -> Activity | None:
    return request.activity.parent_activity if request.activity else None


def request_of_unit(unit: Activity) -> BlogRequest | None:
    return BlogRequest.objects.filter(activity__parent_activity=unit).first()


@dataclass(frozen=True)
class PostForClient:
    """A post with the label a client reads, which is derived and no status; `approval_ref` when it waits for the client."""

    post: BlogPost
    label: str
    tone: str
    approval_ref: str


CLIENT_LABELS = {
    BlogPostStatus.DRAFT: ("Being written", "neutral"),
    BlogPostStatus.WRITING: ("Being written", "info"),
    BlogPostStatus.REJECTED: ("Being rewritten", "info"),
    BlogPostStatus.REVIEW: ("In review", "info"),
    BlogPostStatus.APPROVED: ("Approved", "success"),
    BlogPostStatus.SCHEDULED: ("Scheduled", "success"),
    BlogPostStatus.PUBLISHED: ("Published", "success"),
}


def as_client_sees(posts: list[BlogPost]) -> list[PostForClient]:
    """The posts with their labels: being written, in review, waiting for you, approved, scheduled, published."""
    refs = [post.ref_id for post in posts if post.status == BlogPostStatus.REVIEW]
    waiting = dict(
        Approval.objects.filter(
            subject_type=SubjectType.BLOG_POST,
            subject_ref__in=refs,
            status=ApprovalStatus.PENDING,
            required_role=HumanRole.ADMIN,
        ).values_list("subject_ref", "ref_id")
        if refs
        else ()
    )
    seen = []
    for post in posts:
        label, tone = CLIENT_LABELS[BlogPostStatus(post.status)]
        if post.ref_id in waiting:
            label, tone = "Waiting for you", "warning"
        seen.append(PostForClient(post, label, tone, waiting.get(post.ref_id, "")))
    return seen


def published_posts(*, limit: int) -> list[BlogPost]:
    """What went live, the latest first."""
    return list(BlogPost.objects.filter(status=BlogPostStatus.PUBLISHED).order_by("-published_on")[:limit])


def titles_of_posts(refs: list[str]) -> dict[str, str]:
    return dict(BlogPost.objects.filter(ref_id__in=refs).values_list("ref_id", "title"))

"""Answers about requests and posts."""

from apps.activities.models import Activity
from apps.shared.errors import NotFound

from .models import BlogPost, BlogRequest


def blog_request_of(ref_id: str, *, lock: bool = False) -> BlogRequest:
    return _row(BlogRequest, ref_id, lock)


def blog_post_of(ref_id: str, *, lock: bool = False) -> BlogPost:
    return _row(BlogPost, ref_id, lock)


def _row(model, ref_id: str, lock: bool):
    rows = model.objects.select_for_update(of=("self",)) if lock else model.objects.all()
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


def unit_of(request: BlogRequest) -> Activity | None:
    return request.activity.parent_activity if request.activity_id else None


def request_of_unit(unit: Activity) -> BlogRequest | None:
    return BlogRequest.objects.filter(activity__parent_activity=unit).first()

"""Answers about requests and posts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.activities.models import Activity, Approval
from apps.activities.statuses import ApprovalStatus, HumanRole, SubjectType
from apps.channels.models import Channel
from apps.channels.statuses import ChannelStatus, Platform
from apps.shared.errors import NotFound

from . import limits
from .bodies import ListingPost, SocialPostDraft
from .models import Backlink, BlogPost, BlogRequest, SocialMediaRequest, SocialMediaRequestChannel, SocialPost
from .statuses import BlogPostStatus, SocialPostStatus


def blog_request_of(ref_id: str, *, lock: bool = False) -> BlogRequest:
    return _row(BlogRequest, ref_id, lock)


def blog_post_of(ref_id: str, *, lock: bool = False) -> BlogPost:
    return _row(BlogPost, ref_id, lock)


def social_request_of(ref_id: str, *, lock: bool = False) -> SocialMediaRequest:
    return _row(SocialMediaRequest, ref_id, lock)


def social_post_of(ref_id: str, *, lock: bool = False) -> SocialPost:
    return _row(SocialPost, ref_id, lock)


def _row(model, ref_id: str, lock: bool):
    shown_with = {
        BlogRequest: ("target_channel",),
        BlogPost: ("channel", "blog_request"),
        SocialMediaRequest: ("activity", "deliverable"),
        SocialPost: ("channel", "social_media_request"),
    }[model]
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


def pending_approval(post: BlogPost | SocialPost) -> Approval | None:
    """The decision that is pending on this post; there is one at most."""
    kind = SubjectType.BLOG_POST if isinstance(post, BlogPost) else SubjectType.SOCIAL_POST
    return Approval.objects.filter(subject_type=kind, subject_ref=post.ref_id, status=ApprovalStatus.PENDING).first()


SOCIAL = (Platform.LINKEDIN, Platform.FACEBOOK, Platform.INSTAGRAM, Platform.X_TWITTER, Platform.TIKTOK)


def wanted_platforms(named: Collection[str], among: Sequence[str] = SOCIAL) -> list[str]:
    """Of these platforms those that are named, by a promise or by whoever asked; all of them where none is."""
    return [platform for platform in among if platform in named] or list(among)


def channels_on(platforms: Collection[str]) -> list[Channel]:
    """The client's channels there, those whose connection is interrupted too; not the disconnected ones."""
    channels = Channel.objects.filter(platform__in=platforms).exclude(status=ChannelStatus.REVOKED)
    return list(channels.order_by("ref_id"))


LISTINGS = (Platform.GOOGLE_BUSINESS_PROFILE,)


def channels_for(named: Collection[str], platforms: Collection[str]) -> list[Channel]:
    """Of the channels on the named platforms those on these; all of them where none is."""
    wanted = channels_on(wanted_platforms(named))
    return [channel for channel in wanted if channel.platform in platforms] or wanted


def remarks_on(activity: Activity, channels: Collection[Channel], among: Sequence[str] = SOCIAL) -> list[str]:
    """What people should know about where a topic goes, in sentences."""
    if not channels:
        return [
            "No channel is connected that this could go out on. Connect one, then ask for a change: the topic is "
            "planned anew for it."
        ]
    wanted = wanted_platforms(activity.platforms, among) if activity.platforms else []
    there = {channel.platform for channel in channels_on(wanted)}
    lacking = [Platform(platform).label for platform in wanted if platform not in there]
    how = "promised" if activity.deliverable_id else "asked for"
    return [f"{label} is {how} and not connected: this topic brings no post there." for label in lacking]


def channels_of(request: SocialMediaRequest) -> list[Channel]:
    """The channels a request asks posts for, the oldest first."""
    asked = SocialMediaRequestChannel.objects.filter(social_media_request=request).values("channel")
    return list(Channel.objects.filter(pk__in=asked).order_by("ref_id"))


def told_apart(channels: Sequence[Channel]) -> list[tuple[Channel, str, str]]:
    """Each channel with letters that keep its steps apart and a name for people: its platform, or its own if two share that."""
    seen: dict[str, int] = {}
    apart = []
    for channel in channels:
        number = seen[channel.platform] = seen.get(channel.platform, -1) + 1
        is_only = sum(other.platform == channel.platform for other in channels) == 1
        label = Platform(channel.platform).label
        suffix = channel.platform if number == 0 else f"{channel.platform}_{_letters(number)}"
        apart.append((channel, suffix, label if is_only else f"{label}, {channel.name}"))
    return apart


def _letters(number: int) -> str:
    """1 is b, 25 is z, 26 is ba."""
    rest, last = divmod(number, 26)
    return (_letters(rest) if rest else "") + chr(ord("a") + last)


def social_request_of_unit(unit: Activity) -> SocialMediaRequest | None:
    return SocialMediaRequest.objects.filter(activity__parent_activity=unit).first()


def social_request_shown(request: SocialMediaRequest) -> dict:
    """What is asked for, where it goes, and what stands in the way."""
    return {
        "social_media_request": request.ref_id,
        "title": request.topic,
        "content_brief": request.content_brief,
        "post_type": request.post_type,
        "channels": [
            [channel.ref_id, Platform(channel.platform).label, channel.name] for channel in channels_of(request)
        ],
        "scheduled_for": request.scheduled_for.isoformat() if request.scheduled_for else None,
        "notes": request.notes,
        "remarks": request.activity.input_data.get("notes", []) if request.activity else [],
    }


def social_post_shown(post: SocialPost) -> dict:
    """Everything that goes out with the text: platform, channel, time, and the length as the platform counts."""
    return {
        "social_post": post.ref_id,
        "title": f"{post.social_media_request.topic} ({post.get_platform_display()})",
        "platform": post.platform,
        "channel": str(post.channel_id),
        "scheduled_for": post.scheduled_for.isoformat() if post.scheduled_for else None,
        "char_count": post.char_count,
        "most_characters": limits.limit_of(post.platform),
        "content_ref": post.content_ref,
    }


def written(post: SocialPost, body: str) -> SocialPostDraft | ListingPost:
    """The stored answer of the writer: the text and what goes out beside it."""
    shape = ListingPost if post.platform == Platform.GOOGLE_BUSINESS_PROFILE else SocialPostDraft
    return shape.model_validate_json(body)


def posts_of(request: SocialMediaRequest) -> list[SocialPost]:
    return list(SocialPost.objects.filter(social_media_request=request).select_related("channel").order_by("ref_id"))


def published_before(post: SocialPost, *, limit: int) -> list[SocialPost]:
    """What went out on the same channel, the latest first."""
    others = SocialPost.objects.filter(channel=post.channel, status=SocialPostStatus.PUBLISHED).exclude(pk=post.pk)
    return list(others.select_related("social_media_request").order_by("-published_on")[:limit])


def published_on(platforms: Collection[str], *, limit: int) -> list[SocialPost]:
    """What went out on these platforms, the latest first."""
    posts = SocialPost.objects.filter(platform__in=platforms, status=SocialPostStatus.PUBLISHED)
    return list(posts.select_related("social_media_request").order_by("-published_on")[:limit])


def calendar_of(period_id, *, but: SocialMediaRequest | None) -> list[SocialMediaRequest]:
    """The other topics of a period, the oldest first."""
    topics = SocialMediaRequest.objects.filter(deliverable_period_id=period_id)
    return list((topics.exclude(pk=but.pk) if but else topics).order_by("ref_id")[:100]) if period_id else []


def request_of_unit(unit: Activity) -> BlogRequest | None:
    return BlogRequest.objects.filter(activity__parent_activity=unit).first()


def links_of(unit: Activity) -> QuerySet[Backlink]:
    return Backlink.objects.filter(activity__parent_activity=unit).order_by("ref_id")


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

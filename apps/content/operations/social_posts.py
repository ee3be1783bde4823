"""Every write of social media requests and social posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from apps import storage
from apps.activities import operations as work
from apps.activities import queries as work_queries
from apps.activities.models import Activity, Approval
from apps.activities.registry import Kept
from apps.activities.statuses import ActivityType, SubjectType
from apps.channels.models import Channel
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.scoping import only_tenant
from apps.shared.transitions import touched

from .. import limits, queries
from ..bodies import (
    FIGURES,
    MOST_OF_A_FIGURE,
    CalendarEntry,
    EngagementCheck,
    ListingPost,
    SocialPostDraft,
)
from ..models import SocialMediaRequest, SocialMediaRequestChannel, SocialPost
from ..statuses import (
    REQUEST_MOVES,
    SOCIAL_POST_MOVES,
    PostType,
    RequestStatus,
    SocialPostStatus,
)
from .blog_posts import ContentChanged, requested_by

USUAL_TIME = time(9)  # on the client's clock, for a day without a time
ENGAGEMENT_AFTER = timedelta(days=7)  # by then most of the people have seen a post that will ever see it


class NoSocialChannel(OperationRefused):
    """There is no channel to post on. Connect one for this client, then ask for a change: the topic is planned for it."""

    code = "no_social_channel"


class PostTooLong(OperationRefused):
    """This post is longer than its platform allows. Shorten it."""

    code = "post_too_long"


class NotOut(OperationRefused):
    """Figures belong to a post that is out."""

    code = "not_out"


class WrongPlatform(OperationRefused):
    """This was written for another platform than the post's."""

    code = "wrong_platform"


def receive_calendar_entry(output: CalendarEntry, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The proposed topic becomes a request that waits for approval, for the channels there are; a second one replaces it."""
    asked = {
        "topic": output.theme,
        "content_brief": output.brief,
        "post_type": output.post_type,
        "scheduled_for": _moment(output, at=at),
        "notes": output.notes or "",
    }
    channels = queries.channels_for(activity.platforms, output.platforms)
    submit_request(activity, asked, channels, gate_key="topic_approval", by=by, at=at)


def receive_listing_post(output: ListingPost, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The post for the client's listings is proposed together with its text: the request waits for the one decision."""
    asked = {
        "topic": output.topic,
        "content_brief": output.body,
        "post_type": PostType.GBP_UPDATE,
        "scheduled_for": None,
        "notes": "",
    }
    channels = queries.channels_on(queries.LISTINGS)
    submit_request(activity, asked, channels, gate_key="approval", among=queries.LISTINGS, by=by, at=at)


def submit_request(
    activity: Activity,
    asked: dict,
    channels: Sequence[Channel],
    *,
    gate_key: str,
    among: Sequence[str] = queries.SOCIAL,
    by: Actor,
    at: datetime,
) -> SocialMediaRequest:
    """The request of this unit with what is asked for now, waiting for the decision at this gate.

    `among` are the platforms this kind of post is for.
    """
    unit = activity.unit
    request = queries.social_request_of_unit(unit)
    gate = unit.steps.get(pipeline_step=gate_key)
    gate.input_data = {**gate.input_data, "notes": queries.remarks_on(activity, channels, among)}
    gate.save(update_fields=["input_data"])
    if request is None:
        request = SocialMediaRequest.objects.create(
            tenant_id=activity.tenant_id,
            deliverable_id=activity.deliverable_id,
            deliverable_period_id=activity.deliverable_period_id,
            activity=gate,
            **requested_by(activity, by=by),
            created_by=by.user,
            created_on=at,
            **asked,
        )
        journal.record("request.proposed", request, by=by, at=at, after={"title": request.topic})
        work.set_subject(unit, SubjectType.SOCIAL_MEDIA_REQUEST, request.ref_id, steps=[gate_key], at=at)
        asked = {}
    request = REQUEST_MOVES.perform(request, "submit", by=by, at=at, **asked)
    SocialMediaRequestChannel.objects.filter(social_media_request=request).exclude(channel__in=channels).delete()
    wanted = set(
        SocialMediaRequestChannel.objects.filter(social_media_request=request).values_list("channel", flat=True)
    )
    for channel in channels:
        if channel.pk not in wanted:
            SocialMediaRequestChannel.objects.create(
                tenant_id=request.tenant_id,
                social_media_request=request,
                channel=channel,
                created_by=by.user,
                created_on=at,
            )
    return request


def _moment(entry: CalendarEntry, *, at: datetime) -> datetime | None:
    """The moment asked for, told on the client's clock; None for one that has passed, which means now."""
    if entry.date is None:
        return None
    clock = time.fromisoformat(entry.time) if entry.time else USUAL_TIME
    wanted = datetime.combine(date.fromisoformat(entry.date), clock, ZoneInfo(only_tenant().time_zone))
    return wanted if wanted > at else None


def send_back_social_request(request: SocialMediaRequest, *, by: Actor, at: datetime, note: str) -> None:
    REQUEST_MOVES.perform(request, "reject", by=by, at=at, rejection_notes=note)


def approve_social_request(request: SocialMediaRequest, *, by: Actor, at: datetime, activity: Activity) -> None:
    """Approving a topic creates its posts, in draft: one per channel, each with steps of its own from here on.

    Raises NoSocialChannel where there is none.
    """
    channels = queries.channels_of(request)
    if not channels:
        raise NoSocialChannel
    REQUEST_MOVES.perform(request, "approve", by=by, at=at)
    shares = []
    for channel, suffix, label in queries.told_apart(channels):
        post = SocialPost.objects.create(
            tenant_id=request.tenant_id,
            social_media_request=request,
            channel=channel,
            platform=channel.platform,
            scheduled_for=request.scheduled_for,
            created_by=by.user,
            created_on=at,
        )
        journal.record("social_post.created", post, by=by, at=at, after={"platform": post.platform})
        shares.append(work.Share(SubjectType.SOCIAL_POST, post.ref_id, suffix, label))
    work.share_out(activity, shares, by=by, at=at)


def _locked(activity: Activity) -> tuple[SocialMediaRequest, SocialPost]:
    """The post this step is about and its request, locked in the order of `locks.ORDER`."""
    post = queries.social_post_of(activity.subject_ref)
    request = queries.social_request_of(post.social_media_request.ref_id, lock=True)
    return request, queries.social_post_of(activity.subject_ref, lock=True)


def release_social_request(request: SocialMediaRequest, *, by: Actor, at: datetime, activity: Activity) -> None:
    """Where the topic was decided on together with its text, the posts are written and approved with it."""
    written = work.step_behind(activity)
    assert written is not None  # the gate showed it
    REQUEST_MOVES.perform(request, "begin", by=by, at=at)
    for post in queries.posts_of(request):
        post = SOCIAL_POST_MOVES.perform(post, "write", by=by, at=at)
        post = SOCIAL_POST_MOVES.perform(
            post,
            "submit",
            by=by,
            at=at,
            content_ref=written.output_ref,
            char_count=limits.count_characters(request.content_brief, post.platform),
        )
        check_social_post(post, by=by, at=at, activity=activity)
        release_social_post(post, by=by, at=at, activity=activity)


def begin_social_post(activity: Activity, *, by: Actor, at: datetime) -> None:
    """The writer has begun; a repeated attempt finds the post being written already."""
    with transaction.atomic():
        request, post = _locked(activity)
        if post.status in (SocialPostStatus.DRAFT, SocialPostStatus.REJECTED):
            SOCIAL_POST_MOVES.perform(post, "write", by=by, at=at)
        if request.status == RequestStatus.APPROVED:
            REQUEST_MOVES.perform(request, "begin", by=by, at=at)


def receive_social_post(output: SocialPostDraft, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Raises WrongPlatform: the limits that were checked were those of the platform the writer named."""
    post = queries.social_post_of(activity.subject_ref, lock=True)
    if output.platform != post.platform:
        raise WrongPlatform
    SOCIAL_POST_MOVES.perform(post, "submit", by=by, at=at, content_ref=kept.pointer, char_count=output.char_count)


def check_social_post(post: SocialPost, *, by: Actor, at: datetime, activity: Activity) -> None:
    """Nobody approves what the platform would not take. Raises PostTooLong."""
    if post.char_count is None or post.char_count > limits.limit_of(post.platform):
        raise PostTooLong


def send_back_social_post(post: SocialPost, *, by: Actor, at: datetime, note: str) -> None:
    SOCIAL_POST_MOVES.perform(post, "reject", by=by, at=at)


def release_social_post(post: SocialPost, *, by: Actor, at: datetime, activity: Activity) -> None:
    """The last approval: the post is approved, and scheduled where it has a time; its publish step becomes ready then."""
    post = SOCIAL_POST_MOVES.perform(post, "approve", by=by, at=at)
    if post.scheduled_for and post.scheduled_for > at:
        SOCIAL_POST_MOVES.perform(post, "schedule", by=by, at=at)
        _put_off(activity.unit, post, ActivityType.PUBLISH, until=post.scheduled_for)


def _put_off(unit: Activity, post: SocialPost, kind: ActivityType, *, until: datetime) -> None:
    """The step of this kind about this post is not ready before."""
    unit.steps.filter(type=kind, input_data__subject__ref=post.ref_id).update(ready_on=until)


@dataclass(frozen=True)
class ReadySocialPost:
    """A post as it is about to go out, checked against its approval. `text` is all of it."""

    post: SocialPost
    channel: Channel
    title: str
    text: str
    approval_ref: str
    content_sha256: str


def prepare_social_post(activity: Activity) -> ReadySocialPost:
    """Everything that goes out, recomputed and compared with what was approved.

    Raises ContentChanged when it differs, PostTooLong, BodyMissing or StorageUnavailable when the text cannot be had.
    """
    post = queries.social_post_of(activity.subject_ref)
    approval = _approval_that_holds(activity, post)
    body = storage.read_one(storage.ActivityOutput, post.content_ref)
    approved = approval.shown_snapshot["body"]
    if post.content_ref != approved["ref"] or body.sha256 != approved["sha256"]:
        raise ContentChanged  # the stores were changed underneath
    text = queries.written(post, body.text).text
    if limits.count_characters(text, post.platform) > limits.limit_of(post.platform):
        raise PostTooLong
    return ReadySocialPost(
        post=post,
        channel=post.channel,
        title=post.social_media_request.topic,
        text=text,
        approval_ref=approval.ref_id,
        content_sha256=approval.content_sha256,
    )


def still_ready_social_post(activity: Activity, ready: ReadySocialPost) -> None:
    """Under the post's lock: still approved, the same content. Raises ContentChanged."""
    _, post = _locked(activity)
    if _approval_that_holds(activity, post).content_sha256 != ready.content_sha256:
        raise ContentChanged


def _approval_that_holds(activity: Activity, post: SocialPost) -> Approval:
    """The approval that released this post, whose digest is still that of what is there."""
    approval = work_queries.released_by(activity)
    if approval is None or post.status not in (
        SocialPostStatus.APPROVED,
        SocialPostStatus.SCHEDULED,
        SocialPostStatus.FAILED,
    ):
        raise ContentChanged
    if work.digest_of(work.shown_at(approval.activity)) != approval.content_sha256:
        raise ContentChanged
    return approval


def settle_social_post(activity: Activity, *, external_id: str, url: str, by: Actor, at: datetime) -> None:
    """It is confirmed to be out: the post is published, and its figures are looked at after a week."""
    request, post = _locked(activity)
    post = SOCIAL_POST_MOVES.perform(
        post, "publish", by=by, at=at, published_on=at, published_url=url, platform_post_id=external_id
    )
    _put_off(activity.unit, post, ActivityType.REPORT, until=at + ENGAGEMENT_AFTER)
    others = SocialPost.objects.filter(social_media_request=request).exclude(status=SocialPostStatus.PUBLISHED)
    if request.status == RequestStatus.IN_PROGRESS and not others.exists():
        REQUEST_MOVES.perform(request, "complete", by=by, at=at)


def fail_social_post(activity: Activity, *, cause: str, by: Actor, at: datetime) -> None:
    """It is not out; the cause stands at the attempt. A post that failed before stays so."""
    _, post = _locked(activity)
    if post.status != SocialPostStatus.FAILED:
        SOCIAL_POST_MOVES.perform(post, "fail", by=by, at=at)


def record_engagement(post: SocialPost, figures: dict[str, int], *, by: Actor, at: datetime) -> SocialPost:
    """Keep the latest figures of a published post, all of them whole numbers from 0: see FIGURES. The former are replaced.

    Raises InvalidInput for a figure that is none, NotOut for a post that is not published.
    """
    wrong = {
        name: ["Enter a whole number, 0 or more."]
        for name, figure in figures.items()
        if name not in FIGURES or isinstance(figure, bool) or not 0 <= figure <= MOST_OF_A_FIGURE
    }
    if wrong or not figures:
        raise InvalidInput(wrong or {"figures": ["Enter one figure at least."]})
    with transaction.atomic():
        post = queries.social_post_of(post.ref_id, lock=True)
        if post.status != SocialPostStatus.PUBLISHED:
            raise NotOut
        before = post.engagement_snapshot or {}
        changes = {
            "engagement_snapshot": dict(figures),
            "last_engagement_on": at,
            **touched(SocialPost, by=by, at=at),
        }
        for field, value in changes.items():
            setattr(post, field, value)
        post.save(update_fields=list(changes))
        journal.record("social_post.measured", post, by=by, at=at, before=before, after=post.engagement_snapshot)
    return post


def receive_engagement_check(
    output: EngagementCheck, *, activity: Activity, kept: Kept, by: Actor, at: datetime
) -> None:
    """The findings stand at the step. Where nobody has the figures yet, a person is asked for them, once."""
    post = queries.social_post_of(activity.subject_ref)
    if post.engagement_snapshot is None:
        work.raise_task(
            tenant_id=activity.tenant_id,
            title=f"Enter the figures of the {post.get_platform_display()} post",
            note=(
                f"{post.get_platform_display()} does not send us figures yet. Look them up, open the step this is about, "
                "and enter them there."
            ),
            origin=f"figures:{post.ref_id}",
            by=by,
            at=at,
            about={"checked": activity.ref_id},
        )

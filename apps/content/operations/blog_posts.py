"""Every write of blog requests and blog posts."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps import storage
from apps.activities import checking
from apps.activities import operations as work
from apps.activities.models import Activity, Approval
from apps.activities.registry import Kept
from apps.activities.statuses import ApprovalStatus, SubjectType
from apps.channels import operations as channels
from apps.channels.models import Channel
from apps.channels.platforms.base import Connection
from apps.channels.statuses import ChannelStatus, ChannelType
from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.transitions import touched

from .. import drafts, queries
from ..bodies import Article, KeywordResearch, LiveCheck, TopicBrief, count_words
from ..models import BlogPost, BlogRequest
from ..statuses import (
    BLOG_POST_MOVES,
    REQUEST_MOVES,
    BlogPostStatus,
    RequesterType,
    RequestStatus,
)

AFTER_TOPIC = ("draft", "dm_review", "client_approval", "publish", "check_live")


class NoWebsiteChannel(OperationRefused):
    """There is no connected website to publish on. Connect a WordPress channel for this client first."""

    code = "no_website_channel"


class ContentChanged(OperationRefused):
    """What would go out is not what was approved. It has to be approved again."""

    code = "content_changed"


def receive_keywords(output: KeywordResearch, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Keyword research changes no row: the brief writer reads it from the step."""


def receive_topic(output: TopicBrief, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The proposed topic becomes a request that waits for approval; a second proposal replaces the first."""
    unit = activity.unit
    brief = {
        "title": output.working_title,
        "topic_brief": f"{output.angle}\n\n" + "\n".join(f"- {line}" for line in output.recommended_outline),
        "target_keyword": output.primary_keyword,
        "secondary_keywords": list(output.secondary_keywords),
        "search_intent": output.search_intent,
        "target_audience": output.target_audience,
        "target_word_count": output.target_word_count,
        "target_channel": Channel.objects.filter(channel_type=ChannelType.CMS, status=ChannelStatus.CONNECTED)
        .order_by("ref_id")
        .first(),
    }
    request = queries.request_of_unit(unit)
    if request is None:
        gate = unit.steps.get(pipeline_step="topic_approval")
        request = BlogRequest.objects.create(
            tenant_id=activity.tenant_id,
            deliverable_id=activity.deliverable_id,
            deliverable_period_id=activity.deliverable_period_id,
            activity=gate,
            **requested_by(activity, by=by),
            created_by=by.user,
            created_on=at,
            **brief,
        )
        journal.record("request.proposed", request, by=by, at=at, after={"title": request.title})
        work.set_subject(unit, SubjectType.BLOG_REQUEST, request.ref_id, steps=["topic_approval"], at=at)
        REQUEST_MOVES.perform(request, "submit", by=by, at=at)
    else:
        REQUEST_MOVES.perform(request, "submit", by=by, at=at, **brief)


def requested_by(activity: Activity, *, by: Actor) -> dict[str, str]:
    """Whose request it is: the person's who asked for ad-hoc work, else the agent's who proposes the topic."""
    asker = activity.created_by
    if activity.asked and asker is not None:
        return {"requested_by_type": RequesterType.HUMAN, "requested_by_id": asker.ref_id}
    return {"requested_by_type": RequesterType.AGENT, "requested_by_id": by.ref}


def send_back_request(request: BlogRequest, *, by: Actor, at: datetime, note: str) -> None:
    REQUEST_MOVES.perform(request, "reject", by=by, at=at, rejection_notes=note)


def approve_request(request: BlogRequest, *, by: Actor, at: datetime, activity: Activity) -> None:
    """Approving a topic creates its one post, in draft; the unit's later steps are about that post."""
    REQUEST_MOVES.perform(request, "approve", by=by, at=at)
    post = BlogPost.objects.create(
        tenant_id=request.tenant_id,
        blog_request=request,
        channel=request.target_channel,
        title=request.title,
        focus_keyword=request.target_keyword,
        created_by=by.user,
        created_on=at,
    )
    journal.record("blog_post.created", post, by=by, at=at, after={"title": post.title})
    work.set_subject(activity.unit, SubjectType.BLOG_POST, post.ref_id, steps=AFTER_TOPIC, at=at)


def begin_article(activity: Activity, *, by: Actor, at: datetime) -> None:
    """The writer has begun; a repeated attempt finds the post being written already."""
    with transaction.atomic():
        post = queries.blog_post_of(activity.subject_ref, lock=True)
        if post.status in (BlogPostStatus.DRAFT, BlogPostStatus.REJECTED):
            BLOG_POST_MOVES.perform(post, "write", by=by, at=at)
        request = post.blog_request
        if request.status == RequestStatus.APPROVED:
            REQUEST_MOVES.perform(request, "begin", by=by, at=at)


def receive_article(output: Article, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    post = queries.blog_post_of(activity.subject_ref, lock=True)
    BLOG_POST_MOVES.perform(
        post,
        "submit",
        by=by,
        at=at,
        title=output.title,
        slug=output.slug,
        meta_description=output.meta_description,
        content_ref=kept.pointer,
        word_count=output.word_count,
    )


def send_back_post(post: BlogPost, *, by: Actor, at: datetime, note: str) -> None:
    BLOG_POST_MOVES.perform(post, "reject", by=by, at=at)


def release_post(post: BlogPost, *, by: Actor, at: datetime, activity: Activity) -> None:
    """The last approval: the post is approved, and scheduled where it has a time; its publish step becomes ready then."""
    if post.channel_id is None:
        raise NoWebsiteChannel
    post = BLOG_POST_MOVES.perform(post, "approve", by=by, at=at)
    if post.scheduled_for and post.scheduled_for > at:
        BLOG_POST_MOVES.perform(post, "schedule", by=by, at=at)
        step = activity.unit.steps.get(pipeline_step="publish")
        step.ready_on = post.scheduled_for
        step.save(update_fields=["ready_on"])


@dataclass(frozen=True)
class PostEdit:
    """What a reviewer may change while a post is in review."""

    title: str
    slug: str
    meta_description: str
    body_markdown: str
    scheduled_for: datetime | None = None
    change_note: str = ""


def edit_post(post: BlogPost, edit: PostEdit, *, by: Actor, at: datetime, shown_sha256: str) -> BlogPost:
    """Replace the text by a person's version; whoever still has the old one open has to read again.

    Raises NotEditable outside of review, and ApprovalStale when the post changed after it was opened.
    """
    approval = _pending(post)
    if approval is None:
        raise work.NotEditable
    if approval.content_sha256 != shown_sha256:
        raise work.ApprovalStale  # before anything is stored; asked again under the lock
    draft = approval.activity.unit.steps.get(pipeline_step="draft")
    to_check = drafts.article(
        title=edit.title, description=edit.meta_description, text=edit.body_markdown, request=post.blog_request
    )
    findings = checking.of_edit(to_check, draft.output_summary.get("checks", ()))
    edited = work.store_edit(
        draft,
        edit.body_markdown,
        subject_ref=post.ref_id,
        output_type="blog_post",
        metadata=storage.document(storage.ActivityOutput, draft.output_ref).metadata,
        change_note=edit.change_note,
        by=by,
        at=at,
    )
    with transaction.atomic():
        _, draft, gate = locks.take(draft.unit, draft, approval.activity)
        work.replace_output(draft, gate, edited, shown_sha256=shown_sha256, findings=findings)
        (post,) = locks.take(post)
        before = queries.blog_post_shown(post)
        changes = {
            "title": edit.title,
            "slug": edit.slug,
            "meta_description": edit.meta_description,
            "scheduled_for": edit.scheduled_for,
            "content_ref": edited.pointer,
            "word_count": count_words(edit.body_markdown),
            **touched(BlogPost, by=by, at=at),
        }
        for field, value in changes.items():
            setattr(post, field, value)
        post.save(update_fields=list(changes))
        journal.record("blog_post.edited", post, by=by, at=at, before=before, after=queries.blog_post_shown(post))
        work.refresh_gate(gate, by=by, at=at)
    return post


def _pending(post: BlogPost) -> Approval | None:
    return (
        Approval.objects.filter(
            subject_type=SubjectType.BLOG_POST, subject_ref=post.ref_id, status=ApprovalStatus.PENDING
        )
        .select_related("activity", "activity__parent_activity")
        .first()
    )


@dataclass(frozen=True)
class ReadyPost:
    """A post as it is about to go out, checked against its approval."""

    post: BlogPost
    channel: Channel
    connection: Connection
    title: str
    slug: str
    markdown: str
    excerpt: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    approval_ref: str
    content_sha256: str
    status: str


def prepare_post(activity: Activity) -> ReadyPost:
    """Everything that goes out, recomputed and compared with what was approved.

    Raises ContentChanged when it differs, NoWebsiteChannel when the channel is not connected, BodyMissing or
    StorageUnavailable when the text cannot be had.
    """
    post = queries.blog_post_of(activity.subject_ref)
    unit = activity.unit
    approval = work.approved_snapshot(unit, SubjectType.BLOG_POST, post.ref_id)
    if approval is None or post.status not in (BlogPostStatus.APPROVED, BlogPostStatus.SCHEDULED):
        raise ContentChanged
    if work.digest_of(work.shown_at(approval.activity)) != approval.content_sha256:
        raise ContentChanged
    channel = post.channel
    if channel is None or channel.status != ChannelStatus.CONNECTED:
        raise NoWebsiteChannel
    body = storage.read_one(storage.ActivityOutput, post.content_ref)
    metadata = body.document.metadata
    approved = approval.shown_snapshot["body"]
    if body.sha256 != approved["sha256"] or work.digest_of(metadata) != approved.get("metadata_sha256"):
        raise ContentChanged  # the stores were changed underneath
    return ReadyPost(
        post=post,
        channel=channel,
        connection=channels.connection_of(channel),
        title=post.title,
        slug=post.slug,
        markdown=body.text,
        excerpt=post.meta_description,
        categories=tuple(metadata.get("categories", ())),
        tags=tuple(metadata.get("tags", ())),
        approval_ref=approval.ref_id,
        content_sha256=approval.content_sha256,
        status="draft" if channel.metadata.get("publish_as") == "draft" else "publish",
    )


def still_ready(activity: Activity, ready: ReadyPost) -> None:
    """Under the locks of post and channel: still approved, the same content, connected. Raises as `prepare_post`."""
    post = queries.blog_post_of(activity.subject_ref, lock=True)
    (channel,) = locks.take(ready.channel)
    if channel.status != ChannelStatus.CONNECTED:
        raise NoWebsiteChannel
    if post.status not in (BlogPostStatus.APPROVED, BlogPostStatus.SCHEDULED):
        raise ContentChanged
    approval = Approval.objects.get(ref_id=ready.approval_ref)
    if work.digest_of(work.shown_at(approval.activity)) != ready.content_sha256:
        raise ContentChanged


def settle_post(activity: Activity, *, external_id: str, url: str, by: Actor, at: datetime) -> None:
    """The platform confirmed: the post is published. The only way to published, called by `publish.settled` alone."""
    post = queries.blog_post_of(activity.subject_ref, lock=True)
    BLOG_POST_MOVES.perform(post, "publish", by=by, at=at, published_on=at, published_url=url, cms_post_id=external_id)
    request = post.blog_request
    if request.status == RequestStatus.IN_PROGRESS:
        REQUEST_MOVES.perform(request, "complete", by=by, at=at)


def receive_live_check(output: LiveCheck, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """A page that is not live or shows another title calls a person, once."""
    if not (output.is_live and output.title_matches):
        work.raise_task(
            tenant_id=activity.tenant_id,
            title="Look at the live page: it is not as approved",
            note="\n".join(output.findings),
            origin=f"check:{activity.ref_id}",
            by=by,
            at=at,
            about={"checked": activity.ref_id},
        )

"""Topics that were asked for, and the posts that were written for them."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action

from apps import storage
from apps.activities.models import Approval
from apps.activities.operations import ApprovalStale
from apps.tenants.doors.viewsets import TenantViewSet, VersionStale, version_seen

from .. import access, operations, queries
from ..models import BlogPost, BlogRequest, SocialMediaRequest, SocialPost
from .serializers import (
    BlogPostDetail,
    BlogPostSerializer,
    BlogRequestSerializer,
    Figures,
    PostChange,
    SocialPostDetail,
    SocialPostSerializer,
    SocialRequestDetail,
    SocialRequestSerializer,
)

DIGEST = r"[0-9a-f]{64}"
ETAG = OpenApiParameter(
    "ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[200], description="While a decision is pending."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag of the post as it was read.",
)


class BlogRequestViewSet(TenantViewSet):
    """Topics that agents or people ask for; nothing is written before one is approved."""

    model = BlogRequest
    serializer_class = BlogRequestSerializer
    list_needs = "post.read"
    filter_fields = ("status", "priority", "search_intent")

    def retrieve(self, request, ref_id):
        """One topic with its brief."""
        return self.answer(access.blog_request_for(request.actor, ref_id, to="read"))


class BlogPostViewSet(TenantViewSet):
    """Posts, from the draft to the live page."""

    model = BlogPost
    serializer_class = BlogPostSerializer
    list_needs = "post.read"
    filter_fields = ("status",)
    ref_filters = {"blog_request": "blog_request__ref_id", "channel": "channel__ref_id"}

    @extend_schema(responses=BlogPostDetail, parameters=[ETAG])
    def retrieve(self, request, ref_id):
        """One post with its text. While a decision on it is pending, the answer carries the ETag that editing needs."""
        return self._shown(access.blog_post_for(request.actor, ref_id, to="read"))

    @extend_schema(request=PostChange, responses=BlogPostDetail, parameters=[IF_MATCH, ETAG])
    def partial_update(self, request, ref_id):
        """Change a post in review: a new version, and the pending decision is about that one from now on."""
        post = access.blog_post_for(request.actor, ref_id, to="edit")
        wanted = self.read(PostChange)
        shown_sha256 = version_seen(request, DIGEST)
        self.work_for(post)
        edit = operations.PostEdit(
            title=wanted.get("title", post.title),
            slug=wanted.get("slug", post.slug),
            meta_description=wanted.get("meta_description", post.meta_description),
            body_markdown=wanted["body_markdown"] if "body_markdown" in wanted else self._text(post),
            scheduled_for=wanted.get("scheduled_for", post.scheduled_for),
            change_note=wanted.get("change_note", ""),
        )
        try:
            post = operations.edit_post(post, edit, by=request.actor, at=request.at, shown_sha256=shown_sha256)
        except (ApprovalStale, storage.VersionTaken) as error:
            raise VersionStale from error
        return self._shown(post)

    def _text(self, post: BlogPost) -> str:
        return storage.read_one(storage.ActivityOutput, post.content_ref).text if post.content_ref else ""

    def _shown(self, post: BlogPost):
        body = storage.read_one(storage.ActivityOutput, post.content_ref) if post.content_ref else None
        pending: Approval | None = queries.pending_approval(post)
        headers = {"ETag": f'"{pending.content_sha256}"'} if pending else None
        return self.answer(post, BlogPostDetail, headers=headers, body=body, pending=pending)


class SocialMediaRequestViewSet(TenantViewSet):
    """Topics for posts on social channels and listings; nothing is written before one is approved."""

    model = SocialMediaRequest
    serializer_class = SocialRequestSerializer
    list_needs = "post.read"
    filter_fields = ("status", "priority", "post_type")

    @extend_schema(responses=SocialRequestDetail)
    def retrieve(self, request, ref_id):
        """One topic with its brief and the channels posts are asked for."""
        found = access.social_request_for(request.actor, ref_id, to="read")
        return self.answer(found, SocialRequestDetail, channels=queries.channels_of(found))


class SocialPostViewSet(TenantViewSet):
    """Posts of one channel each, from the draft to the figures."""

    model = SocialPost
    serializer_class = SocialPostSerializer
    list_needs = "post.read"
    filter_fields = ("status", "platform")
    ref_filters = {"social_media_request": "social_media_request__ref_id", "channel": "channel__ref_id"}

    @extend_schema(responses=SocialPostDetail)
    def retrieve(self, request, ref_id):
        """One post with its text as it appears."""
        return self._shown(access.social_post_for(request.actor, ref_id, to="read"))

    @extend_schema(request=Figures, responses=SocialPostDetail)
    @action(detail=True, methods=["post"])
    def engagement(self, request, ref_id):
        """Enter the figures of a published post; those entered before are replaced."""
        post = access.social_post_for(request.actor, ref_id, to="edit")
        wanted = self.read(Figures)
        self.work_for(post)
        return self._shown(operations.record_engagement(post, wanted, by=request.actor, at=request.at))

    def _shown(self, post: SocialPost):
        body = storage.read_one(storage.ActivityOutput, post.content_ref).text if post.content_ref else None
        text = queries.written(post, body).text if body is not None else None
        return self.answer(post, SocialPostDetail, text=text, pending=queries.pending_approval(post))

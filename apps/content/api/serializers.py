"""How requests and posts are shown, and what a person may change on a post in review."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.strategy.bodies import heading_levels
from apps.tenants.doors.rows import Ref, Row
from apps.tenants.doors.strict import Digest, Input, Line, Moment, Text, Whole, Word

from ..bodies import MOST_OF_A_FIGURE
from ..forms import BODY_LENGTH, META_LENGTH, slug_rule
from ..models import BlogPost, BlogRequest, SocialMediaRequest, SocialPost


class BlogRequestSerializer(Row):
    deliverable = Ref(source="deliverable_id", allow_null=True)
    deliverable_period = Ref(source="deliverable_period_id", allow_null=True)
    activity = Ref(source="activity_id", allow_null=True, help_text="The gate at which the topic is decided.")
    target_channel = Ref(source="target_channel_id", allow_null=True)
    requested_by = serializers.CharField(
        source="requested_by_id", read_only=True, help_text="An agent's role or a person's `ref_id`."
    )

    class Meta:
        model = BlogRequest
        fields = [
            "ref_id",
            "tenant",
            "deliverable",
            "deliverable_period",
            "activity",
            "requested_by_type",
            "requested_by",
            "title",
            "topic_brief",
            "target_keyword",
            "secondary_keywords",
            "search_intent",
            "target_audience",
            "target_channel",
            "target_word_count",
            "notes",
            "priority",
            "status",
            "rejection_notes",
            "created_on",
        ]


class BlogPostSerializer(Row):
    blog_request = Ref(source="blog_request_id")
    channel = Ref(source="channel_id", allow_null=True)

    class Meta:
        model = BlogPost
        fields = [
            "ref_id",
            "tenant",
            "blog_request",
            "channel",
            "title",
            "slug",
            "meta_description",
            "focus_keyword",
            "word_count",
            "status",
            "scheduled_for",
            "published_on",
            "published_url",
            "cms_post_id",
            "created_on",
        ]


class PendingSerializer(serializers.Serializer):
    """The decision that is pending on a post."""

    ref_id = serializers.CharField(read_only=True)
    required_role = serializers.CharField(read_only=True)
    content_sha256 = Digest(read_only=True)


class BlogPostDetail(BlogPostSerializer):
    markdown = serializers.SerializerMethodField(help_text="The text; null until it is written.")
    pending_approval = serializers.SerializerMethodField()

    class Meta(BlogPostSerializer.Meta):
        fields = [*BlogPostSerializer.Meta.fields, "markdown", "pending_approval"]

    def get_markdown(self, post) -> str | None:
        return self.context["body"].text if self.context["body"] else None

    @extend_schema_field(PendingSerializer(allow_null=True))
    def get_pending_approval(self, post):
        pending = self.context["pending"]
        return PendingSerializer(pending).data if pending else None


class SocialRequestSerializer(Row):
    deliverable = Ref(source="deliverable_id", allow_null=True)
    deliverable_period = Ref(source="deliverable_period_id", allow_null=True)
    activity = Ref(source="activity_id", allow_null=True, help_text="The gate at which the topic is decided.")
    requested_by = serializers.CharField(
        source="requested_by_id", read_only=True, help_text="An agent's role or a person's `ref_id`."
    )

    class Meta:
        model = SocialMediaRequest
        fields = [
            "ref_id",
            "tenant",
            "deliverable",
            "deliverable_period",
            "activity",
            "requested_by_type",
            "requested_by",
            "topic",
            "content_brief",
            "post_type",
            "scheduled_for",
            "notes",
            "priority",
            "status",
            "rejection_notes",
            "created_on",
        ]


class SocialRequestDetail(SocialRequestSerializer):
    target_channel_ids = serializers.SerializerMethodField(
        help_text="The `ref_id`s of the channels posts are asked for."
    )

    class Meta(SocialRequestSerializer.Meta):
        fields = [*SocialRequestSerializer.Meta.fields, "target_channel_ids"]

    def get_target_channel_ids(self, request) -> list[str]:
        return [channel.ref_id for channel in self.context["channels"]]


class SocialPostSerializer(Row):
    social_media_request = Ref(source="social_media_request_id")
    channel = Ref(source="channel_id")

    class Meta:
        model = SocialPost
        fields = [
            "ref_id",
            "tenant",
            "social_media_request",
            "channel",
            "platform",
            "char_count",
            "status",
            "scheduled_for",
            "published_on",
            "published_url",
            "platform_post_id",
            "engagement_snapshot",
            "last_engagement_on",
            "created_on",
        ]


class SocialPostDetail(SocialPostSerializer):
    text = serializers.SerializerMethodField(help_text="The whole post as it appears; null until it is written.")
    pending_approval = serializers.SerializerMethodField()

    class Meta(SocialPostSerializer.Meta):
        fields = [*SocialPostSerializer.Meta.fields, "text", "pending_approval"]

    def get_text(self, post) -> str | None:
        return self.context["text"]

    @extend_schema_field(PendingSerializer(allow_null=True))
    def get_pending_approval(self, post):
        pending = self.context["pending"]
        return PendingSerializer(pending).data if pending else None


class Figures(Input):
    """What the platform says about a post by now; what is left out is not known."""

    impressions = Whole(min_value=0, max_value=MOST_OF_A_FIGURE, required=False)
    likes = Whole(min_value=0, max_value=MOST_OF_A_FIGURE, required=False)
    comments = Whole(min_value=0, max_value=MOST_OF_A_FIGURE, required=False)
    shares = Whole(min_value=0, max_value=MOST_OF_A_FIGURE, required=False)
    clicks = Whole(min_value=0, max_value=MOST_OF_A_FIGURE, required=False)


class PostChange(Input):
    """What to change; whatever is left out stays as it is."""

    title = Line(max_length=500, required=False)
    slug = Word(
        max_length=100, required=False, validators=[slug_rule], help_text="The last part of the post's address."
    )
    meta_description = Line(max_length=META_LENGTH, required=False)
    scheduled_for = Moment(
        required=False, allow_null=True, help_text="When it goes out; null: as soon as it is approved."
    )
    body_markdown = Text(
        max_length=BODY_LENGTH, required=False, help_text="The title stands apart: headings begin at ##."
    )
    change_note = Text(max_length=500, required=False, allow_blank=True, help_text="For the list of versions.")

    def validate_body_markdown(self, body: str) -> str:
        if 1 in heading_levels(body):
            raise serializers.ValidationError("The title stands apart: begin headings at ##, not #.")
        return body

    def validate(self, wanted: dict) -> dict:
        if not set(wanted) - {"change_note"}:
            raise serializers.ValidationError("Say what to change.")
        return wanted

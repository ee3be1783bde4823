"""What is asked for, what is written for it, and the links won for the client."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.channels.statuses import Platform
from apps.shared.constraints import Index, TenantForeignKey, between, not_negative
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .statuses import (
    BACKLINK_MOVES,
    BLOG_POST_MOVES,
    REQUEST_MOVES,
    SOCIAL_POST_MOVES,
    BlogPostStatus,
    LinkType,
    OutreachStatus,
    PostType,
    RequesterType,
    RequestPriority,
    RequestStatus,
    SearchIntent,
    SocialPostStatus,
)

LIVE = Q(deleted_on__isnull=True)


class BlogRequest(TenantRecord, Mutable, SoftDelete):
    """A request for one blog post; nothing is written before it is approved."""

    moves = REQUEST_MOVES

    deliverable = TenantForeignKey("strategy.Deliverable", null=True, blank=True)
    deliverable_period = TenantForeignKey("strategy.DeliverablePeriod", null=True, blank=True)
    activity = TenantForeignKey("activities.Activity", null=True, blank=True, help_text="The approval activity.")
    requested_by_type = models.CharField(max_length=10, choices=RequesterType)
    requested_by_id = models.CharField(max_length=255, help_text="Agent role or user ref_id.")
    title = models.CharField(max_length=500)
    topic_brief = models.TextField(blank=True)
    target_keyword = models.CharField(max_length=255, blank=True)
    secondary_keywords = ArrayField(models.TextField(), default=list, blank=True)
    search_intent = models.CharField(max_length=20, choices=SearchIntent, default=SearchIntent.INFORMATIONAL)
    target_audience = models.TextField(blank=True)
    target_channel = TenantForeignKey("channels.Channel", null=True, blank=True)
    target_word_count = models.IntegerField(null=True, blank=True)
    notes = models.TextField(blank=True)
    priority = models.CharField(max_length=10, choices=RequestPriority, default=RequestPriority.NORMAL)
    status = models.CharField(max_length=20, choices=RequestStatus, default=RequestStatus.DRAFT)
    rejection_notes = models.TextField(blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "blog_requests"
        constraints = [between("target_word_count", 1, 20_000, name="blog_requests_word_count_in_range")]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_blog_requests_ref"),
            models.Index(fields=["tenant", "status"], condition=LIVE, name="idx_blog_requests_status"),
        ]

    def __str__(self):
        return self.title


class BlogPost(TenantRecord, Mutable, SoftDelete):
    """The post itself: facts here, its Markdown in S3 behind `content_ref`."""

    moves = BLOG_POST_MOVES

    blog_request = TenantForeignKey(BlogRequest, db_index=False)
    channel = TenantForeignKey("channels.Channel", null=True, blank=True)
    title = models.CharField(max_length=500)
    slug = models.CharField(max_length=500, blank=True)
    meta_description = models.CharField(max_length=160, blank=True)
    focus_keyword = models.CharField(max_length=255, blank=True)
    content_ref = models.CharField(max_length=24, blank=True)
    word_count = models.IntegerField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=BlogPostStatus, default=BlogPostStatus.DRAFT)
    scheduled_for = models.DateTimeField(null=True, blank=True)
    published_on = models.DateTimeField(null=True, blank=True)
    published_url = models.CharField(max_length=1000, blank=True)
    cms_post_id = models.CharField(max_length=255, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "blog_posts"
        constraints = [
            models.UniqueConstraint(fields=["blog_request"], condition=LIVE, name="uniq_blog_posts_request"),
            not_negative("word_count", name="blog_posts_word_count_not_negative"),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_blog_posts_ref"),
            models.Index(fields=["tenant", "status"], condition=LIVE, name="idx_blog_posts_status"),
        ]

    def __str__(self):
        return self.title


class BlogPostMedia(TenantRecord):
    """A media asset that goes out with a blog post, and its place among the others."""

    blog_post = TenantForeignKey(BlogPost, db_index=False)
    media_asset = TenantForeignKey("channels.MediaAsset")
    position = models.SmallIntegerField(default=0, help_text="The lowest comes first.")

    class Meta(TenantRecord.Meta):
        db_table = "blog_post_media"
        verbose_name_plural = "blog post media"
        constraints = [
            models.UniqueConstraint(fields=["blog_post", "media_asset"], name="uniq_blog_post_media_pair"),
            not_negative("position", name="blog_post_media_position_not_negative"),
        ]

    def __str__(self):
        return f"{self.media_asset_id} of {self.blog_post_id}"


class SocialMediaRequest(TenantRecord, Mutable, SoftDelete):
    """A request for posts on one or more channels; nothing is written before it is approved."""

    moves = REQUEST_MOVES

    deliverable = TenantForeignKey("strategy.Deliverable", null=True, blank=True)
    deliverable_period = TenantForeignKey("strategy.DeliverablePeriod", null=True, blank=True)
    activity = TenantForeignKey("activities.Activity", null=True, blank=True, help_text="The approval activity.")
    requested_by_type = models.CharField(max_length=10, choices=RequesterType)
    requested_by_id = models.CharField(max_length=255, help_text="Agent role or user ref_id.")
    topic = models.CharField(max_length=500)
    content_brief = models.TextField(blank=True, help_text="Key messages, angle, tone.")
    post_type = models.CharField(max_length=20, choices=PostType, default=PostType.STANDARD)
    scheduled_for = models.DateTimeField(null=True, blank=True, help_text="The time that was asked for.")
    notes = models.TextField(blank=True, help_text="Hashtags, pictures, don'ts.")
    priority = models.CharField(max_length=10, choices=RequestPriority, default=RequestPriority.NORMAL)
    status = models.CharField(max_length=20, choices=RequestStatus, default=RequestStatus.DRAFT)
    rejection_notes = models.TextField(blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "social_media_requests"
        indexes = [
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_social_media_requests_ref"),
            Index(fields=["tenant", "status"], condition=LIVE, name="idx_social_media_requests_status"),
        ]

    def __str__(self):
        return self.topic


class SocialMediaRequestChannel(TenantRecord):
    """A channel that a social media request asks a post for."""

    rows_may_be_deleted = True  # a topic that is proposed anew may be for other channels

    social_media_request = TenantForeignKey(SocialMediaRequest, db_index=False)
    channel = TenantForeignKey("channels.Channel")

    class Meta(TenantRecord.Meta):
        db_table = "social_media_request_channels"
        constraints = [
            models.UniqueConstraint(
                fields=["social_media_request", "channel"], name="uniq_social_media_request_channels_pair"
            )
        ]

    def __str__(self):
        return f"{self.channel_id} of {self.social_media_request_id}"


class SocialPost(TenantRecord, Mutable, SoftDelete):
    """The post of one channel for one request: facts here, copy and hashtags in S3 behind `content_ref`."""

    moves = SOCIAL_POST_MOVES

    social_media_request = TenantForeignKey(SocialMediaRequest, db_index=False)
    channel = TenantForeignKey("channels.Channel")
    platform = models.CharField(max_length=50, choices=Platform, help_text="The channel's, copied.")
    content_ref = models.CharField(max_length=24, blank=True, help_text="ObjectId of the activity_outputs document.")
    char_count = models.IntegerField(null=True, blank=True, help_text="As the platform counts, see limits.py.")
    status = models.CharField(max_length=20, choices=SocialPostStatus, default=SocialPostStatus.DRAFT)
    scheduled_for = models.DateTimeField(null=True, blank=True)
    published_on = models.DateTimeField(null=True, blank=True)
    published_url = models.CharField(max_length=1000, blank=True)
    platform_post_id = models.CharField(
        max_length=255, blank=True, help_text="Kept when it is unpublished: figures, edits and deletion need it."
    )
    engagement_snapshot = models.JSONField(
        null=True, blank=True, help_text="The latest figures: likes, comments, shares, impressions."
    )
    last_engagement_on = models.DateTimeField(null=True, blank=True, help_text="When the figures were last fetched.")

    class Meta(TenantRecord.Meta):
        db_table = "social_posts"
        constraints = [
            models.UniqueConstraint(
                fields=["social_media_request", "channel"],
                condition=LIVE,
                name="uniq_social_posts_request_channel",
            ),
            not_negative("char_count", name="social_posts_char_count_not_negative"),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_social_posts_ref"),
            models.Index(fields=["tenant", "status"], condition=LIVE, name="idx_social_posts_status"),
        ]

    def __str__(self):
        return f"{self.get_platform_display()} post {self.ref_id}"


class SocialPostMedia(TenantRecord):
    """A media asset that goes out with a social post, and its place among the others."""

    social_post = TenantForeignKey(SocialPost, db_index=False)
    media_asset = TenantForeignKey("channels.MediaAsset")
    position = models.SmallIntegerField(default=0, help_text="The lowest comes first.")

    class Meta(TenantRecord.Meta):
        db_table = "social_post_media"
        verbose_name_plural = "social post media"
        constraints = [
            models.UniqueConstraint(fields=["social_post", "media_asset"], name="uniq_social_post_media_pair"),
            not_negative("position", name="social_post_media_position_not_negative"),
        ]

    def __str__(self):
        return f"{self.media_asset_id} of {self.social_post_id}"


class Backlink(TenantRecord, Mutable, SoftDelete):
    """A link from another site to the client's, from the first idea to the daily check that it is still there."""

    moves = BACKLINK_MOVES

    activity = TenantForeignKey(
        "activities.Activity", null=True, blank=True, help_text="The outreach activity that won the link."
    )
    deliverable = TenantForeignKey(
        "strategy.Deliverable", null=True, blank=True, help_text="The backlinks deliverable it counts for."
    )
    target_url = models.CharField(
        "linking page", max_length=1000, help_text="The page on the other site that carries the link."
    )
    source_url = models.CharField(
        "your page", max_length=1000, help_text="The page on the client's site that the link leads to."
    )
    anchor_text = models.CharField(max_length=500, blank=True)
    domain_authority = models.SmallIntegerField(
        null=True, blank=True, help_text="0-100, of the linking site when it was found."
    )
    link_type = models.CharField(
        max_length=10, choices=LinkType, null=True, blank=True, help_text="NULL until the link is seen."
    )
    outreach_status = models.CharField(max_length=20, choices=OutreachStatus, default=OutreachStatus.PROSPECTING)
    outreach_sent_on = models.DateTimeField(null=True, blank=True)
    link_published_on = models.DateTimeField(null=True, blank=True)
    last_checked_on = models.DateTimeField(null=True, blank=True)
    is_live = models.BooleanField(null=True, blank=True, help_text="Whether the link was up; NULL = never checked.")
    is_indexed = models.BooleanField(
        null=True, blank=True, help_text="Whether Google had the linking page indexed; NULL = never checked."
    )
    dataforseo_check_result = models.JSONField(null=True, blank=True, help_text="The whole answer of the last check.")
    notes = models.TextField(blank=True, help_text="By the reviewer.")

    class Meta(TenantRecord.Meta):
        db_table = "backlinks"
        constraints = [between("domain_authority", 0, 100, name="backlinks_domain_authority_in_range")]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_backlinks_ref"),
            models.Index(fields=["tenant", "outreach_status", "is_live"], name="idx_backlinks_tenant_status"),
            Index(
                fields=["last_checked_on", "is_live"],
                condition=Q(outreach_status="published"),
                name="idx_backlinks_check_schedule",
            ),
        ]

    def __str__(self):
        return self.target_url

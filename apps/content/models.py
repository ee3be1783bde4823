"""What is asked for, and what is written for it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.shared.constraints import TenantForeignKey, between, not_negative
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .statuses import (
    BLOG_POST_MOVES,
    REQUEST_MOVES,
    BlogPostStatus,
    RequesterType,
    RequestPriority,
    RequestStatus,
    SearchIntent,
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

"""Manage: requests, posts and backlinks of all clients. Read only: they move by decisions and by work."""

from django.contrib import admin
from django.utils.html import format_html

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, moment, pretty
from apps.tenants.doors.admin_lists import ClientFilter
from apps.tenants.doors.admin_tasks import Panel

from .limits import CHARACTERS
from .models import (
    Backlink,
    BlogPost,
    BlogPostMedia,
    BlogRequest,
    SocialMediaRequest,
    SocialMediaRequestChannel,
    SocialPost,
    SocialPostMedia,
)


def outside(address: str):
    """A link to a page that is not ours; addresses that no browser should open are shown as nothing."""
    if not address.startswith(("https://", "http://")):
        return EMPTY
    return format_html('<a class="link" href="{}" rel="noopener noreferrer" target="_blank">{}</a>', address, address)


def media_panel(media) -> Panel:
    rows = [(m.position, link(m.media_asset), m.media_asset.get_kind_display()) for m in media]
    return Panel("Media", ("Place", "File", "Kind"), rows, "No pictures, videos or documents.")


@admin.register(BlogRequest)
class BlogRequestAdmin(ManageAdmin):
    list_display = (
        "title",
        column("tenant", label="Client"),
        column("target_keyword", label="Keyword"),
        column("status"),
        column("priority"),
        column("created_on", label="Asked for"),
    )
    list_select_related = ("tenant",)
    list_filter = ("status", "priority", ClientFilter)
    sections = (
        ("Request", ("title", "tenant", "status", "priority", "topic_brief", "notes", "rejection_notes", "ref_id")),
        ("Search", ("target_keyword", "secondary_keywords", "search_intent", "target_audience", "target_word_count")),
        (
            "Belongs to",
            ("deliverable", "activity", "target_channel", "requested_by_type", "requested_by_id", "created_on"),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "deliverable", "activity", "target_channel")

    def panels(self, request, row):
        posts = BlogPost.objects.filter(blog_request=row).order_by("-ref_id")[:5]
        return [
            Panel(
                "Posts",
                ("Post", "Status", "Published"),
                [(link(p), badge(p.status, p.get_status_display()), moment(p.published_on)) for p in posts],
                "Nothing is written yet.",
            )
        ]


@admin.register(BlogPost)
class BlogPostAdmin(ManageAdmin):
    list_display = (
        "title",
        column("tenant", label="Client"),
        column("status"),
        column("word_count", label="Words"),
        column("scheduled_for"),
        column("published_on"),
    )
    list_select_related = ("tenant",)
    list_filter = ("status", ClientFilter)
    sections = (
        ("Post", ("title", "tenant", "status", "slug", "meta_description", "focus_keyword", "word_count", "ref_id")),
        ("Publication", ("channel", "scheduled_for", "published_on", "live", "cms_post_id")),
        ("Behind it", ("blog_request", "content_ref", "created_on", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel", "blog_request")

    @admin.display(description="Live at")
    def live(self, row):
        return outside(row.published_url)

    def panels(self, request, row):
        media = BlogPostMedia.objects.filter(blog_post=row).select_related("media_asset").order_by("position", "ref_id")
        return [media_panel(media)]


@admin.register(SocialMediaRequest)
class SocialMediaRequestAdmin(ManageAdmin):
    called = "Social requests"
    list_display = (
        "topic",
        column("tenant", label="Client"),
        column("post_type", label="Kind"),
        column("status"),
        column("priority"),
        column("created_on", label="Asked for"),
    )
    list_select_related = ("tenant",)
    list_filter = ("status", "post_type", "priority", ClientFilter)
    empty = "Nobody has asked for social posts yet."
    sections = (
        (
            "Request",
            (
                "topic",
                "tenant",
                "status",
                "priority",
                "post_type",
                "scheduled_for",
                "content_brief",
                "notes",
                "rejection_notes",
                "ref_id",
            ),
        ),
        (
            "Belongs to",
            ("deliverable", "deliverable_period", "activity", "requested_by_type", "requested_by_id", "created_on"),
        ),
    )

    def get_queryset(self, request):
        related = ("tenant", "deliverable", "deliverable_period", "activity")
        return super().get_queryset(request).select_related(*related)

    def panels(self, request, row):
        asked = SocialMediaRequestChannel.objects.filter(social_media_request=row).select_related("channel")
        posts = SocialPost.objects.filter(social_media_request=row).select_related("channel").order_by("ref_id")
        return [
            Panel(
                "Channels",
                ("Channel", "Platform", "Status"),
                [
                    (
                        link(a.channel),
                        a.channel.get_platform_display(),
                        badge(a.channel.status, a.channel.get_status_display()),
                    )
                    for a in asked.order_by("ref_id")
                ],
                "No channel is chosen.",
            ),
            Panel(
                "Posts",
                ("Post", "Channel", "Status", "Published"),
                [
                    (
                        link(p, p.get_platform_display()),
                        link(p.channel),
                        badge(p.status, p.get_status_display()),
                        moment(p.published_on),
                    )
                    for p in posts
                ],
                "Nothing is written yet.",
            ),
        ]


@admin.register(SocialPost)
class SocialPostAdmin(ManageAdmin):
    list_display = (
        "topic",
        column("tenant", label="Client"),
        column("platform"),
        column("status"),
        "length",
        column("scheduled_for"),
        column("published_on"),
    )
    list_select_related = ("tenant", "social_media_request")
    list_filter = ("status", "platform", ClientFilter)
    empty = "No social posts yet."
    sections = (
        ("Post", ("topic", "tenant", "platform", "status", "length", "ref_id")),
        ("Publication", ("channel", "scheduled_for", "published_on", "live", "platform_post_id")),
        ("Figures", ("engagement_snapshot", "last_engagement_on")),
        ("Behind it", ("social_media_request", "content_ref", "created_on", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel", "social_media_request")

    def title_of(self, row):
        return f"{row.get_platform_display()}: {row.social_media_request}"

    @admin.display(description="Topic")
    def topic(self, row):
        return row.social_media_request.topic

    @admin.display(description="Characters")
    def length(self, row):
        if row.char_count is None:
            return EMPTY
        limit = CHARACTERS.get(row.platform)
        return f"{row.char_count:,} of {limit:,}" if limit else f"{row.char_count:,}"

    @admin.display(description="Live at")
    def live(self, row):
        return outside(row.published_url)

    def panels(self, request, row):
        media = SocialPostMedia.objects.filter(social_post=row).select_related("media_asset")
        return [media_panel(media.order_by("position", "ref_id"))]


class LiveFilter(admin.SimpleListFilter):
    """Whether the last check found the link; Django's own filter of a column cannot be asked for NULL here."""

    title = "last check"
    parameter_name = "live"

    def lookups(self, request, model_admin):
        return [("yes", "Link is up"), ("no", "Link is down"), ("never", "Never checked")]

    def queryset(self, request, queryset):
        match self.value():
            case "never":
                return queryset.filter(is_live__isnull=True)
            case "yes" | "no" as answer:
                return queryset.filter(is_live=answer == "yes")
        return queryset


@admin.register(Backlink)
class BacklinkAdmin(ManageAdmin):
    list_display = (
        "linking_page",
        column("tenant", label="Client"),
        column("outreach_status", label="Outreach"),
        column("domain_authority", label="Authority"),
        column("is_live", label="Live"),
        column("is_indexed", label="Indexed"),
        column("last_checked_on", label="Checked"),
    )
    list_select_related = ("tenant",)
    list_filter = ("outreach_status", LiveFilter, "link_type", ClientFilter)
    empty = "No backlinks yet."
    sections = (
        (
            "Link",
            (
                "linking_page_address",
                "your_page",
                "tenant",
                "anchor_text",
                "link_type",
                "domain_authority",
                "notes",
                "ref_id",
            ),
        ),
        ("Outreach", ("outreach_status", "outreach_sent_on", "link_published_on")),
        ("Last check", ("last_checked_on", "is_live", "is_indexed", "check_result")),
        ("Belongs to", ("activity", "deliverable", "created_on", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "activity", "deliverable")

    @admin.display(description="Linking page")
    def linking_page(self, row):
        return row.target_url  # the list itself links it to the row

    @admin.display(description="Linking page")
    def linking_page_address(self, row):
        return outside(row.target_url)

    @admin.display(description="Your page")
    def your_page(self, row):
        return outside(row.source_url)

    @admin.display(description="Answer of DataForSEO")
    def check_result(self, row):
        return pretty(row.dataforseo_check_result)

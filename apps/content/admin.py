"""Manage: requests and posts of all clients. Read only: they move by decisions and by work."""

from django.contrib import admin
from django.utils.html import format_html

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, moment
from apps.tenants.doors.admin_lists import ClientFilter
from apps.tenants.doors.admin_tasks import Panel

from .models import BlogPost, BlogRequest


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
        if not row.published_url.startswith(("https://", "http://")):
            return EMPTY
        return format_html(
            '<a class="link" href="{}" rel="noopener noreferrer" target="_blank">{}</a>',
            row.published_url,
            row.published_url,
        )

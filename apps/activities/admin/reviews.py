"""Links by which people decide without signing in, and what they said about texts."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, moment
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel

from ..models import ReviewComment, ReviewLink, ReviewLinkApproval


@admin.register(ReviewLink)
class ReviewLinkAdmin(ManageAdmin):
    called = "Review links"
    list_display = (
        column("recipient_user", label="For"),
        column("tenant", label="Client"),
        column("expires_on", label="Expires"),
        column("first_opened_on", label="Opened"),
        column("last_used_on", label="Last used"),
        column("revoked_on", label="Taken back"),
    )
    list_select_related = ("tenant", "recipient_user")
    list_filter = (ClientFilter,)
    empty = "No review link was made yet."
    sections = (
        ("Link", ("recipient_user", "tenant", "created_by", "created_on", "expires_on", "ref_id")),
        ("Use", ("first_opened_on", "last_used_on", "revoked_on", "revoked_by")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "recipient_user", "revoked_by", "created_by")

    def panels(self, request, row):
        opened = ReviewLinkApproval.objects.filter(review_link=row).select_related("approval__activity")
        return [
            Panel(
                "Opens",
                ("Approval", "Status", "Expires"),
                [
                    (
                        link(o.approval, o.approval.activity.title),
                        badge(o.approval.status, o.approval.get_status_display()),
                        moment(o.approval.expires_at),
                    )
                    for o in opened.order_by("ref_id")[:50]
                ],
                "It opens nothing.",
            )
        ]


@admin.register(ReviewLinkApproval)
class ReviewLinkApprovalAdmin(ManageAdmin):
    called = "What review links open"
    list_display = ("opens", "through", column("tenant", label="Client"), column("created_on"))
    list_select_related = ("tenant", "approval__activity", "review_link__recipient_user")
    list_filter = (ClientFilter,)
    empty = "No review link opens anything."
    sections = (("Opens", ("opens", "through", "tenant", "created_on", "ref_id")),)

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("tenant", "approval__activity", "review_link__recipient_user")

    def title_of(self, row):
        return f"{row.approval.activity.title} for {row.review_link.recipient_user}"

    @admin.display(description="Approval")
    def opens(self, row):
        return link(row.approval, row.approval.activity.title)

    @admin.display(description="Link")
    def through(self, row):
        return link(row.review_link)


@admin.register(ReviewComment)
class ReviewCommentAdmin(ManageAdmin):
    called = "Review comments"
    list_display = (
        "beginning",
        column("tenant", label="Client"),
        column("created_by"),
        column("is_internal", label="Internal"),
        column("resolved_on", label="Resolved"),
        column("created_on", label="When"),
    )
    list_select_related = ("tenant", "created_by")
    list_filter = ("is_internal", ClientFilter, text_filter("subject", "subject_ref", name="subject"))
    empty = "Nobody has commented on a text yet."
    sections = (
        ("Comment", ("body", "tenant", "created_by", "created_on", "is_internal", "ref_id")),
        ("About", ("decision", "subject_ref", "content_ref", "anchor", "answers")),
        ("Resolved", ("resolved_by", "resolved_on")),
    )

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("tenant", "created_by", "resolved_by", "approval__activity", "parent")

    @admin.display(description="Comment")
    def beginning(self, row):
        return str(row)

    @admin.display(description="Approval")
    def decision(self, row):
        return link(row.approval, row.approval.activity.title) if row.approval else EMPTY

    @admin.display(description="Answers")
    def answers(self, row):
        return link(row.parent)

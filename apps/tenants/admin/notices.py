"""What people are told: notices, choices, providers, and the proof of every delivery."""

from django.contrib import admin
from django.utils import timezone

from ..doors.admin import ManageAdmin
from ..doors.admin_display import EMPTY, badge, column, link
from ..doors.admin_lists import ClientFilter
from ..doors.admin_tasks import Panel
from ..models import DispatchLog, Notification, NotificationPreference, NotificationProvider

SHOWN = 20  # deliveries on the page of what was delivered, or to whom


def deliveries(rows, *, empty: str, more: str = "") -> Panel:
    """The latest of these dispatches."""
    return Panel(
        "Latest deliveries",
        ("When", "Over", "To", "Status", "Attempt", "Answer", "Error"),
        [
            (
                link(d, f"{timezone.localtime(d.created_on):%-d %b %Y, %H:%M:%S}"),
                d.get_channel_display(),
                d.recipient_masked,
                badge(d.status, d.get_status_display()),
                d.attempt,
                d.response_status or EMPTY,
                d.error[:200] or EMPTY,
            )
            for d in rows.order_by("-ref_id")[:SHOWN]
        ],
        empty,
        more=more,
    )


@admin.register(Notification)
class NotificationAdmin(ManageAdmin):
    list_display = (
        column("title"),
        "person",
        column("tenant", label="Client"),
        column("kind"),
        column("severity"),
        column("created_on", label="Told"),
        column("read_on", label="Read"),
    )
    list_select_related = ("tenant", "user")
    list_filter = ("severity", ClientFilter)
    empty = "Nobody was told anything yet."
    sections = (
        ("Notice", ("title", "body", "kind", "severity", "person", "tenant", "ref_id")),
        ("About", ("subject_type", "subject_ref", "journal_entry")),
        ("When", ("created_on", "read_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "user", "journal_entry")

    @admin.display(description="To")
    def person(self, row):
        return link(row.user)

    def panels(self, request, row):
        return [deliveries(DispatchLog.objects.filter(notification=row), empty="It went nowhere but to the bell.")]


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(ManageAdmin):
    called = "Notice preferences"
    list_display = (
        "person",
        column("tenant", label="Client"),
        column("kind"),
        column("channel", label="Over"),
        column("is_enabled", label="Wanted"),
    )
    list_select_related = ("tenant", "user")
    list_filter = ("channel", "is_enabled", ClientFilter)
    empty = "Everybody is content with the defaults."
    sections = (
        ("Preference", ("person", "tenant", "kind", "channel", "is_enabled", "created_on", "updated_on", "ref_id")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "user")

    def title_of(self, row):
        return f"{row.user.name}: {row}"

    @admin.display(description="Person")
    def person(self, row):
        return link(row.user)


@admin.register(NotificationProvider)
class NotificationProviderAdmin(ManageAdmin):
    called = "Notice providers"
    list_display = (
        "name",
        column("kind"),
        "whose",
        column("is_enabled", label="On"),
        column("priority"),
        column("last_verified_at", label="Verified"),
        column("last_error", label="Error"),
    )
    list_select_related = ("tenant",)
    list_filter = ("kind", "is_enabled", ClientFilter)
    empty = "No provider is set up: mail goes out by the server's own settings."
    sections = (
        ("Provider", ("name", "kind", "whose", "is_enabled", "priority", "ref_id")),
        ("Connection", ("config", "secret", "last_verified_at", "last_error")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    @admin.display(description="Whose")
    def whose(self, row):
        return link(row.tenant) if row.tenant else "The platform's default"


@admin.register(DispatchLog)
class DispatchLogAdmin(ManageAdmin):
    called = "Dispatches"
    list_display = (
        column("created_on", label="When"),
        column("tenant", label="Client"),
        column("channel", label="Over"),
        column("recipient_masked", label="To"),
        column("status"),
        column("attempt"),
        column("response_status", label="Answer"),
        column("error"),
    )
    list_select_related = ("tenant",)
    list_filter = ("status", "channel", ClientFilter)
    empty = "Nothing was sent yet."
    sections = (
        (
            "Dispatch",
            ("channel", "recipient_masked", "tenant", "template_key", "status", "attempt", "created_on", "ref_id"),
        ),
        ("Of", ("notification", "webhook_endpoint", "journal_entry", "provider")),
        ("Answer", ("response_status", "response_excerpt", "external_message_id", "error", "duration_ms")),
    )

    def get_queryset(self, request):
        return (
            super()
            .get_queryset(request)
            .select_related("tenant", "notification", "webhook_endpoint", "journal_entry", "provider")
        )

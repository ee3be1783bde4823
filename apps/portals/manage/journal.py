"""The journal and its deliveries: what happened, who did it, and what still has to hear of it."""

from django.contrib import admin
from django.utils.html import format_html

from apps.shared.models import JournalDelivery, JournalEntry
from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import (
    EMPTY,
    address_of,
    column,
    link,
    moment,
)
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel


@admin.register(JournalEntry)
class JournalEntryAdmin(ManageAdmin):
    called = "Journal"
    list_display = (
        column("created_on", label="When"),
        column("code", label="What"),
        "subject",
        "who",
        column("tenant", label="Client"),
        column("row_count", label="Rows"),
    )
    list_select_related = ("tenant", "created_by")
    list_filter = (
        "actor_type",
        ClientFilter,
        text_filter("code", "code", placeholder_="tenant.created"),
        text_filter("actor", "actor_ref", name="actor", placeholder_="Reference, role or task"),
        text_filter("record", "subject_ref", name="record", placeholder_="Reference"),
    )
    empty = "Nothing has happened yet."
    sections = (
        ("Entry", ("code", "created_on", "tenant", "who", "subject", "row_count", "rows_sha256", "ref_id")),
        ("Before and after", ("before", "after")),
        ("From where", ("actor_type", "actor_ref", "request_id", "run_ref", "ip")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "created_by")

    def title_of(self, row):
        return row.code

    @admin.display(description="Who")
    def who(self, row):
        return link(row.created_by) if row.created_by else row.actor_ref

    @admin.display(description="Record")
    def subject(self, row):
        if not row.subject_ref:
            return row.subject_type
        model = next((m for m in admin.site._registry if m._meta.db_table == row.subject_type), None)
        if model is None:
            return f"{row.subject_type} {row.subject_ref}"
        text = f"{model._meta.verbose_name} {row.subject_ref}"
        return format_html('<a class="link" href="{}">{}</a>', address_of(model(id=row.subject_id)), text)

    def panels(self, request, row):
        waiting = JournalDelivery.objects.filter(journal_entry=row).order_by("ref_id")
        story = (
            JournalEntry.objects.filter(subject_ref=row.subject_ref).exclude(pk=row.pk).order_by("-ref_id")[:20]
            if row.subject_ref
            else []
        )
        return [
            Panel(
                "Still has to hear of it",
                ("Consumer", "Tries", "Next", "Error"),
                [(link(d, d.consumer), d.attempts, moment(d.next_on), d.last_error or EMPTY) for d in waiting],
                "Everybody has heard of it.",
            ),
            Panel(
                "The rest of the record's story",
                ("When", "What", "Who"),
                [(moment(e.created_on), link(e, e.code), e.actor_ref) for e in story],
                "Nothing else happened to this record.",
            ),
        ]


@admin.register(JournalDelivery)
class JournalDeliveryAdmin(ManageAdmin):
    called = "Deliveries"
    list_display = (
        column("consumer"),
        "code",
        column("tenant", label="Client"),
        column("attempts", label="Tries"),
        column("next_on", label="Next try"),
        column("last_error", label="Error"),
    )
    list_select_related = ("tenant", "journal_entry")
    list_filter = (ClientFilter, text_filter("consumer", "consumer", placeholder_="tenants.send_invitation"))
    empty = "Nothing is waiting: every consumer has heard of everything."
    sections = (
        ("Delivery", ("consumer", "entry", "tenant", "attempts", "next_on", "created_on", "ref_id")),
        ("What went wrong", ("last_error",)),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "journal_entry")

    def title_of(self, row):
        return f"{row.consumer} of {row.journal_entry.code}"

    @admin.display(description="Of")
    def code(self, row):
        return row.journal_entry.code

    @admin.display(description="Of")
    def entry(self, row):
        return link(row.journal_entry, row.journal_entry.code)

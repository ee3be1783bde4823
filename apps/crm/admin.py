"""Manage: leads of all clients, what was done with them, and where they come from. Read only."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, column, link, list_of, moment
from apps.tenants.doors.admin_lists import ClientFilter
from apps.tenants.doors.admin_tasks import Panel

from .models import Lead, LeadActivity, LeadForm, LeadMerge, LeadTouch

ORIGIN = ("source", "source_channel", "source_campaign", "source_url", "utm_source", "utm_medium", "utm_campaign")


@admin.register(Lead)
class LeadAdmin(ManageAdmin):
    list_display = (
        "person",
        column("tenant", label="Client"),
        column("source"),
        column("status"),
        column("assigned_to"),
        column("last_activity_on", label="Last activity"),
        column("created_on", label="Came"),
    )
    list_select_related = ("tenant", "assigned_to")
    list_filter = ("status", "source", ClientFilter)
    empty = "No leads yet."
    sections = (
        (
            "Lead",
            ("person", "tenant", "status", "disqualification_reason", "assigned_to", "last_activity_on", "ref_id"),
        ),
        ("Contact", ("email", "phone", "company", "job_title", "message", "notes", "enrichment_data")),
        ("Came from", (*ORIGIN, "created_on")),
    )

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("tenant", "source_channel", "source_campaign", "assigned_to")

    def title_of(self, row):
        return row.full_name or row.email or str(row)

    @admin.display(description="Name")
    def person(self, row):
        return self.title_of(row)

    def panels(self, request, row):
        timeline = LeadActivity.objects.filter(lead=row).order_by("-ref_id")[:10]
        touches = LeadTouch.objects.filter(lead=row).order_by("-ref_id")[:10]
        return [
            Panel(
                "Timeline",
                ("What", "When", "By"),
                [
                    (link(one, one.get_type_display()), moment(one.created_on), one.actor_id or EMPTY)
                    for one in timeline
                ],
                "Nothing was done yet.",
                more=list_of(LeadActivity, client=row.tenant.slug),
            ),
            Panel(
                "Touches",
                ("From", "When", "Campaign"),
                [
                    (link(one, one.get_source_display()), moment(one.occurred_on), one.utm_campaign or EMPTY)
                    for one in touches
                ],
                "No touch is recorded.",
                more=list_of(LeadTouch, client=row.tenant.slug),
            ),
        ]


class OfALead(ManageAdmin):
    """Rows that name leads. A merged lead has no page of its own any more, so there its reference is shown."""

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", *self.list_select_related)

    def named(self, lead: Lead):
        return lead.ref_id if lead.deleted_on else link(lead)

    @admin.display(description="Lead")
    def of_lead(self, row):
        return self.named(row.lead)


@admin.register(LeadActivity)
class LeadActivityAdmin(OfALead):
    called = "Timelines of leads"
    list_display = (
        column("type", label="What"),
        "of_lead",
        column("tenant", label="Client"),
        column("actor_type", label="By"),
        column("actor_id", label="Who"),
        column("created_on", label="When"),
    )
    list_select_related = ("tenant", "lead")
    list_filter = ("type", "actor_type", ClientFilter)
    empty = "Nothing was done with a lead yet."
    sections = (
        ("Entry", ("type", "of_lead", "tenant", "actor_type", "actor_id", "created_on", "ref_id")),
        ("What happened", ("description", "metadata")),
    )


@admin.register(LeadTouch)
class LeadTouchAdmin(OfALead):
    called = "Touches of leads"
    list_display = (
        column("source"),
        "of_lead",
        column("tenant", label="Client"),
        column("utm_campaign", label="Campaign"),
        column("occurred_on", label="When"),
    )
    list_select_related = ("tenant", "lead", "source_channel", "source_campaign")
    list_filter = ("source", ClientFilter)
    empty = "No touch is recorded yet."
    sections = (
        ("Touch", ("of_lead", "tenant", "occurred_on", "created_on", "ref_id")),
        ("Came from", (*ORIGIN, "external_event_id")),
        ("As reported", ("consent", "raw_summary")),
    )


@admin.register(LeadForm)
class LeadFormAdmin(ManageAdmin):
    list_display = (
        "name",
        column("tenant", label="Client"),
        column("source_channel", label="Channel"),
        column("is_active", label="Open"),
        column("created_on", label="Made"),
    )
    list_select_related = ("tenant", "source_channel")
    list_filter = ("is_active", ClientFilter)
    empty = "No forms yet."
    sections = (
        ("Form", ("name", "tenant", "form_key", "source_channel", "is_active", "ref_id")),
        ("What it sends", ("field_map", "allowed_origins", "consent_text")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "source_channel")


@admin.register(LeadMerge)
class LeadMergeAdmin(OfALead):
    called = "Merges of leads"
    list_display = (
        column("ref_id", label="Merge"),
        column("tenant", label="Client"),
        "kept",
        "merged",
        column("matched_on"),
        column("reverts_merge", label="Undoes"),
        column("created_on", label="When"),
    )
    list_select_related = ("tenant", "kept_lead", "merged_lead", "reverts_merge")
    list_filter = (ClientFilter,)
    empty = "No leads were merged yet."
    sections = (
        ("Merge", ("tenant", "kept", "merged", "matched_on", "reverts_merge", "created_by", "created_on", "ref_id")),
        ("Columns", ("field_choices",)),
    )

    @admin.display(description="Kept")
    def kept(self, row):
        return self.named(row.kept_lead)

    @admin.display(description="Merged into it")
    def merged(self, row):
        return self.named(row.merged_lead)

"""Manage: what model calls may cost and what is set aside. Read only: caps are set on clients and agents."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import column
from apps.tenants.doors.admin_lists import ClientFilter, text_filter

from ..models import SpendCounter, SpendReservation


@admin.register(SpendCounter)
class SpendCounterAdmin(ManageAdmin):
    list_display = (
        column("scope"),
        column("scope_key", label="Of"),
        column("tenant", label="Client"),
        column("month"),
        column("settled_usd", label="Spent"),
        column("reserved_usd", label="Set aside"),
        column("cap_usd", label="Cap"),
    )
    list_select_related = ("tenant",)
    list_filter = ("scope", ClientFilter)
    empty = "No model was called yet."
    sections = (
        ("Counter", ("tenant", "scope", "scope_key", "month", "ref_id")),
        ("Money", ("settled_usd", "reserved_usd", "cap_usd", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    def title_of(self, row):
        return " ".join(
            filter(None, (row.get_scope_display(), row.scope_key, f"{row.month:%B %Y}" if row.month else ""))
        )


@admin.register(SpendReservation)
class SpendReservationAdmin(ManageAdmin):
    called = "Reservations"
    list_display = (
        column("ref_id", label="Reservation"),
        column("tenant", label="Client"),
        column("agent_role", label="Agent"),
        column("model_id", label="Model"),
        column("reserved_usd", label="Set aside"),
        column("settled_usd", label="Real cost"),
        column("status"),
        column("created_on", label="Made"),
    )
    list_select_related = ("tenant",)
    list_filter = ("status", ClientFilter, text_filter("agent", "agent_role", name="agent", placeholder_="copywriter"))
    empty = "No model was called yet."
    sections = (
        ("Reservation", ("tenant", "status", "agent_role", "model_id", "month", "activity_ref", "run_ref", "ref_id")),
        ("Money", ("reserved_usd", "settled_usd", "created_on", "expires_on", "settled_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    def title_of(self, row):
        return f"Reservation {row.ref_id}"

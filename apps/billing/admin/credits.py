"""Manage: credits of all clients, every change of them, and orders for more."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import column, list_of
from apps.tenants.doors.admin_lists import ClientFilter, text_filter

from ..models import CreditBalance, CreditLedgerEntry, CreditTopupOrder


@admin.register(CreditBalance)
class CreditBalanceAdmin(ManageAdmin):
    called = "Credits"
    list_display = (
        column("tenant", label="Client"),
        column("period_start", label="Month from"),
        column("available"),
        column("credits_monthly", label="From the plan"),
        column("credits_topup", label="Bought"),
        column("credits_reserved", label="Set aside"),
        column("credits_consumed", label="Used"),
    )
    list_select_related = ("tenant",)
    list_filter = (ClientFilter,)
    empty = "No client has had credits yet."
    sections = (
        ("Month", ("tenant", "period_start", "period_end", "next_reset_on", "ref_id")),
        (
            "Credits",
            ("available", "credits_monthly", "credits_topup", "credits_reserved", "credits_consumed", "updated_on"),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    @admin.display(description="Available")
    def available(self, row):
        return row.available

    def title_of(self, row):
        return f"{row.tenant.name}, {row.period_start:%B %Y}"

    def links(self, row):
        return [("Ledger", list_of(CreditLedgerEntry, client=row.tenant.slug))]


@admin.register(CreditLedgerEntry)
class CreditLedgerEntryAdmin(ManageAdmin):
    list_display = (
        column("ref_id", label="Entry"),
        column("tenant", label="Client"),
        column("entry_type", label="What"),
        column("amount", label="Change"),
        column("balance_after", label="Available after"),
        column("reason"),
        column("created_on", label="When"),
    )
    list_select_related = ("tenant",)
    list_filter = ("entry_type", ClientFilter, text_filter("Activity", "activity_ref", name="activity"))
    empty = "No client has had credits yet."
    sections = (
        ("Entry", ("tenant", "entry_type", "amount", "balance_after", "reason", "created_by", "created_on", "ref_id")),
        ("Belongs to", ("activity_ref", "topup_order", "idempotency_key")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "topup_order", "created_by")

    def title_of(self, row):
        return f"{row.get_entry_type_display()} {row.amount:+}"


@admin.register(CreditTopupOrder)
class CreditTopupOrderAdmin(ManageAdmin):
    called = "Top-ups"
    list_display = (
        column("ref_id", label="Order"),
        column("tenant", label="Client"),
        column("credits"),
        column("amount_inr", label="Amount"),
        column("gst_inr", label="GST"),
        column("status"),
        column("paid_on", label="Paid"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "status",
        ClientFilter,
        text_filter("Razorpay id", "razorpay_order_id", name="razorpay", placeholder_="order_…"),
    )
    empty = "Nobody has bought credits yet."
    sections = (
        ("Order", ("tenant", "credits", "amount_inr", "gst_inr", "status", "paid_on", "expires_on", "ref_id")),
        ("Razorpay", ("razorpay_order_id", "razorpay_payment_id")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

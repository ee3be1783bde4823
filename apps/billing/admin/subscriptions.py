"""Manage: plans, who has bought them, and what Razorpay told."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import badge, column, inr, link, moment
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel

from ..models import BillingEffect, BillingEvent, Payment, Plan, Subscription


@admin.register(Plan)
class PlanAdmin(ManageAdmin):
    list_display = (
        column("name", label="Plan"),
        column("version"),
        column("price_inr", label="Per month"),
        column("gst_percent", label="GST %"),
        column("credits_monthly", label="Credits"),
        column("is_active", label="On sale"),
    )
    list_filter = ("key", "is_active")
    empty = "No plans yet. The bootstrap command makes them."
    sections = (
        ("Plan", ("name", "key", "version", "is_active", "price_inr", "gst_percent", "grace_period_days", "ref_id")),
        ("What it gives", ("credits_monthly", "max_users", "max_channels", "max_deliverables", "features")),
        ("Razorpay", ("razorpay_plan_id",)),
    )


@admin.register(Subscription)
class SubscriptionAdmin(ManageAdmin):
    list_display = (
        column("ref_id", label="Subscription"),
        column("tenant", label="Client"),
        column("plan"),
        column("status"),
        column("current_end_on", label="Paid until"),
        column("grace_until", label="Grace until"),
        column("cancel_at_period_end", label="Ends then"),
    )
    list_select_related = ("tenant", "plan")
    list_filter = (
        "status",
        ClientFilter,
        text_filter("Razorpay id", "razorpay_subscription_id", name="razorpay", placeholder_="sub_…"),
    )
    empty = "Nobody has subscribed yet."
    sections = (
        ("Subscription", ("tenant", "plan", "status", "cancel_at_period_end", "ref_id")),
        ("Period", ("current_start_on", "current_end_on", "grace_until")),
        ("Razorpay", ("razorpay_subscription_id", "razorpay_mandate_id", "last_event_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "plan")

    def panels(self, request, row):
        payments = Payment.objects.filter(subscription=row).order_by("-ref_id")[:10]
        return [
            Panel(
                "Latest payments",
                ("Payment", "Amount", "Status", "Captured"),
                [
                    (link(p), inr(p.amount_inr), badge(p.status, p.get_status_display()), moment(p.captured_on))
                    for p in payments
                ],
                "Nothing was paid yet.",
            )
        ]


@admin.register(BillingEvent)
class BillingEventAdmin(ManageAdmin):
    list_display = (
        column("event_type", label="Event"),
        column("tenant", label="Client"),
        column("razorpay_entity_id", label="About"),
        column("amount_inr", label="Amount"),
        column("plan"),
        column("created_on", label="Kept"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        ClientFilter,
        text_filter("Event", "event_type", name="event", placeholder_="payment.captured"),
        text_filter("About", "razorpay_entity_id", name="about", placeholder_="pay_…"),
    )
    empty = "Razorpay has told nothing yet."
    sections = (
        ("Event", ("event_type", "tenant", "razorpay_entity_id", "amount_inr", "plan", "created_on", "ref_id")),
        ("As it came", ("external_event_id", "payload")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    def panels(self, request, row):
        effects = BillingEffect.objects.filter(billing_event=row).order_by("ref_id")
        return [
            Panel(
                "Led to",
                ("Effect", "On", "When"),
                [(link(e, e.effect), e.external_entity_id, moment(e.applied_on)) for e in effects],
                "It changed nothing.",
            )
        ]


@admin.register(BillingEffect)
class BillingEffectAdmin(ManageAdmin):
    list_display = (
        column("effect"),
        column("tenant", label="Client"),
        column("external_entity_id", label="On"),
        column("billing_event", label="Because of"),
        column("applied_on", label="When"),
    )
    list_select_related = ("tenant", "billing_event")
    list_filter = (ClientFilter, text_filter("On", "external_entity_id", name="on", placeholder_="pay_…"))
    empty = "No event has changed anything yet."
    sections = (("Effect", ("effect", "tenant", "external_entity_id", "billing_event", "applied_on", "ref_id")),)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "billing_event")

"""What other systems send and are sent: endpoints of customers, messages as they came, answers kept for repeats."""

from django.contrib import admin

from ..doors.admin import ManageAdmin
from ..doors.admin_display import EMPTY, badge, column, link, list_of
from ..doors.admin_lists import ClientFilter
from ..models import DispatchLog, IdempotencyKey, InboundEvent, WebhookEndpoint
from .notices import deliveries


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ManageAdmin):
    called = "Webhook endpoints"
    list_display = (
        column("url", label="Address"),
        column("tenant", label="Client"),
        column("event_codes", label="Wants to hear of"),
        "state",
        column("failure_count", label="Failures"),
        column("disabled_on"),
    )
    list_select_related = ("tenant",)
    list_filter = ("is_enabled", ClientFilter)
    empty = "No client has given an address to call yet."
    sections = (
        ("Endpoint", ("url", "description", "tenant", "event_codes", "created_by", "created_on", "ref_id")),
        ("Signing", ("secret", "previous_secret")),
        ("State", ("state", "failure_count", "disabled_on", "disabled_reason")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "created_by")

    @admin.display(description="State")
    def state(self, row):
        if row.disabled_on:
            return badge("error", "Switched off after failures")
        return badge("active", "On") if row.is_enabled else badge("paused", "Off")

    def panels(self, request, row):
        return [
            deliveries(
                DispatchLog.objects.filter(webhook_endpoint=row),
                empty="Nothing was sent here yet.",
                more=list_of(DispatchLog, client=row.tenant.slug, channel__exact="webhook"),
            )
        ]


@admin.register(InboundEvent)
class InboundEventAdmin(ManageAdmin):
    """The body itself is not shown: it may hold anybody's data, and the row is evidence, not a message to read."""

    called = "Inbound events"
    list_display = (
        column("received_on"),
        column("source"),
        column("external_event_id", label="Their id"),
        column("tenant", label="Client"),
        column("is_signature_valid", label="Signature holds"),
    )
    list_select_related = ("tenant",)
    list_filter = ("source", "is_signature_valid", ClientFilter)
    empty = "No outside system has sent anything yet."
    sections = (
        ("Event", ("source", "external_event_id", "tenant", "is_signature_valid", "received_on", "ref_id")),
        ("Message", ("body_sha256", "headers")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant").defer("body")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ManageAdmin):
    called = "Idempotency keys"
    list_display = (
        column("route"),
        column("key"),
        "person",
        column("tenant", label="Client"),
        "answer",
        column("created_on", label="Asked"),
        column("expires_on"),
    )
    list_select_related = ("tenant", "user")
    list_filter = (ClientFilter,)
    empty = "No request carried a key in the last day."
    sections = (
        ("Request", ("route", "key", "person", "tenant", "request_sha256", "created_on", "ref_id")),
        ("Answer", ("answer", "response_body", "expires_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "user")

    @admin.display(description="Who")
    def person(self, row):
        return link(row.user) if row.user else EMPTY

    @admin.display(description="Answer")
    def answer(self, row):
        return row.response_status or "Still at work"

"""Manage: invoices, payments and credit notes of all clients."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, inr, link, moment
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel

from ..models import CreditNote, Invoice, Payment

AMOUNTS = ("subtotal_inr", "cgst_inr", "sgst_inr", "igst_inr", "total_inr")


@admin.register(Invoice)
class InvoiceAdmin(ManageAdmin):
    list_display = (
        column("number", label="Invoice"),
        column("tenant", label="Client"),
        column("status"),
        column("total_inr", label="Total"),
        column("issued_on", label="Issued"),
        column("due_on", label="Due"),
        column("paid_on", label="Paid"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "status",
        ClientFilter,
        text_filter("Number", "number", name="number", placeholder_="INV-2026-11-0001"),
    )
    empty = "No invoices yet."
    sections = (
        ("Invoice", ("number", "tenant", "status", "period_start", "period_end", "gstin", "notes", "ref_id")),
        ("Amounts", (*AMOUNTS, "lines")),
        ("Dates", ("issued_on", "due_on", "paid_on", "reminders_sent")),
        ("Elsewhere", ("razorpay_invoice_id", "pdf_s3_key")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    def panels(self, request, row):
        payments = Payment.objects.filter(invoice=row).order_by("-ref_id")[:10]
        notes = CreditNote.objects.filter(invoice=row).order_by("-ref_id")[:10]
        return [
            Panel(
                "Payments",
                ("Payment", "Amount", "Status", "Captured"),
                [
                    (link(p), inr(p.amount_inr), badge(p.status, p.get_status_display()), moment(p.captured_on))
                    for p in payments
                ],
                "Nothing was paid yet.",
            ),
            Panel(
                "Credit notes",
                ("Credit note", "Total", "Reason", "Issued"),
                [(link(n), inr(n.total_inr), n.reason or EMPTY, moment(n.issued_on)) for n in notes],
                "Nothing was taken back.",
            ),
        ]


@admin.register(Payment)
class PaymentAdmin(ManageAdmin):
    list_display = (
        column("razorpay_payment_id", label="Payment"),
        column("tenant", label="Client"),
        column("amount_inr", label="Amount"),
        column("refunded_inr", label="Refunded"),
        column("method"),
        column("status"),
        column("captured_on", label="Captured"),
        column("error_code", label="Error"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "status",
        ClientFilter,
        text_filter("Razorpay id", "razorpay_payment_id", name="razorpay", placeholder_="pay_…"),
    )
    empty = "Nothing was paid yet."
    sections = (
        ("Payment", ("razorpay_payment_id", "tenant", "status", "amount_inr", "refunded_inr", "currency", "ref_id")),
        ("How", ("method", "captured_on", "failed_on", "error_code")),
        ("For", ("subscription", "invoice", "topup_order")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "subscription", "invoice", "topup_order")


@admin.register(CreditNote)
class CreditNoteAdmin(ManageAdmin):
    list_display = (
        column("number", label="Credit note"),
        column("tenant", label="Client"),
        column("invoice"),
        column("total_inr", label="Total"),
        column("reason"),
        column("issued_on", label="Issued"),
    )
    list_select_related = ("tenant", "invoice")
    list_filter = (ClientFilter, text_filter("Number", "number", name="number", placeholder_="CN-2026-11-0001"))
    empty = "Nothing was taken back yet."
    sections = (
        ("Credit note", ("number", "tenant", "invoice", "payment", "reason", "issued_on", "pdf_s3_key", "ref_id")),
        ("Amounts", AMOUNTS),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "invoice", "payment")

"""What clients owe, what they paid, and what was taken back. All amounts are in paise."""

from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import TenantForeignKey, not_negative
from apps.shared.models import Mutable, TenantRecord

from ..statuses import INVOICE_MOVES, PAYMENT_MOVES, InvoiceStatus, PaymentStatus
from .credits import CreditTopupOrder
from .subscriptions import Subscription

SUM_OF_PARTS = Q(total_inr=F("subtotal_inr") + F("cgst_inr") + F("sgst_inr") + F("igst_inr"))
ONE_KIND_OF_GST = Q(igst_inr=0) | Q(cgst_inr=0, sgst_inr=0)  # inside the state CGST and SGST, outside IGST


class Invoice(TenantRecord, Mutable):
    """What a client owes for a period. Once issued, its text and figures never change."""

    moves = INVOICE_MOVES
    fixed = (
        "number",
        "period_start",
        "period_end",
        "issued_on",
        "due_on",
        "subtotal_inr",
        "cgst_inr",
        "sgst_inr",
        "igst_inr",
        "total_inr",
        "gstin",
        "lines",
        "notes",
    )
    fixed_when = "OLD.status <> 'draft'"
    write_once = ("number", "paid_on", "pdf_s3_key", "razorpay_invoice_id")

    number = models.CharField(
        max_length=30, unique=True, null=True, blank=True, help_text="INV-YYYY-MM-NNNN; empty for a draft."
    )
    status = models.CharField(max_length=20, choices=InvoiceStatus, default=InvoiceStatus.DRAFT)
    period_start = models.DateField()
    period_end = models.DateField()
    issued_on = models.DateTimeField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    subtotal_inr = models.IntegerField()
    cgst_inr = models.IntegerField(default=0)
    sgst_inr = models.IntegerField(default=0)
    igst_inr = models.IntegerField(default=0)
    total_inr = models.IntegerField()
    gstin = models.CharField(max_length=15, blank=True, help_text="The client's, as it was when the invoice was made.")
    lines = models.JSONField(default=list)
    razorpay_invoice_id = models.CharField(max_length=255, blank=True)
    paid_on = models.DateTimeField(null=True, blank=True)
    reminders_sent = models.SmallIntegerField(default=0)
    pdf_s3_key = models.CharField(max_length=1000, blank=True)
    notes = models.TextField(blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "invoices"
        constraints = [
            models.CheckConstraint(condition=SUM_OF_PARTS, name="invoices_total_is_the_sum"),
            models.CheckConstraint(condition=ONE_KIND_OF_GST, name="invoices_one_kind_of_gst"),
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="invoices_end_after_start"),
            models.CheckConstraint(
                condition=Q(number__regex=r"^INV-[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{4,}$"), name="invoices_number_shape"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "cancelled"])
                | Q(number__isnull=False, issued_on__isnull=False, due_on__isnull=False),
                name="invoices_issued_is_numbered",
            ),
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(paid_on__isnull=False), name="invoices_paid_says_when"
            ),
            not_negative(
                "subtotal_inr",
                "cgst_inr",
                "sgst_inr",
                "igst_inr",
                "reminders_sent",
                name="invoices_numbers_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_invoices_ref")]

    def __str__(self):
        return self.number or f"Draft {self.ref_id}"


class Payment(TenantRecord, Mutable):
    """Money a client sent, or tried to send, through Razorpay."""

    moves = PAYMENT_MOVES
    fixed = ("razorpay_payment_id", "amount_inr", "currency")
    write_once = ("captured_on",)

    subscription = TenantForeignKey(Subscription, null=True, blank=True)
    invoice = TenantForeignKey(Invoice, null=True, blank=True)
    topup_order = TenantForeignKey(CreditTopupOrder, null=True, blank=True)
    razorpay_payment_id = models.CharField(max_length=255, unique=True)
    amount_inr = models.IntegerField(help_text="Paise, with GST.")
    refunded_inr = models.IntegerField(default=0, help_text="Paise.")
    currency = models.CharField(max_length=3, default="INR")
    method = models.CharField(max_length=50, blank=True, help_text="Such as upi or card.")
    status = models.CharField(max_length=20, choices=PaymentStatus, default=PaymentStatus.CREATED)
    captured_on = models.DateTimeField(null=True, blank=True)
    failed_on = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=100, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "payments"
        constraints = [
            models.CheckConstraint(
                condition=Q(refunded_inr__gte=0, refunded_inr__lte=F("amount_inr")), name="payments_refund_in_range"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["captured", "refunded"]) | Q(captured_on__isnull=False),
                name="payments_captured_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | Q(failed_on__isnull=False), name="payments_failed_says_when"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_payments_ref")]

    def __str__(self):
        return self.razorpay_payment_id


class CreditNote(TenantRecord):
    """What is taken back of an issued invoice. All notes together never exceed it."""

    append_only = True
    guarded_by = (("guard_credit_notes", "INSERT", "guard_credit_notes"),)

    number = models.CharField(max_length=30, unique=True, help_text="CN-YYYY-MM-NNNN.")
    invoice = TenantForeignKey(Invoice)
    payment = TenantForeignKey(Payment, null=True, blank=True)
    subtotal_inr = models.IntegerField()
    cgst_inr = models.IntegerField(default=0)
    sgst_inr = models.IntegerField(default=0)
    igst_inr = models.IntegerField(default=0)
    total_inr = models.IntegerField()
    reason = models.CharField(max_length=255)
    issued_on = models.DateTimeField()
    pdf_s3_key = models.CharField(max_length=1000, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "credit_notes"
        constraints = [
            models.CheckConstraint(condition=SUM_OF_PARTS, name="credit_notes_total_is_the_sum"),
            models.CheckConstraint(condition=ONE_KIND_OF_GST, name="credit_notes_one_kind_of_gst"),
            models.CheckConstraint(
                condition=Q(number__regex=r"^CN-[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{4,}$"), name="credit_notes_number_shape"
            ),
            not_negative("subtotal_inr", "cgst_inr", "sgst_inr", "igst_inr", name="credit_notes_numbers_not_negative"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_credit_notes_ref")]

    def __str__(self):
        return self.number

"""Credits: what a client has in a month, every change of it, and the orders for more."""

from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import TenantForeignKey, not_negative
from apps.shared.models import Mutable, TenantRecord

from ..statuses import TOPUP_MOVES, EntryType, TopupStatus

E = EntryType


class CreditTopupOrder(TenantRecord, Mutable):
    """An order for credits beyond the plan's. They are given once, when it is paid."""

    moves = TOPUP_MOVES
    fixed = ("credits", "amount_inr", "gst_inr")
    write_once = ("razorpay_order_id", "razorpay_payment_id", "paid_on")

    credits = models.IntegerField()
    amount_inr = models.IntegerField(help_text="Paise, without GST.")
    gst_inr = models.IntegerField(help_text="Paise.")
    status = models.CharField(max_length=20, choices=TopupStatus, default=TopupStatus.CREATED)
    razorpay_order_id = models.CharField(
        max_length=255, unique=True, null=True, blank=True, help_text="Empty until Razorpay knows of it."
    )
    razorpay_payment_id = models.CharField(max_length=255, blank=True)
    paid_on = models.DateTimeField(null=True, blank=True)
    expires_on = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "credit_topup_orders"
        constraints = [
            models.CheckConstraint(condition=Q(credits__gte=1), name="credit_topup_orders_credits_from_1"),
            not_negative("amount_inr", "gst_inr", name="credit_topup_orders_money_not_negative"),
            models.CheckConstraint(
                condition=~Q(status__in=["paid", "refunded"]) | Q(paid_on__isnull=False),
                name="credit_topup_orders_paid_says_when",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_credit_topup_orders_ref")]

    def __str__(self):
        return f"{self.credits} credits"


class CreditBalance(TenantRecord, Mutable):
    """A client's credits of one month. What is available follows from the four figures and is stored nowhere."""

    fixed = ("period_start", "period_end")

    period_start = models.DateField(help_text="First of the month in the client's time zone.")
    period_end = models.DateField(help_text="Last day of the month.")
    credits_monthly = models.IntegerField(default=0, help_text="Given by the plan, corrections included.")
    credits_topup = models.IntegerField(default=0, help_text="Bought.")
    credits_reserved = models.IntegerField(default=0, help_text="Set aside for work that is not done yet.")
    credits_consumed = models.IntegerField(default=0)
    next_reset_on = models.DateTimeField(help_text="The moment from which the next month's balance counts.")

    class Meta(TenantRecord.Meta):
        db_table = "credit_balances"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "period_start"], name="uniq_credit_balances_period"),
            models.CheckConstraint(
                condition=Q(period_end__gte=F("period_start")), name="credit_balances_end_after_start"
            ),
            not_negative(
                "credits_monthly",
                "credits_topup",
                "credits_reserved",
                "credits_consumed",
                name="credit_balances_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    credits_monthly__gte=F("credits_reserved") + F("credits_consumed") - F("credits_topup"),
                ),
                name="credit_balances_available_not_negative",
            ),
        ]

    def __str__(self):
        return f"{self.available} credits of {self.period_start:%B %Y}"

    @property
    def available(self) -> int:
        return self.credits_monthly + self.credits_topup - self.credits_reserved - self.credits_consumed


class CreditLedgerEntry(TenantRecord):
    """One change of a client's available credits. The entries of a month sum up to what is available."""

    append_only = True

    entry_type = models.CharField(max_length=20, choices=EntryType)
    amount = models.IntegerField(help_text="By how much the available credits grew; negative when they shrank.")
    balance_after = models.IntegerField(help_text="Available after this entry.")
    activity_ref = models.CharField(max_length=26, null=True, blank=True, db_collation="C")
    topup_order = TenantForeignKey(CreditTopupOrder, null=True, blank=True, db_index=False)
    reason = models.CharField(max_length=255, blank=True)
    idempotency_key = models.CharField(max_length=100, unique=True, help_text="The same key again adds nothing.")

    class Meta(TenantRecord.Meta):
        db_table = "credit_ledger"
        verbose_name = "credit ledger entry"
        verbose_name_plural = "credit ledger"
        constraints = [
            models.UniqueConstraint(
                fields=["topup_order"], condition=Q(entry_type="topped_up"), name="uniq_credit_ledger_topped_up"
            ),
            models.CheckConstraint(
                condition=Q(entry_type__in=[E.ALLOCATED, E.TOPPED_UP, E.RELEASED], amount__gt=0)
                | Q(entry_type__in=[E.RESERVED, E.EXPIRED], amount__lt=0)
                | Q(entry_type=E.CONSUMED, amount__gte=0)  # what was reserved beyond what was used
                | Q(entry_type=E.REFUNDED, amount__lte=0)  # as far as unused
                | (Q(entry_type=E.ADJUSTED) & ~Q(amount=0)),
                name="credit_ledger_amount_has_its_sign",
            ),
            not_negative("balance_after", name="credit_ledger_balance_not_negative"),
            models.CheckConstraint(
                condition=~Q(entry_type__in=[E.RESERVED, E.CONSUMED, E.RELEASED]) | Q(activity_ref__isnull=False),
                name="credit_ledger_work_is_named",
            ),
            models.CheckConstraint(
                condition=~Q(entry_type__in=[E.TOPPED_UP, E.REFUNDED]) | Q(topup_order__isnull=False),
                name="credit_ledger_order_is_named",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_credit_ledger_ref"),
            models.Index(
                fields=["tenant", "activity_ref"],
                condition=Q(activity_ref__isnull=False),
                name="idx_credit_ledger_activity",
            ),
        ]

    def __str__(self):
        return f"{self.entry_type} {self.amount:+}"

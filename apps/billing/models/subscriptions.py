"""What is on sale, who has bought it, and what the payment provider tells about it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import TenantForeignKey, between, not_negative
from apps.shared.models import BaseRecord, Mutable, TenantRecord
from apps.tenants.statuses import Plan as PlanKey

from ..statuses import OPEN_SUBSCRIPTIONS, SUBSCRIPTION_MOVES, SubscriptionStatus


class Plan(BaseRecord, Mutable):
    """A version of what can be bought. Its terms never change: other terms are another version."""

    fixed = (
        "key",
        "version",
        "name",
        "price_inr",
        "gst_percent",
        "credits_monthly",
        "max_users",
        "max_channels",
        "max_deliverables",
        "features",
        "grace_period_days",
    )
    write_once = ("razorpay_plan_id",)

    key = models.CharField(max_length=20, choices=PlanKey)
    version = models.SmallIntegerField()
    name = models.CharField(max_length=100)
    price_inr = models.IntegerField(help_text="Paise per month, without GST.")
    gst_percent = models.DecimalField(max_digits=5, decimal_places=2)
    credits_monthly = models.IntegerField()
    max_users = models.SmallIntegerField(null=True, blank=True, help_text="Empty means as many as one likes.")
    max_channels = models.SmallIntegerField(null=True, blank=True, help_text="Empty means as many as one likes.")
    max_deliverables = models.SmallIntegerField(null=True, blank=True, help_text="Empty means as many as one likes.")
    features = ArrayField(models.TextField(), default=list, blank=True, help_text="Types of deliverables it includes.")
    razorpay_plan_id = models.CharField(max_length=255, blank=True)
    grace_period_days = models.SmallIntegerField(help_text="Days after a missed payment until the client is suspended.")
    is_active = models.BooleanField(default=True, help_text="Whether it can be bought now.")

    class Meta:
        db_table = "plans"
        constraints = [
            models.UniqueConstraint(fields=["key", "version"], name="uniq_plans_version"),
            models.CheckConstraint(condition=Q(version__gte=1), name="plans_version_from_1"),
            between("gst_percent", 0, 100, name="plans_gst_in_range"),
            not_negative(
                "price_inr",
                "credits_monthly",
                "max_users",
                "max_channels",
                "max_deliverables",
                "grace_period_days",
                name="plans_numbers_not_negative",
            ),
        ]

    def __str__(self):
        return f"{self.name}, version {self.version}"


class Subscription(TenantRecord, Mutable):
    """A client's purchase of a plan, month after month. At most one per client is open."""

    moves = SUBSCRIPTION_MOVES
    write_once = ("razorpay_subscription_id",)

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    status = models.CharField(max_length=20, choices=SubscriptionStatus, default=SubscriptionStatus.CREATED)
    razorpay_subscription_id = models.CharField(
        max_length=255, unique=True, null=True, blank=True, help_text="Empty until Razorpay knows of it."
    )
    razorpay_mandate_id = models.CharField(max_length=255, null=True, blank=True)
    current_start_on = models.DateTimeField(null=True, blank=True, help_text="Of the period that is paid for.")
    current_end_on = models.DateTimeField(null=True, blank=True)
    grace_until = models.DateTimeField(null=True, blank=True, help_text="When a missed payment leads to suspension.")
    cancel_at_period_end = models.BooleanField(default=False)
    last_event_on = models.DateTimeField(
        null=True, blank=True, help_text="Time of the newest event that changed this; an older one changes nothing."
    )

    class Meta(TenantRecord.Meta):
        db_table = "subscriptions"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(status__in=OPEN_SUBSCRIPTIONS), name="uniq_subscriptions_open"
            ),
            models.CheckConstraint(
                condition=Q(current_start_on__isnull=True, current_end_on__isnull=True)
                | Q(
                    current_end_on__gte=F("current_start_on"),
                    current_start_on__isnull=False,
                    current_end_on__isnull=False,
                ),
                name="subscriptions_period_whole",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_subscriptions_ref")]

    def __str__(self):
        return f"Subscription {self.ref_id}"


class BillingEvent(TenantRecord):
    """A message of the payment provider, kept as it came."""

    append_only = True

    event_type = models.CharField(max_length=100, help_text="Such as subscription.activated.")
    razorpay_entity_id = models.CharField(max_length=255, help_text="The subscription, payment or order it is about.")
    amount_inr = models.IntegerField(null=True, blank=True, help_text="Paise.")
    plan = models.CharField(max_length=50, blank=True)
    payload = models.JSONField(default=dict)
    external_event_id = models.CharField(max_length=255, unique=True)

    class Meta(TenantRecord.Meta):
        db_table = "billing_events"
        constraints = [not_negative("amount_inr", name="billing_events_amount_not_negative")]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_billing_events_ref"),
            models.Index(fields=["tenant", "razorpay_entity_id"], name="idx_billing_events_entity"),
        ]

    def __str__(self):
        return f"{self.event_type} {self.razorpay_entity_id}"


class BillingEffect(TenantRecord):
    """What an event led to. However many events mean the same, an effect on one thing happens once."""

    append_only = True

    external_entity_id = models.CharField(max_length=255, help_text="The subscription, payment or order at Razorpay.")
    effect = models.CharField(max_length=100)
    billing_event = TenantForeignKey(BillingEvent)
    applied_on = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "billing_effects"
        constraints = [
            models.UniqueConstraint(fields=["external_entity_id", "effect"], name="uniq_billing_effects_effect")
        ]

    def __str__(self):
        return f"{self.effect} of {self.external_entity_id}"

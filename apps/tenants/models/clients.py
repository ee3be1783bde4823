"""Client organisations."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.shared.constraints import between
from apps.shared.models import BaseRecord, Mutable
from apps.shared.scoping import TenantFacts

from ..statuses import TENANT_MOVES, DeploymentMode, Plan, PrivacyLevel, TenantStatus


class Tenant(BaseRecord, Mutable):
    """A client organisation. Suspended or cancelled by status, never deleted."""

    moves = TENANT_MOVES

    slug = models.CharField(max_length=100, unique=True, help_text="In addresses: /dm/c/<slug>/.")
    name = models.CharField(max_length=255)
    industry = models.CharField(max_length=100, blank=True)
    website = models.CharField(max_length=500, blank=True)
    plan = models.CharField(max_length=20, choices=Plan, default=Plan.FREE)
    status = models.CharField(max_length=20, choices=TenantStatus, default=TenantStatus.TRIALING)
    data_privacy_level = models.CharField(max_length=20, choices=PrivacyLevel, default=PrivacyLevel.CLOUD_OK)
    active_platforms = ArrayField(models.TextField(), default=list, blank=True)
    monthly_spend_cap_usd = models.DecimalField(
        max_digits=10, decimal_places=4, null=True, blank=True, help_text="Empty means the platform's default cap."
    )
    current_month_spend_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0, editable=False)
    razorpay_customer_id = models.CharField(max_length=255, blank=True)
    razorpay_subscription_id = models.CharField(max_length=255, blank=True)
    deployment_mode = models.CharField(max_length=20, choices=DeploymentMode, default=DeploymentMode.SAAS)
    contract_accepted_on = models.DateTimeField(null=True, blank=True, editable=False)
    timezone = models.CharField(
        max_length=64, default="Asia/Kolkata", help_text="IANA name; months and schedules follow it."
    )
    currency = models.CharField(max_length=3, default="INR")
    gstin = models.CharField(max_length=15, null=True, blank=True)
    branding = models.JSONField(default=dict, blank=True)
    custom_domain = models.CharField(max_length=255, unique=True, null=True, blank=True)

    class Meta:
        db_table = "tenants"
        constraints = [
            between("monthly_spend_cap_usd", 0, 999_999, name="tenants_cap_in_range"),
            between("current_month_spend_usd", 0, 999_999, name="tenants_spend_in_range"),
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"), name="tenants_slug_url_safe"),
        ]

    def __str__(self):
        return self.name

    @property
    def facts(self) -> TenantFacts:
        return TenantFacts(
            id=self.id,
            ref_id=self.ref_id,
            slug=self.slug,
            status=self.status,
            privacy_level=self.data_privacy_level,
            time_zone=self.timezone,
            contract_accepted=self.contract_accepted_on is not None,
        )

    @property
    def is_open(self) -> bool:
        return self.status in (TenantStatus.TRIALING, TenantStatus.ACTIVE)

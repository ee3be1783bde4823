"""Client organisations, people, who serves whom, and the contract."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from apps.shared.constraints import DigestField, UserKey, between
from apps.shared.models import (
    BaseRecord,
    Mutable,
    PlatformOrTenantRecord,
    SoftDelete,
    TenantRecord,
)
from apps.shared.scoping import TenantFacts

from .statuses import (
    CONTRACT_MOVES,
    STAFF_ROLES,
    TENANT_MOVES,
    USER_MOVES,
    AppAccess,
    AssignmentRole,
    ContractStatus,
    DeploymentMode,
    Plan,
    PrivacyLevel,
    Role,
    TenantStatus,
    UserStatus,
)


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
    current_month_spend_usd = models.DecimalField(max_digits=10, decimal_places=4, default=0, editable=False)
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


class Users(BaseUserManager):
    def get_by_natural_key(self, email):
        return self.get(email=email.lower())


class User(AbstractBaseUser, BaseRecord, Mutable, SoftDelete):
    """A person who signs in. Platform staff have no tenant; sign-in comes before any scope, so this is no tenant model."""

    moves = USER_MOVES

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    email = models.EmailField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    role = models.CharField(max_length=20, choices=Role)
    app_access = ArrayField(models.TextField(choices=AppAccess), default=list)
    status = models.CharField(max_length=20, choices=UserStatus, default=UserStatus.INVITED)
    timezone = models.CharField(max_length=64, null=True, blank=True)
    preferences = models.JSONField(default=dict, blank=True)

    objects = Users()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name", "role"]

    class Meta:
        db_table = "users"
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="users_email_lower_case"),
            models.CheckConstraint(
                condition=Q(tenant__isnull=False) | Q(role__in=STAFF_ROLES), name="users_only_staff_without_tenant"
            ),
            models.CheckConstraint(
                condition=Q(tenant__isnull=True) | ~Q(role__in=STAFF_ROLES), name="users_staff_have_no_tenant"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_users_tenant_ref", condition=Q(deleted_on__isnull=True))
        ]

    def __str__(self):
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == UserStatus.ACTIVE and self.deleted_on is None

    @property
    def is_staff(self) -> bool:
        """May enter Manage."""
        return self.is_active and self.role == Role.SUPER_ADMIN

    is_superuser = is_staff

    def has_perm(self, perm, obj=None) -> bool:
        return self.is_staff

    def has_perms(self, perm_list, obj=None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label) -> bool:
        return self.is_staff

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]

    def get_full_name(self) -> str:
        return self.name


class TenantAssignment(TenantRecord, Mutable):
    """Which clients a reviewer serves; the only source of what a reviewer may see."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=20, choices=AssignmentRole, default=AssignmentRole.REVIEWER)
    started_on = models.DateTimeField()
    ended_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "tenant_assignments"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"], condition=Q(ended_on__isnull=True), name="uniq_tenant_assignments_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("started_on")),
                name="tenant_assignments_end_after_start",
            ),
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(ended_on__isnull=True), name="idx_tenant_assignments_user"),
            models.Index(fields=["tenant", "ref_id"], name="idx_tenant_assignments_ref"),
        ]

    def __str__(self):
        return f"{self.user} serves {self.tenant}"


class Invitation(PlatformOrTenantRecord, Mutable):
    """An invitation by mail; only the digest of its token is kept, and it works once, within 72 hours."""

    email = models.EmailField(max_length=255)
    role = models.CharField(max_length=20, choices=Role)
    app_access = ArrayField(models.TextField(choices=AppAccess), default=list)
    token_digest = DigestField(unique=True)
    expires_on = models.DateTimeField()
    accepted_on = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    revoked_by = UserKey()
    revoked_on = models.DateTimeField(null=True, blank=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "invitations"
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="invitations_email_lower_case"),
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=Q(accepted_on__isnull=True, revoked_on__isnull=True),
                nulls_distinct=False,
                name="uniq_invitations_open",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_invitations_ref")]

    def __str__(self):
        return f"{self.email} as {self.role}"


class Contract(TenantRecord, Mutable):
    """The generated PDF and the record of its acceptance, which never changes once it is made."""

    moves = CONTRACT_MOVES
    write_once = (
        "template_version",
        "generated_on",
        "pdf_s3_key",
        "pdf_version_id",
        "pdf_sha256",
        "accepted_on",
        "accepted_by",
        "accepted_ip",
        "accepted_user_agent",
    )

    template_version = models.CharField(max_length=50)
    generated_on = models.DateTimeField()
    status = models.CharField(max_length=30, choices=ContractStatus, default=ContractStatus.PENDING_ACCEPTANCE)
    accepted_on = models.DateTimeField(null=True, blank=True)
    accepted_by = UserKey()
    accepted_ip = models.CharField(max_length=45, blank=True)
    accepted_user_agent = models.TextField(blank=True)
    pdf_s3_key = models.CharField(max_length=1000)
    pdf_version_id = models.CharField(max_length=255)
    pdf_sha256 = DigestField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "contracts"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=~Q(status=ContractStatus.SUPERSEDED), name="uniq_contracts_current"
            ),
            models.CheckConstraint(
                condition=Q(status=ContractStatus.PENDING_ACCEPTANCE)
                | Q(status=ContractStatus.SUPERSEDED)
                | Q(accepted_on__isnull=False, accepted_by__isnull=False),
                name="contracts_accepted_says_who_and_when",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_contracts_ref")]

    def __str__(self):
        return f"Contract {self.template_version}"

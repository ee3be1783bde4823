"""People, who serves whom, who is invited, and the views a person keeps."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from apps.shared.constraints import DigestField, UserKey, not_negative
from apps.shared.models import BaseRecord, Mutable, PlatformOrTenantRecord, SoftDelete, TenantRecord

from ..statuses import STAFF_ROLES, USER_MOVES, AppAccess, AssignmentRole, Role, UserStatus
from .clients import Tenant

LIVE = Q(deleted_on__isnull=True)


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


class SavedView(PlatformOrTenantRecord, Mutable, SoftDelete):
    """A list with its filters as a person keeps it under a name; a member of staff's own has no tenant."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    page = models.CharField(max_length=100, help_text="URL name of the list, such as dm:activities:inbox.")
    name = models.CharField(max_length=100)
    query = models.JSONField(default=dict, help_text="Parameters of the address bar, by name.")
    is_shared = models.BooleanField(default=False, help_text="Others of the same client, or of the staff, see it too.")
    position = models.SmallIntegerField(default=0, help_text="Order among the person's views of the page; 0 is first.")

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "saved_views"
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "name"], condition=LIVE, name="uniq_saved_views_name"),
            not_negative("position", name="saved_views_position_from_zero"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_saved_views_ref")]

    def __str__(self):
        return self.name

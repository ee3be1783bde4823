"""Who sees which client."""

from apps.shared.scoping import TenantFacts, every_tenant, only_tenant

from .models import Tenant, TenantAssignment, User
from .statuses import PrivacyLevel, Role, TenantStatus


def tenants_of(user: User) -> list[Tenant]:
    """The clients a person works with, by name: staff by assignment (super admins all), others their own."""
    if user.tenant_id is not None:
        return list(Tenant.objects.filter(pk=user.tenant_id))
    tenants = Tenant.objects.exclude(status=TenantStatus.CANCELLED).order_by("name")
    if user.role == Role.SUPER_ADMIN:
        return list(tenants)
    with every_tenant(reason="a reviewer's assignments are what the scope is made of"):
        assigned = TenantAssignment.objects.filter(user=user, ended_on__isnull=True).values("tenant_id")
        return list(tenants.filter(pk__in=assigned))


def facts_of_all(*, only_open: bool = True) -> list[TenantFacts]:
    """Every tenant, for commands and sweeps that visit them one by one."""
    tenants = Tenant.objects.order_by("id")
    if only_open:
        tenants = tenants.filter(status__in=[TenantStatus.TRIALING, TenantStatus.ACTIVE])
    return [tenant.facts for tenant in tenants]


def is_local_only() -> bool:
    """Whether nothing of the client in scope may reach a third party, as it is at this moment: the scope's own facts are
    as old as the run."""
    privacy = Tenant.objects.values_list("data_privacy_level", flat=True).get(pk=only_tenant().id)
    return privacy == PrivacyLevel.LOCAL_ONLY


def reviewer_of(tenant_id) -> User | None:
    """Who gets the reviewers' work of a client: the lead reviewer, else whoever was assigned first."""
    assignment = (
        TenantAssignment.objects.filter(tenant_id=tenant_id, ended_on__isnull=True, user__status="active")
        .select_related("user")
        .order_by("role", "started_on")  # lead_reviewer sorts before reviewer
        .first()
    )
    return assignment.user if assignment else None


def admin_of(tenant_id) -> User | None:
    """Who gets the client's own decisions: the admin who joined first."""
    return User.objects.filter(tenant_id=tenant_id, role=Role.ADMIN, deleted_on__isnull=True).order_by("id").first()

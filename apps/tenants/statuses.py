"""Statuses of tenants, people and contracts, and the moves between them."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class Plan(TextChoices):
    FREE = "free", "Free"
    PRO = "pro", "Pro"
    AGENCY = "agency", "Agency"
    ENTERPRISE = "enterprise", "Enterprise"


class TenantStatus(TextChoices):
    TRIALING = "trialing", "Trial"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    CANCELLED = "cancelled", "Cancelled"


class PrivacyLevel(TextChoices):
    CLOUD_OK = "cloud_ok", "Cloud models allowed"
    LOCAL_ONLY = "local_only", "Local models only"


class DeploymentMode(TextChoices):
    SAAS = "saas", "SaaS"
    ON_PREM = "on_prem", "On premises"


class Role(TextChoices):
    ADMIN = "admin", "Client admin"
    MEMBER = "member", "Client member"
    REVIEWER = "reviewer", "Reviewer"
    SUPER_ADMIN = "super_admin", "Super admin"


STAFF_ROLES = (Role.SUPER_ADMIN, Role.REVIEWER)


class AppAccess(TextChoices):
    DASHBOARD = "dashboard", "Dashboard"
    DM_PORTAL = "dm-portal", "DM Portal"
    MANAGE = "manage", "Manage"


class UserStatus(TextChoices):
    ACTIVE = "active", "Active"
    INVITED = "invited", "Invited"
    DEACTIVATED = "deactivated", "Deactivated"


class AssignmentRole(TextChoices):
    REVIEWER = "reviewer", "Reviewer"
    LEAD_REVIEWER = "lead_reviewer", "Lead reviewer"


class ContractStatus(TextChoices):
    PENDING_ACCEPTANCE = "pending_acceptance", "Waiting for acceptance"
    ACCEPTED = "accepted", "Accepted"
    SUPERSEDED = "superseded", "Superseded"


T = TenantStatus
TENANT_MOVES = Moves(
    T,
    # move       from                                     to            journal
    ("activate", [T.TRIALING], T.ACTIVE, "tenant.activated"),
    ("suspend", [T.TRIALING, T.ACTIVE], T.SUSPENDED, "tenant.suspended"),
    ("resume", [T.SUSPENDED], T.ACTIVE, "tenant.resumed"),
    ("cancel", [T.TRIALING, T.ACTIVE, T.SUSPENDED], T.CANCELLED, "tenant.cancelled"),
)

U = UserStatus
USER_MOVES = Moves(
    U,
    ("join", [U.INVITED], U.ACTIVE, "user.joined"),
    ("deactivate", [U.INVITED, U.ACTIVE], U.DEACTIVATED, "user.deactivated"),
    ("reactivate", [U.DEACTIVATED], U.ACTIVE, "user.reactivated"),
)

C = ContractStatus
CONTRACT_MOVES = Moves(
    C,
    ("accept", [C.PENDING_ACCEPTANCE], C.ACCEPTED, "contract.accepted"),
    ("supersede", [C.PENDING_ACCEPTANCE, C.ACCEPTED], C.SUPERSEDED, "contract.superseded"),
)

"""Statuses of tenants, people and contracts with the moves between them, and the value lists of the other tables."""

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


class ContractEventType(TextChoices):
    GENERATED = "generated", "Generated"
    VIEWED = "viewed", "Viewed"
    DOWNLOADED = "downloaded", "Downloaded"
    ACCEPTED = "accepted", "Accepted"
    SUPERSEDED = "superseded", "Superseded"
    REACCEPTANCE_FORCED = "reacceptance_forced", "Acceptance asked for again"


class ProviderKind(TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"
    TELEGRAM = "telegram", "Telegram"
    PUSH = "push", "Push"
    WEBHOOK = "webhook", "Webhook"


class NoticeChannel(TextChoices):
    """The ways a person can choose from."""

    WEB = "web", "Bell"
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"
    TELEGRAM = "telegram", "Telegram"
    PUSH = "push", "Push"


class DispatchChannel(TextChoices):
    WEB = "web", "Bell"
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"
    TELEGRAM = "telegram", "Telegram"
    PUSH = "push", "Push"
    WEBHOOK = "webhook", "Webhook"


class DispatchStatus(TextChoices):
    """Written once, with the row: there are no moves."""

    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


class Severity(TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    URGENT = "urgent", "Urgent"


class InboundSource(TextChoices):
    RAZORPAY = "razorpay", "Razorpay"
    LEAD_FORM = "lead_form", "Lead form"
    META_LEADGEN = "meta_leadgen", "Meta lead ads"
    GOOGLE_LEAD_FORM = "google_lead_form", "Google lead form"
    AGENT_CALLBACK = "agent_callback", "Agent callback"


# Journal codes that begin like this are about money or security: nobody can switch these notices off.
ALWAYS_TOLD = r"^(credit|invoice|payment|spend|subscription|topup|tenant[.]suspended|api_token|impersonation|mfa|password|sign_in)"


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

"""Manage: clients, people, assignments, invitations and contracts. The client's own page is put together in `portals`."""

from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import slugify

from apps import storage
from apps.shared.errors import InvalidInput

from . import operations
from .doors.admin import ManageAdmin, Panel, Task, moves, scope_of
from .doors.admin_display import address_of, badge, column, form_to_add, link, list_of, moment
from .doors.admin_forms import (
    Choice,
    Client,
    Line,
    MailAddress,
    ManageForm,
    Seen,
    Slug,
    Usd,
    WebAddress,
)
from .doors.admin_lists import ClientFilter
from .models import Contract, Invitation, Tenant, TenantAssignment, User
from .statuses import (
    STAFF_ROLES,
    TENANT_MOVES,
    USER_MOVES,
    AssignmentRole,
    Plan,
    PrivacyLevel,
    Role,
    UserStatus,
)

TIME_ZONES = [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]
# GST Council: state code, PAN of the business, entity number, Z, check character.
GSTIN = r"\A[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]\Z"
LARGEST_CAP = 999_999


class Gstin(Line):
    def clean(self, value):
        value = super().clean(value).upper() or None
        if value:
            forms.fields.RegexField(GSTIN, error_messages={"invalid": "A GSTIN looks like 29ABCDE1234F1Z5."}).clean(
                value
            )
        return value


class ClientFields(ManageForm):
    """What is asked about a client at any time."""

    name = Line(max_length=255)
    website = WebAddress(
        max_length=500, required=False, help_text="The crawler reads it during onboarding. With https://."
    )
    industry = Line(max_length=100, required=False)
    plan = Choice(choices=Plan.choices, initial=Plan.PRO)
    timezone = Choice(
        choices=TIME_ZONES, initial="Asia/Kolkata", label="Time zone", help_text="Months and schedules follow it."
    )
    currency = Choice(
        choices=[(code, code) for code in ("INR", "USD", "EUR", "GBP", "AED", "SGD", "AUD")], initial="INR"
    )
    gstin = Gstin(max_length=15, required=False, label="GSTIN")
    monthly_spend_cap_usd = Usd(
        most=LARGEST_CAP,
        required=False,
        label="Monthly model cap (USD)",
        help_text="Empty: the platform's default cap.",
    )
    data_privacy_level = Choice(choices=PrivacyLevel.choices, initial=PrivacyLevel.CLOUD_OK, label="Models")


class NewClientForm(ClientFields):
    slug = Slug(
        max_length=100,
        required=False,
        label="Short name",
        help_text="In addresses, such as /dm/c/harbour-coffee/. Empty: made from the name.",
    )
    admin_name = Line(max_length=255, label="Name of the client's admin")
    admin_email = MailAddress(label="E-mail of the client's admin", help_text="Gets an invitation at once.")
    field_order = ("name", "slug", "website", "industry", "admin_name", "admin_email")

    def clean(self):
        cleaned = super().clean()
        if "slug" in cleaned and "name" in cleaned and not cleaned["slug"]:
            cleaned["slug"] = slugify(cleaned["name"])[:100].strip("-_").replace("_", "-")
            if not cleaned["slug"]:
                self.add_error("slug", "Nothing can be made of this name. Enter a short name.")
        return cleaned


class EditClientForm(ClientFields):
    seen_on = Seen()


class AssignForm(ManageForm):
    user = Choice(label="Reviewer")
    role = Choice(choices=AssignmentRole.choices, initial=AssignmentRole.REVIEWER)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        staff = User.objects.filter(role__in=STAFF_ROLES, status=UserStatus.ACTIVE, deleted_on__isnull=True).order_by(
            "name"
        )
        self.fields["user"].choices = [(user.ref_id, f"{user.name} · {user.email}") for user in staff]


class InviteForm(ManageForm):
    role = Choice(choices=[(role, role.label) for role in (Role.REVIEWER, Role.SUPER_ADMIN, Role.ADMIN, Role.MEMBER)])
    client = Client(required=False, help_text="For a client's admin or member. Platform staff have none.")
    name = Line(max_length=255)
    email = MailAddress(label="E-mail")

    def clean(self):
        cleaned = super().clean()
        if "role" in cleaned and "client" in cleaned:
            is_staff = cleaned["role"] in STAFF_ROLES
            if is_staff and cleaned["client"] is not None:
                self.add_error("client", "Platform staff belong to no client. Leave it empty.")
            if not is_staff and cleaned["client"] is None:
                self.add_error("client", "Say whose person this is.")
        return cleaned


def create_client(request, _, **wanted) -> Tenant:
    tenant = operations.create_tenant(operations.NewClient(**wanted), by=request.actor, at=request.at)
    messages.success(request, f"{tenant.name} is created. The contract is being made and the admin gets an invitation.")
    return tenant


def edit_client(request, tenant: Tenant, *, seen_on, **wanted) -> None:
    operations.edit_tenant(tenant, operations.ClientFacts(**wanted), by=request.actor, at=request.at, seen_on=seen_on)
    messages.success(request, "Saved.")


def facts_of(tenant: Tenant) -> dict:
    names = [name for name in EditClientForm.base_fields if name != "seen_on"]
    return {"seen_on": tenant.updated_on, **{name: getattr(tenant, name) for name in names}}


def assign(request, tenant: Tenant, *, user: str, role: str) -> None:
    reviewer = User.objects.filter(ref_id=user).first()
    if reviewer is None:
        raise InvalidInput({"user": ["Choose an active reviewer."]})
    operations.assign_reviewer(tenant, reviewer, role=role, by=request.actor, at=request.at)
    messages.success(request, f"{reviewer.name} now serves {tenant.name}.")


def mover(move: str):
    return lambda tenant, *, by, at: operations.move_tenant(tenant, move, by=by, at=at)


class TenantAdmin(ManageAdmin):
    """All that is known of clients in this app; `portals` adds what other apps know and registers it."""

    called = "Clients"
    list_display = (
        "name",
        column("slug", label="Short name"),
        column("status"),
        column("plan"),
        column("contract_accepted_on", label="Contract accepted"),
        column("current_month_spend_usd", label="Spent this month"),
        column("created_on", label="Since"),
    )
    list_filter = ("status", "plan", "data_privacy_level")
    finds_by = ("slug",)
    search_help_text = "Short name or reference"
    empty = "No clients yet. Add the first one."
    add = Task("add", "Add a client", "tenant.create", create_client, form=NewClientForm)
    tasks = (
        Task("edit", "Edit", "tenant.edit", edit_client, form=EditClientForm, initial=facts_of),
        Task("assign", "Assign a reviewer", "tenant.assign", assign, form=AssignForm),
        *moves(
            TENANT_MOVES,
            {move.name: ("tenant.move", mover(move.name)) for move in TENANT_MOVES},
            asks={
                "suspend": "Nobody of this client can work, and no agent starts for it, until it is resumed.",
                "cancel": "This cannot be undone: the client's people are shut out and its work ends. Nothing is deleted.",
            },
        ),
    )
    sections = (
        ("Client", ("name", "slug", "ref_id", "status", "plan", "industry", "website", "created_on")),
        (
            "Settings",
            (
                "timezone",
                "currency",
                "gstin",
                "data_privacy_level",
                "deployment_mode",
                "monthly_spend_cap_usd",
                "current_month_spend_usd",
                "contract_accepted_on",
            ),
        ),
    )

    def links(self, row):
        return [("Invite a person", form_to_add(User, client=row.slug))]

    def panels(self, request, row):
        people = User.objects.filter(tenant=row, deleted_on__isnull=True).order_by("ref_id")[:20]
        serving = (
            TenantAssignment.objects.filter(tenant=row, ended_on__isnull=True)
            .select_related("user")
            .order_by("started_on")
        )
        return [
            Panel(
                "Reviewers",
                ("Reviewer", "Role", "Since", ""),
                [
                    (
                        link(a.user),
                        a.get_role_display(),
                        moment(a.started_on),
                        format_html('<a class="link" href="{}">End</a>', address_of(a)),
                    )
                    for a in serving
                ],
                "Nobody serves this client yet: work for reviewers has no owner. Assign a reviewer.",
            ),
            Panel(
                "People",
                ("Person", "E-mail", "Role", "Status"),
                [(link(p), p.email, p.get_role_display(), badge(p.status, p.get_status_display())) for p in people],
                "Nobody yet.",
                more=list_of(User, client=row.slug),
            ),
        ]


def invite(request, _, *, role: str, client: Tenant | None, name: str, email: str) -> User:
    with scope_of(client):
        user = operations.invite_user(client, name=name, email=email, role=role, by=request.actor, at=request.at)
    messages.success(request, f"{user.name} is invited. The mail goes to {user.email}.")
    return user


def deactivate(user: User, *, by, at) -> User:
    return operations.deactivate_user(user, by=by, at=at)


def reactivate(user: User, *, by, at) -> User:
    return operations.reactivate_user(user, by=by, at=at)


@admin.register(User)
class UserAdmin(ManageAdmin):
    list_display = (
        "name",
        "email",
        column("role"),
        column("tenant", label="Client"),
        column("status"),
        column("last_login"),
    )
    list_select_related = ("tenant",)
    list_filter = ("role", "status", ClientFilter)
    finds_by = ("email",)
    search_help_text = "E-mail or reference"
    add = Task("add", "Invite a person", "user.invite", invite, form=InviteForm)
    tasks = moves(
        USER_MOVES,
        {"deactivate": ("user.deactivate", deactivate), "reactivate": ("user.deactivate", reactivate)},
        asks={"deactivate": "This person is signed out and cannot sign in until somebody reactivates them."},
    )
    sections = (
        ("Person", ("name", "email", "role", "tenant", "status", "app_access", "ref_id")),
        ("Sign-in", ("last_login", "timezone", "created_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).filter(deleted_on__isnull=True).select_related("tenant")

    def panels(self, request, row):
        invitations = Invitation.objects.filter(user=row).order_by("-ref_id")[:10]
        panels = [
            Panel(
                "Invitations",
                ("Sent", "State", "Expires"),
                [
                    (link(i, f"{i.created_on:%-d %b %Y, %H:%M}"), state_of(i, request.at), moment(i.expires_on))
                    for i in invitations
                ],
                "Never invited: this account was made by a command.",
            )
        ]
        if row.role in STAFF_ROLES:
            serving = (
                TenantAssignment.objects.filter(user=row, ended_on__isnull=True)
                .select_related("tenant")
                .order_by("-ref_id")[:50]
            )
            panels.append(
                Panel(
                    "Serves",
                    ("Client", "Role", "Since"),
                    [(link(a.tenant), a.get_role_display(), moment(a.started_on)) for a in serving],
                    "No client. Assign this person on a client's page.",
                )
            )
        return panels


def end(request, assignment: TenantAssignment) -> Tenant:
    operations.end_assignment(assignment, by=request.actor, at=request.at)
    messages.success(request, f"{assignment.user.name} no longer serves {assignment.tenant.name}.")
    return assignment.tenant


@admin.register(TenantAssignment)
class TenantAssignmentAdmin(ManageAdmin):
    called = "Assignments"
    list_display = (
        "reviewer",
        column("tenant", label="Client"),
        column("role"),
        column("started_on"),
        column("ended_on"),
    )
    list_select_related = ("user", "tenant")
    list_filter = ("role", ClientFilter)
    empty = "Nobody is assigned yet. Assign a reviewer on a client's page."
    tasks = (
        Task(
            "end",
            "End",
            "tenant.assign",
            end,
            when=lambda row: row.ended_on is None,
            asks="From the next click on this reviewer does not see the client any more. Open work stays where it is.",
            is_grave=True,
        ),
    )
    sections = (("Assignment", ("user", "tenant", "role", "started_on", "ended_on", "created_by", "ref_id")),)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user", "tenant", "created_by")

    def title_of(self, row):
        return f"{row.user.name} serves {row.tenant.name}"

    @admin.display(description="Reviewer")
    def reviewer(self, row):
        return row.user.name


def state_of(invitation: Invitation, at):
    if invitation.accepted_on:
        return badge("completed", "Accepted")
    if invitation.revoked_on:
        return badge("cancelled", "Withdrawn")
    if invitation.expires_on <= at:
        return badge("expired", "Expired")
    return badge("pending", "Open")


def resend(request, invitation: Invitation) -> Invitation:
    sent = operations.resend_invitation(invitation, by=request.actor, at=request.at)
    messages.success(request, f"A new mail goes to {sent.email}. The old link no longer works.")
    return sent


def revoke(request, invitation: Invitation) -> None:
    operations.revoke_invitation(invitation, by=request.actor, at=request.at)
    messages.success(request, "The invitation is withdrawn: its link no longer works.")


@admin.register(Invitation)
class InvitationAdmin(ManageAdmin):
    list_display = (
        "email",
        column("role"),
        column("tenant", label="Client"),
        "state",
        column("expires_on"),
        column("accepted_on"),
        column("created_by", label="Invited by"),
    )
    list_select_related = ("tenant", "created_by")
    list_filter = ("role", ClientFilter)
    tasks = (
        Task("resend", "Send again", "user.invite", resend, when=lambda row: row.accepted_on is None),
        Task(
            "revoke",
            "Withdraw",
            "user.invite",
            revoke,
            when=lambda row: row.accepted_on is None and row.revoked_on is None,
            asks="The link in the mail stops working. You can send a new one later.",
            is_grave=True,
        ),
    )
    sections = (
        ("Invitation", ("email", "role", "tenant", "user", "state", "created_by", "created_on", "ref_id")),
        ("What became of it", ("expires_on", "accepted_on", "revoked_by", "revoked_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "user", "created_by", "revoked_by")

    @admin.display(description="State")
    def state(self, row):
        return state_of(row, timezone.now())


@admin.register(Contract)
class ContractAdmin(ManageAdmin):
    list_display = (
        column("ref_id", label="Contract"),
        column("tenant", label="Client"),
        column("template_version"),
        column("status"),
        column("generated_on"),
        column("accepted_on"),
        column("accepted_by"),
    )
    list_select_related = ("tenant", "accepted_by")
    list_filter = ("status", ClientFilter)
    empty = "No contracts yet. One is made for each new client."
    sections = (
        ("Contract", ("tenant", "status", "template_version", "generated_on", "pdf", "ref_id")),
        ("Acceptance", ("accepted_on", "accepted_by", "accepted_ip", "accepted_user_agent")),
        ("Evidence", ("pdf_sha256", "pdf_s3_key", "pdf_version_id")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "accepted_by")

    def title_of(self, row):
        return f"Contract {row.template_version} of {row.tenant.name}"

    @admin.display(description="PDF")
    def pdf(self, row):
        """Exactly the stored version; the link works for a quarter of an hour."""
        url = storage.contracts.url(
            row.pdf_s3_key,
            version_id=row.pdf_version_id,
            file_name=f"contract-{row.tenant.slug}-{row.template_version}.pdf",
        )
        return format_html('<a class="link" href="{}" rel="noreferrer">Download</a>', url)

"""People: who signs in, who serves whom, and who is invited."""

from django.contrib import admin, messages
from django.utils import timezone

from .. import operations
from ..doors.admin import ManageAdmin
from ..doors.admin_display import badge, column, link, moment
from ..doors.admin_forms import Choice, Client, Line, MailAddress, ManageForm
from ..doors.admin_lists import ClientFilter
from ..doors.admin_tasks import Panel, Task, moves, scope_of
from ..models import ApiToken, Invitation, SavedView, Tenant, TenantAssignment, User
from ..statuses import STAFF_ROLES, USER_MOVES, Role


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


def state_of_token(token: ApiToken, at):
    if token.revoked_on:
        return badge("cancelled", "Withdrawn")
    if token.expires_on <= at:
        return badge("expired", "Expired")
    return badge("active", "Valid")


@admin.register(ApiToken)
class ApiTokenAdmin(ManageAdmin):
    called = "API tokens"
    list_display = (
        "name",
        column("token_prefix", label="Begins with"),
        "owner",
        column("tenant", label="Client"),
        "state",
        column("expires_on"),
        column("last_used_on"),
    )
    list_select_related = ("tenant", "user")
    list_filter = (ClientFilter,)
    empty = "Nobody has made an API token yet."
    sections = (
        ("Token", ("name", "token_prefix", "owner", "tenant", "scopes", "state", "created_on", "ref_id")),
        ("Use", ("expires_on", "last_used_on", "last_used_ip", "revoked_by", "revoked_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "user", "revoked_by")

    @admin.display(description="Whose")
    def owner(self, row):
        return link(row.user)

    @admin.display(description="State")
    def state(self, row):
        return state_of_token(row, timezone.now())


@admin.register(SavedView)
class SavedViewAdmin(ManageAdmin):
    called = "Saved views"
    list_display = (
        "name",
        column("page"),
        "owner",
        column("tenant", label="Client"),
        column("is_shared", label="Shared"),
        column("created_on", label="Made"),
    )
    list_select_related = ("tenant", "user")
    list_filter = ("is_shared", ClientFilter)
    empty = "Nobody has saved a view yet."
    sections = (
        ("View", ("name", "page", "owner", "tenant", "query", "is_shared", "position", "created_on", "ref_id")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "user")

    @admin.display(description="Whose")
    def owner(self, row):
        return link(row.user)

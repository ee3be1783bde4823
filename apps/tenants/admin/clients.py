"""Clients. The client's page is put together, and registered, in `portals`."""

import re
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.utils.html import format_html
from django.utils.text import slugify

from apps.shared.errors import InvalidInput

from .. import operations
from ..doors.admin import ManageAdmin
from ..doors.admin_display import address_of, badge, column, form_to_add, link, list_of, moment
from ..doors.admin_forms import Choice, Line, MailAddress, ManageForm, Seen, Slug, Usd, WebAddress
from ..doors.admin_tasks import Panel, Task, moves
from ..models import Tenant, TenantAssignment, User
from ..statuses import STAFF_ROLES, TENANT_MOVES, AssignmentRole, Plan, PrivacyLevel, UserStatus

TIME_ZONES = [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]
# GST Council: state code, PAN of the business, entity number, Z, check character.
GSTIN = r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]"
LARGEST_CAP = 999_999


class Gstin(Line):
    def clean(self, value):
        value = super().clean(value).upper()
        if value and not re.fullmatch(GSTIN, value):
            raise forms.ValidationError("A GSTIN looks like 29ABCDE1234F1Z5.", code="gstin")
        return value or None


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


def create_client(request, _, **wanted) -> Tenant:
    try:
        tenant = operations.create_tenant(operations.NewClient(**wanted), by=request.actor, at=request.at)
    except InvalidInput as error:  # the operation that invites knows one address only
        raise InvalidInput(
            {"admin_email" if name == "email" else name: texts for name, texts in error.errors.items()}
        ) from error
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
        column("created_on", label="Since"),
    )
    list_filter = ("status", "plan", "data_privacy_level")
    finds_by = ("slug",)
    search_help_text = "Short name or reference"
    empty = "No clients yet. Add the first one."
    add = Task("add", "Add a client", "tenant.create", create_client, form=NewClientForm)
    tasks = (
        Task("edit", "Edit", "tenant.edit", edit_client, form=EditClientForm, initial=facts_of, button="Save"),
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

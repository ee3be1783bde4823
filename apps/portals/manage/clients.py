"""A client's page: what its own app shows, where the client stands, and its channels."""

from django.contrib import admin
from django.urls import reverse

from apps.activities.models import Activity, Approval
from apps.billing.queries import spent_this_month
from apps.channels.models import Channel
from apps.tenants.admin.clients import TenantAdmin
from apps.tenants.doors.admin_display import (
    EMPTY,
    badge,
    form_to_add,
    link,
    list_of,
    moment,
    usd,
)
from apps.tenants.doors.admin_tasks import Panel
from apps.tenants.models import Tenant

from .standing import standing_of

MARKS = {
    "done": ("completed", "Done"),
    "now": ("in_progress", "Now"),
    "stuck": ("failed", "Stuck"),
    "later": ("", "Later"),
}


@admin.register(Tenant)
class ClientAdmin(TenantAdmin):
    list_display = (*TenantAdmin.list_display, "spent_this_month")
    sections = tuple(
        (name, (*facts, "spent_this_month") if name == "Settings" else facts) for name, facts in TenantAdmin.sections
    )

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(spent_usd=spent_this_month())

    @admin.display(description="Spent this month")
    def spent_this_month(self, row):
        return usd(row.spent_usd)

    def links(self, row):
        lists = [
            ("Activities", list_of(Activity, client=row.slug)),
            ("Approvals", list_of(Approval, client=row.slug)),
        ]
        export = ("Export everything", reverse("dm:activities:exports", args=[row.slug]))
        return [*super().links(row), export, ("Add a WordPress site", form_to_add(Channel, client=row.slug)), *lists]

    def panels(self, request, row):
        channels = Channel.objects.filter(tenant=row).order_by("ref_id")[:20]
        return [
            Panel(
                "Where the client stands",
                ("Step", "State", "When", "What"),
                [
                    (
                        step.label,
                        badge(*MARKS[step.state]),
                        moment(step.on),
                        link(step.row, step.says) if step.row else step.says or EMPTY,
                    )
                    for step in standing_of(row)
                ],
                "",
            ),
            *super().panels(request, row),
            Panel(
                "Channels",
                ("Channel", "Platform", "Status", "Verified", "Error"),
                [
                    (
                        link(c),
                        c.get_platform_display(),
                        badge(c.status, c.get_status_display()),
                        moment(c.last_verified_at),
                        c.error_message or EMPTY,
                    )
                    for c in channels
                ],
                "None yet: nothing can be published. Add a WordPress site.",
                links=[("Add a WordPress site", form_to_add(Channel, client=row.slug))],
            ),
        ]

"""What every page of the DM Portal stands in: its sections with counts, the client switcher, the moment."""

from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from apps.activities import queries as work
from apps.activities.statuses import HumanRole
from apps.tenants.doors.portal import all_clients
from apps.tenants.models import Tenant

MOST_IN_SWITCHER = 30

# address, label, icon, key, and the pages that belong to the section
SECTIONS = (
    ("dm:inbox", "Inbox", "inbox", "g i", {"inbox", "approval", "approve", "reject", "edit"}),
    ("dm:clients", "Clients", "building-2", "g l", {"clients"}),
    ("dm:all_agents", "Agents", "bot", "g a", {"all_agents"}),
)
CLIENT_SECTIONS = (
    ("dm:client", "Overview", "house", "g o", {"client", "exports"}),
    ("dm:work", "Work", "layout-list", "g w", {"work", "activity", "retry", "cancel", "done", "ask"}),
    ("dm:agents", "Agents", "bot", "g t", {"agents"}),
    (
        "dm:activities:recurring",
        "Recurring tasks",
        "refresh-cw",
        "g r",
        {"recurring", "recurring_task", "fill_values", "edit_recurring", "spawn_now"},
    ),
    ("dm:activities:channels", "Channels", "plug", "g h", {"channels", "channel"}),
    ("dm:activities:costs", "Costs", "coins", "g m", {"costs"}),
    ("dm:content:backlinks", "Backlinks", "link", "g b", {"backlinks", "backlink", "move_backlink"}),
    ("dm:crm:leads", "Leads", "users", "g e", {"leads", "lead", "import_leads", "import_columns", "import"}),
    (
        "dm:activities:skills",
        "Skills",
        "star",
        "g k",
        {"skills", "new_skill", "skill", "edit_skill", "switch_skill", "restore_skill", "assign_skill"},
    ),
    ("dm:strategy:context", "Context file", "book-open", "g x", {"context"}),
    ("dm:strategy:strategy", "Strategy", "target", "g s", {"strategy"}),
)


def portal(request: HttpRequest) -> dict[str, object]:
    """Context processor: empty outside the DM Portal. The inbox is counted only by pages that show the rail."""
    match = request.resolver_match
    if match is None or match.app_names[:1] != ["dm"] or not hasattr(request, "tenants"):
        return {}
    tenant: Tenant | None = getattr(request, "tenant", None)
    return {
        "nav": partial(sections, request, tenant=tenant, current=match.url_name),
        "brand": {"name": "Leadmetrics", "href": reverse("dm:inbox")},
        "clients": [
            {"name": each.name, "href": reverse("dm:client", args=[each.slug])}
            for each in request.tenants[:MOST_IN_SWITCHER]
        ],
        "client": {"name": tenant.name} if tenant else None,
        "all_clients_href": reverse("dm:clients"),
        "account_links": [
            {"label": "Password", "href": reverse("account_change_password"), "icon": "key-round"},
            {"label": "Two-step sign-in", "href": reverse("mfa_index"), "icon": "shield-check"},
        ],
        "now": request.at,
        "zone": tenant.timezone if tenant else "",
        "tenant": tenant,
    }


def sections(request: HttpRequest, *, tenant: Tenant | None, current: str | None) -> list[dict[str, object]]:
    """The rail's items; the number beside the first is how many decisions wait over all clients of this person."""
    with all_clients(request):
        waiting = work.waiting_approvals(required_role=HumanRole.REVIEWER).count()
    items: list[dict[str, object]] = [
        {
            "label": label,
            "href": reverse(address),
            "icon": icon,
            "key": key,
            "current": current in pages,
            "count": waiting if address == "dm:inbox" else None,
        }
        for address, label, icon, key, pages in SECTIONS
    ]
    if tenant is not None:
        for address, label, icon, key, pages in CLIENT_SECTIONS:
            item = {
                "label": label,
                "href": reverse(address, args=[tenant.slug]),
                "icon": icon,
                "key": key,
                "current": current in pages,
            }
            items.append({**item, "heading": tenant.name} if address == "dm:client" else item)
    return items

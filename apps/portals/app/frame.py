"""What every page of the client dashboard stands in: its sections with counts, the client's name and colour."""

from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from apps.activities import queries as work
from apps.activities.statuses import HumanRole

# address, label, icon, key, and the pages that belong to the section
SECTIONS = (
    ("app:home", "Home", "house", "g h", {"home", "ask"}),
    ("app:approvals", "Waiting for you", "inbox", "g w", {"approvals", "approval", "approve", "reject"}),
    ("app:strategy", "Strategy", "target", "g s", {"strategy"}),
    ("app:content", "Content", "file-text", "g c", {"content", "post"}),
    ("app:backlinks", "Backlinks", "link", "g b", {"backlinks"}),
    ("app:reports", "Reports", "scroll-text", "g r", {"reports", "report"}),
    ("app:progress", "Progress", "chart-bar", "g p", {"progress"}),
    ("app:setup", "Setup", "check", "g u", {"setup", "fill_setup"}),
)


def dashboard(request: HttpRequest) -> dict[str, object]:
    """Context processor: empty outside the client dashboard. The sections are counted only by pages that show them."""
    match, tenant = request.resolver_match, getattr(request, "tenant", None)
    if tenant is None or match is None or match.app_names[:1] != ["app"]:
        return {}
    return {
        "nav": partial(sections, current=match.url_name),
        "brand": {"name": tenant.name, "href": reverse("app:home")},
        "accent": tenant.branding.get("accent"),
        "account_links": [
            {"label": "Contract", "href": reverse("app:contract"), "icon": "scroll-text"},
            {"label": "Password", "href": reverse("account_change_password"), "icon": "key-round"},
            {"label": "Two-step sign-in", "href": reverse("mfa_index"), "icon": "shield-check"},
        ],
        "now": request.at,
        "zone": tenant.timezone,
    }


def sections(*, current: str | None) -> list[dict[str, object]]:
    """The rail's items; the number beside the second is how many decisions wait for the client."""
    waiting = work.waiting_approvals(required_role=HumanRole.ADMIN).count()
    return [
        {
            "label": label,
            "href": reverse(address),
            "icon": icon,
            "key": key,
            "current": current in pages,
            "count": waiting if address == "app:approvals" else None,
        }
        for address, label, icon, key, pages in SECTIONS
    ]

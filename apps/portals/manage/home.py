"""What an operator looks at first: work and deliveries that will not go on by themselves."""

from dataclasses import dataclass
from typing import Any

from apps.activities.models import Activity
from apps.activities.statuses import ActivityStatus
from apps.channels.models import Channel, PublishAttempt
from apps.channels.statuses import AttemptStatus, ChannelStatus
from apps.shared.models import JournalDelivery
from apps.tenants.doors.admin_display import EMPTY, badge, link, list_of, moment
from apps.tenants.models import Tenant

SHOWN = 8


@dataclass(frozen=True)
class Attention:
    """One kind of trouble: what it is, what to do about it, the newest of it, and where all of it is."""

    title: str
    advice: str
    headers: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: str
    has_more: bool


def context(request, given: dict) -> dict:
    """unfold's DASHBOARD_CALLBACK. Runs in the frame of Manage, over all clients; four queries."""
    groups = [_failed_work(), _unknown_attempts(), _troubled_channels(), _failing_deliveries()]
    return {
        **given,
        "groups": [group for group in groups if group.rows],
        "crumbs": [("Needs you", "")],
        "is_fullwidth": "1",
    }


def _attention(title: str, advice: str, headers: tuple[str, ...], found: list, row_of, more: str) -> Attention:
    return Attention(title, advice, headers, [row_of(row) for row in found[:SHOWN]], more, len(found) > SHOWN)


def _failed_work() -> Attention:
    # By client, so that the index on (tenant, status) answers and not a walk through all activities.
    failed = Activity.objects.filter(tenant__in=Tenant.objects.values("id"), status=ActivityStatus.FAILED)
    return _attention(
        "Work that failed",
        "No agent tries this again by itself. Open it, read the error of the last run, then retry or cancel it.",
        ("Activity", "Client", "Agent", "Since"),
        list(failed.select_related("tenant").order_by("-ref_id")[: SHOWN + 1]),
        lambda a: (link(a), link(a.tenant), a.assignee_agent_role or EMPTY, moment(a.updated_on)),
        list_of(Activity, status__exact=ActivityStatus.FAILED),
    )


def _unknown_attempts() -> Attention:
    unknown = PublishAttempt.objects.filter(status=AttemptStatus.UNKNOWN)
    return _attention(
        "Publications of unknown outcome",
        "It may be live. It is looked up on the platform first; what stays here needs a look at the site.",
        ("Attempt", "Client", "Channel", "Cause", "Sent"),
        list(unknown.select_related("tenant", "channel").order_by("-ref_id")[: SHOWN + 1]),
        lambda a: (link(a, a.ref_id), link(a.tenant), link(a.channel), a.failure_cause or EMPTY, moment(a.sent_on)),
        list_of(PublishAttempt, status__exact=AttemptStatus.UNKNOWN),
    )


def _troubled_channels() -> Attention:
    troubled = Channel.objects.filter(status__in=[ChannelStatus.ERROR, ChannelStatus.EXPIRED])
    return _attention(
        "Channels that do not work",
        "Nothing is published there. Correct the settings, then test the connection.",
        ("Channel", "Client", "Status", "Error"),
        list(troubled.select_related("tenant").order_by("-ref_id")[: SHOWN + 1]),
        lambda c: (link(c), link(c.tenant), badge(c.status, c.get_status_display()), c.error_message or EMPTY),
        list_of(Channel, status__exact=ChannelStatus.ERROR),
    )


def _failing_deliveries() -> Attention:
    failing = JournalDelivery.objects.exclude(last_error="")
    return _attention(
        "Deliveries that fail",
        "They are tried again and never given up; the error says what is in the way.",
        ("Delivery", "Client", "Tries", "Next try", "Error"),
        list(failing.select_related("tenant", "journal_entry").order_by("-ref_id")[: SHOWN + 1]),
        lambda d: (
            link(d, f"{d.consumer} of {d.journal_entry.code}"),
            link(d.tenant),
            d.attempts,
            moment(d.next_on),
            d.last_error[:200],
        ),
        list_of(JournalDelivery),
    )

"""A client's channels in the DM Portal: what each scores, what that is made of, and the way to have it scored now."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps.channels import access
from apps.channels.models import Channel, ChannelScore
from apps.channels.scoring import RUBRICS
from apps.channels.statuses import ChannelStatus
from apps.tenants.doors import paging, portal
from apps.tenants.permissions import may, require

from .. import operations
from ..bodies import SCORE_CHANNELS
from ..models import Activity
from . import jobs, tones

GROUPS = {"completeness": "Completeness", "activity": "Activity", "result": "Engagement and result"}
CHANNELS_OF_A_PAGE = 50
SCORES_OF_A_PAGE = 12


@portal.dm(methods=["GET", "POST"])
def channels(request: HttpRequest) -> HttpResponse:
    """The channels of a client with their scores; a POST has all of them scored now."""
    require(request.actor, "channel.read")
    if request.method == "POST":
        return _score(request)
    page = paging.page_of(request, Channel.objects.all(), order=("platform", "ref_id"), size=CHANNELS_OF_A_PAGE)
    latest = _latest_job()
    context = {
        "rows": [_row(channel, slug=request.tenant.slug) for channel in page.rows],
        "page": page,
        "job": jobs.job_row(latest) if latest else None,
        "not_scored": [one for one in latest.output_summary.get("results", []) if one["score"] is None]
        if latest
        else [],
        "may_score": may(request.actor, "channel.score") and operations.scorable().exists(),
    }
    return portal.respond(request, "dm/activities/channels.html", context)


@portal.dm(methods=["GET", "POST"])
def channel(request: HttpRequest, ref_id: str) -> HttpResponse:
    """One channel: its score by parts, and what it scored before; a POST has it scored now."""
    found = access.channel_for(request.actor, ref_id, to="read")
    if request.method == "POST":
        return _score(request, found)
    page = paging.page_of(
        request, ChannelScore.objects.filter(channel=found), order=("-ref_id",), size=SCORES_OF_A_PAGE
    )
    latest = _latest_job()
    is_scorable = found.platform in RUBRICS and found.status == ChannelStatus.CONNECTED
    context = {
        **_row(found, slug=request.tenant.slug),
        "groups": _groups(found),
        "scores": page.rows,
        "page": page,
        "job": jobs.job_row(latest) if latest else None,
        "may_score": is_scorable and may(request.actor, "channel.score"),
    }
    return portal.respond(request, "dm/activities/channel.html", context)


def _score(request: HttpRequest, only: Channel | None = None) -> HttpResponse:
    require(request.actor, "channel.score")
    job = operations.begin_scoring(request.tenant.facts, channel=only, by=request.actor, at=request.at)
    there = reverse("dm:activities:activity", args=[request.tenant.slug, job.ref_id])
    return portal.done(request, there, message="The scoring begins. You can leave this page and come back.")


def _latest_job() -> Activity | None:
    made = Activity.objects.filter(assignee_agent_role=SCORE_CHANNELS).select_related("tenant")
    return made.order_by("-ref_id").first()


def _row(found: Channel, *, slug: str) -> dict:
    return {
        "channel": found,
        "href": reverse("dm:activities:channel", args=[slug, found.ref_id]),
        "tone": tones.of(tones.CHANNEL, found.status),
        "change": _change(found.score_change),
        "why_not": _why_not(found),
    }


def _change(change: int | None) -> dict | None:
    """For a badge; None before the second score."""
    if change is None:
        return None
    tone = "success" if change > 0 else "danger" if change < 0 else "neutral"
    return {"label": f"{change:+d}".replace("-", "\N{MINUS SIGN}") if change else "0", "tone": tone}


def _why_not(found: Channel) -> str:
    """Why there is no score, or no new one."""
    if found.platform not in RUBRICS:
        return "Nothing reads this platform yet, so it has no score."
    if found.status != ChannelStatus.CONNECTED:
        return "It is not connected, so it gets no new score."
    return "" if found.score is not None else "It is scored at the beginning of the month, or when you ask for it."


def _groups(found: Channel) -> list[dict]:
    """The parts of the score by group, with their sums."""
    parts = (found.score_breakdown or {}).get("parts", [])
    groups = []
    for name, members in groupby(parts, key=lambda part: part["group"]):
        rows = [
            {**part, "share": f"{part['value']:g}", "tone": "success" if part["value"] == part["maximum"] else "info"}
            for part in members
        ]
        groups.append(
            {
                "label": GROUPS[name],
                "value": f"{round(sum(row['value'] for row in rows), 2):g}",
                "maximum": sum(row["maximum"] for row in rows),
                "parts": rows,
            }
        )
    return groups

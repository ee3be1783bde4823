"""Scoring a client's channels: the long job `system.score_channels`, one channel after the other.

A channel whose platform cannot be read is told about and holds back no other. A job that was stopped goes on behind the
last channel it told of; one that was scored and not told of has its score since the job was asked for, and keeps it.
"""

from typing import Any

from django.utils import timezone

from apps.channels import operations as channels
from apps.channels import outside, scoring
from apps.channels.models import Channel
from apps.channels.platforms.base import Source, Unscored
from apps.channels.platforms.google_search_console import covers
from apps.channels.statuses import ChannelStatus, ChannelType, Platform

from .operations import Job, scorable

NAME_SHOWN = 100


def score(job: Job) -> dict:
    """Score the channels that were asked for; what came of each is in the result. Raises LeaseLost."""
    wanted = _wanted(job)
    results: dict[str, dict[str, Any]] = {told["channel"]: told for told in job.state.get("results", [])}
    for channel in wanted:
        if channel.ref_id not in results:
            job.tell(
                f"Looking at {channel.name[:NAME_SHOWN]}",
                done=len(results),
                total=len(wanted),
                state={"results": list(results.values())},
            )
            results[channel.ref_id] = _scored(job, channel)
    told = list(results.values())
    return {
        "scored": sum(one["score"] is not None for one in told),
        "not_scored": sum(one["score"] is None for one in told),
        "by_channel": " ".join(f"{one['name']}: {one['told']}" for one in told),
        "results": told,
    }


def _wanted(job: Job) -> list[Channel]:
    rows = scorable().order_by("platform", "ref_id")
    if only := job.activity.input_data.get("channel"):
        rows = rows.filter(ref_id=only)
    return list(rows)


def _scored(job: Job, channel: Channel) -> dict[str, Any]:
    asked_for = {"period": job.activity.input_data["period"], "since": job.activity.created_on}
    try:
        if not channels.is_scored(channel, **asked_for):
            source, search = channels.source_of(channel), _search_of(channel)
            found = outside.read_facts(channel.platform, source, at=timezone.now(), search=search)
            if isinstance(found, Unscored):
                return _result(channel, None, found.sentence)
            job.check()
            scored = scoring.scored(channel.platform, found)
            channel = channels.record_score(channel, scored, **asked_for, by=job.by, at=timezone.now())
    except (channels.ChannelDisconnected, channels.SecretUnreadable) as refused:
        return _result(channel, None, refused.detail)
    return _result(channel, channel.score, f"{channel.score} of 100{_compared(channel.score_change)}.")


def _search_of(channel: Channel) -> Source | Unscored | None:
    """The client's Search Console property that covers this website, where one is connected; Unscored if it cannot be
    reached."""
    if channel.channel_type != ChannelType.CMS:
        return None
    properties = Channel.objects.filter(
        tenant_id=channel.tenant_id, platform=Platform.GOOGLE_SEARCH_CONSOLE, status=ChannelStatus.CONNECTED
    )
    for candidate in properties.order_by("ref_id"):
        if covers(candidate.name_there, channel.external_url):
            try:
                return channels.source_of(candidate)
            except channels.SecretUnreadable as refused:
                return Unscored(refused.code, refused.detail)
    return None


def _compared(change: int | None) -> str:
    if change is None:
        return ""
    return f", {abs(change)} {'more' if change > 0 else 'less'} than before" if change else ", as before"


def _result(channel: Channel, score: int | None, told: str) -> dict[str, Any]:
    return {"channel": channel.ref_id, "name": channel.name[:NAME_SHOWN], "score": score, "told": told}

"""Having a client's channels scored: once a month by itself, and whenever a person asks."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from apps.billing.operations import month_of
from apps.channels.models import Channel
from apps.channels.platforms import READERS
from apps.channels.statuses import ChannelStatus
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import TenantFacts

from ..bodies import SCORE_CHANNELS
from ..models import Activity
from .jobs import JobBegun, begin_job, is_one_under_way, jobs_of

BY_HAND = "scores/"
MONTHLY = "scores:"


class ScoringUnderWay(OperationRefused):
    """The channels of this client are being scored already. Wait for it, or cancel it first."""

    code = "scoring_under_way"


class NothingToScore(OperationRefused):
    """There is nothing to score: no channel of a platform that can be read is connected."""

    code = "nothing_to_score"


def scorable() -> QuerySet[Channel]:
    """Channels that can be given a score now: connected, and of a platform that something of ours reads."""
    return Channel.objects.filter(status=ChannelStatus.CONNECTED, platform__in=READERS)


def begin_scoring(tenant: TenantFacts, *, channel: Channel | None = None, by: Actor, at: datetime) -> Activity:
    """Have all channels of the client scored, or this one. Raises ScoringUnderWay and NothingToScore."""
    jobs = jobs_of(tenant.id, SCORE_CHANNELS)
    if is_one_under_way(jobs):
        raise ScoringUnderWay
    wanted = scorable().filter(tenant_id=tenant.id)
    if not (wanted.filter(pk=channel.pk) if channel else wanted).exists():
        raise NothingToScore
    number = jobs.filter(origin_key__startswith=BY_HAND).count() + 1
    try:
        return _begin(
            tenant,
            title=f"Score {channel.name}" if channel else "Score the channels",
            origin=f"{BY_HAND}{number}",  # of two clicks at once the second is refused by the database
            about={"channel": channel.ref_id} if channel else {},
            by=by,
            at=at,
        )
    except JobBegun as error:
        raise ScoringUnderWay from error


def score_month(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity | None:
    """Have the client's channels scored for this month of its own; None where that was asked for already, the contract is
    not accepted, or nothing is connected yet."""
    month = month_of(at, tenant.time_zone)
    origin = f"{MONTHLY}{month:%Y-%m}"
    if jobs_of(tenant.id, SCORE_CHANNELS).filter(origin_key=origin).exists():
        return None
    if not tenant.contract_accepted or not scorable().filter(tenant_id=tenant.id).exists():
        return None
    try:
        return _begin(tenant, title=f"Score the channels for {month:%B %Y}", origin=origin, about={}, by=by, at=at)
    except JobBegun:  # another beat was faster
        return None


def _begin(tenant: TenantFacts, *, title: str, origin: str, about: dict[str, Any], by: Actor, at: datetime) -> Activity:
    """The job. Its `period` stays with it, for the work may be done after the month's end."""
    return begin_job(
        tenant.id,
        role=SCORE_CHANNELS,
        title=title,
        origin_key=origin,
        journal_code="scoring.begun",
        input_data={**about, "period": f"{month_of(at, tenant.time_zone):%Y-%m}"},
        by=by,
        at=at,
    )

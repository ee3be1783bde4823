"""Having a client's channels scored: once a month by itself, and whenever a person asks."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.billing.operations import month_of
from apps.channels.models import Channel
from apps.channels.platforms import READERS
from apps.channels.statuses import ChannelStatus
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import TenantFacts

from ..bodies import SCORE_CHANNELS, TemplateStep
from ..models import Activity
from ..statuses import ACTIVITY_MOVES, ActivityStatus, ActivityType, AssigneeType
from .pipelines import make_once

BY_HAND = "scores/"
MONTHLY = "scores:"
UNDER_WAY = (ActivityStatus.CREATED, ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS)


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
    jobs = Activity.with_deleted.filter(tenant_id=tenant.id, assignee_agent_role=SCORE_CHANNELS)
    if jobs.filter(status__in=UNDER_WAY).exists():
        raise ScoringUnderWay
    wanted = scorable().filter(tenant_id=tenant.id)
    if not (wanted.filter(pk=channel.pk) if channel else wanted).exists():
        raise NothingToScore
    number = jobs.filter(origin_key__startswith=BY_HAND).count() + 1
    job = _job(
        tenant,
        title=f"Score {channel.name}"[:500] if channel else "Score the channels",
        origin=f"{BY_HAND}{number}",  # of two clicks at once the second is refused by the database
        about={"channel": channel.ref_id} if channel else {},
        by=by,
        at=at,
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            journal.record("scoring.begun", job, by=by, at=at, after={"title": job.title})
            return ACTIVITY_MOVES.perform(job, "ready", by=by, at=at)
    except IntegrityError as error:
        raise ScoringUnderWay from error


def score_month(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity | None:
    """Have the client's channels scored for this month of its own; None where that was asked for already, the contract is
    not accepted, or nothing is connected yet."""
    month = month_of(at, tenant.time_zone)
    origin = f"{MONTHLY}{month:%Y-%m}"
    if Activity.with_deleted.filter(tenant_id=tenant.id, origin_key=origin).exists():
        return None
    if not tenant.contract_accepted or not scorable().filter(tenant_id=tenant.id).exists():
        return None
    job = _job(tenant, title=f"Score the channels for {month:%B %Y}", origin=origin, about={}, by=by, at=at)
    return make_once(job, "scoring.begun", by=by, at=at)


def _job(tenant: TenantFacts, *, title: str, origin: str, about: dict[str, Any], by: Actor, at: datetime) -> Activity:
    step = TemplateStep(
        key="score_channels",
        title="Score the channels",
        type="other",
        assignee_type="agent",
        agent_role=SCORE_CHANNELS,
        due_offset_days=0,
    )
    period = f"{month_of(at, tenant.time_zone):%Y-%m}"  # kept, for the work may be done after the month's end
    return Activity(
        tenant_id=tenant.id,
        title=title,
        type=ActivityType.OTHER,
        assignee_type=AssigneeType.AGENT,
        assignee_agent_role=SCORE_CHANNELS,
        origin_key=origin,
        input_data={**about, "period": period, "step": step.model_dump(mode="json")},
        ready_on=at,
        created_by=by.user,
        created_on=at,
    )

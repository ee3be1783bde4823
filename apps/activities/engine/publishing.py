"""The publish step: at most once, whatever dies. The attempt is written before the call; what is not confirmed is looked
up on the platform after the settle time, before anything else is sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.channels import operations as channels
from apps.channels.models import PublishAttempt
from apps.channels.platforms import PLATFORMS
from apps.channels.platforms.base import (
    Absent,
    CannotTell,
    Found,
    Publication,
    Published,
    Refused,
    Unknown,
)
from apps.channels.platforms.markup import markdown_to_html
from apps.channels.statuses import AttemptStatus
from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused

from .. import operations, registry
from ..models import Activity
from ..operations import Claim, ClientStopped, LeaseLost, Spent

log = structlog.get_logger(__name__)

# How long after the last check of the lease the request may still leave, as a share of SETTLE_SECONDS. Less than all of
# it: a worker that was frozen in between must be too late before another one believes "not found" and sends again.
SEND_SHARE = 2 / 3
LOOK_AGAIN_SECONDS = 60


class OutcomeUnknown(OperationRefused):
    """The platform cannot say whether this was published. Look there, then retry or cancel this step."""

    code = "outcome_unknown"


@dataclass(frozen=True)
class Step:
    claim: Claim
    activity: Activity
    by: Actor


def run(claim: Claim) -> None:
    """Carry out one claimed publish step, or put it off until the platform can be asked."""
    activity = Activity.objects.select_related("parent_activity").get(pk=claim.activity_id)
    step = Step(claim, activity, Actor.agent(claim.role))
    try:
        _run(step)
    except LeaseLost:
        log.info("publish.lease_lost", activity=activity.ref_id, attempt=claim.attempt)
    except OperationRefused as error:
        told = f"{error.code}: {error.detail}"
        if isinstance(error, ClientStopped):  # nobody claims it until the client is resumed
            _end(step, operations.give_back, error=told, ready_on=timezone.now())
        elif error.http_status == 503:  # a store or a mail server is away
            _end(step, operations.wait_out, error=told)
        else:
            _end(step, operations.fail_attempt, error=told, may_repeat=False)


def _run(step: Step) -> None:
    deliver = registry.DELIVERIES.get(step.activity.step.creates or "")
    if deliver is not None:
        summary = deliver(step.activity, claim=step.claim, by=step.by)
        operations.finish_job(step.claim, summary=summary, by=step.by, at=timezone.now())
        return
    kind = registry.PUBLISHABLE[step.activity.subject_type]
    ready = kind.prepare(step.activity)
    platform = PLATFORMS[ready.channel.platform]
    attempt = channels.open_attempt(step.activity.subject_ref, ready.channel)
    if (
        attempt is not None
        and attempt.content_sha256 != ready.content_sha256
        and attempt.status == AttemptStatus.PREPARED
    ):
        with transaction.atomic():
            operations.held(step.claim)
            channels.mark_failed(
                attempt, cause="superseded", next_step="", response_summary={}, by=step.by, at=timezone.now()
            )
        attempt = None
    if attempt is not None and attempt.status in (AttemptStatus.SENT, AttemptStatus.UNKNOWN):
        attempt = _look_up(step, attempt, platform, ready)
        if attempt is None:
            return
    if attempt is None:
        with transaction.atomic():
            operations.held(step.claim)
            attempt = channels.prepare_attempt(
                subject_type=step.activity.subject_type,
                subject_ref=step.activity.subject_ref,
                channel=ready.channel,
                approval_ref=ready.approval_ref,
                content_sha256=ready.content_sha256,
                request_summary={"title": ready.title, "slug": ready.slug, "status": ready.status},
                by=step.by,
                at=timezone.now(),
            )
    _send(step, attempt, platform, ready)


def _send(step: Step, attempt: PublishAttempt, platform, ready) -> None:
    publication = Publication(
        title=ready.title,
        slug=ready.slug,
        html=markdown_to_html(ready.markdown),
        excerpt=ready.excerpt,
        categories=ready.categories,
        tags=ready.tags,
        status=ready.status,
        marker=attempt.marker,
    )
    deadline = time.monotonic() + settings.SETTLE_SECONDS * SEND_SHARE
    with transaction.atomic():
        # The last look before the irreversible request: client and lease, content and channel once more under their locks.
        operations.held_to_send(step.claim)
        registry.PUBLISHABLE[step.activity.subject_type].still_ready(step.activity, ready)
        attempt = channels.mark_sent(attempt, by=step.by, at=timezone.now())
    outcome = platform.publish(ready.connection, publication, deadline_monotonic=deadline)
    at = timezone.now()
    if isinstance(outcome, Published):
        settled(step, attempt, outcome.external_object_id, outcome.external_url, outcome.response_summary, at=at)
    elif isinstance(outcome, Unknown):
        _put_off(step, attempt, outcome, at=at)
    else:
        _refused(step, attempt, outcome, at=at)


@locks.repeatable
def settled(
    step: Step, attempt: PublishAttempt, external_id: str, url: str, response_summary: dict, *, at: datetime
) -> None:
    """The platform has it: attempt, post, step, period and the next steps follow in one transaction."""
    with transaction.atomic():
        operations.held(step.claim)
        registry.PUBLISHABLE[step.activity.subject_type].settled(
            step.activity, external_id=external_id, url=url, by=step.by, at=at
        )
        channels.mark_confirmed(
            attempt, external_id=external_id, url=url, response_summary=response_summary, by=step.by, at=at
        )
        operations.finish_job(step.claim, summary={"url": url, "external_id": external_id}, by=step.by, at=at)


@locks.repeatable
def _put_off(step: Step, attempt: PublishAttempt, outcome: Unknown, *, at: datetime) -> None:
    """It is looked up after the settle time. A failure all the same: a site that takes no post is not asked for ever."""
    with transaction.atomic():
        operations.held(step.claim)
        attempt = channels.mark_unknown(
            attempt, cause=outcome.cause, response_summary=outcome.response_summary, by=step.by, at=at
        )
        operations.fail_attempt(
            step.claim,
            error=_nobody_knows(outcome.cause),
            spent=Spent(),
            retry_after_s=settings.SETTLE_SECONDS,
            by=step.by,
            at=at,
        )


@locks.repeatable
def _refused(step: Step, attempt: PublishAttempt, outcome: Refused, *, at: datetime) -> None:
    with transaction.atomic():
        operations.held(step.claim)
        channels.mark_failed(
            attempt,
            cause=outcome.cause,
            next_step=outcome.next_step,
            response_summary=outcome.response_summary,
            by=step.by,
            at=at,
        )
        operations.fail_attempt(
            step.claim,
            error=f"{outcome.cause}: {outcome.next_step}",
            spent=Spent(),
            may_repeat=outcome.is_retryable,
            retry_after_s=outcome.retry_after_s,
            by=step.by,
            at=at,
        )


def _look_up(step: Step, attempt: PublishAttempt, platform, ready) -> PublishAttempt | None:
    """Ask the platform for the marker. The attempt to send once more, or None when the step is over for now."""
    at = timezone.now()
    if attempt.status == AttemptStatus.SENT:  # whoever sent it died before it heard the answer
        with transaction.atomic():
            operations.held(step.claim)
            attempt = channels.mark_unknown(attempt, cause="worker_died", response_summary={}, by=step.by, at=at)
    settle_until = attempt.settle_until or at
    if settle_until > at:  # "not found" is not believed before the settle time
        operations.give_back(
            step.claim,
            error="waits until the platform can be asked",
            spent=Spent(),
            ready_on=settle_until,
            by=step.by,
            at=at,
        )
        return None
    answer = platform.find_existing(ready.connection, marker=attempt.marker, slug=ready.slug)
    at = timezone.now()
    if isinstance(answer, Found):
        settled(step, attempt, answer.external_object_id, answer.external_url, {"found": answer.status}, at=at)
        return None
    if isinstance(answer, Absent):
        with transaction.atomic():
            operations.held(step.claim)
            return channels.prepare_again(attempt, by=step.by, at=at)
    assert isinstance(answer, CannotTell)
    operations.fail_attempt(
        step.claim,
        error=_nobody_knows(answer.cause),
        spent=Spent(),
        retry_after_s=max(LOOK_AGAIN_SECONDS, settings.SETTLE_SECONDS),
        by=step.by,
        at=at,
    )
    return None


def _nobody_knows(cause: str) -> str:
    return f"{OutcomeUnknown.code}: {OutcomeUnknown().detail} ({cause})"


def _end(step: Step, operation: Callable, *, error: str, **how) -> None:
    try:
        operation(step.claim, error=error, spent=Spent(), by=step.by, at=timezone.now(), **how)
    except LeaseLost:
        log.info("publish.lease_lost", activity=step.activity.ref_id)

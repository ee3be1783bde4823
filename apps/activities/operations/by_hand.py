"""Publishing by hand: where nothing of ours reaches a platform yet, a person puts out what was approved and says where.

It is written down as any publication is: an attempt bound to the approval, and the one way in which its subject becomes
published or failed (`Publishable.settled` and `.failed` in the registry).
"""

from datetime import datetime

from django.db import transaction

from apps.channels import operations as channels
from apps.channels.addresses import Address, BadAddress, address_of
from apps.channels.models import PublishAttempt
from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed, OperationRefused
from apps.shared.transitions import MoveRefused

from .. import registry
from ..models import Activity
from ..statuses import ACTIVITY_MOVES, ActivityStatus
from . import pipelines

SAID_BY_A_PERSON = "said by a person"


class NotByHand(OperationRefused):
    """This is not published by hand: the platform itself is asked, or it is no publication at all."""

    code = "not_by_hand"


def confirm_published(step: Activity, *, url: str, note: str = "", by: Actor, at: datetime) -> Activity:
    """A person has put out exactly what was approved and gives its address, which closes the step and counts its unit.

    Raises NotByHand for another kind of step, InvalidInput for an address that is none or lies elsewhere, and whatever
    the subject's `prepare` refuses with, for instance because the content is not the approved one any more.
    """
    ready = _ready(step, by=by)
    address = _checked(url, ready)
    with transaction.atomic():
        step = _begun(step, ready, by=by, at=at)
        attempt = _attempt(step, ready, by=by, at=at)
        registry.PUBLISHABLE[step.subject_type].settled(
            step, external_id=address.external_id, url=address.url, by=by, at=at
        )
        if attempt is not None:
            channels.mark_confirmed(
                attempt,
                external_id=address.external_id,
                url=address.url,
                response_summary={"confirmed": SAID_BY_A_PERSON, "note": note},
                by=by,
                at=at,
            )
        said = {"url": address.url, "external_id": address.external_id, "note": note}
        return pipelines.close_step(step, by=by, at=at, output_summary=said)


def report_not_published(step: Activity, *, cause: str, by: Actor, at: datetime) -> Activity:
    """It could not be put out: the step fails with the person's words, and can be tried again. Raises as above."""
    if not cause.strip():
        raise InvalidInput({"cause": ["Say what went wrong."]})
    ready = _ready(step, by=by)
    with transaction.atomic():
        step = _begun(step, ready, by=by, at=at)
        attempt = _attempt(step, ready, by=by, at=at)
        failed = registry.PUBLISHABLE[step.subject_type].failed
        if failed is not None:
            failed(step, cause=cause, by=by, at=at)
        if attempt is not None:
            channels.mark_failed(
                attempt,
                cause=cause,
                next_step="",
                response_summary={"refused": SAID_BY_A_PERSON, "cause": cause},
                by=by,
                at=at,
            )
        return ACTIVITY_MOVES.perform(step, "fail", by=by, at=at, output_summary={"cause": cause})


def _ready(step: Activity, *, by: Actor):
    if by.kind != "human":
        raise NotAllowed("Only a person can say that.")
    if not pipelines.is_published_by_hand(step) or step.subject_type not in registry.PUBLISHABLE:
        raise NotByHand
    return registry.PUBLISHABLE[step.subject_type].prepare(step)


def _checked(url: str, ready) -> Address:
    try:
        return address_of(url, ready.channel.platform if ready.channel else None)
    except BadAddress as error:
        raise InvalidInput({"url": [str(error)]}) from error


def _begun(step: Activity, ready, *, by: Actor, at: datetime) -> Activity:
    """The step under its lock and in progress, its content once more what was approved."""
    _, step = locks.take(step.unit, step)
    if step.status not in (ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS):
        raise MoveRefused(f"This is {step.get_status_display().lower()}: nothing can be published here now.")
    if step.status == ActivityStatus.ASSIGNED:
        step = ACTIVITY_MOVES.perform(step, "start", by=by, at=at, started_on=at)
    registry.PUBLISHABLE[step.subject_type].still_ready(step, ready)
    return step


def _attempt(step: Activity, ready, *, by: Actor, at: datetime) -> PublishAttempt | None:
    """What the person did, as an attempt that was sent; None where there is no channel it went out on."""
    if ready.channel is None:
        return None
    attempt = channels.prepare_attempt(
        subject_type=step.subject_type,
        subject_ref=step.subject_ref,
        channel=ready.channel,
        approval_ref=ready.approval_ref,
        content_sha256=ready.content_sha256,
        request_summary={"title": ready.title, "by_hand": True},
        by=by,
        at=at,
    )
    return channels.mark_sent(attempt, by=by, at=at)

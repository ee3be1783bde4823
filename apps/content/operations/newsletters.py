"""What the decisions on a newsletter and its sending change: it has no row, its steps are about the writer's answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps import storage
from apps.activities import operations as work
from apps.activities import queries as work_queries
from apps.activities.models import Activity, Approval
from apps.activities.registry import Kept
from apps.activities.statuses import SubjectType
from apps.channels.models import Channel
from apps.shared.actors import Actor

from .. import queries
from ..bodies import EngagementCheck
from ..newsletters import MAIL
from .blog_posts import ContentChanged

RESULTS_AFTER = timedelta(days=4)  # by then most of the people who ever open a mail have done so


def release_newsletter(activity: Activity, *, by: Actor, at: datetime, gate: Activity) -> None:
    """The last approval: what is sent, and looked at afterwards, is this answer."""
    work.share_out(gate, [work.Share(SubjectType.ACTIVITY, activity.ref_id, "", "")], by=by, at=at)


@dataclass(frozen=True)
class ReadyNewsletter:
    """A newsletter as it is about to be sent. `channel` is the client's mail service, None while none is connected."""

    channel: Channel | None
    title: str
    approval_ref: str
    content_sha256: str


def prepare_newsletter(activity: Activity) -> ReadyNewsletter:
    """What is sent, compared with what was approved. Raises ContentChanged, BodyMissing or StorageUnavailable."""
    approval = _approval_that_holds(activity)
    body = storage.read_one(storage.ActivityOutput, approval.content_ref or "")
    if body.sha256 != approval.shown_snapshot["body"]["sha256"]:
        raise ContentChanged  # the stores were changed underneath
    channels = queries.channels_on(MAIL)
    return ReadyNewsletter(
        channel=channels[0] if channels else None,
        title=approval.shown_snapshot["subject"]["title"],
        approval_ref=approval.ref_id,
        content_sha256=approval.content_sha256,
    )


def still_ready_newsletter(activity: Activity, ready: ReadyNewsletter) -> None:
    """The same under the unit's lock. Raises ContentChanged."""
    if _approval_that_holds(activity).content_sha256 != ready.content_sha256:
        raise ContentChanged


def _approval_that_holds(activity: Activity) -> Approval:
    approval = work_queries.released_by(activity)
    if approval is None or work.digest_of(work.shown_at(approval.activity)) != approval.content_sha256:
        raise ContentChanged
    return approval


def settle_newsletter(activity: Activity, *, external_id: str, url: str, by: Actor, at: datetime) -> None:
    """It was sent; its results are looked at some days later."""
    activity.unit.steps.filter(pipeline_step="results").update(ready_on=at + RESULTS_AFTER)


def receive_results(output: EngagementCheck, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The findings stand at the step. Where nobody has the figures, a person is told to look at the mail service, once."""
    if not output.figures_known:
        work.raise_task(
            tenant_id=activity.tenant_id,
            title="Look at the results of the newsletter",
            note="Its opens and clicks are with the mail service, which does not send them to us yet.",
            origin=f"results:{activity.ref_id}",
            by=by,
            at=at,
            about={"checked": activity.ref_id},
        )

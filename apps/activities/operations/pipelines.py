"""Units and their steps: spawning them, making the next ones ready, sending back, cancelling."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.channels import operations as channels
from apps.channels.models import PublishAttempt
from apps.channels.statuses import AttemptStatus
from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import new_id

from ..bodies import PUBLISHER
from ..models import Activity, ActivityDependency, ActivityLease, Approval
from ..statuses import (
    ACTIVITY_MOVES,
    APPROVAL_MOVES,
    ActivityStatus,
    ActivityType,
    AssigneeType,
    HumanRole,
    Priority,
)
from .counting import hold, recount
from .gates import open_gate, person_for

S = ActivityStatus
SKIPPED = [S.COMPLETED, S.CANCELLED]


class NotATask(OperationRefused):
    """This is not a person's task: agents finish their own steps, and a gate is finished by its decision."""

    code = "not_a_task"


class AddressMissing(OperationRefused):
    """Say where it was published: nothing counts as published without that."""

    code = "address_missing"


class StillSending(OperationRefused):
    """This is being published at this moment. Wait a minute and look again: then it is out, or it can be cancelled."""

    code = "still_sending"


def set_subject(unit: Activity, subject_type: str, subject_ref: str, *, steps: Sequence[str], at: datetime) -> None:
    """From here on these steps are about this row."""
    about = unit.steps.filter(pipeline_step__in=steps)
    for step in about:
        step.input_data = {**step.input_data, "subject": {"type": subject_type, "ref": subject_ref}}
        step.updated_on = at
    Activity.objects.bulk_update(about, ["input_data", "updated_on"])


@dataclass(frozen=True)
class Share:
    """What the steps after a gate are about. `suffix` ([a-z_]+) keeps its steps apart, `label` names it to people; of a
    single one neither is used."""

    subject_type: str
    subject_ref: str
    suffix: str
    label: str


def share_out(gate: Activity, shares: Sequence[Share], *, by: Actor, at: datetime) -> None:
    """From here on what comes after this gate is about these rows, each with steps of its own. Part of a decision.

    The first row takes the steps that are there; each further one gets copies: `draft` again as `draft_facebook`, which
    wait for the gate as the first ones do, send back among themselves and count their unit as they do.
    """
    steps = {step.pipeline_step: step for step in steps_of(gate.unit)}
    originals = [step for key, step in steps.items() if key in _after(gate.pipeline_step, steps)]
    waits = ActivityDependency.objects.filter(activity__in=originals).values_list("activity_id", "depends_on_id")
    first, *others = shares
    copies: list[Activity] = []
    dependencies: list[ActivityDependency] = []
    common = {"tenant_id": gate.tenant_id, "created_by": by.user, "created_on": at}
    for share in others:
        made = {step.id: _copy(step, share, originals, common=common) for step in originals}
        copies += made.values()
        dependencies += [
            ActivityDependency(
                id=new_id(),
                activity=made[activity_id],
                depends_on_id=made[needed].id if needed in made else needed,
                **common,
            )
            for activity_id, needed in waits
        ]
    keys = [step.pipeline_step for step in originals]
    set_subject(gate.unit, first.subject_type, first.subject_ref, steps=keys, at=at)
    if others:
        for step in originals:
            Activity.objects.filter(pk=step.pk).update(title=_told_apart(step, first))
    Activity.objects.bulk_create(copies)
    ActivityDependency.objects.bulk_create(dependencies)
    journal.record("unit.shared_out", gate.unit, by=by, at=at, after={"rows": len(shares), "steps": len(copies)})


def _copy(step: Activity, share: Share, originals: list[Activity], *, common: dict) -> Activity:
    keys = {one.pipeline_step for one in originals}

    def own(key: str | None) -> str | None:
        return f"{key}_{share.suffix}" if key in keys else key

    template = step.step
    of_share = template.model_copy(
        update={
            "key": own(template.key),
            "depends_on": [own(key) for key in template.depends_on],
            "on_reject": own(template.on_reject),
        }
    )
    return Activity(
        id=new_id(),
        parent_activity_id=step.parent_activity_id,
        deliverable_period_id=step.deliverable_period_id,
        deliverable_id=step.deliverable_id,
        goal_id=step.goal_id,
        pipeline_step=of_share.key,
        title=_told_apart(step, share),
        type=step.type,
        assignee_type=step.assignee_type,
        assignee_agent_role=step.assignee_agent_role,
        is_approval_gate=step.is_approval_gate,
        input_data={
            **step.input_data,
            "step": of_share.model_dump(mode="json"),
            "subject": {"type": share.subject_type, "ref": share.subject_ref},
        },
        origin_key=f"{step.origin_key}_{share.suffix}",
        due_date=step.due_date,
        ready_on=step.ready_on,
        **common,
    )


def _told_apart(step: Activity, share: Share) -> str:
    return f"{step.title}: {share.label}"[:500]


def steps_of(unit: Activity) -> list[Activity]:
    return list(unit.steps.order_by("ref_id"))


def advance(unit: Activity, *, by: Actor, at: datetime) -> None:
    """Make those steps ready whose dependencies are all done; close the unit when every step is over. Idempotent.

    A unit whose counting step was cancelled is no promise kept: it ends as cancelled.
    """
    steps = {step.id: step for step in unit.steps.all()}
    needed: dict = {}
    for activity_id, depends_on_id in ActivityDependency.objects.filter(activity_id__in=steps).values_list(
        "activity_id", "depends_on_id"
    ):
        needed.setdefault(activity_id, []).append(depends_on_id)
    for step in sorted(steps.values(), key=lambda s: s.ref_id):
        waits = step.status == S.CREATED
        if waits and all(steps[other].status == S.COMPLETED for other in needed.get(step.id, ()) if other in steps):
            make_ready(step, by=by, at=at)
    open_steps = unit.steps.exclude(status__in=SKIPPED)
    if open_steps.exists() or unit.status != S.IN_PROGRESS:
        return
    counted = [step for step in unit.steps.all() if step.step.counts_unit]
    if counted and all(step.status == S.CANCELLED for step in counted):
        ACTIVITY_MOVES.perform(unit, "cancel", by=by, at=at)
    else:
        ACTIVITY_MOVES.perform(unit, "complete", by=by, at=at, completed_on=at)


def make_ready(step: Activity, *, by: Actor, at: datetime) -> None:
    """An agent's step is assigned, a gate asks for its approval, a person's step gets its person."""
    if step.is_approval_gate:
        open_gate(step, by=by, at=at)
        return
    assignee = None
    if step.assignee_type == AssigneeType.HUMAN:
        assignee = person_for(step.step.human_role, step.tenant_id)
    ready_on = max(step.ready_on, at)
    ACTIVITY_MOVES.perform(step, "ready", by=by, at=at, assignee_user=assignee, ready_on=ready_on)


def close_step(step: Activity, *, by: Actor, at: datetime, **changes) -> Activity:
    """Complete a step in progress, count the unit if this step counts it, and make the next steps ready."""
    unit, step = locks.take(step.parent_activity, step)
    if step.step.counts_unit:
        hold(step)
    step = ACTIVITY_MOVES.perform(step, "complete", by=by, at=at, completed_on=at, **changes)
    if step.step.counts_unit and step.deliverable_period is not None:
        recount(step.deliverable_period, by=by, at=at)
    if unit is not None:
        advance(unit, by=by, at=at)
    return step


def send_back(gate: Activity, *, note: str, by: Actor, at: datetime) -> None:
    """The gate's step to return to is done again with the note; what lay between waits again. Part of a decision."""
    hold(gate)
    unit = gate.unit
    steps = {step.pipeline_step: step for step in steps_of(unit)}
    target = steps[gate.step.on_reject or ""]
    for key in _after(target.pipeline_step, steps):
        step = steps[key]
        if step.status in (S.COMPLETED, S.REJECTED):
            ACTIVITY_MOVES.perform(step, "wait_again", by=by, at=at, completed_on=None)
    ACTIVITY_MOVES.perform(target, "redo", by=by, at=at, revision_note=note, ready_on=at, completed_on=None)
    if gate.deliverable_period is not None:  # the counting step may be among those that are done again
        recount(gate.deliverable_period, by=by, at=at)


def _after(key: str | None, steps: dict[str, Activity]) -> list[str]:
    """Keys of all steps that wait for this one, directly or not."""
    found: list[str] = []
    frontier = [key]
    while frontier:
        current = frontier.pop()
        for other, step in steps.items():
            if current in step.step.depends_on and other not in found:
                found.append(other)
                frontier.append(other)
    return found


def retry_activity(activity: Activity, *, by: Actor, at: datetime, note: str = "") -> Activity:
    """A person has a failed step tried again; the counts of failures and of outages begin anew."""
    with transaction.atomic():
        lease = ActivityLease.objects.filter(activity=activity).first()
        attempts = lease.attempt if lease else 0
        anew = {"failures_before": attempts, "outages": [attempts, 0]}
        changes: dict[str, Any] = {"ready_on": at, "input_data": {**activity.input_data, **anew}}
        if note:
            changes["revision_note"] = note
        return ACTIVITY_MOVES.perform(activity, "retry", by=by, at=at, **changes)


def cancel_activity(activity: Activity, *, by: Actor, at: datetime) -> Activity:
    """Stop one step and those that wait for it; a run that is under way finds out when it tries to finish.

    Raises StillSending, MoveRefused.
    """
    with transaction.atomic():
        unit, activity = locks.take(activity.parent_activity, activity)
        _let_go([activity], by=by, at=at)
        cancelled = ACTIVITY_MOVES.perform(activity, "cancel", by=by, at=at)
        _ask_nobody([cancelled], by=by, at=at)
        if unit is not None:
            keys = _after(activity.pipeline_step, {step.pipeline_step: step for step in steps_of(unit)})
            later = unit.steps.filter(pipeline_step__in=keys, status=S.CREATED)
            ACTIVITY_MOVES.perform_many(later, "cancel", by=by, at=at)
            advance(unit, by=by, at=at)
            _count_what_is_left(unit, by=by, at=at)
        return cancelled


def cancel_unit(unit: Activity, *, by: Actor, at: datetime) -> Activity:
    """Stop the whole unit: open steps are cancelled, what was decided or published stays as it is. Raises as above."""
    with transaction.atomic():
        (unit,) = locks.take(unit)
        _let_go(steps_of(unit), by=by, at=at)
        ACTIVITY_MOVES.perform_many(unit.steps.all(), "cancel", by=by, at=at)
        _ask_nobody(steps_of(unit), by=by, at=at)
        _count_what_is_left(unit, by=by, at=at)
        return ACTIVITY_MOVES.perform(unit, "cancel", by=by, at=at)


def _let_go(steps: Sequence[Activity], *, by: Actor, at: datetime) -> None:
    """Of what may be on a platform already, nothing is forgotten by cancelling its step.

    The caller holds the unit's lock, under which `sent` is written too. Raises StillSending while a worker waits for the
    platform's answer, which only that worker can record. Where nobody knows the answer, a reviewer is asked to look:
    the product does so no more.
    """
    for step in steps:
        if step.assignee_agent_role != PUBLISHER or step.status in SKIPPED:
            continue
        maybe_there = PublishAttempt.objects.select_related("channel").filter(
            subject_ref=step.subject_ref, status__in=[AttemptStatus.SENT, AttemptStatus.UNKNOWN]
        )
        for attempt in maybe_there:
            if attempt.status == AttemptStatus.SENT:
                if step.status == S.IN_PROGRESS:
                    raise StillSending
                channels.mark_unknown(attempt, cause="worker_died", response_summary={}, by=by, at=at)
            title, channel = attempt.request_summary.get("title", step.title), attempt.channel
            raise_task(
                tenant_id=step.tenant_id,
                title=f"Is this on {channel.name}? {title}",
                note=f"It was cancelled after it had been sent to {channel.name_there}, which did not say whether it took "
                f"it. Nobody looks for it any more: look for “{title}” there, and take it down if it should not be out.",
                origin=f"cancelled:{attempt.ref_id}",
                by=by,
                at=at,
                about={"checked": step.ref_id},
            )


def _count_what_is_left(unit: Activity, *, by: Actor, at: datetime) -> None:
    """Of a unit with several counting steps, some of which are done, the last open one may just have been cancelled."""
    counting = [step for step in steps_of(unit) if step.step.counts_unit]
    if len(counting) > 1 and unit.deliverable_period is not None:
        recount(unit.deliverable_period, by=by, at=at)


def _ask_nobody(gates: Sequence[Activity], *, by: Actor, at: datetime) -> None:
    """Withdraw what these gates still ask: nobody can decide at a cancelled one."""
    APPROVAL_MOVES.perform_many(Approval.objects.filter(activity__in=gates), "withdraw", by=by, at=at)


def raise_task(
    *,
    tenant_id,
    title: str,
    note: str,
    origin: str,
    by: Actor,
    at: datetime,
    role: str = HumanRole.REVIEWER,
    priority: str = Priority.HIGH,
    about: dict | None = None,
) -> Activity | None:
    """An activity for a person: an alert, an escalation. Once per origin; None when it was raised before."""
    task = Activity(
        tenant_id=tenant_id,
        title=title[:500],
        type=ActivityType.OTHER,
        assignee_type=AssigneeType.HUMAN,
        priority=priority,
        revision_note=note,
        origin_key=origin,
        input_data=about or {},
        ready_on=at,
        created_by=by.user,
        created_on=at,
    )
    return make_once(task, "task.raised", by=by, at=at, assignee_user=person_for(role, tenant_id))


def make_once(task: Activity, code: str, *, by: Actor, at: datetime, **ready: Any) -> Activity | None:
    """Keep a task outside any pipeline and have it ready; None when there is one of its origin already."""
    try:
        with transaction.atomic():
            task.save(force_insert=True)
            journal.record(code, task, by=by, at=at, after={"title": task.title})
            return ACTIVITY_MOVES.perform(task, "ready", by=by, at=at, **ready)
    except IntegrityError:
        if Activity.objects.filter(tenant_id=task.tenant_id, origin_key=task.origin_key).exists():
            return None
        raise


def is_published_by_hand(step: Activity) -> bool:
    """A person puts the approved content on its platform and says where it is, see `confirm_published`."""
    is_persons = step.parent_activity_id is not None and step.assignee_type == AssigneeType.HUMAN
    return is_persons and step.step.creates == "publish_attempt"


def finish_task(task: Activity, *, by: Actor, at: datetime) -> Activity:
    """A person says that a task of theirs is done: one of its own, or a step of a unit, which then goes on.

    Raises NotATask for an agent's work, a gate or a unit, AddressMissing for what is published by hand.
    """
    if task.assignee_type != AssigneeType.HUMAN or task.is_approval_gate or task.steps.exists():
        raise NotATask
    if is_published_by_hand(task):
        raise AddressMissing
    with transaction.atomic():
        if task.parent_activity is not None:
            _, task = locks.take(task.parent_activity, task)
        if task.status == S.ASSIGNED:
            task = ACTIVITY_MOVES.perform(task, "start", by=by, at=at, started_on=at)
        if task.parent_activity is not None:
            return close_step(task, by=by, at=at)
        return ACTIVITY_MOVES.perform(task, "complete", by=by, at=at, completed_on=at)

"""How promises will end: what comes when, and who holds up what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Aggregate, DurationField, Exists, ExpressionWrapper, F, OuterRef
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Least

from apps.channels.models import PublishAttempt
from apps.shared.scoping import only_tenant
from apps.strategy.models import DeliverablePeriod
from apps.strategy.statuses import OPEN_PERIODS

from . import queries
from .bodies import PUBLISHER
from .models import Activity, AgentConfig, Approval
from .statuses import ActivityStatus, HeldUpBy, HumanRole


class Median(Aggregate):
    """The middle value; between two, the middle of them. Of durations it is one."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


@dataclass(frozen=True)
class Blocker:
    """Whose turn it is, and at how many units of a promise.

    `name` is the person, the channel or the agent's role, '' where it is several or nobody known; `activity_ref` is the
    step that waits longest, '' where there is no work; `is_stuck`: nothing goes on before somebody acts; `is_off`: what
    to do about it is to switch the agent on.
    """

    who: HeldUpBy
    name: str
    units: int
    activity_ref: str
    is_stuck: bool
    is_off: bool = False


@dataclass(frozen=True)
class Forecast:
    """What will become of a promise if all goes on as it did.

    `expected_count` is how many will be done on the last day, `expected_on` the day on which all are, in the client's
    time zone; None when some of them will not be done before somebody acts. The units of the blockers, who come with
    the most units first, and `completed_count` add up to the target.
    """

    period_ref: str
    status: str
    target_count: int
    completed_count: int
    expected_count: int
    expected_on: date | None
    blockers: list[Blocker]

    @property
    def is_on_course(self) -> bool:
        return self.expected_count >= self.target_count

    @property
    def has_begun(self) -> bool:
        return bool(self.completed_count) or any(blocker.activity_ref for blocker in self.blockers)


@dataclass(frozen=True)
class _OpenUnit:
    """A unit on its way to its counting step: who has it now, and the hours it is expected to take yet."""

    who: HeldUpBy
    name: str
    activity_ref: str
    hours: float | None  # None = nothing goes on by itself
    is_off: bool = False  # because the agent is switched off


DELAYS_SINCE = timedelta(days=90)  # how a client decides now, not a year ago
UNKNOWN_DELAY = timedelta(days=1)  # of a role that decided nothing in that time
DECIDED_BY = {HumanRole.REVIEWER: HeldUpBy.REVIEWER, HumanRole.ADMIN: HeldUpBy.CLIENT}


def forecast(periods: Iterable[DeliverablePeriod], *, at: datetime) -> dict[str, Forecast]:
    """By the period's ref_id: how each of these promises will end, and who holds up what is missing.

    Of the one tenant in scope; four statements at most, however many periods and units.

    * A unit comes to its counting step when the gates before it are decided, each after the median time this client's
      decisions of that role took from being asked to being made (90 days, else a day). One that waited longer already
      is expected to wait as long again. Agents' own work is minutes and counts as nothing, but no step
      is done before its time, which is when an approved post is scheduled for.
    * No unit comes sooner than the pace allows: with c units done in the time since the period began (or was opened,
      when that was later), one more is due every time / (c + 1). The one added is the unit in hand: the first days of
      a month, in which nothing can be done yet, are no bad sign.
    * What failed, has no money left, needs an agent that is switched off or was never planned does not come at all
      before somebody acts.

    A closed period is what it is: its count, and nobody to blame.
    """
    tenant = only_tenant()
    rows = list(periods)
    open_rows = [row for row in rows if row.status in OPEN_PERIODS]
    units = _open_units([row.pk for row in open_rows], at=at) if open_rows else {}
    return {row.ref_id: _forecast(row, units.get(row.pk, []), zone=ZoneInfo(tenant.time_zone), at=at) for row in rows}


def _forecast(period: DeliverablePeriod, units: list[_OpenUnit], *, zone: ZoneInfo, at: datetime) -> Forecast:
    is_open = period.status in OPEN_PERIODS
    wanted = max(period.target_count - period.completed_count, 0) if is_open else 0
    moving = sorted(unit.hours for unit in units if unit.hours is not None)
    began = max(_midnight(period.period_start, zone), period.created_on)
    every = max(at - began, timedelta(0)) / (period.completed_count + 1)
    comes = [max(at + timedelta(hours=hours), at + number * every) for number, hours in enumerate(moving, 1)][:wanted]
    end = _midnight(period.period_end + timedelta(days=1), zone)
    missing = wanted - len(units)
    # A client may be given more than was promised: then those that are stuck hold nothing up.
    blocking = sorted(units, key=lambda unit: unit.hours if unit.hours is not None else float("inf"))[:wanted]
    blockers = _blockers(blocking)
    if missing > 0:
        blockers.append(Blocker(HeldUpBy.NOBODY, "", missing, "", is_stuck=True))
    return Forecast(
        period_ref=period.ref_id,
        status=period.status,
        target_count=period.target_count,
        completed_count=period.completed_count,
        expected_count=period.completed_count + sum(moment < end for moment in comes),
        expected_on=_day(comes[-1], zone) if comes and len(comes) == wanted else None,
        blockers=sorted(blockers, key=lambda blocker: (-blocker.units, not blocker.is_stuck, blocker.who)),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Its first moment in UTC: differences of local times would leave out the hours that clocks skip or repeat."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _blockers(units: list[_OpenUnit]) -> list[Blocker]:
    alike: dict[tuple[HeldUpBy, bool, bool], list[_OpenUnit]] = {}
    for unit in units:
        alike.setdefault((unit.who, unit.hours is None, unit.is_off), []).append(unit)
    return [
        Blocker(
            who=who,
            name=found[0].name if len({unit.name for unit in found}) == 1 else "",
            units=len(found),
            activity_ref=min(unit.activity_ref for unit in found),
            is_stuck=is_stuck,
            is_off=is_off,
        )
        for (who, is_stuck, is_off), found in alike.items()
    ]


def _open_units(period_ids: list[UUID], *, at: datetime) -> dict[UUID, list[_OpenUnit]]:
    """By period: the units whose counting step is still to come."""
    step = KeyTransform("step", "input_data")
    claimed = AgentConfig.objects.filter(is_enabled=True, max_concurrent__gt=0)
    rows = (
        Activity.objects.filter(
            deliverable_period__in=period_ids, parent_activity__isnull=False, parent_activity__deleted_on__isnull=True
        )
        .exclude(status__in=[ActivityStatus.COMPLETED, ActivityStatus.CANCELLED])
        .order_by("ref_id")
        .values(
            "id",
            "ref_id",
            "deliverable_period_id",
            "parent_activity_id",
            "status",
            "assignee_agent_role",
            "started_on",
            "ready_on",
            "assignee_user__name",
            step=step,
            has_agent=Exists(
                claimed.filter(tenant_id=OuterRef("tenant_id"), agent_role=OuterRef("assignee_agent_role"))
            ),
            subject_ref=KeyTextTransform("ref", KeyTransform("subject", "input_data")),
        )
    )
    steps_by_unit: dict[UUID, list[dict]] = {}
    for row in rows:
        steps_by_unit.setdefault(row["parent_activity_id"], []).append(row)
    ahead = [found for steps in steps_by_unit.values() if (found := _until_counted(steps))]
    now = [_current(steps) for steps in ahead]
    names = _channel_names([step["subject_ref"] for step in now if step["assignee_agent_role"] == PUBLISHER])
    unpaid = queries.out_of_money([step["id"] for step in now if step["assignee_agent_role"]])
    delays = _decision_delays(at=at)
    units: dict[UUID, list[_OpenUnit]] = {}
    for steps, current in zip(ahead, now, strict=True):
        who, name = _whose_turn(current, names=names, unpaid=unpaid)
        is_off = _is_off(current)
        is_stuck = is_off or current["status"] == ActivityStatus.FAILED or who == HeldUpBy.BUDGET
        hours = None if is_stuck else _hours_until_counted(steps, delays, at=at)
        unit = _OpenUnit(who, name, current["ref_id"], hours, is_off)
        units.setdefault(current["deliverable_period_id"], []).append(unit)
    return units


def _until_counted(steps: list[dict]) -> list[dict]:
    """Of a unit's unfinished steps the counting one and those it waits for; none when it is done or cancelled."""
    by_key = {step["step"]["key"]: step for step in steps if step["step"]}
    wanted = [step["step"]["key"] for step in by_key.values() if step["step"].get("counts_unit")]
    for key in wanted:
        needed = by_key[key]["step"].get("depends_on", ())
        wanted.extend(other for other in needed if other in by_key and other not in wanted)
    return [step for key, step in by_key.items() if key in wanted]


def _current(steps: list[dict]) -> dict:
    """Where a unit is: at what failed, else at what nobody will take, else at the first step that is somebody's turn."""
    failed = (step for step in steps if step["status"] == ActivityStatus.FAILED)
    off = (step for step in steps if _is_off(step))
    ready = (step for step in steps if step["status"] != ActivityStatus.CREATED)
    return next(failed, None) or next(off, None) or next(ready, None) or steps[0]


def _is_off(step: dict) -> bool:
    """Whether the step waits for an agent whose work is not claimed. Publication and our own jobs are no agent's."""
    role = step["assignee_agent_role"]
    if not role or role == PUBLISHER or role.startswith("system."):
        return False
    return not step["has_agent"] and step["status"] in (ActivityStatus.CREATED, ActivityStatus.ASSIGNED)


def _whose_turn(step: dict, *, names: dict[str, str], unpaid: set[UUID]) -> tuple[HeldUpBy, str]:
    if role := step["assignee_agent_role"]:
        if role == PUBLISHER:
            return HeldUpBy.CHANNEL, names.get(step["subject_ref"], "")
        if step["id"] in unpaid:
            return HeldUpBy.BUDGET, ""
        return HeldUpBy.AGENT, role
    human_role = step["step"].get("human_role") or HumanRole.REVIEWER
    return DECIDED_BY[HumanRole(human_role)], step["assignee_user__name"] or ""


def _hours_until_counted(steps: list[dict], delays: dict[str, timedelta], *, at: datetime) -> float:
    """How long these steps are expected to take yet, one after the other, none before its time."""
    hours = 0.0
    for step in steps:
        hours = max(hours, (step["ready_on"] - at) / timedelta(hours=1)) + _hours_at(step, delays, at=at)
    return hours


def _hours_at(step: dict, delays: dict[str, timedelta], *, at: datetime) -> float:
    """How long a step is expected to take from when it is ready; agents' work is minutes."""
    if step["assignee_agent_role"]:
        return 0.0
    usual = delays.get(step["step"].get("human_role") or HumanRole.REVIEWER, UNKNOWN_DELAY)
    waited = timedelta(0)
    if step["status"] != ActivityStatus.CREATED and step["started_on"]:
        waited = max(at - step["started_on"], waited)
    return (usual - waited if waited <= usual else waited) / timedelta(hours=1)


def _decision_delays(*, at: datetime) -> dict[str, timedelta]:
    """By required role: the median time from asking to deciding, from the first asking where one had expired."""
    decided = Approval.objects.filter(decided_on__gt=at - DELAYS_SINCE, decided_on__lte=at)
    # The gate's own start is that of its latest round: of an earlier round it lies behind the asking.
    asked_on = Least(F("created_on"), F("activity__started_on"))
    took = ExpressionWrapper(F("decided_on") - asked_on, output_field=DurationField())
    by_role = decided.order_by().values("required_role").annotate(median=Median(took, output_field=DurationField()))
    return dict(by_role.values_list("required_role", "median"))


def _channel_names(subject_refs: list[str]) -> dict[str, str]:
    """By subject: the channel of its latest attempt."""
    attempts = PublishAttempt.objects.filter(subject_ref__in=subject_refs).order_by("subject_ref", "-ref_id")
    return dict(attempts.distinct("subject_ref").values_list("subject_ref", "channel__name"))

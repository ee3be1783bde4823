"""When a recurring task is due: by the wall clock of a client's zone, answered in UTC. No database, no clock of its own.

A slot is a moment at which one task is to appear. A time that the clocks skip in spring is the moment they jump; one that
they show twice in autumn is the first of the two. So later wall times never mean earlier moments, and no slot comes twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, CroniterError, croniter

from apps.strategy.operations import months_after

from .statuses import Periodicity, Trigger

MINUTES_APART = 15
DAY_MINUTES = 24 * 60
# 29 February may be eight years away (2096 to 2104); what does not come in nine never comes. It also bounds the search.
YEARS_AHEAD = 9
LONGEST = 100  # characters, as the column
SLOTS_LOOKED_AT = 60
MOST_COUNTED = 100  # of the slots left out; a number beyond says nothing more
# No names, no aliases, no seconds, no random or hashed times (R, H): those of croniter are not cron's.
FIVE_FIELDS = re.compile(r"[0-9*/,-]+(?: [0-9*/,-]+){4}", re.ASCII)
DAYS = {Periodicity.DAILY: 1, Periodicity.WEEKLY: 7}
MONTHS = {Periodicity.MONTHLY: 1, Periodicity.QUARTERLY: 3, Periodicity.YEARLY: 12}
EVENTS = (Trigger.ON_ONBOARDING, Trigger.ON_STRATEGY_APPROVAL)


@dataclass(frozen=True)
class Schedule:
    """When a template is due. `anchor` is when its event happened (None: not yet), for templates that wait for one."""

    trigger: str
    periodicity: str
    zone: str
    cron_expression: str | None = None
    anchor: datetime | None = None


@dataclass(frozen=True)
class Due:
    """The slot a task is to appear for, and how many earlier ones were missed and are left out (MOST_COUNTED at most)."""

    slot: datetime
    left_out: int


def latest_due(schedule: Schedule, *, after: datetime, at: datetime) -> Due | None:
    """The latest slot later than `after` and not later than `at`; of a task that comes once, its first one."""
    if schedule.trigger == Trigger.CRON and schedule.periodicity == Periodicity.ONE_TIME:
        first = next_slot(schedule, at=after)
        return Due(first, 0) if first is not None and first <= at else None
    missed = []
    for slot in _newest_first(schedule, at):
        if slot <= after or len(missed) > MOST_COUNTED:
            break
        if not missed or slot < missed[-1]:  # all times that spring skips are one moment
            missed.append(slot)
    if not missed:
        return None
    return Due(missed[0], min(len(missed) - 1, MOST_COUNTED))


def next_slot(schedule: Schedule, *, at: datetime) -> datetime | None:
    """The first slot later than `at`; None where none is known (by hand, an event to come, or one that was the only one)."""
    if schedule.trigger == Trigger.CRON and schedule.cron_expression:
        wall = at.astimezone(ZoneInfo(schedule.zone)).replace(tzinfo=None)
        slots = (moment_of(each, schedule.zone) for each in _cron(schedule.cron_expression, wall, forward=True))
        return next((slot for slot in islice(slots, SLOTS_LOOKED_AT) if slot > at), None)
    if schedule.anchor is None or schedule.periodicity == Periodicity.ONE_TIME:
        return None
    number = _steps_until(schedule, at)
    slots = (_recurrence(schedule, each) for each in range(max(0, number - 1), number + 3))
    return next((slot for slot in slots if slot > at), None)


def same_slot(schedule: Schedule, slot: datetime, *, zone: str) -> datetime:
    """When this schedule has the slot that was counted in `zone`, where the client lived then: at the same wall time, or
    after as many days, weeks or months since the event. Later than `slot` where the client has moved west.
    """
    if schedule.anchor is None:
        return moment_of(slot.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0), schedule.zone)
    former = replace(schedule, zone=zone)
    numbers = range(_steps_until(former, slot) + 1, -1, -1)
    return next((_recurrence(schedule, number) for number in numbers if _recurrence(former, number) <= slot), slot)


def problem_with(expression: str, periodicity: str) -> str:
    """What is wrong with a cron expression, as a sentence for the person who typed it; '' if nothing is.

    Five fields of digits, `*`, `/`, `,` and `-`; fifteen minutes between two slots at least; and no more than one slot in
    each week, month, quarter or year of a task that is to recur only so often.
    """
    if len(expression) > LONGEST or not FIVE_FIELDS.fullmatch(expression):
        return "Write five fields of digits and * / , - with one space between: minute, hour, day, month, weekday."
    try:
        fields = croniter.expand(expression)[0]
    except (CroniterError, ValueError, IndexError, KeyError):
        return "This is no cron expression: a field is out of its range."
    if any("*" in field and len(field) > 1 for field in fields):
        return "A * in a list means every one already: write it alone."
    minutes = _values(fields[0], 60)
    times = sorted(60 * hour + minute for hour in _values(fields[1], 24) for minute in minutes)
    gaps = [later - earlier for earlier, later in zip(times, [*times[1:], times[0] + DAY_MINUTES], strict=True)]
    if min(gaps) < MINUTES_APART:
        return f"A task may come every {MINUTES_APART} minutes at most."
    days = list(islice(_cron(expression, datetime(2024, 1, 1), forward=True), SLOTS_LOOKED_AT))
    if not days:
        return "This never comes: no such day exists."
    spans = [_span(day.date(), periodicity) for day in days]
    if any(earlier == later for earlier, later in zip(spans, spans[1:], strict=False)):
        return f"This comes more often than a task that recurs “{Periodicity(periodicity).label.lower()}”."
    return ""


def moment_of(wall: datetime, zone: str) -> datetime:
    """The moment at which the clocks of the zone show this wall time, in UTC."""
    local = wall.replace(tzinfo=ZoneInfo(zone))
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    before, after = second, first  # skipped by the clocks, which jump between the two readings
    old = before.astimezone(local.tzinfo).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(local.tzinfo).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _newest_first(schedule: Schedule, at: datetime) -> Iterator[datetime]:
    """All slots up to `at`, the latest first."""
    if schedule.trigger == Trigger.CRON and schedule.cron_expression:
        latest = _latest_of_cron(schedule.cron_expression, schedule.zone, at.replace(second=0, microsecond=0))
        if latest is None:
            return
        yield latest[1]
        for wall in _cron(schedule.cron_expression, latest[0], forward=False):
            yield moment_of(wall, schedule.zone)
    elif schedule.trigger in EVENTS and schedule.anchor is not None:
        if schedule.periodicity == Periodicity.ONE_TIME:
            numbers: range = range(1)
        else:
            numbers = range(_steps_until(schedule, at) + 1, -1, -1)
        for number in numbers:
            if (slot := _recurrence(schedule, number)) <= at:
                yield slot


@lru_cache(maxsize=4_096)  # one round of the schedule asks the same for every client of a zone
def _latest_of_cron(expression: str, zone: str, at: datetime) -> tuple[datetime, datetime] | None:
    """(wall time, moment) of the latest slot up to this minute."""
    local = at.astimezone(ZoneInfo(zone))
    wall = local.replace(tzinfo=None, fold=0)
    if local.fold:  # the clocks show this hour again: all of it has had its slots
        wall += (local.replace(fold=0).utcoffset() or timedelta()) - (local.utcoffset() or timedelta())
    for slot in _cron(expression, wall + timedelta(minutes=1), forward=False):
        if (moment := moment_of(slot, zone)) <= at:
            return slot, moment
    return None


def _cron(expression: str, wall: datetime, *, forward: bool) -> Iterator[datetime]:
    """Wall times of the expression after (or before) this one; ends where nine years hold none."""
    times = croniter(expression, wall, ret_type=datetime, max_years_between_matches=YEARS_AHEAD)
    while True:
        try:
            yield times.get_next() if forward else times.get_prev()
        except CroniterBadDateError:
            return


def _values(field: list, count: int) -> list[int]:
    return list(range(count)) if field == ["*"] else [int(value) for value in field]


def _span(day: date, periodicity: str) -> object:
    """The week, month, quarter or year of a day; of what may come more often, something that never repeats."""
    match periodicity:
        case Periodicity.WEEKLY:
            return day.isocalendar()[:2]
        case Periodicity.MONTHLY:
            return day.year, day.month
        case Periodicity.QUARTERLY:
            return day.year, (day.month - 1) // 3
        case Periodicity.YEARLY:
            return day.year
    return object()


def _recurrence(schedule: Schedule, number: int) -> datetime:
    """The moment so many days, weeks, months, quarters or years after the event, at the same time of day.

    Counted from the event each time: what began on the 31st is on the last day of shorter months and on the 31st again.
    """
    assert schedule.anchor is not None
    began = schedule.anchor.replace(microsecond=0)
    if schedule.anchor.microsecond:  # the next whole second: the one it happened in began before it
        began += timedelta(seconds=1)
    if number == 0:
        return began
    wall = began.astimezone(ZoneInfo(schedule.zone)).replace(tzinfo=None, fold=0)
    if months := MONTHS.get(Periodicity(schedule.periodicity)):
        day = months_after(wall.date(), months * number)
    else:
        day = wall.date() + timedelta(days=DAYS[Periodicity(schedule.periodicity)] * number)
    return moment_of(datetime.combine(day, wall.time()), schedule.zone)


def _steps_until(schedule: Schedule, at: datetime) -> int:
    """About how many recurrences lie between the event and `at`; one more or less."""
    assert schedule.anchor is not None
    if months := MONTHS.get(Periodicity(schedule.periodicity)):
        passed = 12 * (at.year - schedule.anchor.year) + at.month - schedule.anchor.month
        return max(0, passed // months)
    return max(0, (at - schedule.anchor).days // DAYS[Periodicity(schedule.periodicity)])

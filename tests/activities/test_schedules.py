"""When recurring tasks are due: by the client's clock, across both changes of the clocks, month ends and leap days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.activities.schedules import Due, Schedule, latest_due, next_slot, problem_with

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NEW_YORK = "America/New_York"  # to summer time on 9 March 2025 at 02:00, back on 2 November 2025 at 02:00


def cron(expression: str, *, zone: str = NEW_YORK, periodicity: str = "daily") -> Schedule:
    return Schedule("cron", periodicity, zone, cron_expression=expression)


def since(anchor: datetime, periodicity: str, *, zone: str = "UTC") -> Schedule:
    return Schedule("on_onboarding", periodicity, zone, anchor=anchor)


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


def beaten(schedule: Schedule, begin: datetime, end: datetime, every: timedelta) -> list[Due]:
    """What a beat that looks so often finds, each slot only once it is later than the one before."""
    found, after, at = [], begin, begin
    while at <= end:
        due = latest_due(schedule, after=after, at=at)
        if due:
            found.append(due)
            after = due.slot
        at += every
    return found


@pytest.mark.parametrize(
    ("begin", "end"),
    [(utc(2025, 3, 6), utc(2025, 3, 12)), (utc(2025, 10, 30), utc(2025, 11, 5))],
    ids=["spring", "autumn"],
)
@pytest.mark.parametrize("zone", [NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata"])
def test_every_quarter_of_an_hour_has_its_slot_once_over_both_changes_of_the_clocks(zone, begin, end):
    found = beaten(cron("*/15 * * * *", zone=zone), begin, end, timedelta(minutes=7))

    quarters = (begin + timedelta(minutes=15 * number) for number in range(1, 4 * 24 * 6))
    assert [due.slot for due in found] == [at for at in quarters if not at.astimezone(ZoneInfo(zone)).fold]
    assert {due.left_out for due in found} == {0}


def test_a_time_that_the_clocks_skip_is_the_moment_they_jump():
    schedule = cron("30 2 * * *")

    assert latest_due(schedule, after=utc(2025, 3, 9), at=utc(2025, 3, 9, 6, 59)) is None
    assert latest_due(schedule, after=utc(2025, 3, 9), at=utc(2025, 3, 9, 7)) == Due(utc(2025, 3, 9, 7), 0)
    assert next_slot(schedule, at=utc(2025, 3, 9)) == utc(2025, 3, 9, 7)


def test_a_time_that_the_clocks_show_twice_is_the_first_of_the_two():
    schedule = cron("30 1 * * *")

    for at in (utc(2025, 11, 2, 5, 30), utc(2025, 11, 2, 6, 10), utc(2025, 11, 2, 6, 30), utc(2025, 11, 3, 6, 29)):
        assert latest_due(schedule, after=utc(2025, 11, 2), at=at) == Due(utc(2025, 11, 2, 5, 30), 0)
    assert next_slot(schedule, at=utc(2025, 11, 2, 5, 30)) == utc(2025, 11, 3, 6, 30)


def test_a_schedule_keeps_its_time_of_day_in_summer_and_in_winter():
    found = beaten(cron("0 9 * * *"), utc(2025, 1, 1), utc(2026, 1, 1), timedelta(hours=5))

    assert len(found) == 365
    assert {due.slot.astimezone(ZoneInfo(NEW_YORK)).hour for due in found} == {9}


def test_the_31st_comes_seven_times_a_year_and_29_february_in_leap_years_only():
    ends = beaten(cron("0 9 31 * *", zone="UTC"), utc(2025, 1, 1), utc(2026, 1, 1), timedelta(hours=20))
    leaps = beaten(cron("0 9 29 2 *", zone="UTC"), utc(2023, 1, 1), utc(2033, 1, 1), timedelta(days=20))

    assert [due.slot.month for due in ends] == [1, 3, 5, 7, 8, 10, 12]
    assert [due.slot.date().isoformat() for due in leaps] == ["2024-02-29", "2028-02-29", "2032-02-29"]


@pytest.mark.parametrize(
    ("anchor", "periodicity", "days"),
    [
        (utc(2025, 1, 31, 10), "monthly", ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]),
        (utc(2023, 11, 30, 10), "quarterly", ["2023-11-30", "2024-02-29", "2024-05-30", "2024-08-30"]),
        (utc(2024, 2, 29, 10), "yearly", ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        (utc(2025, 2, 24, 10), "weekly", ["2025-02-24", "2025-03-03", "2025-03-10"]),
        (utc(2025, 2, 27, 10), "daily", ["2025-02-27", "2025-02-28", "2025-03-01"]),
        (utc(2025, 2, 27, 10), "one_time", ["2025-02-27"]),
    ],
)
def test_what_begins_with_an_event_recurs_at_its_time_and_on_the_last_day_of_shorter_months(anchor, periodicity, days):
    schedule = since(anchor, periodicity)
    end = datetime.fromisoformat(days[-1]).replace(hour=23, tzinfo=UTC)

    found = beaten(schedule, anchor - timedelta(hours=1), end, timedelta(hours=6))

    assert [due.slot.date().isoformat() for due in found] == days
    assert {(due.slot.hour, due.left_out) for due in found} == {(10, 0)}
    later = [schedule and next_slot(schedule, at=due.slot) for due in found[:-1]]
    assert later == [due.slot for due in found[1:]]


def test_an_event_recurs_by_the_clients_clock():
    schedule = since(utc(2025, 3, 1, 14), "weekly", zone=NEW_YORK)  # nine o'clock there

    slots = [due.slot for due in beaten(schedule, utc(2025, 3, 1), utc(2025, 3, 16), timedelta(hours=1))]

    assert slots == [utc(2025, 3, 1, 14), utc(2025, 3, 8, 14), utc(2025, 3, 15, 13)]


def test_nothing_is_due_before_the_event_or_by_hand():
    assert latest_due(Schedule("on_onboarding", "monthly", "UTC"), after=LONG_AGO, at=utc(2030, 1, 1)) is None
    assert latest_due(Schedule("manual", "yearly", "UTC"), after=LONG_AGO, at=utc(2030, 1, 1)) is None
    assert next_slot(Schedule("manual", "yearly", "UTC"), at=LONG_AGO) is None


def test_of_missed_slots_the_latest_is_due_and_the_others_are_counted():
    schedule = cron("0 9 * * *", zone="UTC")

    assert latest_due(schedule, after=utc(2025, 5, 1, 9), at=utc(2025, 5, 6, 8)) == Due(utc(2025, 5, 5, 9), 3)
    assert latest_due(schedule, after=LONG_AGO, at=utc(2025, 5, 6, 8)) == Due(utc(2025, 5, 5, 9), 100)


def test_of_a_schedule_that_comes_once_the_first_slot_is_due():
    schedule = cron("*/15 * * * *", zone="UTC", periodicity="one_time")

    assert latest_due(schedule, after=utc(2025, 5, 1), at=utc(2025, 6, 1)) == Due(utc(2025, 5, 1, 0, 15), 0)


@pytest.mark.parametrize(
    ("expression", "periodicity"),
    [
        ("0 9 5 * *", "monthly"),
        ("0 7 10 1,4,7,10 *", "quarterly"),
        ("0 9 * * 1-5", "daily"),
        ("*/15 * * * *", "daily"),
        ("0 9 29 2 *", "yearly"),
        ("0 9 * * 7", "weekly"),
        ("0 9 24 12 *", "one_time"),
    ],
)
def test_a_schedule_of_five_plain_fields_is_taken(expression, periodicity):
    assert problem_with(expression, periodicity) == ""


HOSTILE = {
    "* * * * *": "every 15 minutes at most",
    "*/14 * * * *": "every 15 minutes at most",
    "0,50 * * * *": "every 15 minutes at most",
    "5,55 0,23 * * *": "every 15 minutes at most",
    "0 0 30 2 *": "never comes",
    "0 0 31 4,6,9,11 *": "never comes",
    "60 * * * *": "out of its range",
    "*/0 * * * *": "out of its range",
    "0 9 * * 8": "out of its range",
    "1-99999999999999999999 * * * *": "out of its range",
    "- - - - -": "out of its range",
    "5,* * * * *": "write it alone",
    "*/15,* * * * *": "write it alone",
    "0 *,3 * * *": "write it alone",
    "0 9 1,* * *": "write it alone",
    "@daily": "five fields",
    "R R * * *": "five fields",
    "H(0-59)/15 * * * *": "five fields",
    "0 9 l * *": "five fields",
    "0 9 * * 1 0": "five fields",
    "0 9 * *": "five fields",
    "0  9 * * *": "five fields",
    "0 9 * * *\n": "five fields",
    "0\u00a09 * * *": "five fields",
    "\u0661 9 * * *": "five fields",
    "0 9 * * 1'; DROP TABLE activities": "five fields",
    f"{','.join(['1'] * 60)} * * * *": "five fields",
    "": "five fields",
}


@pytest.mark.parametrize(("expression", "why"), list(HOSTILE.items()))
def test_an_absurd_schedule_is_refused_with_a_sentence(expression, why):
    assert why in problem_with(expression, "daily")


@pytest.mark.parametrize("expression", ["0 9 * * *", "0 9 1,8 * *", "0 9 13 * 5"])
def test_a_schedule_does_not_come_more_often_than_the_task_recurs(expression):
    assert "more often" in problem_with(expression, "monthly")


def test_an_event_within_the_second_in_which_its_client_was_opened_is_not_lost():
    opened = datetime(2026, 5, 6, 9, 0, 0, 400_000, tzinfo=UTC)
    event = opened + timedelta(milliseconds=300)
    schedule = Schedule("on_onboarding", "one_time", "Asia/Kolkata", anchor=event)

    due = latest_due(schedule, after=opened, at=event + timedelta(seconds=5))

    assert due is not None and due.slot == datetime(2026, 5, 6, 9, 0, 1, tzinfo=UTC)

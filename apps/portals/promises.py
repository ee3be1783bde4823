"""What people read about a promise: how it will end, and who holds up what is missing."""

from dataclasses import dataclass
from datetime import date

from django.urls import reverse

from apps.activities.bodies import role_in_words
from apps.activities.forecasting import Blocker, Forecast
from apps.activities.statuses import HeldUpBy


@dataclass(frozen=True)
class Said:
    """A sentence without its full stop, and where it leads; '' where it leads nowhere."""

    text: str
    href: str = ""


def outcome(forecast: Forecast, *, last_day: date) -> str:
    """How a promise will end, in a sentence; '' for one that is closed or of nothing."""
    if not forecast.blockers:
        return ""
    if forecast.is_on_course and forecast.expected_on:
        return f"All {forecast.target_count} expected by {_day(forecast.expected_on)}"
    expected = f"{forecast.expected_count} of {forecast.target_count} expected by {_day(last_day)}"
    return f"{expected}, all by {_day(forecast.expected_on)}" if forecast.expected_on else expected


def for_staff(forecast: Forecast, slug: str) -> list[Said]:
    """Who holds up how many, each with the step that waits longest."""
    return [
        Said(
            _to_staff(blocker),
            reverse("dm:activities:activity", args=[slug, blocker.activity_ref]) if blocker.activity_ref else "",
        )
        for blocker in forecast.blockers
    ]


def _to_staff(blocker: Blocker) -> str:
    count, role = blocker.units, role_in_words(blocker.name)
    match blocker.who:
        case HeldUpBy.REVIEWER:
            return _wait(count, f"for {blocker.name or 'a reviewer'}")
        case HeldUpBy.CLIENT:
            return _wait(count, f"for the client, {blocker.name}" if blocker.name else "for the client")
        case HeldUpBy.BUDGET:
            return _wait(count, "for money: a spending cap is reached")
        case HeldUpBy.CHANNEL if blocker.is_stuck:
            return f"{count} could not be published" + (f" on {blocker.name}" if blocker.name else "")
        case HeldUpBy.CHANNEL:
            return f"{count} {'is' if count == 1 else 'are'} being published"
        case HeldUpBy.AGENT if blocker.is_off:
            return _wait(
                count, f"for the {role}, which is switched off" if role else "for agents that are switched off"
            )
        case HeldUpBy.AGENT if blocker.is_stuck:
            return f"{count} failed" + (f" at the {role}" if role else "")
        case HeldUpBy.AGENT:
            return f"{count} with the {role or 'agents'}"
    return f"{count} {'has' if count == 1 else 'have'} no work planned"


def for_client(forecast: Forecast) -> list[Said]:
    """The same without names of agents and without money, which are the agency's affair."""
    counts: dict[str, int] = {}
    for blocker in forecast.blockers:
        counts[_turn(blocker)] = counts.get(_turn(blocker), 0) + blocker.units
    return [
        Said(_to_client(turn, count), reverse("app:approvals") if turn == "you" else "")
        for turn, count in sorted(counts.items(), key=lambda item: item[0] != "you")  # first what they can do
    ]


def _turn(blocker: Blocker) -> str:
    if blocker.who == HeldUpBy.CLIENT:
        return "you"
    if blocker.is_stuck or blocker.who == HeldUpBy.REVIEWER:
        return "agency"
    return "publishing" if blocker.who == HeldUpBy.CHANNEL else "work"


def _to_client(turn: str, count: int) -> str:
    match turn:
        case "you":
            return _wait(count, "for you")
        case "agency":
            return _wait(count, "for your agency")
        case "publishing":
            return f"{count} {'is' if count == 1 else 'are'} being published"
    return f"{count} in the works"


def _wait(count: int, on: str) -> str:
    return f"{count} {'waits' if count == 1 else 'wait'} {on}"


def _day(day: date) -> str:
    return f"{day:%-d %B}"

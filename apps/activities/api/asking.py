"""What a request for ad-hoc work may say."""

from rest_framework import serializers

from apps.strategy import queries as strategies
from apps.strategy.models import Goal
from apps.strategy.statuses import DeliverableType
from apps.tenants.doors.strict import Choice, Day, Input, Line, Text, Word

from ..operations import WantedWork
from ..operations.asking import PLATFORMS, TITLE_LENGTH, WISH_LENGTH
from .skills import Words

MOST_PLATFORMS = 10


class NewWork(Input):
    """One piece beside what is promised: it counts for no promise, and passes the same gates."""

    deliverable_type = Choice(DeliverableType.choices, component="DeliverableTypeEnum")
    title = Line(max_length=TITLE_LENGTH, help_text="What to call it.")
    wish = Text(max_length=WISH_LENGTH, help_text="What it should be about, in your own words; agents read it.")
    platforms = Words(
        child=Text(max_length=100),
        max_length=MOST_PLATFORMS,
        required=False,
        help_text="Where it goes: "
        + "; ".join(f"{kind}: {', '.join(names)}" for kind, names in PLATFORMS.items())
        + ". None: wherever the client is.",
    )
    wanted_by = Day(required=False, allow_null=True, help_text="A day of the client's calendar, from today on.")
    goal = Word(
        max_length=26,
        required=False,
        allow_null=True,
        help_text="The `ref_id` of a goal of the active strategy, to which cost and memory then belong.",
    )

    def validate_goal(self, ref_id: str | None) -> Goal | None:
        if ref_id is None:
            return None
        goal = next((goal for goal in strategies.active_goals() if goal.ref_id == ref_id), None)
        if goal is None:
            raise serializers.ValidationError("The active strategy has no such goal.")
        return goal


def wanted_of(values: dict) -> WantedWork:
    """What the operation takes."""
    return WantedWork(**{**values, "platforms": tuple(values.get("platforms", ()))})

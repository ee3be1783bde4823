"""What the agents of reports hand in. Shapes and rules of the base are those of `apps.strategy.bodies`."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from apps.strategy.bodies import Line, RoleOutput, Text, heading_levels

Value = Annotated[Decimal, Field(strict=False, max_digits=12, decimal_places=2)]  # strict: JSON has no decimals
Point = Annotated[Text, Field(max_length=1_000)]


class GoalUpdate(RoleOutput):
    """Where a goal stands: the collected figure that shows it, by its key, and that figure's value."""

    goal: Annotated[str, Field(pattern=r"^[0-9A-Z]{26}$")]
    figure: Annotated[Line, Field(max_length=100)]
    value: Value
    evidence: Point


class Analysis(RoleOutput):
    """data_analyst: what the collected figures say. `findings` answers a task that asks for something in particular."""

    goal_updates: Annotated[list[GoalUpdate], Field(max_length=20)]
    strengths: Annotated[list[Point], Field(max_length=10)]
    weaknesses: Annotated[list[Point], Field(max_length=10)]
    opportunities: Annotated[list[Point], Field(max_length=10)]
    recommendations: Annotated[list[Point], Field(max_length=10)]
    findings: Annotated[list[Point], Field(max_length=30)]

    @model_validator(mode="after")
    def updates_a_goal_once(self) -> Self:
        goals = [update.goal for update in self.goal_updates]
        if len(set(goals)) != len(goals):
            raise ValueError("goalUpdates names a goal twice.")
        return self


class Report(RoleOutput):
    """report_writer: what the client reads about a period. Figures and goals are set below it by the product."""

    title: Annotated[Line, Field(max_length=200)]
    executive_summary: Annotated[Text, Field(min_length=50, max_length=3_000)]
    highlights: Annotated[list[Point], Field(min_length=1, max_length=8)]
    sections_markdown: Annotated[Text, Field(min_length=100, max_length=20_000)]
    next_month: Annotated[list[Point], Field(min_length=1, max_length=8)]

    @model_validator(mode="after")
    def leaves_the_title_to_the_page(self) -> Self:
        if 1 in heading_levels(self.sections_markdown):
            raise ValueError("sectionsMarkdown must not hold a first-level heading: the title stands apart.")
        return self

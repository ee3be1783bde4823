"""Who else the client's customers choose between: a recurring look at the list, and a step of onboarding."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from apps.strategy.bodies import Line, RoleOutput, Text

from . import material
from .models import Activity
from .prompting import DataBlock
from .queries import output_of


class Competitor(RoleOutput):
    """`url` is an address of the material, or ''. `standing`: known and still one, missing on the list, or none any more."""

    name: Annotated[Line, Field(max_length=255)]
    url: Annotated[str, Field(max_length=500, pattern=r"^(https?://[^\x00-\x20\x7f]+)?$")]
    standing: Literal["known", "new", "gone"]
    positioning: Annotated[Text, Field(max_length=2_000)]
    channels: Annotated[list[Line], Field(max_length=15)]
    strengths: Annotated[list[Line], Field(max_length=10)]
    gaps: Annotated[list[Line], Field(max_length=10)]


class CompetitorResearch(RoleOutput):
    """competitor_researcher: the list as it should be, and where the client can be better than all of them."""

    competitors: Annotated[list[Competitor], Field(max_length=20)]
    opportunities: Annotated[list[Line], Field(max_length=15)]

    @model_validator(mode="after")
    def names_each_once(self) -> Self:
        if len({one.name.casefold() for one in self.competitors}) < len(self.competitors):
            raise ValueError("competitors: no name may occur twice.")
        return self


def gather_for_task(activity: Activity) -> list[DataBlock]:
    """The known competitors are among the values of the task."""
    return [material.context(), *material.previous(activity)]


def gather_in_unit(activity: Activity) -> list[DataBlock]:
    """In onboarding there is no context file yet, but the research before it."""
    research = DataBlock("research", output_of(activity.unit, "research"))
    return [material.context(), research, *material.previous(activity)]


def title(output: CompetitorResearch) -> str:
    number = sum(one.standing != "gone" for one in output.competitors)
    return f"{number} competitor{'' if number == 1 else 's'}"

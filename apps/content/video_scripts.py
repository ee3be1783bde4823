"""Scripts for videos: what their agents are told and hand in. A script is its text alone, so people decide on the answer."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from apps.activities import material
from apps.activities.models import Activity
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of, outputs_of_period
from apps.strategy.bodies import Line, RoleOutput, Text

from .bodies import Hashtag

SHORTEST, LONGEST = 6, 600  # seconds of a video


class VideoIdea(RoleOutput):
    """social_calendar_planner: one video, settled before its script is written."""

    title: Annotated[Line, Field(max_length=150)]
    angle: Annotated[Text, Field(max_length=2_000)]
    target_audience: Annotated[Text, Field(max_length=1_000)]
    platform: Literal["instagram", "tiktok", "facebook", "linkedin", "x_twitter", "website"]
    length_seconds: Annotated[int, Field(ge=SHORTEST, le=LONGEST)]
    needs: Annotated[list[Line], Field(max_length=15)]


class Scene(RoleOutput):
    """What is seen and heard for so many seconds; `voice` and `caption` are null where nobody speaks or nothing is written."""

    seconds: Annotated[int, Field(ge=1, le=120)]
    visual: Annotated[Text, Field(max_length=1_000)]
    voice: Annotated[Text, Field(max_length=1_000)] | None
    caption: Annotated[Line, Field(max_length=150)] | None


class VideoScript(RoleOutput):
    """video_script_writer: the whole script, ready to be filmed."""

    title: Annotated[Line, Field(max_length=150)]
    hook: Annotated[Text, Field(max_length=500)]
    scenes: Annotated[list[Scene], Field(min_length=1, max_length=60)]
    cta: Annotated[Line, Field(max_length=200)]
    hashtags: Annotated[list[Hashtag], Field(max_length=10)]

    @model_validator(mode="after")
    def is_no_film(self) -> Self:
        seconds = sum(scene.seconds for scene in self.scenes)
        if not SHORTEST <= seconds <= LONGEST:
            raise ValueError(f"The scenes take {seconds} seconds together; {SHORTEST} to {LONGEST} are allowed.")
        return self


def title_of_idea(idea: VideoIdea) -> str:
    return idea.title


def title_of_script(script: VideoScript) -> str:
    return script.title


def gather_idea(activity: Activity) -> list[DataBlock]:
    """Besides the promise: the other ideas of the period."""
    others = outputs_of_period(activity)
    ideas = "\n".join(f"- {title}" for title in others)
    return [
        material.context(),
        *material.promise(activity),
        DataBlock("other_ideas", ideas or "None yet."),
        *material.previous(activity),
    ]


def gather_script(activity: Activity) -> list[DataBlock]:
    return [
        material.context(),
        DataBlock("idea", output_of(activity.unit, "idea")),
        *material.previous(activity),
    ]

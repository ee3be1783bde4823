"""Answers to reviews: drafted by an agent, released by a person, one task for each."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from apps.shared.actors import Actor
from apps.strategy.bodies import Line, RoleOutput, Text

from . import material, operations
from .models import Activity
from .prompting import DataBlock
from .registry import Kept

GOOGLE_ANSWER = 4_096  # characters: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews/updateReply


class ReviewAnswer(RoleOutput):
    """`review` is the beginning of the review as it was written, so that a person finds it; `stars` null if not told."""

    review: Annotated[Text, Field(max_length=500)]
    reviewer: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
    stars: Annotated[int, Field(ge=1, le=5)] | None
    answer: Annotated[Text, Field(max_length=GOOGLE_ANSWER)]


class Escalation(RoleOutput):
    review: Annotated[Text, Field(max_length=500)]
    summary: Annotated[Text, Field(max_length=1_000)]
    reason: Line


class ReviewAnswers(RoleOutput):
    """review_response_writer: a draft for each new review, or why a person has to look at it first."""

    responses: Annotated[list[ReviewAnswer], Field(max_length=50)]
    escalations: Annotated[list[Escalation], Field(max_length=50)]


def gather(activity: Activity) -> list[DataBlock]:
    """The reviews themselves, the tone and who takes complaints are among the values of the task."""
    return [material.context()]


def receive(output: ReviewAnswers, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """A person's task for each draft and for each complaint; nothing is answered by itself."""
    how = {"tenant_id": activity.tenant_id, "by": by, "at": at, "about": {"drafted": activity.ref_id}}
    for number, one in enumerate(output.escalations, 1):
        operations.raise_task(
            title=f"A review needs a person: {one.reason}"[:200],
            note=f"{one.summary}\n\nThe review: “{one.review}”",
            origin=f"review:{activity.ref_id}/complaint-{number}",
            **how,
        )
    for number, one in enumerate(output.responses, 1):
        stars = f", {one.stars} of 5 stars" if one.stars else ""
        operations.raise_task(
            title=f"Answer the review of {one.reviewer or 'a customer'}{stars}"[:200],
            note=f"The review: “{one.review}”\n\nThe draft of the answer:\n\n{one.answer}",
            origin=f"review:{activity.ref_id}/answer-{number}",
            **how,
        )

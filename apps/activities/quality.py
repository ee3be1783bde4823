"""The agent that reads a text before a person does. It advises: nothing it says approves, rejects or changes anything."""

import json
from typing import Annotated, Literal

from pydantic import Field

from apps import storage
from apps.shared.errors import OperationRefused
from apps.strategy.bodies import Line, RoleOutput, Text

from .models import Activity
from .operations import context_files, gates, steps
from .prompting import DataBlock
from .registry import Kept


class NothingToRead(OperationRefused):
    """No step before this one has handed in a text. Correct the pipeline: the check comes after the step that writes."""

    code = "nothing_to_read"


class QualityFinding(RoleOutput):
    """`quote` is taken from the text, word for word; empty where something is missing."""

    severity: Literal["serious", "minor"]
    concern: Literal["brief", "facts", "voice", "structure", "language"]
    problem: Annotated[Line, Field(max_length=300)]
    quote: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    suggestion: Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class QualityReview(RoleOutput):
    """quality_checker: what a person should look at; an empty list is a good sign, no decision."""

    summary: Annotated[Text, Field(max_length=600)]
    findings: Annotated[list[QualityFinding], Field(max_length=12)]


def gather_draft(activity: Activity) -> list[DataBlock]:
    """The text before this step, the brief it was written from, and who the client is. Raises NothingToRead."""
    draft = gates.body_behind(activity)
    if not draft["ref"]:
        raise NothingToRead
    brief = gates.brief_behind(activity)
    return [
        DataBlock("context_file", context_files.approved()),
        DataBlock("brief", storage.read_one(storage.ActivityOutput, brief).text if brief else ""),
        DataBlock("draft", storage.read_one(storage.ActivityOutput, draft["ref"]).text),
    ]


def review_as_text(review: QualityReview) -> tuple[str, str]:
    return json.dumps(review.model_dump(mode="json"), ensure_ascii=False, indent=2), "application/json"


def receive_review(review: QualityReview, *, activity: Activity, kept: Kept, by, at) -> None:
    """The findings stay with this step, with the digest of the version that was read, and show at the next gate."""
    advice = {
        "read": gates.body_behind(activity).get("sha256", ""),
        "role": activity.assignee_agent_role,
        "summary": review.summary,
        "findings": [finding.model_dump(mode="json") for finding in review.findings],
    }
    steps.keep_outcome(activity, advice=advice)

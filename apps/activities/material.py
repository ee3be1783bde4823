"""What most agents are told alike: the promise they work for, its goals, and what was handed in before."""

import json
from datetime import datetime

from pydantic import BaseModel

from apps import storage
from apps.shared.actors import Actor
from apps.strategy import queries as strategy_queries
from apps.strategy.models import Goal

from .models import Activity
from .operations import context_files
from .prompting import DataBlock
from .registry import Kept


def as_json(output: BaseModel) -> tuple[str, str]:
    return json.dumps(output.model_dump(mode="json"), ensure_ascii=False, indent=2), "application/json"


def context() -> DataBlock:
    return DataBlock("context_file", context_files.approved())


def promise(activity: Activity) -> list[DataBlock]:
    deliverable = activity.deliverable
    if deliverable is None:
        return [DataBlock("goals", _told(activity.goal))] if activity.goal else []
    goals = "\n".join(map(_told, strategy_queries.goals_of(deliverable.strategy)))
    told = f"{deliverable.name}: {deliverable.quantity_per_period} per {deliverable.period} period, for {', '.join(deliverable.platforms)}"
    return [DataBlock("deliverable", told), DataBlock("goals", goals)]


def _told(goal: Goal) -> str:
    return f"- {goal.name}: {goal.metric} from {goal.baseline_value} to {goal.target_value}"


def wish(activity: Activity) -> list[DataBlock]:
    """What a person asked for, where the work belongs to no promise: in their words, and so as data."""
    if activity.asked is None:
        return []
    told = {name: value for name, value in activity.asked.items() if name != "type"}
    return [DataBlock("wish", json.dumps(told, ensure_ascii=False, indent=2))]


def previous(activity: Activity) -> list[DataBlock]:
    """What was handed in before, when a person asked for a change."""
    if not activity.revision_note or not activity.output_ref:
        return []
    return [DataBlock("previous_draft", storage.read_one(storage.ActivityOutput, activity.output_ref).text)]


def changes_no_row(output: BaseModel, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """The answer itself is all that this work leaves: later steps read it, and people decide on it."""

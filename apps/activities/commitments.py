"""Goals and monthly commitments from a strategy, as a proposal: people decide on it, nothing is promised by it."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from apps.channels.models import Channel
from apps.channels.statuses import ChannelStatus
from apps.strategy import queries as strategy_queries
from apps.strategy.bodies import DeliverableType, Figure, Line, Platform, RoleOutput

from . import material
from .models import Activity, ActivityTemplate
from .prompting import DataBlock
from .statuses import SubjectType

# Where each kind of work can appear at all; kinds that are not here need no platform.
POSSIBLE: dict[str, frozenset[str]] = {
    "blog_posts": frozenset({"wordpress", "webflow"}),
    "landing_pages": frozenset({"wordpress", "webflow"}),
    "gbp_posts": frozenset({"google_business_profile"}),
    "ad_copy_sets": frozenset({"google_ads", "meta_ads"}),
    "email_newsletters": frozenset({"mailchimp", "klaviyo"}),
    "social_posts": frozenset({"linkedin", "facebook", "instagram", "x_twitter", "tiktok"}),
}


class PlannedGoal(RoleOutput):
    name: Annotated[Line, Field(max_length=255)]
    metric: Annotated[Line, Field(max_length=100)]
    baseline: Figure
    target: Figure
    period: Literal["monthly", "quarterly", "annual"]
    target_date: Annotated[date, Field(strict=False)]


class Commitment(RoleOutput):
    """`goal_index` counts the plan's goals from 0."""

    type: DeliverableType
    quantity: Annotated[int, Field(ge=1, le=200)]
    period: Literal["monthly", "quarterly"]
    platforms: Annotated[list[Platform], Field(max_length=14)]
    goal_index: Annotated[int, Field(ge=0)]


class DeliverablePlan(RoleOutput):
    """deliverable_planner: what to reach by when, and what to deliver for it in each period."""

    goals: Annotated[list[PlannedGoal], Field(min_length=1, max_length=10)]
    deliverables: Annotated[list[Commitment], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def can_be_kept(self) -> Self:
        seen = set()
        for one in self.deliverables:
            if one.goal_index >= len(self.goals):
                raise ValueError(f"goalIndex {one.goal_index} is not one of 0 to {len(self.goals) - 1}.")
            elsewhere = set(one.platforms) - POSSIBLE.get(one.type, set(one.platforms))
            if elsewhere:
                raise ValueError(f"{one.type} cannot appear on {sorted(elsewhere)[0]}.")
            place = (one.type, one.period, frozenset(one.platforms))
            if place in seen:
                raise ValueError(f"{one.type} is promised twice for the same platforms: name one quantity.")
            seen.add(place)
        return self


def gather(activity: Activity) -> list[DataBlock]:
    """The strategy the step is about, else the active one; what can be made, and where it can appear."""
    if activity.subject_type == SubjectType.STRATEGY:
        strategy = strategy_queries.strategy_of(activity.subject_ref)
    else:
        strategy = strategy_queries.active_strategy()
    blocks = [material.context()]
    if strategy is not None:
        goals = "\n".join(
            f"- {g.name}: {g.metric} from {g.baseline_value} to {g.target_value}, {g.period}"
            for g in strategy_queries.goals_of(strategy)
        )
        promised = "\n".join(
            f"- {d.type}: {d.quantity_per_period} {d.period}, on {', '.join(d.platforms) or 'no platform'}"
            for d in strategy_queries.deliverables_of(strategy)
        )
        blocks += [
            DataBlock("strategy", f"{strategy.summary}\n\n{strategy.rationale}"),
            DataBlock("goals", goals),
            DataBlock("promised_so_far", promised or "Nothing."),
        ]
    connected = Channel.objects.filter(status=ChannelStatus.CONNECTED).order_by("ref_id")
    made = ActivityTemplate.objects.filter(tenant_id=activity.tenant_id, is_active=True).order_by("ref_id")
    blocks += [
        DataBlock("channels", "\n".join(f"- {c.platform}: {c.name}" for c in connected) or "None is connected yet."),
        DataBlock("pipelines", "\n".join(f"- {one.deliverable_type}: {one.name}" for one in made)),
    ]
    return blocks + material.previous(activity)

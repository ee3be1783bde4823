"""Work that an agent is given outside any pipeline and any schedule."""

from datetime import datetime
from typing import Any

from apps.shared.actors import Actor

from ..bodies import TemplateStep
from ..models import Activity
from ..queries import day_of
from ..statuses import ActivityType, AssigneeType
from .pipelines import make_once
from .recurring import zone_of


def give_task(
    *,
    tenant_id,
    role: str,
    title: str,
    instruction: str,
    origin: str,
    about: dict[str, Any],
    by: Actor,
    at: datetime,
) -> Activity | None:
    """An activity for an agent, ready at once. Once per origin; None when it was given before.

    `about` is what the agent's `gather` finds its material by.
    """
    step = TemplateStep(
        key="agent_task",
        title=title[:200],
        type="other",
        assignee_type="agent",
        agent_role=role,
        prompt_template=instruction,
        due_offset_days=0,
    )
    task = Activity(
        tenant_id=tenant_id,
        title=title[:500],
        type=ActivityType.OTHER,
        assignee_type=AssigneeType.AGENT,
        assignee_agent_role=role,
        origin_key=origin,
        input_data={**about, "step": step.model_dump(mode="json")},
        due_date=day_of(at, zone_of(tenant_id)),
        ready_on=at,
        created_by=by.user,
        created_on=at,
    )
    return make_once(task, "task.given", by=by, at=at)

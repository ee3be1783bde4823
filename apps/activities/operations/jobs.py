"""Long work of a client without a model: how far it is, where it goes on after a stop, and how it notices that it is over."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused

from ..bodies import TemplateStep
from ..models import Activity
from ..statuses import ActivityStatus, ActivityType, AssigneeType
from .pipelines import make_once
from .runs import Claim, LeaseLost, may_go_on

LONGEST_TITLE = 500
UNDER_WAY = (ActivityStatus.CREATED, ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS)

# One statement: the fence is looked at and written past under the locks of activity and lease, in the order in which
# every end of an attempt takes them. Heartbeats and progress are not journalled.
TELL = """
WITH held AS (
  SELECT a.tenant_id, a.id
    FROM activities a
    JOIN activity_leases l ON l.tenant_id = a.tenant_id AND l.activity_id = a.id
   WHERE a.tenant_id = %(tenant)s AND a.id = %(activity)s AND a.status = 'in_progress'
     AND l.attempt = %(attempt)s AND l.expires_on IS NOT NULL
     FOR UPDATE OF a, l)
UPDATE activities SET output_summary = %(summary)s::jsonb
  FROM held WHERE activities.tenant_id = held.tenant_id AND activities.id = held.id
"""


class JobBegun(OperationRefused):
    """This was asked for already. Reload the page."""

    code = "job_begun"


@dataclass
class Job:
    """One attempt at a long job, handed to its function in `config/agents.py`.

    `state` is what the attempt before said last, in JSON; {} at the first. Between two pieces of its work the function
    calls `tell` or `check`, which raise LeaseLost once the job was cancelled or given to another worker; `check` raises
    ClientStopped too, and the job goes on where it was when the client is resumed.
    """

    claim: Claim
    activity: Activity
    by: Actor

    @property
    def state(self) -> dict[str, Any]:
        return self.activity.output_summary.get("state", {})

    def tell(self, sentence: str, *, done: int, total: int = 0, state: dict[str, Any] | None = None) -> None:
        """Show how far the work is, `total` 0 where nobody knows; keep `state`, from which a later attempt goes on."""
        summary = {
            "progress": {"done": done, "total": total, "sentence": sentence},
            "state": self.state if state is None else state,
        }
        told: dict[str, Any] = {
            "tenant": self.claim.tenant_id,
            "activity": self.claim.activity_id,
            "attempt": self.claim.attempt,
            "summary": json.dumps(summary),
        }
        with connection.cursor() as cursor:
            cursor.execute(TELL, told)
            if cursor.rowcount != 1:
                raise LeaseLost
        self.activity.output_summary = summary

    def check(self) -> None:
        """Raise LeaseLost or ClientStopped if this attempt may not go on."""
        may_go_on(self.claim)


def begin_job(
    tenant_id: UUID,
    *,
    role: str,
    title: str,
    origin_key: str,
    journal_code: str,
    input_data: dict[str, Any],
    by: Actor,
    at: datetime,
) -> Activity:
    """A long job that somebody asks for, due at once. Raises JobBegun when there is one with this origin key."""
    step = TemplateStep(
        key=role.removeprefix("system."),
        title=title[:LONGEST_TITLE],
        type="other",
        assignee_type="agent",
        agent_role=role,
        due_offset_days=0,
    )
    job = Activity(
        tenant_id=tenant_id,
        title=title[:LONGEST_TITLE],
        type=ActivityType.OTHER,
        assignee_type=AssigneeType.AGENT,
        assignee_agent_role=role,
        input_data={**input_data, "step": step.model_dump(mode="json")},
        origin_key=origin_key,
        ready_on=at,
        created_by=by.user,
        created_on=at,
    )
    begun = make_once(job, journal_code, by=by, at=at)
    if begun is None:
        raise JobBegun
    return begun


def jobs_of(tenant_id: UUID, role: str) -> QuerySet[Activity]:
    """All there ever were of this kind: the number of the next one follows from them."""
    return Activity.with_deleted.filter(tenant_id=tenant_id, assignee_agent_role=role)


def is_one_under_way(jobs: QuerySet[Activity]) -> bool:
    return jobs.filter(status__in=UNDER_WAY).exists()

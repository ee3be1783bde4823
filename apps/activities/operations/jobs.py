"""Long work of a client without a model: how far it is, where it goes on after a stop, and how it notices that it is over."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.shared.actors import Actor

from ..models import Activity
from .runs import Claim, LeaseLost, holds_lease

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


@dataclass
class Job:
    """One attempt at a long job, handed to its function in `config/agents.py`.

    `state` is what the attempt before said last, in JSON; {} at the first. Between two pieces of its work the function
    calls `tell` or `check`, which raise LeaseLost once the job was cancelled or given to another worker.
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
        """Raise LeaseLost if this attempt may not go on."""
        if not holds_lease(self.claim):
            raise LeaseLost

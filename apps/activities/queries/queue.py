"""The queue over all clients: what is due, what is under way."""

from datetime import datetime

from django.db import connection
from django.db.models.functions import Now

from apps.shared.scoping import every_tenant

from ..bodies import MOST_ATTEMPTS, PUBLISHER
from ..models import Activity
from ..statuses import ActivityStatus, AssigneeType


def has_due_work() -> bool:
    """Whether an agent could claim something now. Outside tenancy, for the sweep."""
    return Activity.objects.filter(
        assignee_type=AssigneeType.AGENT, status=ActivityStatus.ASSIGNED, ready_on__lte=Now()
    ).exists()


# Each open activity lies in exactly one place; a parent in none. A suspended client's work, that of an agent that is
# switched off, and what has used up its attempts wait for the person who could change that.
QUEUE_STATE = """
WITH placed AS (
  SELECT a.ready_on,
         CASE
           WHEN EXISTS (SELECT FROM activities s WHERE s.tenant_id = a.tenant_id AND s.parent_activity_id = a.id) THEN 'unit'
           WHEN a.status = 'created' THEN 'blocked'
           WHEN a.assignee_type = 'human' THEN 'human'
           WHEN a.status = 'in_progress' AND l.expires_on >= statement_timestamp() THEN 'claimed'
           WHEN a.status = 'in_progress' THEN 'expired_leases'
           WHEN a.status <> 'assigned' THEN 'human'
           WHEN a.ready_on > statement_timestamp() THEN 'scheduled'
           WHEN t.status IN ('trialing', 'active') AND coalesce(l.attempt, 0) < %(most)s
            AND (a.assignee_agent_role LIKE 'system.%%' OR a.assignee_agent_role = %(publisher)s
                 OR (c.is_enabled AND c.max_concurrent > 0)) THEN 'due'
           ELSE 'human'
         END AS place
    FROM activities a
    JOIN tenants t ON t.id = a.tenant_id
    LEFT JOIN activity_leases l ON l.tenant_id = a.tenant_id AND l.activity_id = a.id
    LEFT JOIN agent_configs c ON c.tenant_id = a.tenant_id AND c.agent_role = a.assignee_agent_role
   WHERE a.deleted_on IS NULL AND a.status NOT IN ('completed', 'failed', 'cancelled'))
SELECT count(*) FILTER (WHERE place = 'due'),
       count(*) FILTER (WHERE place = 'claimed'),
       count(*) FILTER (WHERE place = 'expired_leases'),
       count(*) FILTER (WHERE place = 'scheduled'),
       count(*) FILTER (WHERE place = 'blocked'),
       count(*) FILTER (WHERE place = 'human'),
       coalesce(extract(epoch FROM statement_timestamp() - min(ready_on) FILTER (WHERE place = 'due')), 0)
  FROM placed
"""

# An attempt whose publish step failed or was cancelled has been handed to a person.
ATTEMPTS_UNDER_WAY = """
SELECT p.status, count(*) FROM publish_attempts p
 WHERE p.status IN ('prepared', 'sent', 'unknown')
   AND EXISTS (SELECT FROM activities a
                WHERE a.tenant_id = p.tenant_id AND a.deleted_on IS NULL AND a.assignee_type = 'agent'
                  AND a.assignee_agent_role = %(publisher)s AND a.status IN ('assigned', 'in_progress')
                  AND a.input_data #>> '{subject,ref}' = p.subject_ref)
 GROUP BY p.status
"""

PENDING_DELIVERIES = """
SELECT count(*) FILTER (WHERE consumer <> 'storage.relay_audit' AND consumer NOT LIKE '%webhook%'),
       count(*) FILTER (WHERE consumer = 'storage.relay_audit'),
       count(*) FILTER (WHERE consumer LIKE '%webhook%')
  FROM journal_deliveries
"""


def queue_state(at: datetime) -> dict:
    """What waits where, over all tenants; `quiescent` when nothing will happen by itself any more."""
    with every_tenant(reason="operators look at the whole queue"), connection.cursor() as cursor:
        cursor.execute(QUEUE_STATE, {"publisher": PUBLISHER, "most": MOST_ATTEMPTS})
        due, claimed, expired, scheduled, blocked, human, oldest = cursor.fetchone()
        cursor.execute(ATTEMPTS_UNDER_WAY, {"publisher": PUBLISHER})
        publish = {"prepared": 0, "sent": 0, "unknown": 0, **dict(cursor.fetchall())}
        cursor.execute("SELECT count(*) FROM spend_reservations WHERE status = 'open'")
        (reservations,) = cursor.fetchone()
        cursor.execute(PENDING_DELIVERIES)
        reactions, relay, webhooks = cursor.fetchone()
    state = {
        "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "due": due,
        "claimed": claimed,
        "expired_leases": expired,
        "scheduled": scheduled,
        "blocked": blocked,
        "human": human,
        "publish": publish,
        "reservations_open": reservations,
        "reactions_pending": reactions,
        "relay_pending": relay,
        "webhooks_pending": webhooks,
        "oldest_due_seconds": int(oldest),
    }
    pending = due + claimed + expired + sum(publish.values()) + reservations + reactions + relay + webhooks
    return {**state, "quiescent": pending == 0}

"""The claim: one statement, by one claimer at a time, that takes a due activity, writes its lease and inserts its run."""

from django.conf import settings
from django.db import connection, transaction

from apps.shared import locks
from apps.shared.scoping import every_tenant

from ..bodies import MOST_ATTEMPTS, PUBLISHER
from ..operations.runs import Claim

# Due work in the order urgent first, then the client who was served longest ago, then longest ready: a thousand activities
# of one client keep nobody else waiting. Rows that somebody decides on at this moment are skipped. A role's
# max_concurrent counts live leases. What has had all the attempts that can be counted is left to a person, or it would
# stop every claim. A publish step and a system job have a lease and no model run. A run that serves a goal
# continues the session of its role, goal and model, or begins one; sessions need no lock, because claimers take turns.
CLAIM = """
WITH running AS (
  SELECT l.tenant_id, b.assignee_agent_role AS role, count(*) AS at_once
    FROM activity_leases l
    JOIN activities b ON b.tenant_id = l.tenant_id AND b.id = l.activity_id
   WHERE l.expires_on IS NOT NULL
   GROUP BY l.tenant_id, b.assignee_agent_role),
client AS MATERIALIZED (
  SELECT t.id, (SELECT max(l.leased_on) FROM activity_leases l WHERE l.tenant_id = t.id) AS served_on
    FROM tenants t WHERE t.status IN ('trialing', 'active')),
candidate AS (
  SELECT a.id, a.tenant_id, a.assignee_agent_role AS role, c.adapter_type, c.model_id,
         a.assignee_agent_role NOT LIKE 'system.%%' AND a.assignee_agent_role <> %(publisher)s AS has_model, a.goal_id
    FROM activities a
    JOIN client ON client.id = a.tenant_id
    LEFT JOIN running r ON r.tenant_id = a.tenant_id AND r.role = a.assignee_agent_role
    LEFT JOIN agent_configs c ON c.tenant_id = a.tenant_id AND c.agent_role = a.assignee_agent_role
   WHERE a.assignee_type = 'agent' AND a.status = 'assigned' AND a.deleted_on IS NULL AND a.ready_on <= statement_timestamp()
     AND NOT EXISTS (SELECT FROM activity_leases u
                      WHERE u.tenant_id = a.tenant_id AND u.activity_id = a.id AND u.attempt >= %(most)s)
     AND (a.assignee_agent_role LIKE 'system.%%' OR a.assignee_agent_role = %(publisher)s
          OR (c.is_enabled AND c.max_concurrent > coalesce(r.at_once, 0)))
   ORDER BY CASE a.priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END, client.served_on NULLS FIRST,
            a.ready_on, a.ref_id
     FOR UPDATE OF a SKIP LOCKED
   LIMIT 1),
moved AS (
  UPDATE activities SET status = 'in_progress', started_on = coalesce(started_on, statement_timestamp()), updated_on = statement_timestamp()
    FROM candidate WHERE activities.tenant_id = candidate.tenant_id AND activities.id = candidate.id
  RETURNING activities.id),
lease AS (
  INSERT INTO activity_leases AS l
         (id, tenant_id, created_on, activity_id, attempt, worker, leased_on, heartbeat_on, expires_on)
  SELECT ulid_uuid(), tenant_id, statement_timestamp(), id, 1, %(worker)s, statement_timestamp(), statement_timestamp(), statement_timestamp() + %(lease)s * interval '1 second'
    FROM candidate WHERE id IN (SELECT id FROM moved)
  ON CONFLICT (activity_id) DO UPDATE
     SET attempt = l.attempt + 1, worker = excluded.worker, leased_on = excluded.leased_on,
         heartbeat_on = excluded.heartbeat_on, expires_on = excluded.expires_on, updated_on = statement_timestamp()
  RETURNING activity_id, attempt),
continued AS (
  SELECT s.id
    FROM sessions s
    JOIN candidate c ON s.tenant_id = c.tenant_id AND s.goal_id = c.goal_id AND s.agent_role = c.role
                    AND s.adapter_type = c.adapter_type AND s.model_id = c.model_id
   WHERE c.has_model AND s.expires_at > statement_timestamp()
   ORDER BY s.ref_id DESC
   LIMIT 1),
begun AS (
  INSERT INTO sessions (id, tenant_id, created_on, agent_role, goal_id, adapter_type, model_id, token_count, expires_at)
  SELECT ulid_uuid(), c.tenant_id, statement_timestamp(), c.role, c.goal_id, c.adapter_type, c.model_id, 0,
         statement_timestamp() + %(session)s * interval '1 second'
    FROM candidate c JOIN lease ON lease.activity_id = c.id
   WHERE c.has_model AND c.goal_id IS NOT NULL AND NOT EXISTS (SELECT FROM continued)
  RETURNING id),
run AS (
  INSERT INTO activity_runs
         (id, tenant_id, created_on, activity_id, adapter_type, model_id, session_id, status, error, input_tokens, output_tokens,
          cost_usd, started_on, attempt)
  SELECT ulid_uuid(), c.tenant_id, statement_timestamp(), c.id, c.adapter_type, c.model_id,
         coalesce((SELECT id FROM continued), (SELECT id FROM begun)), 'running', '', 0, 0, 0, statement_timestamp(), lease.attempt
    FROM candidate c JOIN lease ON lease.activity_id = c.id WHERE c.has_model
  RETURNING id, session_id)
SELECT c.id, c.tenant_id, c.role, lease.attempt, run.id, c.adapter_type, c.model_id, run.session_id
  FROM candidate c JOIN lease ON lease.activity_id = c.id LEFT JOIN run ON true
"""


def claim(worker: str) -> Claim | None:
    """The next due activity of any tenant, now this worker's; None when nothing is due."""
    with (
        every_tenant(reason="due work of all tenants waits in one queue"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        # One claimer at a time, for a few milliseconds: it sees the leases of those before it, so no limit is passed.
        locks.take_turns("claim")
        cursor.execute(
            CLAIM,
            {
                "worker": worker,
                "lease": settings.LEASE_SECONDS,
                "session": settings.SESSION_SECONDS,
                "publisher": PUBLISHER,
                "most": MOST_ATTEMPTS,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    activity_id, tenant_id, role, attempt, run_id, adapter_type, model_id, session_id = row
    return Claim(activity_id, tenant_id, role, attempt, worker, run_id, adapter_type or "", model_id or "", session_id)

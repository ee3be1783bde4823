"""Rules that hold in PostgreSQL at rest: counts, money, leases, runs, attempts, the journal. Repairs nothing.

Each statement looks at one client and gives (table, ref_id, detail) of what breaks its rule. Details name figures and
statuses, never a secret or a customer's text.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KeyTextTransform

from apps import storage
from apps.billing.operations import month_of
from apps.shared import guards
from apps.shared.batches import batches
from apps.shared.findings import Finding
from apps.shared.models import JournalDelivery, JournalEntry
from apps.shared.scoping import TenantFacts
from apps.storage import integrity as stores

from . import registry
from .bodies import MOST_ATTEMPTS, PUBLISHER

RELAY = "storage.relay_audit"
RELAY_MAY_TAKE = timedelta(minutes=10)

# A unit of several posts has a counting step for each; it counts when none of them is open any more.
COUNT_DRIFT = """
SELECT 'deliverable_periods', p.ref_id, format('completed_count is %%s, %%s units are done', p.completed_count, count(DISTINCT u.id))
  FROM deliverable_periods p
  LEFT JOIN activities a ON a.tenant_id = p.tenant_id AND a.deliverable_period_id = p.id AND a.status = 'completed'
        AND a.deleted_on IS NULL AND a.input_data @> '{"step": {"counts_unit": true}}'
        AND NOT EXISTS (SELECT FROM activities o WHERE o.tenant_id = a.tenant_id AND o.parent_activity_id = a.parent_activity_id
                           AND o.deleted_on IS NULL AND o.status NOT IN ('completed', 'cancelled')
                           AND o.input_data @> '{"step": {"counts_unit": true}}')
  LEFT JOIN activities u ON u.tenant_id = a.tenant_id AND u.id = a.parent_activity_id AND u.deleted_on IS NULL
 WHERE p.tenant_id = %(tenant)s AND p.status NOT IN ('completed', 'missed')
 GROUP BY p.id HAVING count(DISTINCT u.id) <> p.completed_count
"""
# A closed period keeps its count whatever happens later; the journal remembers the last one.
CLOSED_COUNT_DRIFT = """
SELECT 'deliverable_periods', p.ref_id, format('the closed period says %%s, the journal says %%s', p.completed_count, e.counted)
  FROM deliverable_periods p
 CROSS JOIN LATERAL (SELECT (after ->> 'completed_count')::int AS counted FROM journal_entries
                      WHERE subject_ref = p.ref_id AND code = 'period.counted' ORDER BY ref_id DESC LIMIT 1) e
 WHERE p.tenant_id = %(tenant)s AND p.status IN ('completed', 'missed') AND p.completed_count <> e.counted
"""
COUNTER_DRIFT = """
WITH due AS (
  SELECT 'tenant' AS scope, '' AS scope_key, month, sum(settled_usd) FILTER (WHERE status <> 'open') AS settled,
         sum(reserved_usd) FILTER (WHERE status = 'open') AS reserved
    FROM spend_reservations WHERE tenant_id = %(tenant)s GROUP BY month
  UNION ALL
  SELECT 'role', agent_role, month, sum(settled_usd) FILTER (WHERE status <> 'open'),
         sum(reserved_usd) FILTER (WHERE status = 'open')
    FROM spend_reservations WHERE tenant_id = %(tenant)s GROUP BY agent_role, month
  UNION ALL
  SELECT 'activity', activity_ref, NULL, sum(settled_usd) FILTER (WHERE status <> 'open'),
         sum(reserved_usd) FILTER (WHERE status = 'open')
    FROM spend_reservations WHERE tenant_id = %(tenant)s GROUP BY activity_ref),
held AS (SELECT * FROM spend_counters WHERE tenant_id = %(tenant)s)
SELECT 'spend_counters', held.ref_id,
       format('%%s counter: settled %%s and reserved %%s, its reservations give %%s and %%s', coalesce(held.scope, due.scope),
              held.settled_usd, held.reserved_usd, coalesce(due.settled, 0), coalesce(due.reserved, 0))
  FROM held FULL JOIN due ON held.scope = due.scope AND held.scope_key = due.scope_key
                         AND coalesce(held.month, 'epoch') = coalesce(due.month, 'epoch')
 WHERE coalesce(held.settled_usd, -1) <> coalesce(due.settled, 0) OR coalesce(held.reserved_usd, -1) <> coalesce(due.reserved, 0)
"""
CALL_DRIFT = """
WITH paid AS (
  SELECT activity_run_id, cost_usd FROM llm_calls WHERE tenant_id = %(tenant)s
  UNION ALL
  SELECT activity_run_id, (output ->> 'cost_usd')::numeric FROM tool_calls
   WHERE tenant_id = %(tenant)s AND output ->> 'cost_usd' IS NOT NULL),
calls AS (
  SELECT r.ref_id, sum(p.cost_usd) AS cost FROM paid p
    JOIN activity_runs r ON r.tenant_id = %(tenant)s AND r.id = p.activity_run_id GROUP BY r.ref_id),
settled AS (
  SELECT run_ref AS ref_id, sum(settled_usd) AS cost FROM spend_reservations
   WHERE tenant_id = %(tenant)s AND status = 'settled' GROUP BY run_ref)
SELECT 'activity_runs', ref_id, format('its calls of models and tools cost %%s, %%s was settled', coalesce(calls.cost, 0), coalesce(settled.cost, 0))
  FROM calls FULL JOIN settled USING (ref_id)
 WHERE coalesce(calls.cost, 0) <> coalesce(settled.cost, 0)
"""
# Before the first settling of a month the column still shows the month before: there is no reset job.
MONTH_DRIFT = """
SELECT 'tenants', t.ref_id, format('current_month_spend_usd is %%s, %%s was settled', t.current_month_spend_usd, coalesce(c.settled_usd, 0))
  FROM tenants t
  LEFT JOIN spend_counters c ON c.tenant_id = t.id AND c.scope = 'tenant' AND c.month = %(month)s
 WHERE t.id = %(tenant)s AND t.current_month_spend_usd <> coalesce(c.settled_usd, 0)
   AND (EXISTS (SELECT FROM spend_reservations r WHERE r.tenant_id = t.id AND r.month = %(month)s AND r.status <> 'open')
        OR NOT EXISTS (SELECT FROM spend_counters o WHERE o.tenant_id = t.id))
"""
# A day counts once it is over for two hours: the hourly round has been by then, and calls that were under way have ended.
COST_DRIFT = """
WITH clock AS (
  SELECT timezone AS zone, ((statement_timestamp() - interval '2 hours') AT TIME ZONE timezone)::date AS today
    FROM tenants WHERE id = %(tenant)s),
counted AS (
  SELECT (created_on AT TIME ZONE zone)::date AS day, agent_role, adapter_type, model_id, count(*) AS calls,
         sum(input_tokens) AS input, sum(cached_input_tokens) AS cached, sum(output_tokens) AS output, sum(cost_usd) AS cost
    FROM llm_calls CROSS JOIN clock WHERE tenant_id = %(tenant)s GROUP BY 1, 2, 3, 4),
held AS (SELECT * FROM llm_cost_daily WHERE tenant_id = %(tenant)s)
SELECT 'llm_cost_daily', held.ref_id,
       format('%%s of %%s: %%s calls for %%s, there were %%s for %%s', agent_role, day, coalesce(held.calls, 0),
              coalesce(held.cost_usd, 0), coalesce(counted.calls, 0), coalesce(counted.cost, 0))
  FROM held FULL JOIN counted USING (day, agent_role, adapter_type, model_id)
 WHERE day < (SELECT today FROM clock)
   AND (coalesce(held.calls, 0), coalesce(held.input_tokens, 0), coalesce(held.cached_input_tokens, 0),
        coalesce(held.output_tokens, 0), coalesce(held.cost_usd, 0))
       IS DISTINCT FROM
       (coalesce(counted.calls, 0), coalesce(counted.input, 0), coalesce(counted.cached, 0), coalesce(counted.output, 0),
        coalesce(counted.cost, 0))
"""
STRATEGY_NOT_SINGLE = """
SELECT 'strategies', min(ref_id), format('%%s strategies are active', count(*)) FROM strategies
 WHERE tenant_id = %(tenant)s AND status = 'active' HAVING count(*) > 1
"""
STRANDED = """
SELECT 'activities', ref_id, reason FROM (
  SELECT a.ref_id, CASE
    WHEN steps.total > 0 THEN CASE WHEN steps.unfinished = 0 THEN 'every step is over and the unit is still open' END
    WHEN a.status = 'created' AND needs.total = 0 THEN 'waits for nothing and was never made ready'
    WHEN a.status = 'created' AND needs.lost > 0 THEN 'waits for a step that was cancelled or deleted'
    WHEN a.status = 'created' AND needs.waiting = 0 THEN 'all it waits for is done'
    WHEN a.status = 'in_progress' AND a.assignee_type = 'agent'
     AND NOT EXISTS (SELECT FROM activity_leases l WHERE l.tenant_id = a.tenant_id AND l.activity_id = a.id
                                                     AND l.expires_on > statement_timestamp() - interval '1 minute')
         THEN 'in progress without a live lease'
    WHEN a.status = 'awaiting_approval'
     AND NOT EXISTS (SELECT FROM approvals p WHERE p.tenant_id = a.tenant_id AND p.activity_id = a.id AND p.status = 'pending')
         THEN 'waits for a decision nobody is asked for'
    WHEN a.status IN ('approved', 'rejected') THEN 'decided, and the gate was never closed'
    WHEN a.status = 'assigned' AND a.assignee_type = 'agent' AND a.assignee_agent_role NOT LIKE 'system.%%'
     AND a.assignee_agent_role <> %(publisher)s
     AND NOT EXISTS (SELECT FROM agent_configs c WHERE c.tenant_id = a.tenant_id AND c.agent_role = a.assignee_agent_role)
         THEN 'no agent of the client has this role'
    WHEN a.status = 'assigned' AND a.assignee_type = 'agent'
     AND EXISTS (SELECT FROM activity_leases l WHERE l.tenant_id = a.tenant_id AND l.activity_id = a.id AND l.attempt >= %(most)s)
         THEN 'has used up its attempts, nobody claims it any more'
    END AS reason
    FROM activities a
   CROSS JOIN LATERAL (
     SELECT count(*) AS total, count(*) FILTER (WHERE s.status NOT IN ('completed', 'cancelled')) AS unfinished
       FROM activities s WHERE s.tenant_id = a.tenant_id AND s.parent_activity_id = a.id AND s.deleted_on IS NULL) steps
   CROSS JOIN LATERAL (
     SELECT count(*) AS total, count(*) FILTER (WHERE n.status = 'cancelled' OR n.deleted_on IS NOT NULL) AS lost,
            count(*) FILTER (WHERE n.status <> 'completed') AS waiting
       FROM activity_dependencies d JOIN activities n ON n.tenant_id = d.tenant_id AND n.id = d.depends_on_id
      WHERE d.tenant_id = a.tenant_id AND d.activity_id = a.id) needs
   WHERE a.tenant_id = %(tenant)s AND a.deleted_on IS NULL AND a.status NOT IN ('completed', 'failed', 'cancelled')) AS looked
 WHERE reason IS NOT NULL
"""
ASKED_IN_VAIN = """
SELECT 'approvals', p.ref_id, format('pending, and its gate is %%s', a.status)
  FROM approvals p JOIN activities a ON a.tenant_id = p.tenant_id AND a.id = p.activity_id
 WHERE p.tenant_id = %(tenant)s AND p.status = 'pending' AND (a.status <> 'awaiting_approval' OR a.deleted_on IS NOT NULL)
"""
RUN_NOT_CLOSED = """
SELECT 'activity_runs', r.ref_id, 'running without a live lease'
  FROM activity_runs r
 WHERE r.tenant_id = %(tenant)s AND r.status = 'running' AND r.started_on < statement_timestamp() - interval '1 minute'
   AND NOT EXISTS (SELECT FROM activity_leases l WHERE l.tenant_id = r.tenant_id AND l.activity_id = r.activity_id
                      AND l.attempt = r.attempt AND l.expires_on > statement_timestamp() - interval '1 minute')
"""
# An attempt whose publish step failed is with a person; so is an unknown one whose step was cancelled.
ATTEMPT_STUCK = """
SELECT 'publish_attempts', p.ref_id, format('%%s since the settle time ran out', p.status)
  FROM publish_attempts p
 WHERE p.tenant_id = %(tenant)s AND p.status IN ('sent', 'unknown')
   AND coalesce(p.settle_until, p.sent_on) < statement_timestamp() - interval '15 minutes'
   AND NOT EXISTS (SELECT FROM activities a
                    WHERE a.tenant_id = p.tenant_id AND a.deleted_on IS NULL AND a.assignee_type = 'agent'
                      AND (a.status = 'failed' OR a.status = 'cancelled' AND p.status = 'unknown')
                      AND a.assignee_agent_role = %(publisher)s AND a.input_data #>> '{subject,ref}' = p.subject_ref)
"""
RULES = [
    ("count_drift", COUNT_DRIFT),
    ("count_drift", CLOSED_COUNT_DRIFT),
    ("spend_drift", COUNTER_DRIFT),
    ("spend_drift", CALL_DRIFT),
    ("spend_drift", MONTH_DRIFT),
    ("spend_drift", COST_DRIFT),
    ("strategy_not_single", STRATEGY_NOT_SINGLE),
    ("stranded_activity", STRANDED),
    ("illegal_state", ASKED_IN_VAIN),
    ("run_not_closed", RUN_NOT_CLOSED),
    ("attempt_stuck", ATTEMPT_STUCK),
]


def of_tenant(tenant: TenantFacts, *, at: datetime) -> list[Finding]:
    """What breaks a rule in the rows of one client."""
    values = {
        "tenant": tenant.id,
        "publisher": PUBLISHER,
        "most": MOST_ATTEMPTS,
        "month": month_of(at, tenant.time_zone),
    }
    found = []
    with connection.cursor() as cursor:
        for code, statement in [*RULES, *registry.INTEGRITY_RULES]:
            cursor.execute(statement, values)
            found += [
                Finding(code, detail, table, tenant.ref_id, ref_id) for table, ref_id, detail in cursor.fetchall()
            ]
    return found


def of_skills(tenant: TenantFacts, *, older_than: datetime) -> Iterator[Finding]:
    """Versions of the client's own skills that no entry tells of: whoever wrote one died before the journal did.

    Raises StorageUnavailable.
    """
    for skills in stores.own_skills(older_than=older_than):
        refs = [skill.refId for skill in skills]
        told = set(JournalEntry.objects.filter(subject_ref__in=refs).values_list("subject_ref", flat=True))
        for skill in skills:
            if skill.refId not in told:
                detail = f"no entry tells of version {skill.version} of {skill.name}"
                yield Finding("journal_gap", detail, storage.Skill.collection, tenant.ref_id, skill.refId)


def of_journal(tenant_refs: dict, *, at: datetime) -> Iterator[Finding]:
    """Rows whose status no entry tells of, copies that are late, and entries without a copy. Over all clients."""
    for model in guards.records():
        # The claim has no entry of its own, and runs are their own record.
        if model.moves is not None and not model.append_only:
            yield from _untold(model, tenant_refs)
    late = JournalDelivery.objects.filter(consumer=RELAY, created_on__lt=at - RELAY_MAY_TAKE)
    for tenant_id, count in late.order_by("tenant_id").values_list("tenant_id").annotate(models.Count("pk")):
        detail = f"{count} entries wait for their copy for more than ten minutes"
        yield Finding("relay_gap", detail, "journal_deliveries", tenant_refs.get(tenant_id))
    waiting = JournalDelivery.objects.filter(consumer=RELAY, journal_entry=OuterRef("pk"))
    relayed = JournalEntry.objects.filter(~Exists(waiting), created_on__lt=at).only("id", "ref_id", "tenant_id")
    for batch in batches(relayed):
        copied = storage.audit.copied([entry.ref_id for entry in batch])
        for entry in batch:
            if entry.ref_id not in copied:
                yield Finding(
                    "relay_gap",
                    "the entry has no copy",
                    "journal_entries",
                    tenant_refs.get(entry.tenant_id),
                    entry.ref_id,
                )


def _untold(model: type[models.Model], tenant_refs: dict) -> Iterator[Finding]:
    field = model.moves.field
    rows = getattr(model, "with_deleted", model.objects).exclude(**{field: model._meta.get_field(field).default})
    if model._meta.db_table == "activities":
        rows = rows.exclude(status="in_progress")
    about = JournalEntry.objects.filter(subject_ref=OuterRef("ref_id"))
    told = about.annotate(became=KeyTextTransform(field, "after")).filter(became=OuterRef(field))
    made_so = about.filter(created_on=OuterRef("created_on"))
    # An erased client keeps a few rows and no entry of its own.
    client = "pk" if model._meta.db_table == "tenants" else "tenant_id"
    erased = JournalEntry.objects.filter(code="tenant.erased", subject_id=OuterRef(client))
    rows = rows.exclude(Exists(erased))
    batches_of = JournalEntry.objects.filter(subject_type=model._meta.db_table, row_count__isnull=False)
    if model._meta.db_table not in ("tenants", "users"):
        batches_of = batches_of.filter(tenant_id=OuterRef("tenant_id"))
    codes: dict[str, set[str]] = {}  # of the moves, by where they lead to
    for move in model.moves:
        codes.setdefault(str(move.target), set()).add(move.journal_code)
    in_a_batch = Exists(batches_of.exclude(code__in=set().union(*codes.values())))  # an import, say
    for status, leading in codes.items():
        moved = batches_of.filter(code__in=leading, created_on__gte=OuterRef("created_on"))
        in_a_batch |= Q(**{field: status}) & Exists(moved)
    unchanged = Q(updated_on__isnull=True) & Exists(made_so)
    for batch in batches(rows.exclude(Exists(told)).exclude(unchanged).exclude(in_a_batch)):
        for row in batch:
            tenant_id = row.pk if model._meta.db_table == "tenants" else getattr(row, "tenant_id", None)
            detail = f"no entry tells how its {field} became {getattr(row, field)}"
            yield Finding("journal_gap", detail, model._meta.db_table, tenant_refs.get(tenant_id), row.ref_id)

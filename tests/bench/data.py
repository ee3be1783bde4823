"""The bench database: made and dropped by its owner, filled in bulk. The development database is never opened."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from psycopg import sql

from apps.activities.models import ActivityTemplate
from apps.activities.seeds import BLOG_POSTS
from apps.shared import journal
from apps.shared.scoping import every_tenant
from apps.tenants.models import Tenant
from tests import databases

NAME = "leadmetrics_bench"
PLANNED_UNITS = 22  # blog posts a month of each planned client, which makes 198 activities
ROLE = "bench_writer"

CLIENTS = """
INSERT INTO tenants (id, created_on, slug, name, industry, website, plan, status, data_privacy_level, active_platforms,
                     current_month_spend_usd, razorpay_customer_id, razorpay_subscription_id, deployment_mode, timezone,
                     currency, branding)
SELECT ulid_uuid(), now(), %(kind)s || '-' || n, %(kind)s || ' ' || n, '', '', 'free', 'active', 'cloud_ok', '{}',
       0, '', '', 'saas', 'Asia/Kolkata', 'INR', '{}'
  FROM generate_series(1, %(count)s) AS n
"""
ACTIVITIES = """
INSERT INTO activities (id, tenant_id, created_on, pipeline_step, title, type, assignee_type, assignee_agent_role, status,
                        priority, is_approval_gate, input_data, output_summary, output_ref, rejection_note, revision_note, ready_on)
SELECT ulid_uuid(), tenant_id, now(), 'draft', 'Article ' || n, 'write', %(assignee)s, %(role)s, %(status)s,
       'normal', false, '{}', '{}', '', '', '', now() - n * interval '1 second'
  FROM (SELECT t.id AS tenant_id, n FROM generate_series(1, %(each)s) AS n
          CROSS JOIN unnest(%(slugs)s::text[]) AS slug JOIN tenants t USING (slug) ORDER BY random()) AS mixed
"""
CONFIGS = """
INSERT INTO agent_configs (id, tenant_id, created_on, agent_role, is_enabled, adapter_type, model_id, skill_ids, tool_names,
                           max_concurrent, timeout_ms, max_cost_usd_per_activity, escalation_after_failures)
SELECT ulid_uuid(), id, now(), %(role)s, true, 'claude', 'claude-sonnet-4-6', '{}', '{}', 1000, 300000, 1, 3
  FROM tenants WHERE slug = ANY(%(slugs)s)
"""
QUEUE = """
DROP TABLE IF EXISTS bench_queue;
CREATE TABLE bench_queue (id bigint PRIMARY KEY, status text NOT NULL, ready_on timestamptz NOT NULL, taken_by text);
CREATE INDEX ON bench_queue (ready_on, id) WHERE status = 'assigned';
INSERT INTO bench_queue SELECT n, 'assigned', now() - n * interval '1 second', NULL FROM generate_series(1, %(rows)s) AS n;
GRANT SELECT, UPDATE ON bench_queue TO app_user
"""
PROMISES = """
WITH strategy AS (
  INSERT INTO strategies (id, tenant_id, created_on, version, status, summary, rationale, period_months)
  SELECT ulid_uuid(), id, now(), 1, 'active', '', '', 6 FROM tenants WHERE slug = ANY(%(slugs)s) RETURNING id, tenant_id),
goal AS (
  INSERT INTO goals (id, tenant_id, created_on, strategy_id, name, description, metric, target_value, baseline_value,
                     current_value, period, status, priority)
  SELECT ulid_uuid(), tenant_id, now(), id, 'More visits', '', 'visits', 100, 0, 0, 'monthly', 'active', 1 FROM strategy
  RETURNING id, tenant_id, strategy_id)
INSERT INTO deliverables (id, tenant_id, created_on, goal_id, strategy_id, type, name, quantity_per_period, period, platforms, is_active)
SELECT ulid_uuid(), tenant_id, now(), id, strategy_id, 'blog_posts', 'Blog posts', %(units)s, 'monthly', '{}', true FROM goal
"""

PLANNED_ANEW = (
    "SET max_parallel_workers_per_gather = 0",  # ulid_uuid() runs in no parallel worker
    "DROP TABLE IF EXISTS bench_ids, bench_activities, bench_dependencies",
    """
    CREATE TABLE bench_ids AS
    SELECT a.id AS old, ulid_uuid() AS new FROM activities a JOIN tenants t ON t.id = a.tenant_id
     WHERE t.slug = ANY(%(slugs)s) AND a.origin_key LIKE 'period:%%'
    """,
    "CREATE UNIQUE INDEX ON bench_ids (old)",
    "ANALYZE bench_ids",
    "CREATE TABLE bench_activities (LIKE activities)",
    """
    INSERT INTO bench_activities SELECT a.* FROM activities a JOIN bench_ids b ON b.old = a.id ORDER BY a.id
    """,
    "ANALYZE bench_activities",
    """
    UPDATE bench_activities a SET id = b.new, origin_key = 'bench:' || b.new,
           parent_activity_id = (SELECT p.new FROM bench_ids p WHERE p.old = a.parent_activity_id)
      FROM bench_ids b WHERE b.old = a.id
    """,
    """
    CREATE TABLE bench_dependencies AS
    SELECT ulid_uuid() AS id, d.tenant_id, d.created_on, a.new AS activity_id, n.new AS depends_on_id
      FROM activity_dependencies d JOIN bench_ids a ON a.old = d.activity_id JOIN bench_ids n ON n.old = d.depends_on_id
    """,
    "ANALYZE bench_activities, bench_dependencies",
    "GRANT SELECT ON bench_activities, bench_dependencies TO app_user",
)


@contextmanager
def bench_database() -> Iterator[None]:
    """A new migrated database in use by this process; dropped at the end, however it ends."""
    journal.reactions.bell = lambda name: None  # a running worker must not hear of rows it cannot see
    databases.drop(NAME)
    with databases.owner() as db:
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    try:
        databases.use(NAME)
        call_command("migrate", verbosity=0)
        yield
    finally:
        connections.close_all()
        databases.drop(NAME)


def as_owner(statement: str, **values) -> None:
    with connections["migrator"].cursor() as cursor:
        cursor.execute(statement, values or None)


def clients(kind: str, count: int) -> list[Tenant]:
    """So many active clients named after their kind."""
    as_owner(CLIENTS, kind=kind, count=count)
    return list(Tenant.objects.filter(slug__startswith=f"{kind}-").order_by("ref_id"))


def slugs(tenants: list[Tenant]) -> list[str]:
    return [tenant.slug for tenant in tenants]


def finished_work(tenants: list[Tenant], each: int) -> None:
    """Rows of all these clients in mixed order, as time makes them; a client listed twice gets twice as many."""
    as_owner(ACTIVITIES, each=each, slugs=slugs(tenants), assignee="human", role="", status="completed")


def due_work(tenants: list[Tenant], each: int) -> None:
    """Steps an agent may claim at once."""
    as_owner(CONFIGS, role=ROLE, slugs=slugs(tenants))
    as_owner(ACTIVITIES, each=each, slugs=slugs(tenants), assignee="agent", role=ROLE, status="assigned")


def work_is_gone() -> None:
    """What `due_work` made, and what came of it."""
    for table in ("llm_calls", "activity_runs", "activity_leases", "activities", "agent_configs"):
        as_owner(
            f"DELETE FROM {table}{' WHERE assignee_agent_role = %(role)s' if table == 'activities' else ''}", role=ROLE
        )


def bare_queue(rows: int) -> None:
    """`bench_queue`: an id, a status, a time and who took it; nothing refers to it and nothing guards it."""
    as_owner(QUEUE, rows=rows)
    as_owner("VACUUM (ANALYZE) bench_queue")


def pipeline() -> None:
    """The one by which blog posts are made."""
    with every_tenant(reason="the pipeline is everybody's"):
        ActivityTemplate.objects.create(
            tenant=None,
            deliverable_type=BLOG_POSTS.deliverable_type,
            name=BLOG_POSTS.name,
            steps=[step.model_dump(mode="json") for step in BLOG_POSTS.steps],
            created_on=timezone.now(),
        )


def promises(tenants: list[Tenant]) -> None:
    """Blog posts are promised to these clients, each with an active strategy, and to nobody else."""
    as_owner("UPDATE deliverables SET is_active = false")
    as_owner(PROMISES, slugs=slugs(tenants), units=PLANNED_UNITS)


def planned_anew(tenants: list[Tenant]) -> None:
    """In `bench_activities` and `bench_dependencies`: what these clients' plan is made of, with ids and origins of its own."""
    for statement in PLANNED_ANEW:
        as_owner(statement, slugs=slugs(tenants))


def analyse() -> None:
    as_owner("VACUUM (ANALYZE) activities")

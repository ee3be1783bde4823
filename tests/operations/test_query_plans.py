"""By which index the product's questions are answered when other clients have many rows. Nothing is timed."""

import pytest
from django.db import connections
from django.utils import timezone

from apps.activities.queries import human_queue
from apps.shared.scoping import tenant_scope
from apps.strategy import queries as strategies
from apps.strategy.models import Strategy
from apps.tenants.models import Tenant, User

# 100 other clients with 120 rows each, spread over the statuses and over months.
FILL = [
    """
    INSERT INTO tenants (id, created_on, slug, name, industry, website, plan, status, data_privacy_level, active_platforms,
           current_month_spend_usd, razorpay_customer_id, razorpay_subscription_id, deployment_mode, timezone, currency, branding)
    SELECT ulid_uuid(), now(), 'other-' || n, 'Other', '', '', plan, status, data_privacy_level, '{}', 0, '', '', deployment_mode,
           timezone, currency, '{}'
      FROM tenants, generate_series(1, 100) AS n WHERE slug = 'acme-live'
    """,
    """
    INSERT INTO strategies (id, tenant_id, created_on, version, status, summary, rationale, period_months)
    SELECT ulid_uuid(), t.id, now(), n, 'draft', '', '', 6
      FROM tenants t, generate_series(1, 10) AS n WHERE t.slug LIKE 'other-%'
    """,
    """
    INSERT INTO goals (id, tenant_id, created_on, strategy_id, name, description, metric, target_value, baseline_value,
           current_value, period, status, priority)
    SELECT ulid_uuid(), s.tenant_id, now(), s.id, 'Goal ' || n, '', 'leads', 100, 0, n, 'monthly', 'active', n
      FROM strategies s JOIN tenants t ON t.id = s.tenant_id AND t.slug LIKE 'other-%', generate_series(1, 12) AS n
    """,
    """
    INSERT INTO deliverables (id, tenant_id, created_on, goal_id, strategy_id, type, name, quantity_per_period, period,
           platforms, is_active)
    SELECT DISTINCT ON (g.strategy_id) ulid_uuid(), g.tenant_id, now(), g.id, g.strategy_id, 'blog_posts', 'Posts', 4, 'monthly',
           '{}'::text[], true
      FROM goals g JOIN tenants t ON t.id = g.tenant_id AND t.slug LIKE 'other-%'
    """,
    """
    INSERT INTO deliverable_periods (id, tenant_id, created_on, deliverable_id, period_start, period_end, target_count,
           completed_count, status)
    SELECT ulid_uuid(), d.tenant_id, now(), d.id, month, month + interval '1 month' - interval '1 day', 4, 0, 'in_progress'
      FROM deliverables d JOIN tenants t ON t.id = d.tenant_id AND t.slug LIKE 'other-%',
           generate_series(date_trunc('month', now()) - interval '23 months', now(), '1 month') AS month
    """,
    # The asking client has a past: only the month tells which of its periods are meant.
    """
    INSERT INTO deliverable_periods (id, tenant_id, created_on, deliverable_id, period_start, period_end, target_count,
           completed_count, status)
    SELECT ulid_uuid(), d.tenant_id, now(), d.id, month, month + interval '1 month' - interval '1 day', 4, 4, 'completed'
      FROM deliverables d JOIN tenants t ON t.id = d.tenant_id AND t.slug = 'acme-live',
           generate_series(date_trunc('month', now()) - interval '400 months', now() - interval '2 months', '1 month') AS month
    """,
    """
    INSERT INTO activities (id, tenant_id, created_on, pipeline_step, title, type, assignee_type, assignee_agent_role,
           assignee_user_id, status, priority, is_approval_gate, input_data, output_summary, output_ref, rejection_note,
           revision_note, ready_on)
    SELECT ulid_uuid(), t.id, now(), '', 'Work ' || n, 'other', 'human', '', u.id,
           (ARRAY['created', 'assigned', 'in_progress', 'awaiting_approval', 'completed'])[1 + n % 5], 'normal', false,
           '{}', '{}', '', '', '', now()
      FROM tenants t, generate_series(1, 120) AS n, (SELECT id FROM users WHERE email = 'rita@leadmetrics.test') AS u
     WHERE t.slug LIKE 'other-%'
    """,
]
FILLED = ("tenants", "strategies", "goals", "deliverables", "deliverable_periods", "activities")


@pytest.fixture(scope="module")
def crowded(copied):
    """The copy, in which a hundred other clients have 12,000 rows and more in each table that is asked."""
    with connections["migrator"].cursor() as cursor:
        for statement in FILL:
            cursor.execute(statement)
        for table in FILLED:
            cursor.execute(f"ANALYZE {table}")
        cursor.execute(
            "SELECT (SELECT count(*) FROM activities), (SELECT count(*) FROM goals), (SELECT count(*) FROM deliverable_periods)"
        )
        assert min(cursor.fetchone()) > 10_000
    with tenant_scope(Tenant.objects.get(slug="acme-live").facts):
        yield


def nodes(plan: dict):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def used(statement: str, params=()) -> dict[str, str]:
    """table -> how it is read: the name of the index, or the kind of the node."""
    with connections["default"].cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", params)
        ((plans,),) = cursor.fetchall()
    found = {}
    for node in nodes(plans[0]["Plan"]):
        if name := node.get("Index Name"):
            found[name] = node["Node Type"]
        elif "Relation Name" in node and node["Node Type"] == "Seq Scan":
            found[node["Relation Name"]] = "Seq Scan"
    return found


@pytest.mark.acceptance("QRY-human-queue")
def test_the_queue_of_a_person_is_found_by_client_and_person(crowded):
    user = User.objects.get(email="rita@leadmetrics.test")

    plan = used(*human_queue(user).query.sql_with_params())

    assert "idx_activities_tenant_assignee" in plan
    assert "activities" not in plan


@pytest.mark.acceptance("QRY-goal-progress")
def test_the_goals_of_a_strategy_are_found_by_client_and_strategy(crowded):
    strategy = Strategy.objects.get(status="active")

    plan = used(*strategies.goal_progress(strategy).query.sql_with_params())

    assert plan.keys() & {"idx_goals_tenant_strategy", "idx_goals_active"}
    assert "goals" not in plan


@pytest.mark.acceptance("QRY-deliverable-progress")
def test_the_months_promises_are_found_by_client_and_month(crowded, django_assert_num_queries):
    with django_assert_num_queries(1) as captured:
        assert strategies.deliverable_progress(at=timezone.now())

    plan = used(captured[0]["sql"])

    assert "idx_deliverable_periods_month" in plan
    assert "deliverable_periods" not in plan

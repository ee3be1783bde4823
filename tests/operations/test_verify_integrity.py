"""verify_integrity: clean on the world as it is, and every disagreement between the stores is named by its code."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from django.conf import settings
from django.db import connections
from django.utils import timezone
from pymongo import MongoClient

from apps import storage
from apps.activities.models import Activity, Approval
from apps.shared.ids import new_id, spell
from apps.shared.scoping import every_tenant, tenant_scope
from apps.storage import clients
from apps.tenants.models import Contract, Tenant

CODES = set(
    "document_missing object_missing digest_mismatch orphan_old foreign_pointer count_drift spend_drift ledger_drift "
    "credit_drift strategy_not_single illegal_state run_not_closed stranded_activity attempt_stuck journal_gap relay_gap "
    "partition_missing default_partition_used grant_drift constraint_missing index_missing contract_marker "
    "contract_overwritten contract_unlocked decrypt_failed".split()
)
TWO_DAYS_AGO = timedelta(days=2)


@pytest.mark.acceptance("XREF-app")
def test_the_world_is_clean_and_was_looked_at(run, db):
    ran = run("verify_integrity", "--json")

    assert ran.report["findings"] == []
    assert (ran.code, ran.report["ok"]) == (0, True)
    assert ran.report["checked"]["tenants"] == Tenant.objects.count()
    assert ran.report["checked"]["pointers"] > 50 and ran.report["checked"]["objects"] > 50
    assert ran.report["checked"]["periods"] > 3


# Faults in PostgreSQL alone: what is planted as the owner with the guards off, the code, the table it is found in.
PLANTED = [
    ("UPDATE deliverable_periods SET completed_count = completed_count + 1 WHERE id = (SELECT id FROM deliverable_periods "
     "WHERE status = 'in_progress' LIMIT 1)", "count_drift", "deliverable_periods"),
    ("UPDATE deliverable_periods SET completed_count = 9 WHERE status = 'completed'", "count_drift", "deliverable_periods"),
    ("UPDATE spend_counters SET settled_usd = settled_usd + 0.000001 WHERE id = (SELECT id FROM spend_counters "
     "WHERE scope = 'activity' LIMIT 1)", "spend_drift", "spend_counters"),
    ("UPDATE spend_counters SET reserved_usd = 1 WHERE id = (SELECT id FROM spend_counters WHERE scope = 'role' LIMIT 1)",
     "spend_drift", "spend_counters"),
    ("DELETE FROM spend_counters WHERE id = (SELECT id FROM spend_counters WHERE scope = 'tenant' LIMIT 1)",
     "spend_drift", "spend_counters"),
    ("DELETE FROM llm_calls WHERE id = (SELECT id FROM llm_calls LIMIT 1)", "spend_drift", "activity_runs"),
    ("UPDATE tenants SET current_month_spend_usd = current_month_spend_usd + 0.0001 WHERE slug = 'acme-live'",
     "spend_drift", "tenants"),
    ("DROP INDEX uniq_strategies_active; UPDATE strategies SET status = 'active' WHERE tenant_id = (SELECT id FROM tenants "
     "WHERE slug = 'acme-live'); INSERT INTO strategies (id, tenant_id, created_on, version, status, summary, rationale, "
     "period_months) SELECT ulid_uuid(), tenant_id, created_on, 99, 'active', '', '', 6 FROM strategies WHERE tenant_id = "
     "(SELECT id FROM tenants WHERE slug = 'acme-live') LIMIT 1", "strategy_not_single", "strategies"),
    ("UPDATE activities SET status = 'created' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'keyword_research' LIMIT 1)",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'in_progress' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'draft' "
     "AND assignee_agent_role = 'copywriter' LIMIT 1)", "stranded_activity", "activities"),
    ("UPDATE approvals SET status = 'withdrawn' WHERE id = (SELECT id FROM approvals WHERE status = 'pending' LIMIT 1)",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'cancelled' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'dm_review' "
     "AND status = 'created' LIMIT 1)", "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'approved' WHERE id = (SELECT id FROM activities WHERE status = 'awaiting_approval' LIMIT 1)",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'in_progress' WHERE origin_key LIKE 'onboarding:%%/unit' AND status = 'completed'",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'completed' WHERE id = (SELECT activity_id FROM approvals WHERE status = 'pending' LIMIT 1)",
     "illegal_state", "approvals"),
    ("UPDATE activity_runs SET status = 'running', started_on = now() - interval '5 minutes' WHERE id = (SELECT id FROM activity_runs LIMIT 1)",
     "run_not_closed", "activity_runs"),
    ("UPDATE publish_attempts SET status = 'unknown', settle_until = now() - interval '1 hour'", "attempt_stuck", "publish_attempts"),
    ("UPDATE publish_attempts SET status = 'failed'", "illegal_state", "blog_posts"),
    ("UPDATE blog_posts SET status = 'draft' WHERE status = 'published'", "illegal_state", "blog_posts"),
    ("UPDATE goals SET status = 'achieved' WHERE id = (SELECT id FROM goals LIMIT 1)", "journal_gap", "goals"),
    ("DELETE FROM journal_entries WHERE code = 'strategy.activated'", "journal_gap", "strategies"),
    ("INSERT INTO journal_deliveries (id, tenant_id, created_on, journal_entry_id, consumer, attempts, next_on, last_error) "
     "SELECT ulid_uuid(), tenant_id, now() - interval '11 minutes', id, 'storage.relay_audit', 5, now(), '' "
     "FROM journal_entries WHERE tenant_id IS NOT NULL LIMIT 1", "relay_gap", "journal_deliveries"),
    ("INSERT INTO journal_entries (id, tenant_id, created_on, code, subject_type, subject_ref, actor_type, actor_ref, before, after, request_id) "
     "SELECT ulid_uuid(), tenant_id, now() - interval '1 minute', 'tests.planted', 'tenants', '', 'system', 'tests', '{{}}', '{{}}', '' "
     "FROM journal_entries WHERE tenant_id IS NOT NULL LIMIT 1", "relay_gap", "journal_entries"),
    ("UPDATE channels SET access_token = left(access_token, -6) || 'AAAAAA'", "decrypt_failed", "channels"),
    ("UPDATE channels SET access_token = (SELECT access_token FROM channels ORDER BY id LIMIT 1) "
     "WHERE id = (SELECT id FROM channels ORDER BY id DESC LIMIT 1)", "decrypt_failed", "channels"),
    ("UPDATE agent_configs SET env_secrets = '{{\"KEY\": 7}}' WHERE id = (SELECT id FROM agent_configs LIMIT 1)",
     "decrypt_failed", "agent_configs"),
    ("UPDATE activities SET output_ref = 'aaaaaaaaaaaaaaaaaaaaaaaa' WHERE id = (SELECT id FROM activities "
     "WHERE output_ref <> '' LIMIT 1)", "document_missing", "activities"),
    ("UPDATE blog_posts SET content_ref = 'no pointer' WHERE id = (SELECT id FROM blog_posts LIMIT 1)", "document_missing", "blog_posts"),
    ("UPDATE blog_posts b SET content_ref = (SELECT content_ref FROM blog_posts o WHERE o.tenant_id <> b.tenant_id "
     "AND o.content_ref <> '' LIMIT 1) WHERE id = (SELECT id FROM blog_posts LIMIT 1)", "foreign_pointer", "blog_posts"),
    ("UPDATE onboarding_runs r SET context_file_id = (SELECT context_file_id FROM onboarding_runs o "
     "WHERE o.tenant_id <> r.tenant_id AND o.context_file_id <> '' LIMIT 1) WHERE id = (SELECT id FROM onboarding_runs "
     "WHERE context_file_id <> '' LIMIT 1)", "foreign_pointer", "onboarding_runs"),
    ("UPDATE activities SET output_summary = output_summary || '{{\"sha256\": \"0\"}}' WHERE id = (SELECT id FROM activities "
     "WHERE output_ref <> '' LIMIT 1)", "digest_mismatch", "activities"),
    ("UPDATE strategies SET id = ulid_uuid() WHERE status = 'awaiting_approval'", "document_missing", "strategies"),
    ("UPDATE contracts SET pdf_version_id = 'nothing' WHERE id = (SELECT id FROM contracts LIMIT 1)", "object_missing", "contracts"),
    ("UPDATE contracts SET pdf_sha256 = repeat('0', 64) WHERE id = (SELECT id FROM contracts LIMIT 1)", "digest_mismatch", "contracts"),
    ("DROP INDEX idx_activities_claim", "index_missing", "activities"),
    ("GRANT DELETE ON activities TO app_user", "grant_drift", "activities"),
    ("ALTER TABLE goals DROP CONSTRAINT goals_status_listed", "constraint_missing", "goals"),
    ("ALTER TABLE llm_calls DETACH PARTITION {next_month}", "partition_missing", "llm_calls"),
]  # fmt: skip


def test_every_fault_in_postgresql_is_named_by_its_code(own_database, run):
    """All faults in one copy: one after the other would take minutes. None of them hides another."""
    planted = {(code, table) for _, code, table in PLANTED}
    with connections["migrator"].cursor() as cursor:
        cursor.execute("SELECT to_char(now() + interval '1 month', '\"llm_calls_\"YYYY_MM')")
        (next_month,) = cursor.fetchone()

    found, missed = set(), []
    for statements in [[p] for p in PLANTED]:
        for statement, code, table in statements:
            with connections["migrator"].cursor() as cursor:
                _as_owner_without_guards(cursor, statement.format(next_month=next_month))
            ran = run("verify_integrity", "--json")
            assert ran.code == 1
            now_found = {(f["code"], f["table"]) for f in ran.report["findings"]}
            if (code, table) not in now_found - found:
                if not ran.about(code):
                    missed.append((code, table, statement))
            found |= now_found

    assert missed == []
    assert planted <= found
    assert {code for code, _ in found} <= CODES

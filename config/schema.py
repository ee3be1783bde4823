"""What the specification asks of PostgreSQL beyond what follows from the models: tables and columns, and the indexes."""

from pathlib import Path

from apps.shared import specification
from apps.shared.schema_rules import MandatoryIndex as Index

TABLES = specification.load(Path(__file__).with_name("specification.toml"))
# Tables of Django and its packages.
THIRD_PARTY = ("django_", "account_", "mfa_", "usersessions_")

# All of `app_user`'s functions: the two spellings of an id, and the definer functions.
FUNCTIONS = {"ulid_text", "ulid_uuid", "close_activity_run", "ensure_llm_calls_partition"}
# What passes append-only tables and is called by `erase_tenant` alone, as the owner.
WITHHELD = {"erase_rows"}

AGENT, HUMAN, LIVE = "assignee_type = 'agent'", "assignee_type = 'human'", "deleted_on IS NULL"

INDEXES = [
    # row, name, table, columns, where
    Index("IDX-01", "idx_activities_tenant_status", "activities", "tenant_id, status"),
    Index("IDX-02", None, "activities", "deliverable_period_id, status"),
    Index("IDX-03", None, "activities", "assignee_user_id, status", HUMAN),
    Index("IDX-04", None, "activities", "assignee_agent_role, status", AGENT),
    Index("IDX-05", None, "activities", "parent_activity_id"),
    Index("IDX-06", None, "activities", "goal_id, status"),
    Index(
        "IDX-07",
        "idx_channels_tenant_platform",
        "channels",
        "tenant_id, platform, external_id",
        LIVE,
        unique=True,
        nulls_distinct=False,
    ),
    Index("IDX-08", "idx_channels_expiry", "channels", "token_expires_at", "status = 'connected'"),
    Index("IDX-09", "idx_backlinks_tenant_status", "backlinks", "tenant_id, outreach_status, is_live"),
    Index(
        "IDX-10",
        "idx_backlinks_check_schedule",
        "backlinks",
        "last_checked_on, is_live",
        "outreach_status = 'published'",
    ),
    Index("IDX-11", "idx_leads_tenant_status", "leads", "tenant_id, status, created_on"),
    Index("IDX-12", "idx_leads_source", "leads", "tenant_id, source, source_campaign_id"),
    Index(
        "IDX-13",
        "idx_ad_campaigns_external",
        "ad_campaigns",
        "tenant_id, platform, external_campaign_id",
        unique=True,
    ),
    Index(
        "IDX-14",
        "idx_activities_agent_queue",
        "activities",
        "tenant_id, assignee_agent_role, status",
        f"{AGENT} AND status IN ('created', 'assigned')",
    ),
    Index(
        "IDX-15",
        "idx_activities_human_queue",
        "activities",
        "tenant_id, assignee_user_id, status",
        f"{HUMAN} AND status IN ('created', 'awaiting_approval')",
    ),
    Index(
        "IDX-16",
        "idx_deliverable_periods_active",
        "deliverable_periods",
        "tenant_id, status",
        "status IN ('not_started', 'in_progress', 'at_risk')",
    ),
    Index("IDX-17", "idx_goals_active", "goals", "tenant_id, strategy_id, status"),
    Index("IDX-18", "idx_llm_calls_cost", "llm_calls", "tenant_id, created_on"),
    Index("IDX-19", "idx_activities_tenant_deliverable", "activities", "tenant_id, deliverable_id"),
    Index(
        "IDX-20",
        "idx_activities_tenant_assignee",
        "activities",
        "tenant_id, assignee_user_id",
        "assignee_user_id IS NOT NULL",
    ),
    Index("IDX-21", "idx_llm_calls_tenant_created", "llm_calls", "tenant_id, created_on DESC"),
    Index("IDX-22", "idx_campaigns_tenant_status", "campaigns", "tenant_id, status"),
    Index("IDX-23", "idx_goals_tenant_strategy", "goals", "tenant_id, strategy_id"),
    Index("IDX-24", "idx_approvals_pending", "approvals", "tenant_id, expires_at", "status = 'pending'"),
    Index("IDX-25", "idx_agent_configs_active", "agent_configs", "tenant_id, agent_role", "is_enabled"),
    Index("IDX-26", "idx_activities_active", "activities", "tenant_id, status, created_on DESC", LIVE),
    Index("IDX-27", None, "llm_calls", "ref_id, created_on", unique=True),
    Index("IDX-28", None, "tenants", "slug", unique=True),
    Index("IDX-28", None, "users", "email", unique=True),
    Index("IDX-31", None, "deliverable_periods", "deliverable_id, period_start", unique=True),
    Index("IDX-31", None, "strategies", "tenant_id, version", unique=True),
    Index("IDX-31", None, "strategies", "tenant_id", "status = 'active'", unique=True),
    Index("IDX-31", None, "agent_configs", "tenant_id, agent_role", unique=True),
    Index("IDX-31", None, "contracts", "tenant_id", "NOT status = 'superseded'", unique=True),
    Index("IDX-32", None, "ad_keywords", "tenant_id, ad_campaign_id, external_keyword_id", unique=True),
    Index(
        "IDX-32",
        None,
        "search_term_reports",
        "tenant_id, ad_campaign_id, search_term, report_date_range",
        unique=True,
    ),
    Index("IDX-32", None, "social_posts", "social_media_request_id, channel_id", LIVE, unique=True),
    Index("IDX-32", None, "blog_posts", "blog_request_id", LIVE, unique=True),
    Index(
        "IDX-34",
        "idx_activities_claim",
        "activities",
        "assignee_agent_role, ready_on, ref_id",
        f"{AGENT} AND deleted_on IS NULL AND status = 'assigned'",
    ),
    Index("IDX-35", "uniq_activities_origin", "activities", "tenant_id, origin_key", unique=True),
]

# Tables that people page through, by ref_id; those that soft-delete show live rows only.
LISTED = """
    activities activity_runs activity_templates ad_campaigns ad_keywords ad_optimization_recommendations
    agent_configs api_tokens approvals backlinks billing_events blog_posts blog_requests campaigns channel_scores
    channels contract_events contracts credit_ledger credit_notes credit_topup_orders deliverable_periods
    deliverables dispatch_logs goal_readings goals inbound_events integrations invitations invoices journal_entries
    lead_activities lead_forms lead_merges lead_touches leads media_assets notification_providers notifications
    onboarding_runs payments publish_attempts recurring_task_templates review_comments review_links saved_views
    search_term_classifications search_term_reports sessions social_media_requests social_posts strategies
    subscriptions tenant_assignments tool_calls users webhook_endpoints
""".split()
INDEXES += [
    Index("IDX-30", None, table, "tenant_id, ref_id", LIVE if "S" in TABLES[table].fields else "") for table in LISTED
]

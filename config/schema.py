"""What the specification asks of PostgreSQL beyond what follows from the models: the exceptions, and the indexes."""

from apps.shared.schema_rules import MandatoryIndex as Index

# The one list of tables whose tenant_id may be NULL; it names only tables that exist.
NULLABLE_TENANT = {
    "users",  # platform staff
    "invitations",  # of platform staff
    "activity_templates",  # global
    "recurring_task_templates",  # global
    "journal_entries",  # of the platform itself
    "journal_deliveries",
}
WITHOUT_TENANT = {"tenants", "llm_providers", "allowed_moves"}
THIRD_PARTY = ("django_", "account_", "mfa_", "usersessions_")

# All of `app_user`'s functions: the two spellings of an id, and the definer functions.
FUNCTIONS = {"ulid_text", "ulid_uuid", "close_activity_run", "ensure_llm_calls_partition"}

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
LISTED = {
    "activities": LIVE,
    "activity_runs": "",
    "activity_templates": LIVE,
    "agent_configs": "",
    "approvals": "",
    "blog_posts": LIVE,
    "blog_requests": LIVE,
    "channels": LIVE,
    "contracts": "",
    "deliverable_periods": "",
    "deliverables": LIVE,
    "goals": LIVE,
    "invitations": "",
    "journal_entries": "",
    "onboarding_runs": "",
    "publish_attempts": "",
    "recurring_task_templates": LIVE,
    "strategies": "",
    "tenant_assignments": "",
    "users": LIVE,
}
INDEXES += [Index("IDX-30", None, table, "tenant_id, ref_id", where) for table, where in LISTED.items()]

"""Which model works for whom, and what every call to a model or a tool came to."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.shared.constraints import Index, TenantForeignKey, between, not_negative
from apps.shared.encryption import EnvSecretsField, SealedTextField
from apps.shared.models import BaseRecord, Mutable, TenantRecord

from ..statuses import AdapterType, ToolCallStatus
from .work import ActivityRun


class LlmProvider(BaseRecord, Mutable):
    """A model service of the platform. The key is sealed and never shown."""

    name = models.CharField(max_length=100, unique=True)
    adapter_type = models.CharField(max_length=20, choices=AdapterType)
    base_url = models.CharField(
        max_length=500, null=True, blank=True, help_text="Empty: the address from the environment."
    )
    api_key = SealedTextField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    is_local = models.BooleanField(
        default=False, help_text="Only local providers serve clients with local models only."
    )
    last_verified_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(null=True, blank=True)
    models = models.JSONField(  # last, because the column's name hides the module
        default=list, help_text='[{"model_id": "…", "context_tokens": 200000}]'
    )

    class Meta:
        db_table = "llm_providers"

    def __str__(self):
        return self.name


class AgentConfig(TenantRecord, Mutable):
    """How one agent role works for one client; always present, switched by is_enabled."""

    agent_role = models.CharField(max_length=100)
    is_enabled = models.BooleanField(default=True)
    adapter_type = models.CharField(max_length=20, choices=AdapterType)
    model_id = models.CharField(max_length=100)
    skill_ids = ArrayField(models.TextField(), default=list, blank=True)
    tool_names = ArrayField(models.TextField(), default=list, blank=True)
    max_concurrent = models.SmallIntegerField(default=1)
    timeout_ms = models.IntegerField(default=300_000)
    max_cost_usd_per_activity = models.DecimalField(max_digits=8, decimal_places=4)
    escalation_after_failures = models.SmallIntegerField(default=3)
    env_secrets = EnvSecretsField(null=True, blank=True)
    monthly_cap_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "agent_configs"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "agent_role"], name="uniq_agent_configs_role"),
            between("max_concurrent", 0, 1_000, name="agent_configs_max_concurrent_in_range"),
            between("timeout_ms", 1_000, 86_400_000, name="agent_configs_timeout_in_range"),
            between("max_cost_usd_per_activity", 0, 9_999, name="agent_configs_cost_in_range"),
            between("monthly_cap_usd", 0, 999_999, name="agent_configs_cap_in_range"),
            between("escalation_after_failures", 1, 100, name="agent_configs_escalation_in_range"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "agent_role"], condition=Q(is_enabled=True), name="idx_agent_configs_active"
            ),
            models.Index(fields=["tenant", "ref_id"], name="idx_agent_configs_ref"),
        ]

    def __str__(self):
        return self.agent_role


class LlmCall(TenantRecord):
    """One request to a model: digests, tokens, cost. Partitioned by month of `created_on`, the start of the call."""

    append_only = True
    partitioned = True  # PRIMARY KEY (id, created_on) in the database; Django knows `id`

    activity_run = TenantForeignKey(ActivityRun, db_index=False)
    adapter_type = models.CharField(max_length=50, choices=AdapterType)
    model_id = models.CharField(max_length=100)
    prompt_hash = models.CharField(max_length=64, help_text="SHA-256; the prompt itself is never stored.")
    response_hash = models.CharField(max_length=64)
    input_tokens = models.IntegerField()
    output_tokens = models.IntegerField()
    cost_usd = models.DecimalField(max_digits=10, decimal_places=6)
    duration_ms = models.IntegerField()
    cached_input_tokens = models.IntegerField(default=0)
    input_usd_per_million = models.DecimalField(max_digits=12, decimal_places=6)
    output_usd_per_million = models.DecimalField(max_digits=12, decimal_places=6)
    agent_role = models.CharField(max_length=100)

    class Meta(TenantRecord.Meta):
        db_table = "llm_calls"
        constraints = [
            not_negative(
                "input_tokens",
                "output_tokens",
                "cached_input_tokens",
                "duration_ms",
                name="llm_calls_counts_not_negative",
            ),
            between("cost_usd", 0, 9_999, name="llm_calls_cost_in_range"),
        ]
        indexes = [
            Index(fields=["tenant", "created_on"], name="idx_llm_calls_cost"),
            Index(fields=["tenant", "-created_on"], name="idx_llm_calls_tenant_created"),
            Index(fields=["activity_run"], name="idx_llm_calls_run"),
        ]

    def __str__(self):
        return f"{self.model_id} {self.cost_usd}"


class ToolCall(TenantRecord):
    """One use of a tool during a run, in summary; the whole exchange is in `tool_call_logs`."""

    append_only = True

    activity_run = TenantForeignKey(ActivityRun)
    tool_name = models.CharField(max_length=100)
    method = models.CharField(max_length=100)
    input = models.JSONField(default=dict, help_text="Without secrets.")
    output = models.JSONField(default=dict, help_text="A summary.")
    status = models.CharField(max_length=20, choices=ToolCallStatus)
    error = models.TextField(blank=True)
    duration_ms = models.IntegerField()

    class Meta(TenantRecord.Meta):
        db_table = "tool_calls"
        constraints = [
            models.CheckConstraint(
                condition=Q(status="success", error="") | (Q(status="error") & ~Q(error="")),
                name="tool_calls_error_says_what",
            ),
            not_negative("duration_ms", name="tool_calls_duration_not_negative"),
        ]
        indexes = [Index(fields=["tenant", "ref_id"], name="idx_tool_calls_ref")]

    def __str__(self):
        return f"{self.tool_name}.{self.method}"

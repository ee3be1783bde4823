"""Every write of work, approvals and templates, by noun."""

from .approvals import (
    ApprovalHeld,
    ApprovalStale,
    approved_snapshot,
    grant_approval,
    mark_opened,
    refuse_approval,
)
from .configuration import (
    AgentSettings,
    ProviderFacts,
    add_provider,
    edit_agent_config,
    edit_provider,
    edit_template,
    models_offered,
)
from .context_files import edit_context_file
from .costs import catch_up_costs, roll_up_costs
from .counting import recount
from .edits import NotEditable, replace_output
from .gates import digest_of, open_gate, refresh_gate, shown_at
from .pipelines import (
    NotATask,
    advance,
    cancel_activity,
    cancel_unit,
    close_step,
    finish_task,
    raise_task,
    retry_activity,
    set_subject,
    spawn_unit,
)
from .planning import plan_tenant, tend_periods
from .prices import seed_prices, set_price
from .runs import (
    Claim,
    LeaseLost,
    Spent,
    close_run,
    fail_attempt,
    finish_job,
    finish_run,
    give_back,
    held,
    holds_lease,
    record_call,
    settle_failure,
    wait_out,
)
from .templates import copy_global_templates, seed_global_templates

__all__ = [
    "AgentSettings",
    "ProviderFacts",
    "add_provider",
    "edit_agent_config",
    "edit_provider",
    "edit_template",
    "models_offered",
    "NotATask",
    "NotEditable",
    "edit_context_file",
    "replace_output",
    "ApprovalHeld",
    "ApprovalStale",
    "Claim",
    "LeaseLost",
    "Spent",
    "advance",
    "approved_snapshot",
    "cancel_activity",
    "cancel_unit",
    "close_run",
    "close_step",
    "catch_up_costs",
    "copy_global_templates",
    "digest_of",
    "fail_attempt",
    "finish_job",
    "finish_run",
    "finish_task",
    "give_back",
    "grant_approval",
    "held",
    "holds_lease",
    "mark_opened",
    "open_gate",
    "plan_tenant",
    "raise_task",
    "record_call",
    "recount",
    "refresh_gate",
    "refuse_approval",
    "retry_activity",
    "roll_up_costs",
    "seed_global_templates",
    "seed_prices",
    "set_price",
    "set_subject",
    "settle_failure",
    "shown_at",
    "spawn_unit",
    "tend_periods",
    "wait_out",
]

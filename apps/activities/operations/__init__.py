"""Every write of work, approvals and templates, by noun."""

from .approvals import (
    ApprovalHeld,
    ApprovalStale,
    approved_snapshot,
    grant_approval,
    mark_opened,
    refuse_approval,
)
from .context_files import edit_context_file
from .edits import NotEditable, replace_output
from .gates import digest_of, open_gate, refresh_gate, shown_at
from .pipelines import (
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
from .planning import plan_tenant
from .runs import (
    CAP_REACHED,
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
)
from .templates import copy_global_templates, seed_global_templates

__all__ = [
    "NotEditable",
    "edit_context_file",
    "replace_output",
    "ApprovalHeld",
    "ApprovalStale",
    "CAP_REACHED",
    "Claim",
    "LeaseLost",
    "Spent",
    "advance",
    "approved_snapshot",
    "cancel_activity",
    "cancel_unit",
    "close_run",
    "close_step",
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
    "refresh_gate",
    "refuse_approval",
    "retry_activity",
    "seed_global_templates",
    "set_subject",
    "settle_failure",
    "shown_at",
    "spawn_unit",
]

"""Work, the agents that do it, the people who decide on it, and what it cost."""

from .agents import AgentConfig, LlmCall, LlmProvider
from .approvals import Approval
from .templates import ActivityTemplate, RecurringTaskTemplate
from .work import Activity, ActivityDependency, ActivityLease, ActivityRun

__all__ = [
    "Activity",
    "ActivityDependency",
    "ActivityLease",
    "ActivityRun",
    "ActivityTemplate",
    "AgentConfig",
    "Approval",
    "LlmCall",
    "LlmProvider",
    "RecurringTaskTemplate",
]

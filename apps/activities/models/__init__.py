"""Work, the agents that do it, the people who decide on it, and what it cost."""

from .agents import AgentConfig, LlmCall, LlmProvider, ToolCall
from .approvals import Approval
from .costs import LlmCostDaily, ModelPrice
from .reviews import ReviewComment, ReviewLink, ReviewLinkApproval
from .sessions import Session
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
    "LlmCostDaily",
    "LlmProvider",
    "ModelPrice",
    "RecurringTaskTemplate",
    "ReviewComment",
    "ReviewLink",
    "ReviewLinkApproval",
    "Session",
    "ToolCall",
]

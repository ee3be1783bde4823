"""The tone in which each status is shown: neutral, info, success, warning or danger."""

from apps.channels.statuses import ChannelStatus

from ..statuses import ActivityStatus, ApprovalStatus, RiskLevel, RunStatus

ACTIVITY = {
    ActivityStatus.IN_PROGRESS: "info",
    ActivityStatus.AWAITING_APPROVAL: "warning",
    ActivityStatus.REJECTED: "warning",
    ActivityStatus.APPROVED: "success",
    ActivityStatus.COMPLETED: "success",
    ActivityStatus.FAILED: "danger",
}
APPROVAL = {
    ApprovalStatus.PENDING: "warning",
    ApprovalStatus.APPROVED: "success",
    ApprovalStatus.REJECTED: "warning",
    ApprovalStatus.EXPIRED: "danger",
}
CHANNEL = {
    ChannelStatus.CONNECTED: "success",
    ChannelStatus.EXPIRED: "danger",
    ChannelStatus.ERROR: "danger",
}
RISK = {RiskLevel.MEDIUM: "neutral", RiskLevel.HIGH: "danger"}
RUN = {
    RunStatus.RUNNING: "info",
    RunStatus.COMPLETED: "success",
    RunStatus.FAILED: "danger",
    RunStatus.TIMED_OUT: "danger",
}


def of(tones: dict, status: str) -> str:
    return tones.get(status, "neutral")

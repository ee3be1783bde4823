"""The gate to work and approvals: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.ids import is_ref_id
from apps.tenants.permissions import require

from .models import Activity, Approval, RecurringTaskTemplate


def approval_for(actor: Actor, ref_id: str, *, to: str) -> Approval:
    """`to`: "read" or "decide". Deciding needs the role the gate names."""
    approval = (
        Approval.objects.select_related("tenant", "activity", "activity__parent_activity", "assigned_to", "held_by")
        .filter(ref_id=ref_id)
        .first()
        if is_ref_id(ref_id)
        else None
    )
    if approval is None:
        raise NotFound
    require(actor, "approval.read" if to == "read" else f"approval.decide_as_{approval.required_role}")
    return approval


def activity_for(actor: Actor, ref_id: str, *, to: str) -> Activity:
    """`to`: "read", "retry", "cancel" or "finish"."""
    require(actor, f"activity.{to}")
    activity = (
        Activity.objects.select_related("tenant", "parent_activity", "deliverable", "goal", "assignee_user")
        .filter(ref_id=ref_id)
        .first()
        if is_ref_id(ref_id)
        else None
    )
    if activity is None:
        raise NotFound
    return activity


def recurring_task_for(actor: Actor, ref_id: str, *, to: str) -> RecurringTaskTemplate:
    """A client's own copy, never a global template. `to`: "read", "fill", "edit" or "spawn"."""
    require(actor, f"recurring_task.{to}")
    own = RecurringTaskTemplate.objects.filter(tenant__isnull=False).select_related("tenant", "updated_by")
    template = own.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if template is None:
        raise NotFound
    return template

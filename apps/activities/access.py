"""The gate to work and approvals: fetch and authorise in one step; absent and foreign look the same."""

from django.db.models import Q, QuerySet

from apps.shared.actors import Actor
from apps.shared.errors import NotAllowed, NotFound
from apps.shared.ids import is_ref_id
from apps.shared.lookups import by_ref
from apps.tenants.permissions import require
from apps.tenants.statuses import STAFF_ROLES

from . import skill_library
from .models import Activity, ActivityRun, AgentConfig, Approval, RecurringTaskTemplate


def approval_for(actor: Actor, ref_id: str, *, to: str) -> Approval:
    """`to`: "read" or "decide". Deciding needs the role the gate names."""
    rows = Approval.objects.select_related("tenant", "activity", "activity__parent_activity", "assigned_to", "held_by")
    approval = by_ref(rows, ref_id)
    require(actor, "approval.read" if to == "read" else f"approval.decide_as_{approval.required_role}")
    return approval


def activities_for(actor: Actor) -> QuerySet[Activity]:
    """What this person may see of the clients in scope: tasks that staff have among themselves are staff's."""
    if actor.role in STAFF_ROLES:
        return Activity.objects.all()
    is_staffs = Q(parent_activity__isnull=True, assignee_user__isnull=False, assignee_user__tenant__isnull=True)
    return Activity.objects.filter(~is_staffs)


def activity_for(actor: Actor, ref_id: str, *, to: str) -> Activity:
    """`to`: "read", "retry", "cancel" or "finish"."""
    require(actor, f"activity.{to}")
    return _activity(actor, ref_id)


def run_for(actor: Actor, ref_id: str, *, to: str) -> ActivityRun:
    """`to`: "read"."""
    run = by_ref(ActivityRun.objects.select_related("activity"), ref_id)
    require(actor, f"run.{to}")
    return run


def export_for(actor: Actor, ref_id: str) -> Activity:
    """The job that makes a file of everything a client has, to fetch it."""
    export = _activity(actor, ref_id)
    require(actor, "tenant.export")
    return export


def _activity(actor: Actor, ref_id: str) -> Activity:
    rows = activities_for(actor).select_related(
        "tenant", "parent_activity", "deliverable", "goal", "assignee_user", "created_by"
    )
    return by_ref(rows, ref_id)


def recurring_task_for(actor: Actor, ref_id: str, *, to: str) -> RecurringTaskTemplate:
    """A client's own copy, never a global template. `to`: "read", "fill", "edit" or "spawn"."""
    require(actor, f"recurring_task.{to}")
    own = RecurringTaskTemplate.objects.filter(tenant__isnull=False).select_related("tenant", "updated_by")
    return by_ref(own, ref_id)


def agent_for(actor: Actor, ref_id: str, *, to: str) -> AgentConfig:
    """How an agent role works for a client. `to`: "switch"."""
    config = by_ref(AgentConfig.objects.select_related("tenant"), ref_id)
    require(actor, f"agent_config.{to}")
    return config


def skill_for(actor: Actor, name: str, *, to: str) -> skill_library.Entry:
    """A name in the library of the one client in scope. `to`: "read" or "edit"; global skills are read here only."""
    require(actor, f"skill.{to}")
    entry = next((entry for entry in skill_library.library() if entry.name == name), None)
    if entry is None or (to == "edit" and entry.own is None):
        raise NotFound
    return entry


def global_skill_for(actor: Actor, name: str) -> skill_library.SkillVersion:
    """A skill of the platform, in its newest version; in a scope without clients."""
    require(actor, "skill.edit_global")
    skill = next((skill for skill in skill_library.newest() if skill.name == name and skill.is_global), None)
    if skill is None:
        raise NotFound
    return skill


def skill_by_ref(actor: Actor, ref_id: str, *, to: str) -> skill_library.SkillVersion:
    """The newest version of the skill of which `ref_id` names one, of the clients in scope or global. `to`: "read" or
    "edit"; raises NotAllowed for editing a global one."""
    require(actor, f"skill.{to}")
    skill = skill_library.newest_of(ref_id) if is_ref_id(ref_id) else None
    if skill is None:
        raise NotFound
    if to == "edit" and skill.is_global:
        raise NotAllowed("This is a global skill. Make one of its name to replace it for this client.")
    return skill

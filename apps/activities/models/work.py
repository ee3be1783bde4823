"""The activity, its order, its claim and its attempts."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from apps.shared.constraints import Index, TenantForeignKey, between, not_negative
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from ..bodies import MOST_ATTEMPTS, TemplateStep
from ..statuses import (
    ACTIVITY_MOVES,
    RUN_MOVES,
    ActivityStatus,
    ActivityType,
    AdapterType,
    AssigneeType,
    Priority,
    RunStatus,
)
from .sessions import Session

LIVE = Q(deleted_on__isnull=True)
ASKED_FOR = "asked:"  # how the origin of a unit begins that a person asked for, of no promise and no period


class Activity(TenantRecord, Mutable, SoftDelete):
    """Every unit of agent or human work. A unit of a pipeline is a parent, its steps are children."""

    moves = ACTIVITY_MOVES

    deliverable_period = TenantForeignKey("strategy.DeliverablePeriod", null=True, blank=True, db_index=False)
    deliverable = TenantForeignKey(
        "strategy.Deliverable",
        null=True,
        blank=True,
        db_index=False,
        help_text="Equal to the period's; set by the planner.",
    )
    goal = TenantForeignKey("strategy.Goal", null=True, blank=True, db_index=False)
    parent_activity = TenantForeignKey("self", null=True, blank=True, db_index=False, related_name="steps")
    pipeline_step = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=500)
    type = models.CharField(max_length=20, choices=ActivityType)
    assignee_type = models.CharField(max_length=10, choices=AssigneeType)
    assignee_agent_role = models.CharField(max_length=100, blank=True)
    assignee_user = models.ForeignKey(
        "tenants.User", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    status = models.CharField(max_length=30, choices=ActivityStatus, default=ActivityStatus.CREATED)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    is_approval_gate = models.BooleanField(default=False)
    input_data = models.JSONField(
        default=dict, help_text='{"step": TemplateStep, "template": ref_id, "subject": {"type", "ref"}}'
    )
    output_summary = models.JSONField(default=dict)
    output_ref = models.CharField(max_length=255, blank=True, help_text="ObjectId of the activity_outputs document.")
    rejection_note = models.TextField(blank=True)
    revision_note = models.TextField(blank=True)
    due_date = models.DateField(null=True, blank=True)
    started_on = models.DateTimeField(null=True, blank=True)
    completed_on = models.DateTimeField(null=True, blank=True)
    ready_on = models.DateTimeField(help_text="Not before: back-off, scheduled publication, settling.")
    origin_key = models.CharField(
        max_length=200, null=True, blank=True, help_text="Why it exists; spawning again adds nothing."
    )

    class Meta(TenantRecord.Meta):
        db_table = "activities"
        verbose_name_plural = "activities"
        constraints = [models.UniqueConstraint(fields=["tenant", "origin_key"], name="uniq_activities_origin")]
        indexes = [
            Index(fields=["tenant", "status"], name="idx_activities_tenant_status"),
            Index(fields=["deliverable_period", "status"], name="idx_activities_period_status"),
            Index(
                fields=["assignee_user", "status"],
                condition=Q(assignee_type="human"),
                name="idx_activities_user_status",
            ),
            Index(
                fields=["assignee_agent_role", "status"],
                condition=Q(assignee_type="agent"),
                name="idx_activities_role_status",
            ),
            Index(fields=["parent_activity"], name="idx_activities_parent"),
            Index(fields=["goal", "status"], name="idx_activities_goal_status"),
            Index(
                fields=["tenant", "assignee_agent_role", "status"],
                condition=Q(assignee_type="agent", status__in=["created", "assigned"]),
                name="idx_activities_agent_queue",
            ),
            Index(
                fields=["tenant", "assignee_user", "status"],
                condition=Q(assignee_type="human", status__in=["created", "awaiting_approval"]),
                name="idx_activities_human_queue",
            ),
            Index(fields=["tenant", "deliverable"], name="idx_activities_tenant_deliverable"),
            Index(
                fields=["tenant", "assignee_user"],
                condition=Q(assignee_user__isnull=False),
                name="idx_activities_tenant_assignee",
            ),
            Index(fields=["tenant", "status", "-created_on"], condition=LIVE, name="idx_activities_active"),
            Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_activities_tenant_ref"),
            # The claim's ORDER BY; ready_on is always part of it.
            Index(
                fields=["assignee_agent_role", "ready_on", "ref_id"],
                condition=Q(assignee_type="agent", status="assigned", deleted_on__isnull=True),
                name="idx_activities_claim",
            ),
        ]

    def __str__(self):
        return self.title

    @property
    def step(self) -> TemplateStep:
        """The template step this activity was made from, as it stood then."""
        return TemplateStep.model_validate(self.input_data["step"])

    @property
    def unit(self) -> "Activity":
        """The parent of a step."""
        if self.parent_activity is None:
            raise ValueError(f"{self.ref_id} is no step of a unit.")
        return self.parent_activity

    @property
    def is_unit(self) -> bool:
        return "step" not in self.input_data

    @property
    def subject_type(self) -> str:
        return self.input_data.get("subject", {}).get("type", "")

    @property
    def subject_ref(self) -> str:
        return self.input_data.get("subject", {}).get("ref", "")

    @property
    def asked(self) -> dict[str, Any] | None:
        """What a person asked for, at ad-hoc units and their steps: type, title, wish, platforms, wanted_by."""
        return self.input_data.get("asked")

    @property
    def platforms(self) -> list[str]:
        """Those that its promise names, or whoever asked for it; none where neither does."""
        if self.deliverable is not None:
            return self.deliverable.platforms
        return self.asked["platforms"] if self.asked else []

    def is_overdue(self, at: datetime) -> bool:
        return self.due_date is not None and self.completed_on is None and self.due_date < at.date()


class ActivityDependency(TenantRecord):
    """This activity becomes ready when that one is completed."""

    activity = TenantForeignKey(Activity, db_index=False)
    depends_on = TenantForeignKey(Activity)

    class Meta(TenantRecord.Meta):
        db_table = "activity_dependencies"
        verbose_name_plural = "activity dependencies"
        constraints = [
            models.UniqueConstraint(fields=["activity", "depends_on"], name="uniq_activity_dependencies_pair"),
            models.CheckConstraint(
                condition=~Q(activity=models.F("depends_on")), name="activity_dependencies_not_itself"
            ),
        ]

    def __str__(self):
        return f"{self.activity_id} after {self.depends_on_id}"


class ActivityLease(TenantRecord, Mutable):
    """Who works on an activity, until when. The row stays; its attempt only rises and is the fence of every late write."""

    activity = TenantForeignKey(Activity, db_index=False)
    attempt = models.SmallIntegerField()
    worker = models.CharField(max_length=255)
    leased_on = models.DateTimeField()
    heartbeat_on = models.DateTimeField()
    expires_on = models.DateTimeField(null=True, blank=True, help_text="NULL = free.")

    class Meta(TenantRecord.Meta):
        db_table = "activity_leases"
        constraints = [
            models.UniqueConstraint(fields=["activity"], name="uniq_activity_leases_activity"),
            between("attempt", 1, MOST_ATTEMPTS, name="activity_leases_attempt_positive"),
        ]
        indexes = [
            models.Index(fields=["expires_on"], name="idx_activity_leases_expires"),
            models.Index(fields=["tenant", "leased_on"], name="idx_activity_leases_served"),  # whose turn it is
        ]

    def __str__(self):
        return f"attempt {self.attempt} of {self.activity_id}"


class ActivityRun(TenantRecord):
    """One attempt of an agent. Inserted with the claim, closed exactly once by a function of the database."""

    append_only = True
    moves = RUN_MOVES

    activity = TenantForeignKey(Activity, db_index=False)
    adapter_type = models.CharField(max_length=50, choices=AdapterType)
    model_id = models.CharField(max_length=100)
    session = TenantForeignKey(
        Session, null=True, blank=True, db_index=False, help_text="NULL where the adapter keeps no session."
    )
    status = models.CharField(max_length=20, choices=RunStatus, default=RunStatus.RUNNING)
    error = models.TextField(blank=True)
    input_tokens = models.IntegerField(default=0)
    output_tokens = models.IntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=10, decimal_places=6, default=0)
    duration_ms = models.IntegerField(null=True, blank=True)
    started_on = models.DateTimeField()
    ended_on = models.DateTimeField(null=True, blank=True)
    attempt = models.SmallIntegerField()

    class Meta(TenantRecord.Meta):
        db_table = "activity_runs"
        constraints = [
            models.UniqueConstraint(fields=["activity", "attempt"], name="uniq_activity_runs_attempt"),
            not_negative("input_tokens", "output_tokens", "duration_ms", name="activity_runs_counts_not_negative"),
            between("cost_usd", 0, 9_999, name="activity_runs_cost_in_range"),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_activity_runs_ref"),
            models.Index(fields=["started_on"], condition=Q(status="running"), name="idx_activity_runs_running"),
            models.Index(fields=["session"], condition=Q(session__isnull=False), name="idx_activity_runs_session"),
        ]

    def __str__(self):
        return f"run {self.attempt} of {self.activity_id}"

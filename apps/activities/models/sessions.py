"""The thread of an agent role about a goal."""

from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import TenantForeignKey, not_negative
from apps.shared.models import Mutable, TenantRecord

from ..statuses import AdapterType


class Session(TenantRecord, Mutable):
    """What one agent role remembers of its work towards one goal, with one model, until it expires: the runs that name it.

    A session is over once `expires_at` has passed, or was set to the moment of its end: there is no status, and rows stay.
    """

    write_once = ("external_session_id", "agent_role", "goal_id", "adapter_type", "model_id")

    external_session_id = models.CharField(
        max_length=255, null=True, blank=True, help_text="Of the model service; NULL where it keeps none."
    )
    agent_role = models.CharField(max_length=100)
    goal = TenantForeignKey("strategy.Goal", db_index=False)
    adapter_type = models.CharField(max_length=50, choices=AdapterType)
    model_id = models.CharField(max_length=100)
    token_count = models.IntegerField(default=0, help_text="Of all calls so far.")
    expires_at = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "sessions"
        constraints = [
            # Over all clients: what one client's agent told a model must never be continued for another.
            models.UniqueConstraint(fields=["adapter_type", "external_session_id"], name="uniq_sessions_external"),
            not_negative("token_count", name="sessions_token_count_not_negative"),
            models.CheckConstraint(condition=Q(expires_at__gte=F("created_on")), name="sessions_end_after_start"),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_sessions_ref"),
            models.Index(fields=["goal", "agent_role", "expires_at"], name="idx_sessions_goal_role"),
        ]

    def __str__(self):
        return f"{self.agent_role} with {self.model_id}"

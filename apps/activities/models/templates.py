"""Pipelines and recurring tasks; global ones have no tenant and are copied to every new client."""

from django.db import models
from django.db.models import Q

from apps.shared.models import Mutable, PlatformOrTenantRecord, SoftDelete

from ..bodies import TemplateStep, TemplateVariable
from ..statuses import AssigneeType, HumanRole, Periodicity, Trigger

LIVE = Q(deleted_on__isnull=True)


class ActivityTemplate(PlatformOrTenantRecord, Mutable, SoftDelete):
    """The steps of one kind of work. An edit raises the version; what was planned before keeps its own steps."""

    shows_global_rows = True

    deliverable_type = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    source_template = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    steps = models.JSONField(default=list)
    version = models.SmallIntegerField(default=1)
    is_active = models.BooleanField(default=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "activity_templates"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "deliverable_type"],
                condition=Q(is_active=True, deleted_on__isnull=True),
                nulls_distinct=False,
                name="uniq_activity_templates_default",
            )
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_activity_templates_ref")]

    def __str__(self):
        return self.name

    @property
    def parsed_steps(self) -> list[TemplateStep]:
        return [TemplateStep.model_validate(step) for step in self.steps]


class RecurringTaskTemplate(PlatformOrTenantRecord, Mutable, SoftDelete):
    """A task that recurs on its own, outside any pipeline."""

    shows_global_rows = True
    personal = ("variable_values",)  # names and telephone numbers of people, among others

    source_template = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    assignee_type = models.CharField(max_length=10, choices=AssigneeType)
    agent_role = models.CharField(max_length=100, null=True, blank=True)
    human_role = models.CharField(max_length=20, choices=HumanRole, null=True, blank=True)
    periodicity = models.CharField(max_length=20, choices=Periodicity)
    trigger = models.CharField(max_length=30, choices=Trigger)
    cron_expression = models.CharField(max_length=100, null=True, blank=True)
    prompt_template = models.TextField(blank=True)
    variables = models.JSONField(default=list)
    variable_values = models.JSONField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "recurring_task_templates"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "source_template"],
                condition=Q(source_template__isnull=False, deleted_on__isnull=True),
                name="uniq_recurring_task_templates_copy",
            ),
            models.CheckConstraint(
                condition=Q(trigger="cron", cron_expression__isnull=False)
                | (~Q(trigger="cron") & Q(cron_expression__isnull=True)),
                name="recurring_task_templates_cron_only_for_cron",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_recurring_templates_ref")]

    def __str__(self):
        return self.name

    @property
    def parsed_variables(self) -> list[TemplateVariable]:
        return [TemplateVariable.model_validate(variable) for variable in self.variables]

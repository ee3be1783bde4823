"""Global templates, and the copies every client owns."""

from datetime import datetime

from django.db import transaction

from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.ids import new_id
from apps.shared.scoping import every_tenant

from .. import seeds
from ..models import ActivityTemplate, AgentConfig, RecurringTaskTemplate


def seed_global_templates(*, at: datetime) -> int:
    """Make the global templates that are not there yet; edited ones are left alone. Returns how many were made."""
    made = 0
    with every_tenant(reason="global templates belong to the platform"), transaction.atomic():
        locks.take_turns("activities.seed_global_templates")
        for pipeline in seeds.PIPELINES:
            if ActivityTemplate.objects.filter(tenant=None, deliverable_type=pipeline.deliverable_type).exists():
                continue
            ActivityTemplate.objects.create(
                deliverable_type=pipeline.deliverable_type,
                name=pipeline.name,
                steps=[step.model_dump(mode="json") for step in pipeline.steps],
                created_on=at,
            )
            made += 1
        for task in seeds.RECURRING:
            if RecurringTaskTemplate.objects.filter(tenant=None, name=task.name).exists():
                continue
            RecurringTaskTemplate.objects.create(
                name=task.name,
                description=task.description,
                assignee_type=task.assignee_type,
                agent_role=task.agent_role,
                human_role=task.human_role,
                periodicity=task.periodicity,
                trigger=task.trigger,
                cron_expression=task.cron_expression,
                prompt_template=task.prompt_template,
                variables=[variable.model_dump(mode="json") for variable in task.variables],
                created_on=at,
            )
            made += 1
    return made


def copy_global_templates(tenant, *, by: Actor, at: datetime) -> None:
    """The client's own copies of all global templates, and its agents with their default settings. Adds only what lacks."""
    had = set(ActivityTemplate.objects.filter(tenant=tenant).values_list("source_template_id", flat=True))
    ActivityTemplate.objects.bulk_create(
        ActivityTemplate(
            id=new_id(),
            tenant=tenant,
            source_template=source,
            deliverable_type=source.deliverable_type,
            name=source.name,
            steps=source.steps,
            version=source.version,
            created_by=by.user,
            created_on=at,
        )
        for source in ActivityTemplate.objects.filter(tenant=None, is_active=True).order_by("ref_id")
        if source.id not in had
    )
    had = set(RecurringTaskTemplate.objects.filter(tenant=tenant).values_list("source_template_id", flat=True))
    copied = "name description assignee_type agent_role human_role periodicity trigger cron_expression prompt_template variables"
    RecurringTaskTemplate.objects.bulk_create(
        RecurringTaskTemplate(
            id=new_id(),
            tenant=tenant,
            source_template=source,
            variable_values={},
            created_by=by.user,
            created_on=at,
            **{name: getattr(source, name) for name in copied.split()},
        )
        for source in RecurringTaskTemplate.objects.filter(tenant=None, is_active=True).order_by("ref_id")
        if source.id not in had
    )
    had_roles = set(AgentConfig.objects.filter(tenant=tenant).values_list("agent_role", flat=True))
    AgentConfig.objects.bulk_create(
        AgentConfig(
            id=new_id(),
            tenant=tenant,
            agent_role=defaults.agent_role,
            adapter_type=defaults.adapter_type,
            model_id=defaults.model_id,
            max_concurrent=defaults.max_concurrent,
            timeout_ms=defaults.timeout_ms,
            max_cost_usd_per_activity=defaults.max_cost_usd_per_activity,
            escalation_after_failures=defaults.escalation_after_failures,
            tool_names=list(defaults.tool_names),
            created_by=by.user,
            created_on=at,
        )
        for defaults in seeds.AGENT_DEFAULTS.values()
        if defaults.agent_role not in had_roles
    )
    journal.record("templates.copied", tenant, by=by, at=at)

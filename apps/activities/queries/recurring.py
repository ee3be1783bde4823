"""Recurring tasks: what they wait for, and when they are due."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from apps.shared.scoping import TenantFacts
from apps.strategy.models import OnboardingRun, Strategy
from apps.strategy.statuses import OnboardingStatus

from .. import schedules, variables
from ..bodies import TemplateVariable
from ..models import Activity, RecurringTaskTemplate
from ..statuses import Trigger

SLOT_FORMAT = "%Y-%m-%dT%H:%M:%SZ"  # of UTC; sorts as the moments do


def day_of(moment: datetime, time_zone: str) -> date:
    """The client's day of a moment."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def events_of(tenant_id) -> dict[str, datetime | None]:
    """When what recurring tasks wait for happened first, by trigger; None where it has not happened."""
    runs = OnboardingRun.objects.filter(tenant_id=tenant_id, status=OnboardingStatus.COMPLETED)
    approved = Strategy.objects.filter(tenant_id=tenant_id, approved_on__isnull=False)
    return {
        Trigger.ON_ONBOARDING: runs.order_by("reviewed_on").values_list("reviewed_on", flat=True).first(),
        Trigger.ON_STRATEGY_APPROVAL: approved.order_by("approved_on").values_list("approved_on", flat=True).first(),
    }


def schedule_of(
    template: RecurringTaskTemplate, time_zone: str, events: dict[str, datetime | None]
) -> schedules.Schedule:
    return schedules.Schedule(
        trigger=template.trigger,
        periodicity=template.periodicity,
        zone=time_zone,
        cron_expression=template.cron_expression,
        anchor=events.get(template.trigger),
    )


def obstacles(template: RecurringTaskTemplate) -> list[str]:
    """Why no task can be made of a template, as sentences; an empty list if nothing stands in the way."""
    defined = template.parsed_variables
    missing = variables.missing(defined, template.variable_values or {})
    unknown = variables.unknown_keys(template.prompt_template, defined)
    told = [f"Missing: {', '.join(variable.label for variable in missing)}."] if missing else []
    return told + [f"The text asks for {{{{{key}}}}}, which nobody defined." for key in unknown]


def latest_slot_made(template: RecurringTaskTemplate, *, until: datetime) -> tuple[datetime, str | None] | None:
    """The latest slot that became a task, deleted ones too, and the zone it was counted in, which older tasks do not say.

    None later than `until` counts.
    """
    prefix = f"slot:{template.ref_id}/"
    made = Activity.with_deleted.filter(
        tenant_id=template.tenant_id,
        origin_key__gte=prefix,
        origin_key__lte=prefix + until.astimezone(UTC).strftime(SLOT_FORMAT),
    )
    latest = made.order_by("-origin_key").values_list("origin_key", "input_data__zone").first()
    if latest is None:
        return None
    origin_key, zone = latest
    return datetime.strptime(origin_key.removeprefix(prefix), SLOT_FORMAT).replace(tzinfo=UTC), zone


@dataclass(frozen=True)
class RecurringTask:
    """A client's recurring task as its pages show it: what it lacks, when it comes next, the tasks it has made."""

    template: RecurringTaskTemplate
    missing: list[TemplateVariable]
    obstacles: list[str]
    next_on: datetime | None
    made: list[Activity]

    @property
    def is_waiting(self) -> bool:
        """It would come, but for values that nobody has filled in."""
        return self.template.is_active and bool(self.obstacles)


def recurring_tasks(tenant: TenantFacts, *, at: datetime) -> list[RecurringTask]:
    """All recurring tasks of a client: those that wait for values first, those that are switched off last."""
    templates = RecurringTaskTemplate.objects.filter(tenant_id=tenant.id).order_by("name", "ref_id")
    events = events_of(tenant.id)
    found = [_recurring_task(template, tenant, events, at=at) for template in templates]
    return sorted(found, key=lambda task: (not task.template.is_active, not task.is_waiting))


def recurring_task(template: RecurringTaskTemplate, tenant: TenantFacts, *, at: datetime) -> RecurringTask:
    """One of them, with the tasks it made lately."""
    made = Activity.objects.filter(input_data__template=template.ref_id).order_by("-ref_id")[:10]
    return _recurring_task(template, tenant, events_of(tenant.id), at=at, made=list(made))


def _recurring_task(
    template: RecurringTaskTemplate,
    tenant: TenantFacts,
    events: dict[str, datetime | None],
    *,
    at: datetime,
    made: list[Activity] | None = None,
) -> RecurringTask:
    hindered = obstacles(template)
    comes = template.is_active and not hindered
    return RecurringTask(
        template=template,
        missing=variables.missing(template.parsed_variables, template.variable_values or {}),
        obstacles=hindered,
        next_on=schedules.next_slot(schedule_of(template, tenant.time_zone, events), at=at) if comes else None,
        made=made or [],
    )

"""Recurring tasks: what a client fills into them, what staff set them to, and the tasks that come of them.

A slot becomes one task, whoever looks first: the template's row is locked while its slots are compared with the tasks it has
made, and `origin_key` (`slot:<template>/<utc>`) is unique. Of slots that nobody looked at in time only the latest is made up.

A slot counts from the last change of the template (of an event: from its making) and from the acceptance of the contract.
So nothing comes for the time in which a template was switched off or different; what was due just before an edit comes
before it, and what waited for values comes when they are filled in.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from pydantic import TypeAdapter, ValidationError

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.edits import edit
from apps.shared.errors import InvalidInput, NotAllowed, OperationRefused
from apps.shared.scoping import TenantFacts
from apps.tenants.models import Tenant
from apps.tenants.statuses import TenantStatus

from .. import queries, registry, schedules, variables
from ..bodies import AGENT_ROLES, TemplateStep, TemplateVariable, role_in_words
from ..models import Activity, AgentConfig, RecurringTaskTemplate
from ..queries import SLOT_FORMAT
from ..statuses import (
    ACTIVITY_MOVES,
    ActivityStatus,
    ActivityType,
    AssigneeType,
    HumanRole,
    Periodicity,
    Trigger,
)
from .gates import person_for

VARIABLES = TypeAdapter(list[TemplateVariable])
MOST_VARIABLES = 30
OVER = (ActivityStatus.COMPLETED, ActivityStatus.CANCELLED)
# Of several beats, and less than lies between two slots. A slot further ahead came of a wrong clock, and holds nothing back.
CLOCKS_APART = timedelta(minutes=10)


class ValuesMissing(OperationRefused):
    """Values are missing. Fill them in under Setup, then the task can be made."""

    code = "values_missing"


class SwitchedOff(OperationRefused):
    """This recurring task is switched off. Switch it on first."""

    code = "switched_off"


class ClientClosed(OperationRefused):
    """This client is suspended, or has not accepted its contract: no work is made for it."""

    code = "client_closed"


class TaskStillOpen(OperationRefused):
    """A task that was made by hand is still open. Finish or cancel it first."""

    code = "task_still_open"


def spawn_due(tenant: TenantFacts, *, by: Actor, at: datetime) -> int:
    """Make the tasks that are due for this client; returns how many. Each is a transaction of its own."""
    opened_on = open_since(tenant.id)
    if opened_on is None:
        return 0
    ready = [
        template
        for template in RecurringTaskTemplate.objects.filter(tenant_id=tenant.id, is_active=True)
        .exclude(trigger=Trigger.MANUAL)
        .order_by("ref_id")
        if not queries.obstacles(template)
    ]
    events = queries.events_of(tenant.id) if ready else {}
    latest = {}
    for template in ready:
        schedule = queries.schedule_of(template, tenant.time_zone, events)
        due = schedules.latest_due(schedule, after=max(_since(template), opened_on), at=at)
        if due is not None:
            latest[_origin(template, due.slot)] = template
    made = set(Activity.with_deleted.filter(origin_key__in=latest).values_list("origin_key", flat=True))
    spawned = 0
    for origin, template in latest.items():
        if origin not in made:
            with transaction.atomic():
                spawned += _spawn_if_due(_locked(template), since=None, by=by, at=at) is not None
    return spawned


def spawn_now(template: RecurringTaskTemplate, *, by: Actor, at: datetime) -> Activity:
    """Make the task once, now, whatever its schedule. Raises NotAllowed for a global template, SwitchedOff, ClientClosed,
    ValuesMissing, and TaskStillOpen while one that was made by hand is open, which also takes a second click."""
    if template.tenant_id is None:
        raise NotAllowed("This is the global template. Choose the client's own copy.")
    with transaction.atomic():
        template = _locked(template)
        if not template.is_active:
            raise SwitchedOff
        if open_since(template.tenant_id) is None:
            raise ClientClosed
        if obstacles := queries.obstacles(template):
            raise ValuesMissing(f"{' '.join(obstacles)} Fill them in under Setup, then the task can be made.")
        by_hand = f"manual:{template.ref_id}/"
        if Activity.objects.filter(origin_key__startswith=by_hand).exclude(status__in=OVER).exists():
            raise TaskStillOpen
        return _spawn(template, origin=f"{by_hand}{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", slot=at, by=by, at=at)


def fill_variables(
    template: RecurringTaskTemplate,
    values: Mapping[str, str],
    *,
    by: Actor,
    at: datetime,
    seen_on: datetime | None,
) -> RecurringTaskTemplate:
    """Keep a client's values, all of them at once; a slot that waited for them becomes its task.

    `values` are texts by key. The journal says that they were set and not what they are. Raises InvalidInput with a
    sentence per key, NotAllowed for a global template, EditedMeanwhile.
    """
    if template.tenant_id is None:
        raise NotAllowed("This is the global template. Values belong to a client's own copy.")
    with transaction.atomic():
        template = _locked(template)
        kept = _checked_values(template, values)
        since = _since(template)
        filled = edit(template, "recurring_task.filled", {"variable_values": kept}, by=by, at=at, seen_on=seen_on)
        _spawn_if_due(filled, since=since, by=by, at=at)
    return filled


def _checked_values(template: RecurringTaskTemplate, values: Mapping[str, str]) -> dict[str, str]:
    defined = template.parsed_variables
    errors = {key: ["This template has no such variable."] for key in values if key not in {v.key for v in defined}}
    kept = {}
    for variable in defined:
        try:
            kept[variable.key] = variables.checked(variable, values.get(variable.key, ""))
        except variables.BadValue as error:
            errors[variable.key] = [str(error)]
    if not errors and not variables.unknown_keys(template.prompt_template, defined):
        length = len(variables.filled(template.prompt_template, defined, kept))
        if length > variables.TEXT_LENGTH:
            errors["values"] = [f"The whole text would have {length} characters; {variables.TEXT_LENGTH} fit."]
    if errors:
        raise InvalidInput(errors)
    return kept


@dataclass(frozen=True)
class RecurringSettings:
    """What a recurring task is, without a client's values. `variables` is a list of TemplateVariable in JSON."""

    name: str
    description: str
    assignee_type: str
    agent_role: str | None
    human_role: str | None
    periodicity: str
    trigger: str
    cron_expression: str | None
    prompt_template: str
    variables: Any
    is_active: bool

    @classmethod
    def of(cls, template: RecurringTaskTemplate) -> "RecurringSettings":
        return cls(**{name: getattr(template, name) for name in cls.__dataclass_fields__})


def edit_recurring_task(
    template: RecurringTaskTemplate, wanted: RecurringSettings, *, by: Actor, at: datetime, seen_on: datetime | None
) -> RecurringTaskTemplate:
    """Change a global template, which reaches no copy, or a client's own copy, which is switched on and off here too.

    What was due under the old settings comes first. Raises InvalidInput with sentences per field, EditedMeanwhile.
    """
    changes = _checked_settings(wanted)
    with transaction.atomic():
        template = _locked(template)
        if template.tenant_id is not None:
            _spawn_if_due(template, since=None, by=by, at=at)
            defined = {variable["key"] for variable in changes["variables"]}
            changes["variable_values"] = {
                key: value for key, value in (template.variable_values or {}).items() if key in defined
            }
        return edit(template, "recurring_task.edited", changes, by=by, at=at, seen_on=seen_on)


def _checked_settings(wanted: RecurringSettings) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    try:
        defined = VARIABLES.validate_python(wanted.variables)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, e['loc'])) or 'variables'}: {e['msg']}." for e in error.errors()[:10]]
        raise InvalidInput({"variables": found}) from error
    if len(defined) > MOST_VARIABLES:
        errors["variables"] = [f"At most {MOST_VARIABLES} variables."]
    if problems := variables.problems_with(wanted.prompt_template, defined):
        errors["prompt_template"] = problems[:10]
    if len(wanted.prompt_template) > variables.TEXT_LENGTH:
        errors["prompt_template"] = [f"At most {variables.TEXT_LENGTH} characters."]
    cron = (wanted.cron_expression or "").strip() or None
    if wanted.trigger == Trigger.CRON:
        problem = schedules.problem_with(cron, wanted.periodicity) if cron else "A schedule needs its cron expression."
        if problem:
            errors["cron_expression"] = [problem]
    elif cron:
        errors["cron_expression"] = ["Only a task on a schedule has a cron expression; leave it empty."]
    is_agents = wanted.assignee_type == AssigneeType.AGENT
    if is_agents and wanted.agent_role not in AGENT_ROLES:
        errors["agent_role"] = ["There is no such agent."]
    if not is_agents and wanted.human_role not in HumanRole.values:
        errors["human_role"] = ["Say whose task it is: the reviewer's or the client admin's."]
    if errors:
        raise InvalidInput(errors)
    return {
        **asdict(wanted),
        "cron_expression": cron,
        "agent_role": wanted.agent_role if is_agents else None,
        "human_role": None if is_agents else wanted.human_role,
        "variables": [variable.model_dump(mode="json") for variable in defined],
    }


def _locked(template: RecurringTaskTemplate) -> RecurringTaskTemplate:
    return RecurringTaskTemplate.objects.select_for_update(of=("self",)).get(pk=template.pk)


def open_since(tenant_id) -> datetime | None:
    """When this client's contract was accepted; None while no work may be made for it."""
    open_ones = Tenant.objects.filter(pk=tenant_id, status__in=[TenantStatus.TRIALING, TenantStatus.ACTIVE])
    return open_ones.values_list("contract_accepted_on", flat=True).first()


def zone_of(tenant_id) -> str:
    """Of a client in any scope, also where Manage works over all."""
    return Tenant.objects.values_list("timezone", flat=True).get(pk=tenant_id)


def _since(template: RecurringTaskTemplate) -> datetime:
    """Slots after this moment count. An event that has happened stays so, whatever is changed or filled in afterwards."""
    if template.trigger in schedules.EVENTS and template.periodicity == Periodicity.ONE_TIME:
        return template.created_on
    return template.updated_on or template.created_on


def _origin(template: RecurringTaskTemplate, slot: datetime) -> str:
    return f"slot:{template.ref_id}/{slot.astimezone(UTC).strftime(SLOT_FORMAT)}"


def _spawn_if_due(
    template: RecurringTaskTemplate, *, since: datetime | None, by: Actor, at: datetime
) -> Activity | None:
    """The task of the latest slot that has none yet, of a locked template. `since` stands in for the template's own."""
    opened_on = open_since(template.tenant_id)
    if not template.is_active or opened_on is None or queries.obstacles(template):
        return None
    made = queries.latest_slot_made(template, until=at + CLOCKS_APART)
    if made is not None and template.periodicity == Periodicity.ONE_TIME:
        return None
    zone = zone_of(template.tenant_id)
    schedule = queries.schedule_of(template, zone, queries.events_of(template.tenant_id))
    after = [since or _since(template), opened_on]
    if made is not None:
        slot, its_zone = made
        after += [slot, schedules.same_slot(schedule, slot, zone=its_zone or zone)]
    due = schedules.latest_due(schedule, after=max(after), at=at)
    if due is None:
        return None
    return _spawn(template, origin=_origin(template, due.slot), slot=due.slot, left_out=due.left_out, by=by, at=at)


def _spawn(
    template: RecurringTaskTemplate, *, origin: str, slot: datetime, by: Actor, at: datetime, left_out: int = 0
) -> Activity:
    zone = zone_of(template.tenant_id)
    defined, values = template.parsed_variables, template.variable_values or {}
    why_no_agent = _why_no_agent(template) if template.assignee_type == AssigneeType.AGENT else ""
    is_agents = template.assignee_type == AssigneeType.AGENT and not why_no_agent
    human_role = template.human_role or HumanRole.REVIEWER
    notes = [why_no_agent] if why_no_agent else []
    if left_out:
        notes.append(
            f"{left_out} earlier {'one was' if left_out == 1 else 'ones were'} missed and left out; this is the latest."
        )
    step = TemplateStep(
        key="recurring_task",
        title=template.name[:200],
        type="other",
        assignee_type="agent" if is_agents else "human",
        agent_role=template.agent_role if is_agents else None,
        human_role=None if is_agents else human_role,  # type: ignore[arg-type]  # the column's choices are the literal's
        prompt_template=variables.pointing(template.prompt_template, defined)[: variables.TEXT_LENGTH],
        due_offset_days=0,
    )
    task = Activity.objects.create(
        tenant_id=template.tenant_id,
        title=template.name,
        type=ActivityType.OTHER,
        assignee_type=AssigneeType.AGENT if is_agents else AssigneeType.HUMAN,
        assignee_agent_role=template.agent_role or "" if is_agents else "",
        origin_key=origin,
        input_data={
            "step": step.model_dump(mode="json"),
            "template": template.ref_id,
            "slot": slot.astimezone(UTC).strftime(SLOT_FORMAT),
            "zone": zone,
            "left_out": left_out,
            "prompt": variables.filled(template.prompt_template, defined, values),
            "values": {variable.key: values.get(variable.key, "") for variable in defined},
            "notes": notes,
        },
        due_date=queries.day_of(slot, zone),
        ready_on=at,
        created_by=by.user,
        created_on=at,
    )
    journal.record("task.spawned", task, by=by, at=at, after={"origin": origin, "left_out": left_out})
    person = None if is_agents else person_for(human_role, template.tenant_id)
    return ACTIVITY_MOVES.perform(task, "ready", by=by, at=at, assignee_user=person)


def _why_no_agent(template: RecurringTaskTemplate) -> str:
    """Why a person gets what was meant for an agent; '' where the agent can do it."""
    name = role_in_words(template.agent_role or "")
    if (template.agent_role or "", registry.TASK) not in registry.AGENTS:
        return f"Meant for the agent “{name}”, which cannot do tasks of this kind yet: please do it yourself."
    if not AgentConfig.objects.filter(
        tenant_id=template.tenant_id, agent_role=template.agent_role, is_enabled=True
    ).exists():
        return f"Meant for the agent “{name}”, which is switched off for this client: please do it yourself."
    return ""

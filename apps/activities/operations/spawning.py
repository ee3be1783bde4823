"""The one place where a unit's rows are made: the parent, its steps, and their order; for many units in few statements."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.ids import block_values, id_block, id_in_block, spell
from apps.shared.scoping import facts_of
from apps.strategy.models import DeliverablePeriod, Goal

from ..bodies import TemplateStep
from ..models import Activity, ActivityTemplate
from ..queries import day_of
from ..statuses import ACTIVITY_MOVES, ActivityStatus, ActivityType, AssigneeType, Priority
from .pipelines import make_ready
from .platforms import suited

LONGEST_TITLE = 500


@dataclass(frozen=True)
class NewUnit:
    """A unit to be made. `origin` makes it idempotent: of one that exists already nothing is made.

    `subject` is (subject type, ref_id) where all steps are about one existing row; `number` counts the units of a period;
    `about` is what the steps' agents find their material by. A unit without a period may serve a goal, name platforms and
    be due on a day of its own; one with a period takes them from its promise.
    """

    template: ActivityTemplate
    tenant_id: UUID
    title: str
    origin: str
    subject: tuple[str, str] | None = None
    period: DeliverablePeriod | None = None
    number: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)
    goal: Goal | None = None
    wanted_platforms: Sequence[str] = ()
    due: date | None = None

    @property
    def platforms(self) -> list[str]:
        """Those that the promise names, or whoever asked for a unit that serves none."""
        return self.period.deliverable.platforms if self.period else list(self.wanted_platforms)

    @property
    def steps(self) -> list[TemplateStep]:
        return [suited(step, self.platforms, number=self.number) for step in self.template.parsed_steps]

    @property
    def origin_key(self) -> str:
        """Of the unit's own row; each step has one of its own."""
        return f"{self.origin}/unit"


def spawn_unit(
    template: ActivityTemplate,
    *,
    tenant_id: UUID,
    title: str,
    origin: str,
    by: Actor,
    at: datetime,
    subject: tuple[str, str] | None = None,
    period: DeliverablePeriod | None = None,
    number: int = 1,
    about: Mapping[str, Any] | None = None,
) -> Activity:
    """One unit, as `spawn_units` makes them; a unit of this origin that exists already is returned as it is."""
    unit = NewUnit(template, tenant_id, title, origin, subject, period, number, about or {})
    with transaction.atomic():
        made = spawn_units([unit], by=by, at=at)
        found = Activity.with_deleted.get(tenant_id=tenant_id, origin_key=unit.origin_key)
        if made:
            journal.record(
                "unit.spawned", found, by=by, at=at, after={"origin": origin, "steps": len(template.parsed_steps)}
            )
    return found


# A unit is born in progress and an agent's first step assigned: what their moves "start" and "ready" would make of them
# at once. The journal tells of the two moves, for all of a client's units together. Ids are one block: of each unit, in
# their order, its own, one per step and one per dependency; `first` is how far into the block a unit begins.
UNITS = f"""
INSERT INTO activities (id, tenant_id, created_by, created_on, deliverable_period_id, deliverable_id, goal_id, title,
                        pipeline_step, type, assignee_type, assignee_agent_role, status, priority, is_approval_gate,
                        input_data, output_summary, output_ref, rejection_note, revision_note, due_date, started_on,
                        ready_on, origin_key)
SELECT {id_in_block("u.first")}, u.tenant_id, %(by)s, %(at)s, u.period_id, u.deliverable_id, u.goal_id, u.title,
       '', %(type)s, %(human)s, '', %(in_progress)s, %(priority)s, false,
       u.facts, '{{}}', '', '', '', %(due)s, %(at)s, %(at)s, u.origin || '/unit'
  FROM jsonb_to_recordset(%(units)s) AS u(first int, tenant_id uuid, period_id uuid, deliverable_id uuid, goal_id uuid,
                                          title text, facts jsonb, origin text)
 ORDER BY u.first
    ON CONFLICT (tenant_id, origin_key) DO NOTHING
RETURNING id
"""
STEPS = f"""
INSERT INTO activities (id, tenant_id, created_by, created_on, deliverable_period_id, deliverable_id, goal_id,
                        parent_activity_id, title, pipeline_step, type, assignee_type, assignee_agent_role, status,
                        priority, is_approval_gate, input_data, output_summary, output_ref, rejection_note, revision_note,
                        due_date, ready_on, origin_key)
SELECT {id_in_block("u.first + s.number")}, u.tenant_id, %(by)s, %(at)s, u.period_id, u.deliverable_id, u.goal_id,
       {id_in_block("u.first")}, s.title, s.key, s.type, s.assignee_type, s.agent_role, s.status, %(priority)s, s.is_gate,
       u.facts || jsonb_build_object('step', s.step), '{{}}', '', '', '', s.due, %(at)s, u.origin || '/' || s.key
  FROM jsonb_to_recordset(%(units)s) AS u(first int, tenant_id uuid, period_id uuid, deliverable_id uuid, goal_id uuid,
                                          facts jsonb, origin text)
 CROSS JOIN jsonb_to_recordset(%(steps)s) AS s(number int, key text, title text, type text, assignee_type text,
                                                    agent_role text, status text, is_gate boolean, due date, step jsonb)
 ORDER BY u.first, s.number
"""
ORDER = f"""
INSERT INTO activity_dependencies (id, tenant_id, created_by, created_on, activity_id, depends_on_id)
SELECT {id_in_block("u.first + e.number")}, u.tenant_id, %(by)s, %(at)s,
       {id_in_block("u.first + e.step")}, {id_in_block("u.first + e.needed")}
  FROM jsonb_to_recordset(%(units)s) AS u(first int, tenant_id uuid)
 CROSS JOIN jsonb_to_recordset(%(edges)s) AS e(number int, step int, needed int)
 ORDER BY u.first, e.number
"""


def spawn_units(units: Sequence[NewUnit], *, by: Actor, at: datetime) -> int:
    """Make those of these units that do not exist yet, whole, and have their first steps ready. Returns how many.

    Statements are few however many units there are: three per pipeline that differs and per day that it is where the
    clients are, and the journal's. Part of a transaction, which the caller keeps short.
    """
    today = {}
    for tenant_id in {unit.tenant_id for unit in units}:
        Activity(tenant_id=tenant_id).belong_to_scope()
        today[tenant_id] = day_of(at, facts_of(tenant_id).time_zone)
    templates = {unit.template.pk: unit.template for unit in units}
    pipelines = {pk: json.dumps(template.steps, sort_keys=True) for pk, template in templates.items()}
    alike: dict[tuple, list[NewUnit]] = defaultdict(list)
    for unit in units:
        turn = unit.number % len(unit.platforms) if unit.platforms else 0
        begins = today[unit.tenant_id]
        alike[pipelines[unit.template.pk], tuple(unit.platforms), turn, begins, unit.due].append(unit)
    return sum(_spawn_alike(those, those[0].steps, begins=key[3], by=by, at=at) for key, those in alike.items())


def _spawn_alike(
    units: Sequence[NewUnit], steps: Sequence[TemplateStep], *, begins: date, by: Actor, at: datetime
) -> int:
    """Units of the same steps and the same due day, whichever clients' templates these are.

    `begins` is the day that it is at these clients, from which the steps' days are counted.
    """
    due = units[0].due
    numbers = {step.key: number for number, step in enumerate(steps, 1)}
    edges = [(numbers[step.key], numbers[needed]) for step in steps for needed in step.depends_on]
    block, rows = id_block(), [_row(unit, first=n * (1 + len(steps) + len(edges))) for n, unit in enumerate(units)]
    values: dict[str, Any] = {
        **block_values(block),
        "by": by.user.pk if by.user else None,
        "at": at,
        "type": ActivityType.OTHER,
        "human": AssigneeType.HUMAN,
        "in_progress": ActivityStatus.IN_PROGRESS,
        "priority": Priority.NORMAL,
        "due": due or begins + timedelta(days=max(step.due_offset_days for step in steps)),
        "units": json.dumps(rows),
        "steps": json.dumps(
            [
                {
                    "number": numbers[step.key],
                    "key": step.key,
                    "title": step.title,
                    "type": step.type,
                    "assignee_type": step.assignee_type,
                    "agent_role": step.agent_role or "",
                    "is_gate": step.is_approval_gate,
                    "status": ActivityStatus.ASSIGNED if _starts_at_once(step) else ActivityStatus.CREATED,
                    "due": min(begins + timedelta(days=step.due_offset_days), due or date.max).isoformat(),
                    "step": step.model_dump(mode="json"),
                }
                for step in steps
            ]
        ),
        "edges": json.dumps(
            [{"number": n, "step": step, "needed": needed} for n, (step, needed) in enumerate(edges, 1 + len(steps))]
        ),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UNITS, values)
        made = {unit_id.int - block.int for (unit_id,) in cursor.fetchall()}
        if len(made) < len(rows):  # others were made before, or by somebody else at this moment
            rows = [row for row in rows if row["first"] in made]
            values["units"] = json.dumps(rows)
        if not rows:
            return 0
        cursor.execute(STEPS, values)
        cursor.execute(ORDER, values)
        _tell("start", rows, [0], block=block, by=by, at=at)
        _tell("ready", rows, [numbers[step.key] for step in steps if _starts_at_once(step)], block=block, by=by, at=at)
        others = [numbers[step.key] for step in steps if not step.depends_on and not _starts_at_once(step)]
        asked = [UUID(int=block.int + row["first"] + number) for row in rows for number in others]
        for step in Activity.objects.filter(pk__in=asked).order_by("ref_id") if asked else ():
            make_ready(step, by=by, at=at)
    return len(rows)


def _starts_at_once(step: TemplateStep) -> bool:
    """Agents begin at once; a person has to be found, and a gate asks."""
    return not step.depends_on and step.assignee_type == AssigneeType.AGENT and not step.is_approval_gate


def _row(unit: NewUnit, *, first: int) -> dict[str, Any]:
    """What the statements need of a unit whose ids begin so far into the block."""
    facts: dict[str, object] = {
        **unit.about,
        "template": unit.template.ref_id,
        "template_version": unit.template.version,
        "number": unit.number,
    }
    if unit.subject:
        facts["subject"] = {"type": unit.subject[0], "ref": unit.subject[1]}
    row = {
        "first": first,
        "tenant_id": str(unit.tenant_id),
        "title": unit.title[:LONGEST_TITLE],
        "origin": unit.origin,
        "facts": facts,
    }
    if unit.period is not None:
        deliverable = unit.period.deliverable
        row |= {
            "period_id": str(unit.period.pk),
            "deliverable_id": str(deliverable.pk),
            "goal_id": str(deliverable.goal_id),
        }
    elif unit.goal is not None:
        row["goal_id"] = str(unit.goal.pk)
    return row


def _tell(
    move: str, rows: Sequence[dict[str, Any]], numbers: Sequence[int], *, block: UUID, by: Actor, at: datetime
) -> None:
    """The journal of a move that these rows of each unit were born with: one entry per client."""
    refs: dict[UUID, list[str]] = defaultdict(list)
    for row in rows:
        own = refs[UUID(row["tenant_id"])]
        own.extend(spell(UUID(int=block.int + row["first"] + number)) for number in numbers)
    journal.record_batches(ACTIVITY_MOVES.moves[move].journal_code, Activity, refs, by=by, at=at)

"""Gates: what is shown at one, the digest of it, and asking the person whose turn it is."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.transitions import touched
from apps.tenants import queries as tenant_queries
from apps.tenants.models import User

from .. import registry
from ..models import Activity, Approval
from ..statuses import (
    ACTIVITY_MOVES,
    ApprovalStatus,
    AssigneeType,
    HumanRole,
    RiskLevel,
    SubjectType,
)

LIVES = {RiskLevel.HIGH: timedelta(hours=24), RiskLevel.MEDIUM: timedelta(hours=72), RiskLevel.LOW: timedelta(days=7)}


def person_for(human_role: str | None, tenant_id):
    """Who gets work of this role for the client; None while nobody is there, and then it shows as nobody's."""
    if human_role == HumanRole.ADMIN:
        return tenant_queries.admin_of(tenant_id)
    return tenant_queries.reviewer_of(tenant_id)


def step_behind(gate: Activity) -> Activity | None:
    """The nearest agent's step before a gate whose text the gate decides on."""
    return next((each for each in _agents_before(gate) if not _gives_advice(each)), None)


# Of the step's summary, where the run or the edit put them: what `body_behind` shows with the text.
BODY_FACTS = ("sha256", "metadata_sha256", "checks", "author")


def body_behind(gate: Activity) -> dict[str, Any]:
    """Pointer and digests of the text the gate decides on: the output of the step behind it.

    The second digest is that of the small facts kept beside the text, such as categories and tags, which go out with it.
    `checks` are the findings on exactly this text, left out where nobody looked; `author` is who wrote it.
    """
    step = step_behind(gate)
    if step is None:
        return {"ref": "", "sha256": ""}
    return {"ref": step.output_ref or ""} | {
        name: step.output_summary[name] for name in BODY_FACTS if name in step.output_summary
    }


def advice_before(gate: Activity) -> list[dict[str, Any]]:
    """What agents found who read the text before the person, each with the digest of the version it read."""
    before = []
    for step in _agents_before(gate):
        if not _gives_advice(step):
            break  # this is the text itself
        before.append(step.output_summary.get("advice", {}))
    return before


def brief_behind(step: Activity) -> str:
    """Pointer to what the text before this step was written from: the output of the agent's step before it; '' for none."""
    texts = [each.output_ref or "" for each in _agents_before(step) if not _gives_advice(each)]
    return texts[1] if len(texts) > 1 else ""


def _agents_before(gate: Activity) -> Iterator[Activity]:
    """The agents' steps with an output that a step waits for, the nearest first."""
    steps = {step.pipeline_step: step for step in gate.unit.steps.all()}
    frontier = list(gate.step.depends_on)
    while frontier:
        step = steps[frontier.pop(0)]
        if step.assignee_type == AssigneeType.AGENT and step.output_ref:
            yield step
        frontier.extend(step.step.depends_on)


def _gives_advice(step: Activity) -> bool:
    work = registry.work_of(step)
    return work is not None and work.is_advice


def shown_at(gate: Activity) -> dict[str, Any]:
    """Everything that goes out if this is approved, but for the text itself, which its digest stands for.

    With it goes what was found on the text before: a person decides knowing that, and it is bound as the rest is.
    """
    behind = registry.GATES[gate.subject_type]
    shown = {"subject": behind.shown(behind.load(gate.subject_ref)), "body": body_behind(gate)}
    advice = advice_before(gate)
    return {**shown, "advice": advice} if advice else shown


def digest_of(shown: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what is shown."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def decide_on_answer(gate: Activity) -> None:
    """Where no row stands for what a pipeline makes, the gate is about the activity whose answer is shown."""
    step = step_behind(gate)
    if step is None:
        raise ValueError(f"Gate {gate.ref_id} has nothing to decide on: no agent handed anything in before it.")
    gate.input_data = {**gate.input_data, "subject": {"type": SubjectType.ACTIVITY, "ref": step.ref_id}}


def open_gate(gate: Activity, *, by: Actor, at: datetime) -> Approval:
    """Ask the person whose turn it is; the approval is bound to exactly what is shown now. Part of a transaction."""
    if not gate.subject_type:
        decide_on_answer(gate)
    assignee = person_for(gate.step.human_role, gate.tenant_id)
    ACTIVITY_MOVES.perform(
        gate, "ask_approval", by=by, at=at, assignee_user=assignee, started_on=at, input_data=gate.input_data
    )
    kind = by.kind if by.kind != "integration" else "system"
    return ask(gate, assigned_to=assignee, requested_by=(kind, by.ref), by=by, at=at)


def ask(
    gate: Activity, *, assigned_to: User | None, requested_by: tuple[str, str], by: Actor, at: datetime
) -> Approval:
    """A pending decision at a gate that waits for one, about exactly what is shown now. Part of a transaction.

    `requested_by`: (type, id) of whose work is decided on.
    """
    shown, risk = shown_at(gate), registry.GATES[gate.subject_type].risk
    approval = Approval.objects.create(
        tenant_id=gate.tenant_id,
        subject_type=gate.subject_type,
        subject_ref=gate.subject_ref,
        activity=gate,
        risk_level=risk,
        requested_by_type=requested_by[0],
        requested_by_id=requested_by[1],
        required_role=gate.step.human_role,
        assigned_to=assigned_to,
        content_ref=shown["body"]["ref"] or None,
        content_sha256=digest_of(shown),
        shown_snapshot=shown,
        expires_at=at + LIVES[RiskLevel(risk)],
        created_by=by.user,
        created_on=at,
    )
    journal.record("approval.asked", approval, by=by, at=at, after={"subject": approval.subject_ref})
    return approval


def refresh_gate(gate: Activity, *, by: Actor, at: datetime) -> Approval | None:
    """After an edit while the decision is pending: the same approval is bound to the new content."""
    approval = (
        Approval.objects.select_for_update(of=("self",)).filter(activity=gate, status=ApprovalStatus.PENDING).first()
    )
    if approval is None:
        return None
    before, shown = approval.content_sha256, shown_at(gate)
    changes = {
        "content_ref": shown["body"]["ref"] or None,
        "content_sha256": digest_of(shown),
        "shown_snapshot": shown,
        **touched(Approval, by=by, at=at),
    }
    for field, value in changes.items():
        setattr(approval, field, value)
    approval.save(update_fields=list(changes))
    journal.record(
        "approval.redigested",
        approval,
        by=by,
        at=at,
        before={"sha256": before},
        after={"sha256": approval.content_sha256},
    )
    return approval

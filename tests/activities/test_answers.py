"""An agent's answer that people decide on although no row of its own stands for it, and the person's step after it."""

from dataclasses import replace

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities import registry
from apps.activities.bodies import TemplateStep
from apps.activities.models import Activity, ActivityTemplate, Approval
from apps.shared.actors import Actor
from tests.activities.promises import step_of
from tests.activities.work import attempt, attempts_of, due_at, fresh, put_off

STEPS = [
    {"key": "draft", "title": "Find topics", "type": "research", "assignee_type": "agent"}
    | {"agent_role": "keyword_researcher", "due_offset_days": 1, "prompt_template": "Find topics for the talk."},
    {"key": "review", "title": "Approve the topics", "type": "approve", "assignee_type": "human"}
    | {"human_role": "reviewer", "is_approval_gate": True, "is_final_gate": True, "depends_on": ["draft"]}
    | {"on_reject": "draft", "due_offset_days": 2},
    {"key": "hand_over", "title": "Hand over", "type": "other", "assignee_type": "human", "human_role": "reviewer"}
    | {"depends_on": ["review"], "due_offset_days": 3, "counts_unit": True},
]


@pytest.fixture
def unit(db, sandbox):
    """A unit of a pipeline that keeps no row, the first step of which is due; in the client's scope."""
    with due_at("topics") as tenant:
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        template = ActivityTemplate.objects.create(
            tenant=tenant,
            deliverable_type="talks",
            name="Talks",
            steps=[TemplateStep.model_validate(step).model_dump(mode="json") for step in STEPS],
            created_on=timezone.now(),
        )
        yield work.spawn_unit(
            template,
            tenant_id=tenant.id,
            title="The talk in May",
            origin="talk:1",
            by=Actor.system("tests"),
            at=timezone.now(),
        )


def asked_about(unit) -> Approval:
    return Approval.objects.get(activity=step_of(unit, "review"), status="pending")


def decide(approval, person, *, note: str = ""):
    how = {"by": person.actor, "at": timezone.now(), "shown_sha256": approval.content_sha256}
    return work.refuse_approval(approval, note=note, **how) if note else work.grant_approval(approval, **how)


@pytest.mark.acceptance("FLOW-approval-gate")
def test_a_gate_without_a_row_is_about_the_answer_before_it(unit, rita):
    step = attempt(step_of(unit, "draft"))

    approval = asked_about(unit)
    assert (approval.subject_type, approval.subject_ref) == ("activity", step.ref_id)
    assert approval.content_ref == step.output_ref
    page = rita.get(f"/dm/c/{unit.tenant.slug}/approvals/{approval.ref_id}/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Find topics: The talk in May" in text and "Clusters</h3>" in text and "Find topics for the talk." in text


def test_approving_it_hands_the_work_to_a_person_whose_word_ends_and_counts_the_unit(unit, rita):
    released = []
    key = ("keyword_researcher", "")
    work_before = registry.AGENTS[key]
    registry.AGENTS[key] = replace(
        work_before, released=lambda step, **how: released.append((step.ref_id, how["gate"]))
    )
    try:
        attempt(step_of(unit, "draft"))
        decide(asked_about(unit), rita)
    finally:
        registry.AGENTS[key] = work_before

    assert released == [(step_of(unit, "draft").ref_id, step_of(unit, "review"))]
    task = step_of(unit, "hand_over")
    assert (task.status, task.assignee_user) == ("assigned", rita.user)
    assert "Mark as done" in rita.get(f"/dm/c/{unit.tenant.slug}/activities/{task.ref_id}/").content.decode()

    rita.post(f"/dm/c/{unit.tenant.slug}/activities/{task.ref_id}/done/")

    assert (fresh(task).status, fresh(unit).status) == ("completed", "completed")


@pytest.mark.acceptance("FLOW-reject-rerun")
def test_sending_it_back_asks_again_about_the_second_answer(unit, rita):
    first = attempt(step_of(unit, "draft"))
    asked = asked_about(unit)

    decide(asked, rita, note="Fewer, please.")

    again = step_of(unit, "draft")
    assert (again.status, again.revision_note) == ("assigned", "Fewer, please.")
    Activity.objects.filter(pk=again.pk).update(ready_on=timezone.now())
    second = attempt(again)
    assert attempts_of(second) == 2 and second.output_ref != first.output_ref
    approval = asked_about(unit)
    assert approval.subject_ref == asked.subject_ref and approval.content_ref == second.output_ref
    assert approval.content_sha256 != asked.content_sha256


def test_an_agent_that_has_nothing_to_do_at_such_a_step_fails_and_a_person_hears_of_it(unit):
    step = step_of(unit, "draft")
    input_data = {**step.input_data, "step": {**step.input_data["step"], "creates": "strategy"}}
    Activity.objects.filter(pk=step.pk).update(input_data=input_data)

    step = attempt(step)

    assert step.status == "failed"
    task = Activity.objects.get(origin_key=f"escalation:{step.ref_id}/1")
    assert "nothing to do at a step of this kind" in task.revision_note
    assert step.output_ref == ""

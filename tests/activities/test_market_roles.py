"""Roles that look at rivals, reviews and commitments, at recurring tasks and in units."""

import pytest
from django.utils import timezone
from pydantic import ValidationError

from apps.activities import operations as work
from apps.activities.bodies import TemplateStep, validate_steps
from apps.activities.commitments import DeliverablePlan
from apps.activities.competitors import CompetitorResearch
from apps.activities.models import Activity, ActivityTemplate, RecurringTaskTemplate
from apps.strategy.models import Deliverable
from tests.activities.advertising import BY, agents_work, text_of
from tests.activities.promises import decide, step_of
from tests.activities.work import due_at, fresh, put_off

REVIEWS = "5 stars: Best espresso in town, thank you.\n1 star: I got ill after the cake and want a refund."


@pytest.fixture
def client(db, sandbox):
    """A client in scope whose agents have nothing to do."""
    with due_at("topics") as tenant:
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        yield tenant


def task_of(tenant, person, name: str, **values: str) -> Activity:
    template = RecurringTaskTemplate.objects.get(tenant=tenant, name=name)
    how = {"by": person.actor, "at": timezone.now()}
    return work.spawn_now(work.fill_variables(template, values, seen_on=template.updated_on, **how), **how)


def agents_step(role: str) -> dict:
    return {"key": "draft", "title": "Work it out", "type": "research", "assignee_type": "agent", "agent_role": role}


def unit_of(tenant, role: str) -> Activity:
    """A unit whose agent hands something in, on which a reviewer decides."""
    gate = {
        "key": "review",
        "title": "Approve it",
        "type": "approve",
        "assignee_type": "human",
        "human_role": "reviewer",
    }
    steps = [
        TemplateStep.model_validate(agents_step(role) | {"due_offset_days": 1, "prompt_template": "Do it."}),
        TemplateStep.model_validate(
            gate
            | {"is_approval_gate": True, "is_final_gate": True, "depends_on": ["draft"], "on_reject": "draft"}
            | {"due_offset_days": 2}
        ),
    ]
    assert validate_steps(steps) == []
    template = ActivityTemplate.objects.create(
        tenant=tenant,
        deliverable_type="own",
        name="Own",
        steps=[step.model_dump(mode="json") for step in steps],
        created_on=timezone.now(),
    )
    how = {"by": BY, "at": timezone.now()}
    return work.spawn_unit(template, tenant_id=tenant.id, title="Own work", origin="own:1", **how)


def test_the_competitor_list_is_looked_at_every_quarter(client, rita):
    task = task_of(client, rita, "Review competitor list", competitors="Bean Street, Old Mill Coffee")
    assert task.assignee_agent_role == "competitor_researcher"

    agents_work()

    assert fresh(task).status == "completed"
    assert "Bean Street" in text_of(fresh(task)) and "Old Mill Coffee" in text_of(fresh(task))
    assert "Bean Street" in rita.get(f"/dm/c/{client.slug}/activities/{task.ref_id}/").text


def test_competitors_can_be_researched_in_a_unit_and_are_decided_on(client, rita):
    unit = unit_of(client, "competitor_researcher")
    agents_work()
    first = text_of(step_of(unit, "draft"))

    decide(unit, "review", rita, note="Say something about delivery times.")
    agents_work()

    assert text_of(step_of(unit, "draft")) != first
    assert "delivery times" in text_of(step_of(unit, "draft")).lower()
    decide(unit, "review", rita)
    assert fresh(unit).status == "completed"


def test_each_review_is_a_task_for_a_person_with_a_draft_and_a_complaint_has_none(client, rita):
    task = task_of(client, rita, "Answer new reviews", tone="warm", escalation_contact="Alice", new_reviews=REVIEWS)
    agents_work()

    assert fresh(task).status == "completed"
    made = Activity.objects.filter(origin_key__startswith=f"review:{task.ref_id}/").order_by("origin_key")
    assert [(one.assignee_type, one.assignee_user, one.status) for one in made] == [
        ("human", rita.user, "assigned"),
        ("human", rita.user, "assigned"),
    ]
    answer, complaint = made
    assert "Best espresso in town" in answer.revision_note and "The draft of the answer" in answer.revision_note
    assert complaint.title.startswith("A review needs a person") and "draft" not in complaint.revision_note
    assert "I got ill" in rita.get(f"/dm/c/{client.slug}/activities/{complaint.ref_id}/").text


def test_without_new_reviews_nobody_gets_a_task(client, rita):
    task = task_of(client, rita, "Answer new reviews", tone="warm", escalation_contact="Alice")

    agents_work()

    assert fresh(task).status == "completed"
    assert not Activity.objects.filter(origin_key__startswith=f"review:{task.ref_id}/").exists()


def test_commitments_are_proposed_from_the_strategy_and_promise_nothing_by_themselves(client, rita):
    promised = list(Deliverable.objects.order_by("ref_id").values())
    unit = unit_of(client, "deliverable_planner")

    agents_work()
    decide(unit, "review", rita)

    plan = DeliverablePlan.model_validate_json(text_of(step_of(unit, "draft")))
    assert plan.goals and plan.deliverables
    assert list(Deliverable.objects.order_by("ref_id").values()) == promised


PLAN = {
    "goals": [
        {"name": "Visits", "metric": "sessions", "baseline": 1, "target": 2, "period": "monthly"}
        | {"targetDate": "2027-01-31"}
    ],
    "deliverables": [
        {"type": "blog_posts", "quantity": 2, "period": "monthly", "platforms": ["wordpress"], "goalIndex": 0}
    ],
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"goalIndex": 1}, "goalIndex 1 is not one of"),
        ({"platforms": ["linkedin"]}, "blog_posts cannot appear on linkedin"),
        ({"quantity": 0}, "greater than or equal to 1"),
        ({"type": "podcasts"}, "Input should be"),
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(change, problem):
    assert DeliverablePlan.model_validate(PLAN)
    broken = {**PLAN, "deliverables": [PLAN["deliverables"][0] | change]}
    with pytest.raises(ValidationError, match=problem):
        DeliverablePlan.model_validate(broken)


def test_the_same_promise_twice_is_refused():
    with pytest.raises(ValidationError, match="promised twice"):
        DeliverablePlan.model_validate({**PLAN, "deliverables": PLAN["deliverables"] * 2})


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a b", "rival.test"])
def test_a_competitor_has_a_web_address_or_none(url):
    one = {"name": "Bean Street", "url": "", "standing": "known", "positioning": "Near."}
    one |= {"channels": [], "strengths": [], "gaps": []}
    assert CompetitorResearch.model_validate({"competitors": [one], "opportunities": []})
    with pytest.raises(ValidationError):
        CompetitorResearch.model_validate({"competitors": [one | {"url": url}], "opportunities": []})

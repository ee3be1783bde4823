"""Performance reports: figures the product counted, goals read from them, a report a client can trace."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities import queries
from apps.activities.models import Activity, RecurringTaskTemplate
from apps.activities.statuses import ApprovalStatus
from apps.content import reports
from apps.content.report_bodies import Analysis
from apps.crm.models import Lead
from apps.shared.actors import Actor
from apps.strategy.models import DeliverablePeriod, Goal, GoalReading
from tests.activities.promises import asked_at, decide, step_of
from tests.activities.work import attempt, fresh
from tests.content.units import do, plan, promised, statuses

ANALYST = Actor.agent("data_analyst")


@pytest.fixture
def unit(db, sandbox):
    with promised("performance_reports", sandbox_url=sandbox.url) as (unit,):
        yield unit


@pytest.fixture
def alice(world):
    return world.alice("live")


def leads_of_last_month(unit, qualified: int) -> None:
    """So many qualified leads and one that is new, on the last day the report is about."""
    at = reports.span_of(unit, at=timezone.now()).ends - timedelta(hours=1)
    for number in range(qualified + 1):
        status = "qualified" if number < qualified else "new"
        lead = Lead.objects.create(source="manual", status=status, created_on=at)
        assert lead.created_on == at


def goal_of(metric: str) -> Goal:
    return Goal.objects.get(metric=metric)


def written(unit) -> Activity:
    do(unit, "collect")
    return do(unit, "write")


@pytest.mark.acceptance("FLOW-goals-update")
def test_the_analyst_reads_each_goal_from_a_counted_figure_and_its_status_follows(unit):
    leads_of_last_month(unit, qualified=12)
    goal = goal_of("qualified_leads")
    assert (goal.current_value, goal.target_value, goal.status) == (Decimal(6), Decimal(12), "active")

    step = do(unit, "collect")

    goal = fresh(goal)
    reading = GoalReading.objects.get()
    span = reports.span_of(unit, at=timezone.now())
    assert (goal.current_value, goal.status) == (Decimal(12), "achieved")
    assert (reading.goal, reading.value, reading.source) == (goal, Decimal(12), "Leadmetrics: leads")
    assert reading.evidence.startswith(f"Qualified leads, {span.first} to {span.last}. ")
    assert reading.read_on == reports.collected_by(step).collected_on
    assert fresh(goal_of("organic_sessions")).current_value == Decimal(400)  # nothing measures it: it stays


def test_a_report_is_about_the_month_before_its_own(unit):
    period = DeliverablePeriod.objects.get(deliverable=unit.deliverable)

    span = reports.span_of(unit, at=timezone.now())

    assert (span.last, span.first) == (period.period_start - timedelta(days=1), span.last.replace(day=1))


@pytest.mark.parametrize(
    "changes",
    [{"value": "13"}, {"figure": "organic_sessions"}, {"goal": "0" * 26}],
    ids=["another value", "a figure nobody counted", "a goal of nobody"],
)
def test_a_goal_value_that_was_not_counted_is_refused_and_nothing_is_kept(unit, changes):
    leads_of_last_month(unit, qualified=2)
    step, goal = step_of(unit, "collect"), goal_of("qualified_leads")
    reports.collect(step, by=ANALYST, at=timezone.now())
    update = {"goal": goal.ref_id, "figure": "qualified_leads", "value": "2", "evidence": "It counts them.", **changes}
    names = "strengths weaknesses opportunities recommendations findings".split()
    answer = Analysis.model_validate_json(json.dumps({"goalUpdates": [update], **{name: [] for name in names}}))

    with pytest.raises(reports.FigureUnknown):
        reports.receive_analysis(answer, activity=step, kept=None, by=ANALYST, at=timezone.now())

    assert not GoalReading.objects.exists()
    assert fresh(goal).current_value == Decimal(6)


def test_the_reviewer_sees_the_whole_report_with_figures_goals_and_sources(unit, rita):
    leads_of_last_month(unit, qualified=3)

    written(unit)

    asked = asked_at(unit, "dm_review")
    body = rita.get(f"/dm/c/{unit.tenant.slug}/approvals/{asked.ref_id}/").text
    for shown in (
        "Summary</h2>",
        "Highlights</h2>",
        "Next month</h2>",
        "Figures from",
        "Qualified leads",
        "Goals</h2>",
    ):
        assert shown in body
    assert "<td>Leadmetrics: leads</td>" in body and "Source: Leadmetrics: leads, read on " in body
    assert "3; began at 6, target 12." in body
    assert "not measured yet; began at 400, target 700. No source yet." in body
    api = rita.send("GET", f"/api/v1/approvals/{asked.ref_id}/").json()["data"]
    assert "Source: Leadmetrics: leads, read on " in json.dumps(api)


def test_a_report_is_the_clients_once_it_was_approved_and_delivered(unit, rita, alice):
    leads_of_last_month(unit, qualified=3)
    written(unit)
    assert "No report yet" in alice.get("/app/reports/").text

    decide(unit, "dm_review", rita)
    assert "No report yet" in alice.get("/app/reports/").text  # approved, not delivered
    step = do(unit, "deliver")

    period = DeliverablePeriod.objects.get(deliverable=unit.deliverable)
    assert (fresh(unit).status, period.completed_count, period.status) == ("completed", 1, "completed")
    title = step_of(unit, "write").output_summary["title"]
    listed = alice.get("/app/reports/").text
    assert title in listed and f"/app/reports/{step.ref_id}/" in listed
    page = alice.get(f"/app/reports/{step.ref_id}/").text
    assert title in page and "<td>Leadmetrics: leads</td>" in page and "Source: Leadmetrics: leads, read on " in page


def test_a_report_that_is_not_delivered_is_not_there_for_the_client(unit, rita, alice):
    written(unit)
    decide(unit, "dm_review", rita)
    for key in ("collect", "write", "dm_review", "deliver"):
        assert alice.get(f"/app/reports/{step_of(unit, key).ref_id}/").status_code == 404
    for wrong in ("nonsense", "0" * 26):
        assert alice.get(f"/app/reports/{wrong}/").status_code == 404
    assert alice.get("/app/reports/?before=nonsense").status_code == 400


@pytest.mark.acceptance("FLOW-reject-rerun")
def test_a_report_sent_back_is_written_again_with_the_note(unit, rita):
    first = written(unit)
    asked = asked_at(unit, "dm_review")

    decide(unit, "dm_review", rita, note="Please add a section about prices.")

    assert statuses(unit) == {"collect": "completed", "write": "assigned", "dm_review": "created", "deliver": "created"}
    second = do(unit, "write")
    again = asked_at(unit, "dm_review")
    assert second.output_ref != first.output_ref and again.content_sha256 != asked.content_sha256
    assert fresh(asked).status == ApprovalStatus.REJECTED
    text = queries.text_of(second.output_ref)
    assert "## Prices" in text and "## Figures from" in text


def test_what_was_changed_after_the_approval_is_not_delivered(unit, rita, alice):
    written(unit)
    decide(unit, "dm_review", rita)
    step = step_of(unit, "write")
    Activity.objects.filter(pk=step.pk).update(output_summary={**step.output_summary, "sha256": "0" * 64})

    step = do(unit, "deliver")

    assert (step.status, step.output_summary) == ("failed", {})
    task = Activity.objects.get(origin_key__startswith=f"escalation:{step.ref_id}/")
    assert "not what was approved" in task.revision_note
    assert "No report yet" in alice.get("/app/reports/").text


def test_planning_twice_adds_nothing(unit):
    assert plan(unit.tenant) == 0


@pytest.mark.acceptance("CRON-goals")
def test_goal_values_are_updated_every_week_by_a_recurring_task(unit, rita):
    template = RecurringTaskTemplate.objects.get(name="Update goal values", tenant=unit.tenant)
    assert (template.agent_role, template.periodicity, template.cron_expression) == (
        "data_analyst",
        "weekly",
        "0 5 * * 1",
    )
    Activity.objects.filter(parent_activity=unit).update(ready_on=timezone.now() + timedelta(days=1))
    yesterday = timezone.now() - timedelta(days=1)
    Lead.objects.create(source="manual", status="qualified", created_on=yesterday)

    work.spawn_due(unit.tenant.facts, by=Actor.system("tests"), at=timezone.now() + timedelta(days=8))

    task = Activity.objects.get(origin_key__startswith=f"slot:{template.ref_id}/")
    assert (task.assignee_type, task.assignee_agent_role) == ("agent", "data_analyst")
    Activity.objects.exclude(pk=task.pk).filter(assignee_type="agent", status="assigned").update(
        ready_on=timezone.now() + timedelta(days=1)
    )
    Activity.objects.filter(pk=task.pk).update(ready_on=timezone.now())
    task = attempt(fresh(task))
    assert task.status == "completed"
    assert fresh(goal_of("qualified_leads")).current_value == Decimal(1)
    told = Activity.objects.get(origin_key=f"findings:{task.ref_id}")
    assert (told.assignee_user, told.status) == (rita.user, "assigned")

"""Website audits: the site is measured, findings are reviewed, and the client's approval makes a task of each action."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.activities import queries
from apps.activities.models import Activity, RecurringTaskTemplate
from apps.activities.operations import fill_variables, spawn_now
from apps.content import audits
from apps.content.audit_bodies import Audit
from apps.shared.actors import Actor
from apps.strategy.models import DeliverablePeriod
from apps.tenants.models import Tenant
from tests.activities.promises import asked_at, decide, step_of
from tests.activities.work import OTHERS_WAIT, attempt, fresh
from tests.content.units import do, plan, promised, statuses

AUDITOR = Actor.agent("site_auditor")


@pytest.fixture
def unit(db, sandbox):
    with promised("website_audit", sandbox_url=sandbox.url) as (unit,):
        yield unit


@pytest.fixture
def alice(world):
    return world.alice("live")


def proposed(unit, rita) -> Activity:
    do(unit, "crawl_and_measure")
    decide(unit, "dm_review", rita)
    return do(unit, "action_list")


def tasks_of(step: Activity) -> list[Activity]:
    return list(Activity.objects.filter(origin_key__startswith=f"audit:{step.ref_id}/").order_by("ref_id"))


def test_the_clients_site_is_read_and_measured_within_bounds(unit, sandbox):
    step = do(unit, "crawl_and_measure")

    measured = audits.measured_at(step)
    home = next(page for page in measured["pages"] if page["url"] == unit.tenant.website)
    assert home["words"] > 100 and home["titleLength"] == len(home["title"]) > 0
    assert len(measured["pages"]) <= audits.LIMITS.pages
    assert all(len(page["excerpt"]) <= audits.EXCERPT for page in measured["pages"])
    asked = {entry["path"] for entry in sandbox.world.entries(target="site")}
    assert "/robots.txt" in asked and not [path for path in asked if "staff-rota" in path]  # which robots.txt closes


def test_the_reviewer_sees_findings_and_what_they_rest_on(unit, rita):
    step = do(unit, "crawl_and_measure")

    asked = asked_at(unit, "dm_review")
    assert asked.subject_ref == step.ref_id
    page = rita.get(f"/dm/c/{unit.tenant.slug}/approvals/{asked.ref_id}/").text
    for shown in ("Summary</h2>", "Medium priority</h2>", "Fix:</strong>", "What was measured</h2>"):
        assert shown in page


def test_the_clients_approval_makes_one_task_of_each_action_and_counts_the_unit(unit, rita, alice):
    step = proposed(unit, rita)
    asked = asked_at(unit, "client_approval")
    actions = step.output_summary["actions"]
    page = alice.get(f"/app/approvals/{asked.ref_id}/").text
    assert len(actions) >= 3
    for action in actions:
        assert action["title"] in page
    assert f"{len(actions)} improvements of your website" in page
    assert tasks_of(step) == []  # nothing before the approval

    decide(unit, "client_approval", alice)

    tasks = tasks_of(step)
    people = {"agency": rita.user, "client": alice.user}
    priorities = {"high": "high", "medium": "normal", "low": "low"}
    assert [(task.title, task.assignee_user, task.priority, task.status) for task in tasks] == [
        (action["title"], people[action["owner"]], priorities[action["severity"]], "assigned") for action in actions
    ]
    assert {action["owner"] for action in actions} == {"agency", "client"}
    assert actions[0]["steps"] in tasks[0].revision_note
    period = DeliverablePeriod.objects.get(deliverable=unit.deliverable)
    assert (fresh(unit).status, period.completed_count) == ("completed", 1)


@pytest.mark.acceptance("FLOW-reject-rerun")
def test_what_the_client_does_not_want_is_left_out_of_the_second_list(unit, rita, alice):
    first = proposed(unit, rita)

    decide(unit, "client_approval", alice, note="Only one improvement, please: drop the others.")

    assert tasks_of(first) == []
    assert statuses(unit) == {
        "crawl_and_measure": "completed",
        "dm_review": "completed",
        "action_list": "assigned",
        "client_approval": "created",
    }
    second = do(unit, "action_list")
    assert len(second.output_summary["actions"]) == 1
    decide(unit, "client_approval", alice)
    assert len(tasks_of(second)) == 1


def test_findings_sent_back_are_measured_and_judged_again(unit, rita):
    first = do(unit, "crawl_and_measure")

    decide(unit, "dm_review", rita, note="Please add a section about opening hours.")
    second = do(unit, "crawl_and_measure")

    assert second.output_ref != first.output_ref
    assert "opening hours" in queries.text_of(second.output_ref)


def test_a_finding_about_a_page_that_was_not_measured_is_refused(unit):
    step, gone = step_of(unit, "crawl_and_measure"), "https://acme.example/gone/"
    step.input_data["measured"] = {
        "pages": [{"url": unit.tenant.website}],
        "notRead": [{"url": gone, "reason": "http_404"}],
    }
    finding = {"area": "links", "severity": "high", "issue": "It is broken.", "fix": "Repair it."}
    answer = {"summary": "One.", "scores": {"technical": 1, "onPage": 1, "content": 1}}

    named = {"https://elsewhere.example/": False, "": True, unit.tenant.website: True, gone: True}
    for page, is_there in named.items():
        output = Audit.model_validate_json(json.dumps({**answer, "findings": [{**finding, "page": page}]}))
        if is_there:
            audits.receive_audit(output, activity=step, kept=None, by=AUDITOR, at=timezone.now())
        else:
            with pytest.raises(audits.PageUnknown):
                audits.receive_audit(output, activity=step, kept=None, by=AUDITOR, at=timezone.now())


def test_a_site_that_cannot_be_read_calls_a_person_before_a_model_is_asked(unit, rita, sandbox):
    Tenant.objects.filter(pk=unit.tenant_id).update(website=f"{sandbox.url}/site/nobody-here/")

    step = do(unit, "crawl_and_measure")

    assert (step.status, step.output_ref) == ("failed", "")
    task = Activity.objects.get(origin_key__startswith=f"escalation:{step.ref_id}/")
    assert "There is no page at this address (404)." in task.revision_note
    assert sandbox.world.entries(target="anthropic") == []


def test_planning_twice_adds_nothing(unit):
    assert plan(unit.tenant) == 0


def test_the_directory_check_tells_a_reviewer_what_differs(unit, rita):
    template = RecurringTaskTemplate.objects.get(name__startswith="Check name, address", tenant=unit.tenant)
    values = {"business_name": "Harbour Coffee", "address": "3 Customs Wharf", "phone": "+44 131 555 0999"}
    fill_variables(template, values, by=rita.actor, at=timezone.now(), seen_on=template.updated_on)
    Activity.objects.filter(parent_activity=unit).update(ready_on=timezone.now() + OTHERS_WAIT)

    task = spawn_now(fresh(template), by=rita.actor, at=timezone.now() - timedelta(seconds=1))
    task = attempt(task)

    assert (task.assignee_agent_role, task.status) == ("site_auditor", "completed")
    told = Activity.objects.get(origin_key=f"findings:{task.ref_id}")
    assert "+44 131 555 0142 stands there; +44 131 555 0999 is right." in told.revision_note
    assert (told.assignee_user, told.status) == (rita.user, "assigned")

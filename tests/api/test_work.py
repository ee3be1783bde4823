"""Activities, strategies, onboarding and usage through the API."""

from datetime import datetime
from decimal import Decimal
from urllib.request import urlopen

import pytest
from django.utils import timezone

from apps.activities import operations
from apps.activities.models import Activity, ActivityRun, Approval, LlmCall
from apps.shared.actors import Actor
from apps.shared.scoping import tenant_scope
from apps.strategy.models import Deliverable, Goal, OnboardingRun, Strategy
from tests.api.routes import copy_of, state_of


def a_failed_step() -> Activity:
    """The next draft of acme-topics, as it is after its agent failed."""
    step = Activity.objects.filter(assignee_agent_role="copywriter").order_by("ref_id").first()
    for status in ("assigned", "in_progress", "failed"):
        Activity.objects.filter(pk=step.pk).update(status=status)
    return step


def test_an_activity_shows_its_runs_and_what_one_may_do(rita, alice, acme, at_drafts):
    activity = Activity.objects.get(ref_id=at_drafts.activity)
    run = ActivityRun.objects.get(activity=activity)

    told = rita.get(f"/api/v1/activities/{at_drafts.activity}/").json()["data"]

    assert (told["status"], told["has_output"], told["available_moves"]) == ("completed", True, [])
    assert (told["subject_type"], told["subject_ref"]) == ("blog_post", at_drafts.blog_post)
    assert [r["ref_id"] for r in told["runs"]] == [run.ref_id]
    assert told["runs"][0]["cost_usd"] == f"{run.cost_usd:.6f}"
    assert told["parent"] == activity.parent_activity.ref_id


def test_why_a_run_failed_is_for_staff(rita, alice, acme, at_drafts):
    run = ActivityRun.objects.get(activity__ref_id=at_drafts.activity)
    copy_of(run, attempt=2, error="rate_limited: The model asks for a pause.")
    path = f"/api/v1/activities/{at_drafts.activity}/runs/"

    assert [r["error"] for r in rita.get(path).json()["data"]] == ["", "rate_limited: The model asks for a pause."]
    assert [r["error"] for r in alice.get(path).json()["data"]] == ["", ""]


def test_what_reviewers_have_among_themselves_is_for_staff(rita, alice, acme, at_drafts, problem):
    with tenant_scope(acme.facts):
        task = operations.raise_task(
            tenant_id=acme.pk,
            title="Failed 3 times: draft",
            note="rate_limited: pause",
            origin="x",
            by=Actor.system("tests"),
            at=timezone.now(),
        )
        Activity.objects.filter(ref_id=at_drafts.activity).update(revision_note="Shorter.")
        Approval.objects.filter(required_role="reviewer").update(decision_note="Too long.")
        Approval.objects.filter(required_role="admin").update(decision_note="We like it.")
    paths = [f"/api/v1/activities/{task.ref_id}/", f"/api/v1/activities/{at_drafts.activity}/"]

    told = [rita.get(path).json()["data"]["revision_note"] for path in paths]
    seen = alice.get(paths[1]).json()["data"]["revision_note"]
    titles = {row["title"] for row in alice.get("/api/v1/activities/?limit=100").json()["data"]}
    notes = {row["decision_note"] for row in alice.get("/api/v1/approvals/?limit=100").json()["data"]}

    assert told == ["rate_limited: pause", "Shorter."]
    assert seen == ""
    problem(alice.get(paths[0]), 404, "not_found")
    assert task.title not in titles
    assert notes == {"", "We like it."}


def test_a_failed_step_is_retried(rita, alice, world, problem):
    with world.at("topics"):
        step = a_failed_step()
        path = f"/api/v1/activities/{step.ref_id}/"
        offered = rita.get(path).json()["data"]["available_moves"]
        offered_to_alice = world.alice("topics").get(path).json()["data"]["available_moves"]

        response = rita.send("POST", f"{path}retry/")

        step.refresh_from_db()
    assert (offered, offered_to_alice) == (["retry", "cancel"], [])
    assert (response.status_code, response.json()["data"]["status"], step.status) == (200, "assigned", "assigned")


def test_what_did_not_fail_is_not_retried(rita, acme, at_drafts, problem):
    before = state_of(acme)

    problem(rita.send("POST", f"/api/v1/activities/{at_drafts.activity}/retry/"), 409, "move_refused")

    assert state_of(acme) == before


def test_a_cancelled_gate_asks_nobody_any_more(rita, acme, at_drafts):
    gate = Approval.objects.get(ref_id=at_drafts.approval).activity

    response = rita.send("POST", f"/api/v1/activities/{gate.ref_id}/cancel/")

    assert (response.status_code, response.json()["data"]["status"]) == (200, "cancelled")
    assert Approval.objects.get(ref_id=at_drafts.approval).status == "withdrawn"


def test_cancelling_a_unit_stops_its_open_steps_and_keeps_what_was_done(rita, acme, at_drafts):
    unit = Approval.objects.get(ref_id=at_drafts.approval).activity.parent_activity

    response = rita.send("POST", f"/api/v1/activities/{unit.ref_id}/cancel/")

    steps = dict(Activity.objects.filter(parent_activity=unit).values_list("pipeline_step", "status"))
    assert response.json()["data"]["status"] == "cancelled"
    assert steps == {
        "keyword_research": "completed",
        "topic_request": "completed",
        "topic_approval": "completed",
        "draft": "completed",
        "dm_review": "cancelled",
        "client_approval": "cancelled",
        "publish": "cancelled",
        "check_live": "cancelled",
    }
    assert Approval.objects.get(ref_id=at_drafts.approval).status == "withdrawn"


@pytest.mark.acceptance("PLACE-output", "PLACE-presign", "S3-presign")
def test_an_output_is_fetched_from_its_own_address(alice, acme, at_drafts):
    told = alice.get(f"/api/v1/activities/{at_drafts.activity}/output-url/").json()["data"]

    with urlopen(told["url"]) as fetched:
        text, disposition = fetched.read().decode(), fetched.headers["Content-Disposition"]
    assert told["expires_in_seconds"] == 900
    assert text == alice.get(f"/api/v1/blog-posts/{at_drafts.blog_post}/").json()["data"]["markdown"]
    assert disposition.startswith("attachment")


def test_a_step_without_an_output_has_no_address(alice, acme, at_drafts, problem):
    step = Activity.objects.filter(pipeline_step="publish").first()

    problem(alice.get(f"/api/v1/activities/{step.ref_id}/output-url/"), 404, "no_output_yet")


def test_the_contract_is_fetched_from_its_own_address(alice, acme, at_drafts):
    told = alice.get("/api/v1/contract/").json()["data"]

    with urlopen(told["pdf_url"]) as fetched:
        pdf = fetched.read()
    assert pdf.startswith(b"%PDF-")
    assert (told["sha256"], told["status"]) == (at_drafts.contract_sha256, "accepted")


@pytest.mark.acceptance("PLACE-strategy")
def test_a_strategy_comes_with_its_goals_its_promises_and_its_narrative(alice, acme, at_drafts):
    strategy = Strategy.objects.get()

    told = alice.get(f"/api/v1/strategies/{strategy.ref_id}/").json()["data"]

    with urlopen(told["narrative_url"]) as fetched:
        assert fetched.read().decode() == told["narrative"]
    assert told["narrative"].count("## ") >= 1
    assert [g["ref_id"] for g in told["goals"]] == [g.ref_id for g in Goal.objects.order_by("priority", "ref_id")]
    assert [d["ref_id"] for d in told["deliverables"]] == list(
        Deliverable.objects.order_by("ref_id").values_list("ref_id", flat=True)
    )
    goal = Goal.objects.get(ref_id=told["goals"][0]["ref_id"])
    assert (told["goals"][0]["target_value"], told["goals"][0]["strategy"]) == (
        f"{goal.target_value:.2f}",
        strategy.ref_id,
    )


def test_a_strategy_that_is_still_written_has_no_narrative(world):
    with world.at("context"):
        strategy = Strategy.objects.create(version=9, created_on=world.tenant("context").created_on)

        told = world.alice("context").get(f"/api/v1/strategies/{strategy.ref_id}/").json()["data"]

    assert (told["narrative"], told["narrative_url"], told["goals"]) == (None, None, [])


def test_goals_of_an_earlier_draft_are_gone(alice, acme):
    goal = Goal.objects.first()
    Goal.objects.filter(pk=goal.pk).update(deleted_on=goal.created_on)

    told = alice.get(f"/api/v1/strategies/{Strategy.objects.get().ref_id}/").json()["data"]

    assert goal.ref_id not in [g["ref_id"] for g in told["goals"]]


def test_an_onboarding_run_comes_with_its_context_file(alice, acme, at_drafts):
    begun = OnboardingRun.objects.create(created_on=acme.created_on)

    told = alice.get(f"/api/v1/onboarding-runs/{at_drafts.onboarding_run}/").json()["data"]
    early = alice.get(f"/api/v1/onboarding-runs/{begun.ref_id}/").json()["data"]

    assert (told["status"], told["context_file"].count("## ") >= 3) == ("completed", True)
    assert (early["status"], early["context_file"]) == ("pending", None)


@pytest.mark.parametrize(
    "path", ["strategies/{0.strategy}/", "onboarding-runs/{0.onboarding_run}/", "approvals/{0.approval}/"]
)
def test_a_text_whose_store_is_away_is_503(path, alice, acme, at_drafts, problem, documents_away):
    documents_away()

    answer = alice.get("/api/v1/" + path.format(at_drafts))

    problem(answer, 503, "storage_unavailable")
    assert answer["Retry-After"] == "60"


def test_usage_is_this_months_in_the_clients_own_time(alice, acme):
    calls = list(LlmCall.objects.all())

    told = alice.get("/api/v1/usage/").json()["data"]

    assert told["calls"] == len(calls) > 0
    assert Decimal(told["settled_usd"]) == sum(call.cost_usd for call in calls)
    assert (told["reserved_usd"], told["cap_usd"]) == ("0.000000", "50.0000")
    assert datetime.fromisoformat(told["month"]).day == 1


def test_usage_shows_the_clients_own_cap_at_once(alice, acme):
    type(acme).objects.filter(pk=acme.pk).update(monthly_spend_cap_usd=Decimal("12.5"))

    assert alice.get("/api/v1/usage/").json()["data"]["cap_usd"] == "12.5000"

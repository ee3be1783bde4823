"""How an attempt ends: finished, given back, waited out, failed, taken back. The lease's attempt is the fence of every write."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.activities import integrity, queries, registry
from apps.activities import operations as work
from apps.activities.adapters import ADAPTERS
from apps.activities.bodies import MOST_ATTEMPTS
from apps.activities.engine import sweep, worker
from apps.activities.engine.claim import claim
from apps.activities.models import Activity, ActivityLease, ActivityRun, AgentConfig, LlmCall
from apps.activities.operations import LeaseLost, Spent
from apps.activities.operations.runs import MOST_OUTAGES
from apps.activities.registry import Kept
from apps.content.models import BlogPost
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.transitions import MoveRefused
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant
from tests.activities.work import (
    CLAUDE,
    a_deadlock_is_lost,
    attempt,
    claim_of,
    due_at,
    fresh,
    hurry,
    kill_leases,
    pending,
    runs_of,
)

SPENT = Spent(100, 200, Decimal("0.25"), 1_000)
AGENT = Actor.agent("copywriter")


def everything(step: Activity) -> tuple:
    """What a stranger to the lease may not change."""
    step = fresh(step)
    return (
        (step.status, step.output_ref, step.output_summary, step.updated_on, step.ready_on),
        list(ActivityRun.objects.order_by("id").values()),
        list(ActivityLease.objects.order_by("id").values()),
        list(BlogPost.objects.order_by("id").values()),
        JournalEntry.objects.count(),
    )


def endings(taken) -> dict:
    """Every way in which a worker ends its attempt."""
    common = {"spent": SPENT, "by": AGENT, "at": timezone.now()}
    kept = Kept("f" * 24, "0" * 64, 9)
    return {
        "finish_run": lambda: work.finish_run(taken, output=None, kept=kept, summary={}, **common),
        "finish_job": lambda: work.finish_job(taken, summary={}, by=AGENT, at=timezone.now()),
        "give_back": lambda: work.give_back(taken, error="x", ready_on=timezone.now(), **common),
        "wait_out": lambda: work.wait_out(taken, error="x", **common),
        "fail_attempt": lambda: work.fail_attempt(taken, error="x", **common),
    }


def test_a_worker_that_was_told_to_end_claims_nothing_more(draft, monkeypatch):
    monkeypatch.setattr(worker, "_draining", bytearray(1))  # or no later test of this process would work
    worker.drain()
    before = everything(draft)

    assert worker.work() == 0

    assert everything(draft) == before
    assert fresh(draft).status == "assigned"


@pytest.mark.parametrize("name", ["finish_run", "finish_job", "give_back", "wait_out", "fail_attempt"])
@pytest.mark.parametrize("lost_to", ["another attempt", "the sweep", "a person who cancelled"])
def test_whoever_lost_the_lease_changes_nothing(draft, name, lost_to):
    step = draft
    late = claim("late")
    assert late.activity_id == step.id
    if lost_to == "a person who cancelled":
        work.cancel_activity(fresh(step), by=Actor.system("tests"), at=timezone.now())
    else:
        kill_leases()
        assert sweep.sweep() == 1
        if lost_to == "another attempt":
            hurry()
            assert claim("second").attempt == 2
    before = everything(step)

    with pytest.raises(LeaseLost):
        endings(late)[name]()

    assert everything(step) == before
    assert not work.holds_lease(late)


@pytest.mark.acceptance("FLOW-approval-gate")
def test_a_finished_draft_is_stored_counted_and_handed_on(draft):
    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("completed", [(1, "completed", "")])
    run = ActivityRun.objects.get(activity=step)
    call = LlmCall.objects.get(activity_run_id=run.id)
    assert (run.input_tokens, run.output_tokens, run.cost_usd) == (call.input_tokens, call.output_tokens, call.cost_usd)
    assert run.cost_usd > 0
    assert ActivityLease.objects.get(activity=step).expires_on is None
    assert fresh(step.parent_activity).steps.get(pipeline_step="dm_review").status == "awaiting_approval"


def test_what_is_given_back_is_no_failure(draft):
    step = draft
    for number in range(1, 6):
        taken, later = claim("worker"), timezone.now() + timedelta(minutes=7)
        work.give_back(
            taken, error="cap_reached: none left", spent=Spent(), ready_on=later, by=AGENT, at=timezone.now()
        )
        assert (fresh(step).status, fresh(step).ready_on) == ("assigned", later)
        assert runs_of(step)[-1] == (number, "failed", "cap_reached")
        hurry()
    assert work.fail_attempt(claim("worker"), error="broken", spent=SPENT, by=AGENT, at=timezone.now())
    assert fresh(step).status == "assigned"


def test_an_agent_asks_nothing_more_once_its_client_is_suspended(draft, order, sandbox, monkeypatch):
    """It was asked once and wants to look something up; the second question would be about what it found."""
    AgentConfig.objects.filter(agent_role="copywriter").update(tool_names=["skills"])
    order(CLAUDE, ("search_skills", {"words": "headlines"}))
    tenant, ask = Tenant.objects.get(pk=draft.tenant_id), ADAPTERS["claude"]

    def ask_and_suspend(*args, **how):
        answer = ask(*args, **how)
        tenants.move_tenant(tenant, "suspend", by=AGENT, at=timezone.now())
        return answer

    monkeypatch.setitem(ADAPTERS, "claude", ask_and_suspend)

    step = attempt(draft)

    assert len(sandbox.world.entries(target="anthropic")) == 1
    assert (step.status, step.input_data["failures_before"]) == ("assigned", 1)
    assert runs_of(step) == [(1, "failed", "client_stopped")]
    run = ActivityRun.objects.get(activity=step)
    assert run.cost_usd == LlmCall.objects.get(activity_run_id=run.id).cost_usd > 0
    monkeypatch.undo()
    tenants.move_tenant(tenant, "resume", by=AGENT, at=timezone.now())
    assert attempt(step).status == "completed"


def test_what_has_used_up_its_attempts_is_left_to_a_person_and_stops_no_other_claim(drafts):
    first, second = drafts
    last = replace(claim("worker"), attempt=MOST_ATTEMPTS)
    ActivityLease.objects.filter(activity=first).update(attempt=MOST_ATTEMPTS)
    at = timezone.now()
    work.give_back(last, error="x", spent=Spent(), ready_on=at, by=AGENT, at=at)

    assert claim("worker").activity_id == second.id
    assert claim("worker") is None

    assert (fresh(first).status, queries.queue_state(at)["due"]) == ("assigned", 0)
    found = integrity.of_tenant(first.tenant.facts, at=at)
    assert [each.ref_id for each in found if each.code == "stranded_activity"] == [first.ref_id]


def test_an_outage_is_waited_out_for_half_an_hour_and_then_calls_a_person(draft):
    step, at = draft, timezone.now()
    waits = []
    for _ in range(MOST_OUTAGES):
        hurry()
        work.wait_out(claim("worker"), error="storage_unavailable: away", spent=Spent(), by=AGENT, at=at)
        waits.append((fresh(step).ready_on - at).total_seconds())
    assert all(wanted <= wait <= wanted * 1.25 for wanted, wait in zip([5, 15] + [45] * 38, waits, strict=True))
    assert not Activity.objects.filter(origin_key__startswith="escalation:").exists()

    for _ in range(3):
        hurry()
        work.wait_out(claim("worker"), error="storage_unavailable: away", spent=Spent(), by=AGENT, at=timezone.now())

    assert fresh(step).status == "failed"
    assert Activity.objects.filter(origin_key__startswith="escalation:").count() == 1

    work.retry_activity(fresh(step), by=Actor.system("tests"), at=at)
    assert 5 <= waits_out(step) <= 6.25


def waits_out(step: Activity) -> float:
    """One more attempt meets an outage: for how many seconds the step waits then."""
    at = timezone.now()
    work.wait_out(claim("worker"), error="unavailable: away", spent=Spent(), by=AGENT, at=at)
    assert fresh(step).status == "assigned"
    return (fresh(step).ready_on - at).total_seconds()


def test_attempts_that_ended_otherwise_use_up_no_patience_with_outages(draft):
    """However long work waited at a cap, and whatever failed in between, an outage is waited out from its first on."""
    waits_out(draft)
    # It waited for money since then, very often.
    ActivityLease.objects.filter(activity=draft).update(attempt=MOST_OUTAGES)
    kept = {**fresh(draft).input_data, "failures_before": MOST_OUTAGES}
    Activity.objects.filter(pk=draft.pk).update(input_data=kept)

    for end in ("give_back", "fail_attempt"):
        hurry()
        endings(claim("worker"))[end]()
        for shortest in (5, 15):
            hurry()
            assert shortest <= waits_out(draft) <= shortest * 1.25


@pytest.mark.acceptance("FLOW-retry")
def test_after_enough_failures_one_person_is_called_and_a_retry_begins_anew(draft):
    step, at = draft, timezone.now()
    AgentConfig.objects.filter(agent_role="copywriter").update(escalation_after_failures=2)
    assert work.fail_attempt(claim("worker"), error="broken_answer: first", spent=SPENT, by=AGENT, at=at)
    assert 5 <= (fresh(step).ready_on - at).total_seconds() <= 6.25
    hurry()
    assert not work.fail_attempt(claim("worker"), error="broken_answer: second", spent=SPENT, by=AGENT, at=at)

    assert (fresh(step).status, runs_of(step)) == (
        "failed",
        [(1, "failed", "broken_answer"), (2, "failed", "broken_answer")],
    )
    (task,) = Activity.objects.filter(origin_key__startswith="escalation:")
    assert (task.assignee_type, task.status, task.assignee_user.email) == ("human", "assigned", "rita@leadmetrics.test")
    assert (task.title, task.revision_note) == (f"Failed 2 times: {step.title}", "broken_answer: second")

    work.retry_activity(fresh(step), by=Actor.system("tests"), at=timezone.now(), note="Use the old brief.")
    assert work.fail_attempt(claim("worker"), error="broken_answer: third", spent=SPENT, by=AGENT, at=timezone.now())
    hurry()
    step = attempt(step)
    assert (step.status, [number for number, _, _ in runs_of(step)]) == ("completed", [1, 2, 3, 4])
    assert Activity.objects.filter(origin_key__startswith="escalation:").count() == 1


def test_a_failure_that_cannot_be_repeated_calls_a_person_at_once(draft):
    assert not work.fail_attempt(
        claim("worker"), error="refused: no", spent=Spent(), may_repeat=False, by=AGENT, at=timezone.now()
    )

    assert fresh(draft).status == "failed"
    assert Activity.objects.get(origin_key__startswith="escalation:").title == f"Failed: {draft.title}"


def test_only_a_failed_step_can_be_retried(draft):
    with pytest.raises(MoveRefused):
        work.retry_activity(draft, by=Actor.system("tests"), at=timezone.now())


@pytest.mark.parametrize("asked_for", [0, 45, 86_400])
def test_the_wait_a_service_asks_for_is_obeyed_up_to_an_hour(draft, asked_for):
    at = timezone.now()
    work.fail_attempt(claim("worker"), error="x", spent=Spent(), by=AGENT, at=at, retry_after_s=asked_for)

    wanted = min(asked_for, 3_600)
    assert wanted <= (fresh(draft).ready_on - at).total_seconds() <= wanted * 1.25


def test_the_sweep_takes_back_a_dead_lease_once_and_leaves_live_ones(draft):
    step = draft
    assert claim("dead").activity_id == step.id
    assert sweep.sweep() == 0
    kill_leases()

    assert [sweep.sweep(), sweep.sweep()] == [1, 0]

    assert (fresh(step).status, runs_of(step)) == ("assigned", [(1, "timed_out", "lease_expired")])
    assert attempt(step).status == "completed"
    assert runs_of(step)[1:] == [(2, "completed", "")]


def test_a_defect_of_ours_fails_the_attempt_and_the_worker_goes_on(drafts, monkeypatch):
    """A defect in the product itself; what it says is in the log, not in the run."""
    step, other = drafts

    def broken(activity):
        raise ZeroDivisionError("never shown")

    work = registry.AGENTS["copywriter", "body_version"]
    monkeypatch.setitem(registry.AGENTS, ("copywriter", "body_version"), replace(work, gather=broken))

    assert worker.work() == 2

    for each in (step, other):
        assert (fresh(each).status, runs_of(each)) == ("assigned", [(1, "failed", "crashed")])
        assert ActivityRun.objects.get(activity=each).error == "crashed: ZeroDivisionError"


@pytest.mark.acceptance("FLOW-reject-rerun")
def test_a_sent_back_draft_is_written_again_with_the_note_and_what_follows_waits(draft, sandbox, rita):
    step = attempt(draft)
    unit = step.parent_activity
    approval = next(one for one in pending() if one.activity.parent_activity_id == unit.id)
    note = "Mention the roastery in Bengaluru, please."

    work.refuse_approval(approval, by=rita.actor, at=timezone.now(), shown_sha256=approval.content_sha256, note=note)

    at_hand = dict(unit.steps.values_list("pipeline_step", "status"))
    assert {key: at_hand[key] for key in ("topic_approval", "draft", "dm_review", "client_approval", "publish")} == {
        "topic_approval": "completed",
        "draft": "assigned",
        "dm_review": "created",
        "client_approval": "created",
        "publish": "created",
    }
    post = BlogPost.objects.get(ref_id=step.subject_ref)
    assert (fresh(step).revision_note, post.status) == (note, "rejected")
    sandbox.world.reset()
    again = attempt(step)
    (asked,) = sandbox.world.entries(target="anthropic", full=True)
    assert note in asked["body"]
    assert (again.status, again.output_ref != step.output_ref, fresh(post).status) == ("completed", True, "review")
    (second,) = [one for one in pending() if one.activity.parent_activity_id == unit.id]
    assert second.pk != approval.pk
    assert second.content_sha256 != approval.content_sha256
    assert claim_of(again).attempt == 2


def test_an_attempt_whose_end_loses_a_deadlock_ends_all_the_same_and_once(own_database):
    with due_at("topics"):
        taken = claim("worker")
        step = Activity.objects.get(pk=taken.activity_id)
        moves = JournalEntry.objects.filter(subject_ref=step.ref_id, code="activity.given_back")
        before = moves.count()

        with a_deadlock_is_lost(at=ActivityLease):
            endings(taken)["fail_attempt"]()

        assert (fresh(step).status, runs_of(step)) == ("assigned", [(1, "failed", "x")])
        assert moves.count() == before + 1

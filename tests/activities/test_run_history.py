"""What is known of an attempt afterwards: what it was told, used and cost, and why it failed."""

import hashlib
import re
from decimal import Decimal

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import failures, history, prompting
from apps.activities.engine import streams, traces
from apps.activities.models import ActivityRun, LlmCall, ToolCall
from tests.activities.work import attempt, fresh


def latest(step) -> history.RunHistory:
    return history.of_runs(step, list(ActivityRun.objects.filter(activity=step).order_by("-attempt")))[0]


@pytest.mark.acceptance("FLOW-llm-audit")
def test_every_request_to_a_model_is_one_row_with_digests_tokens_cost_and_duration(draft, sandbox):
    step = attempt(draft)

    run = ActivityRun.objects.get(activity=step)
    (call,) = LlmCall.objects.filter(activity_run=run)
    assert len(sandbox.world.entries(target="anthropic")) == 1
    assert call.response_hash == hashlib.sha256(streams.read(run.ref_id).encode()).hexdigest()
    assert re.fullmatch("[0-9a-f]{64}", call.prompt_hash)
    assert call.prompt_hash != call.response_hash
    assert (call.input_tokens, call.output_tokens) == (run.input_tokens, run.output_tokens)
    assert min(call.input_tokens, call.output_tokens) > 0
    assert call.cached_input_tokens == 0
    dear = call.input_tokens * call.input_usd_per_million + call.output_tokens * call.output_usd_per_million
    assert abs(call.cost_usd - dear / 1_000_000) <= Decimal("0.000001")
    assert (call.cost_usd, call.duration_ms) == (run.cost_usd, run.duration_ms)
    assert (call.agent_role, call.model_id, call.tenant_id) == ("copywriter", run.model_id, step.tenant_id)


def test_a_run_keeps_the_parts_of_its_prompt_and_none_of_its_words(draft):
    step = attempt(draft)

    told = latest(step)
    names = [part.name for part in told.parts]
    assert names[0] == "instructions"
    assert names[-1] == "task"
    assert {"facts", "brief"} <= set(names) or "facts" in names
    task = next(part for part in told.parts if part.name == "task")
    instruction = f"# Task\n\n{step.step.prompt_template.strip()}"
    assert (task.characters, task.sha256) == (len(instruction), hashlib.sha256(instruction.encode()).hexdigest())
    kept = storage.find(storage.EventLog, {"activityId": step.ref_id, "code": traces.PROMPTED})
    assert step.step.prompt_template not in str(kept)
    call = LlmCall.objects.get(activity_run=told.run)
    assert (told.calls, told.cached_input_tokens) == (1, call.cached_input_tokens)
    assert told.output_version == 1


def test_a_failed_attempt_has_its_parts_too_and_a_sentence(draft, plan):
    plan("anthropic", "401")
    step = attempt(draft)

    told = latest(step)
    assert told.parts
    assert told.output_version is None
    assert told.told.code == told.run.error.partition(":")[0]
    assert told.told.sentence


@pytest.mark.acceptance("MISC-tool-count")
def test_tools_of_a_run_are_listed_in_order_and_counted_for_its_activity(draft, rita):
    step = attempt(draft)
    run = ActivityRun.objects.get(activity=step)
    for number, (name, error) in enumerate((("web_search", ""), ("web_fetch", "404"))):
        ToolCall.objects.create(
            activity_run=run,
            tool_name=name,
            method="GET",
            status="error" if error else "success",
            error=error,
            duration_ms=number,
            created_on=timezone.now(),
        )

    assert [(call.tool_name, call.error) for call in latest(step).tool_calls] == [
        ("web_search", ""),
        ("web_fetch", "404"),
    ]
    assert [history.tool_count(each) for each in (step, step.parent_activity)] == [2, 2]
    assert "2 tool calls" in rita.get(f"/dm/c/{step.tenant.slug}/activities/{step.ref_id}/").text


def test_the_history_of_many_runs_takes_as_many_statements_as_of_one(draft, django_assert_num_queries):
    step = attempt(draft)
    runs = list(ActivityRun.objects.filter(activity=step))

    with django_assert_num_queries(2):
        history.of_runs(step, runs)


def test_a_page_and_the_api_show_the_run_in_full(draft, rita):
    step = fresh(attempt(draft))
    run = ActivityRun.objects.get(activity=step)

    page = rita.get(f"/dm/c/{step.tenant.slug}/activities/{step.ref_id}/").text
    told = rita.get(f"/api/v1/runs/{run.ref_id}/").json()["data"]

    assert "What it was told" in page
    assert "in 1 call" in page
    assert told["calls"] == 1
    assert told["prompt_parts"][0]["name"] == "instructions"
    assert told["prompt_parts"][0]["sha256"][:12] in page
    assert (told["tool_calls"], told["explanation"], told["output_version"]) == ([], "", 1)


def test_a_digest_does_not_depend_on_the_delimiter():
    blocks = [prompting.DataBlock("brief", "Write about water.")]

    def parts(delimiter: str):
        return prompting.parts_of(
            prompting.build_prompt("You write.", facts={"a": "b"}, blocks=blocks, task="Do it.", delimiter=delimiter)
        )

    assert parts("a" * 16) == parts("b" * 16)
    assert [part.name for part in parts("a" * 16)] == ["instructions", "facts", "brief", "task"]
    assert parts("a" * 16)[2].sha256 == hashlib.sha256(b"Write about water.").hexdigest()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("", ""),
        ("rate_limited: 429 {json}", "The model service asked for fewer requests."),
        ("website_unreadable: The site asks for a password.", "The site asks for a password."),
        ("something_new: What happened.", "What happened."),
        ("No code at all.", "No code at all."),
        ("Ratio 3:2 wanted", "Ratio 3:2 wanted"),
    ],
)
def test_an_error_is_explained_in_a_sentence(error, sentence):
    told = failures.explain(error)

    assert told.sentence == sentence
    assert bool(told.next_step) == bool(error)

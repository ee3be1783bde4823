"""Whatever a model does: the state is right, the money is closed, and nothing half-made is kept."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from apps import storage
from apps.activities.adapters import ADAPTERS
from apps.activities.adapters.base import ModelAnswer, ModelFailed, ModelUsage
from apps.activities.engine import streams, sweep
from apps.activities.models import Activity, ActivityRun, AgentConfig, LlmCall, LlmProvider, ModelPrice
from apps.billing.models import SpendCounter, SpendReservation
from apps.content.models import BlogPost
from apps.tenants.models import Tenant
from sandbox.writing import model as writer
from tests.activities.work import CLAUDE, OLLAMA, OPENAI, ModelService, attempt, fresh, hurry, runs_of, set_agent

SERVICES = [CLAUDE, OPENAI, OLLAMA]


@pytest.fixture(params=SERVICES, ids=lambda service: service.adapter_type)
def service(request, draft) -> ModelService:
    """The agent that is to write works with each of the services in turn."""
    set_agent("copywriter", request.param)
    return request.param


def money() -> list[tuple[str, bool]]:
    """(status, whether anything was charged) of the copywriter's reservations, oldest first."""
    rows = SpendReservation.objects.filter(agent_role="copywriter").order_by("ref_id")
    return [(row.status, row.settled_usd > 0) for row in rows]


def check_sums() -> None:
    """Counters, reservations, calls and the run agree, and nothing is set aside."""
    total = SpendReservation.objects.aggregate(all=Sum("settled_usd"))["all"]
    counter = SpendCounter.objects.get(scope="tenant")
    assert (counter.settled_usd, counter.reserved_usd) == (total, 0)
    billed = LlmCall.objects.aggregate(all=Sum("cost_usd"))["all"]
    settled = SpendReservation.objects.filter(status="settled").aggregate(all=Sum("settled_usd"))["all"]
    assert billed == settled
    assert ActivityRun.objects.aggregate(all=Sum("cost_usd"))["all"] == total


def nothing_kept(step: Activity) -> None:
    step = fresh(step)
    run = ActivityRun.objects.filter(activity=step).last()
    assert (step.output_ref, step.output_summary) == ("", {})
    assert storage.find(storage.ActivityOutput, {"activityRunId": run.ref_id}) == []
    post = BlogPost.objects.get(ref_id=step.subject_ref)
    assert (post.status, post.content_ref, post.word_count) == ("writing", "", None)


@pytest.mark.parametrize(
    ("fault", "run", "paid"),
    [
        ("empty", ("failed", "broken_answer"), [("settled", True)] * 3),
        ("wrong_types", ("failed", "broken_answer"), [("settled", True)] * 3),
        ("truncated", ("failed", "unavailable"), [("expired", True)]),
        ("reset_after_accept", ("failed", "unavailable"), [("expired", True)]),
        ("reset_midway", ("failed", "unavailable"), [("expired", True)]),
        ("garbage", ("failed", "broken_answer"), [("expired", True)]),
        ("reset", ("failed", "unavailable"), [("expired", True)]),
        ("500", ("failed", "unavailable"), [("settled", False)]),
        ("overload", ("failed", "overloaded"), [("settled", False)]),
        ("429", ("failed", "rate_limited"), [("settled", False)]),
    ],
)
@pytest.mark.acceptance("FLOW-retry")
def test_a_passing_fault_costs_an_attempt_and_the_next_one_succeeds(draft, plan, service, fault, run, paid):
    plan(service.target, service.overload if fault == "overload" else fault, times=len(paid))

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("assigned", [(1, *run)])
    assert money() == [(reservation, charged and service.charges) for reservation, charged in paid]
    check_sums()
    nothing_kept(step)
    hurry()
    assert attempt(step).status == "completed"
    check_sums()


FINAL = {"refusal": "refused", "401": "unauthorised", "context_too_long": "invalid_request"}


@pytest.mark.parametrize(
    ("service", "fault"),
    # Ollama's models decline in words, not by a sign.
    [(each, fault) for each in SERVICES for fault in FINAL if (each, fault) != (OLLAMA, "refusal")],
    indirect=["service"],
    ids=lambda value: getattr(value, "adapter_type", value),
)
def test_what_cannot_pass_calls_a_person_at_once(draft, plan, service, fault):
    plan(service.target, fault)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("failed", [(1, "failed", FINAL[fault])])
    assert Activity.objects.filter(origin_key__startswith=f"escalation:{step.ref_id}").count() == 1
    check_sums()
    nothing_kept(step)


def test_an_answer_that_does_not_fit_is_repaired_twice_and_says_what_was_wrong(draft, plan, service, sandbox):
    plan(service.target, "wrong_types", times=2)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("completed", [(1, "completed", "")])
    first, second, third = (
        [message for message in json.loads(e["body"])["messages"] if message["role"] != "system"]
        for e in sandbox.world.entries(target=service.target, full=True)
    )
    assert [len(messages) for messages in (first, second, third)] == [1, 3, 5]
    assert "That answer cannot be used: " in second[2]["content"]
    assert money() == [("settled", service.charges)] * 3
    check_sums()


def test_each_service_is_paid_by_what_it_reports_and_its_price(draft, service, sandbox):
    step = attempt(draft)

    (entry,) = sandbox.world.entries(target=service.target)
    usage, call = entry["recorded"]["usage"], LlmCall.objects.get(agent_role="copywriter")
    price = ModelPrice.objects.get(llm_provider__adapter_type=service.adapter_type, model_id=service.model_id)
    reported = {
        "claude": ("input_tokens", "output_tokens"),
        "openai": ("prompt_tokens", "completion_tokens"),
        "ollama": ("prompt_eval_count", "eval_count"),
    }[service.adapter_type]
    assert step.status == "completed"
    assert (call.input_tokens, call.output_tokens) == tuple(usage[name] for name in reported)
    cost = call.input_tokens * price.input_usd_per_million + call.output_tokens * price.output_usd_per_million
    assert abs(call.cost_usd - cost / 1_000_000) <= Decimal("0.000001")
    assert (call.cost_usd > 0) == service.charges
    assert (call.adapter_type, call.model_id) == (service.adapter_type, service.model_id)
    check_sums()


def test_what_openai_read_from_its_cache_costs_what_cached_tokens_cost(draft, plan):
    set_agent("copywriter", OPENAI)
    plan("openai", "wrong_types")  # the repair begins with the same text

    attempt(draft)

    first, second = LlmCall.objects.filter(agent_role="copywriter").order_by("created_on")
    price = ModelPrice.objects.get(llm_provider__adapter_type="openai", model_id=OPENAI.model_id)
    assert (first.cached_input_tokens, second.cached_input_tokens >= 0) == (0, True)
    fresh = second.input_tokens - second.cached_input_tokens
    cost = (
        fresh * price.input_usd_per_million
        + second.cached_input_tokens * price.cached_input_usd_per_million
        + second.output_tokens * price.output_usd_per_million
    )
    assert abs(second.cost_usd - cost / 1_000_000) <= Decimal("0.000001")
    check_sums()


def test_three_times_three_answers_that_do_not_fit_end_with_a_person(draft, plan, sandbox):
    plan("anthropic", "wrong_types", times=20)

    for _ in range(3):
        step = attempt(draft)
        hurry()

    assert (step.status, [error for _, _, error in runs_of(step)]) == ("failed", ["broken_answer"] * 3)
    assert len(sandbox.world.entries(target="anthropic")) == 9
    check_sums()
    nothing_kept(step)


def test_prose_around_the_answer_is_forgiven(draft, plan, service, sandbox):
    plan(service.target, "prose_around_json")

    assert attempt(draft).status == "completed"
    assert len(sandbox.world.entries(target=service.target)) == 1


@pytest.mark.parametrize("fault", ["no_usage", "wrong_usage", "negative_usage"])
def test_usage_that_is_missing_or_absurd_is_replaced_by_our_own_count(draft, plan, service, fault):
    plan(service.target, fault)

    step = attempt(draft)

    call = LlmCall.objects.get(activity_run_id=ActivityRun.objects.get(activity=step).id)
    assert step.status == "completed"
    assert 1_000 < call.input_tokens < 50_000
    assert 100 < call.output_tokens < 8_192
    check_sums()


def test_a_dripping_answer_ends_with_the_time_limit(draft, plan, service):
    AgentConfig.objects.filter(agent_role="copywriter").update(timeout_ms=1_000)
    plan(service.target, "trickle")

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("assigned", [(1, "timed_out", "timed_out")])
    assert ActivityRun.objects.get(activity=step).duration_ms is not None
    assert money() == [("expired", service.charges)]
    check_sums()
    nothing_kept(step)


def test_a_call_whose_money_was_thought_lost_meanwhile_ends_like_any_other(draft, monkeypatch):
    """It is set aside for as long as the attempt may last; where a sweep took it all the same, a time-out stays one."""
    AgentConfig.objects.filter(agent_role="copywriter").update(timeout_ms=45 * 60_000)
    lives = []

    def ask(request, *, on_delta):
        (held,) = SpendReservation.objects.filter(agent_role="copywriter")
        lives.append((held.expires_on - held.created_on - timedelta(seconds=request.timeout_s)).total_seconds())
        SpendReservation.objects.filter(pk=held.pk).update(expires_on=held.created_on)
        assert sweep.sweep() == 1
        raise ModelFailed("timed_out", "The model did not answer in time.", request_left=True)

    monkeypatch.setitem(ADAPTERS, "claude", ask)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("assigned", [(1, "timed_out", "timed_out")])
    assert all(600 <= left < 660 for left in lives) and len(lives) == 1
    assert money() == [("expired", True)]
    check_sums()


def test_overload_is_waited_out_as_the_service_asks_and_counts_no_failure(draft, plan, service):
    plan(service.target, service.overload, times=5, retry_after=33)

    for _ in range(5):
        step = attempt(draft)
        seconds = (step.ready_on - step.updated_on).total_seconds()
        assert (step.status, 33 <= seconds <= 33 * 1.25 + 1) == ("assigned", True), seconds
        hurry()

    assert attempt(step).status == "completed"
    assert not Activity.objects.filter(origin_key__startswith="escalation:").exists()
    check_sums()


def odd_answers(monkeypatch, *texts: str) -> None:
    """The model's text as it is put here, through the adapter's own door."""
    waiting = list(texts)

    def ask(request, *, on_delta):
        text = waiting.pop(0) or writer.write(
            system=request.system,
            conversation=request.messages[0].content,
            schema=request.schema.model_json_schema(),
            seed=7,
        )
        for start in range(0, len(text), 50):
            on_delta(text[start : start + 50])
        return ModelAnswer(text, ModelUsage(100, 0, 100), "end_turn", "req")

    monkeypatch.setitem(ADAPTERS, "claude", ask)


@pytest.mark.parametrize(
    "oddity",
    ["\x00", "\ud800", "\udfff\ud800", "\x1b", "\x08" * 70],
    ids=["nul", "lone", "lone pair", "ansi", "backspaces"],
)
def test_characters_no_store_takes_are_dropped_wherever_they_stand(draft, monkeypatch, oddity):
    odd_answers(monkeypatch, "")
    real = ADAPTERS["claude"]

    def ask(request, *, on_delta):
        answer = real(request, on_delta=lambda delta: on_delta(oddity + delta + oddity))
        return ModelAnswer(oddity + answer.text + oddity, answer.usage, "end_turn", "req")

    monkeypatch.setitem(ADAPTERS, "claude", ask)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("completed", [(1, "completed", "")])
    run = ActivityRun.objects.get(activity=step)
    shown = streams.read(run.ref_id)
    assert json.loads(shown)["title"] == BlogPost.objects.get(ref_id=step.subject_ref).title
    assert not set(oddity) & set(shown)
    check_sums()


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800"])
def test_the_same_characters_escaped_inside_the_answer_are_repaired(draft, monkeypatch, escape):
    odd_answers(monkeypatch, f'{{"title": "{escape}", "{escape}": 1}}', "")

    step = attempt(draft)

    assert (step.status, LlmCall.objects.filter(agent_role="copywriter").count()) == ("completed", 2)


def test_field_names_made_of_them_are_told_without_them(draft, monkeypatch):
    odd_answers(monkeypatch, *['{"a\\u0000b\\u001b": 1}'] * 3)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("assigned", [(1, "failed", "broken_answer")])
    assert "\x00" not in ActivityRun.objects.get(activity=step).error


@pytest.mark.parametrize(
    "text",
    [
        '{"title": NaN}',
        '{"title": "a", "title": "b"}',
        "[" * 5_000,
        '{"a":' * 5_000,
        "null",
        "{" + " " * 900_000,
        '"' * 100_000,
    ],
    ids=["nan", "twice", "deep list", "deep object", "null", "blank", "quotes"],
)
def test_rubbish_is_refused_in_bounded_time(draft, monkeypatch, text):
    odd_answers(monkeypatch, text, text, text)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("assigned", [(1, "failed", "broken_answer")])
    check_sums()


def test_a_model_without_a_price_is_not_asked(draft, sandbox):
    AgentConfig.objects.filter(agent_role="copywriter").update(model_id="claude-of-tomorrow")
    LlmProvider.objects.update(models=[{"model_id": "claude-of-tomorrow"}])

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("failed", [(1, "failed", "model_unpriced")])
    assert sandbox.world.entries(target="anthropic") == []
    assert money() == []


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"models": [{"model_id": "another"}]}])
def test_an_agent_without_a_provider_is_not_asked(draft, sandbox, change):
    LlmProvider.objects.update(**change)

    assert runs_of(attempt(draft)) == [(1, "failed", "no_provider")]
    assert sandbox.world.entries(target="anthropic") == []


@pytest.mark.acceptance("FLOW-spend-cap")
@pytest.mark.parametrize("cap", ["tenant", "role", "activity"])
def test_a_reached_cap_makes_work_wait_for_money_without_failing(draft, sandbox, cap):
    none = Decimal("0.0001")
    if cap == "tenant":
        Tenant.objects.filter(pk=draft.tenant_id).update(monthly_spend_cap_usd=0)
    else:
        field = {"role": "monthly_cap_usd", "activity": "max_cost_usd_per_activity"}[cap]
        AgentConfig.objects.filter(agent_role="copywriter").update(**{field: none})

    for _ in range(5):
        step = attempt(draft)
        assert step.ready_on - step.updated_on == timedelta(hours=6)
        hurry()

    assert (step.status, {error for _, _, error in runs_of(step)}) == ("assigned", {"cap_reached"})
    assert sandbox.world.entries(target="anthropic") == []
    assert not Activity.objects.filter(origin_key__startswith="escalation:").exists()
    Tenant.objects.filter(pk=draft.tenant_id).update(monthly_spend_cap_usd=None)
    AgentConfig.objects.filter(agent_role="copywriter").update(monthly_cap_usd=None, max_cost_usd_per_activity=1)
    assert attempt(step).status == "completed"


def test_the_limit_of_an_activity_holds_over_its_attempts(draft, plan):
    """Each attempt is charged at its estimate; when the limit is reached no further call is made."""
    plan("anthropic", "reset", times=20)
    AgentConfig.objects.filter(agent_role="copywriter").update(
        max_cost_usd_per_activity=Decimal("0.40"), escalation_after_failures=20
    )

    for _ in range(6):
        step = attempt(draft)
        hurry()

    spent = SpendCounter.objects.get(scope="activity", scope_key=step.ref_id)
    assert 0 < spent.settled_usd <= Decimal("0.40")
    assert runs_of(step)[-1][2] == "cap_reached"


def test_a_store_that_is_away_costs_no_money_and_no_failure(draft, documents_away, sandbox):
    documents_away()

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("assigned", [(1, "failed", "storage_unavailable")])
    assert sandbox.world.entries(target="anthropic") == []
    assert money() == []
    assert step.input_data["failures_before"] == 1


def test_a_model_failure_says_whether_it_was_free():
    free = ModelUsage(0, 0, 0)

    assert ModelFailed("overloaded", "x", request_left=True, usage=free).was_free
    assert ModelFailed("unavailable", "x", request_left=False).was_free
    assert not ModelFailed("unavailable", "x", request_left=True).was_free
    assert not ModelFailed("cut_off", "x", request_left=True, usage=ModelUsage(1, 0, 0)).was_free

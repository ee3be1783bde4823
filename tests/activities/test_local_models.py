"""A client with local models only: what its agents ask, and that nothing of it leaves for a cloud model."""

import pytest
from django.utils import timezone

from apps.activities import operations
from apps.activities.adapters import ADAPTERS
from apps.activities.models import Activity, AgentConfig, Approval, LlmProvider
from apps.activities.operations import ProviderFacts
from apps.billing import operations as billing
from apps.billing.models import SpendCounter, SpendReservation
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput
from apps.tenants.models import Tenant, User
from tests.activities import wires
from tests.activities.answers import Answers
from tests.activities.work import (
    CLAUDE,
    OLLAMA,
    OPENAI,
    ModelService,
    attempt,
    due_at,
    hurry,
    runs_of,
    set_agent,
    steps_of,
)

pytestmark = pytest.mark.acceptance("FLOW-privacy")
CLOUD = (CLAUDE, OPENAI)
ROLE = "copywriter"
NOW = timezone.now()


def switch_to(level: str) -> None:
    Tenant.objects.filter(slug="acme-topics").update(data_privacy_level=level)


def asked(sandbox) -> dict[str, int]:
    """How many requests of this test reached each model service."""
    return {service.target: len(sandbox.world.entries(target=service.target)) for service in (*CLOUD, OLLAMA)}


def money_is_settled() -> bool:
    return not SpendReservation.objects.filter(status="open").exists() and not any(
        SpendCounter.objects.values_list("reserved_usd", flat=True)
    )


@pytest.fixture(params=CLOUD, ids=lambda service: service.adapter_type)
def cloud(request, draft) -> ModelService:
    """The agent works with a cloud model."""
    set_agent(ROLE, request.param)
    return request.param


def test_its_agents_work_with_a_local_model_and_nothing_is_charged(draft, sandbox):
    switch_to("local_only")
    set_agent(ROLE, OLLAMA)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("completed", [(1, "completed", "")])
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 1}
    assert SpendReservation.objects.get(agent_role=ROLE).settled_usd == 0


def test_work_that_waited_when_it_was_switched_asks_nobody_and_says_what_to_do(draft, cloud, sandbox):
    switch_to("local_only")

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("failed", [(1, "failed", "local_models_only")])
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0}
    assert not SpendReservation.objects.filter(agent_role=ROLE).exists()
    told = Activity.objects.get(origin_key__startswith=f"escalation:{step.ref_id}")
    assert "Choose a local one in Manage" in told.revision_note


def test_a_retry_after_the_switch_asks_nobody(draft, cloud, plan, sandbox):
    plan(cloud.target, cloud.overload, times=2)
    for _ in range(2):
        attempt(draft)
        hurry()
    switch_to("local_only")

    step = attempt(draft)

    assert runs_of(step)[-1] == (3, "failed", "local_models_only")
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0, cloud.target: 2}
    assert money_is_settled()


def test_a_repair_after_the_switch_is_not_asked_for(draft, cloud, plan, sandbox, monkeypatch):
    """The second request of the same run is not made any more."""
    plan(cloud.target, "wrong_types")
    real = ADAPTERS[cloud.adapter_type]

    def ask(request, *, on_delta):
        answer = real(request, on_delta=on_delta)
        switch_to("local_only")
        return answer

    monkeypatch.setitem(ADAPTERS, cloud.adapter_type, ask)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("failed", [(1, "failed", "local_models_only")])
    assert asked(sandbox)[cloud.target] == 1
    assert money_is_settled()


def test_a_switch_while_money_is_set_aside_holds_the_request_back(draft, cloud, sandbox, monkeypatch):
    real = billing.reserve

    def reserve(**facts):
        reservation = real(**facts)
        switch_to("local_only")
        return reservation

    monkeypatch.setattr(billing, "reserve", reserve)

    step = attempt(draft)

    assert runs_of(step) == [(1, "failed", "local_models_only")]
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0}
    assert money_is_settled()


def test_after_the_agent_is_set_to_a_local_model_the_same_work_goes_on(draft, cloud, sandbox):
    switch_to("local_only")
    failed = attempt(draft)
    set_agent(ROLE, OLLAMA)

    operations.retry_activity(failed, by=Actor.system("tests"), at=failed.updated_on)
    step = attempt(draft)

    assert step.status == "completed"
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 1}


def test_however_often_it_is_switched_no_request_leaves_while_it_is_local(draft, cloud, plan, sandbox):
    plan(cloud.target, "500", times=100)
    AgentConfig.objects.filter(agent_role=ROLE).update(escalation_after_failures=100)

    for turn in range(6):
        before = asked(sandbox)
        switch_to("local_only" if turn % 2 else "cloud_ok")
        step = attempt(draft)
        if turn % 2:
            assert asked(sandbox) == before
            operations.retry_activity(step, by=Actor.system("tests"), at=step.updated_on)
        hurry()

    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0, cloud.target: 3}


@pytest.mark.parametrize("fault", ["reset", "500", "503", "401", "truncated"])
def test_a_local_model_that_fails_is_replaced_by_no_cloud_model(draft, plan, sandbox, fault):
    """Not even by one that offers a model of the same name."""
    LlmProvider.objects.filter(name="OpenAI").update(adapter_type="ollama", models=[{"model_id": OLLAMA.model_id}])
    switch_to("local_only")
    set_agent(ROLE, OLLAMA)
    plan("ollama", fault)

    step = attempt(draft)

    assert step.status in ("assigned", "failed")
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 1}


def test_of_two_providers_of_a_model_the_local_one_is_asked(draft, settings, sandbox):
    settings.OPENAI_BASE_URL = "https://api.openai.com/v1"  # nothing there would answer, nor be asked
    local = LlmProvider.objects.create(
        name="Rack", adapter_type="openai", base_url=f"{sandbox.url}/openai/v1", api_key="ours", is_local=True,
        models=[{"model_id": OPENAI.model_id}], created_on=draft.created_on,
    )  # fmt: skip
    operations.seed_prices(at=draft.created_on)
    switch_to("local_only")
    set_agent(ROLE, OPENAI)

    step = attempt(draft)
    LlmProvider.objects.filter(pk=local.pk).update(is_enabled=False)

    assert step.status == "completed"
    assert asked(sandbox) == {"anthropic": 0, "openai": 1, "ollama": 0}
    with due_at("topics"):
        set_agent(ROLE, OPENAI)
        other = steps_of(ROLE)[1]
        Activity.objects.filter(pk=other.pk).update(ready_on=draft.created_on)
        assert runs_of(attempt(other)) == [(1, "failed", "local_models_only")]
    assert asked(sandbox)["openai"] == 1


def test_a_provider_called_local_that_is_elsewhere_is_refused_at_the_door(draft, settings, sandbox):
    """Whatever the row says: the address is not one of those the operator listed."""
    LlmProvider.objects.filter(name="Ollama").update(base_url="https://ollama.com")
    switch_to("local_only")
    set_agent(ROLE, OLLAMA)

    step = attempt(draft)

    assert (step.status, runs_of(step)) == ("failed", [(1, "failed", "invalid_request")])
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0}
    assert money_is_settled()


def test_a_model_that_ollama_hands_on_to_its_cloud_is_no_local_one(draft, sandbox):
    LlmProvider.objects.filter(name="Ollama").update(models=[{"model_id": "gpt-oss:120b-cloud"}])
    switch_to("local_only")
    AgentConfig.objects.filter(agent_role=ROLE).update(adapter_type="ollama", model_id="gpt-oss:120b-cloud")

    assert runs_of(attempt(draft)) == [(1, "failed", "local_models_only")]
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0}


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"base_url": "https://ollama.com"}, "is_local"),
        ({"models": [{"model_id": "glm-4.6:cloud"}]}, "models"),
        ({"models": [{"model_id": "gpt-oss:120b-cloud"}]}, "models"),
    ],
)
def test_what_is_not_local_cannot_be_called_so(db, facts, field):
    wanted = {"name": "Rack", "base_url": None, "is_enabled": True, "is_local": True, "models": [], **facts}
    count = LlmProvider.objects.count()

    with pytest.raises(InvalidInput) as refused:
        operations.add_provider(
            ProviderFacts(**wanted), adapter_type="ollama", api_key="", by=Actor.system("tests"), at=NOW
        )

    assert list(refused.value.errors) == [field]
    assert LlmProvider.objects.count() == count


def test_an_environment_without_ollama_has_no_address_to_fall_back_on(db, settings):
    settings.OLLAMA_BASE_URL = ""
    facts = ProviderFacts(name="Rack", base_url=None, is_enabled=True, is_local=False, models=[])

    with pytest.raises(InvalidInput) as refused:
        operations.add_provider(facts, adapter_type="ollama", api_key="", by=Actor.system("tests"), at=NOW)

    assert list(refused.value.errors) == ["base_url"]


def test_a_key_of_the_environment_is_not_sent_to_a_providers_own_address(draft, sandbox):
    LlmProvider.objects.filter(name="OpenAI").update(base_url=f"{sandbox.url}/openai/v1")
    set_agent(ROLE, OPENAI)

    assert runs_of(attempt(draft)) == [(1, "failed", "unauthorised")]
    assert asked(sandbox)["openai"] == 0


def test_an_answer_that_was_under_way_when_it_was_switched_is_the_last(draft, cloud, sandbox, monkeypatch):
    """Its question had left. The next step of the same unit asks nobody."""
    real = ADAPTERS[cloud.adapter_type]

    def ask(request, *, on_delta):
        answer = real(request, on_delta=on_delta)
        switch_to("local_only")
        return answer

    monkeypatch.setitem(ADAPTERS, cloud.adapter_type, ask)
    assert attempt(draft).status == "completed"
    operations.refuse_approval(
        approval := Approval.objects.get(subject_ref=draft.subject_ref, status="pending"),
        by=Actor.human(User.objects.get(email="rita@leadmetrics.test")),
        at=timezone.now(),
        shown_sha256=approval.content_sha256,
        note="Shorter.",
    )
    hurry()

    again = attempt(draft)

    assert (again.status, runs_of(again)[-1]) == ("failed", (2, "failed", "local_models_only"))
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0, cloud.target: 1}
    assert money_is_settled()


def test_an_answer_the_checks_sent_back_is_not_mended_in_the_cloud_after_the_switch(
    draft, httpserver, settings, monkeypatch
):
    answers, real = Answers(httpserver, settings), ADAPTERS["claude"]
    answers.say({"metaDescription": "d" * 120})

    def ask(request, *, on_delta):
        answer = real(request, on_delta=on_delta)
        switch_to("local_only")
        return answer

    monkeypatch.setitem(ADAPTERS, "claude", ask)

    step = attempt(draft)

    assert (runs_of(step), len(answers.asked)) == ([(1, "failed", "local_models_only")], 1)
    assert money_is_settled()


def test_a_local_client_is_checked_as_any_other(draft, httpserver, settings, sandbox):
    switch_to("local_only")
    set_agent(ROLE, OLLAMA)
    Tenant.objects.filter(slug="acme-topics").update(website=f"{sandbox.url}/site/harbour-coffee/")
    links = f"[a]({sandbox.url}/site/harbour-coffee/nowhere/) [b](https://elsewhere.example/)"
    Answers(httpserver, settings, wires.OLLAMA).say({"bodyMarkdown": f"## Tea\n\n{'Tea is good. ' * 400}\n\n{links}"})

    step = attempt(draft)

    codes = [found["code"] for found in step.output_summary["checks"]]
    assert ("link_dead" in codes, "link_unknown" in codes) == (True, True)
    assert asked(sandbox) == {"anthropic": 0, "openai": 0, "ollama": 0}

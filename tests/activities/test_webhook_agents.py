"""An agent behind a webhook: asked with a signature, answers later, and is believed no more than a model."""

import threading
from decimal import Decimal
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import Client
from django.utils import timezone

from apps.activities import callbacks
from apps.activities import operations as work
from apps.activities.adapters import webhook
from apps.activities.engine import streams, worker
from apps.activities.engine.claim import claim
from apps.activities.engine.pricing import Price
from apps.activities.models import Activity, AgentConfig, LlmCall, LlmProvider
from apps.shared.actors import Actor
from apps.shared.scoping import tenant_scope
from apps.tenants.models import InboundEvent, Tenant
from sandbox.agents_api import SECRET
from sandbox.faults import Fault
from tests.activities.work import attempts_of, due_at, fresh, put_off, runs_of, steps_of

ROLE, MODEL = "copywriter", "our-own-writer"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def product(own_database, settings):
    """The product's own address, answering: agents call back there."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)

    def serve() -> None:
        server.serve_forever(poll_interval=0.05)
        connections.close_all()  # of this thread; the database could not be dropped otherwise

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings.PUBLIC_BASE_URL = f"http://127.0.0.1:{server.server_port}"
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    yield settings.PUBLIC_BASE_URL
    server.shutdown()
    thread.join()
    server.server_close()


def use_agents_of_the_house(sandbox) -> None:
    """The client in scope has its articles written by the agency's own agent, which has a price."""
    by, at = Actor.system("tests"), timezone.now()
    with tenant_scope():  # model services belong to the platform
        provider = work.add_provider(
            work.ProviderFacts(
                name="Our own agents",
                base_url=f"{sandbox.url}/agents/run",
                is_enabled=True,
                is_local=True,
                models=[{"model_id": MODEL, "context_tokens": None}],
            ),
            adapter_type="webhook",
            api_key=SECRET,
            by=by,
            at=at,
        )
        work.set_price(provider, MODEL, Price(Decimal(1), Decimal(1), Decimal(2)), by=by, at=timezone.now())
    AgentConfig.objects.filter(agent_role=ROLE).update(adapter_type="webhook", model_id=MODEL)


@pytest.fixture
def asked_draft(product, sandbox):
    """One article to be written by the agency's own agent, which finds the product when it calls back."""
    with due_at("topics"):
        use_agents_of_the_house(sandbox)
        first, second = steps_of(ROLE)
        put_off(second)
        yield first


def planned(sandbox, fault: str, **more) -> None:
    with sandbox.world.lock:
        sandbox.world.planned.append(Fault.from_order({"target": "agents", "fault": fault, **more}))


def attempt(step: Activity) -> Activity:
    before = attempts_of(step)
    assert worker.work(limit=1) == 1
    assert attempts_of(step) == before + 1
    return fresh(step)


@pytest.mark.acceptance("INT-llm")
def test_it_is_asked_calls_back_and_its_answer_is_a_draft_like_any_other(asked_draft, sandbox):
    step = attempt(asked_draft)

    assert (step.status, runs_of(step)) == ("completed", [(1, "completed", "")])
    (event,) = InboundEvent.objects.all()
    assert event.source == "agent_callback" and event.external_event_id.endswith("/1")
    call = LlmCall.objects.filter(adapter_type="webhook").get()
    assert (call.model_id, call.cost_usd > 0) == (MODEL, True)
    (sent,) = sandbox.world.entries(target="agents")
    assert SECRET not in str(sent)


@pytest.mark.parametrize(
    "fault", ["calls_back_twice", "prose_around_json", "no_usage", "negative_usage", "wrong_usage"]
)
def test_what_it_does_wrong_beside_the_answer_changes_nothing(asked_draft, sandbox, fault):
    planned(sandbox, fault)

    assert attempt(asked_draft).status == "completed"
    assert InboundEvent.objects.count() == 1


def test_an_answer_that_does_not_fit_is_asked_for_again_as_a_question_of_its_own(asked_draft, sandbox):
    planned(sandbox, "wrong_types")

    assert attempt(asked_draft).status == "completed"
    assert sorted(e.external_event_id[-2:] for e in InboundEvent.objects.all()) == ["/1", "/2"]


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("says_error", "assigned", "unavailable"),
        ("never_calls_back", "assigned", "timed_out"),
        ("401", "failed", "unauthorised"),
        ("503", "assigned", "overloaded"),
        ("reset", "assigned", "unavailable"),
    ],
)
def test_an_agent_that_does_not_answer_fails_the_attempt_with_its_cause(asked_draft, sandbox, fault, status, error):
    AgentConfig.objects.filter(agent_role=ROLE).update(timeout_ms=3_000)
    planned(sandbox, fault)

    step = attempt(asked_draft)

    assert (step.status, runs_of(step)[-1][2], step.output_ref) == (status, error, "")


def test_with_another_secret_it_is_refused_by_the_agent(asked_draft):
    provider = LlmProvider.objects.get(name="Our own agents")
    provider.api_key = "another secret"
    provider.save()

    assert runs_of(attempt(asked_draft))[-1][2] == "unauthorised"


def test_a_client_with_local_models_only_may_use_one_of_the_house(asked_draft, sandbox):
    Tenant.objects.filter(pk=asked_draft.tenant_id).update(data_privacy_level="local_only")

    assert attempt(asked_draft).status == "completed"


def test_an_agent_elsewhere_gets_nothing_of_a_client_with_local_models_only(asked_draft, sandbox):
    Tenant.objects.filter(pk=asked_draft.tenant_id).update(data_privacy_level="local_only")
    LlmProvider.objects.filter(name="Our own agents").update(is_local=False)

    assert runs_of(attempt(asked_draft))[-1][2] == "local_models_only"
    assert sandbox.world.entries(target="agents") == []


def called_back(question, *, token: str | None = None, ref: str | None = None, body=None, what: str = "result"):
    ref = ref or question.task_id.partition("/")[0]
    return Client().post(
        f"/agent/v1/runs/{ref}/{what}",
        data={"status": "success", "text": "{}"} if body is None else body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {question.token if token is None else token}"},
    )


@pytest.fixture
def question(draft, sandbox):
    """A question that was asked a moment ago, by a worker that waits."""
    use_agents_of_the_house(sandbox)
    return callbacks.errand_for(claim("waiting"), number=1)


def test_an_answer_is_taken_once(question):
    assert question.received() is None

    first, second = called_back(question), called_back(question, body={"status": "success", "text": "other"})

    assert (first.status_code, second.status_code) == (200, 409)
    assert first.json()["receipt"] == InboundEvent.objects.get().ref_id
    assert webhook.CalledBack.model_validate_json(question.received()).text == "{}"


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "🔑", "A" * 5_000])
def test_a_token_that_is_none_is_refused(question, token):
    assert called_back(question, token=token.encode("ascii", "replace").decode()).status_code == 401
    assert not InboundEvent.objects.exists()


def test_a_token_opens_its_own_run_only_and_for_an_hour(question, monkeypatch):
    assert called_back(question, ref="01M0000000000000000000000A").status_code == 401

    monkeypatch.setattr(callbacks, "LIVES", callbacks.LIVES * -1)
    assert called_back(question).status_code == 401
    assert not InboundEvent.objects.exists()


def test_after_the_run_was_closed_nobody_listens(question, draft):
    work.cancel_activity(fresh(draft), by=Actor.system("tests"), at=timezone.now())

    with pytest.raises(work.LeaseLost):
        question.received()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        {"status": "done"},
        {"status": "success", "text": 7},
        {"status": "success", "approve": True},
        {"status": "success", "text": "x" * 1_000_001},
        {"status": "success", "usage": {"inputTokens": "many", "outputTokens": 1}},
        "x" * 1_600_000,
    ],
    ids=range(9),
)
def test_what_is_no_callback_is_refused_and_the_agent_may_try_again(question, body):
    assert called_back(question, body=body).status_code in (400, 413)
    assert not InboundEvent.objects.exists()
    assert called_back(question).status_code == 200


def test_text_on_the_way_is_shown_live_and_a_piece_sent_twice_is_one(question):
    pieces = [{"sequenceNum": 1, "delta": "Hello "}, {"sequenceNum": 2, "delta": "there"}]

    assert [called_back(question, body=p, what="stream").status_code for p in [*pieces, pieces[0]]] == [204] * 3

    assert streams.read(question.task_id.partition("/")[0]) == "Hello there"


@pytest.mark.parametrize(
    "body", ["", "[]", {"delta": "x"}, {"sequenceNum": True, "delta": "x"}, {"sequenceNum": 0, "delta": "x"}]
)
def test_a_piece_that_is_none_is_refused(question, body):
    assert called_back(question, body=body, what="stream").status_code == 400


def test_the_address_takes_posts_only(question):
    ref = question.task_id.partition("/")[0]

    assert Client().get(f"/agent/v1/runs/{ref}/result").status_code == 405

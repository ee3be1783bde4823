"""The played chat of Ollama, judged by its SDK and by the examples of its reference."""

import json

import ollama
import pytest
from pydantic import BaseModel

ASKED = [{"role": "user", "content": "What should the roastery write about?"}]
MODEL = "gpt-oss:20b"


class Answer(BaseModel):
    headline: str
    points: list[str]


@pytest.fixture
def client(rehearsal):
    with ollama.Client(host=f"{rehearsal.url}/ollama", timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def raw(call):
    return lambda **more: call("POST", "/ollama/api/chat", {"model": MODEL, "messages": ASKED, **more})


def test_an_answer_has_the_shape_of_the_reference(raw, example, has_shape_of):
    answer = raw(stream=False)

    assert answer.status == 200
    has_shape_of(answer.value, example("ollama_chat"))


def test_streamed_lines_are_those_of_the_reference(raw, example, has_shape_of):
    answer = raw()

    first, *_, last = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    for ours, documented in zip((first, last), example("ollama_stream"), strict=True):
        has_shape_of(ours, documented)


def test_the_sdk_reads_the_same_answer_streamed_and_whole(client):
    whole = client.chat(MODEL, ASKED)
    parts = list(client.chat(MODEL, ASKED, stream=True))

    assert "".join(part.message.content for part in parts) == whole.message.content
    assert ([part.done for part in parts[:-1]], parts[-1].done_reason) == ([False] * (len(parts) - 1), "stop")
    assert parts[-1].eval_count == whole.eval_count


def test_an_answer_follows_the_schema(client):
    answer = client.chat(MODEL, ASKED, format=Answer.model_json_schema())

    assert len(Answer.model_validate_json(answer.message.content).points) == 3


def test_what_does_not_fit_into_the_context_is_dropped_without_a_word(client):
    long = [{"role": "user", "content": "word " * 10_000}]

    short, whole = (client.chat(MODEL, long, options={"num_ctx": tokens}) for tokens in (None, 16_384))

    assert (short.prompt_eval_count, whole.prompt_eval_count) == (4_096, 12_500)


def test_errors_come_in_the_vendors_envelope(call, raw, example, has_shape_of):
    missing = raw(model="llama99")

    assert (missing.status, missing.value) == (404, {"error": "model 'llama99' not found"})
    has_shape_of(missing.value, example("ollama_error"))
    assert raw(model="").status == raw(messages="x").status == raw(format=7).status == 400
    assert call("GET", "/ollama/api/chat").status == 405


@pytest.mark.parametrize(
    ("fault", "status"), [("401", 401), ("429", 429), ("500", 500), ("503", 503), ("context_too_long", 400)]
)
def test_a_planned_error_happens_once(client, call, fault, status):
    call("POST", "/_control/faults", {"target": "ollama", "fault": fault})

    with pytest.raises(ollama.ResponseError) as raised:
        client.chat(MODEL, ASKED)

    assert raised.value.status_code == status
    assert client.chat(MODEL, ASKED).done_reason == "stop"


def test_num_predict_cuts_the_text(client):
    cut = client.chat(MODEL, ASKED, options={"num_predict": 5})

    assert (cut.done_reason, cut.eval_count, len(cut.message.content)) == ("length", 5, 20)


def test_usage_can_be_missing_absurd_or_negative(client, call):
    usual = client.chat(MODEL, ASKED).eval_count
    faults = [{"target": "ollama", "fault": fault} for fault in ("no_usage", "wrong_usage", "negative_usage")]
    call("POST", "/_control/faults", faults)

    assert [client.chat(MODEL, ASKED).eval_count for _ in range(3)] == [None, usual * 1000, -usual]


def test_models_are_listed(client):
    assert MODEL in [model.model for model in client.list().models]

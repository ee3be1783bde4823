"""The played chat completions, judged by OpenAI's SDK and by its own examples."""

import json

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

ASKED = [{"role": "user", "content": "What should the roastery write about?"}]


class Answer(BaseModel):
    headline: str
    points: list[str]


@pytest.fixture
def client(rehearsal):
    with openai.OpenAI(api_key="k", base_url=f"{rehearsal.url}/openai/v1", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def raw(call):
    def raw(body, key="k"):
        return call("POST", "/openai/v1/chat/completions", body, headers={"Authorization": f"Bearer {key}"})

    return raw


def body(**more):
    return {"model": "gpt-5.4-mini", "messages": ASKED, **more}


def test_an_answer_is_what_the_sdk_calls_a_completion(raw):
    answer = raw(body())

    assert (answer.status, answer.headers["x-request-id"][:4]) == (200, "req_")
    ChatCompletion.model_validate(answer.value, strict=True)


def test_streamed_chunks_are_those_of_the_reference(raw, example, has_shape_of):
    answer = raw(body(stream=True, stream_options={"include_usage": True}))

    *lines, last = [line.removeprefix("data: ") for line in answer.text.strip().split("\n\n")]
    first, *middle, end, usage = chunks = [json.loads(line) for line in lines]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    for ours, documented in zip((first, middle[0], end), example("openai_stream"), strict=True):
        has_shape_of(ours, documented)
        has_shape_of(ours["choices"][0], documented["choices"][0])
    assert last == "[DONE]"
    assert (usage["choices"], usage["usage"]["completion_tokens"] > 0) == ([], True)
    assert {chunk["usage"] for chunk in chunks[:-1]} == {None}


def test_the_sdk_parses_structured_output_streamed_and_whole(client):
    whole = client.chat.completions.parse(**body(), response_format=Answer)
    with client.chat.completions.stream(**body(), response_format=Answer) as stream:
        streamed = stream.get_final_completion()

    assert isinstance(whole.choices[0].message.parsed, Answer)
    assert streamed.choices[0].message.parsed == whole.choices[0].message.parsed


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"additionalProperties": True}, "additionalProperties"),
        ({"required": []}, "required"),
        ({"properties": {"a": {"type": "string", "maxLength": 9}}}, "maxLength"),
        ({"properties": {"a": {"type": "string", "default": ""}}}, "default"),
    ],
)
def test_strict_mode_refuses_what_the_vendor_does_not_support(raw, change, word):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    schema |= {"additionalProperties": False, **change}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}

    answer = raw(body(response_format=wanted))

    assert (answer.status, answer.value["error"]["param"]) == (400, "response_format")
    assert f"'{word}'" in answer.value["error"]["message"]


def test_errors_come_in_the_vendors_envelope(raw, example, has_shape_of):
    unknown, revoked, missing = raw(body(model="gpt-0")), raw(body(), key="revoked"), raw({"model": "gpt-5.4"})

    assert unknown.status == 200  # any name of the family is good here
    has_shape_of(revoked.value, {"error": {**example("openai_error")["error"]}})
    assert (revoked.status, revoked.value["error"]["code"]) == (401, "invalid_api_key")
    assert (missing.status, missing.value["error"]["param"]) == (400, "messages")
    assert raw(body(model="claude-sonnet-4-6")).value["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", openai.AuthenticationError),
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("context_too_long", openai.BadRequestError),
    ],
)
def test_a_planned_error_happens_once(client, call, fault, error):
    call("POST", "/_control/faults", {"target": "openai", "fault": fault})

    with pytest.raises(error):
        client.chat.completions.create(**body())

    assert client.chat.completions.create(**body()).choices[0].finish_reason == "stop"


def test_a_refusal_and_a_cut_off_answer_say_so(client, call):
    call("POST", "/_control/faults", {"target": "openai", "fault": "refusal"})

    refused = client.chat.completions.create(**body()).choices[0]
    cut = client.chat.completions.create(**body(max_completion_tokens=5)).choices[0]

    assert (refused.finish_reason, refused.message.content, bool(refused.message.refusal)) == ("stop", "", True)
    assert (cut.finish_reason, len(cut.message.content)) == ("length", 20)


def test_a_long_beginning_is_cached_by_itself(client):
    messages = [{"role": "system", "content": "The house rules. " * 400}, *ASKED]

    first, second = (client.chat.completions.create(**body(messages=messages)).usage for _ in range(2))

    assert (first.prompt_tokens_details.cached_tokens, second.prompt_tokens_details.cached_tokens) == (0, 1664)
    assert first.prompt_tokens == second.prompt_tokens


def test_usage_can_be_missing_absurd_or_negative(raw, call):
    usual = raw(body()).value["usage"]["completion_tokens"]
    faults = [{"target": "openai", "fault": fault} for fault in ("no_usage", "wrong_usage", "negative_usage")]
    call("POST", "/_control/faults", faults)

    assert "usage" not in raw(body()).value
    assert [raw(body()).value["usage"]["completion_tokens"] for _ in range(2)] == [usual * 1000, -usual]


def test_models_are_listed(client):
    assert "gpt-5.4-mini" in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-5.4").object == "model"

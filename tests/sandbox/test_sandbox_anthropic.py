import json

import anthropic
import anthropic.types as vendor
import pytest
from pydantic import BaseModel

ANSWER = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "What should the roastery write about?"}]


@pytest.fixture
def client(rehearsal):
    with anthropic.Anthropic(
        api_key="rehearsal", base_url=f"{rehearsal.url}/anthropic", max_retries=0, timeout=60
    ) as client:
        yield client


@pytest.fixture
def raw(call):
    def raw(body, **headers):
        return call(
            "POST",
            "/anthropic/v1/messages",
            body,
            headers={"anthropic-version": "2023-06-01", "x-api-key": "k", **headers},
        )

    return raw


def ask(client, **more):
    return client.messages.create(**{"model": "claude-sonnet-4-6", "max_tokens": 2000, "messages": ASKED, **more})


def structured(schema=ANSWER):
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def test_an_answer_is_what_the_sdk_calls_a_message(raw, example, has_shape_of):
    answer = raw({"model": "claude-sonnet-4-6", "max_tokens": 2000, "messages": ASKED})

    assert answer.status == 200
    assert answer.headers["request-id"].startswith("req_")
    has_shape_of(answer.value, example("anthropic_message"))
    vendor.Message.model_validate(answer.value, strict=True)
    assert set(answer.value["usage"]) <= set(vendor.Usage.model_fields)


def test_streamed_events_are_those_of_the_reference(raw, example, has_shape_of):
    answer = raw({"model": "claude-sonnet-4-6", "max_tokens": 2000, "messages": ASKED, "stream": True})

    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name for name, _ in blocks] == [f"event: {event['type']}" for event in events]
    kinds = list(dict.fromkeys(event["type"] for event in events))
    assert kinds == [event["type"] for event in example("anthropic_stream")]
    for documented in example("anthropic_stream"):
        has_shape_of(next(event for event in events if event["type"] == documented["type"]), documented)
    models = {
        "message_start": vendor.RawMessageStartEvent,
        "content_block_start": vendor.RawContentBlockStartEvent,
        "content_block_delta": vendor.RawContentBlockDeltaEvent,
        "content_block_stop": vendor.RawContentBlockStopEvent,
        "message_delta": vendor.RawMessageDeltaEvent,
        "message_stop": vendor.RawMessageStopEvent,
    }
    for event in events:
        if event["type"] in models:
            models[event["type"]].model_validate(event)


def test_the_sdk_reads_the_same_message_streamed_and_whole(client):
    whole = ask(client)
    with client.messages.stream(model="claude-sonnet-4-6", max_tokens=2000, messages=ASKED) as stream:
        pieces = list(stream.text_stream)
        streamed = stream.get_final_message()

    assert "".join(pieces) == streamed.content[0].text == whole.content[0].text
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= 60
    assert streamed.stop_reason == whole.stop_reason == "end_turn"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_the_sdk_parses_structured_output(client):
    class Answer(BaseModel):
        headline: str
        points: list[str]

    parsed = client.messages.parse(model="claude-sonnet-4-6", max_tokens=2000, messages=ASKED, output_format=Answer)

    assert isinstance(parsed.parsed_output, Answer)
    assert len(parsed.parsed_output.points) == 3


def test_the_older_output_format_is_understood(raw):
    answer = raw(
        {
            "model": "claude-sonnet-4-6",
            "max_tokens": 500,
            "messages": ASKED,
            "output_format": {"type": "json_schema", "schema": ANSWER},
        }
    )

    assert list(json.loads(answer.value["content"][0]["text"])) == ["answer"]


def test_unknown_fields_are_tolerated(raw):
    assert (
        raw({"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": ASKED, "new_in_2031": {"x": 1}}).status == 200
    )


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
def test_a_missing_required_field_is_400(raw, missing):
    body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": ASKED}
    del body[missing]

    answer = raw(body)

    assert answer.status == 400
    assert answer.value["error"] == {"type": "invalid_request_error", "message": f"{missing}: Field required"}


def test_errors_come_in_the_vendors_envelope(call, example, has_shape_of):
    answer = call("GET", "/anthropic/v1/nothing", headers={"anthropic-version": "2023-06-01", "x-api-key": "k"})

    assert answer.status == 404
    has_shape_of(answer.value, example("anthropic_error"))
    assert answer.value["error"] == example("anthropic_error")["error"]
    assert answer.value["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    "headers", [{"x-api-key": "revoked"}, {"x-api-key": ""}, {"x-api-key": "", "Authorization": "Bearer revoked"}]
)
def test_a_revoked_or_missing_key_is_401(raw, headers):
    answer = raw({"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": ASKED}, **headers)

    assert answer.status == 401
    assert answer.value["error"]["type"] == "authentication_error"


def test_the_sdk_raises_its_own_error_for_a_revoked_key(rehearsal):
    with (
        anthropic.Anthropic(api_key="revoked", base_url=f"{rehearsal.url}/anthropic", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        ask(client)


def test_max_tokens_cuts_the_text(client):
    cut = ask(client, max_tokens=5)

    assert cut.stop_reason == "max_tokens"
    assert cut.usage.output_tokens == 5
    assert len(cut.content[0].text) == 20


def test_a_marked_prefix_is_written_to_the_cache_once_and_then_read(client):
    system = [{"type": "text", "text": "The house rules. " * 200, "cache_control": {"type": "ephemeral"}}]

    first, second = ask(client, system=system).usage, ask(client, system=system).usage

    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (850, 0)
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, 850)
    assert first.input_tokens == second.input_tokens


def test_tokens_are_counted_and_models_listed(client):
    assert client.messages.count_tokens(model="claude-sonnet-4-6", messages=ASKED).input_tokens == 10
    models = client.models.list().data
    assert "claude-sonnet-4-6" in [model.id for model in models]
    for model in models:
        vendor.ModelInfo.model_validate(model.model_dump())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", anthropic.AuthenticationError),
        ("429", anthropic.RateLimitError),
        ("500", anthropic.InternalServerError),
        ("529", anthropic.OverloadedError),
    ],
)
def test_a_planned_error_happens_once(rehearsal, client, call, fault, error):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": fault, "retry_after": 2})

    with pytest.raises(error) as raised:
        ask(client)

    assert raised.value.response.headers.get("retry-after") == (None if fault == "401" else "2")
    assert ask(client).stop_reason == "end_turn"
    assert [entry["fault"] for entry in rehearsal.world.entries(target="anthropic")] == [fault, None]


@pytest.mark.parametrize("fault", ["reset", "reset_after_accept", "timeout_after_accept", "truncated"])
def test_a_broken_connection_reaches_the_sdk_as_a_connection_error(rehearsal, call, fault):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": fault})
    with (
        anthropic.Anthropic(api_key="k", base_url=f"{rehearsal.url}/anthropic", max_retries=0, timeout=1) as client,
        pytest.raises(anthropic.APIConnectionError),
    ):
        ask(client)

    (entry,) = rehearsal.world.entries(target="anthropic")
    assert (entry["recorded"] is None) == (fault == "reset")


def test_a_truncated_stream_has_no_end(client, call):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": "truncated"})
    kinds = []
    with pytest.raises(Exception, match="peer closed|incomplete|Connection"):
        for event in ask(client, stream=True):
            kinds.append(event.type)

    assert kinds[0] == "message_start"
    assert "message_stop" not in kinds


def test_garbage_is_not_json(raw, call):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": "garbage"})
    with pytest.raises(ValueError):
        raw({"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": ASKED})


def test_prose_around_json(client, call):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": "prose_around_json"})

    text = ask(client, **structured()).content[0].text

    assert text.startswith("Certainly!")
    assert list(json.loads(text.split("```json\n")[1].split("\n```")[0])) == ["answer"]


def test_wrong_types(client, call):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": "wrong_types"})

    assert json.loads(ask(client, **structured()).content[0].text) == {"answer": 7}


def test_a_refusal_says_so(client, call):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": "refusal"})

    refused = ask(client)

    assert (refused.stop_reason, refused.content) == ("refusal", [])


def test_usage_can_be_missing_or_absurd(raw, call):
    body = {"model": "claude-sonnet-4-6", "max_tokens": 2000, "messages": ASKED}
    usual = raw(body).value["usage"]["output_tokens"]
    call(
        "POST",
        "/_control/faults",
        [{"target": "anthropic", "fault": "no_usage"}, {"target": "anthropic", "fault": "wrong_usage"}],
    )

    assert "usage" not in raw(body).value
    assert raw(body).value["usage"]["output_tokens"] == usual * 1000


def test_an_echoed_secret_is_in_the_error_and_not_in_the_log(rehearsal, call, raw):
    call("POST", "/_control/faults", {"target": "anthropic", "fault": "echo_secret"})

    answer = raw({"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": ASKED}, **{"x-api-key": "sk-secret"})

    assert (answer.status, "sk-secret" in answer.text) == (500, True)
    assert "sk-secret" not in json.dumps(rehearsal.world.entries())

"""Played models that ask for tools, as their vendors' examples and SDKs have it."""

import json

import anthropic
import anthropic.types as claude_types
import ollama
import openai
import openai.types.chat as openai_types
import pytest

PARAMETERS = {
    "type": "object",
    "properties": {"location": {"type": "string"}},
    "required": ["location"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "What is the weather like in Paris?"}]
CLAUDES = {"name": "get_weather", "description": "The weather.", "input_schema": PARAMETERS}
FUNCTION = {"name": "get_weather", "description": "The weather.", "parameters": PARAMETERS}
OTHERS = {"type": "function", "function": FUNCTION}
PARIS = {"location": "Paris"}


@pytest.fixture
def order(call):
    def order(target, *calls, **more):
        wanted = [{"name": name, "arguments": arguments} for name, arguments in calls]
        assert call("POST", "/_control/tools", {"target": target, "calls": wanted, **more}).status == 200

    return order


@pytest.fixture
def claude(rehearsal):
    with anthropic.Anthropic(api_key="k", base_url=f"{rehearsal.url}/anthropic", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def gpt(rehearsal):
    with openai.OpenAI(api_key="k", base_url=f"{rehearsal.url}/openai/v1", max_retries=0, timeout=60) as client:
        yield client


def ask_claude(client, **more):
    return client.messages.create(
        **{"model": "claude-sonnet-4-6", "max_tokens": 900, "messages": ASKED, "tools": [CLAUDES], **more}
    )


def ask_gpt(client, **more):
    return client.chat.completions.create(**{"model": "gpt-5.4-mini", "messages": ASKED, "tools": [OTHERS], **more})


def test_no_tool_is_asked_for_unless_somebody_ordered_it(claude, gpt):
    assert ask_claude(claude).stop_reason == "end_turn"
    assert ask_gpt(gpt).choices[0].finish_reason == "stop"


def steps_of(events):
    """The kinds of events with their blocks, pings left out, deltas of one block taken together."""
    steps = [(event["type"], event.get("index")) for event in events if event["type"] != "ping"]
    return list(dict.fromkeys(steps))


def test_claude_asks_as_in_the_vendors_example_and_takes_the_result(claude, call, order, example, has_shape_of):
    order("anthropic", ("get_weather", PARIS), text="Okay")
    body = {"model": "claude-sonnet-4-6", "max_tokens": 900, "messages": ASKED, "tools": [CLAUDES], "stream": True}
    streamed = call(
        "POST", "/anthropic/v1/messages", body, headers={"anthropic-version": "2023-06-01", "x-api-key": "k"}
    )
    events = [json.loads(block.split("data: ")[1]) for block in streamed.text.strip().split("\n\n")]

    documented = example("anthropic_tool_stream")
    assert steps_of(events) == steps_of(documented)
    for kind, one in {(event["type"], event.get("index")): event for event in documented}.items():
        has_shape_of(next(e for e in events if (e["type"], e.get("index")) == kind), one)
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta" and event["index"] == 1]
    assert json.loads("".join(delta["partial_json"] for delta in deltas)) == PARIS

    order("anthropic", ("get_weather", PARIS), text="Okay")
    asked = ask_claude(claude)
    claude_types.Message.model_validate(asked.model_dump(), strict=True)
    said, use = asked.content
    assert (asked.stop_reason, said.text, use.name, use.input) == ("tool_use", "Okay", "get_weather", PARIS)
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "15 degrees"}
    answered = ask_claude(
        claude,
        messages=[
            *ASKED,
            {"role": "assistant", "content": asked.model_dump(include={"content"})["content"]},
            {"role": "user", "content": [result]},
        ],
    )
    assert answered.stop_reason == "end_turn"


USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": PARIS}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "15 degrees"}


@pytest.mark.parametrize(
    ("messages", "tools", "told"),
    [
        (
            [{"role": "assistant", "content": [USE]}, {"role": "user", "content": "and?"}],
            [CLAUDES],
            "without `tool_result`",
        ),
        ([{"role": "user", "content": [RESULT]}], [CLAUDES], "unexpected `tool_use_id`"),
        (
            [{"role": "assistant", "content": [USE, USE]}, {"role": "user", "content": [RESULT]}],
            [CLAUDES],
            "must be unique",
        ),
        ([{"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}], [], "must define tools"),
        ([], [{**CLAUDES, "name": "get weather"}], "should match pattern"),
        ([], [{"name": "get_weather"}], "input_schema"),
    ],
)
def test_claude_refuses_a_conversation_in_which_uses_and_results_do_not_meet(claude, messages, tools, told):
    with pytest.raises(anthropic.BadRequestError, match=told):
        ask_claude(claude, messages=[*ASKED, *messages], tools=tools)


def test_openai_asks_as_in_the_vendors_example_and_takes_the_result(gpt, order, example):
    order("openai", ("get_weather", PARIS))
    deltas = [
        part
        for chunk in ask_gpt(gpt, stream=True)
        for choice in chunk.choices
        for part in choice.delta.tool_calls or []
    ]

    first, *rest = (part for (part,) in example("openai_tool_deltas"))
    told = [delta.model_dump() for delta in deltas]
    assert set(told[0]) == set(first)
    assert (told[0]["index"], told[0]["type"]) == (0, "function")
    assert told[0]["function"] == {"arguments": "", "name": "get_weather"}
    for delta in told[1:]:
        assert {name: delta[name] for name in ("index", "id", "type")} == {
            n: rest[0][n] for n in ("index", "id", "type")
        }
        assert delta["function"]["name"] is None
    assert json.loads("".join(delta["function"]["arguments"] for delta in told)) == PARIS

    order("openai", ("get_weather", PARIS))
    asked = ask_gpt(gpt)
    openai_types.ChatCompletion.model_validate(asked.model_dump())
    message = asked.choices[0].message
    assert (asked.choices[0].finish_reason, message.content) == ("tool_calls", None)
    (use,) = message.tool_calls
    answered = ask_gpt(
        gpt,
        messages=[
            *ASKED,
            message.model_dump(include={"role", "content", "tool_calls"}),
            {"role": "tool", "tool_call_id": use.id, "content": "15 degrees"},
        ],
    )
    assert answered.choices[0].finish_reason == "stop"


CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "call_1", "content": "15 degrees"}


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([CALLED], "must be followed by tool messages"),
        ([CALLED, {"role": "user", "content": "and?"}], "must be followed by tool messages"),
        ([TOLD], "must be a response to"),
        ([CALLED, TOLD, TOLD], "must be a response to"),
        ([{**CALLED, "tool_calls": [{**CALL, "function": {"name": "a b", "arguments": "{}"}}]}, TOLD], "function.name"),
    ],
)
def test_openai_refuses_a_conversation_in_which_calls_and_results_do_not_meet(gpt, messages, told):
    with pytest.raises(openai.BadRequestError, match=told):
        ask_gpt(gpt, messages=[*ASKED, *messages])


def test_openai_refuses_a_strict_function_whose_schema_is_not(gpt):
    loose = {**FUNCTION, "strict": True, "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
    with pytest.raises(openai.BadRequestError, match="additionalProperties"):
        ask_gpt(gpt, tools=[{"type": "function", "function": loose}])


def test_ollama_asks_as_in_the_vendors_example_and_takes_the_result(rehearsal, call, order, example, has_shape_of):
    order("ollama", ("get_weather", {"city": "Tokyo"}))
    streamed = call("POST", "/ollama/api/chat", {"model": "llama3.2", "messages": ASKED, "tools": [OTHERS]})
    lines = [json.loads(line) for line in streamed.text.splitlines()]

    assert len(lines) == 2
    for line, documented in zip(lines, example("ollama_tool_stream"), strict=True):
        has_shape_of(line, documented)
    assert lines[0]["message"] == example("ollama_tool_stream")[0]["message"]

    order("ollama", ("get_weather", {"city": "Tokyo"}))
    with ollama.Client(host=f"{rehearsal.url}/ollama") as client:
        asked = client.chat(model="llama3.2", messages=ASKED, tools=[OTHERS])
        (use,) = asked.message.tool_calls
        result = {"role": "tool", "tool_name": use.function.name, "content": "11 degrees celsius"}
        answered = client.chat(model="llama3.2", messages=[*ASKED, asked.message, result], tools=[OTHERS])
    assert (use.function.name, use.function.arguments) == ("get_weather", {"city": "Tokyo"})
    assert answered.message.content and not answered.message.tool_calls


@pytest.mark.parametrize(
    "order",
    [
        {"target": "wordpress", "calls": []},
        {"target": "openai", "calls": [{}]},
        {"target": "openai", "calls": {}},
        {"target": "openai", "calls": [], "colour": "red"},
        7,
    ],
)
def test_an_order_that_makes_no_sense_is_400(call, order):
    assert call("POST", "/_control/tools", order).status == 400


def test_orders_are_used_up_in_order_and_can_be_dropped(call, claude, order):
    order("anthropic", ("get_weather", PARIS), after=1)
    assert ask_claude(claude).stop_reason == "end_turn"
    assert ask_claude(claude).stop_reason == "tool_use"
    order("anthropic", ("get_weather", PARIS), times=5)
    assert call("DELETE", "/_control/tools").value == {"ordered": []}
    assert ask_claude(claude).stop_reason == "end_turn"

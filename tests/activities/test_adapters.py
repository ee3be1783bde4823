"""The adapters against servers on loopback that stream, stall, break and lie."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager, suppress

import pytest
from django.test import override_settings
from pydantic import BaseModel, ConfigDict, Field
from werkzeug import Response

from apps.activities.adapters import ADAPTERS
from apps.activities.adapters.base import (
    MAX_ANSWER_BYTES,
    Message,
    ModelFailed,
    ModelRequest,
    ModelUsage,
    ToolOffer,
    ToolResult,
    ToolUse,
)
from tests.activities.wires import CLAUDE, OLLAMA, OPENAI, WIRES, Wire, sse

KEY = "sk-ant-REDACTED"


class Article(BaseModel):
    title: str = Field(max_length=60)
    words: int = Field(ge=1, description="How many words.")
    note: str = ""


@pytest.fixture(params=WIRES, ids=lambda wire: wire.adapter)
def wire(request) -> Wire:
    return request.param


@pytest.fixture(scope="module", autouse=True)
def imported_sdks():
    """Loading an SDK takes longer than the time limits of these tests; each loads more with its first question."""
    with override_settings(EGRESS_ALLOW_HOSTS=["127.0.0.1:9"]):  # where nobody listens
        for adapter in (ADAPTERS[name] for name in ("claude", "openai", "ollama")):
            with suppress(ModelFailed):
                adapter(request_to("http://127.0.0.1:9"), on_delta=lambda text: None)


@pytest.fixture
def service(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def answer_with(service, wire: Wire, response: Response) -> None:
    service.expect_request(wire.path, method="POST").respond_with_response(response)


def request_to(base_url: str, **changes) -> ModelRequest:
    usual = {
        "model_id": "model-test",
        "system": "You write.",
        "messages": (Message("user", "Write."),),
        "schema": None,
        "max_tokens": 100,
        "timeout_s": 5.0,
        "api_key": KEY,
        "base_url": base_url,
    }
    return ModelRequest(**{**usual, **changes})


def ask(wire: Wire, base_url: str, deltas: list | None = None, **changes):
    heard = deltas.append if deltas is not None else lambda text: None
    return ADAPTERS[wire.adapter](request_to(base_url, **changes), on_delta=heard)


def failure_of(wire: Wire, base_url: str, deltas: list | None = None, **changes) -> ModelFailed:
    with pytest.raises(ModelFailed) as failure:
        ask(wire, base_url, deltas, **changes)
    return failure.value


def usage_of(wire: Wire) -> ModelUsage:
    """What the wires report unless told otherwise; Ollama knows no cache that anybody pays for."""
    return ModelUsage(input_tokens=125, cached_input_tokens=0 if wire is OLLAMA else 100, output_tokens=7)


@contextmanager
def raw_service(settings, talk):
    """A service that speaks bytes after reading one request; yields its address and the times it was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    port = listener.getsockname()[1]
    settings.EGRESS_ALLOW_HOSTS = [f"127.0.0.1:{port}"]
    is_over = threading.Event()
    asked: list[bytes] = []

    def serve():
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(60)
                try:
                    asked.append(connection.recv(65536))
                    talk(connection, is_over)
                except OSError:
                    continue  # the adapter hung up, as it should

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}", asked
    finally:
        is_over.set()
        thread.join()
        listener.close()


def test_a_whole_answer_arrives_in_pieces_with_its_usage(service, wire):
    answer_with(service, wire, wire.answer("Good ", "bread 🍞"))
    deltas = []

    answer = ask(wire, service.url_for(""), deltas)

    assert deltas == ["Good ", "bread 🍞"]
    assert (answer.text, answer.stop_reason) == ("Good bread 🍞", wire.whole)
    assert answer.external_request_id == ("" if wire is OLLAMA else "req_01")
    assert answer.usage == usage_of(wire)


def test_what_claude_writes_to_its_cache_was_sent_too(service):
    usage = {"input_tokens": 20, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1}
    message = {"id": "msg_01", "type": "message", "role": "assistant", "content": [], "usage": usage}
    start = CLAUDE.event("message_start", message=message)
    answer_with(service, CLAUDE, CLAUDE.stream(start, CLAUDE.delta("ok"), CLAUDE.end()))

    assert ask(CLAUDE, service.url_for("")).usage == ModelUsage(125, 100, 7)


SPOKEN = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
SYSTEM = {"role": "system", "content": "You write."}


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (
            CLAUDE,
            {
                "model": "model-test",
                "max_tokens": 100,
                "system": "You write.",
                "messages": SPOKEN,
                "stream": True,
            },
        ),
        (
            OPENAI,
            {
                "model": "model-test",
                "max_completion_tokens": 100,
                "messages": [SYSTEM, *SPOKEN],
                "store": False,
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        ),
        (
            OLLAMA,
            {
                "model": "model-test",
                "messages": [SYSTEM, *SPOKEN],
                "options": {"num_predict": 100, "num_ctx": 8192},
                "stream": True,
                "tools": [],
            },
        ),
    ],
    ids=["claude", "openai", "ollama"],
)
def test_the_request_carries_key_model_system_and_messages_and_nothing_from_the_environment(
    service, wire, body, monkeypatch
):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "OLLAMA_API_KEY"):
        monkeypatch.setenv(name, "of-the-environment")
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-the-environment")
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OLLAMA_HOST", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer_with(service, wire, wire.answer("ok"))

    ask(wire, service.url_for(""), messages=(Message("user", "a"), Message("assistant", "b"), Message("user", "c")))

    ((request, _),) = service.log
    assert KEY in (request.headers.get("X-Api-Key"), request.headers.get("Authorization", "").removeprefix("Bearer "))
    assert "environment" not in str(request.headers)
    assert request.get_json() == body


def test_claude_gets_a_schema_with_its_limits_in_words(service):
    answer_with(service, CLAUDE, CLAUDE.answer('{"title": "T", "words": 1}'))

    answer = ask(CLAUDE, service.url_for(""), schema=Article)

    sent = service.log[0][0].get_json()["output_config"]["format"]
    assert sent["type"] == "json_schema"
    properties = sent["schema"]["properties"]
    assert "maxLength" not in properties["title"] and "maxLength: 60" in properties["title"]["description"]
    assert properties["words"]["description"] == "How many words.\n\n{minimum: 1}"
    assert sent["schema"]["additionalProperties"] is False
    assert Article.model_validate_json(answer.text) == Article(title="T", words=1)


def test_openai_gets_a_strict_schema_without_what_strict_mode_refuses(service):
    answer_with(service, OPENAI, OPENAI.answer('{"title": "T", "words": 1, "note": ""}'))

    ask(OPENAI, service.url_for(""), schema=Article)

    sent = service.log[0][0].get_json()["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == (
        "json_schema",
        "Article",
        True,
    )
    assert sent["json_schema"]["schema"] == {
        "title": "Article",
        "type": "object",
        "properties": {
            "title": {"title": "Title", "type": "string", "description": "{maxLength: 60}"},
            "words": {"title": "Words", "type": "integer", "minimum": 1, "description": "How many words."},
            "note": {"title": "Note", "type": "string"},
        },
        "required": ["title", "words", "note"],
        "additionalProperties": False,
    }


def test_ollama_gets_the_schema_as_it_is(service):
    answer_with(service, OLLAMA, OLLAMA.answer("{}"))

    ask(OLLAMA, service.url_for(""), schema=Article)

    assert service.log[0][0].get_json()["format"] == Article.model_json_schema()


@pytest.mark.parametrize(
    ("characters", "known", "sent"),
    [(100, None, 8_192), (100_000, None, 65_536), (100, 131_072, 131_072), (100_000, 32_768, 32_768)],
)
def test_ollama_is_told_a_context_that_holds_the_question_for_it_would_drop_the_rest(service, characters, known, sent):
    answer_with(service, OLLAMA, OLLAMA.answer("ok"))

    ask(OLLAMA, service.url_for(""), messages=(Message("user", "x" * characters),), context_tokens=known)

    assert service.log[0][0].get_json()["options"]["num_ctx"] == sent


def test_a_question_that_no_context_of_ollama_holds_is_not_sent(service):
    failure = failure_of(OLLAMA, service.url_for(""), messages=(Message("user", "x" * 50_000),), context_tokens=8_192)

    assert (failure.cause, failure.request_left, service.log) == ("invalid_request", False, [])
    assert "longer than the model's context of 8192 tokens" in failure.detail


def claude_error(kind) -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "message": "No."}})


def openai_error(kind, code=None) -> str:
    return json.dumps({"error": {"message": "No.", "type": kind, "param": None, "code": code}})


OLLAMA_ERROR = json.dumps({"error": "No."})
GATEWAY = "<html>gateway</html>"


@pytest.mark.parametrize(
    ("wire", "status", "body", "cause"),
    [
        (CLAUDE, 400, claude_error("invalid_request_error"), "invalid_request"),
        (CLAUDE, 401, claude_error("authentication_error"), "unauthorised"),
        (CLAUDE, 402, claude_error("billing_error"), "unauthorised"),
        (CLAUDE, 403, claude_error("permission_error"), "unauthorised"),
        (CLAUDE, 404, claude_error("not_found_error"), "invalid_request"),
        (CLAUDE, 413, claude_error("request_too_large"), "invalid_request"),
        (CLAUDE, 429, claude_error("rate_limit_error"), "rate_limited"),
        (CLAUDE, 500, claude_error("api_error"), "unavailable"),
        (CLAUDE, 504, claude_error("timeout_error"), "timed_out"),
        (CLAUDE, 529, claude_error("overloaded_error"), "overloaded"),
        (OPENAI, 400, openai_error("invalid_request_error"), "invalid_request"),
        (OPENAI, 400, openai_error("invalid_request_error", "context_length_exceeded"), "invalid_request"),
        (OPENAI, 400, openai_error("invalid_request_error", "invalid_prompt"), "refused"),
        (OPENAI, 401, openai_error("invalid_request_error", "invalid_api_key"), "unauthorised"),
        (OPENAI, 403, openai_error("request_forbidden", "unsupported_country_region_territory"), "unauthorised"),
        (OPENAI, 404, openai_error("invalid_request_error", "model_not_found"), "invalid_request"),
        (OPENAI, 429, openai_error("tokens", "rate_limit_exceeded"), "rate_limited"),
        (OPENAI, 429, openai_error("insufficient_quota", "insufficient_quota"), "unauthorised"),
        (OPENAI, 500, openai_error("server_error"), "unavailable"),
        (OPENAI, 503, openai_error("overloaded"), "overloaded"),
        (OLLAMA, 400, OLLAMA_ERROR, "invalid_request"),
        (OLLAMA, 401, OLLAMA_ERROR, "unauthorised"),
        (OLLAMA, 404, OLLAMA_ERROR, "invalid_request"),
        (OLLAMA, 429, OLLAMA_ERROR, "rate_limited"),
        (OLLAMA, 500, OLLAMA_ERROR, "unavailable"),
        (OLLAMA, 503, OLLAMA_ERROR, "overloaded"),
        *((wire, 502, GATEWAY, "unavailable") for wire in WIRES),
        *((wire, 504, GATEWAY, "timed_out") for wire in WIRES),
        *((wire, 429, GATEWAY, "rate_limited") for wire in WIRES),
        *((wire, 307, GATEWAY, "invalid_request") for wire in WIRES),
    ],
)
def test_an_error_has_its_cause_and_is_not_repeated(service, wire, status, body, cause):
    answer_with(service, wire, Response(body, status, headers={"Retry-After": "7", "Location": "/v1/elsewhere"}))

    failure = failure_of(wire, service.url_for(""))

    assert (failure.cause, failure.request_left, failure.retry_after_s) == (cause, True, 7)
    assert failure.was_free == (status != 504)
    assert len(service.log) == 1


def test_an_error_in_the_middle_of_the_stream_has_its_cause_too(service, wire):
    answer_with(service, wire, wire.stream(wire.start(), wire.delta("Good "), wire.error()))
    deltas = []

    failure = failure_of(wire, service.url_for(""), deltas)

    cause = "overloaded" if wire is CLAUDE else "unavailable"
    assert (failure.cause, failure.request_left, failure.was_free, deltas) == (cause, True, False, ["Good "])


@pytest.mark.parametrize(
    ("wire", "reason", "cause"),
    [
        (CLAUDE, "refusal", "refused"),
        (CLAUDE, "max_tokens", "cut_off"),
        (CLAUDE, "model_context_window_exceeded", "cut_off"),
        (CLAUDE, "tool_use", "broken_answer"),
        (CLAUDE, {"a": 1}, "broken_answer"),
        (OPENAI, "content_filter", "refused"),
        (OPENAI, "length", "cut_off"),
        (OPENAI, "tool_calls", "broken_answer"),
        (OPENAI, {"a": 1}, "broken_answer"),
        (OLLAMA, "length", "cut_off"),
        (OLLAMA, "load", "broken_answer"),
        (OLLAMA, "unload", "broken_answer"),
    ],
)
def test_an_answer_that_did_not_come_to_its_end_is_a_failure_that_tells_its_usage(service, wire, reason, cause):
    answer_with(service, wire, wire.answer("Good ", reason=reason))

    failure = failure_of(wire, service.url_for(""))

    assert (failure.cause, failure.request_left) == (cause, True)
    assert failure.usage == usage_of(wire)


def test_openais_refusal_is_one_although_it_ends_like_an_answer(service):
    refusal = OPENAI.chunk({"refusal": "I'm sorry, I can't assist with that."})
    answer_with(service, OPENAI, OPENAI.stream(OPENAI.start(), refusal, OPENAI.end()))
    deltas = []

    failure = failure_of(OPENAI, service.url_for(""), deltas)

    assert (failure.cause, failure.usage, deltas) == ("refused", usage_of(OPENAI), [])


@pytest.mark.parametrize(
    ("usage", "wires"),
    [
        (None, WIRES),
        ((-1, 0, 3), WIRES),
        ((10, 0, -3), WIRES),
        ((10**12, 0, 3), WIRES),
        ((50_000, 0, 3), WIRES),
        ((5, 0, 101), WIRES),
        ((5, -5, 3), (CLAUDE, OPENAI)),
        ((5, 6, 3), (CLAUDE, OPENAI)),
        (("many", 0, 3), (CLAUDE, OPENAI)),
        ((1.5, 0, 3), (CLAUDE, OPENAI)),
    ],
)
def test_usage_that_cannot_be_believed_is_none_and_the_answer_stands(service, usage, wires):
    for wire in wires:
        answer_with(service, wire, wire.answer("ok", usage=usage))

        answer = ask(wire, service.url_for(""), max_tokens=100)

        assert (answer.text, answer.usage) == ("ok", None), wire.adapter


@pytest.mark.parametrize(
    ("wire", "response"),
    [
        *((wire, Response("<html>log in</html>", content_type="text/html")) for wire in WIRES),
        *((wire, Response("", content_type=wire.content_type)) for wire in WIRES),
        *((wire, Response(json.dumps({"id": "m", "content": []}), content_type="application/json")) for wire in WIRES),
        *((wire, wire.stream(b"\xff\xfe\x00" * 100)) for wire in WIRES),
        *((wire, wire.stream(wire.start(), wire.delta(5), wire.end())) for wire in WIRES),
        *((wire, wire.stream(wire.start(), wire.delta(["x"]), wire.end())) for wire in WIRES),
        (CLAUDE, CLAUDE.stream(b"event: message_start\ndata: {broken\n\n")),
        (CLAUDE, CLAUDE.stream(sse([1, 2], "message_start"))),
        (CLAUDE, CLAUDE.stream(sse(None, "message_start"))),
        (CLAUDE, CLAUDE.stream(CLAUDE.delta("no start"))),
        (CLAUDE, CLAUDE.stream(CLAUDE.start(), CLAUDE.event("message_delta", usage={"output_tokens": 3}))),
        (CLAUDE, CLAUDE.stream(CLAUDE.start(), CLAUDE.event("content_block_delta", index=0, delta="x"), CLAUDE.end())),
        (OPENAI, OPENAI.stream(b"data: {broken\n\n")),
        (OPENAI, OPENAI.stream(sse([1, 2]))),
        (OPENAI, OPENAI.stream(sse(None))),
        (OPENAI, OPENAI.stream(sse({**OPENAI.frame(), "choices": "none"}))),
        (OPENAI, OPENAI.stream(sse({**OPENAI.frame(), "choices": [{"delta": "x"}]}))),
        (OPENAI, OPENAI.stream(sse({**OPENAI.frame(), "choices": [None]}))),
        (OLLAMA, OLLAMA.stream(b"{broken\n")),
        (OLLAMA, OLLAMA.stream(b"[1, 2]\n")),
        (OLLAMA, OLLAMA.stream(b"null\n")),
        (OLLAMA, OLLAMA.stream(b'{"message": "x", "done": true}\n')),
        (OLLAMA, OLLAMA.stream(OLLAMA.line({"message": {"content": "x"}, "done": True}))),
    ],
)
def test_rubbish_is_a_failure_and_never_an_answer(service, wire, response):
    answer_with(service, wire, response)

    failure = failure_of(wire, service.url_for(""))

    assert failure.cause in ("broken_answer", "unavailable")
    assert failure.request_left


def test_a_stream_that_ends_politely_in_the_middle_is_a_failure(service, wire):
    answer_with(service, wire, wire.stream(wire.start(), wire.delta("Good ")))

    assert failure_of(wire, service.url_for("")).cause == "unavailable"


def test_a_stream_of_claude_without_its_last_event_is_a_failure(service):
    answer_with(service, CLAUDE, CLAUDE.stream(CLAUDE.start(), CLAUDE.delta("Good "), CLAUDE.end()[:-60]))

    assert failure_of(CLAUDE, service.url_for("")).cause == "unavailable"


def test_a_connection_reset_in_the_middle_is_a_failure_whose_request_left(settings, wire):
    def reset(connection, is_over):
        head = wire.head.replace(b"Connection: close", b"Content-Length: 99999")
        connection.sendall(head + wire.start() + wire.delta("Good "))

    with raw_service(settings, reset) as (address, asked):
        deltas = []
        failure = failure_of(wire, address, deltas)

    assert (failure.cause, failure.request_left, deltas, len(asked)) == ("unavailable", True, ["Good "], 1)


@pytest.mark.parametrize("beginning", ["no head", "head", "text"])
def test_a_silent_service_ends_at_the_deadline(settings, wire, beginning):
    sent = {"no head": b"", "head": wire.head, "text": wire.head + wire.start() + wire.delta("Good ")}[beginning]

    def fall_silent(connection, is_over):
        connection.sendall(sent)
        is_over.wait(60)

    with raw_service(settings, fall_silent) as (address, asked):
        failure = failure_of(wire, address, timeout_s=1)

    assert (failure.cause, failure.request_left, len(asked)) == ("timed_out", True, 1)


@pytest.mark.parametrize("kind", ["comments", "bytes", "words"])
def test_a_dripping_service_ends_at_the_deadline(settings, wire, kind):
    piece = {"comments": b": ping\n\n" if wire is not OLLAMA else b" ", "bytes": b"x", "words": wire.delta("a")}[kind]

    def drip(connection, is_over):
        connection.sendall(wire.head + wire.start())
        while not is_over.wait(0.03):
            connection.sendall(piece)

    with raw_service(settings, drip) as (address, _):
        failure = failure_of(wire, address, timeout_s=1)

    assert (failure.cause, failure.request_left) == ("timed_out", True)


@pytest.mark.parametrize("poured", ["words", "one line"])
def test_an_endless_answer_is_cut(settings, wire, poured):
    def pour(connection, is_over):
        connection.sendall(wire.head + (wire.start() if poured == "words" else b'data: {"a": "'))
        while not is_over.is_set():
            connection.sendall(wire.delta("x" * 50_000) if poured == "words" else b"x" * 65536)

    with raw_service(settings, pour) as (address, _):
        assert failure_of(wire, address, timeout_s=20).cause == "broken_answer"


def test_a_compressed_answer_is_not_unpacked(service, wire):
    bomb = gzip.compress(wire.start() + wire.delta("x") + wire.end())
    answer_with(service, wire, Response(bomb, headers={"Content-Encoding": "gzip"}, content_type=wire.content_type))

    assert failure_of(wire, service.url_for("")).cause == "broken_answer"
    assert service.log[0][0].headers["Accept-Encoding"] == "identity"


def test_a_service_that_is_down_was_not_asked(settings, wire):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EGRESS_ALLOW_HOSTS = [f"127.0.0.1:{port}"]

    failure = failure_of(wire, f"http://127.0.0.1:{port}")

    assert (failure.cause, failure.request_left) == ("unavailable", False)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:9999", "http://169.254.169.254", "file:///x", "http://10.0.0.1", ""]
)
def test_an_address_inside_is_refused_unless_it_is_listed(settings, wire, base_url):
    settings.EGRESS_ALLOW_HOSTS = []

    failure = failure_of(wire, base_url)

    assert (failure.cause, failure.request_left) == ("invalid_request", False)


@pytest.mark.acceptance("FLOW-privacy")
def test_a_question_that_must_stay_inside_reaches_listed_hosts_only(service, wire, settings):
    answer_with(service, wire, wire.answer("ok"))

    assert ask(wire, service.url_for(""), listed_hosts_only=True).text == "ok"
    failure = failure_of(wire, "https://8.8.8.8/v1", listed_hosts_only=True)

    assert (failure.cause, failure.request_left) == ("invalid_request", False)
    assert failure.detail == "8.8.8.8 is not one of our own servers: EGRESS_ALLOW_HOSTS does not name it."


@pytest.mark.parametrize("wire", [CLAUDE, OPENAI], ids=["claude", "openai"])
def test_without_a_key_nothing_is_sent(service, wire, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "sk-from-the-environment")

    failure = failure_of(wire, service.url_for(""), api_key="")

    assert (failure.cause, failure.request_left, service.log) == ("unauthorised", False, [])


def test_ollama_needs_no_key_and_gets_none_of_the_environment(service, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", "of-the-environment")
    answer_with(service, OLLAMA, OLLAMA.answer("ok"))

    assert ask(OLLAMA, service.url_for(""), api_key="").text == "ok"
    assert "Authorization" not in service.log[0][0].headers


def test_a_key_that_the_service_echoes_is_in_no_failure_and_no_traceback(service, wire):
    body = {"error": {"type": "authentication_error", "message": f"invalid key {KEY}"}}
    body = {"error": f"invalid key {KEY}"} if wire is OLLAMA else {"type": "error", **body}
    answer_with(service, wire, Response(json.dumps(body), 401, content_type="application/json"))

    failure = failure_of(wire, service.url_for(""))

    printed = "".join(traceback.format_exception(failure))
    assert "invalid key" in failure.detail
    assert KEY not in str(failure) + failure.detail + repr(request_to("x")) + printed


def test_what_the_listener_raises_passes_through_and_closes_the_connection(settings, wire):
    closed = threading.Event()

    def watch(connection, is_over):
        connection.sendall(wire.head + wire.start() + wire.delta("Good "))
        while connection.recv(65536):  # the rest of the request, until the adapter hangs up
            pass
        closed.set()

    class LeaseLost(Exception):
        pass

    def object_to(text):
        raise LeaseLost

    with raw_service(settings, watch) as (address, _):
        with pytest.raises(LeaseLost):
            ADAPTERS[wire.adapter](request_to(address), on_delta=object_to)
        assert closed.wait(60)


def test_importing_the_adapters_does_not_import_the_sdks():
    code = "import sys; import apps.activities.adapters; print({'anthropic', 'openai', 'ollama'} & {*sys.modules})"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "set()"


class Weather(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    location: str = Field(max_length=80)
    days: int = Field(default=1, ge=1, le=9)


OFFER = ToolOffer("get_weather", "The weather of a place.", Weather)
MAY = {"tools": (OFFER,), "may_use_tools": True}
USED = (
    Message("user", "What is it like in Paris?"),
    Message("assistant", "I look.", uses=(ToolUse("use_1", "get_weather", '{"location": "Paris"}'),)),
    Message("user", "", results=(ToolResult("use_1", "get_weather", "no such place", is_error=True),)),
)


def sent(service) -> dict:
    ((request, _),) = service.log
    return json.loads(request.data)


def test_uses_of_tools_arrive_whole_beside_what_was_said(service, wire):
    stream = wire.stream(
        wire.start(), wire.delta("I look."), wire.use("get_weather", '{"loca', 'tion": "Paris"}'),
        wire.use("get_weather", '{"location": "Köln"}', index=2), wire.end(wire.tools),
    )  # fmt: skip
    answer_with(service, wire, stream)
    deltas = []

    answer = ask(wire, service.url_for(""), deltas, **MAY)

    assert (answer.text, deltas, answer.usage) == ("I look.", ["I look."], usage_of(wire))
    assert [use.name for use in answer.uses] == ["get_weather"] * 2
    assert [json.loads(use.arguments) for use in answer.uses] == [{"location": "Paris"}, {"location": "Köln"}]


def test_each_service_is_told_of_the_tools_in_its_own_words(service, wire):
    answer_with(service, wire, wire.answer("ok"))

    ask(wire, service.url_for(""), **MAY)

    (tool,) = sent(service)["tools"]
    told = tool if wire is CLAUDE else tool["function"]
    parameters = told["input_schema" if wire is CLAUDE else "parameters"]
    assert (told["name"], told["description"]) == ("get_weather", "The weather of a place.")
    assert set(parameters["properties"]) == {"location", "days"}
    if wire is OPENAI:  # strict: closed, everything required, no lengths, no defaults
        assert (told["strict"], parameters["additionalProperties"]) == (True, False)
        assert parameters["required"] == ["location", "days"]
        assert "maxLength" not in parameters["properties"]["location"]
        assert "default" not in parameters["properties"]["days"]
    choices = {CLAUDE: {"type": "auto"}, OPENAI: "auto", OLLAMA: None}
    assert sent(service).get("tool_choice") == choices[wire]


CONVERSATIONS = {
    CLAUDE: [
        {"role": "user", "content": "What is it like in Paris?"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "use_1", "name": "get_weather", "input": {"location": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "use_1", "content": "no such place", "is_error": True}],
        },
    ],
    OPENAI: [
        {"role": "user", "content": "What is it like in Paris?"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {
                    "id": "use_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"location": "Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "use_1", "content": "no such place"},
    ],
    OLLAMA: [
        {"role": "user", "content": "What is it like in Paris?"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"function": {"name": "get_weather", "arguments": {"location": "Paris"}}}],
        },
        {"role": "tool", "tool_name": "get_weather", "content": "Error: no such place"},
    ],
}


def test_uses_and_results_go_back_in_the_words_of_each_service(service, wire):
    answer_with(service, wire, wire.answer("ok"))

    ask(wire, service.url_for(""), messages=USED, system="", **MAY)

    assert sent(service)["messages"] == CONVERSATIONS[wire]


def test_when_no_tool_may_be_used_any_more_the_service_is_told_so(service, wire):
    answer_with(service, wire, wire.answer('{"location": "Paris", "days": 1}'))

    ask(wire, service.url_for(""), messages=USED, tools=(OFFER,), may_use_tools=False, schema=Weather)

    body = sent(service)
    choices = {CLAUDE: {"type": "none"}, OPENAI: "none", OLLAMA: None}
    assert body.get("tool_choice") == choices[wire]
    assert bool(body["tools"]) == (wire is not OLLAMA)
    assert wire is not OLLAMA or body["format"]["properties"]


@pytest.mark.parametrize("offered", [{}, {"tools": (OFFER,)}], ids=["never", "no more"])
def test_a_tool_that_may_not_be_used_makes_a_broken_answer_that_is_paid(service, wire, offered):
    answer_with(service, wire, wire.stream(wire.start(), wire.use("get_weather", "{}"), wire.end(wire.tools)))

    failure = failure_of(wire, service.url_for(""), **offered)

    assert (failure.cause, failure.usage) == ("broken_answer", usage_of(wire))


def test_more_uses_than_anybody_could_mean_are_a_broken_answer(service, wire):
    uses = b"".join(wire.use("get_weather", "{}", index=number) for number in range(1, 300))
    answer_with(service, wire, wire.stream(wire.start(), uses, wire.end(wire.tools)))

    failure = failure_of(wire, service.url_for(""), **MAY)

    assert (failure.cause, failure.usage) == ("broken_answer", usage_of(wire))
    assert "299 tools at once" in failure.detail


def test_arguments_of_more_than_a_megabyte_end_the_reading(service, wire):
    huge = json.dumps({"location": "x" * MAX_ANSWER_BYTES})
    answer_with(service, wire, wire.stream(wire.start(), wire.use("get_weather", huge), wire.end(wire.tools)))

    failure = failure_of(wire, service.url_for(""), **MAY)

    assert (failure.cause, failure.detail) == ("broken_answer", "The answer is larger than a megabyte.")


@pytest.mark.parametrize("wire", [CLAUDE, OPENAI], ids=["claude", "openai"])
@pytest.mark.parametrize(("name", "part"), [(7, "{}"), ("a", 7), ({"a": 1}, "{}")])
def test_a_use_that_is_no_text_is_a_broken_answer(service, wire, name, part):
    answer_with(service, wire, wire.stream(wire.start(), wire.use(name, part), wire.end(wire.tools)))

    assert failure_of(wire, service.url_for(""), **MAY).cause in ("broken_answer", "invalid_request")


@pytest.mark.parametrize("wire", [CLAUDE, OPENAI], ids=["claude", "openai"])
def test_an_end_that_promises_tools_without_one_is_a_broken_answer(service, wire):
    answer_with(service, wire, wire.answer("I look.", reason=wire.tools))

    assert failure_of(wire, service.url_for(""), **MAY).cause == "broken_answer"

"""The claude adapter against servers on loopback that stream, stall, break and lie."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager

import pytest
from pydantic import BaseModel, Field
from werkzeug import Response

from apps.activities.adapters import ADAPTERS
from apps.activities.adapters.base import Message, ModelFailed, ModelRequest, ModelUsage

KEY = "sk-ant-REDACTED"
USAGE = {"input_tokens": 20, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1}


class Article(BaseModel):
    title: str = Field(max_length=60)
    words: int = Field(ge=1, description="How many words.")


def event(kind: str, **fields) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(usage=USAGE) -> bytes:
    message = {
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-test", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    return event("message_start", message=message) + event(
        "content_block_start", index=0, content_block={"type": "text", "text": ""}
    )


def delta(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def end(stop_reason="end_turn", **usage) -> bytes:
    return (
        event("content_block_stop", index=0)
        + event(
            "message_delta",
            delta={"stop_reason": stop_reason, "stop_sequence": None},
            usage={"output_tokens": 7, **usage},
        )
        + event("message_stop")
    )


def stream(*parts: bytes) -> Response:
    return Response(b"".join(parts), headers={"request-id": "req_01"}, content_type="text/event-stream")


@pytest.fixture
def service(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def answer_with(service, response: Response) -> None:
    service.expect_request("/v1/messages", method="POST").respond_with_response(response)


def request_to(base_url: str, **changes) -> ModelRequest:
    usual = {
        "model_id": "claude-test",
        "system": "You write.",
        "messages": (Message("user", "Write."),),
        "schema": None,
        "max_tokens": 100,
        "timeout_s": 5.0,
        "api_key": KEY,
        "base_url": base_url,
    }
    return ModelRequest(**{**usual, **changes})


def ask(base_url: str, deltas: list | None = None, **changes):
    heard = deltas.append if deltas is not None else lambda text: None
    return ADAPTERS["claude"](request_to(base_url, **changes), on_delta=heard)


def failure_of(base_url: str, deltas: list | None = None, **changes) -> ModelFailed:
    with pytest.raises(ModelFailed) as failure:
        ask(base_url, deltas, **changes)
    return failure.value


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
                connection.settimeout(2)
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


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def test_a_whole_answer_arrives_in_pieces_with_its_usage(service):
    answer_with(service, stream(start(), event("ping"), delta("Good "), delta("bread 🍞"), end()))
    deltas = []

    answer = ask(service.url_for(""), deltas)

    assert deltas == ["Good ", "bread 🍞"]
    assert (answer.text, answer.stop_reason, answer.external_request_id) == ("Good bread 🍞", "end_turn", "req_01")
    assert answer.usage == ModelUsage(input_tokens=125, cached_input_tokens=100, output_tokens=7)


def test_the_request_carries_key_model_system_and_messages_and_nothing_from_the_environment(service, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-from-the-environment")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    answer_with(service, stream(start(), delta("ok"), end()))

    ask(service.url_for(""), messages=(Message("user", "a"), Message("assistant", "b"), Message("user", "c")))

    ((request, _),) = service.log
    assert KEY in (request.headers.get("X-Api-Key"), request.headers.get("Authorization", "").removeprefix("Bearer "))
    assert "environment" not in str(request.headers)
    assert request.get_json() == {
        "model": "claude-test",
        "max_tokens": 100,
        "system": "You write.",
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        "stream": True,
    }


def test_a_schema_is_sent_with_its_limits_in_words(service):
    answer_with(service, stream(start(), delta('{"title": "T", "words": 1}'), end()))

    answer = ask(service.url_for(""), schema=Article)

    sent = service.log[0][0].get_json()["output_config"]["format"]
    assert sent["type"] == "json_schema"
    properties = sent["schema"]["properties"]
    assert "maxLength" not in properties["title"] and "maxLength: 60" in properties["title"]["description"]
    assert properties["words"]["description"] == "How many words.\n\n{minimum: 1}"
    assert sent["schema"]["additionalProperties"] is False
    assert Article.model_validate_json(answer.text) == Article(title="T", words=1)


@pytest.mark.parametrize(
    ("status", "kind", "cause"),
    [
        (400, "invalid_request_error", "invalid_request"),
        (401, "authentication_error", "unauthorised"),
        (402, "billing_error", "unauthorised"),
        (403, "permission_error", "unauthorised"),
        (404, "not_found_error", "invalid_request"),
        (413, "request_too_large", "invalid_request"),
        (429, "rate_limit_error", "rate_limited"),
        (500, "api_error", "unavailable"),
        (504, "timeout_error", "timed_out"),
        (529, "overloaded_error", "overloaded"),
        (502, None, "unavailable"),
        (429, None, "rate_limited"),
        (307, None, "invalid_request"),
    ],
)
def test_an_error_has_its_cause_and_is_not_repeated(service, status, kind, cause):
    body = json.dumps({"type": "error", "error": {"type": kind, "message": "No."}}) if kind else "<html>gateway</html>"
    answer_with(service, Response(body, status, headers={"Retry-After": "7", "Location": "/v1/elsewhere"}))

    failure = failure_of(service.url_for(""))

    assert (failure.cause, failure.request_left, failure.retry_after_s) == (cause, True, 7)
    assert len(service.log) == 1


def test_an_error_in_the_middle_of_the_stream_has_its_cause_too(service):
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    answer_with(service, stream(start(), delta("Good "), error))
    deltas = []

    failure = failure_of(service.url_for(""), deltas)

    assert (failure.cause, failure.request_left, deltas) == ("overloaded", True, ["Good "])


@pytest.mark.parametrize(
    ("stop_reason", "cause"),
    [
        ("refusal", "refused"),
        ("max_tokens", "cut_off"),
        ("model_context_window_exceeded", "cut_off"),
        ("tool_use", "broken_answer"),
        (None, "broken_answer"),
        ({"a": 1}, "broken_answer"),
    ],
)
def test_an_answer_that_did_not_come_to_its_end_is_a_failure_that_tells_its_usage(service, stop_reason, cause):
    answer_with(service, stream(start(), delta("Good "), end(stop_reason)))

    failure = failure_of(service.url_for(""))

    assert (failure.cause, failure.request_left) == (cause, True)
    assert failure.usage == ModelUsage(input_tokens=125, cached_input_tokens=100, output_tokens=7)


@pytest.mark.parametrize(
    "usage",
    [
        {},
        None,
        {"input_tokens": -1, "output_tokens": 3},
        {"input_tokens": "many", "output_tokens": 3},
        {"input_tokens": 10**12, "output_tokens": 3},
        {"input_tokens": 5, "cache_read_input_tokens": -5, "output_tokens": 3},
        {"input_tokens": 1.5, "output_tokens": 3},
        {"input_tokens": 50_000, "output_tokens": 3},
    ],
)
def test_usage_that_cannot_be_believed_is_none_and_the_answer_stands(service, usage):
    answer_with(service, stream(start(usage), delta("ok"), end()))

    answer = ask(service.url_for(""))

    assert (answer.text, answer.usage) == ("ok", None)


def test_more_tokens_than_were_allowed_are_not_believed(service):
    answer_with(service, stream(start(), delta("ok"), end(output_tokens=101)))

    assert ask(service.url_for(""), max_tokens=100).usage is None


@pytest.mark.parametrize(
    "response",
    [
        Response("<html>log in</html>", content_type="text/html"),
        Response("", content_type="text/event-stream"),
        Response(json.dumps({"id": "msg_01", "content": []}), content_type="application/json"),
        stream(b"event: message_start\ndata: {broken\n\n"),
        stream(b"event: message_start\ndata: [1, 2]\n\n"),
        stream(b"event: message_start\ndata: null\n\n"),
        stream(delta("no start")),
        stream(start(), event("message_delta", usage={"output_tokens": 3})),
        stream(start(), event("content_block_delta", index=0, delta={"type": "text_delta", "text": 5}), end()),
        stream(start(), event("content_block_delta", index=0, delta="x"), end()),
        stream(b"\xff\xfe\x00" * 100),
    ],
    ids=["html", "empty", "json", "broken", "list", "null", "no start", "no delta", "number", "text", "bytes"],
)
def test_rubbish_is_a_failure_and_never_an_answer(service, response):
    answer_with(service, response)

    failure = failure_of(service.url_for(""))

    assert failure.cause in ("broken_answer", "unavailable")
    assert failure.request_left


@pytest.mark.parametrize("parts", [(start(), delta("Good ")), (start(), delta("Good "), end()[:-60])])
def test_a_stream_that_ends_politely_in_the_middle_is_a_failure(service, parts):
    answer_with(service, stream(*parts))

    assert failure_of(service.url_for("")).cause == "unavailable"


def test_a_connection_reset_in_the_middle_is_a_failure_whose_request_left(settings):
    def reset(connection, is_over):
        connection.sendall(HEAD.replace(b"Connection: close", b"Content-Length: 99999") + start() + delta("Good "))

    with raw_service(settings, reset) as (address, asked):
        deltas = []
        failure = failure_of(address, deltas)

    assert (failure.cause, failure.request_left, deltas, len(asked)) == ("unavailable", True, ["Good "], 1)


@pytest.mark.parametrize("beginning", [b"", HEAD, HEAD + start() + delta("Good ")], ids=["no head", "head", "text"])
def test_a_silent_service_ends_at_the_deadline(settings, beginning):
    def fall_silent(connection, is_over):
        connection.sendall(beginning)
        is_over.wait(2)

    with raw_service(settings, fall_silent) as (address, asked):
        ask_once_to_import_the_sdk()
        failure = failure_of(address, timeout_s=0.4)

    assert (failure.cause, failure.request_left, len(asked)) == ("timed_out", True, 1)


@pytest.mark.parametrize("piece", [b": ping\n\n", b"x", delta("a")], ids=["comments", "bytes", "words"])
def test_a_dripping_service_ends_at_the_deadline(settings, piece):
    def drip(connection, is_over):
        connection.sendall(HEAD + start())
        while not is_over.wait(0.03):
            connection.sendall(piece)

    with raw_service(settings, drip) as (address, _):
        ask_once_to_import_the_sdk()
        failure = failure_of(address, timeout_s=0.4)

    assert (failure.cause, failure.request_left) == ("timed_out", True)


def ask_once_to_import_the_sdk():
    import anthropic  # noqa: F401


def test_an_endless_answer_is_cut(settings):
    def pour_words(connection, is_over):
        connection.sendall(HEAD + start())
        while not is_over.is_set():
            connection.sendall(delta("x" * 50_000))

    def pour_one_line(connection, is_over):
        connection.sendall(HEAD + b"event: message_start\ndata: ")
        while not is_over.is_set():
            connection.sendall(b"x" * 65536)

    for talk in (pour_words, pour_one_line):
        with raw_service(settings, talk) as (address, _):
            assert failure_of(address, timeout_s=20).cause == "broken_answer"


def test_a_compressed_answer_is_not_unpacked(service):
    bomb = gzip.compress(start() + delta("x") + end())
    answer_with(service, Response(bomb, headers={"Content-Encoding": "gzip"}, content_type="text/event-stream"))

    assert failure_of(service.url_for("")).cause == "broken_answer"
    assert service.log[0][0].headers["Accept-Encoding"] == "identity"


def test_a_service_that_is_down_was_not_asked(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EGRESS_ALLOW_HOSTS = [f"127.0.0.1:{port}"]

    failure = failure_of(f"http://127.0.0.1:{port}")

    assert (failure.cause, failure.request_left) == ("unavailable", False)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:9999", "http://169.254.169.254", "file:///x", "http://10.0.0.1"]
)
def test_an_address_inside_is_refused_unless_it_is_listed(settings, base_url):
    settings.EGRESS_ALLOW_HOSTS = []

    failure = failure_of(base_url)

    assert (failure.cause, failure.request_left) == ("invalid_request", False)


def test_without_a_key_nothing_is_sent(service, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-from-the-environment")

    failure = failure_of(service.url_for(""), api_key="")

    assert (failure.cause, failure.request_left, service.log) == ("unauthorised", False, [])


def test_a_key_that_the_service_echoes_is_in_no_failure_and_no_traceback(service):
    body = {"type": "error", "error": {"type": "authentication_error", "message": f"invalid key {KEY}"}}
    answer_with(service, Response(json.dumps(body), 401, content_type="application/json"))

    failure = failure_of(service.url_for(""))

    printed = "".join(traceback.format_exception(failure))
    assert KEY not in str(failure) + failure.detail + repr(request_to("x")) + printed


def test_what_the_listener_raises_passes_through_and_closes_the_connection(settings):
    closed = threading.Event()

    def watch(connection, is_over):
        connection.sendall(HEAD + start() + delta("Good "))
        while connection.recv(65536):  # the rest of the request, until the adapter hangs up
            pass
        closed.set()

    class LeaseLost(Exception):
        pass

    def object_to(text):
        raise LeaseLost

    with raw_service(settings, watch) as (address, _):
        with pytest.raises(LeaseLost):
            ADAPTERS["claude"](request_to(address), on_delta=object_to)
        assert closed.wait(2)


def test_importing_the_adapters_does_not_import_the_sdk():
    code = "import sys; import apps.activities.adapters; print('anthropic' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "False"

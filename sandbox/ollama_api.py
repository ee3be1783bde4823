"""Ollama's chat as its reference describes it (SOURCES.md); the words come from `sandbox.writing`."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.world import World
from sandbox.writing import model as writer
from sandbox.writing.answers import CHARACTERS_PER_TOKEN, pieces, spoiled, tokens, wrong_counts

DEFAULT_CONTEXT = 4_096  # tokens, unless `num_ctx` says otherwise
NANOSECONDS_PER_TOKEN = 20_000_000
MODELS = (("gpt-oss:20b", "gptoss", "20.9B", "MXFP4"), ("llama3.2:latest", "llama", "3.2B", "Q4_K_M"))
ERRORS = {
    400: "invalid request",
    401: "unauthorized",
    404: "not found",
    405: "405 method not allowed",
    429: "too many requests",
    500: "the model failed to generate a response",
    503: "server busy, please try again.  maximum pending requests exceeded",
}


class Invalid(Exception):
    """The request breaks a rule of the API. Carries status and message."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answer(world: World, request: Request) -> Response:
    try:
        return route(world, request)
    except Invalid as refusal:
        return error(world, refusal.status, str(refusal))


def error(world: World, status: int, message: str = "") -> Response:
    return json_response({"error": message or ERRORS[status]}, status=status)


def route(world: World, request: Request) -> Response:
    path = request.path.removeprefix("/ollama")
    if path == "/api/version" and request.method == "GET":
        return json_response({"version": "0.12.6"})
    if path == "/api/tags" and request.method == "GET":
        return json_response({"models": [model_object(*model) for model in MODELS]})
    if path != "/api/chat":
        raise Invalid("", 404)
    if request.method != "POST":
        raise Invalid("", 405)
    return chat_response(world, request, checked_body(request))


def checked_body(request: Request) -> dict[str, Any]:
    """The request's body with what this needs checked; unknown fields pass, as in the real one."""
    try:
        body = request.json()
    except ValueError as mistake:
        raise Invalid(f"invalid JSON: {mistake}") from mistake
    if not isinstance(body, dict):
        raise Invalid("json: cannot unmarshal into Go value of type api.ChatRequest")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Invalid("model is required")
    if model not in {name for name, *_ in MODELS} | {name.removesuffix(":latest") for name, *_ in MODELS}:
        raise Invalid(f"model '{model}' not found", 404)
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(
        isinstance(message, dict) and isinstance(message.get("content"), str) for message in messages
    ):
        raise Invalid("json: cannot unmarshal messages into Go struct field ChatRequest.messages")
    wanted = body.get("format")
    if wanted not in (None, "", "json") and not isinstance(wanted, dict):
        raise Invalid('invalid format: expected "json" or a JSON schema')
    return body


def chat_response(world: World, request: Request, body: dict[str, Any]) -> Response:
    kind = request.fault_kind
    if kind == "context_too_long":
        raise Invalid("the input length exceeds the context length")
    final = compose(world, body, kind)
    recorded = {
        "kind": "chat",
        "model": body["model"],
        "done_reason": final["done_reason"],
        "usage": {name: final.get(name) for name in ("prompt_eval_count", "eval_count")},
    }
    if body.get("stream", True):
        headers = {"Content-Type": "application/x-ndjson"}
        return Response(200, b"", headers, stream=lines(world, final), recorded=recorded)
    return json_response(final, recorded=recorded)


def compose(world: World, body: dict[str, Any], kind: str) -> dict[str, Any]:
    options = body.get("options") or {}
    system = "\n\n".join(m["content"] for m in body["messages"] if m.get("role") == "system")
    conversation = "\n\n".join(m["content"] for m in body["messages"] if m.get("role") != "system")
    # What does not fit into the context is left out of the prompt without a word, the oldest first.
    room = int(options.get("num_ctx") or DEFAULT_CONTEXT) * CHARACTERS_PER_TOKEN
    seen = conversation[-max(1, room - len(system)) :]
    schema = body["format"] if isinstance(body.get("format"), dict) else None
    text = spoiled(writer.write(system=system, conversation=seen, schema=schema, seed=world.seed), kind)
    done_reason, limit = "stop", options.get("num_predict")
    if isinstance(limit, int) and 0 < limit < tokens(text):
        text, done_reason = text[: limit * CHARACTERS_PER_TOKEN], "length"
    asked, written = max(1, tokens(system + seen)), max(1, tokens(text))
    final = {
        "model": body["model"],
        "created_at": now(),
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": done_reason,
        "total_duration": (asked + written) * NANOSECONDS_PER_TOKEN,
        "load_duration": 1_334_875,
        "prompt_eval_count": asked,
        "prompt_eval_duration": asked * NANOSECONDS_PER_TOKEN,
        "eval_count": written,
        "eval_duration": written * NANOSECONDS_PER_TOKEN,
    }
    if kind == "no_usage":
        del final["prompt_eval_count"], final["eval_count"]
        return final
    return final | wrong_counts(final, ("prompt_eval_count", "eval_count"), kind)


def lines(world: World, final: dict[str, Any]) -> Iterator[bytes]:
    """One JSON object per line, `pace` seconds between two pieces of text."""
    for piece in pieces(final["message"]["content"]):
        message = {"role": "assistant", "content": piece}
        yield line({"model": final["model"], "created_at": now(), "message": message, "done": False})
        if world.pace:
            world.sleep(world.pace)
    yield line({**final, "message": {"role": "assistant", "content": ""}})


def line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def model_object(name: str, family: str, size: str, level: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-01-01T00:00:00Z",
        "size": 13_793_441_244,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": size,
            "quantization_level": level,
        },
    }


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")

"""Anthropic's Messages API as its reference describes it (SOURCES.md); the words come from `sandbox.writing`."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.world import World
from sandbox.writing import model as writer
from sandbox.writing.answers import CHARACTERS_PER_TOKEN, pieces, spoiled, tokens, wrong_counts

ERROR_TYPES = {
    400: ("invalid_request_error", "Invalid request"),
    401: ("authentication_error", "invalid x-api-key"),
    404: ("not_found_error", "The requested resource could not be found."),
    405: ("invalid_request_error", "Method Not Allowed"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}
MODELS = [
    ("claude-opus-4-6", "Claude Opus 4.6", "opus", "2026-02-04T00:00:00Z"),
    ("claude-sonnet-4-6", "Claude Sonnet 4.6", "sonnet", "2026-02-17T00:00:00Z"),
    ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "haiku", "2025-10-01T00:00:00Z"),
]


class Invalid(Exception):
    """The request breaks a rule of the API. Carries status and message."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answer(world: World, request: Request) -> Response:
    try:
        check_headers(request)
        return route(world, request)
    except Invalid as refusal:
        return error(world, refusal.status, str(refusal))


def error(world: World, status: int, message: str = "") -> Response:
    kind, usual = ERROR_TYPES[status]
    request_id = new_request_id(world)
    envelope = {"type": "error", "error": {"type": kind, "message": message or usual}, "request_id": request_id}
    return json_response(envelope, status=status, headers={"request-id": request_id})


def route(world: World, request: Request) -> Response:
    path = request.path.removeprefix("/anthropic")
    if path == "/v1/models" and request.method == "GET":
        models = [model_object(*model) for model in MODELS]
        page = {"data": models, "has_more": False, "first_id": models[0]["id"], "last_id": models[-1]["id"]}
        return json_response(page, headers={"request-id": new_request_id(world)})
    if path.startswith("/v1/models/") and request.method == "GET":
        wanted = path.removeprefix("/v1/models/")
        found = next((model for model in MODELS if model[0] == wanted), None)
        if found is None:
            raise Invalid(f"model: {wanted}", 404)
        return json_response(model_object(*found), headers={"request-id": new_request_id(world)})
    if path not in ("/v1/messages", "/v1/messages/count_tokens"):
        raise Invalid("", 404)
    if request.method != "POST":
        raise Invalid("", 405)
    body = checked_body(request, needs_max_tokens=path == "/v1/messages")
    if path.endswith("count_tokens"):
        return json_response({"input_tokens": tokens(prompt_text(body))}, headers={"request-id": new_request_id(world)})
    return message_response(world, request, body)


def check_headers(request: Request) -> None:
    """The key may come as `x-api-key` (the reference) or as a bearer token (what the Python SDK 2.11 sends)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = request.headers.get("x-api-key", "").strip() or (token.strip() if scheme.lower() == "bearer" else "")
    if not key:
        raise Invalid("x-api-key header is required", 401)
    if key == "revoked":
        raise Invalid("invalid x-api-key", 401)
    if not request.headers.get("anthropic-version"):
        raise Invalid("anthropic-version: header is required")


def checked_body(request: Request, *, needs_max_tokens: bool) -> dict[str, Any]:
    """The request's body with the three required fields checked; unknown fields pass."""
    try:
        body = request.json()
    except ValueError as mistake:
        raise Invalid(f"The request body is not valid JSON: {mistake}") from mistake
    if not isinstance(body, dict):
        raise Invalid("The request body is not an object")
    for name in ("model", "max_tokens", "messages") if needs_max_tokens else ("model", "messages"):
        if name not in body:
            raise Invalid(f"{name}: Field required")
    if not isinstance(body["model"], str) or not body["model"]:
        raise Invalid("model: Input should be a valid string")
    if not body["model"].startswith("claude"):
        raise Invalid(f"model: {body['model']}", 404)
    limit = body.get("max_tokens", 1)
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise Invalid("max_tokens: Input should be a valid integer")
    if limit < 1:
        raise Invalid("max_tokens: Input should be greater than or equal to 1")
    check_messages(body["messages"])
    schema_of(body)
    return body


def check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        raise Invalid("messages: Input should be a valid list")
    if not messages:
        raise Invalid("messages: at least one message is required")
    for position, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise Invalid(f"messages.{position}.role: Input should be 'user' or 'assistant'")
        if not message.get("content"):
            raise Invalid(f"messages.{position}: all messages must have non-empty content")
    if messages[0]["role"] != "user":
        raise Invalid('messages: first message must use the "user" role')


def schema_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema asked for in `output_config.format`, or in the older `output_format`."""
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        raise Invalid("output_config.format.type: Input should be 'json_schema'")
    if not isinstance(wanted.get("schema"), dict):
        raise Invalid("output_config.format.schema: Field required")
    return wanted["schema"]


def message_response(world: World, request: Request, body: dict[str, Any]) -> Response:
    kind = request.fault_kind
    if kind == "context_too_long":
        raise Invalid("prompt is too long: 204811 tokens > 200000 maximum")
    message = compose_message(world, body, kind)
    headers = {"request-id": new_request_id(world), "anthropic-organization-id": "00000000-0000-4000-8000-000000000007"}
    recorded = {
        "kind": "message",
        "id": message["id"],
        "model": body["model"],
        "stop_reason": message["stop_reason"],
        "usage": message["usage"],
    }
    if body.get("stream"):
        headers |= {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        return Response(
            200, b"", headers, stream=events(world, message, without_usage=kind == "no_usage"), recorded=recorded
        )
    if kind == "no_usage":
        del message["usage"]
    return json_response(message, headers=headers, recorded=recorded)


def compose_message(world: World, body: dict[str, Any], kind: str) -> dict[str, Any]:
    text = writer.write(
        system=flat(body.get("system")), conversation=conversation(body), schema=schema_of(body), seed=world.seed
    )
    stop_reason, stop_sequence = "end_turn", None
    if kind == "refusal":
        text, stop_reason = "", "refusal"
    else:
        text = spoiled(text, kind)
    for sequence in body.get("stop_sequences") or []:
        if sequence and sequence in text:
            text, stop_reason, stop_sequence = text[: text.index(sequence)], "stop_sequence", sequence
    if tokens(text) > body["max_tokens"]:
        text, stop_reason, stop_sequence = text[: body["max_tokens"] * CHARACTERS_PER_TOKEN], "max_tokens", None
    usage = count_usage(world, body, text)
    usage |= wrong_counts(usage, ("input_tokens", "output_tokens"), kind)
    return {
        "id": f"msg_{digest(prompt_text(body), world.next_number('message'))}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": usage,
    }


def events(world: World, message: dict[str, Any], *, without_usage: bool) -> Iterator[bytes]:
    """The server-sent events of one message, `pace` seconds between two pieces of text."""
    usage = message["usage"]
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    delta = {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]},
        "usage": {name: usage[name] for name in usage if name.endswith("_tokens")},
    }
    if without_usage:
        del start["usage"], delta["usage"]
    yield event({"type": "message_start", "message": start})
    for index, block in enumerate(message["content"]):
        yield event({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}})
        yield event({"type": "ping"})
        for piece in pieces(block["text"]):
            yield event({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}})
            if world.pace:
                world.sleep(world.pace)
        yield event({"type": "content_block_stop", "index": index})
    yield event(delta)
    yield event({"type": "message_stop"})


def event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def count_usage(world: World, body: dict[str, Any], text: str) -> dict[str, Any]:
    """Tokens estimated from characters. What lies before the last `cache_control` mark is written once, then read."""
    whole, cached = tokens(prompt_text(body)), cached_prefix(body)
    written = read = 0
    if cached:
        key = hashlib.sha256(f"{body['model']}\0{cached}".encode()).hexdigest()
        with world.lock:
            read, written = (tokens(cached), 0) if key in world.cached_prompts else (0, tokens(cached))
            world.cached_prompts.add(key)
    return {
        "input_tokens": max(1, whole - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": max(1, tokens(text)),
        "service_tier": "standard",
    }


def cached_prefix(body: dict[str, Any]) -> str:
    """All text up to and with the last block marked `cache_control`; empty when none is."""
    system = body.get("system")
    blocks = [
        block
        for part in [system, *(message["content"] for message in body["messages"])]
        for block in (part if isinstance(part, list) else [part] if part else [])
    ]
    marked = [
        position for position, block in enumerate(blocks) if isinstance(block, dict) and block.get("cache_control")
    ]
    return flat(blocks[: marked[-1] + 1]) if marked else ""


def conversation(body: dict[str, Any]) -> str:
    return "\n\n".join(flat(message["content"]) for message in body["messages"])


def prompt_text(body: dict[str, Any]) -> str:
    tools = json.dumps(body["tools"]) if body.get("tools") else ""
    return "\n".join(part for part in (flat(body.get("system")), tools, conversation(body)) if part)


def flat(content: Any) -> str:
    """The text of a string, a content block, or a list of either; tool results included, images left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(flat, content)))
    if isinstance(content, dict):
        return flat(content.get("text") or content.get("content") or "")
    return ""


def model_object(model: str, name: str, line: str, created: str) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    return {
        "id": model,
        "type": "model",
        "display_name": name,
        "created_at": created,
        "lifecycle": "active",
        "line": line,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": {
            "batch": no,
            "citations": no,
            "code_execution": no,
            "context_management": {"supported": False},
            "effort": {"supported": False, "low": no, "medium": no, "high": no, "max": no},
            "image_input": no,
            "pdf_input": no,
            "server_tools": {"supported": False, "code_execution": no, "web_search": no},
            "structured_outputs": yes,
            "thinking": {
                "supported": False,
                "types": {name: no for name in ("adaptive", "between_tools", "disabled", "enabled")},
            },
        },
    }


def new_request_id(world: World) -> str:
    return f"req_{digest('request', world.next_number('request'))}"


def digest(text: str, number: int) -> str:
    return f"01{hashlib.sha256(f'{number}{text}'.encode()).hexdigest()[:22]}"

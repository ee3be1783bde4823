"""OpenAI's chat completions as its reference describes them (SOURCES.md); the words come from `sandbox.writing`."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sandbox.wire import Request, Response, json_response
from sandbox.world import World
from sandbox.writing import model as writer
from sandbox.writing.answers import CHARACTERS_PER_TOKEN, pieces, spoiled, tokens, wrong_counts

CREATED = 1_767_225_600  # 2026-01-01
SMALLEST_CACHED_PREFIX = 1024  # tokens; hits grow in steps of 128
MODELS = ("gpt-5.4", "gpt-5.4-mini", "gpt-4.1-mini")
# status: type, code, message
ERRORS = {
    400: ("invalid_request_error", None, "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", None, "Invalid URL"),
    405: ("invalid_request_error", "method_not_supported", "Not allowed to do this."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


class Invalid(Exception):
    """The request breaks a rule of the API. Carries status, code and the parameter at fault."""

    def __init__(self, message: str, status: int = 400, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def answer(world: World, request: Request) -> Response:
    try:
        check_headers(request)
        return route(world, request)
    except Invalid as refusal:
        return error(world, refusal.status, str(refusal), code=refusal.code, param=refusal.param)


def error(
    world: World, status: int, message: str = "", *, code: str | None = None, param: str | None = None
) -> Response:
    kind, usual_code, usual = ERRORS[status]
    told = {"message": message or usual, "type": kind, "param": param, "code": code or usual_code}
    return json_response({"error": told}, status=status, headers=headers_of(world))


def headers_of(world: World) -> dict[str, str]:
    return {
        "x-request-id": f"req_{digest('request', world.next_number('openai request'))}",
        "openai-version": "2020-10-01",
    }


def check_headers(request: Request) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Invalid("You didn't provide an API key.", 401)
    if key.strip() == "revoked":
        raise Invalid("", 401)


def route(world: World, request: Request) -> Response:
    path = request.path.removeprefix("/openai")
    if path == "/v1/models" and request.method == "GET":
        page = {"object": "list", "data": [model_object(model) for model in MODELS]}
        return json_response(page, headers=headers_of(world))
    if path.startswith("/v1/models/") and request.method == "GET":
        wanted = path.removeprefix("/v1/models/")
        if wanted not in MODELS:
            raise no_such_model(wanted)
        return json_response(model_object(wanted), headers=headers_of(world))
    if path != "/v1/chat/completions":
        raise Invalid(f"Invalid URL ({request.method} {path})", 404)
    if request.method != "POST":
        raise Invalid("", 405)
    return completion_response(world, request, checked_body(request))


def no_such_model(model: str) -> Invalid:
    return Invalid(f"The model `{model}` does not exist or you do not have access to it.", 404, code="model_not_found")


def checked_body(request: Request) -> dict[str, Any]:
    """The request's body with what this needs checked; unknown fields pass, which the real service refuses."""
    try:
        body = request.json()
    except ValueError as mistake:
        raise Invalid("We could not parse the JSON body of your request.") from mistake
    if not isinstance(body, dict):
        raise Invalid("We could not parse the JSON body of your request.")
    for name in ("model", "messages"):
        if name not in body:
            raise Invalid(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)
    if not isinstance(body["model"], str) or not body["model"].startswith("gpt-"):
        raise no_such_model(str(body["model"]))
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise Invalid(
            "Invalid 'max_completion_tokens': integer below minimum value.",
            code="integer_below_min_value",
            param="max_completion_tokens",
        )
    check_messages(body["messages"])
    schema_of(body)
    return body


def check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise Invalid("Invalid 'messages': empty array.", code="empty_array", param="messages")
    for position, message in enumerate(messages):
        roles = ("developer", "system", "user", "assistant", "tool")
        if not isinstance(message, dict) or message.get("role") not in roles:
            raise Invalid(f"Invalid value for 'messages[{position}].role'.", param=f"messages[{position}].role")
        if message.get("content") is None:
            raise Invalid(
                "Invalid value for 'content': expected a string, got null.", param=f"messages[{position}].content"
            )


def schema_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema asked for in `response_format`."""
    wanted = body.get("response_format")
    if wanted is None or wanted == {"type": "text"}:
        return None
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if not isinstance(described, dict) or not described.get("name") or not isinstance(described.get("schema"), dict):
        raise Invalid("Missing required parameter: 'response_format.json_schema'.", param="response_format")
    if described.get("strict"):
        check_strict(described["schema"], name=described["name"])
    return described["schema"]


def check_strict(schema: Any, *, name: str) -> None:
    """Strict mode knows part of JSON Schema only: closed objects, all fields required, no lengths, no defaults."""
    if isinstance(schema, list):
        for part in schema:
            check_strict(part, name=name)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            raise bad_schema(name, "'additionalProperties' is required to be supplied and to be false.")
        if sorted(schema.get("required", [])) != sorted(schema.get("properties", {})):
            raise bad_schema(name, "'required' is required to be an array including every key in properties.")
    if banned := {"minLength", "maxLength", "default", "oneOf", "uniqueItems"} & set(schema):
        raise bad_schema(name, f"'{min(banned)}' is not permitted.")
    for key, part in schema.items():
        for inner in part.values() if key in ("properties", "$defs") else [part]:
            check_strict(inner, name=name)


def bad_schema(name: str, why: str) -> Invalid:
    return Invalid(f"Invalid schema for response_format '{name}': In context=(), {why}", param="response_format")


def completion_response(world: World, request: Request, body: dict[str, Any]) -> Response:
    kind = request.fault_kind
    if kind == "context_too_long":
        raise Invalid(
            "This model's maximum context length is 400000 tokens. However, your messages resulted in 412345 tokens. "
            "Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )
    completion = compose(world, body, kind)
    choice = completion["choices"][0]
    recorded = {
        "kind": "completion",
        "id": completion["id"],
        "model": body["model"],
        "finish_reason": choice["finish_reason"],
        "usage": completion["usage"],
    }
    if body.get("stream"):
        told_usage = bool((body.get("stream_options") or {}).get("include_usage")) and kind != "no_usage"
        headers = {**headers_of(world), "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        return Response(200, b"", headers, stream=chunks(world, completion, told_usage=told_usage), recorded=recorded)
    if kind == "no_usage":
        del completion["usage"]
    return json_response(completion, headers=headers_of(world), recorded=recorded)


def compose(world: World, body: dict[str, Any], kind: str) -> dict[str, Any]:
    text = writer.write(
        system=texts(body, "system", "developer"),
        conversation=texts(body, "user", "assistant"),
        schema=schema_of(body),
        seed=world.seed,
    )
    finish_reason, refusal = "stop", None
    if kind == "refusal":
        text, refusal = "", "I'm sorry, I can't assist with that request."
    text = spoiled(text, kind)
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and tokens(text) > limit:
        text, finish_reason = text[: limit * CHARACTERS_PER_TOKEN], "length"
    usage = count_usage(world, body, text)
    wrong = wrong_counts(usage, ("prompt_tokens", "completion_tokens"), kind)
    return {
        "id": f"chatcmpl-{digest(json.dumps(body), world.next_number('completion'))}",
        "object": "chat.completion",
        "created": CREATED,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": refusal, "annotations": []},
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": usage | wrong,
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    }


def chunks(world: World, completion: dict[str, Any], *, told_usage: bool) -> Iterator[bytes]:
    """The server-sent chunks of one completion, `pace` seconds between two pieces of text."""
    frame = {name: completion[name] for name in ("id", "created", "model", "service_tier", "system_fingerprint")}
    frame |= {"object": "chat.completion.chunk"}
    usage = {"usage": None} if told_usage else {}
    (choice,) = completion["choices"]
    message = choice["message"]

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        told = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event({**frame, "choices": [told], **usage})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    if message["refusal"]:
        yield chunk({"refusal": message["refusal"]})
    for piece in pieces(message["content"]):
        yield chunk({"content": piece})
        if world.pace:
            world.sleep(world.pace)
    yield chunk({}, choice["finish_reason"])
    if told_usage:
        yield event({**frame, "choices": [], "usage": completion["usage"]})
    yield b"data: [DONE]\n\n"


def event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def count_usage(world: World, body: dict[str, Any], text: str) -> dict[str, Any]:
    """Tokens estimated from characters. A beginning of 1,024 tokens or more is cached by itself, as is the vendor's way."""
    whole = max(1, tokens(texts(body, "developer", "system", "user", "assistant", "tool")))
    shared = texts(body, "developer", "system")
    cached = 0
    if tokens(shared) >= SMALLEST_CACHED_PREFIX:
        key = hashlib.sha256(f"{body['model']}\0{shared}".encode()).hexdigest()
        with world.lock:
            cached = tokens(shared) // 128 * 128 if key in world.cached_prompts else 0
            world.cached_prompts.add(key)
    written = max(1, tokens(text))
    return {
        "prompt_tokens": whole,
        "completion_tokens": written,
        "total_tokens": whole + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def texts(body: dict[str, Any], *roles: str) -> str:
    """The text of all messages of these roles; images are left out."""
    found = []
    for message in body["messages"]:
        content = message["content"] if message["role"] in roles else ""
        parts = content if isinstance(content, list) else [content]
        found += [part.get("text", "") if isinstance(part, dict) else str(part) for part in parts]
    return "\n\n".join(filter(None, found))


def model_object(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "system"}


def digest(text: str, number: int) -> str:
    return hashlib.sha256(f"{number}{text}".encode()).hexdigest()[:29]

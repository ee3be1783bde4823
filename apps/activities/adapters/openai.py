"""OpenAI, and servers that speak as it does, through its own SDK: chat completions, streamed, one attempt per call.

https://developers.openai.com/api/reference/resources/chat · /api/docs/guides/structured-outputs ·
/api/docs/guides/error-codes
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from apps.activities.adapters import streaming
from apps.activities.adapters.base import FailureCause, ModelAnswer, ModelFailed, ModelRequest
from apps.activities.adapters.streaming import End
from apps.shared import egress

REFUSED = "refusal"  # ours: a refusal comes as a field of its own and then ends with `stop`
ENDINGS: dict[str, streaming.Ending] = {
    "stop": "whole",
    "length": "cut_off",
    "content_filter": "refused",
    REFUSED: "refused",
}
# By `code`, and where that is silent by `type`, of the error object.
CAUSE_OF_CODE: dict[str, FailureCause] = {
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "unauthorised",  # a 429 that no waiting mends
    "billing_hard_limit_reached": "unauthorised",
    "invalid_api_key": "unauthorised",
    "invalid_prompt": "refused",
    "content_filter": "refused",
    "content_policy_violation": "refused",
    "context_length_exceeded": "invalid_request",
    "model_not_found": "invalid_request",
}
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}


def ask(request: ModelRequest, *, on_delta: Callable[[str], None]) -> ModelAnswer:
    """Put the question and wait for the whole answer; `on_delta` gets each piece of text as it comes.

    Raises ModelFailed; what `on_delta` raises closes the connection and passes through.
    """
    if not request.api_key:  # the SDK would look for one in the environment
        raise ModelFailed("unauthorised", "No API key is set.", request_left=False)
    return streaming.heard(_pieces(request, streaming.call_for(request)), request, endings=ENDINGS, on_delta=on_delta)


def _pieces(request: ModelRequest, call: egress.Call) -> Generator[str | End, None, None]:
    """The text piece by piece, then the end. Everything that goes wrong on the way becomes ModelFailed."""
    try:
        egress.check_url(request.base_url)
        # Seconds of import, which a worker that never asks OpenAI need not spend.
        import openai

        system = [{"role": "system", "content": request.system}] if request.system else []
        messages: Any = [*system, *({"role": m.role, "content": m.content} for m in request.messages)]
        options: dict[str, Any] = {}
        if request.schema is not None:
            schema = strict_schema(openai.pydantic_function_tool(request.schema)["function"]["parameters"])
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": request.schema.__name__[:64], "schema": schema, "strict": True},
            }
        with (
            egress.sdk_client(call) as http,
            openai.OpenAI(
                api_key=request.api_key,
                base_url=request.base_url,
                max_retries=0,
                timeout=http.timeout,
                http_client=http,
            ) as client,
            # The bare chunks: the SDK's own `stream()` puts a message together from them and raises at its end what
            # the engine judges itself.
            client.chat.completions.create(
                model=request.model_id,
                max_completion_tokens=request.max_tokens,
                messages=messages,
                store=False,
                stream=True,
                stream_options={"include_usage": True},
                # Both would come from the environment of the process.
                extra_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},  # type: ignore[dict-item]
                **options,
            ) as stream,
        ):
            yield from _read(stream, call)
    except Exception as error:
        # The SDK builds its objects unchecked, so a nonsensical stream surfaces as any kind of exception. The chain
        # is cut: the service may have echoed the key, and the exception's text would carry it into a log.
        raise _failure(error, request, call) from None


def _read(stream: Any, call: egress.Call) -> Iterator[str | End]:
    """The usage comes after the end, in a chunk of its own, and may be missing: the end alone makes an answer whole."""
    reason: Any = None
    usage: Any = None
    is_refusal = False
    request_id = streaming.printable(str(stream.response.headers.get("x-request-id") or ""))
    for chunk in stream:
        call.seconds_left()
        request_id = request_id or streaming.printable(str(chunk.id))
        usage = chunk.usage or usage
        for choice in chunk.choices:
            is_refusal = is_refusal or bool(choice.delta.refusal)
            if choice.delta.content:
                if not isinstance(choice.delta.content, str):
                    raise ValueError("a piece of text that is none")
                yield choice.delta.content
            reason = choice.finish_reason or reason
    if reason is None:
        return
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None)
    yield End(
        reason=REFUSED if is_refusal else reason,
        input_tokens=(getattr(usage, "prompt_tokens", None),),
        cached_input_tokens=0 if cached is None else cached,
        output_tokens=getattr(usage, "completion_tokens", None),
        request_id=request_id,
    )


def _failure(error: Exception, request: ModelRequest, call: egress.Call) -> ModelFailed:
    import openai

    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        cause = CAUSE_OF_CODE.get(str(error.code)) or CAUSE_OF_CODE.get(str(error.type))
        if isinstance(error, openai.APIStatusError):
            retry_after = error.response.headers.get("retry-after")
            detail = streaming.told(error, request)
            return streaming.declined(error.status_code, detail, cause=cause, retry_after=retry_after)
        return streaming.declined(200, streaming.told(error, request), cause=cause or "unavailable")
    return streaming.broken(error, request, call, connection_errors=(openai.APIConnectionError,))


def strict_schema(schema: Any) -> Any:
    """The schema with what strict mode refuses taken out: lengths go into the descriptions; the engine checks them all.

    https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return [strict_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    words = []
    for name, value in schema.items():
        if name in ("properties", "$defs"):
            kept[name] = {inner: strict_schema(part) for inner, part in value.items()}
        elif name in ("minLength", "maxLength", "uniqueItems") or (name == "format" and value not in FORMATS):
            words.append(f"{name}: {value}")
        elif name == "oneOf":
            kept["anyOf"] = strict_schema(value)
        elif name not in ("default", "discriminator"):
            kept[name] = strict_schema(value)
    if words:
        kept["description"] = "\n\n".join(filter(None, [schema.get("description"), f"{{{', '.join(words)}}}"]))
    return kept

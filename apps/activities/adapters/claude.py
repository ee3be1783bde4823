"""Claude through Anthropic's own SDK, streamed, one attempt per call.

https://platform.claude.com/docs/en/api/messages · /en/api/errors · /en/build-with-claude/structured-outputs
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from apps.activities.adapters import streaming
from apps.activities.adapters.base import FailureCause, ModelAnswer, ModelFailed, ModelRequest
from apps.activities.adapters.streaming import End
from apps.shared import egress

ENDINGS: dict[str, streaming.Ending] = {
    "end_turn": "whole",
    "stop_sequence": "whole",
    "refusal": "refused",
    "max_tokens": "cut_off",
    "model_context_window_exceeded": "cut_off",
}
CAUSE_OF_TYPE: dict[str, FailureCause] = {
    "rate_limit_error": "rate_limited",
    "overloaded_error": "overloaded",
    "api_error": "unavailable",
    "timeout_error": "timed_out",
    "authentication_error": "unauthorised",
    "permission_error": "unauthorised",
    "billing_error": "unauthorised",
    "invalid_request_error": "invalid_request",
    "not_found_error": "invalid_request",
    "request_too_large": "invalid_request",
}


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
        # Two seconds of import, which a worker that never asks Claude need not spend.
        import anthropic

        messages: Any = [{"role": message.role, "content": message.content} for message in request.messages]
        options: dict[str, Any] = {"system": request.system} if request.system else {}
        if request.schema is not None:
            # Limits the service does not know (lengths, ranges) go into the descriptions; the engine checks them all.
            schema = anthropic.transform_schema(request.schema)
            options["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        with (
            egress.sdk_client(call) as http,
            anthropic.Anthropic(
                api_key=request.api_key,
                base_url=request.base_url,
                max_retries=0,
                timeout=http.timeout,
                http_client=http,
            ) as client,
            # The bare events: the SDK's own `stream()` puts a message together from them and gives up where the
            # service reports no usage, although the answer is good.
            client.messages.create(
                model=request.model_id,
                max_tokens=request.max_tokens,
                messages=messages,
                stream=True,
                **options,
            ) as stream,
        ):
            yield from _read(stream, call)
    except Exception as error:
        # The SDK builds its objects unchecked, so a nonsensical stream surfaces as any kind of exception. The chain
        # is cut: the service may have echoed the key, and the exception's text would carry it into a log.
        raise _failure(error, request, call) from None


def _read(stream: Any, call: egress.Call) -> Iterator[str | End]:
    reported: dict[str, Any] = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    request_id: str | None = None
    stop_reason = None
    for event in stream:
        call.seconds_left()
        if event.type == "message_start":
            request_id = streaming.printable(str(stream.response.headers.get("request-id") or event.message.id))
            reported |= _numbers(event.message.usage)
        elif request_id is None:
            raise ValueError("the stream does not begin with its message")
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            if not isinstance(event.delta.text, str):
                raise ValueError("a piece of text that is none")
            yield event.delta.text
        elif event.type == "message_delta":
            stop_reason = event.delta.stop_reason
            reported |= _numbers(event.usage)  # running totals, of what has changed since the start
        elif event.type == "message_stop":
            read, written = reported["cache_read_input_tokens"], reported["cache_creation_input_tokens"]
            yield End(
                reason=stop_reason,
                input_tokens=(reported.get("input_tokens"), written, read),
                cached_input_tokens=read,
                output_tokens=reported.get("output_tokens"),
                request_id=request_id,
            )


def _failure(error: Exception, request: ModelRequest, call: egress.Call) -> ModelFailed:
    import anthropic

    if isinstance(error, anthropic.APIStatusError):
        return streaming.declined(
            error.status_code,
            streaming.told(error, request),
            cause=CAUSE_OF_TYPE.get(str(error.type)),
            retry_after=error.response.headers.get("retry-after"),
        )
    return streaming.broken(error, request, call, connection_errors=(anthropic.APIConnectionError,))


def _numbers(usage: Any) -> dict[str, Any]:
    """What a usage object says, as far as it says anything."""
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    found = {name: getattr(usage, name, None) for name in names}
    return {name: number for name, number in found.items() if number is not None}

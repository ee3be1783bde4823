"""Claude through Anthropic's own SDK, streamed, one attempt per call.

https://platform.claude.com/docs/en/api/messages · /en/api/errors · /en/build-with-claude/structured-outputs
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from apps.activities.adapters.base import (
    MAX_ANSWER_BYTES,
    NOTHING_USED,
    FailureCause,
    ModelAnswer,
    ModelFailed,
    ModelRequest,
    ModelUsage,
)
from apps.shared import egress
from apps.shared.redaction import redact

MAX_WIRE_BYTES = 20 * MAX_ANSWER_BYTES  # every delta of a few letters comes wrapped in two hundred bytes
TOKENS_OF_SCHEMA_AND_FRAME = 10_000  # what the service may add to a request by itself
MAX_DETAIL = 300

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
CAUSE_OF_STATUS: dict[int, FailureCause] = {
    401: "unauthorised",
    402: "unauthorised",
    403: "unauthorised",
    408: "timed_out",
    429: "rate_limited",
    504: "timed_out",
    529: "overloaded",
}
CAUSE_OF_EGRESS: dict[str, FailureCause] = {
    "timed_out": "timed_out",
    "too_large": "broken_answer",
    "broken_answer": "broken_answer",
    "bad_request": "invalid_request",
}


def ask(request: ModelRequest, *, on_delta: Callable[[str], None]) -> ModelAnswer:
    """Put the question and wait for the whole answer; `on_delta` gets each piece of text as it comes.

    Raises ModelFailed; what `on_delta` raises closes the connection and passes through.
    """
    if not request.api_key:  # the SDK would look for one in the environment
        raise ModelFailed("unauthorised", "No API key is set.", request_left=False)
    call = egress.Call(deadline=time.monotonic() + request.timeout_s, max_bytes_read=MAX_WIRE_BYTES)
    pieces: list[str] = []
    size = 0
    end: _End | None = None
    with closing(_pieces(request, call)) as arriving:
        for piece in arriving:
            if isinstance(piece, _End):
                end = piece
                break
            size += len(piece.encode("utf-8", "surrogatepass"))
            if size > MAX_ANSWER_BYTES:
                raise ModelFailed("broken_answer", "The answer is larger than a megabyte.", request_left=True)
            pieces.append(piece)
            on_delta(piece)
    if end is None:
        # A stream may also end politely in the middle; only its last event says that the answer is whole.
        raise ModelFailed("unavailable", "The stream ended before the answer did.", request_left=True)
    usage = _usage(end.reported, request)
    match end.stop_reason:
        case "end_turn" | "stop_sequence":
            return ModelAnswer("".join(pieces), usage, end.stop_reason, end.request_id)
        case "refusal":
            raise ModelFailed("refused", "The model declined to answer.", request_left=True, usage=usage)
        case "max_tokens" | "model_context_window_exceeded":
            raise ModelFailed("cut_off", "The answer reached the limit of tokens.", request_left=True, usage=usage)
        case _:
            detail = f"The answer ended with {str(end.stop_reason)[:40]!r}."
            raise ModelFailed("broken_answer", detail, request_left=True, usage=usage)


@dataclass(frozen=True)
class _End:
    """What the stream told beside the text. `reported` holds the usage numbers, none of them checked."""

    stop_reason: Any
    reported: dict[str, Any]
    request_id: str


def _pieces(request: ModelRequest, call: egress.Call) -> Generator[str | _End, None, None]:
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


def _read(stream: Any, call: egress.Call) -> Iterator[str | _End]:
    reported: dict[str, Any] = {}
    request_id: str | None = None
    stop_reason = None
    for event in stream:
        call.seconds_left()
        if event.type == "message_start":
            request_id = _printable(str(stream.response.headers.get("request-id") or event.message.id))
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
            yield _End(stop_reason, reported, request_id)


def _failure(error: Exception, request: ModelRequest, call: egress.Call) -> ModelFailed:
    import anthropic

    detail = _printable(redact(str(error), secrets=[request.api_key]))
    if isinstance(error, anthropic.APIStatusError):
        status = error.status_code
        by_status = CAUSE_OF_STATUS.get(status, "unavailable" if status >= 500 else "invalid_request")
        cause = CAUSE_OF_TYPE.get(str(error.type), "broken_answer" if status < 300 else by_status)
        retry_after_s = egress.retry_after_s(error.response.headers.get("retry-after"))
        # An error instead of an answer: no message was made, so none is charged. An error in the middle of a stream has
        # status 200, and a gateway that ran out of time does not know.
        usage = NOTHING_USED if status >= 300 and status not in (408, 504) else None
        return ModelFailed(cause, detail, request_left=True, retry_after_s=retry_after_s, usage=usage)
    if isinstance(error, egress.EgressRefused):
        return ModelFailed("invalid_request", detail, request_left=False)
    if isinstance(error, (egress.EgressError, anthropic.APIConnectionError, *egress.TRANSPORT_ERRORS)):
        behind = egress.failure_behind(error, call)
        cause = CAUSE_OF_EGRESS.get(behind.cause, "unavailable")
        if isinstance(behind, egress.EgressRefused):
            cause = "invalid_request"
        return ModelFailed(cause, behind.sentence, request_left=call.request_left)
    return ModelFailed("broken_answer", f"{type(error).__name__}: {detail}", request_left=call.request_left)


def _printable(text: str) -> str:
    return "".join(character for character in text[:MAX_DETAIL] if character.isprintable())


def _numbers(usage: Any) -> dict[str, Any]:
    """What a usage object says, as far as it says anything."""
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    found = {name: getattr(usage, name, None) for name in names}
    return {name: number for name, number in found.items() if number is not None}


def _usage(reported: dict[str, Any], request: ModelRequest) -> ModelUsage | None:
    """None unless every number can be believed: the engine then charges by its own count.

    More tokens than were allowed cannot have come back, nor can many more have gone out than the request has bytes.
    """
    counted = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, **reported}
    if "input_tokens" not in counted or "output_tokens" not in counted:
        return None
    if any(not isinstance(number, int) or isinstance(number, bool) or number < 0 for number in counted.values()):
        return None
    cached, output = counted["cache_read_input_tokens"], counted["output_tokens"]
    total = counted["input_tokens"] + counted["cache_creation_input_tokens"] + cached
    sent_bytes = len(request.system.encode()) + sum(len(message.content.encode()) for message in request.messages)
    if output > request.max_tokens or total > sent_bytes + TOKENS_OF_SCHEMA_AND_FRAME:
        return None
    return ModelUsage(input_tokens=total, cached_input_tokens=cached, output_tokens=output)

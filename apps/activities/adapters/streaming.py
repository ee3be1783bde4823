"""What the adapters share: one deadline over a stream, its text handed on and counted, its end and its failures judged."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

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

Ending = Literal["whole", "refused", "cut_off"]

CAUSE_OF_STATUS: dict[int, FailureCause] = {
    401: "unauthorised",
    402: "unauthorised",
    403: "unauthorised",
    408: "timed_out",
    429: "rate_limited",
    503: "overloaded",
    504: "timed_out",
    529: "overloaded",
}
CAUSE_OF_EGRESS: dict[str, FailureCause] = {
    "timed_out": "timed_out",
    "too_large": "broken_answer",
    "broken_answer": "broken_answer",
    "bad_request": "invalid_request",
}


@dataclass(frozen=True)
class End:
    """What a stream told beside the text, none of it checked: why it ended, and tokens as they were reported.

    The `input_tokens` are parts of one sum, those read from a cache included.
    """

    reason: Any
    input_tokens: tuple[Any, ...]
    cached_input_tokens: Any
    output_tokens: Any
    request_id: str


def call_for(request: ModelRequest) -> egress.Call:
    """The deadline, the limits and the reach of everything the question sends and reads."""
    return egress.Call(
        deadline=time.monotonic() + request.timeout_s,
        max_bytes_read=MAX_WIRE_BYTES,
        listed_only=request.listed_hosts_only,
    )


def heard(
    pieces: Generator[str | End, None, None],
    request: ModelRequest,
    *,
    endings: Mapping[str, Ending],
    on_delta: Callable[[str], None],
) -> ModelAnswer:
    """The whole answer; `on_delta` gets each piece of text as it comes. `endings` are the service's words for an end.

    Raises ModelFailed; what `on_delta` raises closes the connection and passes through.
    """
    texts: list[str] = []
    size = 0
    end: End | None = None
    with closing(pieces) as arriving:
        for piece in arriving:
            if isinstance(piece, End):
                end = piece
                break
            size += len(piece.encode("utf-8", "surrogatepass"))
            if size > MAX_ANSWER_BYTES:
                raise ModelFailed("broken_answer", "The answer is larger than a megabyte.", request_left=True)
            texts.append(piece)
            on_delta(piece)
    if end is None:
        # A stream may also end politely in the middle; only its last words say that the answer is whole.
        raise ModelFailed("unavailable", "The stream ended before the answer did.", request_left=True)
    usage = believed(end, request)
    match endings.get(end.reason) if isinstance(end.reason, str) else None:
        case "whole":
            return ModelAnswer("".join(texts), usage, end.reason, end.request_id)
        case "refused":
            raise ModelFailed("refused", "The model declined to answer.", request_left=True, usage=usage)
        case "cut_off":
            raise ModelFailed("cut_off", "The answer reached the limit of tokens.", request_left=True, usage=usage)
    detail = f"The answer ended with {str(end.reason)[:40]!r}."
    raise ModelFailed("broken_answer", detail, request_left=True, usage=usage)


def believed(end: End, request: ModelRequest) -> ModelUsage | None:
    """None unless every number can be believed: the engine then charges by its own count.

    More tokens than were allowed cannot have come back, nor can many more have gone out than the request has bytes.
    """
    numbers = (*end.input_tokens, end.cached_input_tokens, end.output_tokens)
    if any(not isinstance(number, int) or isinstance(number, bool) or number < 0 for number in numbers):
        return None
    total = sum(end.input_tokens)
    sent_bytes = len(request.system.encode()) + sum(len(message.content.encode()) for message in request.messages)
    if end.output_tokens > request.max_tokens or total > sent_bytes + TOKENS_OF_SCHEMA_AND_FRAME:
        return None
    if end.cached_input_tokens > total:
        return None
    return ModelUsage(input_tokens=total, cached_input_tokens=end.cached_input_tokens, output_tokens=end.output_tokens)


def told(error: Exception, request: ModelRequest) -> str:
    """What the exception says, short and without the key, which a service may have echoed."""
    return printable(redact(str(error), secrets=[request.api_key] if request.api_key else []))


def printable(text: str) -> str:
    return "".join(character for character in text[:MAX_DETAIL] if character.isprintable())


def declined(
    status: int, detail: str, *, cause: FailureCause | None = None, retry_after: str | None = None
) -> ModelFailed:
    """An error instead of an answer. `cause` is what the service's own code says; otherwise the status decides."""
    if cause is None:
        by_range: FailureCause = (
            "unavailable" if status >= 500 else "broken_answer" if status < 300 else "invalid_request"
        )
        cause = CAUSE_OF_STATUS.get(status, by_range)
    # No answer was made, so none is charged. An error in the middle of a stream has status 200, and a gateway that ran
    # out of time does not know.
    usage = NOTHING_USED if status >= 300 and status not in (408, 504) else None
    return ModelFailed(cause, detail, request_left=True, retry_after_s=egress.retry_after_s(retry_after), usage=usage)


def broken(
    error: Exception, request: ModelRequest, call: egress.Call, *, connection_errors: tuple[type[Exception], ...] = ()
) -> ModelFailed:
    """Whatever else went wrong; `connection_errors` are the SDK's own names for a connection that failed."""
    if isinstance(error, egress.EgressRefused):
        return ModelFailed("invalid_request", told(error, request), request_left=False)
    if isinstance(error, (egress.EgressError, *connection_errors, *egress.TRANSPORT_ERRORS)):
        behind = egress.failure_behind(error, call)
        cause = CAUSE_OF_EGRESS.get(behind.cause, "unavailable")
        if isinstance(behind, egress.EgressRefused):
            cause = "invalid_request"
        return ModelFailed(cause, behind.sentence, request_left=call.request_left)
    return ModelFailed(
        "broken_answer", f"{type(error).__name__}: {told(error, request)}", request_left=call.request_left
    )

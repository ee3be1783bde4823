"""Models of one's own through Ollama's SDK: chat, streamed, one attempt per call.

https://docs.ollama.com/api/chat · /api/errors · /capabilities/structured-outputs · /context-length
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from apps.activities.adapters import streaming
from apps.activities.adapters.base import ModelAnswer, ModelFailed, ModelRequest
from apps.activities.adapters.streaming import End
from apps.shared import egress, egress_httpx

ENDINGS: dict[str, streaming.Ending] = {"stop": "whole", "length": "cut_off"}
CHARACTERS_PER_TOKEN_AT_LEAST = 2.5
CHARACTERS_PER_TOKEN_AT_MOST = 6
SMALLEST_CONTEXT = 8_192


def ask(request: ModelRequest, *, on_delta: Callable[[str], None]) -> ModelAnswer:
    """Put the question and wait for the whole answer; `on_delta` gets each piece of text as it comes.

    Raises ModelFailed; what `on_delta` raises closes the connection and passes through.
    """
    return streaming.heard(_pieces(request, streaming.call_for(request)), request, endings=ENDINGS, on_delta=on_delta)


def context_for(request: ModelRequest) -> int:
    """How many tokens the model is loaded with. Ollama drops what does not fit from the prompt, without a word.

    A model's own context where it is known, so that it stays loaded from one request to the next; otherwise the next
    power of two that holds question and answer. Raises ModelFailed when the question cannot fit.
    """
    characters = len(request.system) + sum(len(message.content) for message in request.messages)
    if request.context_tokens:
        if characters / CHARACTERS_PER_TOKEN_AT_MOST >= request.context_tokens:
            detail = f"The prompt is longer than the model's context of {request.context_tokens} tokens."
            raise ModelFailed("invalid_request", detail, request_left=False)
        return request.context_tokens
    context = SMALLEST_CONTEXT
    while context < characters / CHARACTERS_PER_TOKEN_AT_LEAST + request.max_tokens:
        context *= 2
    return context


def _pieces(request: ModelRequest, call: egress.Call) -> Generator[str | End, None, None]:
    """The text piece by piece, then the end. Everything that goes wrong on the way becomes ModelFailed."""
    heads: list[Any] = []
    try:
        egress.check_url(request.base_url)
        options = {"num_predict": request.max_tokens, "num_ctx": context_for(request)}
        # A second of import, which a worker that never asks Ollama need not spend.
        import ollama

        system = [{"role": "system", "content": request.system}] if request.system else []
        messages = [*system, *({"role": m.role, "content": m.content} for m in request.messages)]
        headers = {"Authorization": f"Bearer {request.api_key}" if request.api_key else None}
        http = egress_httpx.client_options(call, headers=headers, heads=heads)
        with ollama.Client(host=request.base_url, **http) as client:
            parts = client.chat(
                model=request.model_id,
                messages=messages,
                stream=True,
                format=request.schema.model_json_schema() if request.schema else None,
                options=options,
            )
            yield from _read(parts, call)
    except ModelFailed:
        raise
    except Exception as error:
        # Any kind of exception: the SDK takes each line for what it should be. The chain is cut, because a service may
        # have echoed the key, and the exception's text would carry it into a log.
        raise _failure(error, request, call, heads) from None


def _read(parts: Any, call: egress.Call) -> Iterator[str | End]:
    for part in parts:
        call.seconds_left()
        if part.message.content:
            yield part.message.content
        if part.done:
            yield End(
                # Ollama before 0.1.45 said only that it was done.
                reason=part.done_reason or "stop",
                input_tokens=(part.prompt_eval_count,),
                cached_input_tokens=0,
                output_tokens=part.eval_count,
                request_id="",
            )


def _failure(error: Exception, request: ModelRequest, call: egress.Call, heads: list[Any]) -> ModelFailed:
    import ollama

    if isinstance(error, ollama.ResponseError):
        detail = streaming.told(error, request)
        if error.status_code < 300:  # a line in the middle of the stream, whose status was sent before
            return streaming.declined(200, detail, cause="unavailable")
        return streaming.declined(error.status_code, detail, retry_after=heads[-1].get("retry-after"))
    return streaming.broken(error, request, call)

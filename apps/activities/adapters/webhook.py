"""An agency's own agent behind an address: it takes the task, works for as long as it may, and calls back.

The specification's adapter without a vendor. The request is signed with the provider's secret as Stripe and others sign
theirs: `X-Leadmetrics-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">`. What comes back is a model's answer like any
other and trusted no more.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from apps.activities.adapters import streaming
from apps.activities.adapters.base import Errand, ModelAnswer, ModelFailed, ModelRequest
from apps.activities.adapters.streaming import End
from apps.shared import egress

SIGNATURE = "X-Leadmetrics-Signature"
HANDING_OVER_S = 10.0  # the agent only has to take the task
LOOKS_EVERY_S = 0.5


class _FromOutside(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class CalledBackUsage(_FromOutside):
    input_tokens: int
    output_tokens: int


class CalledBack(_FromOutside):
    """The body of a callback. `text` is the answer, `error` says why there is none."""

    status: Literal["success", "error"]
    text: str = Field(default="", max_length=1_000_000)
    error: str = Field(default="", max_length=10_000)
    usage: CalledBackUsage | None = None
    duration_ms: int | None = None
    session_id: str | None = Field(default=None, max_length=255)


def ask(request: ModelRequest, *, on_delta: Callable[[str], None]) -> ModelAnswer:
    """Hand the task over and wait for the callback; live text reaches the stream by its own address, not by `on_delta`.

    Raises ModelFailed, and whatever ends the waiting early.
    """
    if request.errand is None:
        raise ValueError("A webhook needs somewhere to call back.")
    if not request.api_key:
        raise ModelFailed("unauthorised", "This agent has no secret to sign with.", request_left=False)
    deadline = time.monotonic() + request.timeout_s
    _hand_over(request, request.errand)
    while (body := request.errand.received()) is None:
        if time.monotonic() >= deadline:
            raise ModelFailed("timed_out", "The agent did not call back in time.", request_left=True)
        time.sleep(LOOKS_EVERY_S)
    return _answer(CalledBack.model_validate_json(body), request)


def signature(secret: str, body: bytes, *, at: int) -> str:
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def _hand_over(request: ModelRequest, errand: Errand) -> None:
    body = orjson.dumps(
        {
            "taskId": errand.task_id,
            "tenantId": errand.tenant_ref,
            "agentRole": errand.agent_role,
            "model": request.model_id,
            "systemPrompt": request.system,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "answerSchema": request.schema.model_json_schema() if request.schema else None,
            "maxTokens": request.max_tokens,
            "callbackUrl": errand.callback_url,
            "taskToken": errand.token,
            "timeoutMs": int(request.timeout_s * 1000),
        }
    )
    headers = {
        "Content-Type": "application/json",
        SIGNATURE: signature(request.api_key, body, at=int(time.time())),
    }
    try:
        answer = egress.request(
            "POST",
            request.base_url,
            headers=headers,
            content=body,
            timeout_s=min(HANDING_OVER_S, request.timeout_s),
            max_bytes=100_000,
            listed_only=request.listed_hosts_only,
        )
    except egress.EgressError as error:
        cause = streaming.CAUSE_OF_EGRESS.get(error.cause, "unavailable")
        if isinstance(error, egress.EgressRefused):
            cause = "invalid_request"
        left = getattr(error, "request_left", False)
        raise ModelFailed(cause, error.sentence, request_left=left) from None
    if answer.status >= 300:
        told = streaming.printable(answer.body.decode("utf-8", "replace").replace(request.api_key, "…"))
        raise streaming.declined(answer.status, told, retry_after=answer.headers.get("retry-after"))


def _answer(said: CalledBack, request: ModelRequest) -> ModelAnswer:
    usage = None
    if said.usage is not None:
        tokens = End("stop", (said.usage.input_tokens,), 0, said.usage.output_tokens, "")
        usage = streaming.believed(tokens, request)
    if said.status == "error":
        detail = streaming.printable(said.error) or "The agent says that it failed."
        raise ModelFailed("unavailable", detail, request_left=True, usage=usage)
    return ModelAnswer(said.text, usage, "stop", "")


def readable(body: bytes) -> bool:
    """Whether a callback's body is one; what does not fit is refused before it is kept."""
    try:
        CalledBack.model_validate_json(body)
    except ValidationError:
        return False
    return True

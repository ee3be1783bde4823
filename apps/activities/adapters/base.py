"""What goes to a model and what comes back, whoever runs it.

An adapter is a function `ask(request, *, on_delta) -> ModelAnswer` that raises ModelFailed and nothing else of its
own. It makes one attempt: repeating, paying and judging the answer are the engine's business.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pydantic

MAX_ANSWER_BYTES = 1_000_000
UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

FailureCause = Literal[
    "rate_limited",  # too many requests; `retry_after_s` may say how long
    "overloaded",
    "unavailable",  # not reachable, an error of the service's own, or the connection broke
    "timed_out",
    "refused",  # the model declined
    "invalid_request",  # the service does not accept the request, or the address may not be called
    "unauthorised",
    "cut_off",  # the token limit ended the answer
    "broken_answer",
]


@dataclass(frozen=True)
class Message:
    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class ModelRequest:
    """`timeout_s` covers all, from connecting to the last word. With a `schema` the text should be JSON that fits.

    `context_tokens` is what the model's context holds, where it is known. `listed_hosts_only` keeps the request inside:
    it reaches a host of EGRESS_ALLOW_HOSTS or is refused at the egress door.
    """

    model_id: str
    system: str
    messages: tuple[Message, ...]
    schema: type[pydantic.BaseModel] | None
    max_tokens: int
    timeout_s: float
    api_key: str = field(repr=False)
    base_url: str
    context_tokens: int | None = None
    listed_hosts_only: bool = False


@dataclass(frozen=True)
class ModelUsage:
    """Tokens as billed. `input_tokens` includes those written to or read from a cache, as genai-prices counts them."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int


NOTHING_USED = ModelUsage(input_tokens=0, cached_input_tokens=0, output_tokens=0)


@dataclass(frozen=True)
class ModelAnswer:
    """A complete answer. `usage` is None if the service reported none that can be believed."""

    text: str
    usage: ModelUsage | None
    stop_reason: str
    external_request_id: str


def storable(text: str) -> str:
    """`text` without what the stores refuse or no reader sees: NUL and other control characters, lone surrogates."""
    return UNSTORABLE.sub("", text)


class ModelFailed(Exception):
    """The model gave no complete answer; what had arrived is not one.

    `request_left` tells whether the service may have worked, and may charge, for it. `usage` is what it reported.
    """

    def __init__(
        self,
        cause: FailureCause,
        detail: str,
        *,
        request_left: bool,
        retry_after_s: float | None = None,
        usage: ModelUsage | None = None,
    ) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail
        self.request_left = request_left
        self.retry_after_s = retry_after_s
        self.usage = usage

    @property
    def was_free(self) -> bool:
        """Whether nothing can be charged for it."""
        return not self.request_left or self.usage == NOTHING_USED


class Adapter(Protocol):
    def __call__(self, request: ModelRequest, *, on_delta: Callable[[str], None]) -> ModelAnswer: ...

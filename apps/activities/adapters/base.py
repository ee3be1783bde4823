"""What goes to a model and what comes back, whoever runs it.

An adapter is a function `ask(request, *, on_delta) -> ModelAnswer` that raises ModelFailed and nothing else of its
own. It makes one attempt: repeating, paying and judging the answer are the engine's business.
"""

import json
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
class ToolOffer:
    """A tool as the model is told of it. `name` is [a-z_]+, 64 characters at most, which all services take."""

    name: str
    description: str
    arguments: type[pydantic.BaseModel]

    @property
    def told(self) -> str:
        """What of it goes into the prompt, for counting."""
        return f"{self.name}{self.description}{json.dumps(self.arguments.model_json_schema())}"


@dataclass(frozen=True)
class ToolUse:
    """What the model asks for, as it wrote it: nothing of it is checked. `arguments` should be a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolResult:
    """What a use came to, for the model; `id` is that of the use."""

    id: str
    name: str
    content: str
    is_error: bool


@dataclass(frozen=True)
class Message:
    """One turn. An assistant's may ask for tools; then the user's that follows answers every one of these `uses`.

    In a conversation that is sent, each use has an id of its own, a name of [A-Za-z0-9_-] and an object as arguments.
    """

    role: Literal["user", "assistant"]
    content: str
    uses: tuple[ToolUse, ...] = ()
    results: tuple[ToolResult, ...] = ()

    @property
    def told(self) -> str:
        """All text of it, for counting."""
        uses = (f"{use.name}{use.arguments}" for use in self.uses)
        return "".join([self.content, *uses, *(result.content for result in self.results)])


@dataclass(frozen=True)
class Errand:
    """What a service that answers later is told beside the question, and how its answer is found.

    `task_id` names this one question; `token` opens `callback_url` for it, for an hour. `received()` is the body that
    was called back, None until then; it raises what ends the waiting early.
    """

    task_id: str
    tenant_ref: str
    agent_role: str
    callback_url: str
    token: str = field(repr=False)
    received: Callable[[], bytes | None]


@dataclass(frozen=True)
class ModelRequest:
    """`timeout_s` covers all, from connecting to the last word. With a `schema` the text should be JSON that fits.

    `context_tokens` is what the model's context holds, where it is known. `listed_hosts_only` keeps the request inside:
    it reaches a host of EGRESS_ALLOW_HOSTS or is refused at the egress door. `tools` stay in the request while the
    conversation holds uses of them; whether another may be asked for says `may_use_tools`.
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
    errand: Errand | None = None
    tools: tuple[ToolOffer, ...] = ()
    may_use_tools: bool = False

    @property
    def told(self) -> str:
        """All text of it, for counting."""
        return "".join([self.system, *(tool.told for tool in self.tools), *(m.told for m in self.messages)])


@dataclass(frozen=True)
class ModelUsage:
    """Tokens as billed. `input_tokens` includes those written to or read from a cache, as genai-prices counts them."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int


NOTHING_USED = ModelUsage(input_tokens=0, cached_input_tokens=0, output_tokens=0)


@dataclass(frozen=True)
class ModelAnswer:
    """A complete answer. `usage` is None if the service reported none that can be believed.

    With `uses` it is none yet: the model wants to know what they come to, and what it says beside them is talk.
    """

    text: str
    usage: ModelUsage | None
    stop_reason: str
    external_request_id: str
    uses: tuple[ToolUse, ...] = ()


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

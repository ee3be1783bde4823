"""The shapes of what `config` fills in at start-up: gates, agent roles, publishable subjects, system jobs.

`activities` may not import what it decides on or publishes, so the tables that know every subject live in `config`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from .adapters.base import storable
from .checks import Draft
from .figures import Figure, Span
from .prompting import DataBlock
from .skill_library import SkillVersion


@dataclass(frozen=True)
class Gate:
    """What a person can decide on. All functions but one are database only and run inside the decision's transaction.

    load(ref, lock=False)          the row behind the approval
    shown(row)                     JSON facts of what is shown, without the text itself (that is bound by its digest)
    approved(row, by, at)          what the subject becomes at every approval; None for nothing
    release(row, by, at, activity) what happens at the final gate
    still_holds(row)               raises a refusal where it can no longer be approved; before the transaction, and may
                                   read the stores
    send_back(row, by, at, note)   what the subject becomes when a change is asked for
    template                       the part that shows it in the DM Portal and the dashboard
    """

    load: Callable[..., Any]
    shown: Callable[[Any], dict]
    send_back: Callable[..., None]
    approved: Callable[..., None] | None = None
    release: Callable[..., None] | None = None
    still_holds: Callable[..., None] | None = None
    template: str = "components/gate_activity.html"
    risk: str = "medium"


@dataclass(frozen=True)
class Kept:
    """A stored output: the pointer the row keeps, the digest of the text, and pointers of further documents."""

    pointer: str
    sha256: str
    version: int
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AgentRole:
    """One function of one agent: what it does at the steps that leave one kind of thing behind.

    gather(activity) -> [DataBlock]        what it is told; may read the stores and, through egress, the web
    text(output) -> (text, content type)   how its answer is kept and shown
    subject(activity) -> ref_id            whose history the text belongs to; the activity's own by default
    keep(output, activity, at) -> {}       further documents to store before the transaction (pointers by name)
    receive(output, activity, kept, by, at) what the answer changes; database only, in the closing transaction
    title(output) -> str                   what the answer is called where people decide on it; the unit's by default
    released(activity, by, at, gate)       what the approval of the answer at the final gate brings; only where the
                                           answer itself is decided on and no row stands for it
    still_holds(activity)                  raises a refusal where the answer can no longer be approved, as what it was made
                                           from has changed; asked before the decision's transaction, may read the stores
    beside(activity) -> {}                 what the gate's page shows beside the answer; may read the stores
    appendix(activity) -> text             what the product itself sets below the answer's text, out of the model's reach
    live_field                             the text field of the answer that people read along while it is written
    prompt                                 the file in `prompts/`; by default the one with the role's name
    to_check(output, activity) -> Draft    what the checks look at before a person does; None for what nobody decides on
    is_advice                              its answer is findings on another step's text: shown with that text at the
                                           gate, and never what is decided on
    """

    schema: type[BaseModel]
    gather: Callable[[Any], list[DataBlock]]
    receive: Callable[..., None]
    text: Callable[[Any], tuple[str, str]]
    output_type: str
    begin: Callable[..., None] | None = None
    subject: Callable[[Any], str] = lambda activity: activity.ref_id
    keep: Callable[..., dict[str, str]] | None = None
    title: Callable[[Any], str] | None = None
    released: Callable[..., None] | None = None
    still_holds: Callable[..., None] | None = None
    beside: Callable[..., dict] | None = None
    appendix: Callable[[Any], str] | None = None
    live_field: str = ""
    prompt: str = ""
    to_check: Callable[..., Draft] | None = None
    is_advice: bool = False


@dataclass(frozen=True)
class Publishable:
    """How a kind of subject goes out.

    prepare(activity)            reads it and checks it against its approval; an object with channel (None: there is none
                                 to go out on), title, approval_ref, content_sha256, and for a platform that we publish
                                 on ourselves connection, slug, markdown, excerpt, categories, tags, status
    still_ready(activity, ready) the same check under row locks, database only, right before the request leaves
    settled(activity, external_id, url, by, at)  what the confirmation of the platform, or of a person, changes
    failed(activity, cause, by, at)              what becomes of a subject that knows failure; None for others
    """

    prepare: Callable[..., Any]
    still_ready: Callable[..., None]
    settled: Callable[..., None]
    failed: Callable[..., None] | None = None


class ToolArguments(BaseModel):
    """What a model may say to a tool, and nothing else. No tenant, host, channel or account is ever among it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        if isinstance(value, str) and storable(value) != value:
            raise ValueError("control characters are not allowed")
        return value


@dataclass(frozen=True)
class Found:
    """What a tool came back with: JSON for the model, a few facts for the summary, the status of an HTTP answer.

    `secrets` are the credentials that were sent; they are taken out of whatever is kept or told. `skill` is the version
    of a skill whose text was told, which is kept beside what is written with it. `cost_usd` is what a use of a paid tool
    was charged; None where nobody said, which counts as its largest price.
    """

    value: Any
    summary: dict[str, Any] = field(default_factory=dict)
    status_code: int | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    skill: SkillVersion | None = None
    cost_usd: Decimal | None = None


class ToolFailed(Exception):
    """The tool could not do it; the sentence is for the model. Nothing is broken, the run goes on. The rest as in Found."""

    def __init__(
        self,
        sentence: str,
        *,
        status_code: int | None = None,
        secrets: tuple[str, ...] = (),
        cost_usd: Decimal | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status_code = status_code
        self.secrets = secrets
        self.cost_usd = cost_usd


@dataclass(frozen=True)
class Tool:
    """What an agent may look up while it works. Tools read; one that writes, sends or decides does not exist.

    integration                  the name by which `agent_configs.tool_names` allows it and `tool_calls` lists it
    description                  for the model: what it tells, and when to ask
    arguments                    what the model may say
    read(arguments, activity) -> Found   the work, in the scope of the client alone; raises ToolFailed
    asks                         whose servers it speaks to: none but ours, those of the client's choice, a third party's
    most_usd                     what one use costs at most, which is set aside before it; 0 for what is free
    """

    integration: str
    description: str
    arguments: type[ToolArguments]
    read: Callable[..., Found]
    asks: Literal["nobody", "the client's own", "a third party"] = "nobody"
    most_usd: Decimal = Decimal(0)


GATES: dict[str, Gate] = {}
# By the agent's role and by what its step `creates`: "" for a step that creates no record, TASK for a recurring task,
# which has neither unit nor subject: its instruction and values are all it is told beside what `gather` finds.
AGENTS: dict[tuple[str, str], AgentRole] = {}
TASK = "task"
TOOLS: dict[str, Tool] = {}
PUBLISHABLE: dict[str, Publishable] = {}
# What the publisher carries out without a platform, by what its step `creates`: (activity, claim, by) -> summary.
DELIVERIES: dict[str, Callable[..., dict]] = {}
# Where figures about a client come from: (span, at) -> figures of the one client in scope.
FIGURES: list[Callable[[Span, datetime], list[Figure]]] = []
SYSTEM_JOBS: dict[str, Callable[..., dict]] = {}  # role -> function of an operations.Job, which returns a summary

# What `verify_integrity` and the sweep of orphans look at; see config/integrity.py.
POINTERS: list = []
FOUND_BY_REF: list = []
IS_REFERENCED: dict[type, Callable[[list], set[str]]] = {}
INTEGRITY_RULES: list[tuple[str, str]] = []


def work_of(activity) -> AgentRole | None:
    """What an agent does at this activity; None where it has no such function, or is no agent."""
    if not activity.assignee_agent_role or activity.is_unit:
        return None
    creates = activity.step.creates if activity.parent_activity_id else TASK
    return AGENTS.get((activity.assignee_agent_role, creates or ""))

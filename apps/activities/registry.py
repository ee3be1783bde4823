"""The shapes of what `config` fills in at start-up: gates, agent roles, publishable subjects, system jobs.

`activities` may not import what it decides on or publishes, so the tables that know every subject live in `config`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from .prompting import DataBlock


@dataclass(frozen=True)
class Gate:
    """What a person can decide on. All functions are database only and run inside the decision's transaction.

    load(ref, lock=False)          the row behind the approval
    shown(row)                     JSON facts of what is shown, without the text itself (that is bound by its digest)
    approved(row, by, at)          what the subject becomes at every approval; None for nothing
    release(row, by, at, activity) what happens at the final gate
    send_back(row, by, at, note)   what the subject becomes when a change is asked for
    template                       the part that shows it in the DM Portal and the dashboard
    """

    load: Callable[..., Any]
    shown: Callable[[Any], dict]
    send_back: Callable[..., None]
    approved: Callable[..., None] | None = None
    release: Callable[..., None] | None = None
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
    """One function of one agent.

    gather(activity) -> [DataBlock]        what it is told; may read the stores and, through egress, the web
    text(output) -> (text, content type)   how its answer is kept and shown
    subject(activity) -> ref_id            whose history the text belongs to; the activity's own by default
    keep(output, activity, at) -> {}       further documents to store before the transaction (pointers by name)
    receive(output, activity, kept, by, at) what the answer changes; database only, in the closing transaction
    live_field                             the text field of the answer that people read along while it is written
    takes_tasks                            whether it can work on a recurring task: an activity without unit or subject,
                                           whose instruction and values are all it is told beside what `gather` finds
    """

    schema: type[BaseModel]
    gather: Callable[[Any], list[DataBlock]]
    receive: Callable[..., None]
    text: Callable[[Any], tuple[str, str]]
    output_type: str
    begin: Callable[..., None] | None = None
    subject: Callable[[Any], str] = lambda activity: activity.ref_id
    keep: Callable[..., dict[str, str]] | None = None
    live_field: str = ""
    takes_tasks: bool = False


@dataclass(frozen=True)
class Publishable:
    """How a kind of subject goes out.

    prepare(activity)            reads it and checks it against its approval; an object with channel, connection, title,
                                 slug, markdown, excerpt, categories, tags, status, approval_ref, content_sha256
    still_ready(activity, ready) the same check under row locks, database only, right before the request leaves
    settled(activity, external_id, url, by, at)  what the platform's confirmation changes
    """

    prepare: Callable[..., Any]
    still_ready: Callable[..., None]
    settled: Callable[..., None]


GATES: dict[str, Gate] = {}
AGENTS: dict[str, AgentRole] = {}
PUBLISHABLE: dict[str, Publishable] = {}
SYSTEM_JOBS: dict[str, Callable[..., dict]] = {}

# What `verify_integrity` and the sweep of orphans look at; see config/integrity.py.
POINTERS: list = []
FOUND_BY_REF: list = []
IS_REFERENCED: dict[type, Callable[[list], set[str]]] = {}
INTEGRITY_RULES: list[tuple[str, str]] = []

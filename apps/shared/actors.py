"""Who acts: a person, an agent, the system itself, or an outside system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Actor:
    """The principal of an operation, and from where it came.

    `ref` is a user's ref_id, an agent's role, or the name of the task or integration. `user` is the User row of a
    person and None for everyone else, so it can be written into `created_by` and its like as it stands.
    """

    kind: str  # human, agent, system, integration
    ref: str
    user: Any = None
    role: str = ""
    request_id: str = ""
    run_ref: str | None = None
    ip: str | None = None
    user_agent: str = ""

    @classmethod
    def human(cls, user: Any, *, request_id: str = "", ip: str | None = None, user_agent: str = "") -> Actor:
        return cls("human", user.ref_id, user, user.role, request_id, None, ip, user_agent)

    @classmethod
    def agent(cls, role: str, *, run_ref: str | None = None) -> Actor:
        return cls("agent", role, role="agent", run_ref=run_ref)

    @classmethod
    def system(cls, name: str) -> Actor:
        return cls("system", name, role="system")

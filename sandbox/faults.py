"""What can be made to go wrong, and the queue of what should go wrong next."""

from dataclasses import dataclass, fields
from typing import Any

# The request is not carried out.
BEFORE = {"reset", "401", "429", "500", "503", "529", "redirect", "echo_secret"}
# The request is carried out, and its answer comes to harm on the way.
AFTER = {"timeout_after_accept", "reset_after_accept", "reset_midway", "garbage", "truncated", "trickle"}
# The request is carried out and answered, with an answer that is wrong in itself.
CONTENT = {"prose_around_json", "wrong_types", "no_usage", "wrong_usage", "negative_usage", "empty"}
CONTENT |= {"refusal", "context_too_long"}

# An agent that is called back for takes the request and answers later, or does not.
LATER = {"never_calls_back", "calls_back_twice", "says_error"}

# Overload is 529 at Anthropic and 503 at the other model services; Ollama's models refuse in words only.
SUPPORTED = {
    "anthropic": (BEFORE - {"503"}) | AFTER | CONTENT,
    "openai": (BEFORE - {"529"}) | AFTER | CONTENT,
    "ollama": (BEFORE - {"529"}) | AFTER | (CONTENT - {"refusal"}),
    "agents": (BEFORE - {"529"}) | AFTER | (CONTENT - {"refusal", "context_too_long"}) | LATER,
    "wordpress": (BEFORE - {"503"}) | AFTER | {"wrong_types", "empty"},
    "google": (BEFORE - {"529"}) | AFTER | {"wrong_types", "empty"},
    "analytics": (BEFORE - {"529"}) | AFTER | {"wrong_types", "empty"},
    "dataforseo": (BEFORE - {"503", "529"})
    | AFTER
    | {"wrong_types", "empty", "no_usage", "wrong_usage", "negative_usage"},
    "site": (BEFORE - {"503", "echo_secret"}) | AFTER | {"empty"},
    "smtp": {"reset", "429", "500", "529", "timeout_after_accept", "reset_after_accept", "garbage"},
}
TARGETS = tuple(SUPPORTED)


class BadOrder(ValueError):
    """The control request names something that does not exist here."""


@dataclass
class Fault:
    """One planned disturbance. `match` is looked for in "METHOD /path?query", a line break, and the body.

    `after` lets that many matching requests pass first; `retry_after` (seconds) goes with 429, 500, 503 and 529; `seconds`
    is how long `timeout_after_accept` stays silent and `trickle` drips (one byte a second); `location` is where
    `redirect` leads.
    """

    target: str
    fault: str
    times: int = 1
    after: int = 0
    retry_after: float | None = None
    match: str = ""
    seconds: float = 30
    location: str = ""

    @classmethod
    def from_order(cls, order: Any) -> "Fault":
        """Raises BadOrder for an unknown target, fault or field."""
        if not isinstance(order, dict):
            raise BadOrder("a fault is an object")
        unknown = set(order) - {field.name for field in fields(cls)}
        if unknown:
            raise BadOrder(f"unknown field {min(unknown)!r}")
        if order.get("target") not in SUPPORTED:
            raise BadOrder(f"target must be one of {', '.join(TARGETS)}")
        kind = str(order.get("fault"))
        if kind not in SUPPORTED[order["target"]]:
            raise BadOrder(f"{order['target']} can play {', '.join(sorted(SUPPORTED[order['target']]))}, not {kind!r}")
        return cls(**{**order, "fault": kind})


def take(planned: list[Fault], *, target: str, text: str) -> Fault | None:
    """Use up the first planned fault that concerns this request. Changes `planned`; the caller holds the lock.

    Only the first matching fault is looked at, so faults for the same requests happen in the order they were planned.
    """
    for fault in planned:
        if fault.target != target or fault.match not in text:
            continue
        if fault.after > 0:
            fault.after -= 1
            return None
        fault.times -= 1
        if fault.times <= 0:
            planned.remove(fault)
        return fault
    return None

"""Which tools the played models ask for: those that somebody ordered, in the order of the orders, and none otherwise.

An order may name what no request offers, with arguments that are no JSON: that is how a hostile model is played.
"""

import json
from dataclasses import dataclass, fields
from typing import Any

from sandbox.faults import BadOrder

TARGETS = ("anthropic", "openai", "ollama")


@dataclass
class ToolOrder:
    """The next `times` matching requests of `target` are answered by asking for `calls`, each {"name", "arguments"}.

    `arguments` is an object, or the very text that stands in its place. `match` is looked for as in faults; `text` is
    what the model says beside it. `after` lets that many matching requests pass first.
    """

    target: str
    calls: list[dict[str, Any]]
    times: int = 1
    match: str = ""
    text: str = ""
    after: int = 0

    @classmethod
    def from_order(cls, order: Any) -> "ToolOrder":
        """Raises BadOrder."""
        if not isinstance(order, dict) or set(order) - {f.name for f in fields(cls)}:
            raise BadOrder("an order is an object with target, calls, times, match, text, after")
        if order.get("target") not in TARGETS:
            raise BadOrder(f"target must be one of {', '.join(TARGETS)}")
        calls = order.get("calls")
        if not isinstance(calls, list) or not all(isinstance(call, dict) and "name" in call for call in calls):
            raise BadOrder("calls is a list of objects with name and arguments")
        return cls(**order)


@dataclass(frozen=True)
class Use:
    """One use of a tool as it is asked for; `arguments` is text, JSON or not."""

    name: str
    arguments: str

    @property
    def value(self) -> Any:
        """The arguments for a wire that carries objects only."""
        try:
            return json.loads(self.arguments)
        except (ValueError, RecursionError):
            return {"written": self.arguments}


def take(orders: list[ToolOrder], *, target: str, text: str) -> tuple[str, list[Use]]:
    """(what is said beside it, the uses) of the first order for this request. Changes `orders`; the caller holds the lock."""
    for order in orders:
        if order.target != target or order.match not in text:
            continue
        if order.after > 0:
            order.after -= 1
            return "", []
        order.times -= 1
        if order.times <= 0:
            orders.remove(order)
        return order.text, [Use(call["name"], written(call.get("arguments", {}))) for call in order.calls]
    return "", []


def written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)

"""Fixtures of work that is due at one client, and of faults outside."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.activities.models import Activity
from sandbox.faults import Fault
from sandbox.tool_use import ToolOrder
from tests.activities.work import ModelService, due_at, put_off, steps_of


@pytest.fixture
def drafts(db, sandbox) -> Iterator[list[Activity]]:
    """Two articles are due to be written, one after the other; in the client's scope."""
    with due_at("topics"):
        yield steps_of("copywriter")


@pytest.fixture
def draft(drafts) -> Activity:
    """The first of them, and nothing else is due."""
    put_off(drafts[1])
    return drafts[0]


@pytest.fixture
def publishing(db, sandbox) -> Iterator[list[Activity]]:
    """Two articles are due to be published; in the client's scope."""
    with due_at("client"):
        yield steps_of("publisher")


@pytest.fixture
def publish(publishing) -> Activity:
    """The first of them, and nothing else is due."""
    put_off(publishing[1])
    return publishing[0]


@pytest.fixture
def plan(sandbox) -> Callable[..., None]:
    """`plan("wordpress", "429", match=…)`: what goes wrong next."""

    def plan(target: str, fault: str, **more: Any) -> None:
        with sandbox.world.lock:
            sandbox.world.planned.append(Fault.from_order({"target": target, "fault": fault, **more}))

    return plan


@pytest.fixture
def order(sandbox) -> Callable[..., None]:
    """`order(CLAUDE, ("load_skill", {"name": …}))`: what the model asks for instead of answering."""

    def order(service: ModelService, *calls: tuple[str, Any], **more: Any) -> None:
        wanted = [{"name": name, "arguments": arguments} for name, arguments in calls]
        with sandbox.world.lock:
            sandbox.world.tool_orders.append(ToolOrder.from_order({"target": service.target, "calls": wanted, **more}))

    return order

"""`/_control/`: plan faults, read the log, hold and release requests, start again.

| request | body or query | answer |
|---|---|---|
| POST /_control/faults | one fault or a list, see faults.Fault | {"planned": [...]} |
| GET, DELETE /_control/faults | | {"planned": [...]}: what is left, or nothing |
| POST /_control/tools | one order or a list, see tool_use.ToolOrder | {"ordered": [...]} |
| DELETE /_control/tools | | {"ordered": []} |
| GET /_control/log | target, method, match, full=1; count=N&wait=S waits for N | {"log": [...]}, oldest first |
| POST /_control/hold | {"target", "stage": "received"/"recorded", "match", "times"} | {"armed": [...], "held": [...]} |
| GET /_control/held | count=N&wait=S waits until N requests are held | {"armed": [...], "held": [...]} |
| POST /_control/release | {"target", "id", "drop": true} all optional | {"released": N} |
| POST /_control/reset | | {"reset": true} |
"""

import json
from dataclasses import asdict
from typing import Any

from sandbox import faults, tool_use
from sandbox.wire import Request, Response, json_response
from sandbox.world import Hold, World

LONGEST_WAIT_SECONDS = 60.0
STAGES = ("received", "recorded")


def answer(world: World, request: Request) -> Response:
    action = request.path.removeprefix("/_control/").strip("/")
    route = ROUTES.get((request.method, action))
    if route is None:
        return json_response({"error": f"no {request.method} {request.path} here"}, status=404)
    try:
        return route(world, request)
    except (faults.BadOrder, TypeError, ValueError) as refusal:
        return json_response({"error": str(refusal)}, status=400)


def plan_faults(world: World, request: Request) -> Response:
    orders = request.json()
    planned = [faults.Fault.from_order(order) for order in (orders if isinstance(orders, list) else [orders])]
    with world.lock:
        world.planned.extend(planned)
    return show_faults(world, request)


def show_faults(world: World, request: Request) -> Response:
    with world.lock:
        return json_response({"planned": [asdict(fault) for fault in world.planned]})


def drop_faults(world: World, request: Request) -> Response:
    with world.lock:
        world.planned.clear()
    return show_faults(world, request)


def order_tools(world: World, request: Request) -> Response:
    orders = request.json()
    ordered = [tool_use.ToolOrder.from_order(order) for order in (orders if isinstance(orders, list) else [orders])]
    with world.lock:
        world.tool_orders.extend(ordered)
        return json_response({"ordered": [asdict(order) for order in world.tool_orders]})


def drop_tools(world: World, request: Request) -> Response:
    with world.lock:
        world.tool_orders.clear()
    return json_response({"ordered": []})


def show_log(world: World, request: Request) -> Response:
    wanted = {name: request.first(name) for name in ("target", "method", "match")}
    _wait(world, request, lambda: world.entries(**wanted))
    return json_response({"log": world.entries(**wanted, full=request.first("full") == "1")})


def arm_hold(world: World, request: Request) -> Response:
    order = request.json()
    hold = Hold(**order)
    if hold.target not in faults.TARGETS:
        raise faults.BadOrder(f"target must be one of {', '.join(faults.TARGETS)}")
    if hold.stage not in STAGES:
        raise faults.BadOrder(f"stage must be one of {', '.join(STAGES)}")
    with world.lock:
        world.holds.append(hold)
    return json_response(world.held_now())


def show_held(world: World, request: Request) -> Response:
    _wait(world, request, lambda: world.held_now()["held"])
    return json_response(world.held_now())


def release(world: World, request: Request) -> Response:
    order = _order(request)
    released = world.release(target=order.get("target", ""), held_id=order.get("id"), drop=bool(order.get("drop")))
    return json_response({"released": released})


def reset(world: World, request: Request) -> Response:
    world.reset()
    return json_response({"reset": True})


def _order(request: Request) -> dict[str, Any]:
    order = json.loads(request.body or b"{}")
    if not isinstance(order, dict):
        raise faults.BadOrder("an object is expected")
    return order


def _wait(world: World, request: Request, found: Any) -> None:
    """Wait until `found()` has the `count` items asked for, at most `wait` seconds."""
    if request.first("wait"):
        count = int(request.first("count", "1"))
        world.wait_until(lambda: len(found()) >= count, seconds=min(float(request.first("wait")), LONGEST_WAIT_SECONDS))


ROUTES = {
    ("POST", "faults"): plan_faults,
    ("GET", "faults"): show_faults,
    ("DELETE", "faults"): drop_faults,
    ("POST", "tools"): order_tools,
    ("DELETE", "tools"): drop_tools,
    ("GET", "log"): show_log,
    ("POST", "hold"): arm_hold,
    ("GET", "held"): show_held,
    ("POST", "release"): release,
    ("POST", "reset"): reset,
}

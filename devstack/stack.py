"""One stack per data folder: who holds it, what of it works already, and how it is built up."""

import fcntl
import json
import os
import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devstack import environment, ports, product, servers
from devstack.console import Trouble, step
from devstack.places import SCRIPTS, Places, programs
from devstack.ports import Block
from devstack.processes import Service, Supervisor, end_leftovers

OUTSIDE_SECONDS = 15  # that a server outside the stack gets to answer
STANDARD_PORTS = {
    "postgres": 5432,
    "postgresql": 5432,
    "mongodb": 27017,
    "http": 80,
    "https": 443,
    "redis": 6379,
    "rediss": 6379,
}


@dataclass(frozen=True)
class Running:
    """What the stack that holds the folder says of itself: its process, the parts it is to have, those that work."""

    pid: int
    planned: frozenset[str]
    working: frozenset[str]


class Hold:
    """The right to be this folder's stack; the kernel takes it back when the process ends, however it ends."""

    def __init__(self, places: Places, file: IO[str]) -> None:
        self._places = places
        self._file = file

    def tell(self, *, planned: set[str], working: set[str]) -> None:
        """Let other commands know: parts are `servers`, `sandbox` and `product`; none planned means leaving."""
        state = {"pid": os.getpid(), "planned": sorted(planned), "working": sorted(working)}
        self._places.keep(_state_file(self._places), json.dumps(state))

    def is_shared(self) -> bool:
        """Whether another command is attached right now."""
        with _open(self._places, "attached") as file:
            return not _lock(file, fcntl.LOCK_EX)

    def close(self) -> None:
        """Give the folder back."""
        _state_file(self._places).unlink(missing_ok=True)
        self._file.close()


def take(places: Places, *, planned: set[str]) -> Hold | None:
    """Hold the folder for a stack with the `planned` parts, or None when a running stack holds it."""
    file = _open(places, "lock")
    if not _lock(file, fcntl.LOCK_EX):
        file.close()
        return None
    hold = Hold(places, file)
    hold.tell(planned=planned, working=set())
    return hold


def running(places: Places) -> Running | None:
    """The state of the stack that holds the folder; None before it has said anything."""
    try:
        state = json.loads(_state_file(places).read_text())
    except FileNotFoundError:
        return None
    return Running(state["pid"], frozenset(state["planned"]), frozenset(state["working"]))


def attach(places: Places) -> IO[str] | None:
    """Keep a stack that only runs for another command from stopping before this one is done: close to let it go.

    None when the stack is looking at this very moment whether somebody is attached.
    """
    file = _open(places, "attached")
    if _lock(file, fcntl.LOCK_SH):
        return file
    file.close()
    return None


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state_file(places: Places) -> Path:
    return places.data / "stack.json"


def _open(places: Places, name: str) -> IO[str]:
    path = places.data / name
    file = path.open("a")
    places.give(path)
    return file


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first process starts."""

    block: Block
    variables: dict[str, str]
    servers: list[Service]
    outside: set[str]


def make_plan(places: Places) -> Plan:
    """Choose ports, settle the environment, find the programs. Ends what a killed stack left running."""
    end_leftovers(places.data, names=product.NAMES, patience=2)
    end_leftovers(places.data)
    block = ports.choose(places)
    kept = environment.kept_secrets(places)
    variables, outside = environment.settle(environment.generated(kept, block), os.environ)
    found = programs(places, names=set(servers.NAMES) - outside)
    services = servers.services(places, block, kept["SEED"], found)
    return Plan(block=block, variables=variables, servers=services, outside=outside)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment with the stack's variables, and the programs of the virtual environment first."""
    return {**os.environ, **variables, "PATH": f"{SCRIPTS}:{os.environ.get('PATH', os.defpath)}"}


def bring_up(supervisor: Supervisor, hold: Hold, places: Places, plan: Plan, *, parts: set[str]) -> None:
    """Start the planned `parts` (servers, sandbox, product) in order and say so as each works.

    Raises Trouble or Interrupted; what was started by then is the supervisor's to stop.
    """
    variables = child_environment(plan.variables)
    wait_for = list(plan.servers)
    if "sandbox" in parts:
        wait_for.append(product.sandbox(plan.block, variables))
    for service in wait_for:
        supervisor.start(service)
    for server in sorted(plan.outside):
        _wait_for_outside(supervisor, server, plan.variables)
    for service in wait_for:
        with step(service.title, detail=service.detail):
            supervisor.wait_until_ready(service)
    environment.write(places, plan.variables)
    hold.tell(planned=parts, working=parts - {"product"})
    if "product" in parts:
        product.prepare(supervisor, variables)
        serving = product.serving(places, plan.block, variables)
        for service in serving:
            supervisor.start(service)
        for service in serving:
            with step(service.title, detail=service.detail):
                supervisor.wait_until_ready(service)
        hold.tell(planned=parts, working=parts)


def _wait_for_outside(supervisor: Supervisor, server: str, variables: Mapping[str, str]) -> None:
    """See that somebody listens where the user said a server is. Its logins are checked by what uses them."""
    name = environment.SERVER_VARIABLES[server][0]
    place = listening_place(variables[name])
    if place is None:
        return
    shown = f"{place[0]}:{place[1]}"
    with step(f"{server} (outside)", detail=f"{shown}, from {name}"):
        for _ in range(OUTSIDE_SECONDS):
            try:
                return socket.create_connection(place, timeout=2).close()
            except OSError as error:
                last = error
            supervisor.pause(1)
        raise Trouble(f"{name} is set, but nobody answers at {shown} ({last}).")


def listening_place(url: str) -> tuple[str, int] | None:
    """Host and port of the first server a URL names; None where only DNS knows them (mongodb+srv)."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme.endswith("+srv"):
        return None
    first = urllib.parse.urlsplit(f"//{parts.netloc.rpartition('@')[2].split(',')[0]}")
    return first.hostname or "", first.port or STANDARD_PORTS.get(parts.scheme, 0)

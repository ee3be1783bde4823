"""`python -m devstack up | run | down`: the real servers from wheels, and the product on them."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO

from devstack import environment, product, stack
from devstack.console import Trouble, leave_stdout_alone, say, step
from devstack.places import CHECKOUT, Places, settle
from devstack.ports import HOST
from devstack.processes import Interrupted, Supervisor, end_leftovers

ATTACH_SECONDS = 300  # a first start on a loaded machine, its migrations included
DOWN_SECONDS = 100  # the product and four servers, each given its time
EVERYTHING = {"servers", "sandbox", "product"}


def up(places: Places, *, with_demo: bool, once: bool) -> int:
    """Serve the product until somebody stops it; with `once`, only until the demo has been walked."""
    supervisor, began, code = Supervisor(places), time.monotonic(), 0
    supervisor.listen()
    hold = _take_or_attach(places, supervisor, EVERYTHING)
    if not isinstance(hold, stack.Hold):
        with hold:
            return _beside_the_running_one(places, supervisor, once=once)
    try:
        plan = stack.make_plan(places)
        stack.bring_up(supervisor, hold, places, plan, parts=EVERYTHING)
        say(f"{time.monotonic() - began:7.1f} s  in all; serving")
        product.show_addresses(plan.variables, file=places.local / "env")
        if with_demo:
            code = product.demo(supervisor, stack.child_environment(plan.variables))
            say(f"The demo ended with code {code}." if code else "The demo is done.")
        if once:
            return code
        say(f"Serving until Ctrl-C. Logs: {places.logs}")
        while True:
            supervisor.watch()
    except Interrupted as asked:
        return 128 + asked.number if once else 0
    finally:
        _stop(supervisor, hold)


def _beside_the_running_one(places: Places, supervisor: Supervisor, *, once: bool) -> int:
    """`up` while this folder's stack runs: say where it is, or walk the demo against it."""
    variables = environment.read(places.local / "env")
    product.show_addresses(variables, file=places.local / "env")
    if once:
        return product.demo(supervisor, stack.child_environment(variables))
    say("It is running already; `make down` stops it.")
    return 0


def run(places: Places, command: list[str], *, parts: set[str]) -> int:
    """Run `command` on this folder's stack, which is started for it if none runs. The command's exit code."""
    supervisor = Supervisor(places)
    supervisor.listen()
    hold = _take_or_attach(places, supervisor, parts)
    if not isinstance(hold, stack.Hold):
        with hold:
            variables = stack.child_environment({**environment.read(places.local / "env"), **os.environ})
            return supervisor.hand_over_to(command, environment=variables)
    try:
        plan = stack.make_plan(places)
        stack.bring_up(supervisor, hold, places, plan, parts=parts)
        code = supervisor.hand_over_to(command, environment=stack.child_environment(plan.variables))
        hold.tell(planned=set(), working=set())  # nobody new may attach
        if not supervisor.asked_to_stop and hold.is_shared():
            say("Another command is attached to these servers; waiting for it.")
            while hold.is_shared():
                supervisor.watch()
        return code
    finally:
        _stop(supervisor, hold)


def _take_or_attach(places: Places, supervisor: Supervisor, parts: set[str]) -> stack.Hold | IO[str]:
    """The folder for ourselves, or a share of the stack that has it, once the wanted parts work."""
    deadline = time.monotonic() + ATTACH_SECONDS
    while (hold := stack.take(places, planned=parts)) is None:
        state = stack.running(places)
        if state and state.planned and not parts <= state.planned:
            raise Trouble(
                f"The stack of this folder (process {state.pid}) runs without {' and '.join(sorted(parts - state.planned))}: "
                "wait for it, or end it with `make down`."
            )
        if state and parts <= state.working and (share := stack.attach(places)) is not None:
            if (again := stack.running(places)) and parts <= again.working:  # not leaving since
                return share
            share.close()
        if time.monotonic() > deadline:
            raise Trouble(f"The stack of this folder was not ready within {ATTACH_SECONDS} s: see {places.logs}.")
        supervisor.pause(0.2)
    return hold


def down(places: Places) -> int:
    """Stop this folder's stack and wait until it is gone. Raises Trouble when it does not go."""
    asked: int | None = None
    deadline = time.monotonic() + DOWN_SECONDS
    with step("stopping"):
        while (hold := stack.take(places, planned=set())) is None:
            state = stack.running(places)
            if state and asked is None:
                asked = state.pid
                _ask_to_stop(asked)
            if time.monotonic() > deadline:
                raise Trouble(f"The stack (process {asked or 'unknown'}) is still there after {DOWN_SECONDS} s.")
            time.sleep(0.1)
        end_leftovers(places.data)
        hold.close()
    if asked is None:
        say("Nothing was running.")
    return 0


def _ask_to_stop(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return  # has just ended by itself
    except PermissionError:
        raise Trouble(f"The stack (process {pid}) was started by another user, who has to stop it.") from None


def _stop(supervisor: Supervisor, hold: stack.Hold) -> None:
    hold.tell(planned=set(), working=set())
    if supervisor.has_services:
        with step("stopping"):
            supervisor.stop()
    hold.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=CHECKOUT / ".local", help="where data and addresses are kept (%(default)s)"
    )
    commands = parser.add_subparsers(dest="name", required=True)
    serve = commands.add_parser("up", help="serve the product and walk the demo, until Ctrl-C")
    serve.add_argument("--no-demo", action="store_true", help="only serve")
    serve.add_argument(
        "--once", action="store_true", help="end with the demo's exit code; a running stack is used and left running"
    )
    attached = commands.add_parser("run", help="run a command on the running stack, or on one that is started for it")
    attached.add_argument("--sandbox", action="store_true", help="with the sandbox")
    attached.add_argument(
        "--serve", action="store_true", help="with the sandbox and the product, migrated and bootstrapped"
    )
    attached.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    commands.add_parser("down", help="stop the running stack of this folder")
    arguments = parser.parse_args()
    if arguments.name == "up" and arguments.once and arguments.no_demo:
        parser.error("--once runs the demo and ends: it does not go with --no-demo")
    if arguments.name == "run":
        arguments.command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
        if not arguments.command:
            parser.error("run what? python -m devstack run -- COMMAND …")
    return arguments


def main() -> int:
    """The exit code of the command line."""
    arguments = _arguments()
    _stay_off_proxies()
    os.umask(0o022)  # programs and folders have to be open to the servers' user; secrets get their own mode
    try:
        places = settle(arguments.folder.resolve())
        match arguments.name:
            case "up":
                return up(places, with_demo=not arguments.no_demo, once=arguments.once)
            case "run":
                leave_stdout_alone()
                parts = {"servers", "sandbox"} if arguments.sandbox else {"servers"}
                return run(places, arguments.command, parts=EVERYTHING if arguments.serve else parts)
            case _:
                return down(places)
    except Trouble as trouble:
        say(str(trouble))
        return 1
    except Interrupted as asked:
        return 128 + asked.number


def _stay_off_proxies() -> None:
    """Neither this process nor its children may ask a proxy for what listens on this machine."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, [given, HOST, "localhost"]))


if __name__ == "__main__":
    sys.exit(main())

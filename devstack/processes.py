"""Child processes: started, watched, started again when they die, stopped in order."""

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.console import ANOTHER_WAY, Trouble, say
from devstack.places import Places

MARK = "LEADMETRICS_DEVSTACK"  # in the environment of every child: "<data folder>:<name>"
READY_SECONDS = 60
STOP_SECONDS = 20  # mongod once took 12
QUICK_DEATHS = 5
QUICK_SECONDS = 60
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)  # loaded before any fork: a child may not load libraries safely


class Interrupted(Exception):
    """Somebody asked this process to end. `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(frozen=True)
class Service:
    """A process that is to run as long as the stack does.

    `ready` raises until the process does its work; `user` holds Popen keywords; `tier` orders stopping: the highest
    goes first, services of one tier go together. `hints` adds a sentence to what an exit code says. `prepare` comes before each start, `tidy` after the last stop.
    """

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    tier: int
    ready: Callable[[], None] = lambda: None
    detail: str = ""
    user: Mapping[str, Any] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    hints: Mapping[int, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    tidy: Callable[[], None] = lambda: None


@dataclass
class _Running:
    service: Service
    process: subprocess.Popen
    deaths: list[float] = field(default_factory=list)


class Supervisor:
    """The services of one stack. Everything happens in one thread: a child's death signal is bound to it."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._running: dict[str, _Running] = {}
        self._asked: int | None = None
        self._stopping = False

    def listen(self) -> None:
        """From now on Ctrl-C, SIGTERM and a vanishing terminal end in Interrupted at the next pause."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asked for silence
                signal.signal(number, self._remember)

    def _remember(self, number: int, _frame: object) -> None:
        self._asked = self._asked or number

    @property
    def asked_to_stop(self) -> int | None:
        """The first signal that asked for the end, if one did."""
        return self._asked

    @property
    def has_services(self) -> bool:
        return bool(self._running)

    def pause(self, seconds: float = 0.1) -> None:
        """Sleep a moment; raises Interrupted once a signal has come."""
        time.sleep(seconds)
        if self._asked and not self._stopping:
            raise Interrupted(self._asked)

    def log(self, name: str) -> Path:
        return self._places.logs / f"{name}.log"

    def start(self, service: Service) -> None:
        """Start it; `wait_until_ready` says when it works."""
        self.log(service.name).write_bytes(b"")
        self._running[service.name] = _Running(service, self._launch(service))

    def _launch(self, service: Service) -> subprocess.Popen:
        service.prepare()
        environment = {**service.environment, MARK: f"{self._places.data}:{service.name}"}
        with self.log(service.name).open("ab") as log:
            self._places.give(self.log(service.name))
            return launch(
                service.command,
                environment=environment,
                folder=service.folder,
                death_signal=service.stop_signal,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **service.user,
            )

    def wait_until_ready(self, service: Service) -> None:
        """Return once the service works. Raises Trouble with the end of its log when it ends or takes too long."""
        last: Exception | None = None
        process, deadline = self._running[service.name].process, time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if (code := process.poll()) is not None:
                raise Trouble(
                    f"{service.title} {ended(code)}.{service.hints.get(code, '')}\n{self._tail(service.name)}"
                )
            try:
                return service.ready()
            except Trouble:
                raise
            except Exception as error:
                last = error
            self.pause()
        raise Trouble(f"{service.title} was not ready within {READY_SECONDS} s: {last}\n{self._tail(service.name)}")

    def watch(self) -> None:
        """Start again what has died. Raises Trouble when one service keeps dying, Interrupted when asked to end."""
        for running in self._running.values():
            if (code := running.process.poll()) is None:
                continue
            service, now = running.service, time.monotonic()
            running.deaths = [*(death for death in running.deaths if now - death < QUICK_SECONDS), now]
            if len(running.deaths) >= QUICK_DEATHS:
                raise Trouble(
                    f"{service.title} {ended(code)}, {QUICK_DEATHS} times within {QUICK_SECONDS} s; stopping.\n"
                    f"{self._tail(service.name)}"
                )
            say(f"  {service.title} {ended(code)}; starting it again (log: {self.log(service.name)})")
            end_leftovers(self._places.data, names={service.name}, patience=0)
            self.pause(0.2 * len(running.deaths))
            running.process = self._launch(service)
        self.pause(0.2)

    def run(self, name: str, command: list[str], *, environment: Mapping[str, str], folder: Path) -> None:
        """Run one command to its end, its output kept in a log. Raises Trouble with the log's end when it fails."""
        with self.log(name).open("wb") as log:
            self._places.give(self.log(name))
            code = self._attend(command, environment=environment, folder=folder, stdout=log, stderr=log)
        if code:
            raise Trouble(f"{' '.join(command[1:3])} {ended(code)}.\n{self._tail(name)}")

    def show(self, command: list[str], *, environment: Mapping[str, str], folder: Path) -> int:
        """Run one command with its output on the screen and answer its exit code."""
        return self._attend(command, environment=environment, folder=folder)

    def _attend(self, command: list[str], **options: Any) -> int:
        """Watch over the services while the command runs; whatever interrupts that ends the command too."""
        process = launch(
            command, death_signal=signal.SIGTERM, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
        try:
            while process.poll() is None:
                self.watch()
        except BaseException:
            end(process, signal.SIGTERM, seconds=10)
            raise
        return process.returncode

    def hand_over_to(self, command: list[str], *, environment: Mapping[str, str]) -> int:
        """Run the user's own command in the foreground and answer its exit code, as a shell counts it.

        It keeps the terminal, so Ctrl-C reaches it directly: it gets time to clean up before it is told again.
        """
        try:
            process = launch(command, environment=environment, folder=None, death_signal=signal.SIGTERM)
        except OSError as error:
            say(f"{command[0]}: {error.strerror}")
            return 127
        try:
            while process.poll() is None:
                self.watch()
        except BaseException as reason:
            typed = isinstance(reason, Interrupted) and reason.number == signal.SIGINT
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS if typed else 0)
            end(process, signal.SIGTERM, seconds=10)
            if not isinstance(reason, Interrupted):
                raise
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def stop(self) -> None:
        """Stop every service, the records of truth last. Further signals change nothing about the order."""
        self._stopping = True
        for tier in sorted({running.service.tier for running in self._running.values()}, reverse=True):
            leaving = [running for running in self._running.values() if running.service.tier == tier]
            for running in leaving:
                _send(running.process, running.service.stop_signal)
            deadline = time.monotonic() + STOP_SECONDS
            for running in leaving:
                try:
                    running.process.wait(max(0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    say(f"  {running.service.title} did not stop within {STOP_SECONDS} s and is killed")
                    os.killpg(running.process.pid, signal.SIGKILL)
                    running.process.wait()
        end_leftovers(self._places.data, patience=0)
        for running in self._running.values():
            running.service.tidy()
        self._running.clear()

    def _tail(self, name: str) -> str:
        path = self.log(name)
        lines = path.read_text(errors="replace").splitlines()[-25:]
        return "\n".join([f"--- the end of {path}", *lines, "---"])


def launch(
    command: list[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None,
    death_signal: signal.Signals,
    **options: Any,
) -> subprocess.Popen:
    """Start a child that gets `death_signal` when this process ends, even by kill -9.

    Raises OSError when the program is missing, or Trouble when it is one for another machine. The function that
    runs in the child only makes two system calls, so threads of the database clients cannot have locked it out.
    """
    parent = os.getpid()

    def in_the_child() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it ended before the line above: nobody would tell this child any more
            os._exit(1)

    try:
        return subprocess.Popen(command, env=environment, cwd=folder, preexec_fn=in_the_child, **options)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            raise Trouble(f"{command[0]} is no program for this machine. {ANOTHER_WAY}") from None
        raise


def end(process: subprocess.Popen, number: signal.Signals, *, seconds: float) -> None:
    """Ask a process to end, and insist after `seconds`."""
    _send(process, number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _send(process: subprocess.Popen, number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def leftovers(data: Path, *, names: Collection[str] | None = None) -> dict[int, str]:
    """Processes of the stack kept in `data` that run without a supervisor: process id to service name.

    Children are known by the mark in their environment. PostgreSQL's own children write their titles over it, so
    they are known by working in the database's folder.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            owner = _mark(folder) or (str(data), "postgres" if _serves(folder, data / "postgres") else "")
            if owner[0] == str(data) and owner[1] and (names is None or owner[1] in names):
                found[int(folder.name)] = owner[1]
    return found


def _mark(process: Path) -> tuple[str, str] | None:
    for line in (process / "environ").read_bytes().split(b"\0"):
        if line.startswith(f"{MARK}=".encode()):
            data, _, name = line.decode().removeprefix(f"{MARK}=").rpartition(":")
            return data, name
    return None


def _serves(process: Path, folder: Path) -> bool:
    return (process / "comm").read_text().strip() == "postgres" and (process / "cwd").readlink() == folder


def end_leftovers(data: Path, *, names: Collection[str] | None = None, patience: float = STOP_SECONDS) -> None:
    """Wait `patience` seconds for leftover processes, which their death signal told to leave, then kill them.

    A server started beside its former self would find its data locked, or would spoil it.
    """
    deadline = time.monotonic() + patience
    while remaining := leftovers(data, names=names):
        late = time.monotonic() - deadline
        if late > 10:
            listed = ", ".join(f"{service} ({pid})" for pid, service in remaining.items())
            raise Trouble(f"Left from an earlier run and not to be ended: {listed}.")
        if late >= 0:
            for pid in remaining:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)

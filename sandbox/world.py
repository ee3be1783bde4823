"""Everything the rehearsal world remembers, in memory, behind one lock."""

import itertools
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox import faults, tool_use
from sandbox.wire import Request

LOG_LIMIT = 20_000  # entries kept; the oldest go first
BODY_SUMMARY_CHARACTERS = 600
BODY_KEPT_CHARACTERS = 400_000
ULID = re.compile(r"(?<![0-9A-Za-z])[0-7][0-9A-HJKMNP-TV-Z]{25}(?![0-9A-Za-z])")
MARKERS = (
    re.compile(r"<!--\s*[\w.-]+\s*[:=]\s*([\w.:-]+?)\s*-->"),
    re.compile(r'data-marker=\\?["\']([^"\'\\]+)'),
    re.compile(r'"[\w-]*marker"\s*:\s*"([^"]+)"', re.IGNORECASE),
    ULID,
)


@dataclass
class Hold:
    """Stop the next `times` requests of `target` at `stage` ("received" or "recorded")."""

    target: str
    stage: str
    match: str = ""
    times: int = 1


@dataclass
class Held:
    id: int
    target: str
    stage: str
    method: str
    path: str
    since: str
    log: int
    decision: str = ""  # "", "go" or "drop"


@dataclass
class World:
    """`url` is the base address of this process; `pace` the seconds between two pieces of a streamed answer."""

    url: str = ""
    seed: int = 7
    pace: float = 0.02
    lock: threading.RLock = field(default_factory=threading.RLock)
    planned: list[faults.Fault] = field(default_factory=list)
    tool_orders: list[tool_use.ToolOrder] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    wordpress: dict[str, Any] = field(default_factory=dict)
    cached_prompts: set[str] = field(default_factory=set)
    numbers: dict[str, Any] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.lock)

    def next_number(self, kind: str) -> int:
        with self.lock:
            return next(self.numbers.setdefault(kind, itertools.count(1)))

    def reset(self) -> None:
        """Forget everything; whatever sleeps or is held ends without an answer."""
        with self.lock:
            self.over.set()
            self.over = threading.Event()
            for held in self.held:
                held.decision = "drop"
            for remembered in (
                self.planned,
                self.tool_orders,
                self.holds,
                self.log,
                self.mails,
                self.wordpress,
                self.cached_prompts,
                self.numbers,
            ):
                remembered.clear()
            self.changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait, unless the world is reset or stopped meanwhile."""
        self.over.wait(seconds)

    def accept(
        self, *, target: str, method: str, line: str, body: str, signed_in: bool, marker: str = ""
    ) -> dict[str, Any]:
        """Write down a request of an outside system. The returned entry is filled further with `note`."""
        with self.lock:
            entry = {
                "n": self.next_number("log"),
                "target": target,
                "method": method,
                "path": line,
                "at": now_text(),
                "body": body[:BODY_KEPT_CHARACTERS],
                "credentials": signed_in,
                "marker": marker or marker_in(body),
                "fault": None,
                "status": None,
                "recorded": None,
                "answered": None,
            }
            self.log.append(entry)
            del self.log[:-LOG_LIMIT]
            self.changed.notify_all()
            return entry

    def note(self, entry: dict[str, Any], **facts: Any) -> None:
        with self.lock:
            entry.update(facts)
            self.changed.notify_all()

    def take_fault(self, entry: dict[str, Any]) -> faults.Fault | None:
        with self.lock:
            fault = faults.take(self.planned, target=entry["target"], text=text_of(entry))
            entry["fault"] = fault.fault if fault else None
            return fault

    def take_tools(self, target: str, request: Request) -> tuple[str, list[tool_use.Use]]:
        """What this model asks for instead of answering, and what it says beside it; usually nothing."""
        with self.lock:
            text = f"{request.method} {request.line}\n{request.text()}"
            return tool_use.take(self.tool_orders, target=target, text=text)

    def pause(self, entry: dict[str, Any], stage: str) -> str:
        """Wait here if a hold asks for it. Returns "go", or "drop" when the connection is to end without an answer."""
        with self.lock:
            hold = next(
                (
                    hold
                    for hold in self.holds
                    if hold.target == entry["target"] and hold.stage == stage and hold.match in text_of(entry)
                ),
                None,
            )
            if hold is None:
                return "go"
            hold.times -= 1
            if hold.times <= 0:
                self.holds.remove(hold)
            held = Held(
                self.next_number("held"), entry["target"], stage, entry["method"], entry["path"], now_text(), entry["n"]
            )
            self.held.append(held)
            self.changed.notify_all()
            self.changed.wait_for(lambda: held.decision)
            self.held.remove(held)
            self.changed.notify_all()
            return held.decision

    def release(self, *, target: str = "", held_id: int | None = None, drop: bool = False) -> int:
        """Let held requests go on (or drop them) and disarm the target's waiting holds. Returns how many were held."""
        with self.lock:
            if held_id is None:
                self.holds[:] = [hold for hold in self.holds if target and hold.target != target]
            chosen = [
                held
                for held in self.held
                if not held.decision and (not target or held.target == target) and held_id in (None, held.id)
            ]
            for held in chosen:
                held.decision = "drop" if drop else "go"
            self.changed.notify_all()
            return len(chosen)

    def held_now(self) -> dict[str, list[dict[str, Any]]]:
        with self.lock:
            return {
                "armed": [asdict(hold) for hold in self.holds],
                "held": [asdict(held) for held in self.held if not held.decision],
            }

    def entries(
        self, *, target: str = "", method: str = "", match: str = "", full: bool = False
    ) -> list[dict[str, Any]]:
        """Copies of log entries, oldest first. Bodies are shortened unless `full`."""
        with self.lock:
            chosen = [
                dict(entry)
                for entry in self.log
                if target in ("", entry["target"]) and method in ("", entry["method"]) and match in text_of(entry)
            ]
        for entry in chosen:
            if not full:
                entry["body"] = entry["body"][:BODY_SUMMARY_CHARACTERS]
        return chosen

    def wait_until(self, happened: Callable[[], Any], *, seconds: float) -> bool:
        """Wait for something to become true of this world; used by control requests that carry `wait`."""
        deadline = time.monotonic() + seconds
        with self.lock:
            return bool(self.changed.wait_for(happened, timeout=max(0.0, deadline - time.monotonic())))


def text_of(entry: dict[str, Any]) -> str:
    """What `match` is looked for in."""
    return f"{entry['method']} {entry['path']}\n{entry['body']}"


def marker_in(body: str) -> str:
    """The sender's own mark in a body: an HTML comment `name:value`, a data-marker, a field "…marker", or a ULID."""
    for pattern in MARKERS:
        found = pattern.search(body)
        if found:
            return found.group(found.re.groups)
    return ""


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

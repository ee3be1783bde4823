"""Where a process can be caught in the middle of its work, from outside: a request that the rehearsal holds, or a row
or table that somebody else has locked, which the next statement about it waits for. Nothing in the product knows of them.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.chaos.processes import Worker

BLOCKED = """
SELECT DISTINCT application_name FROM pg_stat_activity
 WHERE datname = %s AND wait_event_type = 'Lock' AND pg_blocking_pids(pid) && %s::int[]
"""


@dataclass(frozen=True)
class Request:
    """The next request of this kind stops: `received` before it has any effect, `recorded` before it is answered."""

    name: str
    target: str
    stage: str
    match: str = ""


@dataclass(frozen=True)
class Locked:
    """The next statement that writes to this table waits; with `mode` EXCLUSIVE also one that locks a row of it.

    With `everybody` all who work are in it as soon as anybody waits: what they wait for is done by another process.
    """

    name: str
    table: str
    mode: str = "SHARE"
    everybody: bool = False


Snare = Request | Locked


@dataclass
class Snares:
    """Those that are laid at the moment."""

    chaos: Any
    laid: dict[Snare, Any] = field(default_factory=dict)

    def lay(self, snare: Snare) -> bool:
        """False where the table is too busy to be locked at this moment."""
        if snare in self.laid:
            return True
        if isinstance(snare, Request):
            self.chaos.hold(snare.target, snare.stage, snare.match)
            self.laid[snare] = None
            return True
        connection = psycopg.connect(self.chaos.owner_url, options="-c lock_timeout=500")
        try:
            connection.execute(f"LOCK TABLE {snare.table} IN {snare.mode} MODE")
        except psycopg.errors.LockNotAvailable:
            connection.close()
            return False
        self.laid[snare] = connection
        return True

    def caught(self, snare: Snare) -> list[Worker]:
        """Who is in it. A held request does not say whose it is: then it is all who work."""
        everybody = [worker for worker in self.chaos.workers if worker.what == "worker"]
        if isinstance(snare, Request):
            return everybody if self._holds(snare) else []
        pid = self.laid[snare].info.backend_pid
        names = {name for (name,) in self.chaos.ask(BLOCKED, self.chaos.database, [pid])}
        if snare.everybody:
            return everybody if names else []
        return [worker for worker in self.chaos.workers if worker.name in names]

    def _holds(self, snare: Request) -> bool:
        world = self.chaos.sandbox.world
        numbers = {one["log"] for one in world.held_now()["held"] if one["stage"] == snare.stage}
        return bool(numbers) and any(
            entry["n"] in numbers for entry in world.entries(target=snare.target, match=snare.match)
        )

    def lift(self, snare: Snare, *, drop: bool = True) -> None:
        """Whoever waits in it goes on, or with `drop` gets no answer."""
        connection = self.laid.pop(snare)
        if connection is not None:
            connection.close()
        else:  # other snares of this target are laid anew
            self.chaos.sandbox.world.release(target=snare.target, drop=drop)
            for other in [one for one in self.laid if isinstance(one, Request) and one.target == snare.target]:
                self.chaos.hold(other.target, other.stage, other.match)

    def lift_all(self) -> None:
        for snare in list(self.laid):
            self.lift(snare)

    def wait(self, seconds: float, *, meanwhile) -> tuple[Snare, list[Worker]] | None:
        """The first snare that caught somebody, and whom; None when nobody came by in this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for snare in self.laid:
                if found := self.caught(snare):
                    return snare, found
            meanwhile()
            time.sleep(0.02)
        return None

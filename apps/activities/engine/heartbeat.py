"""A small process beside each worker that keeps its leases alive, also while Python or a C call blocks the worker.

It reads `hold <activity id> <attempt>` and `drop` from its standard input, and renews the held lease every
HEARTBEAT_SECONDS in the database's own time. It is in the worker's process group, so a frozen group stops beating, and
it ends with the worker: by the closed pipe, or by PR_SET_PDEATHSIG after a kill -9.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time

RENEW = """
UPDATE activity_leases SET heartbeat_on = now(), expires_on = now() + %s * interval '1 second'
 WHERE activity_id = %s AND attempt = %s AND expires_on IS NOT NULL
"""
PR_SET_PDEATHSIG = 1


class Heartbeat:
    """The worker's end of the pipe; the process is started on first use, which is after any fork."""

    def __init__(self, *, database_url: str, lease_seconds: float, beat_seconds: float):
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "LEASE_SECONDS": str(lease_seconds),
            "HEARTBEAT_SECONDS": str(beat_seconds),
        }
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE, env=environment, text=True, bufsize=1
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def hold(self, activity_id, attempt: int) -> None:
        self._say(f"hold {activity_id} {attempt}\n")

    def drop(self) -> None:
        self._say("drop\n")

    def stop(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=5)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()


def main() -> None:
    import psycopg  # only here: the worker's side must not load a second driver state

    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # the worker died before the line above
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which drains first
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    lease, beat = float(os.environ["LEASE_SECONDS"]), float(os.environ["HEARTBEAT_SECONDS"])
    connection, held, pending, is_failing = None, None, b"", False
    next_beat = time.monotonic()
    while True:
        wait: float | None = max(0.0, next_beat - time.monotonic()) if held else None
        ready, _, _ = select.select([0], [], [], wait)
        if ready:
            read = os.read(0, 4096)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                verb, *rest = line.decode().split()
                held = (rest[0], int(rest[1])) if verb == "hold" else None
                next_beat = time.monotonic() + beat  # the claim itself gave a full lease
            continue
        if held and time.monotonic() >= next_beat:
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(
                        os.environ["DATABASE_URL"],
                        autocommit=True,
                        connect_timeout=3,
                        prepare_threshold=None,  # PgBouncer hands the connection on after each statement
                    )
                connection.execute(RENEW, (lease, *held))
                next_beat, is_failing = time.monotonic() + beat, False
            except psycopg.Error as error:  # PostgreSQL is away: try again soon; without it nobody can take the lease
                if not is_failing:  # a line for each outage; the text of an error may hold addresses
                    told = {"event": "heartbeat.failed", "level": "warning", "activity": held[0]}
                    sys.stderr.write(json.dumps({**told, "cause": type(error).__name__}) + "\n")
                connection, is_failing = None, True
                next_beat = time.monotonic() + min(beat, 1.0)


if __name__ == "__main__":
    main()

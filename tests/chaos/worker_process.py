"""A warm process that forks the product's processes, so that a kill costs milliseconds and not the seconds of a start.

`start <database> <what>` on its standard input forks one, leader of a process group of its own, and answers with its pid;
`ended <pid>` answers "yes" or "no". A worker does what a worker of the product does: it works off what is due, makes
deliveries and sweeps, until it gets SIGTERM. A beat does what has a rhythm, a plan plans once. Nothing in the product
knows of this.
"""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

import django

PR_SET_PDEATHSIG = 1


def use(database: str) -> None:
    from django.conf import settings
    from django.db import connections

    settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = database


def until_asked_to_stop(look: Callable[[], None]) -> None:
    from django.db import DatabaseError, connections

    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    while not asked_to_stop:
        try:
            look()
        except DatabaseError as error:  # a task of Celery fails and the next bell finds the database back
            print(f"process {os.getpid()}: {type(error).__name__}", file=sys.stderr, flush=True)
            connections.close_all()
            time.sleep(0.2)


def work() -> None:
    """What `celery worker` makes of the bells, and `celery beat` of the sweeps, in one loop."""
    from django.conf import settings

    from apps.activities import tasks
    from apps.activities.engine import worker
    from apps.tenants.doors.tasks import deliver

    next_sweep = 0.0

    def look() -> None:
        nonlocal next_sweep
        if time.monotonic() >= next_sweep:
            tasks.sweep()
            next_sweep = time.monotonic() + settings.SWEEP_SECONDS
        if not worker.work(limit=1) + deliver():
            time.sleep(0.05)

    until_asked_to_stop(look)
    worker.stop_heartbeat()


def beat() -> None:
    """What is rung by the hour or the quarter of an hour, again and again."""
    from apps.activities import tasks

    def look() -> None:
        tasks.plan_periods()
        tasks.spawn_recurring()
        time.sleep(0.2)

    until_asked_to_stop(look)


def plan() -> None:
    from apps.activities import tasks

    tasks.plan_periods()


KINDS = {"worker": work, "beat": beat, "plan": plan}


def main() -> None:
    django.setup()
    import anthropic  # noqa: F401  (two seconds, once for all workers)

    from apps.shared import journal

    journal.reactions.bell = lambda name: None  # the loop looks by itself; the real bell has a test of its own
    for line in sys.stdin:
        verb, argument, *rest = line.split()
        if verb == "start":
            if (pid := os.fork()) == 0:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no worker outlives the tests
                os.setsid()
                os.close(0)
                what = (rest or ["worker"])[0]
                os.environ["PGAPPNAME"] = f"{what}-{os.getpid()}"
                use(argument)
                try:
                    KINDS[what]()
                except Exception:
                    traceback.print_exc()
                finally:
                    os._exit(0)
            answer = str(pid)
        else:
            answer = "yes" if _has_ended(int(argument)) else "no"
        print(answer, flush=True)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


if __name__ == "__main__":
    main()

"""A warm process that forks real workers, so that a kill costs milliseconds and not the seconds of a start.

`start <database>` on its standard input forks a worker, leader of a process group of its own, and answers with its
pid; `ended <pid>` answers "yes" or "no". A worker does what a worker of the product does: it works off what is due,
makes deliveries and sweeps, until it gets SIGTERM. Nothing in the product knows of this.
"""

import ctypes
import os
import signal
import sys
import time

import django

PR_SET_PDEATHSIG = 1


def serve(database: str) -> None:
    """What `celery worker` and `celery beat` make of the product's tasks, in one loop."""
    from django.conf import settings
    from django.db import DatabaseError, connections

    from apps.activities import tasks
    from apps.activities.engine import worker
    from apps.tenants.doors.tasks import deliver

    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = database
    next_sweep = 0.0
    while not asked_to_stop:
        try:
            if time.monotonic() >= next_sweep:
                tasks.sweep()
                next_sweep = time.monotonic() + settings.SWEEP_SECONDS
            if not worker.work(limit=1) + deliver():
                time.sleep(0.05)
        except DatabaseError as error:  # a task of Celery fails and the next bell finds the database back
            print(f"worker {os.getpid()}: {type(error).__name__}", file=sys.stderr, flush=True)
            connections.close_all()
            time.sleep(0.2)
    worker.stop_heartbeat()


def main() -> None:
    django.setup()
    import anthropic  # noqa: F401  (two seconds, once for all workers)

    from apps.shared import journal

    journal.reactions.bell = lambda name: None  # the loop looks by itself; the real bell has a test of its own
    for line in sys.stdin:
        verb, argument = line.split()
        if verb == "start":
            if (pid := os.fork()) == 0:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no worker outlives the tests
                os.setsid()
                os.close(0)
                serve(argument)
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

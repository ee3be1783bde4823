"""Working off what is due, here and now, without a broker."""

from apps.activities import tasks
from apps.activities.engine import worker
from apps.tenants.doors.commands import RepeatedCommand


class Command(RepeatedCommand):
    help = (
        "Make the recurring tasks that are due, then claim and work off due activities until none is left. Beside a running worker it is one more worker: nothing is done "
        "twice. Killed, its work is given back when the lease runs out."
    )
    every = "SWEEP_SECONDS"

    def stop(self) -> None:
        super().stop()
        worker.drain()

    def round(self, *, is_first: bool) -> str:
        done, made = 0, tasks.spawn_recurring()
        try:
            while worked := worker.work(limit=1):
                done += worked
                self.show(f"{done} worked on")
        finally:
            worker.stop_heartbeat()
        spawned = f"{made} recurring task{'' if made == 1 else 's'} made, " if made else ""
        return f"{spawned}{done} activit{'y' if done == 1 else 'ies'} worked on."

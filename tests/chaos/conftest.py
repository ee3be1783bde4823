"""A database of one's own, a rehearsal world, real workers, and a tally of what became of the disturbances."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone

from apps.activities import operations as work
from apps.activities import queries
from apps.activities.models import Activity
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant
from apps.tenants.models import Tenant, User
from sandbox.world import Hold
from tests.chaos import checking
from tests.chaos.processes import Nursery, Worker
from tests.conftest import World
from tests.world import decide_all

REST_SECONDS = 60.0
RECLAIM_SECONDS = 60.0  # promised until the work of a dead worker runs again
KILLS = int(os.environ.get("KILLS", "100"))  # at least so many over the month of all kinds of work, in test_month.py


@dataclass
class Tally:
    """What the whole tier did and saw, told at its end."""

    kills: int = 0
    freezes: int = 0
    activities: int = 0
    published: int = 0
    lost: int = 0
    double: int = 0
    reclaims: list[float] = field(default_factory=list)


TALLY = Tally()


def pytest_terminal_summary(terminalreporter) -> None:
    slowest = f"{max(TALLY.reclaims):.1f} s" if TALLY.reclaims else "none"
    terminalreporter.write_line(
        f"chaos: {TALLY.kills} kills, {TALLY.freezes} freezes, {TALLY.activities} activities completed, "
        f"{TALLY.published} posts published: {TALLY.lost} lost, {TALLY.double} double, slowest reclaim {slowest}"
    )


@pytest.fixture(scope="session")
def nursery(template_database) -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def address_of(alias: str, database: str) -> str:
    params = settings.DATABASES[alias]
    return f"postgresql://{params['USER']}:{params['PASSWORD']}@{params['HOST']}:{params['PORT']}/{database}"


class Chaos:
    """The levers of a test: workers, holds, row locks; and waiting for what is bound to happen."""

    def __init__(self, database: str, sandbox, nursery: Nursery):
        self.database, self.sandbox, self.nursery = database, sandbox, nursery
        self.world, self.workers = World(), []
        self._url, self.owner_url = (address_of(alias, database) for alias in ("default", "migrator"))
        self._eye = psycopg.connect(
            self._url, autocommit=True
        )  # also keeps others from dropping the database as unused
        self._orphans: dict[tuple, float] = {}
        self._began, self._completed, self._published = timezone.now(), self._count_completed(), 0

    def start(self, what: str = "worker") -> Worker:
        worker = self.nursery.start(self.database, what)
        self.workers.append(worker)
        return worker

    def kill(self, *workers: Worker) -> float:
        """Kill these groups; the moment of the last, by the monotonic clock."""
        for worker in workers:
            moment = worker.kill()
            self.workers.remove(worker)
            TALLY.kills += 1
        return moment

    def remember_work_of(self, worker: Worker) -> None:
        """What the dead worker was at; from here on somebody calls `note_reclaims` again and again."""
        held = "SELECT activity_id, attempt FROM activity_leases WHERE worker LIKE %s AND expires_on IS NOT NULL"
        self._orphans |= {lease: time.monotonic() for lease in self.ask(held, f"%:{worker.pid}")}

    def note_reclaims(self) -> None:
        """Which of it another attempt has taken over since, or a person."""
        if not self._orphans:
            return
        statement = (
            "SELECT a.id, l.attempt, a.status FROM activity_leases l JOIN activities a ON a.id = l.activity_id"
            " WHERE a.id = ANY(%s)"
        )
        now = {row[0]: row[1:] for row in self.ask(statement, [activity for activity, _ in self._orphans])}
        for (activity, attempt), since in list(self._orphans.items()):
            if now[activity][0] > attempt or now[activity][1] not in ("in_progress", "assigned"):
                TALLY.reclaims.append(time.monotonic() - since)
                del self._orphans[activity, attempt]

    def count_kill(self) -> None:
        TALLY.kills += 1

    def freeze(self, worker: Worker) -> float:
        worker.freeze()
        TALLY.freezes += 1
        return time.monotonic()

    def close(self) -> None:
        self.sandbox.world.reset()
        for worker in self.workers:
            worker.kill()
        self._eye.close()

    def ask(self, statement: str, *values: Any) -> list[tuple]:
        return self._eye.execute(statement, values).fetchall()

    def until(self, happened: Callable[[], Any], what: str, *, seconds: float = 30.0) -> Any:
        """Wait for something other processes do; fails with `what` when it does not come."""
        deadline = time.monotonic() + seconds
        while not (found := happened()):
            assert time.monotonic() < deadline, f"Not within {seconds:.0f} s: {what}"
            time.sleep(0.02)
        return found

    def hold(self, target: str, stage: str, match: str = "", times: int = 1) -> None:
        with self.sandbox.world.lock:
            self.sandbox.world.holds.append(Hold(target, stage, match, times))

    def until_held(self, count: int = 1) -> list[dict]:
        held = self.sandbox.world.held_now
        assert self.sandbox.world.wait_until(lambda: len(held()["held"]) >= count, seconds=30), "Nothing was held."
        return held()["held"]

    def release(self, *, drop: bool = False) -> None:
        self.sandbox.world.release(drop=drop)

    @contextmanager
    def row_locked(self, table: str, row_id) -> Iterator[None]:
        """Somebody else's transaction holds this row."""
        with psycopg.connect(self._url) as other:
            assert other.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", [row_id]).fetchone()
            yield
            other.rollback()

    def until_blocked(self) -> None:
        """A worker's statement waits for a row lock."""
        statement = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND state = 'active'"
        )
        self.until(lambda: self.ask(statement, self.database), "a worker waits for the row")

    def attempt_of(self, activity_id) -> int:
        return next(
            (
                attempt
                for (attempt,) in self.ask("SELECT attempt FROM activity_leases WHERE activity_id = %s", activity_id)
            ),
            0,
        )

    def status_of(self, activity_id) -> str:
        ((status,),) = self.ask("SELECT status FROM activities WHERE id = %s", activity_id)
        return status

    def run_of(self, activity_id, *, attempt: int) -> str:
        """ref_id of the run of this attempt; '' before it is claimed."""
        statement = "SELECT ref_id FROM activity_runs WHERE activity_id = %s AND attempt = %s"
        return next((ref_id for (ref_id,) in self.ask(statement, activity_id, attempt)), "")

    def until_reclaimed(self, activity_id, *, after: int, since: float) -> float:
        """Seconds from `since` until another attempt has the activity."""
        self.until(lambda: self.attempt_of(activity_id) > after, "another worker takes the activity")
        seconds = time.monotonic() - since
        TALLY.reclaims.append(seconds)
        return seconds

    def decide(self, stage: str) -> None:
        """Whoever is asked at this client approves."""
        tenant = self.world.tenant(stage)
        role = "admin" if stage in ("strategy", "client") else "reviewer"
        person = self.world.alice(stage).user if role == "admin" else User.objects.get(email="rita@leadmetrics.test")
        decide_all(tenant, person)

    def steps(self, stage: str, role: str) -> list[Activity]:
        """The steps of this agent at the client, in the order in which they are claimed."""
        with self.world.at(stage):
            return list(Activity.objects.filter(assignee_agent_role=role).order_by("ready_on", "ref_id"))

    def settle_in(self) -> None:
        """Nothing is due, so that a test knows what is claimed next; websites are those of this rehearsal's port."""
        Tenant.objects.update(website=f"{self.sandbox.url}/site/harbour-coffee/")
        with self.world.at("signed"):
            for unit in Activity.objects.filter(origin_key__endswith="/unit", status="in_progress"):
                work.cancel_unit(unit, by=Actor.system("tests"), at=timezone.now())

    def hurry(self) -> None:
        """All back-off is over."""
        with every_tenant(reason="a test does not wait"):
            waiting = Activity.objects.filter(status="assigned", assignee_type="agent", ready_on__gt=timezone.now())
            waiting.update(ready_on=timezone.now())

    def rest(self, seconds: float = REST_SECONDS, *, hurried: bool = False) -> None:
        """Wait until nothing is due, running, settling or scheduled soon; hurried: without back-off."""
        deadline, state = time.monotonic() + seconds, {}
        while not state or not state["quiescent"] or state["scheduled"]:
            assert time.monotonic() < deadline, f"The world does not come to rest: {state}"
            time.sleep(0.05)
            self.note_reclaims()
            if hurried:
                self.hurry()
            state = queries.queue_state(timezone.now())

    def check(self, *, at_rest: bool = True) -> None:
        """Everything is sound, and what was done counts in the tally. Not `at_rest`: there is work nobody has begun."""
        found = checking.faults(self.sandbox, since=self._began, at_rest=at_rest)
        TALLY.double += sum("times" in fault for fault in found)
        TALLY.lost += sum("times" not in fault for fault in found)
        completed, published = self._count_completed(), len(checking.posts_created(self.sandbox))
        TALLY.activities += completed - self._completed
        TALLY.published += published - self._published
        self._completed, self._published = completed, published
        assert found == []
        assert not self._orphans, f"Nobody took over {self._orphans}"
        assert max(TALLY.reclaims, default=0.0) <= RECLAIM_SECONDS

    def _count_completed(self) -> int:
        return self.ask("SELECT count(*) FROM journal_entries WHERE code = 'activity.completed'")[0][0]


@pytest.fixture
def chaos(own_database, sandbox, nursery) -> Iterator[Chaos]:
    chaos = Chaos(own_database, sandbox, nursery)
    chaos.settle_in()
    try:
        yield chaos
    finally:
        chaos.close()

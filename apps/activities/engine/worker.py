"""The loop of a worker: claim, keep the lease alive, run, go on until nothing is due or the worker is told to end."""

import mmap
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import spell
from apps.tenants.doors.tasks import inside

from .. import operations, registry
from ..bodies import PUBLISHER
from ..models import Activity
from ..operations import Claim, ClientStopped, LeaseLost, Spent
from . import model_run, publishing
from .claim import claim
from .heartbeat import Heartbeat

log = structlog.get_logger(__name__)

ADDRESS = ("host", "port", "dbname", "user", "password", "sslmode")  # what the heartbeat needs of Django's parameters
MOST_AT_ONCE = 20  # then the next bell
LOOK_SECONDS = 1.0  # how often a run is asked whether the worker is to end

# A byte that a process shares with those it forks: Celery tells only their parent to end. Not a multiprocessing.Event,
# whose lock stays taken for good when a process is killed while it looks.
_draining = mmap.mmap(-1, 1)
_heartbeat: Heartbeat | None = None


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def drain() -> None:
    """From now on nothing is claimed, here and in processes forked from this one; what they have begun may end.

    A run that still goes on DRAIN_SECONDS later is given back, to be done anew by another worker. A signal handler may
    call this.
    """
    _draining[0] = 1


def is_draining() -> bool:
    return bool(_draining[0])


def work(*, limit: int = MOST_AT_ONCE) -> int:
    """Work off due activities, `limit` at most and none once this worker drains; returns how many were worked on."""
    done = 0
    while done < limit and not is_draining() and (taken := claim(worker_name())):
        run(taken)
        done += 1
    return done


def run(taken: Claim) -> None:
    """One claimed activity in its tenant's scope, its lease kept by the heartbeat process meanwhile."""
    beat = heartbeat()
    beat.hold(taken.activity_id, taken.attempt)
    structlog.contextvars.bind_contextvars(activity=spell(taken.activity_id), role=taken.role, attempt=taken.attempt)
    try:
        with _given_back_in_time(taken), inside(taken.tenant_id):
            if taken.role == PUBLISHER:
                publishing.run(taken)
            elif taken.role in registry.SYSTEM_JOBS:
                _run_job(taken)
            elif any(role == taken.role for role, _ in registry.AGENTS):
                model_run.run(taken)
            else:
                _no_such_role(taken)
    except Exception as error:  # a defect of ours: this attempt failed, the worker goes on with other work
        log.error("run.crashed", exc_info=error)
        if not connection.in_atomic_block:  # a transaction that is open here is the caller's
            connection.close()
        with inside(taken.tenant_id):
            _crashed(taken, error)
    finally:
        beat.drop()
        structlog.contextvars.clear_contextvars()


@contextmanager
def _given_back_in_time(taken: Claim) -> Iterator[None]:
    """Meanwhile a thread gives the work back if it outlasts the end of this worker, before somebody kills that.

    A publish step is left to end: its requests do so within a minute, and whoever took it over would have to find out
    first what of it has left.
    """
    if taken.role == PUBLISHER:
        yield
        return
    is_over = threading.Event()
    watch = threading.Thread(target=_give_back_late, args=(taken, is_over), name="drain", daemon=True)
    watch.start()
    try:
        yield
    finally:
        is_over.set()
        watch.join()


def _give_back_late(taken: Claim, is_over: threading.Event) -> None:
    """The run itself goes on. It finds its lease lost before its next call, or with the answer that comes too late."""
    while not is_draining():
        if is_over.wait(LOOK_SECONDS):
            return
    if is_over.wait(settings.DRAIN_SECONDS):
        return
    at, told = timezone.now(), "stopped: The worker had to end before this run did. Another one begins it anew."
    by = Actor.system("engine.drain")
    try:
        with inside(taken.tenant_id):
            operations.give_back(taken, error=told, spent=Spent(), ready_on=at, by=by, at=at)
        log.warning("run.given_back", activity=spell(taken.activity_id), role=taken.role, attempt=taken.attempt)
    except LeaseLost:
        log.info("run.lease_lost", activity=spell(taken.activity_id), attempt=taken.attempt)
    except Exception as error:  # PostgreSQL is away, say: then the lease runs out and the sweep takes it back
        log.error("run.not_given_back", activity=spell(taken.activity_id), exc_info=error)
    finally:
        connection.close()  # this thread's


def _run_job(taken: Claim) -> None:
    """A long job of a client: the same claim and lease, no model."""
    by = Actor.system(taken.role)
    activity = Activity.objects.select_related("parent_activity").get(pk=taken.activity_id)
    try:
        summary = registry.SYSTEM_JOBS[taken.role](operations.Job(taken, activity, by))
        operations.finish_job(taken, summary=summary, by=by, at=timezone.now())
    except LeaseLost:
        log.info("job.lease_lost", activity=activity.ref_id)
    except OperationRefused as error:
        told, at = f"{error.code}: {error.detail}", timezone.now()
        if isinstance(error, ClientStopped):
            operations.give_back(taken, error=told, spent=Spent(), ready_on=at, by=by, at=at)
        elif error.http_status == 503:
            operations.wait_out(taken, error=told, spent=Spent(), by=by, at=at)
        else:
            operations.fail_attempt(taken, error=told, spent=Spent(), may_repeat=False, by=by, at=at)


def _no_such_role(taken: Claim) -> None:
    operations.fail_attempt(
        taken,
        error=f"no_such_role: Nobody knows how to do the work of {taken.role}.",
        spent=Spent(),
        may_repeat=False,
        by=Actor.system("engine"),
        at=timezone.now(),
    )


def _crashed(taken: Claim, error: Exception) -> None:
    try:
        operations.fail_attempt(
            taken,
            error=f"crashed: {type(error).__name__}",
            spent=Spent(),
            by=Actor.system("engine"),
            at=timezone.now(),
        )
    except LeaseLost:
        log.info("run.lease_lost", activity=spell(taken.activity_id))


def heartbeat() -> Heartbeat:
    """This process's heartbeat, started on first use and again if it died."""
    global _heartbeat
    if _heartbeat is None or not _heartbeat.is_alive:
        params = connection.get_connection_params()
        _heartbeat = Heartbeat(
            database_url=make_conninfo(**{name: params[name] for name in ADDRESS if name in params}),
            lease_seconds=settings.LEASE_SECONDS,
            beat_seconds=settings.HEARTBEAT_SECONDS,
        )
    return _heartbeat


def stop_heartbeat() -> None:
    global _heartbeat
    if _heartbeat is not None and _heartbeat.is_alive:
        _heartbeat.stop()
    _heartbeat = None

"""The loop of a worker: claim, keep the lease alive, run, go on until nothing is due."""

import os
import socket

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

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

MOST_AT_ONCE = 20  # then the next bell: a worker that never ends cannot be drained

_heartbeat: Heartbeat | None = None


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def work(*, limit: int = MOST_AT_ONCE) -> int:
    """Work off due activities, `limit` at most; returns how many were worked on."""
    done = 0
    while done < limit and (taken := claim(worker_name())):
        run(taken)
        done += 1
    return done


def run(taken: Claim) -> None:
    """One claimed activity in its tenant's scope, its lease kept by the heartbeat process meanwhile."""
    beat = heartbeat()
    beat.hold(taken.activity_id, taken.attempt)
    structlog.contextvars.bind_contextvars(activity=spell(taken.activity_id), role=taken.role, attempt=taken.attempt)
    try:
        with inside(taken.tenant_id):
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
        url = (
            f"host={params['host']} port={params.get('port') or 5432} dbname={params['dbname']} "
            f"user={params['user']} password={params['password']} sslmode={params.get('sslmode', 'prefer')}"
        )
        _heartbeat = Heartbeat(
            database_url=url, lease_seconds=settings.LEASE_SECONDS, beat_seconds=settings.HEARTBEAT_SECONDS
        )
    return _heartbeat


def stop_heartbeat() -> None:
    global _heartbeat
    if _heartbeat is not None and _heartbeat.is_alive:
        _heartbeat.stop()
    _heartbeat = None

"""Noticing the dead: leases nobody renews, money of calls nobody settles, bells nobody rang."""

import contextlib

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.billing import operations as billing
from apps.billing.models import SpendReservation
from apps.billing.statuses import ReservationStatus
from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant
from apps.shared.transitions import MoveRefused
from apps.tenants.doors.tasks import inside

from ..models import Activity, ActivityLease, ActivityRun
from ..operations import Spent, close_run, settle_failure
from ..statuses import ActivityStatus, RunStatus

log = structlog.get_logger(__name__)

BATCH = 200


def sweep() -> int:
    """One round over all tenants; returns how many leases and reservations were taken back. Safe at any time, by many."""
    by = Actor.system("engine.sweep")
    with every_tenant(reason="dead leases of all tenants are looked for in one query"):
        dead = list(ActivityLease.objects.filter(expires_on__lt=Now()).order_by("expires_on")[:BATCH])
    for lease in dead:
        with inside(lease.tenant_id):
            _take_back(lease, by=by)
    with every_tenant(reason="money nobody settles any more is looked for in one query"):
        lost = list(_lost_reservations()[:BATCH])
    for reservation in lost:
        # Refused when it was settled since: the worker that was thought dead has had its answer.
        with inside(reservation.tenant_id), contextlib.suppress(MoveRefused):
            billing.keep_at_estimate(reservation, by=by, at=timezone.now())
    return len(dead) + len(lost)


def _lost_reservations() -> QuerySet[SpendReservation]:
    """Open ones whose call must have ended, or whose run is over: the worker died between the call and its settling."""
    closed = ActivityRun.objects.filter(ref_id=OuterRef("run_ref")).exclude(status=RunStatus.RUNNING)
    return SpendReservation.objects.filter(
        Q(expires_on__lt=Now()) | Exists(closed), status=ReservationStatus.OPEN
    ).order_by("expires_on")


def _take_back(lease: ActivityLease, *, by: Actor) -> None:
    """The worker is dead or frozen: close its run as timed out and let another attempt begin, or call a person."""
    with transaction.atomic():
        activity = Activity.with_deleted.select_related("parent_activity").get(pk=lease.activity_id)
        if activity.deleted_on is None:
            _, activity = locks.take(activity.parent_activity, activity)
        lease = ActivityLease.objects.select_for_update(of=("self",)).get(pk=lease.pk)
        still_dead = ActivityLease.objects.filter(pk=lease.pk, expires_on__lt=Now()).exists()
        if not still_dead:
            return
        run = ActivityRun.objects.filter(activity=activity, attempt=lease.attempt, status=RunStatus.RUNNING).first()
        if run is not None:
            close_run(
                run.id, lease.attempt, RunStatus.TIMED_OUT, "lease_expired: the worker stopped renewing it", Spent()
            )
        at = timezone.now()
        lease.expires_on, lease.updated_on = None, at
        lease.save(update_fields=["expires_on", "updated_on"])
        if activity.status == ActivityStatus.IN_PROGRESS:
            settle_failure(activity, lease, error="lease_expired: the worker died", by=by, at=at, retry_after_s=0)
        log.warning("lease.taken_back", activity=activity.ref_id, attempt=lease.attempt, worker=lease.worker)

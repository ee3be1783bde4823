"""The frame of background work: consumers of the journal and tasks of one tenant.

A bell carries nothing; what is due stands in PostgreSQL. `deliver` takes pending deliveries one by one, enters the
entry's tenant and calls the consumer, which must bear being called twice.
"""

from collections.abc import Callable, Collection
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.shared.errors import OperationRefused
from apps.shared.models import JournalDelivery, JournalEntry
from apps.shared.redaction import redact
from apps.shared.scoping import TenantFacts, every_tenant, tenant_scope

from ..models import Tenant

log = structlog.get_logger(__name__)

CONSUMERS: dict[str, Callable] = {}
TRY_AGAIN_SECONDS = (5, 15, 60, 300, 900)  # then every quarter of an hour: a delivery is never given up
OUTAGE_SECONDS = 15  # the same where a store was away: within a minute of its return all is delivered
TAKEN_LEASES = 2  # how many leases long a consumer may work before another worker takes its delivery for lost


def consumer(name: str):
    """Register `fn(entry, *, at)` under the name that `config/reactions.py` uses."""

    def register(function: Callable):
        if name in CONSUMERS:
            raise ValueError(f"Consumer {name} is registered twice.")
        CONSUMERS[name] = function
        return function

    return register


@contextmanager
def inside(tenant_id):
    """The scope of one tenant, read fresh. What belongs to the platform itself has none and is worked on outside tenancy."""
    if tenant_id is None:
        with every_tenant(reason="an entry of the platform itself, such as the invitation of a reviewer"):
            yield None
    else:
        facts: TenantFacts = Tenant.objects.get(pk=tenant_id).facts
        with tenant_scope(facts):
            yield facts


@contextmanager
def inside_all(tenant_ids: Collection[UUID]):
    """The scope of several tenants, read fresh; for work that is done for many in few statements."""
    facts: list[TenantFacts] = [tenant.facts for tenant in Tenant.objects.filter(pk__in=tenant_ids).order_by("id")]
    with tenant_scope(*facts):
        yield facts


@shared_task(name="doors.deliver")
def deliver(**_) -> int:
    """Work off all deliveries that are due; returns how many were done."""
    done = 0
    while delivery := _take():
        done += _deliver(delivery)
    return done


def _take() -> JournalDelivery | None:
    """The next due delivery, put out of others' reach for a while."""
    now = timezone.now()
    with every_tenant(reason="deliveries of all tenants wait in one queue"), transaction.atomic():
        delivery = (
            JournalDelivery.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(next_on__lte=now)
            .order_by("next_on")
            .first()
        )
        if delivery:
            delivery.next_on = now + timedelta(seconds=TAKEN_LEASES * settings.LEASE_SECONDS)
            delivery.attempts += 1
            delivery.save(update_fields=["next_on", "attempts"])
    return delivery


def _deliver(delivery: JournalDelivery) -> bool:
    with every_tenant(reason="the entry says whose it is"):
        entry = JournalEntry.objects.get(pk=delivery.journal_entry_id)
    try:
        with inside(entry.tenant_id):
            CONSUMERS[delivery.consumer](entry, at=timezone.now())
    except Exception as error:  # whatever a consumer runs into, the delivery stays and is tried again
        log.warning(
            "delivery.failed",
            consumer=delivery.consumer,
            entry=entry.ref_id,
            attempts=delivery.attempts,
            exc_info=error,
        )
        _put_back(delivery, error)
        return False
    with every_tenant(reason="the delivery is done"):
        JournalDelivery.objects.filter(pk=delivery.pk).delete()
    return True


def _put_back(delivery: JournalDelivery, error: Exception) -> None:
    """For later. Where a store is away, the consumer's other deliveries wait too: each would find out by a time-out of
    its own, and other consumers stand behind them."""
    now, is_outage = timezone.now(), isinstance(error, OperationRefused) and error.http_status == 503
    wait = OUTAGE_SECONDS if is_outage else TRY_AGAIN_SECONDS[min(delivery.attempts, len(TRY_AGAIN_SECONDS)) - 1]
    later = now + timedelta(seconds=wait)
    with every_tenant(reason="the delivery is put back"), transaction.atomic():
        JournalDelivery.objects.filter(pk=delivery.pk).update(
            next_on=later, last_error=redact(f"{type(error).__name__}: {error}")[:1000].replace("\x00", "")
        )
        if is_outage:
            others = JournalDelivery.objects.filter(consumer=delivery.consumer, next_on__lte=now)
            reached = others.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
            JournalDelivery.objects.filter(pk__in=list(reached)).update(next_on=later)

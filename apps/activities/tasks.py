"""The bells of the engine, and what follows from journal entries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from celery import shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone

from apps import storage
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.ids import spell
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant, only_tenant
from apps.tenants import queries as tenant_queries
from apps.tenants.doors.tasks import consumer, inside, inside_all
from apps.tenants.models import User

from . import operations, queries, registry
from .engine import sweep as sweeping
from .engine import worker
from .models import Activity

log = structlog.get_logger(__name__)

ORPHANS_AFTER = timedelta(days=1)  # longer than any transaction may take between its body and its row


@worker_shutting_down.connect
def drain(**_) -> None:
    """`celery worker` is told to end. It waits for the tasks that are under way; this tells them that it waits."""
    worker.drain()


@shared_task(name="activities.work")
def work(**_) -> int:
    """Work off due activities; when the limit is reached, ring for the rest."""
    done = worker.work()
    if done >= worker.MOST_AT_ONCE:
        journal.reactions.bell("work")
    return done


@shared_task(name="activities.sweep")
def sweep(**_) -> int:
    """Take back what the dead left; ring for whatever is due and was not heard."""
    taken = sweeping.sweep()
    with every_tenant(reason="whether anything is due is asked over all tenants"):
        due = queries.has_due_work()
    if due:
        journal.reactions.bell("work")
    return taken


@shared_task(name="activities.plan_periods")
def plan_periods(**_) -> int:
    """This period's work for every open client, hourly, so that each client's month begins with its day. A client that
    cannot be planned does not keep the others waiting; the next round comes to it again."""
    tenants = [tenant.id for tenant in tenant_queries.facts_of_all()]
    batches = range(0, len(tenants), operations.CLIENTS_AT_ONCE)
    return sum(_plan(tenants[first : first + operations.CLIENTS_AT_ONCE]) for first in batches)


def _plan(tenant_ids: list[UUID]) -> int:
    try:
        with inside_all(tenant_ids) as tenants:
            return operations.plan_tenants(tenants, by=Actor.system("activities.plan_periods"), at=timezone.now())
    except Exception as error:
        if len(tenant_ids) > 1:  # one of them cannot be planned; what was made of the others stays
            return sum(_plan([tenant_id]) for tenant_id in tenant_ids)
        log.error("periods.not_planned", tenant=spell(tenant_ids[0]), exc_info=error)
        return 0


def _at_every_client(tick: str, operation: Callable[..., Any]) -> int:
    """Carry it out for each open client, in its scope; a defect at one holds back no other. The sum of what came of it:
    of numbers, or how many made something."""
    total, by = 0, Actor.system(tick)
    for tenant in tenant_queries.facts_of_all():
        try:
            with inside(tenant.id) as facts:
                came = operation(facts, by=by, at=timezone.now())
                total += came if isinstance(came, int) else came is not None
        except Exception as error:
            log.error("tick.failed", tick=tick, tenant=tenant.ref_id, exc_info=error)
    return total


@shared_task(name="activities.tend_periods")
def tend_periods(**_) -> int:
    """For every open client, hourly: the periods that are over are closed, and the others are held against their
    forecast. Returns how many moved."""
    return _at_every_client("activities.tend_periods", operations.tend_periods)


@shared_task(name="activities.spawn_recurring")
def spawn_recurring(**_) -> int:
    """The recurring tasks that are due for every open tenant; of missed slots the latest. Returns how many were made."""
    return _at_every_client("activities.spawn_recurring", operations.spawn_due)


@shared_task(name="activities.close_sessions")
def close_sessions(**_) -> int:
    """Close what agents remembered of work that nobody went on with in time, at every client; how many were closed."""
    closed = 0
    for tenant in tenant_queries.facts_of_all(only_open=False):
        with inside(tenant.id) as facts:
            closed += operations.close_expired(facts, by=Actor.system("activities.close_sessions"), at=timezone.now())
    return closed


@shared_task(name="activities.ask_overdue_anew")
def ask_overdue_anew(**_) -> int:
    """Hourly, for every open client: what nobody decided on in time is asked anew; how many there were."""
    return _at_every_client("activities.ask_overdue_anew", operations.ask_overdue_anew)


@shared_task(name="activities.propose_brand_rules")
def propose_brand_rules(**_) -> int:
    """Daily, for every open client: a proposal of brand rules, once in a week, if enough was sent back. How many there are."""
    return _at_every_client("activities.propose_brand_rules", operations.propose_brand_rules)


@shared_task(name="activities.sync_goals")
def sync_goals(**_) -> int:
    """Hourly, for every open client: its goals are read once in a week of its own, which begins on Monday. How many jobs."""
    return _at_every_client("activities.sync_goals", operations.sync_goals)


@shared_task(name="activities.score_channels")
def score_channels(**_) -> int:
    """For every open client, hourly, so that each one's month begins with its day: its channels are scored once a month.
    How many clients' were asked for."""
    return _at_every_client("activities.score_channels", operations.score_month)


@shared_task(name="activities.ensure_partitions")
def ensure_partitions(**_) -> int:
    """Months of llm_calls: this one and three ahead."""
    return operations.ensure_partitions(timezone.now())


@shared_task(name="activities.roll_up_costs")
def roll_up_costs(**_) -> int:
    """What models cost every client by day, up to now; how many rows were written."""
    written = 0
    for tenant in tenant_queries.facts_of_all(only_open=False):  # a call may end after its client was suspended
        with inside(tenant.id) as facts:
            written += operations.catch_up_costs(facts, at=timezone.now())
    return written


@shared_task(name="storage.sweep")
def sweep_content(**_) -> int:
    """Remove documents and objects that no row refers to, of every client, once they are a day old; how many went."""
    removed = 0
    for tenant in tenant_queries.facts_of_all(only_open=False):
        with inside(tenant.id):
            swept = storage.sweep(registry.IS_REFERENCED, older_than=timezone.now() - ORPHANS_AFTER)
            removed += storage.exports.remove_old(older_than=timezone.now() - operations.KEPT_FOR)
            removed += storage.imports.remove_old(older_than=timezone.now() - operations.KEPT_FOR)
        removed += swept.documents + swept.objects
        if swept.documents or swept.objects:
            log.info("content.swept", tenant=tenant.ref_id, documents=swept.documents, objects=swept.objects)
    return removed


@consumer("activities.plan_tenant")
def plan_after_activation(entry: JournalEntry, *, at) -> None:
    """A strategy became active: its first month begins at once."""
    operations.plan_tenant(only_tenant(), by=Actor.system("activities.plan_tenant"), at=at)


@consumer("activities.count_days_again")
def count_days_again(entry: JournalEntry, *, at) -> None:
    """A client's time zone was changed: its days begin at other moments, the past ones too."""
    if "timezone" in entry.after:
        operations.catch_up_costs(only_tenant(), at=at, from_the_start=True)


@consumer("activities.write_brand_rules")
def write_brand_rules(entry: JournalEntry, *, at) -> None:
    """A reviewer approved brand rules: they are the next version of the client's own skill."""
    step = Activity.objects.get(ref_id=entry.subject_ref)
    by = Actor.human(User.objects.get(ref_id=entry.actor_ref), request_id=entry.request_id)
    operations.write_brand_rules(step, body=entry.after["body"], base=entry.after["base"], by=by, at=at)

"""Work that waits because a spending cap is reached, and goes on when there is room again."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.billing import operations as billing
from apps.billing.statuses import CounterScope
from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.scoping import facts_of
from apps.tenants.models import Tenant

from .. import queries
from ..bodies import role_in_words
from ..models import Activity, AgentConfig
from ..statuses import ActivityStatus
from . import pipelines, runs

FREED_SOON = timedelta(seconds=30)  # other calls hold the rest of the cap, and a call takes about that long
LOOKS_AGAIN = timedelta(hours=6)  # raising a cap wakes the work; this is for caps that changed in another way

WHOSE_LIMIT = {
    CounterScope.TENANT: ("This month's model budget of ${cap} is used up", "the client's monthly limit in Manage"),
    CounterScope.ROLE: ("The monthly limit of ${cap} of an agent is reached: {role}", "the agent's limit in Manage"),
    CounterScope.ACTIVITY: (
        "The limit of ${cap} for one step is reached: {title}",
        "the agent's limit per step in Manage",
    ),
}


@locks.repeatable
def wait_for_money(
    claim: runs.Claim, *, reached: billing.CapReached, error: str, spent: runs.Spent, by: Actor, at: datetime
) -> None:
    """Give the work back until there is room; where the money is spent and not only set aside, a person hears of it once.

    A cap that was raised since it was reached woke only what waited then: this work is tried again at once.
    """
    with transaction.atomic():
        is_spent = reached.is_spent and not _is_raised(claim, reached)
        if is_spent:
            ready_on = min(at + LOOKS_AGAIN, _next_month(claim.tenant_id, at))
        else:
            ready_on = at if reached.is_spent else at + FREED_SOON
        runs.give_back(claim, error=error, spent=spent, ready_on=ready_on, by=by, at=at)
        if not is_spent:
            return
        activity = Activity.objects.get(pk=claim.activity_id)
        title, limit = WHOSE_LIMIT[CounterScope(reached.scope)]
        key = {CounterScope.TENANT: "", CounterScope.ROLE: claim.role}.get(reached.scope, activity.ref_id)  # type: ignore[call-overload]
        month = billing.month_of(at, facts_of(claim.tenant_id).time_zone)
        pipelines.raise_task(
            tenant_id=claim.tenant_id,
            title=title.format(cap=f"{reached.cap_usd:.2f}", role=role_in_words(claim.role), title=activity.title),
            note=f"Work that needs it waits and loses nothing. Raise {limit}, and it goes on at once"
            + ("." if reached.scope == CounterScope.ACTIVITY else f"; otherwise it goes on when {month:%B} is over."),
            origin=f"cap:{reached.scope}:{key}:{month.isoformat()}:{reached.cap_usd}",
            by=by,
            at=at,
            about={"waits": activity.ref_id},
        )


def _is_raised(claim: runs.Claim, reached: billing.CapReached) -> bool:
    """Whether the cap is higher by now. Its row is locked as an edit locks it, which thus finds this work waiting."""
    cap: Decimal | None
    if reached.scope == CounterScope.TENANT:
        cap = billing.cap_of(Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=claim.tenant_id))
    else:
        config = AgentConfig.objects.select_for_update(of=("self",), no_key=True).get(agent_role=claim.role)
        cap = config.monthly_cap_usd if reached.scope == CounterScope.ROLE else config.max_cost_usd_per_activity
    return cap is None or reached.cap_usd is not None and cap > reached.cap_usd


def _next_month(tenant_id, at: datetime) -> datetime:
    """When the client's next month begins."""
    time_zone = facts_of(tenant_id).time_zone
    first = (billing.month_of(at, time_zone) + timedelta(days=32)).replace(day=1)
    return datetime(first.year, first.month, 1, tzinfo=ZoneInfo(time_zone))


def go_on_with_money(edited: Tenant | AgentConfig, *, by: Actor, at: datetime) -> None:
    """A cap may have been raised: what waits for money is tried now. It finds out by itself whether there is room."""
    tenant_id = edited.pk if isinstance(edited, Tenant) else edited.tenant_id
    waiting = Activity.objects.filter(tenant_id=tenant_id, status=ActivityStatus.ASSIGNED, ready_on__gt=at)
    if isinstance(edited, AgentConfig):
        waiting = waiting.filter(assignee_agent_role=edited.agent_role)
    unpaid = queries.out_of_money(waiting.values_list("pk", flat=True))
    if count := waiting.filter(pk__in=unpaid).update(ready_on=at, updated_on=at):
        journal.record("work.tried_again", edited, by=by, at=at, after={"activities": count})


def warn_of_spend(tenant: Tenant, *, by: Actor, at: datetime) -> None:
    """Most of the month's budget is used: a reviewer gets a task, once for this month and this cap."""
    month = billing.month_of(at, facts_of(tenant.pk).time_zone)
    cap = billing.cap_of_month(tenant.pk)
    pipelines.raise_task(
        tenant_id=tenant.pk,
        title=f"{billing.NEAR_CAP:.0%} of this month's model budget of ${cap:.2f} is used",
        note="When all of it is used, work waits until the limit is raised or the month is over. Raise it in Manage"
        " if this month needs more.",
        origin=f"cap_warning:{month.isoformat()}:{cap}",
        by=by,
        at=at,
    )

"""Setting money aside before a model call, and settling it after. Caps hold at every instant, under any concurrency."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from apps.shared import journal, locks, scoping
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import new_id
from apps.shared.transitions import MoveRefused
from apps.tenants.models import Tenant

from ..models import SpendCounter, SpendReservation
from ..statuses import RESERVATION_MOVES, CounterScope, ReservationStatus

SETTLES_WITHIN = timedelta(minutes=10)  # of the latest end of its call; what is open then belongs to a dead worker
NEAR_CAP = Decimal("0.8")  # from this share of the month's cap on, people are warned


class CapReached(OperationRefused):
    """The spending cap is reached. Work waits and goes on when the cap is raised or the month ends."""

    code = "cap_reached"

    def __init__(self, counter: SpendCounter, amount_usd: Decimal):
        """`counter` is the first whose cap the amount would pass."""
        super().__init__()
        self.scope, self.cap_usd = counter.scope, counter.cap_usd
        # Otherwise other calls under way have set the rest aside, and most of it comes back when they end.
        self.is_spent = counter.settled_usd + amount_usd > (counter.cap_usd or 0)


# All three counters are raised, or none: the rows are locked in the fixed order tenant, role, activity, the sums are
# looked at under the lock, and the UPDATE runs only if every cap holds: those that this call has read, because another
# that read an older one may have just written that down.
RAISE = """
WITH locked AS (
  SELECT c.id, w.cap IS NULL OR c.settled_usd + c.reserved_usd + %(amount)s <= w.cap AS fits
    FROM spend_counters c
    JOIN unnest(%(counters)s::uuid[], %(caps)s::numeric[]) AS w (id, cap) ON w.id = c.id
   WHERE c.tenant_id = %(tenant)s
   ORDER BY CASE c.scope WHEN 'tenant' THEN 0 WHEN 'role' THEN 1 ELSE 2 END
     FOR UPDATE OF c)
UPDATE spend_counters SET reserved_usd = reserved_usd + %(amount)s, updated_on = %(at)s
 WHERE tenant_id = %(tenant)s AND id IN (SELECT id FROM locked)
   AND (SELECT bool_and(fits) AND count(*) = 3 FROM locked)
"""


def month_of(at: datetime, time_zone: str) -> date:
    """The first of the month, in the tenant's time zone, to which a call that starts now belongs."""
    return at.astimezone(ZoneInfo(time_zone)).date().replace(day=1)


@locks.repeatable
def reserve(
    *,
    amount_usd: Decimal,
    activity_ref: str,
    run_ref: str,
    agent_role: str,
    model_id: str,
    activity_cap_usd: Decimal,
    role_cap_usd: Decimal | None,
    ends_by: datetime,
    at: datetime,
) -> SpendReservation:
    """Set the call's largest possible cost aside on the three counters of the one tenant in scope.

    `ends_by` is when the call is given up at the latest; until then nobody takes its money for lost. Raises CapReached,
    with nothing changed, when one of the caps would be passed.
    """
    facts = scoping.only_tenant()
    month = month_of(at, facts.time_zone)
    wanted = [
        (CounterScope.TENANT, "", month, cap_of_month(facts.id)),
        (CounterScope.ROLE, agent_role, month, role_cap_usd),
        (CounterScope.ACTIVITY, activity_ref, None, activity_cap_usd),
    ]
    counters = [_counter(scope, key, in_month, cap, at=at) for scope, key, in_month, cap in wanted]
    with transaction.atomic():
        with connection.cursor() as cursor:
            ids, caps = [c.id for c in counters], [c.cap_usd for c in counters]
            cursor.execute(RAISE, {"amount": amount_usd, "tenant": facts.id, "counters": ids, "caps": caps, "at": at})
            if cursor.rowcount != 3:  # the rows are still locked: what is read now is what was refused
                raise CapReached(_first_full(counters, amount_usd), amount_usd)
        return SpendReservation.objects.create(
            tenant_id=facts.id,
            month=month,
            activity_ref=activity_ref,
            run_ref=run_ref,
            agent_role=agent_role,
            model_id=model_id,
            reserved_usd=amount_usd,
            expires_on=ends_by + SETTLES_WITHIN,
            created_on=at,
        )


def _first_full(counters: list[SpendCounter], amount_usd: Decimal) -> SpendCounter:
    now = SpendCounter.objects.in_bulk([counter.pk for counter in counters])
    for counter in counters:
        now[counter.pk].cap_usd = counter.cap_usd
    return next(
        row
        for row in (now[counter.pk] for counter in counters)
        if row.cap_usd is not None and row.settled_usd + row.reserved_usd + amount_usd > row.cap_usd
    )


def cap_of(tenant: Tenant) -> Decimal:
    """What the client's model calls may cost in a month, as the row in hand says: its own cap, else the platform's."""
    cap = tenant.monthly_spend_cap_usd
    return Decimal(settings.DEFAULT_MONTHLY_CAP_USD) if cap is None else cap


def cap_of_month(tenant_id: UUID) -> Decimal:
    """`cap_of` as it is in the database at this moment."""
    return cap_of(Tenant.objects.only("monthly_spend_cap_usd").get(pk=tenant_id))


def _counter(scope: str, key: str, month: date | None, cap: Decimal | None, *, at: datetime) -> SpendCounter:
    """The counter row with the cap as it was read just now; made when it is the first call of its kind."""
    tenant_id = scoping.only_tenant().id
    where = {"tenant_id": tenant_id, "scope": scope, "scope_key": key, "month": month}
    counter = SpendCounter.objects.filter(**where).first()
    if counter is None:
        SpendCounter.objects.bulk_create(
            [SpendCounter(id=new_id(), cap_usd=cap, created_on=at, **where)], ignore_conflicts=True
        )
        counter = SpendCounter.objects.get(**where)
    if counter.cap_usd != cap:  # the cap was changed where people set it; it holds from this call on
        SpendCounter.objects.filter(pk=counter.pk).update(cap_usd=cap, updated_on=at)
        counter.cap_usd = cap
    return counter


def settle(reservation: SpendReservation, *, cost_usd: Decimal, by: Actor, at: datetime) -> SpendReservation:
    """The call was answered: its real cost takes the place of what was set aside, or of the estimate at which it was kept
    when its worker was thought dead. Part of the caller's transaction."""
    return _close(reservation, "settle", cost_usd, by=by, at=at)


def release(reservation: SpendReservation, *, by: Actor, at: datetime) -> SpendReservation:
    """The request never left: nothing was spent."""
    return _close(reservation, "release", Decimal(0), by=by, at=at)


def keep_at_estimate(reservation: SpendReservation, *, by: Actor, at: datetime) -> SpendReservation:
    """The request left and nothing is known of its cost: what was set aside counts as spent, never silently freed.

    Where a sweep has kept it already, thinking the worker dead, nothing changes.
    """
    try:
        return _close(reservation, "expire", reservation.reserved_usd, by=by, at=at)
    except MoveRefused:
        kept = SpendReservation.objects.get(pk=reservation.pk)
        if kept.status != ReservationStatus.EXPIRED:
            raise
        return kept


@locks.repeatable
def _close(reservation: SpendReservation, move: str, cost_usd: Decimal, *, by: Actor, at: datetime) -> SpendReservation:
    """Turn a reservation into settled cost on its three counters and in the tenant's running total."""
    with transaction.atomic():
        # The tenant's row comes first in every transaction that closes a reservation, so they take turns. NO KEY: whoever
        # reserves holds the counters and inserts a row that refers to the tenant; it must not have to wait for this one.
        Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=reservation.tenant_id)
        former = SpendReservation.objects.get(pk=reservation.pk)
        reservation = RESERVATION_MOVES.perform(former, move, by=by, at=at, settled_usd=cost_usd, settled_on=at)
        reserved = former.reserved_usd if former.status == ReservationStatus.OPEN else Decimal(0)
        added = cost_usd - (former.settled_usd or Decimal(0))
        keys = [
            (CounterScope.TENANT, "", former.month),
            (CounterScope.ROLE, former.agent_role, former.month),
            (CounterScope.ACTIVITY, former.activity_ref, None),
        ]
        for scope, key, month in keys:
            counters = SpendCounter.objects.filter(tenant_id=former.tenant_id, scope=scope, scope_key=key, month=month)
            changed = counters.update(
                settled_usd=F("settled_usd") + added, reserved_usd=F("reserved_usd") - reserved, updated_on=at
            )
            if changed != 1:
                raise RuntimeError(f"The {scope} counter of reservation {former.ref_id} is missing.")
        if former.month == month_of(at, scoping.facts_of(former.tenant_id).time_zone):
            counter = SpendCounter.objects.get(
                tenant_id=former.tenant_id, scope=CounterScope.TENANT, scope_key="", month=former.month
            )
            Tenant.objects.filter(pk=former.tenant_id).update(current_month_spend_usd=counter.settled_usd)
            line = NEAR_CAP * counter.cap_usd if counter.cap_usd else None
            if line is not None and counter.settled_usd - added < line <= counter.settled_usd:
                journal.record(
                    "spend.near_cap",
                    Tenant.objects.get(pk=former.tenant_id),
                    by=by,
                    at=at,
                    after={"month": former.month.isoformat(), "spent_usd": str(counter.settled_usd)}
                    | {"cap_usd": str(counter.cap_usd)},
                )
    return reservation


RECOUNT = """
WITH due AS (
  SELECT scope, scope_key, month, sum(settled) AS settled, sum(reserved) AS reserved FROM (
    SELECT k.scope, k.scope_key, k.month,
           CASE WHEN r.status <> 'open' THEN coalesce(r.settled_usd, 0) ELSE 0 END AS settled,
           CASE WHEN r.status = 'open' THEN r.reserved_usd ELSE 0 END AS reserved
      FROM spend_reservations r
     CROSS JOIN LATERAL (VALUES ('tenant', '', r.month), ('role', r.agent_role, r.month), ('activity', r.activity_ref, NULL::date))
           AS k (scope, scope_key, month)
     WHERE r.tenant_id = %(tenant)s) AS each_counted
   GROUP BY scope, scope_key, month)
INSERT INTO spend_counters (id, tenant_id, created_on, month, scope, scope_key, settled_usd, reserved_usd)
SELECT ulid_uuid(), %(tenant)s, %(at)s, month, scope, scope_key, settled, reserved FROM due
ON CONFLICT (tenant_id, month, scope, scope_key)
   DO UPDATE SET settled_usd = excluded.settled_usd, reserved_usd = excluded.reserved_usd, updated_on = %(at)s
"""
WITHOUT_RESERVATION = """
UPDATE spend_counters c SET settled_usd = 0, reserved_usd = 0, updated_on = %(at)s
 WHERE c.tenant_id = %(tenant)s AND (c.settled_usd <> 0 OR c.reserved_usd <> 0)
   AND NOT EXISTS (SELECT FROM spend_reservations r WHERE r.tenant_id = c.tenant_id AND (
         c.scope = 'tenant' AND r.month = c.month OR c.scope = 'role' AND r.month = c.month AND r.agent_role = c.scope_key
         OR c.scope = 'activity' AND r.activity_ref = c.scope_key))
"""


def recount_spend(tenant_id: UUID, *, by: Actor, at: datetime) -> None:
    """Make the counters and the running total of the one tenant in scope what its reservations say."""
    facts = scoping.facts_of(tenant_id)
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=tenant_id)
        list(
            SpendCounter.objects.order_by("pk").select_for_update(of=("self",))
        )  # whoever reserves waits, and counts after
        with connection.cursor() as cursor:
            for statement in (RECOUNT, WITHOUT_RESERVATION):
                cursor.execute(statement, {"tenant": tenant_id, "at": at})
        this_month = SpendCounter.objects.filter(scope=CounterScope.TENANT, month=month_of(at, facts.time_zone)).first()
        before, spent = tenant.current_month_spend_usd, this_month.settled_usd if this_month else Decimal(0)
        tenant.current_month_spend_usd, tenant.updated_by, tenant.updated_on = spent, by.user, at
        tenant.save(update_fields=["current_month_spend_usd", "updated_by", "updated_on"])
        journal.record(
            "spend.recounted",
            tenant,
            by=by,
            at=at,
            before={"current_month_spend_usd": str(before)},
            after={"current_month_spend_usd": str(spent)},
        )

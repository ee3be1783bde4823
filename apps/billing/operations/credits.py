"""Credits: what a client's plan and purchases allow in a month.

Every change is one row of the ledger and one conditional UPDATE of the month's balance, in one transaction: the sum of
the ledger is what is available at every moment, and nothing goes below zero. The same idempotency key again changes
nothing and returns the first entry. A month ends at its balance's `next_reset_on`; work that was begun in a month is
closed in that month's balance, however late.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, QuerySet

from apps.shared import journal, locks, scoping
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.scoping import every_tenant
from apps.shared.transitions import touched
from apps.tenants.models import Tenant

from ..models import CreditBalance, CreditLedgerEntry, CreditTopupOrder
from ..statuses import EntryType, TopupStatus
from .spend import month_of

MOST_AT_ONCE = 1_000_000
AVAILABLE = F("credits_monthly") + F("credits_topup") - F("credits_reserved") - F("credits_consumed")
OF_WORK = (EntryType.RESERVED, EntryType.CONSUMED, EntryType.RELEASED)


class NotEnoughCredits(OperationRefused):
    """There are not enough credits left. Work goes on when credits are bought or the next month begins."""

    code = "not_enough_credits"


class KeyTaken(OperationRefused):
    """This key already stands for another change of credits."""

    code = "idempotency_key_taken"


class AlreadyReserved(OperationRefused):
    """Credits are set aside for this work already."""

    code = "credits_already_reserved"


class NothingReserved(OperationRefused):
    """No credits are set aside for this work."""

    code = "no_credits_reserved"


class OrderNotPaid(OperationRefused):
    """Credits are given for paid orders only."""

    code = "order_not_paid"


def allocate_credits(
    credits: int, *, idempotency_key: str, by: Actor, at: datetime, reason: str = ""
) -> CreditLedgerEntry:
    """What the plan gives for the month of `at`."""
    _check_number(credits)
    with transaction.atomic():
        wanted = CreditLedgerEntry(
            entry_type=EntryType.ALLOCATED, amount=credits, idempotency_key=idempotency_key, reason=reason
        )
        return _repeated(wanted) or _enter(wanted, _balance_of_month(at), by=by, at=at, credits_monthly=credits)


def top_up_credits(order: CreditTopupOrder, *, by: Actor, at: datetime) -> CreditLedgerEntry:
    """What a paid order bought, once per order; it counts in the month of `at`."""
    with transaction.atomic():
        wanted = CreditLedgerEntry(
            entry_type=EntryType.TOPPED_UP,
            amount=order.credits,
            topup_order=order,
            idempotency_key=f"topup:{order.ref_id}",
        )
        if known := _repeated(wanted):
            return known
        (order,) = locks.take(order)
        if order.status != TopupStatus.PAID:
            raise OrderNotPaid
        return _enter(wanted, _balance_of_month(at), by=by, at=at, credits_topup=order.credits)


def reserve_credits(
    credits: int, *, activity_ref: str, idempotency_key: str, by: Actor, at: datetime, reason: str = ""
) -> CreditLedgerEntry:
    """Set credits aside for work that begins. Raises NotEnoughCredits, with nothing changed, when fewer are available."""
    _check_number(credits)
    with transaction.atomic():
        wanted = CreditLedgerEntry(
            entry_type=EntryType.RESERVED,
            amount=-credits,
            activity_ref=activity_ref,
            idempotency_key=idempotency_key,
            reason=reason,
        )
        if known := _repeated(wanted):
            return known
        if _reservation_of(activity_ref):
            raise AlreadyReserved
        balance = _months(at).first()
        if balance is None:
            raise NotEnoughCredits
        return _enter(wanted, balance, by=by, at=at, credits_reserved=credits)


def consume_credits(
    credits: int, *, activity_ref: str, idempotency_key: str, by: Actor, at: datetime
) -> CreditLedgerEntry:
    """The work is done and took so many of the credits that were set aside; what is left of them is available again."""
    _check_number(credits)
    return _close(EntryType.CONSUMED, credits, activity_ref=activity_ref, idempotency_key=idempotency_key, by=by, at=at)


def release_credits(
    *, activity_ref: str, idempotency_key: str, by: Actor, at: datetime, reason: str = ""
) -> CreditLedgerEntry:
    """The work failed for good or was called off: all that was set aside for it is available again."""
    return _close(
        EntryType.RELEASED,
        0,
        activity_ref=activity_ref,
        idempotency_key=idempotency_key,
        by=by,
        at=at,
        reason=reason,
    )


def adjust_credits(amount: int, *, reason: str, idempotency_key: str, by: Actor, at: datetime) -> CreditLedgerEntry:
    """A correction by a person, up or down. What is taken comes from the plan's credits first, then from bought ones."""
    _check_number(abs(amount))
    if not reason.strip():
        raise InvalidInput({"reason": ["Say why the credits are corrected."]})
    with transaction.atomic():
        wanted = CreditLedgerEntry(
            entry_type=EntryType.ADJUSTED, amount=amount, idempotency_key=idempotency_key, reason=reason
        )
        if known := _repeated(wanted):
            return known
        balance = _balance_of_month(at)
        monthly = max(amount, -balance.credits_monthly)
        return _enter(wanted, balance, by=by, at=at, credits_monthly=monthly, credits_topup=amount - monthly)


def _check_number(credits: int) -> None:
    if not 1 <= credits <= MOST_AT_ONCE:
        raise InvalidInput({"credits": [f"Give a whole number from 1 to {MOST_AT_ONCE:,}."]})


def _repeated(wanted: CreditLedgerEntry) -> CreditLedgerEntry | None:
    """The entry that was made with this key before. From here to the end of the transaction nobody else changes the
    client's credits, so what is read stays so. NO KEY: whoever inserts a row that refers to the tenant need not wait."""
    tenant_id = scoping.only_tenant().id
    Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=tenant_id)
    with every_tenant(reason="a key is used once over all clients"):
        known = CreditLedgerEntry.objects.filter(idempotency_key=wanted.idempotency_key).first()
    if known is None:
        return None
    same = ["entry_type", "activity_ref", "topup_order_id"]
    if wanted.amount is not None:
        same.append("amount")
    if known.tenant_id != tenant_id or any(getattr(known, f) != getattr(wanted, f) for f in same):
        raise KeyTaken
    return known


def _reservation_of(activity_ref: str) -> CreditLedgerEntry | None:
    """What is set aside for this work now."""
    entries = CreditLedgerEntry.objects.filter(activity_ref=activity_ref, entry_type__in=OF_WORK)
    reserved = entries.filter(entry_type=EntryType.RESERVED)
    if reserved.count() == entries.exclude(entry_type=EntryType.RESERVED).count():
        return None
    return reserved.latest("created_on", "ref_id")


def _close(
    entry_type: EntryType,
    used: int,
    *,
    activity_ref: str,
    idempotency_key: str,
    by: Actor,
    at: datetime,
    reason: str = "",
) -> CreditLedgerEntry:
    """Nothing is set aside for the work any more; what it used is consumed, in the month in which it was begun."""
    with transaction.atomic():
        wanted = CreditLedgerEntry(
            entry_type=entry_type, activity_ref=activity_ref, idempotency_key=idempotency_key, reason=reason
        )
        if known := _repeated(wanted):
            return known
        reservation = _reservation_of(activity_ref)
        if reservation is None:
            raise NothingReserved
        reserved = -reservation.amount
        if used > reserved:
            raise NotEnoughCredits(f"The work took {used} credits, and {reserved} are set aside for it.")
        wanted.amount = reserved - used
        wanted.reason = reason or f"{used} of {reserved} set aside were used"
        balance = _months(reservation.created_on)[0]
        return _enter(wanted, balance, by=by, at=at, credits_reserved=-reserved, credits_consumed=used)


def _months(at: datetime) -> QuerySet[CreditBalance]:
    """The balances that end after this moment; the first is the one in which a change at this moment counts."""
    return CreditBalance.objects.filter(next_reset_on__gt=at).order_by("next_reset_on")


def _balance_of_month(at: datetime) -> CreditBalance:
    """The balance in which a change at this moment counts; made when it is the first of its month."""
    return _months(at).first() or _open_month(at)


def _open_month(at: datetime) -> CreditBalance:
    facts = scoping.only_tenant()
    start = month_of(at, facts.time_zone)
    former = CreditBalance.objects.order_by("-period_start").first()
    if former and former.period_end >= start:  # the client moved to a time zone further west as its month ended
        start = former.period_end + timedelta(days=1)
    following = (start + timedelta(days=31)).replace(day=1)
    return CreditBalance.objects.create(
        tenant_id=facts.id,
        period_start=start,
        period_end=following - timedelta(days=1),
        next_reset_on=datetime.combine(following, time(), ZoneInfo(facts.time_zone)),
        created_on=at,
    )


def _enter(
    entry: CreditLedgerEntry, balance: CreditBalance, *, by: Actor, at: datetime, **changes: int
) -> CreditLedgerEntry:
    """Change the columns of the balance by `changes` and write the entry, or refuse and leave everything as it is."""
    enough = CreditBalance.objects.alias(left=AVAILABLE).filter(pk=balance.pk, left__gte=-entry.amount)
    changed = enough.update(
        **{column: F(column) + change for column, change in changes.items()}, **touched(CreditBalance, by=by, at=at)
    )
    if not changed:
        raise NotEnoughCredits
    balance.refresh_from_db()
    entry.tenant_id, entry.balance_after = balance.tenant_id, balance.available
    entry.created_by, entry.created_on = by.user, at
    entry.save(force_insert=True)
    journal.record(
        f"credits.{entry.entry_type}",
        balance,
        by=by,
        at=at,
        before={"available": balance.available - entry.amount},
        after={"available": balance.available, "entry": entry.ref_id},
    )
    return entry

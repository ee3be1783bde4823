"""Row locks in one fixed order, so that approve, publish and cancel never wait for each other in a circle.

The order, top to bottom: tenant, its counters, credits' orders, unit, activity, approval, subject, channel, attempt,
period, goal. A unit and its steps lie in one table; the unit's id is older, and rows of one table are locked by id, so
it comes first by itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, models, transaction

P = ParamSpec("P")
R = TypeVar("R")

TIMES = 3
GIVEN_UP = {
    "40001",
    "40P01",
}  # a serialization failure, a deadlock: PostgreSQL undid this transaction for another's sake

ORDER = (
    "tenants",
    "spend_counters",
    "credit_topup_orders",
    "activities",
    "approvals",
    "onboarding_runs",
    "strategies",
    "blog_requests",
    "blog_posts",
    "social_media_requests",
    "social_posts",
    "channels",
    "publish_attempts",
    "deliverable_periods",
    "goals",
)


def take(*rows: models.Model | None) -> list[Any]:
    """Lock these rows and return them fresh, in the order given; None stays None. Needs an open transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A lock outside a transaction is gone at once.")
    fresh: dict[Any, models.Model] = {}
    for row in sorted((row for row in rows if row is not None), key=_rank):
        fresh[row.pk] = type(row).objects.select_for_update(of=("self",)).get(pk=row.pk)
    return [None if row is None else fresh[row.pk] for row in rows]


def _rank(row: models.Model) -> tuple:
    return ORDER.index(row._meta.db_table), row.pk


def take_turns(what: str) -> None:
    """One runner at a time does this, over all processes, until its transaction ends; the others wait for it."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A lock outside a transaction is gone at once.")
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])


def repeated(call: Callable[[], R]) -> R:
    """Run it; when PostgreSQL gives it up for the sake of another, run the whole of it again, three times at most.

    Inside of an open transaction it is not run again, because that one is lost with it.
    """
    for attempt in range(1, TIMES + 1):
        try:
            return call()
        except OperationalError as error:
            sqlstate = getattr(error.__cause__, "sqlstate", None)
            if attempt == TIMES or sqlstate not in GIVEN_UP or transaction.get_connection().in_atomic_block:
                raise
    raise AssertionError("unreachable")


def repeatable(operation: Callable[P, R]) -> Callable[P, R]:
    """An operation that is one transaction and changes nothing else, `repeated`."""

    @wraps(operation)
    def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        return repeated(lambda: operation(*args, **kwargs))

    return whole

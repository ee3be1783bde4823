"""Row locks in one fixed order, so that approve, publish and cancel never wait for each other in a circle.

The order, top to bottom: tenant counters, credits' orders, unit, activity, approval, subject, attempt, period, goal. A
unit and its steps lie in one table; the unit's id is older, and rows of one table are locked by id, so it comes first by
itself.
"""

from typing import Any

from django.db import models, transaction

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

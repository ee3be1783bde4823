"""What PostgreSQL does for the product, against the plain statement on the same rows."""

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from apps.activities.api.serializers import ActivitySerializer
from apps.activities.api.views import ActivityViewSet
from apps.activities.engine.claim import claim
from apps.activities.models import Activity, ActivityLease
from apps.activities.seeds import BLOG_POSTS
from apps.shared.ids import spell
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants.models import Tenant

from . import data, noop
from .rounds import Pair

PAGE = 25  # rows of a page of the API unless asked otherwise

RAW_CLAIM = """
UPDATE activities SET status = 'in_progress', started_on = statement_timestamp(), updated_on = statement_timestamp()
 WHERE id IN (
  SELECT id FROM activities
   WHERE assignee_type = 'agent' AND status = 'assigned' AND deleted_on IS NULL AND ready_on <= statement_timestamp()
   ORDER BY assignee_agent_role, ready_on, ref_id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id
"""
NEXT_OF_BARE_QUEUE = """
SELECT id FROM bench_queue WHERE status = 'assigned' AND ready_on <= statement_timestamp()
 ORDER BY ready_on, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
TAKE_FROM_BARE_QUEUE = "UPDATE bench_queue SET status = 'in_progress', taken_by = %(worker)s WHERE id = %(id)s"
TASKS = 500  # for Celery
COLUMNS = ", ".join(f.column for f in Activity._meta.concrete_fields if f.column != "ref_id")
SAME_ACTIVITIES = f"INSERT INTO activities ({COLUMNS}) SELECT {COLUMNS} FROM bench_activities"
SAME_ORDER = """
INSERT INTO activity_dependencies (id, tenant_id, created_on, activity_id, depends_on_id)
SELECT id, tenant_id, created_on, activity_id, depends_on_id FROM bench_dependencies
"""


def from_activities(_: str):
    with connection.cursor() as cursor:
        cursor.execute(RAW_CLAIM)
        ((taken,),) = cursor.fetchall()
    return taken


def from_bare_queue(worker: str):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NEXT_OF_BARE_QUEUE)
        ((taken,),) = cursor.fetchall()
        cursor.execute(TAKE_FROM_BARE_QUEUE, {"id": taken, "worker": worker})
    return taken


# What only takes a row: no lease, no run, no limit per role, no priority, no turn per client. By name: what is prepared
# for so many rows that are due, and what is done, given how each worker takes its share.
CLAIM_FLOORS: dict[str, tuple[Callable, Callable]] = {
    "bare UPDATE … SKIP LOCKED of the same": (lambda due: None, lambda taken: len(set(taken(from_activities)))),
    "SELECT … SKIP LOCKED, UPDATE of a bare queue": (data.bare_queue, lambda taken: len(set(taken(from_bare_queue)))),
    "Celery tasks that do nothing": (lambda due: noop.fill(TASKS), lambda taken: noop.work_off(TASKS)),
}


def claims(pool: ThreadPoolExecutor, *, workers: int, due: int, per_worker: int, floor: str) -> Pair:
    """`engine.claim` beside one of CLAIM_FLOORS."""
    prepare_floor, do_floor = CLAIM_FLOORS[floor]

    def product(worker: str):
        taken = claim(worker)
        assert taken is not None, "Less work is due than the bench takes."
        return taken.activity_id

    def taken(take) -> list:
        lists = pool.map(lambda number: [take(f"bench-{number}") for _ in range(per_worker)], range(workers))
        return [activity for one in lists for activity in one]

    def check() -> None:
        found = taken(product)
        assert len(set(found)) == workers * per_worker, "A row was claimed twice."
        with every_tenant(reason="the bench counts all claims"):
            assert set(ActivityLease.objects.values_list("activity_id", flat=True)) == set(found)
            assert Activity.objects.filter(status="in_progress").count() == len(found)
        prepare()
        assert do_floor(taken) in (workers * per_worker, TASKS)

    def prepare() -> None:
        data.as_owner("DELETE FROM activity_runs")
        data.as_owner("DELETE FROM activity_leases")
        data.as_owner(
            "UPDATE activities SET status = 'assigned' WHERE status = 'in_progress' AND assignee_agent_role = %(role)s",
            role=data.ROLE,
        )
        data.as_owner("VACUUM (ANALYZE) activities")
        data.as_owner("VACUUM (ANALYZE) activity_leases")
        prepare_floor(due)

    return Pair(
        f"claims, {workers} worker{'s' if workers > 1 else ''}, {due:,} due",
        floor,
        lambda: len(taken(product)),
        lambda: do_floor(taken),
        check,
        prepare,
    )


def planner(tenants: list[Tenant], *, per_round: int, with_order: bool) -> Pair:
    """A month by the command `plan_periods`, beside INSERT … SELECT of the same rows; each time for other clients.

    The floor inserts what the plan before it made, under other ids: the rows of `activities` alone or, `with_order`,
    those of `activity_dependencies` too, which is all there is of the units. The product writes the periods and the
    journal besides.
    """
    waiting, promised, planned = list(tenants), list[Tenant](), list[Tenant]()
    rows_each = data.PLANNED_UNITS * (len(BLOG_POSTS.steps) + 1)

    def promise() -> None:
        if not promised:
            promised.extend(waiting.pop() for _ in range(per_round))
            data.promises(promised)
        if planned:
            data.planned_anew(planned)

    def command() -> int:
        units = plan_periods()
        if promised:
            planned[:], promised[:] = promised, []
        return units

    def check() -> None:
        assert command() == per_round * data.PLANNED_UNITS
        for tenant in planned:
            with tenant_scope(tenant.facts):
                assert Activity.objects.count() == rows_each
        assert command() == 0, "A second run made something."
        promise()
        assert insert_again(with_order=with_order) == per_round * rows_each

    return Pair(
        "activities planned" + (" with their order" if with_order else ""),
        "one INSERT … SELECT of the same" + (" and of the order" if with_order else ""),
        lambda: command() * (len(BLOG_POSTS.steps) + 1),
        lambda: insert_again(with_order=with_order),
        check,
        promise,
        note=f"{per_round} clients of {data.PLANNED_UNITS} units of {len(BLOG_POSTS.steps)} steps",
    )


def plan_periods() -> int:
    said = io.StringIO()
    call_command("plan_periods", stdout=said)
    return int(said.getvalue().split()[0])


def insert_again(*, with_order: bool) -> int:
    """What `planned_anew` prepared, in one transaction. Returns the activities."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL statement_timeout = 0"
        )  # one statement for a whole month outlasts what pages may take
        cursor.execute(SAME_ACTIVITIES)
        inserted = cursor.rowcount
        if with_order:
            cursor.execute(SAME_ORDER)
    return inserted


MONTHS = 3  # in turns with their floor, of which the middle one is told


def whole_month(clients: int) -> str:
    """Months of so many clients by one command, in turns with the INSERT … SELECT of their rows; a sentence.

    Raises AssertionError if units are missing, or if a second run adds some.
    """
    ratios, told = [], {}
    with transactions_timed() as lasted:
        for number in range(MONTHS):
            tenants = data.clients(f"month{number}x", clients)
            data.promises(tenants)
            data.analyse()
            begun, began = len(lasted), time.perf_counter()
            units = plan_periods()
            seconds, transactions = time.perf_counter() - began, lasted[begun:]
            assert units == clients * data.PLANNED_UNITS
            assert plan_periods() == 0, "A second run made something."
            data.planned_anew(tenants)
            began = time.perf_counter()
            activities = insert_again(with_order=True)
            floor = time.perf_counter() - began
            assert activities == units * (len(BLOG_POSTS.steps) + 1)
            ratios.append(seconds / floor)
            told[ratios[-1]] = (
                f"planned in {seconds:.1f} s, {ratios[-1]:.2f} × one INSERT … SELECT of the same rows ({floor:.1f} s); "
                f"{len(transactions)} transactions, the longest {max(transactions):.2f} s"
            )
            print(f"  {told[ratios[-1]]}", file=sys.stderr, flush=True)
    middle = sorted(ratios)[len(ratios) // 2]
    return (
        f"{clients:,} clients, {activities:,} activities and their order {told[middle]} "
        f"(the middle of {MONTHS} months, {min(ratios):.2f} to {max(ratios):.2f})."
    )


@contextmanager
def transactions_timed() -> Iterator[list[float]]:
    """How long each transaction lasts, its commit included, on whichever connection."""
    lasted: list[float] = []
    wrapper = type(connections[DEFAULT_DB_ALIAS])
    switch, begun = wrapper.set_autocommit, threading.local()

    def watched(self, autocommit, *args, **options):
        if not autocommit:
            begun.at = time.perf_counter()
        switch(self, autocommit, *args, **options)
        if autocommit and hasattr(begun, "at"):
            lasted.append(time.perf_counter() - begun.at)

    wrapper.set_autocommit = watched
    try:
        yield lasted
    finally:
        wrapper.set_autocommit = switch


def list_page(name: str, tenant: Tenant, *, after: int, pages: int) -> Pair:
    """The rows of one page of the API's activity list, beside the same statement without the ORM."""
    with tenant_scope(tenant.facts):
        ref_ids = list(Activity.objects.order_by("ref_id").values_list("ref_id", flat=True)[: after + PAGE + 1])
    expected = ref_ids[after:]

    def rows():
        found = ActivityViewSet().get_queryset().only(*ActivitySerializer.columns()).order_by("ref_id")
        return (found.filter(ref_id__gt=ref_ids[after - 1]) if after else found)[: PAGE + 1]

    with tenant_scope(tenant.facts):
        statement, values = rows().query.sql_with_params()

    def product() -> list[str]:
        with tenant_scope(tenant.facts):
            return [row.ref_id for row in rows()]

    def plain() -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def check() -> None:
        assert product() == expected
        for ref_id, row in zip(expected, plain(), strict=True):
            assert ref_id in [spell(value) for value in row if isinstance(value, UUID)]

    return Pair(
        f"list page, {name}",
        "the same SQL by cursor",
        lambda: sum(bool(product()) for _ in range(pages)),
        lambda: sum(bool(plain()) for _ in range(pages)),
        check,
        note=plan_of(statement, values),
    )


def plan_of(statement: str, values) -> str:
    """Which indexes the statement uses on activities, and how many rows it reads there to throw them away."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", values)
        (found,) = cursor.fetchone()
    (root,) = json.loads(found) if isinstance(found, str) else found
    used, removed, left = [], 0, [root["Plan"]]
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        if node.get("Relation Name") == "activities":
            used.append(node.get("Index Name") or node["Node Type"])
            removed += node.get("Rows Removed by Filter", 0)
    return f"{', '.join(used)}; {removed} rows read in vain"

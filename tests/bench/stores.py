"""What PostgreSQL does for the product, against the plain statement on the same rows."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.core.management import call_command
from django.db import connection, transaction

from apps.activities.api.serializers import ActivitySerializer
from apps.activities.api.views import ActivityViewSet
from apps.activities.engine.claim import claim
from apps.activities.models import Activity, ActivityLease
from apps.activities.seeds import BLOG_POSTS
from apps.shared.ids import spell
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants.models import Tenant

from . import data
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
COLUMNS = ", ".join(f.column for f in Activity._meta.concrete_fields if f.column != "ref_id")
SAME_ACTIVITIES = f"INSERT INTO activities ({COLUMNS}) SELECT {COLUMNS} FROM bench_activities"
SAME_ORDER = """
INSERT INTO activity_dependencies (id, tenant_id, created_on, activity_id, depends_on_id)
SELECT id, tenant_id, created_on, activity_id, depends_on_id FROM bench_dependencies
"""


def claims(pool: ThreadPoolExecutor, *, workers: int, due: int, per_worker: int) -> Pair:
    """`engine.claim` beside a bare UPDATE that only takes the row: no lease, no run, no limit per role, no priority."""

    def raw(_: str):
        with connection.cursor() as cursor:
            cursor.execute(RAW_CLAIM)
            (row,) = cursor.fetchall()
        return row[0]

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
        put_back()
        assert len(set(taken(raw))) == workers * per_worker

    def put_back() -> None:
        data.as_owner("DELETE FROM activity_runs")
        data.as_owner("DELETE FROM activity_leases")
        data.as_owner(
            "UPDATE activities SET status = 'assigned' WHERE status = 'in_progress' AND assignee_agent_role = %(role)s",
            role=data.ROLE,
        )
        data.as_owner("VACUUM (ANALYZE) activities")
        data.as_owner("VACUUM (ANALYZE) activity_leases")

    return Pair(
        f"claims, {workers} worker{'s' if workers > 1 else ''}, {due:,} due",
        "bare UPDATE … SKIP LOCKED",
        lambda: len(taken(product)),
        lambda: len(taken(raw)),
        check,
        put_back,
    )


def planner(tenants: list[Tenant], *, per_round: int, with_order: bool) -> Pair:
    """A month by the command `plan_periods`, beside INSERT … SELECT of the same rows; each time for other clients.

    The floor inserts what the plan before it made, under other ids: the activities alone or, `with_order`, their
    dependencies too. The product writes the periods and the journal besides.
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
        said = io.StringIO()
        call_command("plan_periods", stdout=said)
        if promised:
            planned[:], promised[:] = promised, []
        return int(said.getvalue().split()[0])

    def insert() -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SAME_ACTIVITIES)
            inserted = cursor.rowcount
            if with_order:
                cursor.execute(SAME_ORDER)
        return inserted

    def check() -> None:
        assert command() == per_round * data.PLANNED_UNITS
        for tenant in planned:
            with tenant_scope(tenant.facts):
                assert Activity.objects.count() == rows_each
        assert command() == 0, "A second run made something."
        promise()
        assert insert() == per_round * rows_each

    return Pair(
        "activities planned" + (" with their order" if with_order else ""),
        "one INSERT … SELECT of the same" + (" and of the order" if with_order else ""),
        lambda: command() * (len(BLOG_POSTS.steps) + 1),
        insert,
        check,
        promise,
        note=f"{per_round} clients of {data.PLANNED_UNITS} units of {len(BLOG_POSTS.steps)} steps",
    )


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

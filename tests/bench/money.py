"""Model calls by several processes at once, and what every sum says afterwards: to the last digit the same."""

import multiprocessing
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

from django.db import connection, connections
from django.utils import timezone

from apps.activities.engine.claim import claim
from apps.activities.models import Activity, ActivityRun
from apps.activities.operations import record_call
from apps.activities.operations.runs import Claim
from apps.billing import operations as billing
from apps.shared.actors import Actor
from apps.shared.scoping import TenantFacts, every_tenant, tenant_scope
from apps.tenants.models import Tenant

from . import data

CLIENTS, RUNS_EACH, PROCESSES = 4, 5, 4
CAP = Decimal(900_000)
MOST = Decimal("0.25")  # is set aside for each call, as `most` of a price would
NEVER_LEFT = 50  # one in so many calls is released unsent
BY = Actor.agent(data.ROLE)

# By counter: what it says, what the reservations and what the calls behind it add up to, and what it still holds reserved.
SUMS = """
WITH closed AS (SELECT * FROM spend_reservations WHERE status = 'settled'),
call AS (SELECT c.tenant_id, c.agent_role, c.cost_usd, a.ref_id AS activity_ref FROM llm_calls c
           JOIN activity_runs r ON r.tenant_id = c.tenant_id AND r.id = c.activity_run_id
           JOIN activities a ON a.tenant_id = r.tenant_id AND a.id = r.activity_id)
SELECT s.scope, s.settled_usd, s.reserved_usd,
       (SELECT coalesce(sum(r.settled_usd), 0) FROM closed r
         WHERE r.tenant_id = s.tenant_id AND s.scope_key IN ('', r.agent_role, r.activity_ref)
           AND (s.month IS NULL OR s.month = r.month)),
       (SELECT coalesce(sum(c.cost_usd), 0) FROM call c
         WHERE c.tenant_id = s.tenant_id AND s.scope_key IN ('', c.agent_role, c.activity_ref))
  FROM spend_counters s
"""
COLUMNS = """
SELECT t.current_month_spend_usd, (SELECT sum(cost_usd) FROM llm_calls c WHERE c.tenant_id = t.id)
  FROM tenants t WHERE t.slug = ANY(%(slugs)s)
"""


@dataclass(frozen=True)
class Work:
    """A claimed run that asks its model again and again."""

    client: TenantFacts
    claim: Claim
    activity_ref: str
    run_ref: str


def spend(calls: int) -> str:
    """So many calls through `reserve` and `record_call`; what was found, as a sentence. AssertionError if a sum differs."""
    works = _works()

    def one(number: int, lots: Random) -> None:
        work = works[number % len(works)]
        with tenant_scope(work.client):
            began = timezone.now()
            reservation = billing.reserve(
                amount_usd=MOST,
                activity_ref=work.activity_ref,
                run_ref=work.run_ref,
                agent_role=data.ROLE,
                model_id=work.claim.model_id,
                activity_cap_usd=CAP,
                role_cap_usd=CAP,
                ends_by=began + timedelta(minutes=5),
                at=began,
            )
            if number % NEVER_LEFT == 0:
                billing.release(reservation, by=BY, at=timezone.now())
                return
            record_call(
                work.claim,
                reservation,
                prompt_hash="0" * 64,
                response_hash="1" * 64,
                input_tokens=1_000,
                cached_input_tokens=0,
                output_tokens=100,
                cost_usd=Decimal(lots.randrange(1, 250_000)) / 1_000_000,
                input_usd_per_million=Decimal(3),
                output_usd_per_million=Decimal(15),
                duration_ms=1,
                started_on=began,
                by=BY,
                at=timezone.now(),
            )

    def share(first: int) -> None:
        lots = Random(first)
        try:
            for number in range(first, calls, PROCESSES):
                one(number, lots)
        finally:
            connections.close_all()

    connections.close_all()  # a connection has one process
    began = time.monotonic()
    started = [multiprocessing.get_context("fork").Process(target=share, args=(n,)) for n in range(PROCESSES)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * PROCESSES
    seconds = time.monotonic() - began
    rate = calls / seconds
    return f"{calls:,} calls by {PROCESSES} processes in {seconds:,.0f} s ({rate:,.0f} per second). {_checked(calls)}"


def _works() -> list[Work]:
    clients = data.clients("spender", CLIENTS)
    Tenant.objects.filter(pk__in=[client.pk for client in clients]).update(monthly_spend_cap_usd=CAP)
    data.due_work(clients, RUNS_EACH)
    facts = {client.pk: client.facts for client in clients}
    works = []
    with every_tenant(reason="the bench claims the work of all its clients"):
        for number in range(CLIENTS * RUNS_EACH):
            taken = claim(f"bench-{number}")
            assert taken is not None
            activity, run = Activity.objects.get(pk=taken.activity_id), ActivityRun.objects.get(pk=taken.run_id)
            works.append(Work(facts[taken.tenant_id], taken, activity.ref_id, run.ref_id))
    assert {work.client.slug for work in works} == set(data.slugs(clients))
    return works


def _checked(calls: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(SUMS)
        counters = cursor.fetchall()
        cursor.execute(COLUMNS, {"slugs": [f"spender-{number}" for number in range(1, CLIENTS + 1)]})
        columns = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM llm_calls")
        (recorded,) = cursor.fetchone()
    assert recorded == calls - -(-calls // NEVER_LEFT)
    assert len(counters) == CLIENTS * (2 + RUNS_EACH)
    for scope, settled, reserved, of_reservations, of_calls in counters:
        assert settled == of_reservations == of_calls, (scope, settled, of_reservations, of_calls)
        assert reserved == 0, (scope, reserved)
    for column, of_calls in columns:
        assert column == of_calls, (column, of_calls)
    spent = sum(cost for _, cost in columns)
    return (
        f"tenants.current_month_spend_usd, {len(counters)} counters, the settled reservations and {recorded:,} rows of llm_calls "
        f"agree to the last digit ({spent} USD)."
    )

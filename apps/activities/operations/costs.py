"""What models cost by day: counted again from the calls, so any number of rounds gives the same rows."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max, Min

from apps.shared import locks
from apps.shared.scoping import TenantFacts

from ..models import LlmCall, LlmCostDaily

A_DAY = timedelta(days=1)

# Rows that are there count as nothing themselves: one whose calls now belong to another day goes down to zero.
ROLL_UP = """
INSERT INTO llm_cost_daily AS held
       (id, tenant_id, created_on, day, agent_role, adapter_type, model_id, calls, input_tokens, cached_input_tokens,
        output_tokens, cost_usd)
SELECT ulid_uuid(), %(tenant)s, %(at)s, day, agent_role, adapter_type, model_id, sum(calls), sum(input_tokens),
       sum(cached_input_tokens), sum(output_tokens), sum(cost_usd)
  FROM (SELECT (created_on AT TIME ZONE %(zone)s)::date AS day, agent_role, adapter_type, model_id, 1 AS calls,
               input_tokens, cached_input_tokens, output_tokens, cost_usd
          FROM llm_calls
         WHERE tenant_id = %(tenant)s AND created_on >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
           AND created_on < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
        UNION ALL
        SELECT day, agent_role, adapter_type, model_id, 0, 0, 0, 0, 0
          FROM llm_cost_daily WHERE tenant_id = %(tenant)s AND day BETWEEN %(first)s AND %(last)s) AS counted
 GROUP BY day, agent_role, adapter_type, model_id
ON CONFLICT (tenant_id, day, agent_role, adapter_type, model_id) DO UPDATE
   SET calls = excluded.calls, input_tokens = excluded.input_tokens, cached_input_tokens = excluded.cached_input_tokens,
       output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd, updated_on = excluded.created_on
 WHERE (held.calls, held.input_tokens, held.cached_input_tokens, held.output_tokens, held.cost_usd)
       IS DISTINCT FROM
       (excluded.calls, excluded.input_tokens, excluded.cached_input_tokens, excluded.output_tokens, excluded.cost_usd)
"""


def roll_up_costs(tenant: TenantFacts, *, first: date, last: date, at: datetime) -> int:
    """Make `llm_cost_daily` of these days, in the client's time zone, equal to its calls; how many rows were written."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.take_turns(f"llm_cost_daily {tenant.ref_id}")  # the later of two rounds must not have counted earlier
        cursor.execute(ROLL_UP, {"tenant": tenant.id, "zone": tenant.time_zone, "first": first, "last": last, "at": at})
        return cursor.rowcount


def catch_up_costs(tenant: TenantFacts, *, at: datetime, from_the_start: bool = False) -> int:
    """Roll up what may have changed: from the day before the last one that was rolled up until today.

    A call is written when it ends and counts for the day on which it began, hence the day before. `from_the_start` goes
    through all calls, for when the client's days themselves have moved.
    """
    zone = ZoneInfo(tenant.time_zone)
    today = at.astimezone(zone).date()
    rolled_up: date | None = LlmCostDaily.objects.aggregate(last=Max("day"))["last"]
    if rolled_up is None or from_the_start:
        begun: datetime | None = LlmCall.objects.aggregate(first=Min("created_on"))["first"]
        if begun is None:
            return 0
        first = begun.astimezone(zone).date()
    else:
        first = min(rolled_up, today)
    return roll_up_costs(tenant, first=first - A_DAY, last=max(rolled_up or today, today), at=at)

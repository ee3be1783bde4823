"""What agents do right now, over all clients in scope. Asked for again and again by open pages, so each answer is one
statement, whatever it is about: who works on what, what waits and why, what failed last, what may still be spent."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat, Now

from apps.billing import operations as billing
from apps.billing.models import SpendCounter
from apps.billing.statuses import CounterScope
from apps.shared.scoping import tenants_in_scope
from apps.tenants.statuses import TenantStatus

from .bodies import PUBLISHER
from .models import Activity, ActivityDependency, ActivityLease, ActivityRun, AgentConfig
from .queries import OUT_OF_MONEY
from .statuses import ActivityStatus, AssigneeType

MOST_RUNNING = 100  # more than all workers together ever have

OPEN_CLIENTS = (TenantStatus.TRIALING, TenantStatus.ACTIVE)
ASKS_A_PERSON = Q(
    depends_on__assignee_type=AssigneeType.HUMAN,
    depends_on__status__in=(ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS, ActivityStatus.AWAITING_APPROVAL),
)

# Why an agent's step is not being worked on, in the order in which people can do something about it.
CLIENT_CLOSED, ROLE_OFF, CAP_REACHED, PERSON = "client_closed", "role_off", "cap_reached", "person"
BACK_OFF, SCHEDULED, ROLE_BUSY, READY, EARLIER_STEPS = "back_off", "scheduled", "role_busy", "ready", "earlier_steps"


def _of_activity(counted: str) -> Coalesce:
    """What the model calls of all attempts at this activity came to so far."""
    counters = SpendCounter.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        scope=CounterScope.ACTIVITY,
        scope_key=Cast(OuterRef("ref_id"), TextField()),
        month__isnull=True,
    )
    return Coalesce(Subquery(counters.values(counted)[:1]), Value(Decimal(0)), output_field=DecimalField())


def _lease(of: str) -> Subquery:
    return Subquery(ActivityLease.objects.filter(activity=OuterRef("pk")).values(of)[:1])


def running() -> QuerySet[Activity]:
    """Steps under way, the longest first: `attempt`, `since`, `is_alive` (its lease is renewed), `spent_usd`, `reserved_usd`."""
    alive = ActivityLease.objects.filter(activity=OuterRef("pk"), expires_on__gte=Now())
    rows = Activity.objects.filter(assignee_type=AssigneeType.AGENT, status=ActivityStatus.IN_PROGRESS)
    return (
        rows.select_related("tenant", "parent_activity")
        .annotate(
            attempt=_lease("attempt"),
            since=_lease("leased_on"),
            is_alive=Exists(alive),
            spent_usd=_of_activity("settled_usd"),
            reserved_usd=_of_activity("reserved_usd"),
        )
        .order_by("since", "ref_id")[:MOST_RUNNING]
    )


def queued() -> QuerySet[Activity]:
    """Agents' steps that are ready or wait for one thing only, to be ordered by `ready_on, ref_id`; see `why_waiting`."""
    after_a_person = ActivityDependency.objects.filter(ASKS_A_PERSON).values("activity_id")
    config = AgentConfig.objects.filter(agent_role=OuterRef("assignee_agent_role"), tenant_id=OuterRef("tenant_id"))
    at_once = (
        ActivityLease.objects.filter(
            expires_on__isnull=False,
            tenant_id=OuterRef("tenant_id"),
            activity__assignee_agent_role=OuterRef("assignee_agent_role"),
        )
        .order_by()
        .values("tenant_id")
        .annotate(at_once=Count("pk"))
        .values("at_once")
    )
    last_error = ActivityRun.objects.filter(activity=OuterRef("pk")).order_by("-attempt").values("error")[:1]
    return (
        Activity.objects.filter(
            Q(status=ActivityStatus.ASSIGNED) | Q(status=ActivityStatus.CREATED, pk__in=after_a_person),
            assignee_type=AssigneeType.AGENT,
        )
        .select_related("tenant", "parent_activity")
        .annotate(
            role_limit=Subquery(config.filter(is_enabled=True).values("max_concurrent")[:1]),
            role_at_once=Coalesce(Subquery(at_once), 0),
            attempt=_lease("attempt"),
            last_error=Subquery(last_error),
        )
    )


def why_waiting(step: Activity, *, at: datetime) -> str:
    """The reason of a row of `queued`; the same rules as DEPTH."""
    if step.tenant.status not in OPEN_CLIENTS:
        return CLIENT_CLOSED
    has_model = step.assignee_agent_role != PUBLISHER and not step.assignee_agent_role.startswith("system.")
    limit = step.role_limit if has_model else 1  # type: ignore[attr-defined]  # annotated by `queued`
    if not limit:
        return ROLE_OFF
    if step.status == ActivityStatus.CREATED:
        return PERSON
    if step.ready_on > at:
        if (step.last_error or "").startswith(OUT_OF_MONEY):  # type: ignore[attr-defined]
            return CAP_REACHED
        return BACK_OFF if step.attempt else SCHEDULED  # type: ignore[attr-defined]
    return ROLE_BUSY if has_model and step.role_at_once >= limit else READY  # type: ignore[attr-defined]


# How deep the queue is. What stands before a person's turn is told apart from what stands before other agents' steps.
DEPTH = """
WITH at_work AS (
  SELECT l.tenant_id, b.assignee_agent_role AS role, count(*) AS at_once
    FROM activity_leases l
    JOIN activities b ON b.tenant_id = l.tenant_id AND b.id = l.activity_id
   WHERE l.tenant_id = ANY(%(tenants)s) AND l.expires_on IS NOT NULL
   GROUP BY l.tenant_id, b.assignee_agent_role),
after_a_person AS (
  SELECT DISTINCT d.tenant_id, d.activity_id
    FROM activity_dependencies d
    JOIN activities p ON p.tenant_id = d.tenant_id AND p.id = d.depends_on_id
   WHERE d.tenant_id = ANY(%(tenants)s) AND p.deleted_on IS NULL AND p.assignee_type = 'human'
     AND p.status IN ('assigned', 'in_progress', 'awaiting_approval')),
placed AS (
  SELECT a.tenant_id, a.assignee_agent_role AS role,
         CASE
           WHEN a.status = 'in_progress' THEN 'running'
           WHEN t.status NOT IN ('trialing', 'active') THEN 'client_closed'
           WHEN has_model AND (c.id IS NULL OR NOT c.is_enabled OR c.max_concurrent = 0) THEN 'role_off'
           WHEN a.status = 'created' THEN CASE WHEN h.activity_id IS NULL THEN 'earlier_steps' ELSE 'person' END
           WHEN a.ready_on > %(at)s AND r.error LIKE %(out_of_money)s THEN 'cap_reached'
           WHEN a.ready_on > %(at)s AND l.attempt IS NOT NULL THEN 'back_off'
           WHEN a.ready_on > %(at)s THEN 'scheduled'
           WHEN has_model AND coalesce(w.at_once, 0) >= c.max_concurrent THEN 'role_busy'
           ELSE 'ready'
         END AS reason
    FROM activities a
    JOIN tenants t ON t.id = a.tenant_id
   CROSS JOIN LATERAL (SELECT a.assignee_agent_role NOT LIKE 'system.%%' AND a.assignee_agent_role <> %(publisher)s AS has_model) m
    LEFT JOIN agent_configs c ON c.tenant_id = a.tenant_id AND c.agent_role = a.assignee_agent_role
    LEFT JOIN at_work w ON w.tenant_id = a.tenant_id AND w.role = a.assignee_agent_role
    LEFT JOIN after_a_person h ON h.tenant_id = a.tenant_id AND h.activity_id = a.id
    LEFT JOIN activity_leases l ON l.tenant_id = a.tenant_id AND l.activity_id = a.id AND a.status = 'assigned'
    LEFT JOIN activity_runs r ON r.tenant_id = a.tenant_id AND r.activity_id = a.id AND r.attempt = l.attempt
   WHERE a.tenant_id = ANY(%(tenants)s) AND a.deleted_on IS NULL AND a.assignee_type = 'agent'
     AND a.status IN ('created', 'assigned', 'in_progress'))
SELECT tenant_id, role, reason, count(*) FROM placed GROUP BY tenant_id, role, reason
"""


def depth(at: datetime) -> dict[tuple[UUID, str], dict[str, int]]:
    """By (tenant id, agent role): how many steps are `running`, and how many wait for each reason."""
    found: dict[tuple[UUID, str], dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            DEPTH, {"tenants": _in_scope(), "publisher": PUBLISHER, "at": at, "out_of_money": f"{OUT_OF_MONEY}%"}
        )
        for tenant_id, role, reason, count in cursor.fetchall():
            found.setdefault((tenant_id, role), {})[reason] = count
    return found


@dataclass(frozen=True)
class Cap:
    """What a client's model calls may cost this month, and what they do; its month is that of its own time zone."""

    spent_usd: Decimal
    reserved_usd: Decimal
    cap_usd: Decimal

    @property
    def is_reached(self) -> bool:
        return self.spent_usd + self.reserved_usd >= self.cap_usd

    @property
    def is_near(self) -> bool:
        return self.spent_usd + self.reserved_usd >= self.cap_usd * billing.NEAR_CAP


CAPS = """
SELECT t.id, coalesce(s.settled_usd, 0), coalesce(s.reserved_usd, 0), coalesce(t.monthly_spend_cap_usd, %(default)s)
  FROM tenants t
  LEFT JOIN spend_counters s ON s.tenant_id = t.id AND s.scope = 'tenant' AND s.scope_key = ''
                            AND s.month = date_trunc('month', %(at)s AT TIME ZONE t.timezone)::date
 WHERE t.id = ANY(%(tenants)s)
"""


def caps(at: datetime) -> dict[UUID, Cap]:
    """By tenant id."""
    with connection.cursor() as cursor:
        cursor.execute(CAPS, {"tenants": _in_scope(), "at": at, "default": Decimal(settings.DEFAULT_MONTHLY_CAP_USD)})
        return {tenant_id: Cap(spent, reserved, cap) for tenant_id, spent, reserved, cap in cursor.fetchall()}


def failed(*, limit: int) -> list[Activity]:
    """Agents' steps that failed, the newest first, each with `told`: the error as the person who got the task about it has it."""
    task = Activity.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        origin_key=Concat(
            Value("escalation:"), Cast(OuterRef("ref_id"), TextField()), Value("/"), Cast(OuterRef("attempt"), TextField()),
            output_field=TextField(),
        ),
    )  # fmt: skip
    last_error = ActivityRun.objects.filter(activity=OuterRef("pk")).order_by("-attempt").values("error")[:1]
    rows = Activity.objects.filter(assignee_type=AssigneeType.AGENT, status=ActivityStatus.FAILED)
    return list(
        rows.select_related("tenant", "parent_activity")
        .annotate(attempt=_lease("attempt"))
        .annotate(
            told=Coalesce(
                Subquery(task.values("revision_note")[:1]), Subquery(last_error), Value(""), output_field=TextField()
            )
        )
        .order_by(F("updated_on").desc(nulls_last=True), "-ref_id")[:limit]
    )


def agents_with_spend(month) -> list[AgentConfig]:
    """The agents of the one client in scope by role, each with `spent_usd` of this month."""
    counters = SpendCounter.objects.filter(
        tenant_id=OuterRef("tenant_id"), scope=CounterScope.ROLE, scope_key=OuterRef("agent_role"), month=month
    )
    spent = Coalesce(Subquery(counters.values("settled_usd")[:1]), Value(Decimal(0)), output_field=DecimalField())
    return list(AgentConfig.objects.annotate(spent_usd=spent).order_by("agent_role"))


def _in_scope() -> list[UUID]:
    return [tenant.id for tenant in tenants_in_scope()]

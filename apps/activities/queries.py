"""Answers about work, approvals, runs and money."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.db.models.functions import Now
from pydantic import BaseModel

from apps import storage
from apps.billing.models import SpendCounter
from apps.billing.operations import month_of
from apps.shared.scoping import TenantFacts, every_tenant

from .models import Activity, ActivityRun, Approval, LlmCall
from .statuses import ActivityStatus, ApprovalStatus, AssigneeType

MONTHS_AHEAD = 3


def next_version(subject_ref: str) -> int:
    """The version number the next text of this subject gets. Two writers at once: the second is refused by MongoDB."""
    latest = storage.find(storage.ActivityOutput, {"subjectRef": subject_ref}, sort=[("version", -1)], limit=1)
    return latest[0][1].version + 1 if latest else 1


def metadata_of(output: BaseModel) -> dict:
    """The small facts of an answer that are kept beside its text."""
    values = output.model_dump(mode="json")
    return {name: value for name, value in values.items() if isinstance(value, (int, float, bool)) or _is_short(value)}


def _is_short(value) -> bool:
    if isinstance(value, str):
        return len(value) <= 500
    return isinstance(value, list) and len(value) <= 50 and all(isinstance(v, str) and len(v) <= 200 for v in value)


@dataclass(frozen=True)
class Version:
    """One version of a text, newest first in lists."""

    pointer: str
    version: int
    author_type: str
    change_note: str
    created_on: datetime


def versions_of(subject_ref: str) -> list[Version]:
    """The history people see: versions of finished runs and of people, newest first; what a dead worker left is left out."""
    found = storage.find(storage.ActivityOutput, {"subjectRef": subject_ref}, sort=[("version", -1)], limit=100)
    runs = {document.activityRunId for _, document in found if document.activityRunId}
    finished = set(ActivityRun.objects.filter(ref_id__in=runs, status="completed").values_list("ref_id", flat=True))
    return [
        Version(pointer, d.version, d.authorType, d.changeNote, d.createdOn)
        for pointer, d in found
        if d.authorType == "human" or d.activityRunId in finished
    ]


def text_of(pointer: str) -> str | None:
    """The text behind a pointer, or None while the store does not answer: the page then shows a placeholder."""
    if not pointer:
        return ""
    try:
        return storage.read_one(storage.ActivityOutput, pointer).text
    except storage.StorageUnavailable:
        return None


def output_of(unit: Activity, step_key: str) -> str:
    """The text another step of the same unit handed in; '' if it has none. Raises StorageUnavailable."""
    step = unit.steps.filter(pipeline_step=step_key).first()
    return storage.read_one(storage.ActivityOutput, step.output_ref).text if step and step.output_ref else ""


PRIORITY_RANK = Case(
    *(When(priority=priority, then=Value(rank)) for rank, priority in enumerate(("urgent", "high", "normal", "low"))),
    output_field=IntegerField(),
)


def waiting_approvals(*, required_role: str, user=None) -> QuerySet[Approval]:
    """Pending decisions of this role over all clients in scope, the soonest to expire first."""
    rows = Approval.objects.filter(status=ApprovalStatus.PENDING, required_role=required_role)
    if user is not None:
        rows = rows.filter(assigned_to=user)
    return rows.select_related("tenant", "activity", "activity__parent_activity", "assigned_to", "held_by").order_by(
        "expires_at", "ref_id"
    )


def tasks_of(user) -> QuerySet[Activity]:
    """Work of a person that is not a gate (QRY-human-queue), most urgent first."""
    return (
        Activity.objects.filter(
            assignee_type=AssigneeType.HUMAN,
            assignee_user=user,
            is_approval_gate=False,
            status__in=[ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS],
        )
        .select_related("tenant", "deliverable", "goal")
        .order_by(PRIORITY_RANK, "due_date", "ref_id")
    )


def runs_of(activity: Activity) -> list[ActivityRun]:
    return list(ActivityRun.objects.filter(activity=activity).order_by("-attempt"))


def live_run(activity: Activity) -> ActivityRun | None:
    return ActivityRun.objects.filter(activity=activity, status="running").order_by("-attempt").first()


@dataclass(frozen=True)
class Spend:
    """What model calls of a client cost this month."""

    settled_usd: Decimal
    reserved_usd: Decimal
    cap_usd: Decimal | None
    calls: int


def spend_of_month(tenant: TenantFacts, *, at: datetime) -> Spend:
    month = month_of(at, tenant.time_zone)
    counter = SpendCounter.objects.filter(scope="tenant", month=month).first()
    calls = LlmCall.objects.filter(created_on__gte=at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).count()
    if counter is None:
        return Spend(Decimal(0), Decimal(0), None, calls)
    return Spend(counter.settled_usd, counter.reserved_usd, counter.cap_usd, calls)


def has_due_work() -> bool:
    """Whether an agent could claim something now. Outside tenancy, for the sweep."""
    return Activity.objects.filter(
        assignee_type=AssigneeType.AGENT, status=ActivityStatus.ASSIGNED, ready_on__lte=Now()
    ).exists()


def ensure_partitions(at: datetime) -> int:
    """Make this month's partition of llm_calls and those of the months ahead; returns how many were missing."""
    made = 0
    with connection.cursor() as cursor:
        for ahead in range(MONTHS_AHEAD + 1):
            years, month = divmod(at.month - 1 + ahead, 12)
            cursor.execute("SELECT ensure_llm_calls_partition(%s)", [date(at.year + years, month + 1, 1)])
            made += bool(cursor.fetchone()[0])
    return made


QUEUE_STATE = """
WITH open AS (
  SELECT a.id, a.tenant_id, a.status, a.assignee_type, a.ready_on,
         (a.parent_activity_id IS NULL AND NOT a.input_data ? 'step' AND a.status IN ('created', 'in_progress')
          AND EXISTS (SELECT FROM activities c WHERE c.parent_activity_id = a.id)) AS is_unit,
         l.expires_on
    FROM activities a LEFT JOIN activity_leases l ON l.activity_id = a.id
   WHERE a.deleted_on IS NULL AND a.status NOT IN ('completed', 'cancelled', 'failed', 'approved', 'rejected'))
SELECT
  count(*) FILTER (WHERE status = 'assigned' AND assignee_type = 'agent' AND ready_on <= now()),
  count(*) FILTER (WHERE status = 'in_progress' AND assignee_type = 'agent' AND expires_on >= now()),
  count(*) FILTER (WHERE status = 'in_progress' AND assignee_type = 'agent' AND (expires_on < now() OR expires_on IS NULL)),
  count(*) FILTER (WHERE status = 'assigned' AND assignee_type = 'agent' AND ready_on > now()),
  count(*) FILTER (WHERE status = 'created' AND NOT is_unit),
  count(*) FILTER (WHERE assignee_type = 'human' AND status IN ('assigned', 'in_progress', 'awaiting_approval') AND NOT is_unit),
  coalesce(extract(epoch FROM now() - min(ready_on) FILTER (WHERE status = 'assigned' AND assignee_type = 'agent' AND ready_on <= now())), 0)
FROM open
"""


def queue_state(at: datetime) -> dict:
    """What waits where, over all tenants; `quiescent` when nothing will happen by itself any more."""
    with every_tenant(reason="operators look at the whole queue"), connection.cursor() as cursor:
        cursor.execute(QUEUE_STATE)
        due, claimed, expired, scheduled, blocked, human, oldest = cursor.fetchone()
        cursor.execute("SELECT status, count(*) FROM publish_attempts WHERE status IN ('prepared', 'sent', 'unknown') GROUP BY status")
        publish = {"prepared": 0, "sent": 0, "unknown": 0, **dict(cursor.fetchall())}
        cursor.execute("SELECT count(*) FROM spend_reservations WHERE status = 'open'")
        (reservations,) = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FILTER (WHERE consumer <> 'storage.relay_audit'), "
            "count(*) FILTER (WHERE consumer = 'storage.relay_audit') FROM journal_deliveries"
        )
        reactions, relay = cursor.fetchone()
    state = {
        "at": at.isoformat().replace("+00:00", "Z"),
        "due": due,
        "claimed": claimed,
        "expired_leases": expired,
        "scheduled": scheduled,
        "blocked": blocked,
        "human": human,
        "publish": publish,
        "reservations_open": reservations,
        "reactions_pending": reactions,
        "relay_pending": relay,
        "webhooks_pending": 0,
        "oldest_due_seconds": int(oldest),
    }
    pending = due + claimed + expired + sum(publish.values()) + reservations + reactions + relay
    return {**state, "quiescent": pending == 0}

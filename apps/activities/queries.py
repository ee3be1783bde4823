"""Answers about work, approvals, runs and money."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce, Now
from pydantic import BaseModel

from apps import storage
from apps.billing import operations as billing
from apps.billing.models import SpendCounter
from apps.billing.operations import NEAR_CAP, cap_of_month, month_of
from apps.channels.models import PublishAttempt
from apps.shared import locks
from apps.shared.schema_rules import months
from apps.shared.scoping import TenantFacts, every_tenant
from apps.strategy.models import OnboardingRun, Strategy
from apps.strategy.statuses import OnboardingStatus

from . import schedules, variables
from .bodies import PUBLISHER, TemplateVariable
from .models import Activity, ActivityRun, Approval, LlmCall, LlmProvider, RecurringTaskTemplate
from .models.work import ASKED_FOR
from .statuses import ActivityStatus, ApprovalStatus, AssigneeType, HumanRole, RunStatus, Trigger


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
    created_by: str = ""  # ref_id of the person; agents leave it empty


def versions_of(subject_ref: str) -> list[Version]:
    """The history people see: versions of finished runs and of people, newest first; what a dead worker left is left out."""
    found = storage.find(storage.ActivityOutput, {"subjectRef": subject_ref}, sort=[("version", -1)], limit=100)
    runs = {document.activityRunId for _, document in found if document.activityRunId}
    finished = set(ActivityRun.objects.filter(ref_id__in=runs, status="completed").values_list("ref_id", flat=True))
    return [
        Version(pointer, d.version, d.authorType, d.changeNote, d.createdOn, d.createdBy or "")
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
WAITS_FOR_A_PERSON = (
    ActivityStatus.CREATED,
    ActivityStatus.ASSIGNED,
    ActivityStatus.IN_PROGRESS,
    ActivityStatus.AWAITING_APPROVAL,
)


def waiting_approvals(*, required_role: str, user=None) -> QuerySet[Approval]:
    """Pending decisions of this role over all clients in scope, the soonest to expire first."""
    rows = Approval.objects.filter(status=ApprovalStatus.PENDING, required_role=required_role)
    if user is not None:
        rows = rows.filter(assigned_to=user)
    return rows.select_related("tenant", "activity", "activity__parent_activity", "assigned_to", "held_by").order_by(
        "expires_at", "ref_id"
    )


def title_of(approval: Approval) -> str:
    """What is decided on, in a line: the subject's own title, else that of its unit."""
    return approval.shown_snapshot["subject"].get("title") or approval.activity.unit.title


def opening_of(approval: Approval) -> str:
    """A line that says what is in it, from what is shown; '' where the subject has none."""
    subject = approval.shown_snapshot["subject"]
    return subject.get("meta_description") or subject.get("summary") or ""


def pending_about(subject_ref: str) -> Approval | None:
    """The open decision about a row, whosever turn it is."""
    return Approval.objects.filter(subject_ref=subject_ref, status=ApprovalStatus.PENDING).first()


@dataclass(frozen=True)
class UnitInWork:
    """A unit that is not finished, with its steps in order; `current` is the first that is not done."""

    unit: Activity
    steps: list[Activity]

    @property
    def current(self) -> Activity | None:
        done = (ActivityStatus.COMPLETED, ActivityStatus.CANCELLED)
        return next((step for step in self.steps if step.status not in done), None)

    @property
    def done_count(self) -> int:
        return sum(step.status == ActivityStatus.COMPLETED for step in self.steps)


def units_in_work(*, limit: int = 50) -> list[UnitInWork]:
    """The units under way of the clients in scope, oldest first."""
    units = list(
        Activity.objects.filter(
            status=ActivityStatus.IN_PROGRESS, parent_activity__isnull=True, origin_key__endswith="/unit"
        ).order_by("ref_id")[:limit]
    )
    return _with_steps(units)


def units_between(start: date, end: date, *, limit: int) -> list[UnitInWork]:
    """Units promised or asked for in these days and those still under way, the ones in work first."""
    of_period = Q(deliverable_period__period_start__lte=end, deliverable_period__period_end__gte=start)
    asked_for = Q(origin_key__startswith=ASKED_FOR, created_on__date__gte=start, created_on__date__lte=end)
    units = Activity.objects.filter(
        of_period | asked_for | Q(status=ActivityStatus.IN_PROGRESS),
        parent_activity__isnull=True,
        origin_key__endswith="/unit",
    )
    return _with_steps(
        list(units.order_by(Case(When(status=ActivityStatus.IN_PROGRESS, then=0), default=1), "ref_id")[:limit])
    )


def _with_steps(units: list[Activity]) -> list[UnitInWork]:
    steps: dict = {unit.id: [] for unit in units}
    for step in Activity.objects.filter(parent_activity__in=units).order_by("ref_id"):
        steps[step.parent_activity_id].append(step)
    return [UnitInWork(unit, steps[unit.id]) for unit in units]


def titled(approvals: QuerySet[Approval]) -> QuerySet[Approval]:
    """With `shown_title`, the title of what is decided on ('' where it has none), and without the rest of the snapshot."""
    subject = KeyTransform("subject", "shown_snapshot")
    return approvals.annotate(
        shown_title=Coalesce(KeyTextTransform("title", subject), Value(""), output_field=TextField())
    ).defer("shown_snapshot")


def following(approvals: QuerySet[Approval], after: Approval) -> QuerySet[Approval]:
    """Those that expire after this one, in order; `waiting_approvals` or a part of it."""
    return approvals.filter(
        Q(expires_at__gt=after.expires_at) | Q(expires_at=after.expires_at, ref_id__gt=after.ref_id)
    )


def preceding(approvals: QuerySet[Approval], before: Approval) -> QuerySet[Approval]:
    """Those that expire before this one, the nearest first."""
    earlier = Q(expires_at__lt=before.expires_at) | Q(expires_at=before.expires_at, ref_id__lt=before.ref_id)
    return approvals.filter(earlier).order_by("-expires_at", "-ref_id")


def decisions_on(subject_ref: str) -> list[Approval]:
    """Every approval ever asked for this subject, newest first."""
    approvals = Approval.objects.filter(subject_ref=subject_ref).select_related("decided_by", "assigned_to", "activity")
    return list(approvals.order_by("-ref_id")[:50])


@dataclass(frozen=True)
class ShownText:
    """The text an approval is bound to. `text` is None when it cannot be had, and `why_not` says why in a sentence."""

    text: str | None
    why_not: str = ""


def text_shown(approval: Approval) -> ShownText:
    """Exactly the text whose digest the approval carries, or the reason why it must not be approved now."""
    if not approval.content_ref:
        return ShownText("")
    try:
        body = storage.read_one(storage.ActivityOutput, approval.content_ref)
    except storage.StorageUnavailable:
        return ShownText(None, "The text cannot be loaded at the moment. Try again in a minute.")
    except storage.BodyMissing:
        return ShownText(None, "The text is missing from the content store. Tell an operator.")
    if body.sha256 != approval.shown_snapshot["body"]["sha256"]:
        return ShownText(None, "The stored text is not the one this decision was asked for. Tell an operator.")
    return ShownText(body.text)


def history_of(subject_ref: str) -> list[Version]:
    """`versions_of`, or nothing while the store is away: a page without it still stands."""
    try:
        return versions_of(subject_ref)
    except storage.StorageUnavailable:
        return []


def outputs_of_period(step: Activity) -> list[str]:
    """What the same step of the period's other units handed in, by title."""
    others = Activity.objects.filter(
        deliverable_period_id=step.deliverable_period_id, pipeline_step=step.pipeline_step
    ).exclude(pk=step.pk)
    if step.deliverable_period_id is None:
        return []
    titles = others.order_by("ref_id").values_list("output_summary__title", flat=True)
    return [title for title in titles if title]


def released_by(step: Activity) -> Approval | None:
    """The approval that let this step begin: the latest one granted at the nearest final gate before it."""
    steps = {each.pipeline_step: each for each in step.unit.steps.all()}
    frontier = list(step.step.depends_on)
    while frontier:
        before = steps[frontier.pop(0)]
        if before.is_approval_gate and before.step.is_final_gate:
            granted = Approval.objects.filter(activity=before, status=ApprovalStatus.APPROVED)
            return granted.select_related("activity", "activity__parent_activity").order_by("-decided_on").first()
        frontier.extend(before.step.depends_on)
    return None


def runs_of_unit(unit: Activity) -> list[ActivityRun]:
    """Every model run of a unit's steps, newest first."""
    return list(
        ActivityRun.objects.filter(activity__parent_activity=unit).select_related("activity").order_by("-ref_id")[:100]
    )


def human_queue(user) -> QuerySet[Activity]:
    """All open work of a person at the clients in scope, with `deliverable_name` and `goal_name` (None where it serves
    neither): gates first, then the most urgent, then what is due first."""
    return _in_turn(Q(assignee_user=user))


def reviewers_tasks(user) -> QuerySet[Activity]:
    """The ready tasks of a reviewer, and those that reached nobody because the client had no reviewer yet."""
    rows = _in_turn(Q(assignee_user=user) | Q(assignee_user__isnull=True))
    return rows.filter(is_approval_gate=False, status=ActivityStatus.ASSIGNED).select_related("tenant")


def _in_turn(whose: Q) -> QuerySet[Activity]:
    return (
        Activity.objects.filter(whose, assignee_type=AssigneeType.HUMAN, status__in=WAITS_FOR_A_PERSON)
        .annotate(deliverable_name=F("deliverable__name"), goal_name=F("goal__name"))
        .order_by("-is_approval_gate", PRIORITY_RANK, F("due_date").asc(nulls_last=True), "ref_id")
    )


def work_list() -> QuerySet[Activity]:
    """Steps and tasks of the clients in scope; units are left out, their steps name them."""
    return (
        Activity.objects.exclude(origin_key__endswith="/unit")
        .select_related("parent_activity", "assignee_user")
        .defer("output_summary")
    )


@dataclass(frozen=True)
class ClientCounts:
    """What calls for a person at one client."""

    waiting: int = 0
    waiting_for_client: int = 0
    failed: int = 0


def counts_by_client() -> dict[UUID, ClientCounts]:
    """By tenant id, over all clients in scope: decisions of reviewers and of clients, and failed steps."""
    roles = {"waiting": HumanRole.REVIEWER, "waiting_for_client": HumanRole.ADMIN}
    pending = Approval.objects.filter(status=ApprovalStatus.PENDING).values("tenant_id")
    decisions = pending.annotate(**{name: Count("pk", filter=Q(required_role=role)) for name, role in roles.items()})
    failed = Activity.objects.filter(status=ActivityStatus.FAILED).values("tenant_id").annotate(failed=Count("pk"))
    counts: dict[UUID, dict[str, int]] = {}
    for row in [*decisions, *failed]:
        counts.setdefault(row.pop("tenant_id"), {}).update(row)
    return {tenant_id: ClientCounts(**numbers) for tenant_id, numbers in counts.items()}


def failure_of(activity: Activity) -> str:
    """Why a step failed, as the person was told who got the task about it; '' when nobody was."""
    task = Activity.objects.filter(origin_key__startswith=f"escalation:{activity.ref_id}/").order_by("-ref_id").first()
    return task.revision_note if task else ""


def attempts_on(subject_ref: str) -> list[PublishAttempt]:
    """Every attempt to put this subject on a channel, newest first."""
    return list(
        PublishAttempt.objects.filter(subject_ref=subject_ref).select_related("channel").order_by("-ref_id")[:50]
    )


@dataclass(frozen=True)
class Output:
    """What a step handed in. `text` is None when it cannot be had now."""

    text: str | None
    is_json: bool = False


def output_shown(activity: Activity) -> Output | None:
    """The latest output of a step, or None when it has none."""
    if not activity.output_ref:
        return None
    try:
        body = storage.read_one(storage.ActivityOutput, activity.output_ref)
    except (storage.StorageUnavailable, storage.BodyMissing):
        return Output(None)
    return Output(body.text, is_json=body.document.contentType == "application/json")


def runs_of(activity: Activity) -> list[ActivityRun]:
    return list(ActivityRun.objects.filter(activity=activity).order_by("-attempt"))


def latest_run(activity: Activity) -> ActivityRun | None:
    return ActivityRun.objects.filter(activity=activity).order_by("-attempt").first()


OUT_OF_MONEY = billing.CapReached.code  # how the error of such a run begins


def out_of_money(step_ids: Iterable[UUID]) -> set[UUID]:
    """Of these agents' steps those whose latest attempt met a spending cap."""
    latest = ActivityRun.objects.filter(activity__in=step_ids).order_by("activity_id", "-attempt")
    errors = latest.distinct("activity_id").values_list("activity_id", "status", "error")
    return {
        step_id for step_id, status, error in errors if status == RunStatus.FAILED and error.startswith(OUT_OF_MONEY)
    }


def live_run(activity: Activity) -> ActivityRun | None:
    return ActivityRun.objects.filter(activity=activity, status="running").order_by("-attempt").first()


@dataclass(frozen=True)
class Spend:
    """What model calls of a client cost this month; `month` is its first day in the client's time zone."""

    month: date
    settled_usd: Decimal
    reserved_usd: Decimal
    cap_usd: Decimal
    calls: int

    @property
    def is_near_cap(self) -> bool:
        return self.settled_usd >= NEAR_CAP * self.cap_usd


def spend_of_month(tenant: TenantFacts, *, at: datetime, cap_usd: Decimal | None = None) -> Spend:
    """What was spent in the month of `at`; whoever holds the client's row gives the cap and saves a statement."""
    month = month_of(at, tenant.time_zone)
    began = datetime(month.year, month.month, 1, tzinfo=ZoneInfo(tenant.time_zone))
    counter = SpendCounter.objects.filter(tenant_id=tenant.id, scope="tenant", month=month).first()
    return Spend(
        month=month,
        settled_usd=counter.settled_usd if counter else Decimal(0),
        reserved_usd=counter.reserved_usd if counter else Decimal(0),
        cap_usd=cap_of_month(tenant.id) if cap_usd is None else cap_usd,
        calls=LlmCall.objects.filter(tenant_id=tenant.id, created_on__gte=began).count(),
    )


def providers_serving(adapter_type: str, model_id: str) -> QuerySet[LlmProvider]:
    """Enabled providers that list this model; the first is asked."""
    return LlmProvider.objects.filter(
        adapter_type=adapter_type, is_enabled=True, models__contains=[{"model_id": model_id}]
    ).order_by("name")


SLOT_FORMAT = "%Y-%m-%dT%H:%M:%SZ"  # of UTC; sorts as the moments do


def day_of(moment: datetime, time_zone: str) -> date:
    """The client's day of a moment."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def events_of(tenant_id) -> dict[str, datetime | None]:
    """When what recurring tasks wait for happened first, by trigger; None where it has not happened."""
    runs = OnboardingRun.objects.filter(tenant_id=tenant_id, status=OnboardingStatus.COMPLETED)
    approved = Strategy.objects.filter(tenant_id=tenant_id, approved_on__isnull=False)
    return {
        Trigger.ON_ONBOARDING: runs.order_by("reviewed_on").values_list("reviewed_on", flat=True).first(),
        Trigger.ON_STRATEGY_APPROVAL: approved.order_by("approved_on").values_list("approved_on", flat=True).first(),
    }


def schedule_of(
    template: RecurringTaskTemplate, time_zone: str, events: dict[str, datetime | None]
) -> schedules.Schedule:
    return schedules.Schedule(
        trigger=template.trigger,
        periodicity=template.periodicity,
        zone=time_zone,
        cron_expression=template.cron_expression,
        anchor=events.get(template.trigger),
    )


def obstacles(template: RecurringTaskTemplate) -> list[str]:
    """Why no task can be made of a template, as sentences; an empty list if nothing stands in the way."""
    defined = template.parsed_variables
    missing = variables.missing(defined, template.variable_values or {})
    unknown = variables.unknown_keys(template.prompt_template, defined)
    told = [f"Missing: {', '.join(variable.label for variable in missing)}."] if missing else []
    return told + [f"The text asks for {{{{{key}}}}}, which nobody defined." for key in unknown]


def latest_slot_made(template: RecurringTaskTemplate, *, until: datetime) -> datetime | None:
    """The latest slot that became a task, deleted ones too; none later than `until` counts."""
    prefix = f"slot:{template.ref_id}/"
    made = Activity.with_deleted.filter(
        tenant_id=template.tenant_id,
        origin_key__gte=prefix,
        origin_key__lte=prefix + until.astimezone(UTC).strftime(SLOT_FORMAT),
    )
    latest = made.order_by("-origin_key").values_list("origin_key", flat=True).first()
    return datetime.strptime(latest.removeprefix(prefix), SLOT_FORMAT).replace(tzinfo=UTC) if latest else None


@dataclass(frozen=True)
class RecurringTask:
    """A client's recurring task as its pages show it: what it lacks, when it comes next, the tasks it has made."""

    template: RecurringTaskTemplate
    missing: list[TemplateVariable]
    obstacles: list[str]
    next_on: datetime | None
    made: list[Activity]

    @property
    def is_waiting(self) -> bool:
        """It would come, but for values that nobody has filled in."""
        return self.template.is_active and bool(self.obstacles)


def recurring_tasks(tenant: TenantFacts, *, at: datetime) -> list[RecurringTask]:
    """All recurring tasks of a client: those that wait for values first, those that are switched off last."""
    templates = RecurringTaskTemplate.objects.filter(tenant_id=tenant.id).order_by("name", "ref_id")
    events = events_of(tenant.id)
    found = [_recurring_task(template, tenant, events, at=at) for template in templates]
    return sorted(found, key=lambda task: (not task.template.is_active, not task.is_waiting))


def recurring_task(template: RecurringTaskTemplate, tenant: TenantFacts, *, at: datetime) -> RecurringTask:
    """One of them, with the tasks it made lately."""
    made = Activity.objects.filter(input_data__template=template.ref_id).order_by("-ref_id")[:10]
    return _recurring_task(template, tenant, events_of(tenant.id), at=at, made=list(made))


def _recurring_task(
    template: RecurringTaskTemplate,
    tenant: TenantFacts,
    events: dict[str, datetime | None],
    *,
    at: datetime,
    made: list[Activity] | None = None,
) -> RecurringTask:
    hindered = obstacles(template)
    comes = template.is_active and not hindered
    return RecurringTask(
        template=template,
        missing=variables.missing(template.parsed_variables, template.variable_values or {}),
        obstacles=hindered,
        next_on=schedules.next_slot(schedule_of(template, tenant.time_zone, events), at=at) if comes else None,
        made=made or [],
    )


def admins_tasks(user) -> QuerySet[Activity]:
    """Ready tasks of a person of the client, decisions aside."""
    return _in_turn(Q(assignee_user=user)).filter(is_approval_gate=False, status=ActivityStatus.ASSIGNED)


def has_due_work() -> bool:
    """Whether an agent could claim something now. Outside tenancy, for the sweep."""
    return Activity.objects.filter(
        assignee_type=AssigneeType.AGENT, status=ActivityStatus.ASSIGNED, ready_on__lte=Now()
    ).exists()


def ensure_partitions(at: datetime) -> int:
    """Make the partitions of llm_calls that lack: this month, the months ahead, and months of which DEFAULT caught rows.

    Returns how many were missing.
    """
    made = 0
    with transaction.atomic(), connection.cursor() as cursor:
        locks.take_turns("llm_calls partitions")
        cursor.execute("SELECT DISTINCT date_trunc('month', created_on)::date FROM llm_calls_default")
        caught = {month for (month,) in cursor.fetchall()}
        for month in sorted(caught.union(months(at))):
            cursor.execute("SELECT ensure_llm_calls_partition(%s)", [month])
            made += bool(cursor.fetchone()[0])
    return made


# Each open activity lies in exactly one place; a parent in none. A suspended client's work, and that of an agent that is
# switched off, waits for the person who could change that.
QUEUE_STATE = """
WITH placed AS (
  SELECT a.ready_on,
         CASE
           WHEN EXISTS (SELECT FROM activities s WHERE s.tenant_id = a.tenant_id AND s.parent_activity_id = a.id) THEN 'unit'
           WHEN a.status = 'created' THEN 'blocked'
           WHEN a.assignee_type = 'human' THEN 'human'
           WHEN a.status = 'in_progress' AND l.expires_on >= statement_timestamp() THEN 'claimed'
           WHEN a.status = 'in_progress' THEN 'expired_leases'
           WHEN a.status <> 'assigned' THEN 'human'
           WHEN a.ready_on > statement_timestamp() THEN 'scheduled'
           WHEN t.status IN ('trialing', 'active')
            AND (a.assignee_agent_role LIKE 'system.%%' OR a.assignee_agent_role = %(publisher)s
                 OR (c.is_enabled AND c.max_concurrent > 0)) THEN 'due'
           ELSE 'human'
         END AS place
    FROM activities a
    JOIN tenants t ON t.id = a.tenant_id
    LEFT JOIN activity_leases l ON l.tenant_id = a.tenant_id AND l.activity_id = a.id
    LEFT JOIN agent_configs c ON c.tenant_id = a.tenant_id AND c.agent_role = a.assignee_agent_role
   WHERE a.deleted_on IS NULL AND a.status NOT IN ('completed', 'failed', 'cancelled'))
SELECT count(*) FILTER (WHERE place = 'due'),
       count(*) FILTER (WHERE place = 'claimed'),
       count(*) FILTER (WHERE place = 'expired_leases'),
       count(*) FILTER (WHERE place = 'scheduled'),
       count(*) FILTER (WHERE place = 'blocked'),
       count(*) FILTER (WHERE place = 'human'),
       coalesce(extract(epoch FROM statement_timestamp() - min(ready_on) FILTER (WHERE place = 'due')), 0)
  FROM placed
"""
# An attempt whose publish step failed or was cancelled has been handed to a person.
ATTEMPTS_UNDER_WAY = """
SELECT p.status, count(*) FROM publish_attempts p
 WHERE p.status IN ('prepared', 'sent', 'unknown')
   AND EXISTS (SELECT FROM activities a
                WHERE a.tenant_id = p.tenant_id AND a.deleted_on IS NULL AND a.assignee_type = 'agent'
                  AND a.assignee_agent_role = %(publisher)s AND a.status IN ('assigned', 'in_progress')
                  AND a.input_data #>> '{subject,ref}' = p.subject_ref)
 GROUP BY p.status
"""
PENDING_DELIVERIES = """
SELECT count(*) FILTER (WHERE consumer <> 'storage.relay_audit' AND consumer NOT LIKE '%webhook%'),
       count(*) FILTER (WHERE consumer = 'storage.relay_audit'),
       count(*) FILTER (WHERE consumer LIKE '%webhook%')
  FROM journal_deliveries
"""


def queue_state(at: datetime) -> dict:
    """What waits where, over all tenants; `quiescent` when nothing will happen by itself any more."""
    with every_tenant(reason="operators look at the whole queue"), connection.cursor() as cursor:
        cursor.execute(QUEUE_STATE, {"publisher": PUBLISHER})
        due, claimed, expired, scheduled, blocked, human, oldest = cursor.fetchone()
        cursor.execute(ATTEMPTS_UNDER_WAY, {"publisher": PUBLISHER})
        publish = {"prepared": 0, "sent": 0, "unknown": 0, **dict(cursor.fetchall())}
        cursor.execute("SELECT count(*) FROM spend_reservations WHERE status = 'open'")
        (reservations,) = cursor.fetchone()
        cursor.execute(PENDING_DELIVERIES)
        reactions, relay, webhooks = cursor.fetchone()
    state = {
        "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
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
        "webhooks_pending": webhooks,
        "oldest_due_seconds": int(oldest),
    }
    pending = due + claimed + expired + sum(publish.values()) + reservations + reactions + relay + webhooks
    return {**state, "quiescent": pending == 0}

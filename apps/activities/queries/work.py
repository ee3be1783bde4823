"""Units, their steps, and whose turn it is."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
)

from apps.channels.models import PublishAttempt

from ..models import Activity, Approval
from ..models.work import ASKED_FOR
from ..statuses import ActivityStatus, ApprovalStatus, AssigneeType, HumanRole

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


def admins_tasks(user) -> QuerySet[Activity]:
    """Ready tasks of a person of the client, decisions aside."""
    return _in_turn(Q(assignee_user=user)).filter(is_approval_gate=False, status=ActivityStatus.ASSIGNED)

"""Having the figures of a client's goals read: once in a week of the client's, and when a person asks for it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.formats import date_format

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import TenantFacts
from apps.strategy import queries as strategy

from ..bodies import SYNC_GOALS, TemplateStep
from ..models import Activity
from ..statuses import ACTIVITY_MOVES, ActivityStatus, ActivityType, AssigneeType

ORIGIN = "goals/"
UNDER_WAY = (ActivityStatus.CREATED, ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS)


class GoalsBeingRead(OperationRefused):
    """The goals are being read already. Wait for that, or cancel it first."""

    code = "goals_being_read"


class NoGoals(OperationRefused):
    """There is no goal to read: the strategy that applies has none that is open."""

    code = "no_goals"


def begin_goal_sync(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity:
    """Have the open goals read as of today where the client is. Raises NoGoals, and GoalsBeingRead while they are."""
    jobs = _jobs(tenant)
    if jobs.filter(status__in=UNDER_WAY).exists():
        raise GoalsBeingRead
    if not strategy.open_goals().exists():
        raise NoGoals
    try:
        return _begin(tenant, f"{ORIGIN}{jobs.count() + 1}", today=_today(tenant, at), by=by, at=at)
    except IntegrityError as error:  # of two clicks at once the second is refused by the database
        raise GoalsBeingRead from error


def sync_goals(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity | None:
    """The same once in a week of the client's, as of its Monday, however late in the week it is asked for.

    None where this week's is there already, goals are being read, or there is none to read.
    """
    today = _today(tenant, at)
    monday = today - timedelta(days=today.weekday())
    origin, jobs = f"{ORIGIN}{monday:%G-W%V}", _jobs(tenant)
    if jobs.filter(origin_key=origin).exists() or jobs.filter(status__in=UNDER_WAY).exists():
        return None
    if not strategy.open_goals().exists():
        return None
    try:
        return _begin(tenant, origin, today=monday, by=by, at=at)
    except IntegrityError:  # another beat was faster
        return None


def _jobs(tenant: TenantFacts) -> QuerySet[Activity]:
    return Activity.with_deleted.filter(tenant_id=tenant.id, assignee_agent_role=SYNC_GOALS)


def _today(tenant: TenantFacts, at: datetime) -> date:
    return at.astimezone(ZoneInfo(tenant.time_zone)).date()


def _begin(tenant: TenantFacts, origin: str, *, today: date, by: Actor, at: datetime) -> Activity:
    """The job. `today` stays with it, so that every attempt, on whatever day, reads the same days."""
    step = TemplateStep(
        key="sync_goals",
        title="Read the goals",
        type="other",
        assignee_type="agent",
        agent_role=SYNC_GOALS,
        due_offset_days=0,
    )
    with transaction.atomic():
        job = Activity.objects.create(
            tenant_id=tenant.id,
            title=f"Goals as of {date_format(today, 'j F Y')}",
            type=ActivityType.OTHER,
            assignee_type=AssigneeType.AGENT,
            assignee_agent_role=SYNC_GOALS,
            input_data={"step": step.model_dump(mode="json"), "today": today.isoformat()},
            origin_key=origin,
            ready_on=at,
            created_by=by.user,
            created_on=at,
        )
        journal.record("goals.sync_begun", job, by=by, at=at, after={"today": today.isoformat()})
        return ACTIVITY_MOVES.perform(job, "ready", by=by, at=at)

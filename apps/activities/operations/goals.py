"""Having the figures of a client's goals read: once in a week of the client's, and when a person asks for it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import TenantFacts
from apps.strategy import queries as strategy

from ..bodies import SYNC_GOALS
from ..models import Activity
from .jobs import JobBegun, begin_job, is_one_under_way, jobs_of

ORIGIN = "goals/"


class GoalsBeingRead(OperationRefused):
    """The goals are being read already. Wait for that, or cancel it first."""

    code = "goals_being_read"


class NoGoals(OperationRefused):
    """There is no goal to read: the strategy that applies has none that is open."""

    code = "no_goals"


def begin_goal_sync(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity:
    """Have the open goals read as of today where the client is. Raises NoGoals, and GoalsBeingRead while they are."""
    jobs = jobs_of(tenant.id, SYNC_GOALS)
    if is_one_under_way(jobs):
        raise GoalsBeingRead
    if not strategy.open_goals().exists():
        raise NoGoals
    try:
        return _begin(tenant, f"{ORIGIN}{jobs.count() + 1}", today=_today(tenant, at), by=by, at=at)
    except JobBegun as error:  # of two clicks at once the second is refused by the database
        raise GoalsBeingRead from error


def sync_goals(tenant: TenantFacts, *, by: Actor, at: datetime) -> Activity | None:
    """The same once in a week of the client's, as of its Monday, however late in the week it is asked for.

    None where this week's is there already, goals are being read, or there is none to read.
    """
    today = _today(tenant, at)
    monday = today - timedelta(days=today.weekday())
    origin, jobs = f"{ORIGIN}{monday:%G-W%V}", jobs_of(tenant.id, SYNC_GOALS)
    if jobs.filter(origin_key=origin).exists() or is_one_under_way(jobs):
        return None
    if not strategy.open_goals().exists():
        return None
    try:
        return _begin(tenant, origin, today=monday, by=by, at=at)
    except JobBegun:  # another beat was faster
        return None


def _today(tenant: TenantFacts, at: datetime) -> date:
    return at.astimezone(ZoneInfo(tenant.time_zone)).date()


def _begin(tenant: TenantFacts, origin: str, *, today: date, by: Actor, at: datetime) -> Activity:
    """The job. `today` stays with it, so that every attempt, on whatever day, reads the same days."""
    return begin_job(
        tenant.id,
        role=SYNC_GOALS,
        title=f"Goals as of {date_format(today, 'j F Y')}",
        origin_key=origin,
        journal_code="goals.sync_begun",
        input_data={"today": today.isoformat()},
        by=by,
        at=at,
    )

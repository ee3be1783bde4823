"""Goals are read from the connected platforms once in a week of the client's, and when a reviewer asks for it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.activities import goal_figures, operations, tasks
from apps.activities.bodies import SYNC_GOALS
from apps.activities.engine import claim as claiming
from apps.activities.engine import sweep, worker
from apps.activities.goal_figures import MEASURED, span_of
from apps.activities.models import Activity
from apps.activities.operations import Job, LeaseLost
from apps.activities.prompting import PROMPTS
from apps.channels.models import Channel
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.strategy import operations as strategy
from apps.strategy.models import Goal, GoalReading
from apps.tenants.models import Tenant
from tests.activities.work import fresh, hurry, kill_leases, together
from tests.conftest import World
from tests.crm.rows import lead

BY = Actor.system("tests")
AT = datetime(2026, 3, 18, 9, tzinfo=UTC)  # a Wednesday
TODAY = date(2026, 3, 18)
TOKEN = "ya29.a-token"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class DyingJob(Job):
    """The attempt whose worker is killed before it says that it reads Analytics."""

    def tell(self, sentence, **how):
        if sentence == "Reading Google Analytics":
            raise Killed
        super().tell(sentence, **how)


@pytest.fixture
def client(db, sandbox) -> Iterator[Tenant]:
    """A client with a strategy that applies, in scope; nobody's agents have anything to do."""
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + timedelta(days=1))
    with World().at("live") as tenant:
        Tenant.objects.filter(pk=tenant.pk).update(timezone="UTC")
        tenant.refresh_from_db()
        yield tenant


@pytest.fixture
def searches(client) -> Channel:
    return connected("google_search_console", "sc-domain:harbour-coffee.example")


@pytest.fixture
def visits(client) -> Channel:
    return connected("google_analytics", "properties/90210")


def connected(platform: str, external_id: str, token: str = TOKEN) -> Channel:
    return Channel.objects.create(
        platform=platform,
        channel_type="analytics",
        name="Harbour Coffee",
        external_id=external_id,
        access_token=token,
        created_on=AT,
    )


def measure(*metrics: str, period: str = "monthly") -> dict[str, Goal]:
    """The client's goals have these metrics and no others, targets far away; by metric."""
    first = Goal.objects.filter(strategy__status="active").order_by("ref_id").first()
    Goal.objects.update(status="paused")
    values = {"strategy": first.strategy, "target_value": 1_000_000, "period": period, "created_on": AT}
    return {metric: Goal.objects.create(name=f"More {metric}", metric=metric, **values) for metric in metrics}


def begin(client: Tenant, at: datetime = AT) -> Activity:
    return operations.begin_goal_sync(client.facts, by=BY, at=at)


def claimed(job_class=Job) -> Job:
    taken = claiming.claim("tests")
    assert taken is not None
    return job_class(taken, Activity.objects.get(pk=taken.activity_id), BY)


def said(job: Activity) -> dict[str, str]:
    return {line["label"]: line["value"] for line in fresh(job).output_summary["lines"]}


def asked_of(sandbox, target: str) -> list[dict]:
    return [entry["recorded"] for entry in sandbox.world.entries(target=target, full=True)]


@pytest.mark.acceptance("FLOW-goals-update", "INT-analytics", "goal_readings")
def test_each_goal_gets_its_figure_with_source_and_evidence_and_a_source_is_asked_once(
    client, searches, visits, sandbox
):
    goals = measure(*MEASURED)
    job = begin(client)

    assert worker.work() == 1

    assert (fresh(job).status, fresh(job).output_summary["read"]) == ("completed", len(MEASURED))
    readings = {reading.goal.metric: reading for reading in GoalReading.objects.select_related("goal")}
    assert set(readings) == set(MEASURED)
    for metric, goal in goals.items():
        assert fresh(goal).current_value == readings[metric].value > 0
    clicks, users = readings["search_clicks"], readings["users"]
    assert clicks.source == "Google Search Console"
    assert clicks.evidence == (
        "Clicks in Google Search, 16 Feb 2026 to 15 Mar 2026, of Harbour Coffee (sc-domain:harbour-coffee.example);"
        " metric search_clicks."
    )
    assert clicks.read_on == datetime(2026, 3, 16, tzinfo=UTC)  # what Google may still change is left out
    assert (users.source, users.read_on) == ("Google Analytics", datetime(2026, 3, 17, tzinfo=UTC))
    assert readings["search_clicks"].value < readings["search_impressions"].value
    assert 1 <= readings["search_position"].value <= 24
    assert readings["organic_sessions"].value < readings["sessions"].value
    assert [entry["site"] for entry in asked_of(sandbox, "google")] == ["sc-domain:harbour-coffee.example"]
    assert sorted(entry["dimension"] for entry in asked_of(sandbox, "analytics")) == ["", "sessionDefaultChannelGroup"]
    assert TOKEN not in str(fresh(job).output_summary)


def test_reading_again_adds_nothing(client, visits):
    (goal,) = measure("sessions").values()
    begin(client)
    worker.work()
    before = fresh(goal).current_value
    Channel.objects.filter(pk=visits.pk).update(external_id="properties/4711")  # which has other figures

    again = begin(client)
    worker.work()

    assert fresh(again).status == "completed"
    assert [reading.value for reading in GoalReading.objects.filter(goal=goal)] == [before]
    assert fresh(goal).current_value == before
    assert JournalEntry.objects.filter(code="goal.measured", subject_ref=goal.ref_id).count() == 1


@pytest.mark.acceptance("FLOW-goals-update")
def test_a_reading_moves_the_goal_and_a_goal_that_is_reached_is_read_no_more(client, visits):
    (goal,) = measure("sessions").values()
    Goal.objects.filter(pk=goal.pk).update(target_value=5)
    begin(client)

    worker.work()

    assert fresh(goal).status == "achieved"
    with pytest.raises(operations.NoGoals):
        begin(client, AT + timedelta(days=1))


def test_a_job_that_was_killed_between_two_platforms_goes_on_with_the_second(client, searches, visits, sandbox):
    goals = measure("search_clicks", "sessions")
    Goal.objects.filter(pk=goals["search_clicks"].pk).update(target_value=5)  # which is reached by what is read
    job = begin(client)
    with pytest.raises(Killed):
        goal_figures.sync(claimed(DyingJob))

    kill_leases()
    sweep.sweep()
    hurry()
    worker.work()

    assert fresh(job).status == "completed"
    assert GoalReading.objects.filter(goal__in=goals.values()).count() == 2
    assert set(said(job)) == {"More search_clicks", "More sessions"}
    assert len(asked_of(sandbox, "google")) == 1
    assert len(asked_of(sandbox, "analytics")) == 1


def test_a_dead_token_names_itself_and_the_other_platform_is_still_read(client, visits):
    connected("google_search_console", "sc-domain:harbour-coffee.example", token="revoked")
    goals = measure("search_clicks", "sessions")
    job = begin(client)

    worker.work()

    assert fresh(job).status == "completed"
    assert said(job)["More search_clicks"] == (
        "Google Search Console: Google no longer accepts the connection. Connect the property again."
    )
    assert [reading.goal_id for reading in GoalReading.objects.all()] == [goals["sessions"].pk]
    assert fresh(goals["search_clicks"]).status == "active"


def test_what_passes_is_asked_again_by_the_same_job_and_nothing_else_is(client, searches, visits, sandbox, plan):
    measure("search_clicks", "sessions")
    plan("google", "503")
    job = begin(client)

    worker.work()
    assert fresh(job).status == "assigned"
    assert GoalReading.objects.get().goal.metric == "sessions"
    hurry()
    worker.work()

    assert (fresh(job).status, fresh(job).output_summary["read"]) == ("completed", 2)
    assert len(asked_of(sandbox, "analytics")) == 1


def test_a_platform_that_stays_away_is_a_sentence_after_three_attempts(client, visits, plan):
    (goal,) = measure("sessions").values()
    plan("analytics", "503", times=goal_figures.TRIES)
    job = begin(client)

    for _ in range(goal_figures.TRIES):
        assert fresh(job).status == "assigned"
        hurry()
        worker.work()

    assert fresh(job).status == "completed"
    assert said(job) == {"More sessions": "Google Analytics: Google answers with an error of its own. Try again later."}
    assert not GoalReading.objects.filter(goal=goal).exists()


def test_what_is_measured_nowhere_is_left_alone_and_said(client, visits, plan):
    goals = measure("keyword_rankings", "search_clicks", "sessions")
    plan("analytics", "empty")
    job = begin(client)

    worker.work()

    assert said(job) == {
        "More keyword_rankings": "Not measured by us.",
        "More search_clicks": "Google Search Console is not connected.",
        "More sessions": "Google Analytics has no figure for 17 Feb 2026 to 16 Mar 2026.",
    }
    assert not GoalReading.objects.filter(goal__in=goals.values()).exists()
    assert {goal.current_value for goal in map(fresh, goals.values())} == {Decimal(0)}


def test_leads_are_counted_by_the_product_in_whole_months(client):
    goals = measure("qualified_leads", "blog_posts_live")
    for month, day, status in ((2, 1, "qualified"), (2, 28, "converted"), (2, 20, "new"), (3, 1, "qualified")):
        lead(email=f"{month}.{day}@visitors.test", status=status, created_on=datetime(2026, month, day, 12, tzinfo=UTC))
    begin(client)

    worker.work()

    read = GoalReading.objects.get(goal=goals["qualified_leads"])
    assert (read.value, read.source, read.read_on) == (2, "Leadmetrics: leads", datetime(2026, 3, 1, tzinfo=UTC))
    assert GoalReading.objects.get(goal=goals["blog_posts_live"]).read_on == datetime(2026, 3, 18, tzinfo=UTC)


def test_a_job_that_was_cancelled_while_a_platform_was_asked_writes_nothing(client, visits, rita):
    measure("sessions")
    job = begin(client)

    class CancelledThen(Job):
        def tell(self, sentence, **how):
            super().tell(sentence, **how)
            operations.cancel_activity(job, by=rita.actor, at=timezone.now())

    with pytest.raises(LeaseLost):
        goal_figures.sync(claimed(CancelledThen))

    assert fresh(job).status == "cancelled"
    assert not GoalReading.objects.exists()


def test_every_metric_of_the_table_is_offered_to_the_strategy_writer():
    offered = (PROMPTS / "strategy_writer.md").read_text()

    assert [metric for metric in MEASURED if f" {metric}," not in offered] == []


# Which days, and which week


@pytest.mark.parametrize(
    ("metric", "period", "first", "last"),
    [
        ("search_clicks", "monthly", date(2026, 2, 16), date(2026, 3, 15)),
        ("sessions", "quarterly", date(2025, 12, 16), date(2026, 3, 16)),
        ("sessions", "annual", date(2025, 3, 18), date(2026, 3, 16)),
        ("backlinks", "monthly", date(2026, 2, 18), date(2026, 3, 17)),
        ("leads", "monthly", date(2026, 2, 1), date(2026, 2, 28)),
        ("leads", "quarterly", date(2025, 12, 1), date(2026, 2, 28)),
        ("blog_posts_delivered", "annual", date(2025, 3, 1), date(2026, 2, 28)),
    ],
)
def test_the_days_follow_from_what_the_goal_counts(metric, period, first, last):
    span = span_of(metric, period, today=TODAY, time_zone="UTC")

    assert (span.first, span.last) == (first, last)


def test_days_end_at_the_clients_midnight_also_when_the_clocks_change():
    ends = [
        span_of("search_clicks", "monthly", today=day, time_zone="Europe/London").ends
        for day in (date(2026, 10, 26), date(2026, 11, 2))
    ]

    assert ends == [datetime(2026, 10, 23, 23, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)]


@pytest.mark.acceptance("CRON-goals")
def test_the_week_begins_on_monday_where_the_client_is(client):
    measure("sessions")
    Tenant.objects.filter(pk=client.pk).update(timezone="America/New_York")
    client.refresh_from_db()
    midnight = datetime(2026, 3, 9, 4, tzinfo=UTC)  # the clocks went forward on the day before

    before = operations.sync_goals(client.facts, by=BY, at=midnight - timedelta(seconds=1))
    operations.cancel_activity(before, by=BY, at=midnight)
    after = operations.sync_goals(client.facts, by=BY, at=midnight)

    assert (before.input_data["today"], after.input_data["today"]) == ("2026-03-02", "2026-03-09")
    operations.cancel_activity(after, by=BY, at=midnight)
    assert operations.sync_goals(client.facts, by=BY, at=midnight + timedelta(days=6)) is None


def test_a_week_that_is_asked_for_late_is_read_as_of_its_monday(client, visits):
    (goal,) = measure("sessions").values()

    operations.sync_goals(client.facts, by=BY, at=AT)
    worker.work()

    assert GoalReading.objects.get(goal=goal).read_on == datetime(2026, 3, 15, tzinfo=UTC)


@pytest.mark.acceptance("CRON-goals")
def test_the_tick_asks_at_every_client_with_open_goals_once(client):
    measure("sessions")
    with every_tenant(reason="a test counts the clients with goals"):
        waiting = Goal.objects.filter(strategy__status="active").values("tenant").distinct().count()

    assert tasks.sync_goals() == waiting > 1
    assert tasks.sync_goals() == 0


def test_a_client_without_open_goals_is_not_read(client):
    Goal.objects.update(status="paused")
    before = Activity.objects.count()

    assert operations.sync_goals(client.facts, by=BY, at=AT) is None
    with pytest.raises(operations.NoGoals):
        begin(client)
    assert Activity.objects.count() == before


def test_goals_are_read_by_one_job_at_a_time(client):
    measure("sessions")
    begin(client)

    with pytest.raises(operations.GoalsBeingRead):
        begin(client)

    assert operations.sync_goals(client.facts, by=BY, at=AT) is None
    assert Activity.objects.filter(assignee_agent_role=SYNC_GOALS).count() == 1


@pytest.mark.acceptance("CRON-goals")
def test_of_two_beats_at_once_one_asks(own_database, django_db_blocker, sandbox):
    with django_db_blocker.unblock(), World().at("live") as tenant:
        answers = together(*[lambda: operations.sync_goals(tenant.facts, by=BY, at=AT)] * 2)

        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert Activity.objects.filter(assignee_agent_role=SYNC_GOALS).count() == 1


# Pages


def test_a_reviewer_has_the_goals_read_and_sees_what_came_of_it(client, searches, rita):
    measure("search_clicks", "keyword_rankings")
    page = "/dm/c/acme-live/strategy/"
    assert "Not read yet: it happens every Monday." in rita.get(page).text

    begun = rita.post("/dm/c/acme-live/read-goals/")
    job = Activity.objects.get(assignee_agent_role=SYNC_GOALS)
    assert begun["Location"] == f"/dm/c/acme-live/activities/{job.ref_id}/"
    assert "Read now" not in rita.get(page).text
    assert rita.post("/dm/c/acme-live/read-goals/").status_code == 409
    worker.work()

    told, shown = rita.get(begun["Location"]).text, rita.get(page).text
    assert "More keyword_rankings" in told and "Not measured by us." in told
    assert "Read now" in shown and "Google Search Console" in shown
    assert "Clicks in Google Search" in shown


def test_the_client_sees_its_latest_readings_and_cannot_ask_for_them(client, world):
    (goal,) = measure("search_clicks").values()
    for weeks in range(14):
        midnight = datetime(2026, 3, 19, tzinfo=UTC) - timedelta(weeks=weeks)
        said = {"value": Decimal(40 + weeks), "source": "Google Search Console", "read_on": midnight}
        strategy.record_reading(goal, **said, by=BY, at=midnight)

    alice, mark = world.alice("live"), world.mark("live")
    for path in ("/app/strategy/", "/app/"):
        page = mark.get(path).text
        assert page.count("Google Search Console</td>") == 12
        assert "<polyline" in page and "in 12 readings" in page
        assert ">18 Mar<" in page
    assert GoalReading.objects.filter(goal=goal).count() == 14
    before = Activity.objects.count()
    assert alice.post("/dm/c/acme-live/read-goals/").status_code == 404
    assert Activity.objects.count() == before


def test_nothing_of_another_client_is_read(client, visits, world, rita, sandbox):
    with world.at("rival") as rival:
        Goal.objects.update(metric="sessions", status="active", target_value=1_000_000)
        strategy_is_active = Goal.objects.filter(strategy__status="active").exists()
        job = begin(rival)
        worker.work()
        assert strategy_is_active
        assert set(said(job).values()) == {"Google Analytics is not connected."}
    assert asked_of(sandbox, "analytics") == []

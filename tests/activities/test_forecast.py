"""How a promise will end, from the real pace and the real delays, and who holds up what is missing."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.activities import forecasting, operations
from apps.activities.forecasting import Blocker, Forecast
from apps.activities.models import Activity, ActivityRun, AgentConfig, Approval
from apps.activities.operations.planning import plan_tenant
from apps.activities.statuses import ACTIVITY_MOVES, HeldUpBy
from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.ids import new_id, spell
from apps.shared.scoping import only_tenant
from apps.strategy.models import Deliverable, DeliverablePeriod
from apps.strategy.queries import open_periods
from apps.tenants.models import User
from tests.activities.work import due_at, steps_of
from tests.world import decide_all

BY = Actor.system("tests")
HOUR = timedelta(hours=1)


def outlook(*, at: datetime) -> Forecast:
    """Of the one promise of the client in scope."""
    (found,) = forecasting.forecast(DeliverablePeriod.objects.all(), at=at).values()
    return found


def blocked(forecast: Forecast) -> list[tuple]:
    return [(blocker.who, blocker.name, blocker.units, blocker.is_stuck) for blocker in forecast.blockers]


def took(hours: int, role: str) -> None:
    """So long it took people of this role to decide most of what they decided."""
    now, gate = timezone.now(), Activity.objects.filter(is_approval_gate=True).first()
    rita = User.objects.get(email="rita@leadmetrics.test")
    for _ in range(9):
        Approval.objects.create(
            activity=gate, subject_type="blog_post", subject_ref=spell(new_id()), status="approved", required_role=role,
            requested_by_type="agent", requested_by_id="copywriter", content_sha256="0" * 64, expires_at=now,
            decided_by=rita, decided_on=now, created_on=now - hours * HOUR,
        )  # fmt: skip


def local_day(moment: datetime):
    return moment.astimezone(ZoneInfo(only_tenant().time_zone)).date()


def lasts_until(moment: datetime) -> None:
    DeliverablePeriod.objects.update(period_end=local_day(moment))


@pytest.fixture
def waiting(acme) -> list[Activity]:
    """The gates at which two drafts wait for the reviewer."""
    return list(Activity.objects.filter(status="awaiting_approval").order_by("ref_id"))


@pytest.mark.parametrize(
    ("stage", "who", "name"),
    [
        ("topics", HeldUpBy.REVIEWER, "Rita Rao"),
        ("drafts", HeldUpBy.REVIEWER, "Rita Rao"),
        ("client", HeldUpBy.CLIENT, "Alice Ahuja"),
    ],
)
def test_whoever_has_to_decide_is_named_with_the_units_that_wait(world, stage, who, name):
    with world.at(stage):
        first = Activity.objects.filter(status="awaiting_approval").order_by("ref_id").first()

        assert outlook(at=timezone.now()).blockers == [Blocker(who, name, 2, first.ref_id, is_stuck=False)]


def test_the_gates_ahead_take_what_this_clients_decisions_took(waiting):
    took(48, "reviewer")
    took(24, "admin")
    at = timezone.now()
    lasts_until(at + 30 * 24 * HOUR)

    forecast = outlook(at=at)

    assert forecast.expected_on == local_day(waiting[-1].started_on + 72 * HOUR)
    assert (forecast.expected_count, forecast.is_on_course) == (2, True)


def test_what_cannot_be_done_in_time_is_expected_later(waiting):
    took(48, "reviewer")
    took(24, "admin")
    at = timezone.now()
    lasts_until(at + 24 * HOUR)

    forecast = outlook(at=at)

    assert (forecast.expected_count, forecast.is_on_course) == (0, False)
    assert forecast.expected_on == local_day(waiting[-1].started_on + 72 * HOUR)


def test_a_decision_that_takes_longer_than_usual_is_expected_to_take_as_long_again(waiting):
    took(10, "reviewer")
    took(24, "admin")
    DeliverablePeriod.objects.update(target_count=1)
    at = waiting[0].started_on + 100 * HOUR
    lasts_until(at + 30 * 24 * HOUR)

    assert outlook(at=at).expected_on == local_day(at + (100 + 24) * HOUR)


def test_where_nobody_decided_in_three_months_a_day_is_expected(waiting):
    DeliverablePeriod.objects.update(target_count=1)
    at = waiting[0].started_on + 91 * 24 * HOUR

    assert outlook(at=at).expected_on == local_day(at + 91 * 24 * HOUR + 24 * HOUR)


@pytest.mark.parametrize(
    ("completed", "days_gone", "expected"),
    [
        (0, 5, 4),  # one in hand every five days: four in twenty, and twenty-five are left
        (0, 6, 3),  # the fourth would come on the last midnight, which is no longer in the period
        (0, 7, 3),
        (0, 15, 0),
        (2, 15, 4),
        (3, 22, 4),
        (3, 25, 3),
    ],
)
def test_no_more_is_expected_than_the_pace_allows(world, completed, days_gone, expected):
    with world.at("live") as tenant:
        period = DeliverablePeriod.objects.get()
        period_start = datetime(2031, 4, 1, tzinfo=ZoneInfo(tenant.timezone))
        at = period_start.astimezone(UTC) + timedelta(days=days_gone)
        fake = DeliverablePeriod(
            period_start=period_start.date(), period_end=period_start.date().replace(day=30), target_count=4,
            completed_count=completed, status="in_progress", created_on=period.created_on,
        )  # fmt: skip
        units = [forecasting._OpenUnit(HeldUpBy.AGENT, "copywriter", "", 0.0)] * (4 - completed)

        found = forecasting._forecast(fake, units, zone=ZoneInfo(tenant.timezone), at=at)

    assert found.expected_count == expected


def test_what_failed_comes_to_nothing_before_somebody_acts(db, sandbox):
    with due_at("topics"):
        failed, working = steps_of("copywriter")
        ACTIVITY_MOVES.perform(failed, "start", by=BY, at=timezone.now())
        ACTIVITY_MOVES.perform(failed, "fail", by=BY, at=timezone.now())

        forecast = outlook(at=timezone.now())

        assert blocked(forecast) == [(HeldUpBy.AGENT, "copywriter", 1, True), (HeldUpBy.AGENT, "copywriter", 1, False)]
        assert [blocker.activity_ref for blocker in forecast.blockers] == [failed.ref_id, working.ref_id]
        assert (forecast.expected_count, forecast.expected_on) == (1, None)
        operations.retry_activity(failed, by=BY, at=timezone.now())
        assert blocked(outlook(at=timezone.now())) == [(HeldUpBy.AGENT, "copywriter", 2, False)]


def test_an_agent_without_money_is_held_up_by_the_budget(db, sandbox):
    with due_at("topics") as tenant:
        poor, _ = steps_of("copywriter")
        for attempt, error in enumerate(("model_unpriced: …", "cap_reached: …"), 1):
            ActivityRun.objects.create(
                tenant=tenant, activity=poor, adapter_type="claude", model_id="m", status="failed", error=error,
                attempt=attempt, started_on=timezone.now(), created_on=timezone.now(),
            )  # fmt: skip

        forecast = outlook(at=timezone.now())

        assert blocked(forecast) == [(HeldUpBy.BUDGET, "", 1, True), (HeldUpBy.AGENT, "copywriter", 1, False)]
        assert forecast.expected_on is None


def test_what_is_to_be_published_is_with_the_channel(publishing):
    first, _ = publishing
    assert blocked(outlook(at=timezone.now())) == [(HeldUpBy.CHANNEL, "", 2, False)]

    ACTIVITY_MOVES.perform(first, "start", by=BY, at=timezone.now())
    ACTIVITY_MOVES.perform(first, "fail", by=BY, at=timezone.now())

    assert blocked(outlook(at=timezone.now())) == [(HeldUpBy.CHANNEL, "", 1, True), (HeldUpBy.CHANNEL, "", 1, False)]


def test_what_is_scheduled_for_after_the_last_day_is_not_expected_in_time(publishing):
    at = timezone.now()
    lasts_until(at + 5 * 24 * HOUR)
    DeliverablePeriod.objects.update(target_count=2)
    scheduled, _ = publishing
    Activity.objects.filter(pk=scheduled.pk).update(ready_on=at + 9 * 24 * HOUR)

    forecast = outlook(at=at)

    assert (forecast.expected_count, forecast.is_on_course) == (1, False)
    assert forecast.expected_on == local_day(at + 9 * 24 * HOUR)
    assert blocked(forecast) == [(HeldUpBy.CHANNEL, "", 2, False)]


def test_what_goes_out_to_several_channels_comes_with_the_last_and_not_after_the_sum():
    at = timezone.now()
    gate = {"assignee_agent_role": "", "step": {"human_role": "admin"}, "status": "created", "started_on": None}
    posts = [{"assignee_agent_role": "publisher", "ready_on": at + days * 24 * HOUR} for days in (10, 12)]

    hours = forecasting._hours_until_counted([{**gate, "ready_on": at - HOUR}, *posts], {"admin": 7 * HOUR}, at=at)

    assert hours == 12 * 24


@pytest.mark.parametrize("switch", [{"is_enabled": False}, {"max_concurrent": 0}])
def test_what_needs_an_agent_that_is_switched_off_does_not_come_and_the_agent_is_named(db, sandbox, rita, switch):
    with due_at("topics") as tenant:
        first, _ = steps_of("copywriter")
        ACTIVITY_MOVES.perform(first, "start", by=BY, at=timezone.now())  # one is being written already
        AgentConfig.objects.filter(agent_role="copywriter").update(**switch)

        forecast = outlook(at=timezone.now())

        assert blocked(forecast) == [(HeldUpBy.AGENT, "copywriter", 1, True), (HeldUpBy.AGENT, "copywriter", 1, False)]
        assert [blocker.is_off for blocker in forecast.blockers] == [True, False]
        assert (forecast.expected_count, forecast.expected_on) == (1, None)
        page = rita.get(f"/dm/c/{tenant.slug}/").text
        assert "1 waits for the copywriter, which is switched off" in " ".join(page.split())


def test_a_decision_after_which_an_agent_that_is_off_would_go_on_brings_nothing(world):
    with world.at("topics"):
        AgentConfig.objects.filter(agent_role="copywriter").update(is_enabled=False)

        forecast = outlook(at=timezone.now())

        assert blocked(forecast) == [(HeldUpBy.AGENT, "copywriter", 2, True)]
        assert forecast.expected_count == 0


def test_what_was_cancelled_leaves_a_gap_that_nobody_fills(waiting):
    operations.cancel_unit(waiting[0].parent_activity, by=BY, at=timezone.now())

    forecast = outlook(at=timezone.now())

    assert blocked(forecast) == [(HeldUpBy.NOBODY, "", 1, True), (HeldUpBy.REVIEWER, "Rita Rao", 1, False)]
    assert (forecast.expected_on, forecast.is_on_course) == (None, False)


def test_a_promise_that_was_kept_has_nobody_to_blame(world):
    with world.at("live"):
        forecast = outlook(at=timezone.now())

        assert (forecast.expected_count, forecast.expected_on, forecast.blockers) == (2, None, [])
        assert forecasting.forecast(open_periods(), at=timezone.now()) == {}


def test_the_last_step_after_the_counting_one_holds_nothing_up(db, sandbox):
    with due_at("client") as tenant:
        publish = steps_of("publisher")[0]
        operations.close_step(
            ACTIVITY_MOVES.perform(publish, "start", by=BY, at=timezone.now()), by=BY, at=timezone.now()
        )

        forecast = outlook(at=timezone.now())

        assert tenant.slug == "acme-client"
        assert (forecast.completed_count, blocked(forecast)) == (1, [(HeldUpBy.CHANNEL, "", 1, False)])


@pytest.mark.parametrize("stage", ["topics", "drafts", "client", "live"])
def test_what_is_done_and_what_each_holds_up_add_up_to_the_promise(world, stage):
    with world.at(stage):
        forecast = outlook(at=timezone.now())

        assert forecast.completed_count + sum(blocker.units for blocker in forecast.blockers) == forecast.target_count


@pytest.mark.acceptance("PERF-no-n1")
def test_a_few_statements_tell_it_of_however_many_promises_and_units(acme):
    with CaptureQueriesContext(connection) as few:
        forecasting.forecast(open_periods(), at=timezone.now())
    first = Deliverable.objects.get()
    for number in range(4):
        Deliverable.objects.create(
            strategy=first.strategy, goal=first.goal, type="blog_posts", name=f"Posts {number}", quantity_per_period=5,
            period="monthly", created_on=timezone.now(),
        )  # fmt: skip
    assert plan_tenant(acme.facts, by=BY, at=timezone.now()) == 20

    with CaptureQueriesContext(connection) as many:
        forecasts = forecasting.forecast(open_periods(), at=timezone.now())

    assert len(forecasts) == 5
    assert len(few) <= len(many) <= 4


@pytest.mark.acceptance("SEC-tenant-filter")
def test_another_clients_promises_are_not_told(world, mallory):
    with world.at("drafts"):
        period = DeliverablePeriod.objects.get()
    with world.at("rival"):
        assert period.ref_id not in forecasting.forecast(DeliverablePeriod.objects.all(), at=timezone.now())

    assert mallory.get(f"/api/v1/deliverable-periods/{period.ref_id}/forecast/").status_code == NotFound.http_status


# Doors


def test_the_api_tells_it(world, rita, alice):
    with world.at("drafts"):
        period = DeliverablePeriod.objects.get()
        at_gate = Activity.objects.filter(status="awaiting_approval").order_by("ref_id").first()
        expected = outlook(at=timezone.now())

    for person in (rita, alice):
        answer = person.get(f"/api/v1/deliverable-periods/{period.ref_id}/forecast/")

        assert answer.json()["data"] == {
            "deliverable_period": period.ref_id, "status": "in_progress", "target_count": 2, "completed_count": 0,
            "expected_count": expected.expected_count, "expected_on": str(expected.expected_on),
            "is_on_course": expected.is_on_course,
            "blockers": [
                {"who": "reviewer", "units": 2, "name": "Rita Rao", "activity": at_gate.ref_id, "is_stuck": False}
            ],
        }  # fmt: skip


@pytest.mark.parametrize("ref", ["x", "0" * 26, "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_a_period_that_is_not_there_is_not_found(alice, ref):
    assert alice.get(f"/api/v1/deliverable-periods/{ref}/forecast/").status_code == 404


def test_the_reviewer_reads_who_holds_up_how_many_and_is_led_there(world, rita):
    with world.at("client"):
        gate = Activity.objects.filter(status="awaiting_approval").order_by("ref_id").first()
    page = " ".join(rita.get("/dm/c/acme-client/").text.split())

    assert f'href="/dm/c/acme-client/activities/{gate.ref_id}/">2 wait for the client, Alice Ahuja</a>' in page
    assert "expected by" in page


def test_the_client_reads_what_waits_for_them_and_what_for_the_agency(world):
    mine, theirs = (" ".join(world.alice(stage).get("/app/progress/").text.split()) for stage in ("client", "drafts"))

    assert 'href="/app/approvals/">2 wait for you</a>' in mine
    assert "2 wait for your agency" in theirs
    assert "Rita" not in theirs.partition('id="content"')[2]


def test_after_the_client_decided_the_promise_is_kept_and_nothing_is_held_up(db, sandbox, run_world, world):
    decide_all(world.tenant("client"), world.alice("client").user)
    run_world()

    page = " ".join(world.alice("client").get("/app/progress/").text.split())

    assert "2 of 2 blog posts published" in page
    assert "expected by" not in page

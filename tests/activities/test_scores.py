"""Channels that are scored as a job: once a month by itself, by hand as often as asked, and never twice for one asking."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.activities import operations, scoring, tasks
from apps.activities.bodies import SCORE_CHANNELS
from apps.activities.engine import sweep, worker
from apps.activities.models import Activity
from apps.activities.operations import Job, LeaseLost
from apps.channels import operations as channels
from apps.channels.models import Channel, ChannelScore
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.tenants.models import Tenant
from tests.activities.test_jobs import DyingJob, Killed, claimed
from tests.activities.work import fresh, hurry, kill_leases
from tests.conftest import World

BY = Actor.system("tests")
AT = timezone.now()


@pytest.fixture
def client(db, sandbox) -> Iterator[Tenant]:
    """The client whose posts are live, in scope, with a website, a search property and an Analytics property."""
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + timedelta(days=1))
    with World().at("live") as tenant:
        connected("google_search_console", "sc-domain:acme.example")
        connected("google_analytics", "properties/90210")
        yield tenant


def connected(platform: str, name: str) -> Channel:
    return Channel.objects.create(
        platform=platform,
        channel_type="analytics",
        name=f"Our {platform}",
        external_id=name,
        access_token="ya29.token",
        created_on=timezone.now(),
    )


def asked(client, at=None, **more) -> Activity:
    return operations.begin_scoring(client.facts, by=BY, at=at or timezone.now(), **more)


def jobs() -> list[Activity]:
    return list(Activity.objects.filter(assignee_agent_role=SCORE_CHANNELS).order_by("ref_id"))


def scores() -> dict[str, list[int]]:
    """What each platform's channel was given, in order."""
    rows = ChannelScore.objects.order_by("ref_id").values_list("channel__platform", "score")
    found: dict[str, list[int]] = {}
    for platform, score in rows:
        found.setdefault(platform, []).append(score)
    return found


@pytest.mark.acceptance("FLOW-channel-score")
@pytest.mark.acceptance("PLACE-content-meta")
def test_each_connected_channel_is_scored_by_the_rubric_of_its_platform(client):
    asked(client)

    assert worker.work() == 1

    (job,) = jobs()
    assert (job.status, job.output_summary["scored"], job.output_summary["not_scored"]) == ("completed", 3, 0)
    for channel in Channel.objects.all():
        row = ChannelScore.objects.get(channel=channel)
        assert row.period == f"{job.created_on.astimezone(ZoneInfo(client.timezone)):%Y-%m}"
        assert (row.score, row.score_breakdown) == (channel.score, channel.score_breakdown)
        assert row.scoring_criteria["platform"] == channel.platform
        assert row.scored_on == channel.score_calculated_at >= job.created_on
        assert channel.score_previous is None
        assert sum(part["maximum"] for part in row.score_breakdown["parts"]) == 100
    entries = JournalEntry.objects.filter(code="channel.scored").order_by("subject_ref")
    assert [(e.before, e.after["score"]) for e in entries] == [
        ({"score": None}, c.score) for c in Channel.objects.order_by("ref_id")
    ]


@pytest.mark.acceptance("MISC-score-delta")
def test_a_scoring_by_hand_is_a_further_row_and_tells_the_difference(client):
    asked(client)
    worker.work()
    site = Channel.objects.get(platform="wordpress")
    Channel.objects.filter(pk=site.pk).update(score=site.score - 3)

    asked(client, channel=site)
    worker.work()

    again = fresh(site)
    assert (again.score, again.score_previous, again.score_change) == (site.score, site.score - 3, 3)
    assert {platform: len(given) for platform, given in scores().items()} == {
        "wordpress": 2, "google_search_console": 1, "google_analytics": 1
    }  # fmt: skip
    assert jobs()[1].output_summary["by_channel"] == f"{site.name}: {site.score} of 100, 3 more than before."


def test_a_channel_that_cannot_be_read_is_told_of_and_holds_back_no_other(client):
    before = Channel.objects.get(platform="google_analytics")
    Channel.objects.filter(platform="google_analytics").update(score=50)
    broken = Channel.objects.get(platform="google_analytics")
    broken.access_token = "revoked"
    broken.save()
    asked(client)

    worker.work()

    (job,) = jobs()
    (told,) = [one for one in job.output_summary["results"] if one["score"] is None]
    assert told["told"] == "Google no longer accepts the connection. Connect the property again."
    assert set(scores()) == {"wordpress", "google_search_console"}
    after = fresh(before)
    assert (after.status, after.score, after.score_calculated_at) == ("connected", 50, None)


@pytest.mark.acceptance("SM-channels")
def test_a_channel_that_is_not_connected_gets_no_score(client):
    channels.disconnect(Channel.objects.get(platform="google_analytics"), by=BY, at=AT)
    Channel.objects.create(platform="linkedin", channel_type="social", name="Page", created_on=AT)
    asked(client)

    worker.work()

    assert set(scores()) == {"wordpress", "google_search_console"}
    for platform in ("google_analytics", "linkedin"):
        with pytest.raises(operations.NothingToScore):
            asked(client, channel=Channel.objects.get(platform=platform))


def test_a_job_that_was_killed_between_channels_goes_on_without_a_second_row(client, sandbox):
    asked(client)
    DyingJob.dies_at = "Looking at Our google_search_console"
    with pytest.raises(Killed):  # Analytics has its score, and the job has not said so
        scoring.score(claimed(DyingJob))
    assert set(scores()) == {"google_analytics"}
    sandbox.world.log.clear()

    kill_leases()
    sweep.sweep()
    hurry()
    assert worker.work() == 1

    assert {platform: len(given) for platform, given in scores().items()} == {
        "google_analytics": 1, "google_search_console": 1, "wordpress": 1
    }  # fmt: skip
    (job,) = jobs()
    assert (job.status, job.output_summary["scored"]) == ("completed", 3)
    assert sandbox.world.entries(target="analytics") == []


def test_a_worker_that_was_thought_dead_gives_no_score_beside_the_one_that_took_over(client):
    asked(client, channel=Channel.objects.get(platform="google_analytics"))
    old = claimed()
    kill_leases()
    sweep.sweep()
    hurry()
    new = claimed()
    scoring.score(new)

    with pytest.raises(LeaseLost):
        scoring.score(old)

    assert len(scores()["google_analytics"]) == 1


def test_a_job_that_was_cancelled_while_a_platform_answers_gives_no_score(client, rita):
    asked(client)

    class CancelledThen(Job):
        def check(self):
            operations.cancel_activity(self.activity, by=rita.actor, at=timezone.now())
            super().check()

    with pytest.raises(LeaseLost):
        scoring.score(claimed(CancelledThen))

    assert scores() == {}


def test_one_scoring_is_made_at_a_time(client):
    asked(client)

    with pytest.raises(operations.ScoringUnderWay):
        asked(client)
    assert len(jobs()) == 1


@pytest.mark.acceptance("CRON-channel-scoring")
def test_a_month_is_asked_for_once_however_many_beats_there_are(client):
    asked_for = tasks.score_channels()

    assert tasks.score_channels() == 0
    with every_tenant(reason="a test counts the jobs of every client"):
        made = Activity.objects.filter(assignee_agent_role=SCORE_CHANNELS).values_list("tenant", flat=True)
    assert len(set(made)) == len(made) == asked_for > 1
    (job,) = jobs()
    assert job.origin_key == f"scores:{timezone.now().astimezone(ZoneInfo(client.timezone)):%Y-%m}"


def test_the_month_begins_with_the_clients_own_day_and_its_scoring_is_of_that_month(client):
    Tenant.objects.filter(pk=client.pk).update(timezone="Asia/Kolkata")
    facts = Tenant.objects.get(pk=client.pk).facts
    eve, midnight = (datetime(2027, 1, 31, 18, minute, tzinfo=ZoneInfo("UTC")) for minute in (29, 30))

    months = [operations.score_month(facts, by=BY, at=at) for at in (eve, midnight, midnight + timedelta(hours=1))]

    assert [job and job.origin_key for job in months] == ["scores:2027-01", "scores:2027-02", None]
    assert [job.input_data["period"] for job in jobs()] == ["2027-01", "2027-02"]
    Activity.objects.filter(pk=months[1].pk).update(status="cancelled")
    Activity.objects.filter(pk=months[0].pk).update(ready_on=timezone.now())
    worker.work()  # in whatever month the worker comes by
    assert {row.period for row in ChannelScore.objects.all()} == {"2027-01"}


def test_a_scoring_asked_for_before_the_months_end_takes_nothing_from_the_next_month(client):
    last_month = timezone.now() - timedelta(days=31)
    operations.begin_scoring(client.facts, by=BY, at=last_month)
    operations.score_month(client.facts, by=BY, at=timezone.now())

    assert worker.work() == 2

    months = [job.input_data["period"] for job in jobs()]
    assert len(set(months)) == 2
    site = Channel.objects.get(platform="wordpress")
    assert sorted(ChannelScore.objects.filter(channel=site).values_list("period", flat=True)) == sorted(months)


def test_nothing_is_asked_for_while_nothing_is_connected(client):
    for channel in Channel.objects.all():
        channels.disconnect(channel, by=BY, at=AT)

    assert operations.score_month(client.facts, by=BY, at=AT) is None
    with pytest.raises(operations.NothingToScore):
        asked(client)
    assert jobs() == []


def test_a_command_has_the_channels_scored_now(client):
    out = StringIO()

    call_command("score_channels", tenant=client.slug, stdout=out)
    call_command("score_channels", tenant=client.slug, stdout=out)

    assert out.getvalue().splitlines() == ["1 client: scoring asked for.", "0 clients: scoring asked for."]
    worker.work()
    assert set(scores()) == {"wordpress", "google_search_console", "google_analytics"}


def test_only_a_property_that_covers_the_site_says_how_google_shows_it(client):
    asked(client)
    worker.work()
    site = Channel.objects.get(platform="wordpress")
    parts = {part["key"]: part for part in site.score_breakdown["parts"]}
    assert (parts["indexed"]["has_data"], parts["clicks_change"]["has_data"]) == (False, False)

    connected("google_search_console", f"{site.external_url}/")
    asked(client, channel=site)
    worker.work()

    parts = {part["key"]: part for part in fresh(site).score_breakdown["parts"]}
    assert parts["clicks_change"]["has_data"] is True

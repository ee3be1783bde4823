"""Channels of a client in the DM Portal: scores with their change and parts, and the way to have them scored."""

import pytest
from django.utils import timezone

from apps.activities.bodies import SCORE_CHANNELS
from apps.activities.engine import worker
from apps.activities.models import Activity
from apps.channels.models import Channel, ChannelScore
from apps.channels.operations import record_score
from apps.channels.scoring import RUBRICS, Fact, scored
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant

AT = timezone.now()
PAGE = "/dm/c/acme-drafts/channels/"


@pytest.fixture
def site(acme) -> Channel:
    return Channel.objects.get()


def give(channel: Channel, **values: float) -> Channel:
    facts = {
        p.key: Fact(values.get(p.key), "A figure." if p.key in values else "Why not.")
        for _, p in RUBRICS["wordpress"].parts
    }
    at = timezone.now()
    return record_score(
        channel, scored("wordpress", facts), period="2026-04", since=at, by=Actor.system("tests"), at=at
    )


@pytest.mark.acceptance("MISC-score-delta")
def test_the_list_shows_each_score_and_how_much_it_changed(rita, site):
    assert "It is scored at the beginning of the month" in rita.get(PAGE).text
    give(site, posts=4)
    give(site, posts=6, sitemap=1)

    page = rita.get(PAGE).text

    assert "28 of 100" in page  # 22.5 + 5, half up
    assert ">+13<" in page


def test_a_channel_shows_its_parts_and_says_where_there_is_no_data(rita, site):
    give(site, posts=4, sitemap=1)

    page = rita.get(f"{PAGE}{site.ref_id}/").text

    assert "20 of 100" in page
    assert "15 of 30" in page and "A figure." in page
    assert page.count("No data") == len(RUBRICS["wordpress"].parts) - 2
    assert "Why not." in page
    assert ">April 2026</span>" in page


def test_a_reviewer_has_a_channel_scored_and_comes_to_the_job(rita, site, sandbox):
    response = rita.post(f"{PAGE}{site.ref_id}/")

    job = Activity.objects.get(assignee_agent_role=SCORE_CHANNELS)
    assert (response.status_code, response["Location"]) == (302, f"/dm/c/acme-drafts/activities/{job.ref_id}/")
    assert job.title == f"Score {site.name}"
    assert "Score now" not in rita.get(f"{PAGE}{site.ref_id}/").text
    assert rita.post(PAGE).status_code == 409
    with every_tenant(reason="a test wants nothing else to be claimed"):
        Activity.objects.filter(assignee_type="agent").exclude(pk=job.pk).update(ready_on=AT.replace(year=AT.year + 1))
    worker.work()
    page = rita.get(f"/dm/c/acme-drafts/activities/{job.ref_id}/").text
    assert "Channels and their scores" in page and f"{site.name}: " in page
    assert ChannelScore.objects.count() == 1


def test_a_channel_that_could_not_be_scored_is_named_on_the_list(rita, site, sandbox):
    site.access_token = "not the password"
    site.save()
    rita.post(PAGE)
    with every_tenant(reason="a test wants nothing else to be claimed"):
        others = Activity.objects.filter(assignee_type="agent").exclude(assignee_agent_role=SCORE_CHANNELS)
        others.update(ready_on=AT.replace(year=AT.year + 1))

    worker.work()

    assert "The user name or the application password is wrong." in rita.get(PAGE).text
    assert not ChannelScore.objects.exists()


def test_nothing_is_scored_that_nothing_reads(rita, acme):
    other = Channel.objects.create(platform="linkedin", channel_type="social", name="Page", created_on=AT)

    assert "Nothing reads this platform yet" in rita.get(f"{PAGE}{other.ref_id}/").text
    assert rita.post(f"{PAGE}{other.ref_id}/").status_code == 409
    assert not Activity.objects.filter(assignee_agent_role=SCORE_CHANNELS).exists()


def test_another_clients_channel_is_not_there(rita, site, world):
    assert rita.get(f"/dm/c/acme-topics/channels/{site.ref_id}/").status_code == 404
    assert rita.post(f"/dm/c/acme-topics/channels/{site.ref_id}/").status_code == 404
    assert not Activity.objects.filter(assignee_agent_role=SCORE_CHANNELS).exists()

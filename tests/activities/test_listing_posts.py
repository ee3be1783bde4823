"""Posts for business listings: one decision on topic and text together, put out by hand on each listing."""

import json

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import operations as work
from apps.activities.models import Activity
from apps.channels.models import PublishAttempt
from apps.content import operations as content
from apps.content import queries
from apps.content.models import SocialPost
from tests.activities import promises
from tests.activities.promises import agents_work, asked, grant, send_back, standing, step_of, the_one_asked, units_of
from tests.activities.work import fresh

AT_GOOGLE = "https://posts.gle/AbC12"


@pytest.fixture
def client(db, sandbox):
    with promises.client_at_rest() as tenant:
        yield tenant


@pytest.fixture
def listing(client):
    return promises.connect("google_business_profile", "Harbour Coffee, Pier 4")


@pytest.fixture
def period(client, listing):
    return promises.promise(client, "gbp_posts", "google_business_profile", quantity=2)


@pytest.fixture
def unit(period):
    agents_work()
    return units_of(period)[0]


def confirm(step: Activity, person, url: str = AT_GOOGLE) -> Activity:
    return work.confirm_published(step, url=url, by=person.actor, at=timezone.now())


def posts_of(unit: Activity) -> list[SocialPost]:
    return queries.posts_of(queries.social_request_of_unit(unit))


def test_what_a_reviewer_approves_is_put_out_and_counted(unit, period, listing, rita):
    request = queries.social_request_of_unit(unit)
    assert (request.status, request.post_type, SocialPost.objects.count()) == ("pending_approval", "gbp_update", 0)

    grant(the_one_asked(unit), rita)

    (post,) = posts_of(unit)
    assert (post.channel, post.platform, post.status) == (listing, "google_business_profile", "approved")
    assert post.content_ref == step_of(unit, "draft").output_ref
    assert post.char_count == len(request.content_brief) <= 1_500
    assert standing(unit) == {"draft": "completed", "approval": "completed", "publish": "assigned"}

    confirm(step_of(unit, "publish"), rita)

    post = fresh(post)
    assert (post.status, post.published_url) == ("published", AT_GOOGLE)
    assert PublishAttempt.objects.get(subject_ref=post.ref_id).status == "confirmed"
    assert (fresh(period).completed_count, fresh(unit).status) == (1, "completed")
    assert fresh(request).status == "completed"


def test_the_page_shows_the_text_the_button_and_the_listing(unit, rita):
    approval = the_one_asked(unit)
    written = json.loads(storage.read_one(storage.ActivityOutput, approval.content_ref).text)

    text = rita.get(f"/dm/c/{approval.tenant.slug}/approvals/{approval.ref_id}/").text

    for part in (
        written["topic"],
        written["ctaUrl"],
        "Learn more",
        "Harbour Coffee, Pier 4",
        "Google Business Profile",
    ):
        assert part in text
    assert written["body"][:80] in text


def test_sending_it_back_brings_another_text_for_the_same_request(unit, rita):
    first = the_one_asked(unit)

    send_back(first, rita, "Mention the new terrace.")
    Activity.objects.filter(pk=step_of(unit, "draft").pk).update(ready_on=timezone.now())
    agents_work()

    again = the_one_asked(unit)
    request = queries.social_request_of_unit(unit)
    assert again.subject_ref == first.subject_ref == request.ref_id
    assert "new terrace" in request.content_brief and request.status == "pending_approval"


def test_units_of_a_period_differ_and_planning_again_adds_nothing(client, unit, period):
    texts = {queries.social_request_of_unit(each).content_brief for each in units_of(period)}

    assert len(texts) == 2
    assert work.plan_tenant(client.facts, by=promises.SYSTEM, at=timezone.now()) == 0


def test_each_listing_has_its_own_post_and_the_unit_counts_when_all_are_out(client, period, rita):
    promises.connect("google_business_profile", "Harbour Coffee, Station")
    agents_work()
    unit = units_of(period)[0]

    grant(the_one_asked(unit), rita)

    keys = ["publish", "publish_google_business_profile_b"]
    assert [standing(unit)[key] for key in keys] == ["assigned", "assigned"]
    assert step_of(unit, keys[1]).title == "Publish the post: Google Business Profile, Harbour Coffee, Station"
    confirm(step_of(unit, keys[0]), rita)
    assert fresh(period).completed_count == 0
    confirm(step_of(unit, keys[1]), rita)
    assert [post.status for post in posts_of(unit)] == ["published", "published"]
    assert fresh(period).completed_count == 1


def test_without_a_listing_nothing_is_approved_and_nothing_is_lost(client, rita):
    period = promises.promise(client, "gbp_posts")
    agents_work()
    (unit,) = units_of(period)
    approval = the_one_asked(unit)
    assert "No channel is connected" in rita.get(f"/dm/c/{client.slug}/approvals/{approval.ref_id}/").text

    with pytest.raises(content.NoSocialChannel):
        grant(approval, rita)

    assert (fresh(approval).status, SocialPost.objects.count()) == ("pending", 0)
    assert queries.social_request_of_unit(unit).status == "pending_approval"
    assert asked(unit) == [approval]


def test_what_was_changed_after_the_approval_is_not_confirmed(unit, rita):
    grant(the_one_asked(unit), rita)
    request = queries.social_request_of_unit(unit)
    type(request).objects.filter(pk=request.pk).update(content_brief="Something else.")

    with pytest.raises(content.ContentChanged):
        confirm(step_of(unit, "publish"), rita)

    assert (standing(unit)["publish"], posts_of(unit)[0].status) == ("assigned", "approved")

"""Social posts from the calendar to the figures: one post per channel, each decided on and put out for itself."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import operations as work
from apps.activities.models import Activity, Approval
from apps.channels.models import PublishAttempt
from apps.channels.statuses import CHANNEL_MOVES
from apps.content import operations as content
from apps.content import queries
from apps.content.models import SocialMediaRequest, SocialPost
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed
from apps.shared.transitions import MoveRefused
from tests.activities import promises
from tests.activities.promises import agents_work, asked, grant, send_back, standing, step_of, the_one_asked, units_of
from tests.activities.work import fresh

ON_LINKEDIN = "https://www.linkedin.com/feed/update/urn:li:share:7001"
ON_FACEBOOK = "https://www.facebook.com/harbour/posts/9001"


@pytest.fixture
def client(db, sandbox):
    with promises.client_at_rest() as tenant:
        yield tenant


@pytest.fixture
def alice(world):
    return world.alice("topics")


@pytest.fixture
def linkedin(client):
    return promises.connect("linkedin", "Harbour page")


@pytest.fixture
def facebook(client):
    return promises.connect("facebook", "Harbour on Facebook")


@pytest.fixture
def period(client, linkedin, facebook):
    return promises.promise(client, "social_posts", "linkedin", "facebook")


@pytest.fixture
def topic(period):
    """The unit whose topic waits for the reviewer."""
    (unit,) = units_of(period)
    agents_work()
    return unit


@pytest.fixture
def approved(topic, rita, alice):
    """The unit whose two posts are approved and wait to be put out."""
    grant(the_one_asked(topic), rita)
    agents_work()
    for person in (rita, alice):
        for approval in asked(topic):
            grant(approval, person)
    return topic


def confirm(step: Activity, person, url: str, note: str = "") -> Activity:
    return work.confirm_published(step, url=url, note=note, by=person.actor, at=timezone.now())


def posts_of(unit: Activity) -> list[SocialPost]:
    return queries.posts_of(queries.social_request_of_unit(unit))


def page(approval: Approval) -> str:
    return f"/dm/c/{approval.tenant.slug}/approvals/{approval.ref_id}/"


@pytest.mark.acceptance("FLOW-social-request")
def test_approving_a_topic_creates_a_post_for_each_channel_with_steps_of_its_own(topic, linkedin, facebook, rita):
    request = queries.social_request_of_unit(topic)
    assert (request.status, request.requested_by_id) == ("pending_approval", "social_calendar_planner")
    assert not SocialPost.objects.exists()

    grant(the_one_asked(topic), rita)

    posts = posts_of(topic)
    assert [(p.channel, p.platform, p.status) for p in posts] == [
        (linkedin, "linkedin", "draft"),
        (facebook, "facebook", "draft"),
    ]
    assert fresh(request).status == "approved"
    assert standing(topic) == {
        "calendar_entry": "completed",
        "topic_approval": "completed",
        "draft": "assigned",
        "dm_review": "created",
        "client_approval": "created",
        "publish": "created",
        "engagement_check": "created",
        "draft_facebook": "assigned",
        "dm_review_facebook": "created",
        "client_approval_facebook": "created",
        "publish_facebook": "created",
        "engagement_check_facebook": "created",
    }
    assert [step_of(topic, key).subject_ref for key in ("publish", "publish_facebook")] == [p.ref_id for p in posts]
    assert step_of(topic, "draft_facebook").title == "Write the post: Facebook"
    assert (step_of(topic, "dm_review_facebook").step.on_reject, step_of(topic, "draft").title) == (
        "draft_facebook",
        "Write the post: LinkedIn",
    )


@pytest.mark.acceptance("FLOW-social-publish", "MISC-char-limits")
def test_what_people_approved_is_put_out_by_hand_counted_and_measured(approved, period, linkedin, rita):
    first, second = posts_of(approved)
    assert (first.status, second.status) == ("approved", "approved")
    text = queries.written(first, storage.read_one(storage.ActivityOutput, first.content_ref).text).text
    assert first.char_count == len(text)

    publish = confirm(step_of(approved, "publish"), rita, ON_LINKEDIN, "Posted at noon.")

    first = fresh(first)
    attempt = PublishAttempt.objects.get(subject_ref=first.ref_id)
    assert (publish.status, first.status, fresh(second).status) == ("completed", "published", "approved")
    assert (first.published_url, first.platform_post_id) == (ON_LINKEDIN, "urn:li:share:7001")
    assert (attempt.status, attempt.channel, attempt.external_url) == ("confirmed", linkedin, ON_LINKEDIN)
    assert attempt.response_summary == {"confirmed": "said by a person", "note": "Posted at noon."}
    assert Approval.objects.get(ref_id=attempt.approval_ref).content_sha256 == attempt.content_sha256
    assert fresh(period).completed_count == 0  # the second post of the topic is still to come

    confirm(step_of(approved, "publish_facebook"), rita, ON_FACEBOOK)

    assert fresh(period).completed_count == 1
    assert queries.social_request_of_unit(approved).status == "completed"
    checks = [step_of(approved, key) for key in ("engagement_check", "engagement_check_facebook")]
    assert all(check.ready_on > timezone.now() + timedelta(days=6) for check in checks)
    agents_work()
    assert [fresh(check).status for check in checks] == ["assigned", "assigned"]

    content.record_engagement(first, {"impressions": 900, "likes": 31}, by=rita.actor, at=timezone.now())
    Activity.objects.filter(pk__in=[check.pk for check in checks]).update(ready_on=timezone.now())
    agents_work()

    first = fresh(first)
    assert (first.engagement_snapshot, first.last_engagement_on is None) == ({"impressions": 900, "likes": 31}, False)
    told = [json.loads(storage.read_one(storage.ActivityOutput, fresh(c).output_ref).text) for c in checks]
    assert [answer["figuresKnown"] for answer in told] == [True, False]
    assert "impressions 900" in told[0]["findings"][0]
    (task,) = Activity.objects.filter(origin_key__startswith="figures:")
    assert (task.origin_key, task.title) == (f"figures:{second.ref_id}", "Enter the figures of the Facebook post")
    assert fresh(approved).status == "completed"


def test_a_topic_that_is_sent_back_is_planned_anew_and_stays_one_request(topic, rita):
    asked_first = the_one_asked(topic)
    before = queries.social_request_of_unit(topic).topic

    send_back(asked_first, rita, "More about the harbour.")
    request = queries.social_request_of_unit(topic)
    assert (request.status, request.rejection_notes) == ("rejected", "More about the harbour.")
    Activity.objects.filter(pk=step_of(topic, "calendar_entry").pk).update(ready_on=timezone.now())
    agents_work()

    request = queries.social_request_of_unit(topic)
    assert SocialMediaRequest.objects.count() == 1
    assert (request.status, request.topic == before, "harbour" in request.topic.lower()) == (
        "pending_approval",
        False,
        True,
    )
    assert the_one_asked(topic).content_sha256 != asked_first.content_sha256


def test_a_post_that_is_sent_back_goes_to_its_own_writer_and_leaves_the_others_alone(topic, rita, alice):
    grant(the_one_asked(topic), rita)
    agents_work()
    about_linkedin, about_facebook = asked(topic)
    grant(about_linkedin, rita)

    send_back(about_facebook, rita, "Say that we open at seven.")

    assert standing(topic)["draft_facebook"] == "assigned"
    assert [p.status for p in posts_of(topic)] == ["review", "rejected"]
    Activity.objects.filter(pk=step_of(topic, "draft_facebook").pk).update(ready_on=timezone.now())
    agents_work()
    written = [p.status for p in posts_of(topic)]
    steps = standing(topic)
    assert written == ["review", "review"]
    assert (steps["client_approval"], steps["dm_review_facebook"]) == ("awaiting_approval", "awaiting_approval")
    again = next(a for a in asked(topic) if a.subject_ref == about_facebook.subject_ref)
    assert "open at seven" in rita.get(page(again)).text
    grant(next(a for a in asked(topic) if a.required_role == "admin"), alice)
    assert [p.status for p in posts_of(topic)] == ["approved", "review"]


def test_planning_again_adds_nothing(client, approved):
    before = Activity.objects.count()

    assert work.plan_tenant(client.facts, by=promises.SYSTEM, at=timezone.now()) == 0

    assert Activity.objects.count() == before


def test_units_of_a_period_have_topics_of_their_own(client, linkedin):
    period = promises.promise(client, "social_posts", "linkedin", quantity=3)
    agents_work()

    topics = {queries.social_request_of_unit(unit).topic for unit in units_of(period)}

    assert len(topics) == 3


@pytest.mark.parametrize("suffix", ["", "_facebook"])
def test_the_page_of_a_gate_shows_all_that_is_decided_on(topic, rita, alice, suffix):
    about_topic = the_one_asked(topic)
    request = queries.social_request_of_unit(topic)
    text = rita.get(page(about_topic)).text
    for part in (
        request.topic,
        request.content_brief[:60],
        "LinkedIn",
        "Harbour on Facebook",
        "As soon as it is approved",
    ):
        assert part in text
    grant(about_topic, rita)
    agents_work()

    approval = Approval.objects.get(activity=step_of(topic, f"dm_review{suffix}"), status="pending")
    post = queries.social_post_of(approval.subject_ref)
    written = queries.written(post, storage.read_one(storage.ActivityOutput, post.content_ref).text)
    expected = [written.body_text.splitlines()[-1], *(f"#{tag}" for tag in written.hashtags), written.alt_text]
    expected += [written.link_url, post.channel.name, f"{post.char_count} of", request.topic]
    text = rita.get(page(approval)).text
    assert all(part in text for part in expected)

    grant(approval, rita)
    approval = Approval.objects.get(activity=step_of(topic, f"client_approval{suffix}"), status="pending")
    text = alice.get(f"/app/approvals/{approval.ref_id}/").text
    assert all(part in text for part in expected)
    answer = alice.send("GET", f"/api/v1/approvals/{approval.ref_id}/").json()["data"]
    assert json.loads(answer["text"])["bodyText"] == written.body_text
    assert answer["shown"]["platform"] == post.platform


def test_a_promised_platform_without_a_channel_is_told_and_the_others_go_on(client, linkedin, rita):
    period = promises.promise(client, "social_posts", "linkedin", "instagram")
    agents_work()
    (unit,) = units_of(period)

    approval = the_one_asked(unit)
    assert "Instagram is promised and not connected" in rita.get(page(approval)).text
    grant(approval, rita)

    assert [post.platform for post in posts_of(unit)] == ["linkedin"]


def test_without_any_channel_the_topic_is_kept_and_planned_for_the_one_that_is_connected_later(client, rita):
    period = promises.promise(client, "social_posts", "linkedin")
    agents_work()
    (unit,) = units_of(period)
    approval = the_one_asked(unit)
    assert "No channel is connected that this could go out on" in rita.get(page(approval)).text

    with pytest.raises(content.NoSocialChannel):
        grant(approval, rita)

    assert (fresh(approval).status, SocialPost.objects.count()) == ("pending", 0)
    assert queries.social_request_of_unit(unit).status == "pending_approval"

    promises.connect("linkedin", "Harbour page")
    send_back(approval, rita, "LinkedIn is connected now.")
    Activity.objects.filter(pk=step_of(unit, "calendar_entry").pk).update(ready_on=timezone.now())
    agents_work()
    grant(the_one_asked(unit), rita)
    assert [post.platform for post in posts_of(unit)] == ["linkedin"]


def test_two_channels_of_one_platform_are_told_apart_by_name(client, linkedin, rita):
    promises.connect("linkedin", "Harbour wholesale")
    period = promises.promise(client, "social_posts", "linkedin")
    agents_work()
    (unit,) = units_of(period)

    grant(the_one_asked(unit), rita)

    assert {"draft", "draft_linkedin_b"} <= set(standing(unit))
    assert step_of(unit, "draft_linkedin_b").title == "Write the post: LinkedIn, Harbour wholesale"


def test_a_disconnected_channel_gets_no_post(client, linkedin, facebook, rita):
    CHANNEL_MOVES.perform(facebook, "disconnect", by=rita.actor, at=timezone.now())
    period = promises.promise(client, "social_posts", "linkedin", "facebook")
    agents_work()
    (unit,) = units_of(period)

    grant(the_one_asked(unit), rita)

    assert [post.platform for post in posts_of(unit)] == ["linkedin"]


def test_a_post_with_a_time_is_ready_to_be_put_out_then(topic, rita, alice):
    moment = timezone.now() + timedelta(days=2)
    grant(the_one_asked(topic), rita)
    SocialPost.objects.filter(platform="linkedin").update(scheduled_for=moment)
    agents_work()
    for person in (rita, alice):
        for approval in asked(topic):
            grant(approval, person)

    first, second = posts_of(topic)
    assert (first.status, second.status) == ("scheduled", "approved")
    assert step_of(topic, "publish").ready_on == moment
    assert confirm(step_of(topic, "publish"), rita, ON_LINKEDIN).status == "completed"


def test_an_address_that_is_none_publishes_nothing(approved, rita, period):
    for url, told in {
        "": "whole address",
        "linkedin.com/feed": "whole address",
        "https://www.facebook.com/harbour/posts/9001": "no address on LinkedIn",
        "https://linkedin.com.evil.example/feed": "no address on LinkedIn",
        "https://user@linkedin.com/feed": "visitors can open",
        "http://127.0.0.1/feed": "visitors can open",
        "https://www.linkedin.com/" + "a" * 1_000: "at most",
        "javascript:alert(1)": "whole address",
    }.items():
        with pytest.raises(InvalidInput) as refused:
            confirm(step_of(approved, "publish"), rita, url)
        assert told in refused.value.errors["url"][0], url

    assert (standing(approved)["publish"], posts_of(approved)[0].status) == ("assigned", "approved")
    assert not PublishAttempt.objects.filter(subject_type="social_post").exists()


def test_nothing_but_the_approved_content_is_confirmed(approved, rita):
    SocialPost.objects.filter(platform="linkedin").update(char_count=3)

    with pytest.raises(content.ContentChanged):
        confirm(step_of(approved, "publish"), rita, ON_LINKEDIN)

    assert (standing(approved)["publish"], posts_of(approved)[0].status) == ("assigned", "approved")
    assert not PublishAttempt.objects.filter(subject_type="social_post").exists()


def test_a_second_word_about_the_same_publication_changes_nothing(approved, rita):
    confirm(step_of(approved, "publish"), rita, ON_LINKEDIN)

    for again in (
        lambda: confirm(step_of(approved, "publish"), rita, f"{ON_LINKEDIN}2"),
        lambda: work.report_not_published(step_of(approved, "publish"), cause="No", by=rita.actor, at=timezone.now()),
    ):
        with pytest.raises((content.ContentChanged, MoveRefused)):
            again()

    assert posts_of(approved)[0].published_url == ON_LINKEDIN
    assert PublishAttempt.objects.filter(subject_type="social_post").count() == 1


@pytest.mark.acceptance("FLOW-social-publish")
def test_what_could_not_be_put_out_fails_with_its_cause_and_can_be_tried_again(approved, rita):
    publish = step_of(approved, "publish")

    failed = work.report_not_published(publish, cause="The page is locked.", by=rita.actor, at=timezone.now())

    attempt = PublishAttempt.objects.get(subject_type="social_post")
    assert (failed.status, posts_of(approved)[0].status) == ("failed", "failed")
    assert (attempt.status, attempt.failure_cause) == ("failed", "The page is locked.")
    work.retry_activity(failed, by=rita.actor, at=timezone.now())
    confirm(step_of(approved, "publish"), rita, ON_LINKEDIN)
    assert (posts_of(approved)[0].status, standing(approved)["publish"]) == ("published", "completed")


def test_marking_it_as_done_is_no_way_to_publish(approved, rita):
    with pytest.raises(work.AddressMissing):
        work.finish_task(step_of(approved, "publish"), by=rita.actor, at=timezone.now())

    assert standing(approved)["publish"] == "assigned"


@pytest.mark.parametrize("actor", [Actor.system("tests"), Actor.agent("publisher")], ids=["system", "agent"])
def test_only_a_person_says_that_it_is_out(approved, actor):
    with pytest.raises(NotAllowed):
        work.confirm_published(step_of(approved, "publish"), url=ON_LINKEDIN, by=actor, at=timezone.now())

    assert standing(approved)["publish"] == "assigned"


def test_only_a_step_that_is_published_by_hand_is_confirmed(approved, rita):
    for key in ("draft", "client_approval"):
        with pytest.raises(work.NotByHand):
            confirm(step_of(approved, key), rita, ON_LINKEDIN)


def test_when_the_last_open_post_of_a_topic_is_cancelled_the_published_one_counts(approved, period, rita):
    confirm(step_of(approved, "publish"), rita, ON_LINKEDIN)
    assert fresh(period).completed_count == 0

    work.cancel_activity(step_of(approved, "publish_facebook"), by=rita.actor, at=timezone.now())

    assert fresh(period).completed_count == 1


def test_in_the_portal_a_person_sees_the_post_enters_its_address_and_goes_on(client, approved, rita):
    step = step_of(approved, "publish")
    href = f"/dm/c/{client.slug}/activities/{step.ref_id}/"
    post = posts_of(approved)[0]
    written = queries.written(post, storage.read_one(storage.ActivityOutput, post.content_ref).text)
    text = rita.get(href).text
    assert written.body_text.splitlines()[0] in text and "It is published" in text and "Mark as done" not in text

    wrong = rita.post(f"{href}published/", {"url": "https://x.com/harbour/status/1"})
    assert wrong.status_code == 422 and "no address on LinkedIn" in wrong.text
    assert rita.post(f"{href}not-published/", {"cause": " "}).status_code == 422
    assert standing(approved)["publish"] == "assigned"

    assert rita.post(f"{href}published/", {"url": ON_LINKEDIN}).status_code == 302

    assert standing(approved)["publish"] == "completed"
    assert ON_LINKEDIN in rita.get(href).text


def test_through_the_api_a_reviewer_confirms_and_a_client_may_not(client, approved, rita, alice):
    first, second = (step_of(approved, key) for key in ("publish", "publish_facebook"))
    headers = {"X-Tenant": client.ref_id}
    path = f"/api/v1/activities/{first.ref_id}/confirm-published/"
    assert alice.send("POST", path, {"url": ON_LINKEDIN}).status_code == 403
    bad = rita.send("POST", path, {"url": "https://x.com/a/status/1"}, **headers)
    assert (bad.status_code, "url" in bad.json()["errors"]) == (400, True)
    assert standing(approved)["publish"] == "assigned"

    assert rita.send("POST", path, {"url": ON_LINKEDIN}, **headers).status_code == 200
    other = f"/api/v1/activities/{second.ref_id}/report-not-published/"
    assert rita.send("POST", other, {"cause": "Locked."}, **headers).json()["data"]["status"] == "failed"

    assert [post.status for post in posts_of(approved)] == ["published", "failed"]


def test_in_the_portal_the_figures_of_a_published_post_are_entered(client, approved, rita, mallory):
    post, other = posts_of(approved)
    href = f"/dm/c/{client.slug}/social-posts/{post.ref_id}/figures/"
    assert "not published yet" in rita.get(href).text
    confirm(step_of(approved, "publish"), rita, ON_LINKEDIN)
    page_of_step = rita.get(f"/dm/c/{client.slug}/activities/{step_of(approved, 'publish').ref_id}/").text
    assert href in page_of_step

    for wrong in ({}, {"likes": "-1"}, {"likes": "many"}):
        assert rita.post(href, {"likes": "", **wrong}).status_code == 422
    assert fresh(post).engagement_snapshot is None

    assert rita.post(href, {"impressions": "900", "likes": "31", "clicks": ""}).status_code == 302
    assert fresh(post).engagement_snapshot == {"impressions": 900, "likes": 31}
    assert 'value="900"' in rita.get(href).text
    assert mallory.get(href).status_code in (302, 403, 404)


def test_figures_that_are_none_are_refused(approved, rita):
    confirm(step_of(approved, "publish"), rita, ON_LINKEDIN)
    post = posts_of(approved)[0]

    for figures in ({}, {"likes": -1}, {"likes": True}, {"hearts": 1}, {"likes": 10**11}):
        with pytest.raises(InvalidInput):
            content.record_engagement(post, figures, by=rita.actor, at=timezone.now())

    assert fresh(post).engagement_snapshot is None


def test_figures_of_a_post_that_is_not_out_are_refused(approved, rita):
    with pytest.raises(content.NotOut):
        content.record_engagement(posts_of(approved)[0], {"likes": 1}, by=rita.actor, at=timezone.now())

"""The publish step: at most once whatever the platform does, and only what was approved."""

import hashlib
import sys
from datetime import timedelta

import pytest
from bson import ObjectId
from django.conf import settings
from django.utils import timezone
from pymongo import MongoClient

from apps import storage
from apps.activities import integrity
from apps.activities import operations as work
from apps.activities.engine import sweep, worker
from apps.activities.engine.claim import claim
from apps.activities.models import Activity, Approval
from apps.channels import operations as channels
from apps.channels.models import Channel, PublishAttempt
from apps.channels.platforms import wordpress
from apps.content import operations as content
from apps.content.models import BlogPost
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant
from tests.activities.work import attempt, attempts_of, fresh, hurry, kill_leases, pending
from tests.databases import with_database

POST = "POST /wordpress/acme/wp-json/wp/v2/posts"
LOOK = "GET /wordpress/acme/wp-json/wp/v2/posts"
SYSTEM = Actor.system("tests")


def sent(sandbox) -> int:
    """How often WordPress was asked to create a post."""
    return len(sandbox.world.entries(target="wordpress", match=POST))


def created(sandbox) -> list[str]:
    """Markers of the posts it recorded."""
    entries = sandbox.world.entries(target="wordpress", match=POST, full=True)
    return [entry["marker"] for entry in entries if (entry["recorded"] or {}).get("kind") == "post.created"]


def attempts(step: Activity) -> list[tuple[str, str]]:
    rows = PublishAttempt.objects.filter(subject_ref=step.subject_ref).order_by("ref_id")
    return [(row.status, row.failure_cause) for row in rows]


def post_of(step: Activity) -> BlogPost:
    return BlogPost.objects.get(ref_id=step.subject_ref)


def settle_time_is_over(step: Activity) -> None:
    PublishAttempt.objects.filter(subject_ref=step.subject_ref, settle_until__isnull=False).update(
        settle_until=timezone.now() - timedelta(seconds=1)
    )
    hurry()


def is_live_once(step: Activity, sandbox) -> None:
    step, post = fresh(step), post_of(step)
    confirmed = PublishAttempt.objects.get(subject_ref=post.ref_id, status="confirmed")
    assert (step.status, post.status) == ("completed", "published")
    assert created(sandbox) == [confirmed.marker]
    assert (post.cms_post_id, post.published_url) == (confirmed.external_object_id, confirmed.external_url)
    assert post.published_url.startswith(f"{sandbox.url}/wordpress/acme/")
    assert fresh(step.deliverable_period).completed_count == 1


@pytest.mark.acceptance("FLOW-blog-publish")
def test_an_approved_post_is_published_once_and_counted(publish, sandbox):
    attempt(publish)

    assert (sent(sandbox), attempts(publish)) == (1, [("confirmed", "")])
    is_live_once(publish, sandbox)


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage", "truncated"])
def test_an_answer_that_never_came_is_looked_up_after_the_settle_time_and_nothing_is_sent_again(
    publish, plan, sandbox, monkeypatch, fault
):
    monkeypatch.setattr(sys.modules["apps.channels.platforms.wordpress.publish"], "SEND_TIMEOUT_S", 0.7)
    plan("wordpress", fault, match=POST)
    at = timezone.now()

    step = attempt(publish)

    (row,) = PublishAttempt.objects.filter(subject_ref=publish.subject_ref)
    assert (row.status, step.status, post_of(step).status) == ("unknown", "assigned", "approved")
    assert step.ready_on >= row.settle_until > at + timedelta(seconds=3)
    hurry()
    attempt(step)  # too early: it is not even looked for
    assert sandbox.world.entries(target="wordpress", match=LOOK) == []
    assert fresh(step).ready_on == row.settle_until
    settle_time_is_over(step)
    attempt(step)

    assert (sent(sandbox), attempts(step)) == (1, [("confirmed", fresh(row).failure_cause)])
    is_live_once(step, sandbox)


def test_a_500_after_the_request_is_unknown_and_sent_again_only_when_it_is_not_there(publish, plan, sandbox):
    plan("wordpress", "500", match=POST)

    step = attempt(publish)

    assert attempts(step) == [("unknown", "site_error")]
    assert created(sandbox) == []
    settle_time_is_over(step)
    attempt(step)
    assert (sent(sandbox), attempts(step)) == (2, [("confirmed", "site_error")])
    is_live_once(step, sandbox)


def test_what_cannot_be_looked_up_is_never_sent_again_and_ends_with_a_person(publish, plan, sandbox):
    plan("wordpress", "reset_after_accept", match=POST)
    step = attempt(publish)
    plan("wordpress", "500", match=LOOK, times=100)

    for _ in range(2):
        settle_time_is_over(step)
        step = attempt(step)

    assert (sent(sandbox), attempts(step)) == (1, [("unknown", "reset")])
    assert (step.status, post_of(step).status) == ("failed", "approved")
    (task,) = Activity.objects.filter(origin_key__startswith=f"escalation:{step.ref_id}")
    assert task.revision_note.startswith("outcome_unknown: ")
    sandbox.world.planned.clear()
    work.retry_activity(step, by=SYSTEM, at=timezone.now())
    attempt(step)
    assert sent(sandbox) == 1
    is_live_once(step, sandbox)


@pytest.mark.parametrize(("retry_after", "seconds"), [(40, 40), (999_999, 3_600)])
def test_429_is_obeyed_and_the_post_is_sent_once_more(publish, plan, sandbox, retry_after, seconds):
    plan("wordpress", "429", match=POST, retry_after=retry_after)
    at = timezone.now()

    step = attempt(publish)

    assert (step.status, attempts(step)) == ("assigned", [("failed", "too_many_requests")])
    assert seconds <= (step.ready_on - at).total_seconds() <= seconds * 1.25 + 2
    Activity.objects.filter(pk=step.pk).update(ready_on=timezone.now())
    attempt(step)
    assert (sent(sandbox), [status for status, _ in attempts(step)]) == (2, ["failed", "confirmed"])
    is_live_once(step, sandbox)


@pytest.mark.parametrize(
    ("fault", "match", "cause"),
    [("401", POST, "wrong_credentials"), ("redirect", POST, "redirected"), ("401", "GET ", "wrong_credentials")],
)
def test_what_a_person_has_to_put_right_is_not_repeated(publish, plan, sandbox, fault, match, cause):
    plan("wordpress", fault, match=match)

    step = attempt(publish)

    (row,) = PublishAttempt.objects.filter(subject_ref=publish.subject_ref)
    assert (row.status, row.failure_cause, step.status) == ("failed", cause, "failed")
    assert row.next_step
    assert Activity.objects.filter(origin_key__startswith=f"escalation:{step.ref_id}").count() == 1
    assert created(sandbox) == []
    assert sandbox.world.entries(target="elsewhere") == []
    work.retry_activity(step, by=SYSTEM, at=timezone.now())
    attempt(step)
    is_live_once(step, sandbox)


def test_a_site_that_is_down_before_the_request_is_tried_again_and_was_never_sent_to(publish, plan, sandbox):
    plan("wordpress", "500", match="GET ")

    step = attempt(publish)

    assert (step.status, attempts(step), sent(sandbox)) == ("assigned", [("failed", "site_error")], 0)
    hurry()
    attempt(step)
    is_live_once(step, sandbox)


def test_a_site_that_takes_no_post_is_sent_three_and_then_a_person_is_called(publish, plan, sandbox):
    """It answers every question, so each time the post is known not to be there. Asking too early counts no failure."""
    plan("wordpress", "500", match=POST, times=3)

    step = publish
    for number in (1, 2, 3):
        step = attempt(step)
        assert (sent(sandbox), attempts(step)) == (number, [("unknown", "site_error")])
        if number < 3:
            hurry()
            attempt(step)  # too early
            settle_time_is_over(step)

    assert step.status == "failed"
    (task,) = Activity.objects.filter(origin_key__startswith=f"escalation:{step.ref_id}")
    assert task.title.startswith("Failed 3 times") and task.revision_note.startswith("outcome_unknown: ")
    hurry()
    assert (worker.work(), sent(sandbox)) == (0, 3)
    settle_time_is_over(step)
    work.retry_activity(step, by=SYSTEM, at=timezone.now())
    attempt(step)
    is_live_once(step, sandbox)


def test_a_key_and_marker_stay_over_repetitions_differ_between_posts_and_tell_nothing(publishing, plan, sandbox):
    plan("wordpress", "500", match=POST)
    step, other = publishing
    attempt(step)
    attempt(other)
    settle_time_is_over(step)
    attempt(step)

    mine, its = (PublishAttempt.objects.get(subject_ref=each.subject_ref) for each in (step, other))
    told = [entry["marker"] for entry in sandbox.world.entries(target="wordpress", match=POST, full=True)]
    assert told == [mine.marker, its.marker, mine.marker]
    assert mine.marker != its.marker
    tenant = Tenant.objects.get(pk=step.tenant_id)
    assert not any(secret.lower() in mine.marker for secret in (tenant.ref_id, tenant.slug, step.subject_ref))


def stop_channel(step):
    channels.disconnect(Channel.objects.get(), by=SYSTEM, at=timezone.now())


def stop_cancel(step):
    work.cancel_activity(fresh(step), by=SYSTEM, at=timezone.now())


def stop_unit(step):
    work.cancel_unit(fresh(step).parent_activity, by=SYSTEM, at=timezone.now())


def stop_client(step):
    Tenant.objects.filter(pk=step.tenant_id).update(status="suspended")


def meanwhile(monkeypatch, stop) -> None:
    """This happens when `sent` is committed and the request is about to leave."""
    publish = wordpress.publish

    def send(*args, **how):
        stop()
        return publish(*args, **how)

    monkeypatch.setattr(wordpress, "publish", send)


@pytest.mark.parametrize("stop", [stop_channel, stop_cancel, stop_unit, stop_client])
@pytest.mark.parametrize("moment", ["before the claim", "while it is looked up"])
def test_after_a_stop_nothing_is_sent(publish, plan, sandbox, stop, moment):
    if moment == "while it is looked up":
        plan("wordpress", "500", match=POST)
        attempt(publish)
        settle_time_is_over(publish)
    before = sent(sandbox)

    stop(publish)
    worker.work()

    assert (sent(sandbox), created(sandbox)) == (before, [])
    assert post_of(publish).status == "approved"


def test_a_client_that_is_suspended_after_the_claim_is_sent_nothing_until_it_is_resumed(publish, sandbox):
    taken = claim("worker")
    tenant = tenants.move_tenant(Tenant.objects.get(pk=publish.tenant_id), "suspend", by=SYSTEM, at=timezone.now())

    worker.run(taken)

    step = fresh(publish)
    assert (sent(sandbox), attempts(step)) == (0, [("prepared", "")])
    assert (step.status, step.input_data["failures_before"], post_of(step).status) == ("assigned", 1, "approved")
    assert worker.work() == 0
    tenants.move_tenant(tenant, "resume", by=SYSTEM, at=timezone.now())
    attempt(step)
    is_live_once(step, sandbox)


def test_a_channel_that_is_disconnected_after_the_last_reading_is_sent_nothing(publish, sandbox, monkeypatch):
    prepare = channels.prepare_attempt

    def prepare_and_disconnect(**how):
        stop_channel(publish)
        return prepare(**how)

    monkeypatch.setattr(channels, "prepare_attempt", prepare_and_disconnect)

    step = attempt(publish)

    assert (sent(sandbox), step.status, post_of(step).status) == (0, "failed", "approved")
    assert Activity.objects.get(origin_key__startswith="escalation:").revision_note.startswith("no_website_channel")


def test_what_left_before_the_client_was_suspended_is_recorded(publish, sandbox, monkeypatch):
    tenant = Tenant.objects.get(pk=publish.tenant_id)
    meanwhile(monkeypatch, lambda: tenants.move_tenant(tenant, "suspend", by=SYSTEM, at=timezone.now()))

    attempt(publish)

    is_live_once(publish, sandbox)


@pytest.mark.parametrize("stop", [stop_cancel, stop_unit])
def test_what_is_on_its_way_cannot_be_cancelled(publish, sandbox, monkeypatch, rita, stop):
    told = []

    def press_cancel():
        journalled = JournalEntry.objects.count()
        with pytest.raises(work.StillSending):
            stop(publish)
        told.append(rita.post(f"/dm/c/{publish.tenant.slug}/activities/{publish.ref_id}/cancel/"))
        assert JournalEntry.objects.count() == journalled

    meanwhile(monkeypatch, press_cancel)

    attempt(publish)

    assert told[0].status_code == 409
    assert "This is being published at this moment." in told[0].text
    is_live_once(publish, sandbox)


def test_cancelling_what_may_be_live_asks_a_reviewer_to_look(publish, plan, sandbox):
    plan("wordpress", "reset_after_accept", match=POST)
    step = attempt(publish)

    work.cancel_unit(step.parent_activity, by=SYSTEM, at=timezone.now())

    row = PublishAttempt.objects.select_related("channel").get(subject_ref=step.subject_ref)
    assert (fresh(step).status, row.status) == ("cancelled", "unknown")
    task = Activity.objects.get(origin_key=f"cancelled:{row.ref_id}")
    assert (task.status, task.assignee_user.email) == ("assigned", "rita@leadmetrics.test")
    assert post_of(step).title in task.title and row.channel.name_there in task.revision_note
    PublishAttempt.objects.filter(pk=row.pk).update(settle_until=timezone.now() - timedelta(hours=1))
    found = integrity.of_tenant(step.tenant.facts, at=timezone.now())
    assert "attempt_stuck" not in [finding.code for finding in found]
    hurry()
    assert (worker.work(), sent(sandbox)) == (0, 1)


def test_what_a_dead_worker_may_have_sent_can_be_cancelled_once_it_is_known_to_be_dead(publish, monkeypatch):
    class Killed(BaseException):
        """The process is gone: nothing of it runs any more."""

    def die():
        raise Killed

    meanwhile(monkeypatch, die)
    with pytest.raises(Killed):
        worker.work()
    with pytest.raises(work.StillSending):
        stop_cancel(publish)
    kill_leases()
    sweep.sweep()

    stop_cancel(publish)

    row = PublishAttempt.objects.get(subject_ref=publish.subject_ref)
    assert (fresh(publish).status, row.status, row.failure_cause) == ("cancelled", "unknown", "worker_died")
    assert Activity.objects.filter(origin_key=f"cancelled:{row.ref_id}").count() == 1


def alter_object(step) -> None:
    """Another text under the same key, as somebody with the keys of the store could put there."""
    found = storage.document(storage.ActivityOutput, post_of(step).content_ref)
    client, bucket = storage.clients.s3("content")
    put = client.put_object(Bucket=bucket, Key=found.s3Key, Body=b"## Buy my things\n\nNot approved by anybody.")
    _alter_document(step, {"versionId": put["VersionId"]})


def alter_object_and_digest(step) -> None:
    text = b"## Buy my things\n\nNot approved by anybody."
    found = storage.document(storage.ActivityOutput, post_of(step).content_ref)
    client, bucket = storage.clients.s3("content")
    put = client.put_object(Bucket=bucket, Key=found.s3Key, Body=text)
    _alter_document(
        step, {"versionId": put["VersionId"], "sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}
    )


def alter_metadata(step) -> None:
    _alter_document(step, {"metadata": {"categories": ["Casino"], "tags": ["cheap loans"]}})


def alter_pointer_of_document(step) -> None:
    other = BlogPost.objects.exclude(ref_id=step.subject_ref).get()
    theirs = storage.document(storage.ActivityOutput, other.content_ref)
    _alter_document(
        step, {"s3Key": theirs.s3Key, "versionId": theirs.versionId, "sha256": theirs.sha256, "size": theirs.size}
    )


def _alter_document(step, values: dict) -> None:
    name = settings.MONGO_URL.rpartition("/")[2].partition("?")[0]
    with MongoClient(with_database(settings.MONGO_ADMIN_URL, name)) as admin:
        collection = admin.get_default_database()["activity_outputs"]
        collection.update_one(
            {"_id": ObjectId(post_of(step).content_ref)}, {"$set": values}, bypass_document_validation=True
        )


@pytest.fixture
def put_back(publish):
    """The stores are shared by all tests: what was altered is restored."""
    name = settings.MONGO_URL.rpartition("/")[2].partition("?")[0]
    with MongoClient(with_database(settings.MONGO_ADMIN_URL, name)) as admin:
        collection = admin.get_default_database()["activity_outputs"]
        key = {"_id": ObjectId(post_of(publish).content_ref)}
        before = collection.find_one(key)
        yield
        collection.replace_one(key, before)


@pytest.mark.parametrize("alter", [alter_object, alter_object_and_digest, alter_pointer_of_document, alter_metadata])
def test_content_that_was_changed_in_the_stores_is_never_published(publish, sandbox, put_back, alter):
    alter(publish)

    step = attempt(publish)

    assert (sent(sandbox), sandbox.world.entries(target="wordpress")) == (0, [])
    assert (step.status, post_of(step).status) == ("failed", "approved")
    (task,) = Activity.objects.filter(origin_key__startswith=f"escalation:{step.ref_id}")
    assert task.revision_note.partition(":")[0] in ("content_changed", "body_missing")


@pytest.mark.parametrize(
    "change", [{"title": "Other"}, {"slug": "other"}, {"meta_description": "Other"}, {"content_ref": "f" * 24}]
)
def test_a_row_that_was_changed_after_the_approval_is_never_published(publish, sandbox, change):
    BlogPost.objects.filter(ref_id=publish.subject_ref).update(**change)

    step = attempt(publish)

    assert (step.status, sandbox.world.entries(target="wordpress")) == ("failed", [])
    assert Activity.objects.get(origin_key__startswith="escalation:").revision_note.startswith("content_changed")


def test_after_the_approval_nothing_can_be_edited(publish, sandbox, rita):
    post = post_of(publish)
    digest = Approval.objects.filter(subject_ref=post.ref_id).latest("decided_on").content_sha256
    edit = content.PostEdit(title="New", slug="new", meta_description="x" * 60, body_markdown="## New\n\nText")

    with pytest.raises(work.NotEditable):
        content.edit_post(post, edit, by=rita.actor, at=timezone.now(), shown_sha256=digest)

    assert fresh(post).title == post.title
    attempt(publish)
    is_live_once(publish, sandbox)


def test_a_post_waits_for_its_time(world, sandbox):
    """A time set before the last approval is part of what is approved, and nothing leaves before it."""
    with world.at("client"):
        approval = pending("admin")[0]
        post = BlogPost.objects.get(ref_id=approval.subject_ref)
        at = timezone.now()
        post.scheduled_for = at + timedelta(hours=6)
        post.save(update_fields=["scheduled_for"])
        work.refresh_gate(approval.activity, by=SYSTEM, at=at)
        approval = fresh(approval)
        alice = world.alice("client")
        work.grant_approval(approval, by=alice.actor, at=at, shown_sha256=approval.content_sha256)
        step = approval.activity.parent_activity.steps.get(pipeline_step="publish")

        assert (step.status, step.ready_on, fresh(post).status) == ("assigned", post.scheduled_for, "scheduled")
        assert attempts_of(step) == 0

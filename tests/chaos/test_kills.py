"""SIGKILL of a worker's whole process group at chosen moments; afterwards nothing is lost and nothing is there twice."""

import json
import time

from django.conf import settings

from apps import storage
from apps.activities.engine import streams
from apps.activities.models import Activity, ActivityRun
from apps.activities.seeds import AGENT_DEFAULTS
from apps.channels.models import PublishAttempt
from apps.content.models import BlogPost
from tests.chaos import checking

CREATE_POST = "POST /wordpress/acme/wp-json/wp/v2/posts"
RECLAIM_SECONDS = settings.LEASE_SECONDS + settings.SWEEP_SECONDS + 15


def first_publish_step(chaos) -> Activity:
    """Both drafts of the client are approved; the step that is claimed first."""
    chaos.decide("client")
    return chaos.steps("client", "publisher")[0]


def recover(chaos, worker, step, *, runs: bool = True) -> None:
    """Kill the worker, start another, and let it finish what was begun; the next attempt comes in time."""
    attempt = chaos.attempt_of(step.id)
    since = chaos.kill(worker)
    chaos.start()
    assert chaos.until_reclaimed(step.id, after=attempt, since=since) < RECLAIM_SECONDS
    chaos.rest()
    if runs:
        with chaos.world.at("topics"):
            dead = ActivityRun.objects.get(activity=step, attempt=attempt)
            assert (dead.status, dead.error) == ("timed_out", "lease_expired: the worker stopped renewing it")


def drafts_are_in_review(chaos) -> None:
    with chaos.world.at("topics"):
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["review", "review"]
    chaos.check()


def both_are_live_once(chaos) -> None:
    with chaos.world.at("client"):
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["published", "published"]
    assert len(checking.posts_created(chaos.sandbox)) == 2
    chaos.check()


def test_killed_after_the_claim_before_anything_was_sent(chaos):
    chaos.decide("topics")
    step = chaos.steps("topics", "copywriter")[0]
    with chaos.world.at("topics"):
        post = BlogPost.objects.get(ref_id=step.subject_ref)
    with chaos.row_locked("blog_posts", post.id):
        worker = chaos.start()
        chaos.until_blocked()
        assert chaos.sandbox.world.entries(target="anthropic") == []
        chaos.kill(worker)
    since = time.monotonic()
    chaos.start()
    assert chaos.until_reclaimed(step.id, after=1, since=since) < RECLAIM_SECONDS
    chaos.rest()
    drafts_are_in_review(chaos)


def test_killed_in_the_middle_of_the_models_answer(chaos):
    chaos.decide("topics")
    step = chaos.steps("topics", "copywriter")[0]
    chaos.sandbox.world.pace = 0.05
    worker = chaos.start()
    run_ref = chaos.until(lambda: chaos.run_of(step.id, attempt=1), "the draft is claimed")
    with chaos.world.at("topics"):
        chaos.until(lambda: streams.read(run_ref), "the first words are shown live")
    chaos.sandbox.world.pace = 0.0
    recover(chaos, worker, step)
    drafts_are_in_review(chaos)


def test_killed_after_the_text_is_stored_and_before_the_row_points_at_it(chaos):
    chaos.decide("topics")
    step = chaos.steps("topics", "copywriter")[0]
    chaos.hold("anthropic", "received")
    worker = chaos.start()
    chaos.until_held()
    with chaos.row_locked("activities", step.id):
        chaos.release()
        chaos.until_blocked()
        with chaos.world.at("topics"):
            ((orphan, _),) = storage.find(storage.ActivityOutput, {"activityRunId": chaos.run_of(step.id, attempt=1)})
        chaos.kill(worker)
    since = time.monotonic()
    chaos.start()
    assert chaos.until_reclaimed(step.id, after=1, since=since) < RECLAIM_SECONDS
    chaos.rest()
    with chaos.world.at("topics"):
        step.refresh_from_db()
        ((kept, _),) = storage.find(storage.ActivityOutput, {"activityRunId": chaos.run_of(step.id, attempt=2)})
        assert step.output_ref == kept != orphan
    drafts_are_in_review(chaos)


def test_killed_before_the_publish_call(chaos):
    step = first_publish_step(chaos)
    with chaos.world.at("client"):
        post = BlogPost.objects.get(ref_id=step.subject_ref)
    with chaos.row_locked("blog_posts", post.id):
        worker = chaos.start()
        chaos.until_blocked()
        with chaos.world.at("client"):
            assert PublishAttempt.objects.get(subject_ref=post.ref_id).status == "prepared"
        chaos.kill(worker)
    assert checking.posts_created(chaos.sandbox) == []
    chaos.start()
    chaos.rest()
    both_are_live_once(chaos)


def test_killed_after_wordpress_recorded_the_post_and_before_it_answered(chaos):
    step = first_publish_step(chaos)
    chaos.hold("wordpress", "recorded", CREATE_POST)
    worker = chaos.start()
    chaos.until_held()
    recover(chaos, worker, step, runs=False)
    both_are_live_once(chaos)


def test_killed_while_wordpress_has_the_post_and_never_records_it(chaos):
    step = first_publish_step(chaos)
    chaos.hold("wordpress", "received", CREATE_POST)
    worker = chaos.start()
    chaos.until_held()
    chaos.kill(worker)
    chaos.release(drop=True)
    chaos.start()
    chaos.rest()
    with chaos.world.at("client"):
        told = [entry["status"] for entry in chaos.sandbox.world.entries(target="wordpress", match=CREATE_POST)]
        assert told == [None, 201, 201]
        assert PublishAttempt.objects.filter(subject_ref=step.subject_ref).count() == 1
    both_are_live_once(chaos)


def test_killed_after_wordpress_answered_and_before_our_commit(chaos):
    step = first_publish_step(chaos)
    chaos.hold("wordpress", "recorded", CREATE_POST)
    worker = chaos.start()
    chaos.until_held()
    with chaos.world.at("client"):
        post = BlogPost.objects.get(ref_id=step.subject_ref)
    with chaos.row_locked("blog_posts", post.id):
        chaos.release()
        chaos.until_blocked()
        chaos.kill(worker)
    chaos.start()
    chaos.rest()
    both_are_live_once(chaos)


def test_an_activity_that_kills_its_worker_each_time_ends_with_one_person(chaos):
    chaos.decide("topics")
    step, other = chaos.steps("topics", "copywriter")
    limit = AGENT_DEFAULTS["copywriter"].escalation_after_failures
    for attempt in range(1, limit + 1):
        chaos.hold("anthropic", "received", match=_brief_of(chaos, step))
        worker = chaos.start()
        chaos.until_held()
        assert chaos.attempt_of(step.id) == attempt
        chaos.kill(worker)
        chaos.release(drop=True)
    chaos.start()
    chaos.rest()
    with chaos.world.at("topics"):
        step.refresh_from_db()
        other.refresh_from_db()
        assert (step.status, other.status) == ("failed", "completed")
        runs = ActivityRun.objects.filter(activity=step).order_by("attempt")
        assert list(runs.values_list("attempt", "status")) == [(n, "timed_out") for n in range(1, limit + 1)]
        (task,) = Activity.objects.filter(origin_key__startswith=f"escalation:{step.ref_id}")
        assert (task.assignee_type, task.status, task.input_data["failed"]) == ("human", "assigned", step.ref_id)
    chaos.check()


def _brief_of(chaos, step) -> str:
    """Words that only this draft's prompt holds."""
    with chaos.world.at("topics"):
        return json.dumps(BlogPost.objects.get(ref_id=step.subject_ref).title)[1:-1]

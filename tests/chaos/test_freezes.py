"""A worker frozen past its lease (SIGSTOP), another one takes over, then it goes on: its late result changes nothing."""

from apps.activities.models import Activity, ActivityRun, LlmCall
from apps.billing.models import SpendReservation
from apps.channels.models import PublishAttempt
from apps.content.models import BlogPost
from tests.chaos import checking

SITE = "/wordpress/acme/wp-json/"
CREATE_POST = f"POST {SITE}wp/v2/posts"


def facts_of(chaos, activity: Activity) -> dict:
    """What a late result could spoil."""
    with chaos.world.at("topics"):
        activity.refresh_from_db()
        return {
            "activity": (
                activity.status,
                activity.output_ref,
                activity.output_summary,
                activity.completed_on,
                activity.updated_on,
            ),
            "runs": list(ActivityRun.objects.filter(activity=activity).order_by("attempt").values()),
            "posts": list(BlogPost.objects.order_by("ref_id").values()),
        }


def test_a_models_late_answer_changes_nothing_but_the_bill(chaos):
    chaos.decide("topics")
    step = chaos.steps("topics", "copywriter")[0]
    chaos.hold("anthropic", "received")
    frozen = chaos.start()
    chaos.until_held()
    since = chaos.freeze(frozen)
    chaos.start()
    chaos.until_reclaimed(step.id, after=1, since=since)
    chaos.rest()
    before = facts_of(chaos, step)
    first = before["runs"][0]
    assert [run["status"] for run in before["runs"]] == ["timed_out", "completed"]
    with chaos.world.at("topics"):
        money = SpendReservation.objects.get(run_ref=first["ref_id"])
        assert (money.status, money.settled_usd) == ("expired", money.reserved_usd)

    frozen.thaw()
    chaos.release()
    frozen.stop()

    assert facts_of(chaos, step) == before
    with chaos.world.at("topics"):
        money.refresh_from_db()
        call = LlmCall.objects.get(activity_run_id=first["id"])
        assert (money.status, money.settled_usd) == ("settled", call.cost_usd)
        assert 0 < call.cost_usd < money.reserved_usd
    chaos.rest()
    chaos.check()


def late_publisher(chaos, hold: tuple[str, str]) -> None:
    """The first publisher is frozen where it is held, the second one finishes, and then the first one goes on."""
    chaos.decide("client")
    step = chaos.steps("client", "publisher")[0]
    chaos.hold("wordpress", *hold)
    frozen = chaos.start()
    chaos.until_held()
    since = chaos.freeze(frozen)
    chaos.start()
    chaos.until_reclaimed(step.id, after=1, since=since)
    chaos.rest()
    with chaos.world.at("client"):
        settled = list(PublishAttempt.objects.order_by("ref_id").values())

    frozen.thaw()
    chaos.release()
    frozen.stop()

    with chaos.world.at("client"):
        assert list(PublishAttempt.objects.order_by("ref_id").values()) == settled
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["published", "published"]
    assert len(checking.posts_created(chaos.sandbox)) == 2
    chaos.rest()
    chaos.check()


def test_a_publisher_that_hears_of_its_post_too_late_changes_nothing(chaos):
    late_publisher(chaos, ("recorded", CREATE_POST))


def test_a_publisher_frozen_before_its_post_left_sends_it_no_more(chaos):
    late_publisher(chaos, ("received", f"GET {SITE}"))

"""Work of a client: the list, the story of an activity, and what a person may do about it."""

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import operations
from apps.activities.engine import claim as claiming
from apps.activities.engine.streams import Stream
from apps.activities.models import Activity, ActivityRun, Approval
from apps.activities.statuses import ACTIVITY_MOVES
from apps.shared.actors import Actor
from tests.portals.dm.conftest import standing, system_of
from tests.world import decide_all


def path_of(activity: Activity, action: str = "") -> str:
    return f"/dm/c/{activity.tenant.slug}/activities/{activity.ref_id}/{action}"


def step(key: str) -> Activity:
    of_articles = Activity.objects.filter(deliverable_period__isnull=False).select_related("tenant", "parent_activity")
    return of_articles.filter(pipeline_step=key).order_by("ref_id").first()


@pytest.fixture
def failed(acme):
    """A publish step that failed."""
    activity = step("publish")
    for move in ("ready", "start", "fail"):
        activity = ACTIVITY_MOVES.perform(activity, move, by=system_of("tests"), at=timezone.now())
    operations.raise_task(
        tenant_id=acme.id, title="Failed", note="not_reachable: The site does not answer.", origin=f"escalation:{activity.ref_id}/1",
        by=system_of("tests"), at=timezone.now(), about={"failed": activity.ref_id},
    )  # fmt: skip
    return step("publish")


# The list


def test_the_list_can_be_narrowed(rita, acme):
    assert rita.get("/dm/c/acme-drafts/work/?status=awaiting_approval").text.count("<tr data-row>") == 2
    assert "Nothing matches these filters" in rita.get("/dm/c/acme-drafts/work/?status=failed").text
    assert rita.get("/dm/c/acme-drafts/work/?type=write&who=agent&status=completed").text.count("<tr data-row>") == 6
    assert rita.get("/dm/c/acme-drafts/work/?who=me&status=awaiting_approval").text.count("<tr data-row>") == 2


@pytest.mark.parametrize(
    "query", ["status=nope", "type=%00", "who=everybody", "status=' OR 1=1--", "after=x", "before=" + "9" * 5000]
)
def test_a_filter_nobody_offered_is_refused(rita, acme, query):
    assert rita.get(f"/dm/c/acme-drafts/work/?{query}").status_code == 400


def test_a_client_without_work_says_why(rita, world):
    assert "No work yet" in rita.get("/dm/c/acme-created/work/").text


# The story


def test_a_writers_page_tells_the_story_from_brief_to_decision(rita, acme):
    activity = step("draft")
    page = rita.get(path_of(activity)).text

    for part in (
        "Write the article of the approved brief.",
        "Copywriter",
        "Attempt 1",
        "wrote: version 1",
        "Review the article",
        "waits for a reviewer",
    ):
        assert part in page


def test_a_publishing_page_ends_with_the_link(rita, world):
    with world.at("live"):
        activity = step("publish")
        page = rita.get(path_of(activity)).text

    assert "Confirmed" in page
    assert 'rel="noopener noreferrer nofollow">http' in page


def test_a_units_page_lists_its_steps_in_order(rita, acme):
    unit = step("draft").parent_activity
    page = rita.get(f"/dm/c/acme-drafts/activities/{unit.ref_id}/").text
    places = [
        page.index(f">{title}</a>")
        for title in ("Research keywords", "Propose a topic", "Write the article", "Publish the article")
    ]

    assert places == sorted(places)


def test_a_page_stands_while_the_store_is_away(rita, acme, documents_away):
    activity = step("draft")
    documents_away()

    assert "The output cannot be shown at the moment" in rita.get(path_of(activity)).text


def test_live_text_is_asked_for_until_the_run_has_ended(rita, world):
    with world.at("drafts"):
        draft = Approval.objects.filter(status="pending").order_by("ref_id").first()
        operations.refuse_approval(
            draft, by=rita.actor, at=timezone.now(), shown_sha256=draft.content_sha256, note="Shorter"
        )
        writer = draft.activity.parent_activity.steps.select_related("tenant").get(pipeline_step="draft")
    claimed = claiming.claim("tests")
    with world.at("drafts"):
        run = ActivityRun.objects.get(pk=claimed.run_id)
        stream = Stream(activity_ref=writer.ref_id, run_ref=run.ref_id)
        stream.write('{"title": "T", "bodyMarkdown": "## Half <script>alert(1)</script>')
        stream.flush()

        page, part = rita.get(path_of(writer)).text, rita.get(path_of(writer, "stream/")).text
        assert "Being written now" in page
        for text in (page, part):
            assert f'hx-get="{path_of(writer, "stream/")}" hx-trigger="every 1s"' in text
            assert "## Half &lt;script&gt;alert(1)&lt;/script&gt;" in text

        operations.give_back(
            claimed,
            error="stopped",
            spent=operations.Spent(),
            ready_on=timezone.now(),
            by=Actor.agent("copywriter"),
            at=timezone.now(),
        )
        ended = rita.get(path_of(writer, "stream/")).text
        assert "hx-trigger" not in ended
        assert "The run has ended" in ended


# What a person may do


def test_a_failed_step_says_why_and_is_tried_again_with_a_note(rita, failed):
    assert "The site does not answer." in rita.get(path_of(failed)).text

    response = rita.post(path_of(failed, "retry/"), {"note": "The site is back."})
    failed.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, path_of(failed))
    assert (failed.status, failed.revision_note) == ("assigned", "The site is back.")


@pytest.mark.parametrize("note", ["n" * 4_001, "a\x00b"])
def test_a_note_that_cannot_be_kept_is_refused(rita, failed, note):
    before = standing()

    assert rita.post(path_of(failed, "retry/"), {"note": note}).status_code == 422
    assert standing() == before


def test_what_did_not_fail_is_not_tried_again(rita, acme):
    before = standing()

    assert rita.post(path_of(step("draft"), "retry/")).status_code == 409
    assert standing() == before


def test_cancelling_a_gate_withdraws_what_it_asked(rita, draft):
    response = rita.post(path_of(draft.activity, "cancel/"))
    draft.refresh_from_db()

    assert response.status_code == 302
    assert (draft.status, draft.decided_by_id) == ("withdrawn", None)
    assert (
        rita.post(
            f"/dm/c/acme-drafts/approvals/{draft.ref_id}/approve/", {"shown_sha256": draft.content_sha256}
        ).status_code
        == 409
    )


def test_cancelling_a_step_ends_what_waits_for_it_and_with_its_counting_step_the_unit(rita, draft):
    unit = draft.activity.parent_activity

    rita.post(path_of(draft.activity, "cancel/"))

    assert Activity.objects.get(pk=unit.pk).status == "cancelled"
    assert set(unit.steps.filter(status="cancelled").values_list("pipeline_step", flat=True)) == {
        "dm_review", "client_approval", "publish", "check_live",
    }  # fmt: skip


def test_cancelling_what_comes_after_the_counting_step_keeps_the_promise(rita, world):
    with world.at("client") as tenant:
        decide_all(tenant, world.alice("client").user)
        publish = Activity.objects.filter(pipeline_step="publish", status="assigned").order_by("ref_id").first()
        unit, by = publish.parent_activity, system_of("tests")
        operations.close_step(
            ACTIVITY_MOVES.perform(publish, "start", by=by, at=timezone.now()), by=by, at=timezone.now()
        )
        (last,) = unit.steps.filter(pipeline_step="check_live", status="assigned")

        rita.post(f"/dm/c/{tenant.slug}/activities/{last.ref_id}/cancel/")

        assert Activity.objects.get(pk=last.pk).status == "cancelled"
        assert Activity.objects.get(pk=unit.pk).status == "completed"


def test_cancelling_a_unit_stops_its_open_steps_and_keeps_the_rest(rita, draft):
    unit = draft.activity.parent_activity
    rita.post(f"/dm/c/acme-drafts/activities/{unit.ref_id}/cancel/")

    assert Activity.objects.get(pk=unit.pk).status == "cancelled"
    assert dict(unit.steps.values_list("pipeline_step", "status")) == {
        "keyword_research": "completed", "topic_request": "completed", "topic_approval": "completed", "draft": "completed",
        "dm_review": "cancelled", "client_approval": "cancelled", "publish": "cancelled", "check_live": "cancelled",
    }  # fmt: skip
    assert Approval.objects.get(pk=draft.pk).status == "withdrawn"


@pytest.mark.parametrize("key", ["dm_review", "publish", "draft", None])
def test_only_a_persons_task_is_marked_as_done(rita, acme, key):
    activity = step(key) if key else step("draft").parent_activity
    before = standing()

    assert rita.post(f"/dm/c/acme-drafts/activities/{activity.ref_id}/done/").status_code == 409
    assert standing() == before


@pytest.mark.parametrize("action", ["retry/", "cancel/", "done/"])
def test_following_the_address_of_an_action_changes_nothing(rita, failed, action):
    before = standing()

    assert rita.get(path_of(failed, action))["Location"] == path_of(failed)
    assert standing() == before


def test_a_json_output_is_shown_as_text(rita, acme):
    activity = step("keyword_research")
    assert storage.document(storage.ActivityOutput, activity.output_ref).contentType == "application/json"

    assert "What it handed on to the next step" in rita.get(path_of(activity)).text

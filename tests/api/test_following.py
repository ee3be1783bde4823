"""Reading along while an agent writes: what comes, where it ends, and who may."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import operations
from apps.activities.api import following
from apps.activities.engine import claim as claiming
from apps.activities.engine import streams
from apps.activities.engine.streams import Stream
from apps.activities.models import Activity, ActivityRun, Approval
from apps.activities.operations import Spent
from apps.shared.actors import Actor
from apps.shared.ids import spell
from apps.shared.scoping import every_tenant
from apps.tenants.models import TenantAssignment
from tests.world import decide_all

BY = Actor.system("tests")


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    monkeypatch.setattr(following, "LOOK_SECONDS", 0)


@pytest.fixture
def finished(acme, at_drafts) -> ActivityRun:
    return ActivityRun.objects.select_related("activity").get(activity__ref_id=at_drafts.activity)


@pytest.fixture
def writing(world, rita, db):
    """(step, claim) of an article that an agent of acme-topics writes at this moment; in the client's scope."""
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + timedelta(days=1))
    decide_all(world.tenant("topics"), rita.user)
    with world.at("topics"):
        taken = claiming.claim("tests")
        Activity.objects.filter(assignee_type="agent", status="assigned").update(
            ready_on=timezone.now() + timedelta(days=1)
        )
        yield Activity.objects.get(pk=taken.activity_id), taken


def asked(person, activity, **headers):
    return person.client.get(f"/api/v1/activities/{activity.ref_id}/stream/", headers=headers)


def events(body: bytes) -> list[tuple[str, str, dict]]:
    """(id, event, data) of each event, comments and `retry` left out."""
    found = []
    for block in body.decode().split("\n\n"):
        lines = dict(line.partition(": ")[::2] for line in block.splitlines())
        if "event" in lines:
            found.append((lines.get("id", ""), lines["event"], json.loads(lines["data"])))
    return found


def whole(response) -> list[tuple[str, str, dict]]:
    return events(b"".join(response.streaming_content))


def written(step: Activity, taken, text: str) -> Stream:
    stream = Stream(activity_ref=step.ref_id, run_ref=spell(taken.run_id))
    stream.write(text)
    stream.flush()
    return stream


def test_a_run_that_has_ended_is_told_whole_and_then_its_end(rita, finished):
    response = asked(rita, finished.activity, Accept="text/event-stream")
    (last_id, name, text), (end_id, end, ending) = whole(response)

    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
    assert (name, text["is_partial"], text["run"]) == ("text", True, finished.ref_id)
    assert text["text"] == storage.read_one(storage.ActivityOutput, finished.activity.output_ref).text
    assert last_id.startswith(f"{finished.ref_id}/")
    assert (end_id, end) == (f"{finished.ref_id}/end", "end")
    assert ending == {"run": finished.ref_id, "attempt": 1, "status": "completed"}


def test_text_comes_as_it_is_written_until_the_run_ends(rita, writing):
    step, taken = writing
    run_ref = spell(taken.run_id)
    stream = written(step, taken, '{"bodyMarkdown": "## Water\\n\\nUse')
    body = iter(asked(rita, step).streaming_content)

    assert next(body) == b"retry: 1000\n\n"
    ((first_id, _, first),) = events(next(body))
    assert next(body) == b": still there\n\n"
    stream.write(" soft water.")
    stream.flush()
    ((second_id, _, second),) = events(next(body))
    operations.fail_attempt(taken, error="cut_off: too long", spent=Spent(), may_repeat=False, by=BY, at=timezone.now())
    rest = events(b"".join(body))

    assert (first["text"], first["starts_over"]) == ("## Water\n\nUse", False)
    assert (second["text"], second["starts_over"]) == (" soft water.", False)
    assert (first_id, second_id) == (f"{run_ref}/1", f"{run_ref}/2")
    assert [(name, told["status"]) for _, name, told in rest] == [("end", "failed")]


def test_whoever_comes_back_goes_on_where_they_stopped(rita, writing):
    step, taken = writing
    run_ref = spell(taken.run_id)
    stream = written(step, taken, '{"bodyMarkdown": "One')
    for piece in (" two", " three"):
        stream.write(piece)
        stream.flush()
    operations.fail_attempt(taken, error="cut_off: x", spent=Spent(), may_repeat=False, by=BY, at=timezone.now())

    told = whole(asked(rita, step, **{"Last-Event-ID": f"{run_ref}/2"}))

    assert [(name, data.get("text")) for _, name, data in told] == [("text", " three"), ("end", None)]


def test_another_attempt_starts_over(rita, writing, monkeypatch):
    step, taken = writing
    former = spell(taken.run_id)
    written(step, taken, '{"bodyMarkdown": "A first draft')
    operations.give_back(taken, error="x", spent=Spent(), ready_on=timezone.now(), by=BY, at=timezone.now())
    again = claiming.claim("tests")
    written(step, again, '{"bodyMarkdown": "Another')

    monkeypatch.setattr(following, "MOST_LOOKS", 1)
    ((_, _, told),) = whole(asked(rita, step, **{"Last-Event-ID": f"{former}/1"}))

    assert (told["text"], told["starts_over"], told["attempt"]) == ("Another", True, 2)


def test_there_is_no_more_after_the_end(rita, finished):
    response = asked(rita, finished.activity, **{"Last-Event-ID": f"{finished.ref_id}/end"})

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("header", ["1", "x/1", "0" * 26, "01M0000000000000000000000A/-1", "%00", "9" * 500])
def test_an_id_that_is_none_of_ours_is_refused(rita, finished, problem, header):
    problem(asked(rita, finished.activity, **{"Last-Event-ID": header}), 400, "invalid_input")


def test_a_stream_is_bounded_in_time_and_says_no_end(rita, writing, monkeypatch):
    monkeypatch.setattr(following, "MOST_LOOKS", 3)
    step, _ = writing

    assert whole(asked(rita, step)) == []


def test_when_too_many_are_open_one_is_asked_to_come_back(rita, writing, monkeypatch):
    step, _ = writing
    monkeypatch.setattr(following, "MOST_LOOKS", 1)

    with following.AT_ONCE:  # somebody else's
        turned_away = b"".join(asked(rita, step).streaming_content)

    assert turned_away.startswith(b"retry: 10000\n")
    assert b"".join(asked(rita, step).streaming_content).startswith(b"retry: 1000\n")


def test_who_loses_the_client_reads_no_further(rita, writing):
    step, taken = writing
    body = iter(asked(rita, step).streaming_content)
    next(body)
    next(body)
    with every_tenant(reason="the test ends an assignment"):
        TenantAssignment.objects.filter(tenant=step.tenant, user=rita.user).update(ended_on=timezone.now())
    written(step, taken, '{"bodyMarkdown": "Secret')

    assert b"".join(body) == b""


def test_what_was_written_when_the_agent_died_is_no_output_and_nobody_is_asked_about_it(rita, writing):
    step, taken = writing
    written(step, taken, '{"bodyMarkdown": "Half a sen')
    operations.fail_attempt(taken, error="cut_off: x", spent=Spent(), may_repeat=False, by=BY, at=timezone.now())

    step.refresh_from_db()
    assert (step.status, step.output_ref) == ("failed", "")
    gate = step.parent_activity.steps.get(pipeline_step="dm_review")
    assert gate.status == "created"
    assert not Approval.objects.filter(activity=gate).exists()
    assert rita.get(f"/api/v1/activities/{step.ref_id}/output-url/").status_code == 404


@pytest.mark.parametrize(
    ("streamed", "text"),
    [
        ('{"a": "one"}', "one"),
        ('{"a": "one"}{"a": "tw', "tw"),
        ('{"b": 1}\n{"a": "a {brace} in it', "a {brace} in it"),
        ('Sure: {"a": "one', "one"),
        ("no answer", ""),
        ("", ""),
        pytest.param('{"a": ' + "[" * 100_000, "", id="nested beyond reason"),
    ],
)
def test_of_several_answers_the_last_is_read(streamed, text):
    assert streams.live_text(streamed, "a") == text

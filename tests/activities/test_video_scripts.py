"""Video scripts: decided on as the writer's answer, handed over to production by a person."""

import json

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities.models import Activity
from tests.activities import promises
from tests.activities.promises import (
    agents_work,
    answer_at,
    grant,
    send_back,
    standing,
    step_of,
    the_one_asked,
    units_of,
)
from tests.activities.work import fresh


@pytest.fixture
def client(db, sandbox):
    with promises.client_at_rest() as tenant:
        yield tenant


@pytest.fixture
def alice(world):
    return world.alice("topics")


@pytest.fixture
def period(client):
    return promises.promise(client, "video_scripts", "instagram", quantity=2)


@pytest.fixture
def unit(period):
    agents_work()
    return units_of(period)[0]


def test_a_script_goes_from_the_idea_to_production_and_counts(unit, period, rita, alice):
    grant(the_one_asked(unit), rita)
    grant(the_one_asked(unit), alice)

    task = step_of(unit, "hand_over")
    assert (task.status, task.assignee_user) == ("assigned", rita.user)
    assert fresh(period).completed_count == 0
    work.finish_task(task, by=rita.actor, at=timezone.now())

    assert (fresh(period).completed_count, fresh(unit).status) == (1, "completed")


def test_its_pages_show_every_scene(client, unit, rita, alice):
    approval = the_one_asked(unit)
    script = answer_at(step_of(unit, "script"))
    parts = [script["title"], script["hook"], script["cta"], *(scene["visual"] for scene in script["scenes"])]

    text = rita.get(f"/dm/c/{client.slug}/approvals/{approval.ref_id}/").text
    assert all(part in text for part in parts)

    grant(approval, rita)
    approval = the_one_asked(unit)
    text = alice.get(f"/app/approvals/{approval.ref_id}/").text
    assert all(part in text for part in parts)
    shown = alice.send("GET", f"/api/v1/approvals/{approval.ref_id}/").json()["data"]
    assert json.loads(shown["text"]) == script


def test_a_script_that_is_sent_back_takes_up_the_note(unit, rita):
    first = the_one_asked(unit)

    send_back(first, rita, "Show the roaster.")
    Activity.objects.filter(pk=step_of(unit, "script").pk).update(ready_on=timezone.now())
    agents_work()

    assert "roaster" in str(answer_at(step_of(unit, "script"))).lower()
    assert the_one_asked(unit).content_sha256 != first.content_sha256
    assert standing(unit)["idea"] == "completed"


def test_units_of_a_period_have_ideas_of_their_own_and_planning_again_adds_nothing(client, unit, period):
    titles = {answer_at(step_of(each, "idea"))["title"] for each in units_of(period)}

    assert len(titles) == 2
    assert work.plan_tenant(client.facts, by=promises.SYSTEM, at=timezone.now()) == 0

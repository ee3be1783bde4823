"""The sweep of content: old orphans go, everything that is referred to, young or doubtful stays."""

from datetime import timedelta

import pytest
from bson import ObjectId
from django.utils import timezone

from apps import storage
from apps.activities import registry, tasks
from apps.activities.models import Activity, ActivityRun
from apps.channels.models import Channel
from apps.content.models import SocialMediaRequest, SocialPost
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.ids import new_id, spell
from apps.storage import clients, sweeping
from apps.storage.documents import GLOBAL_TENANT
from apps.tenants import operations as tenants
from apps.tenants.models import Contract, Invitation
from tests import world as worlds

NOW = timezone.now()
OLD, YOUNG = NOW - timedelta(days=3), NOW - timedelta(hours=2)
A_DAY_AGO = NOW - timedelta(days=1)


@pytest.fixture
def onboarded(own_client):
    """The new client once the agents have read its website and written its context file."""
    alice = tenants.accept_invitation(Invitation.objects.get(role="admin"), password=worlds.PASSWORD, at=NOW)
    contract = Contract.objects.get()
    tenants.accept_contract(contract, by=Actor.human(alice), at=NOW, shown_sha256=contract.pdf_sha256)
    worlds.run_world()
    return own_client


def _store(model, *, made_on, body: str = "text", **fields) -> str:
    """A document with its object, as old as wanted."""
    pointer = storage.write(model(createdOn=made_on, **fields), {"": body})
    raw = clients.database()[model.collection].find_one_and_delete({"_id": ObjectId(pointer)})
    # An ObjectId begins with its moment; the rest is this one's own.
    aged = ObjectId(ObjectId.from_datetime(made_on).binary[:4] + raw["_id"].binary[4:])
    clients.database()[model.collection].insert_one({**raw, "_id": aged})
    return str(aged)


def _output(*, made_on=OLD, run_ref=None, author="agent", kind="tests", subject=None) -> str:
    ref = spell(new_id())
    return _store(
        storage.ActivityOutput,
        made_on=made_on,
        activityId=ref,
        activityRunId=run_ref,
        subjectRef=subject or ref,
        version=1,
        authorType=author,
        type=kind,
    )


def _run_of(tenant, status: str) -> str:
    activity = Activity.objects.filter(assignee_agent_role="onboarding_agent").get()
    taken = ActivityRun.objects.filter(activity=activity).count()
    return ActivityRun.objects.create(
        activity=activity,
        adapter_type="claude",
        model_id="m",
        status=status,
        started_on=OLD,
        created_on=OLD,
        attempt=900 + taken,
    ).ref_id


def _social_post(pointer: str) -> None:
    made = {"created_on": OLD}
    page = Channel.objects.create(platform="linkedin", channel_type="social", name="Page", **made)
    asked = SocialMediaRequest.objects.create(topic="Rain", requested_by_type="human", requested_by_id="x", **made)
    SocialPost.objects.create(
        social_media_request=asked, channel=page, platform=page.platform, content_ref=pointer, deleted_on=OLD, **made
    )


def _there(model, pointers) -> set[str]:
    found = clients.database()[model.collection].find({"_id": {"$in": [ObjectId(p) for p in pointers]}}, {"_id": 1})
    return {str(raw["_id"]) for raw in found}


def test_old_outputs_of_runs_that_ended_badly_or_never_were_go_and_all_others_stay(onboarded):
    tenant = onboarded
    orphans = {
        "failed": _output(run_ref=_run_of(tenant, "failed")),
        "timed_out": _output(run_ref=_run_of(tenant, "timed_out")),
        "no such run": _output(run_ref=spell(new_id())),
        "an edit nobody kept": _output(author="human", kind="blog_post"),
    }
    pointed = _output(run_ref=_run_of(tenant, "failed"))
    Activity.objects.filter(assignee_agent_role="onboarding_agent").update(output_ref=pointed)
    of_a_deleted_post = _output(run_ref=_run_of(tenant, "failed"), kind="social_posts")
    _social_post(of_a_deleted_post)
    journalled = _output(author="human", kind="blog_post")
    journal.record(
        "blog_post.edited",
        Activity.objects.first(),
        by=Actor.system("tests"),
        at=NOW,
        after={"content_ref": journalled},
    )
    kept = {
        "completed": _output(run_ref=_run_of(tenant, "completed")),
        "running": _output(run_ref=_run_of(tenant, "running")),
        "an edit that cannot be judged": _output(author="human", kind="context_file"),
        "pointed to": pointed,
        "pointed to by a post that could be restored": of_a_deleted_post,
        "told of": journalled,
        "young": _output(made_on=YOUNG, run_ref=spell(new_id())),
    }

    swept = storage.sweep(registry.IS_REFERENCED, older_than=A_DAY_AGO)

    assert swept.documents == len(orphans)
    assert _there(storage.ActivityOutput, orphans.values()) == set()
    assert _there(storage.ActivityOutput, kept.values()) == set(kept.values())


@pytest.mark.acceptance("S3-permanent")
def test_nothing_the_client_has_is_swept_however_old_it_is(onboarded):
    everything = {
        model: {str(raw["_id"]) for raw in clients.database()[model.collection].find({"tenantId": onboarded.ref_id})}
        for model in registry.IS_REFERENCED
    }
    objects = {s.key for s in sweeping.stored_keys("content", f"{onboarded.ref_id}/")}

    swept = storage.sweep(registry.IS_REFERENCED, older_than=NOW + timedelta(days=400))

    assert (swept.documents, swept.objects) == (0, 0)
    assert {model: _there(model, pointers) for model, pointers in everything.items()} == everything
    assert {s.key for s in sweeping.stored_keys("content", f"{onboarded.ref_id}/")} == objects
    assert sum(map(len, everything.values())) > 5


def test_objects_without_a_document_go_and_young_ones_and_those_elsewhere_stay(own_client):
    tenant = own_client.ref_id
    client, bucket = clients.s3("content")
    lost = f"{tenant}/activity-outputs/{spell(new_id())}/{spell(new_id())}.md"
    elsewhere = f"{tenant}/media/{spell(new_id())}.png"
    for key in (lost, elsewhere):
        client.put_object(Bucket=bucket, Key=key, Body=b"left behind")

    young = storage.sweep(registry.IS_REFERENCED, older_than=A_DAY_AGO)
    old = storage.sweep(registry.IS_REFERENCED, older_than=NOW + timedelta(days=1))
    again = storage.sweep(registry.IS_REFERENCED, older_than=NOW + timedelta(days=1))

    assert [(s.documents, s.objects) for s in (young, old, again)] == [(0, 0), (0, 1), (0, 0)]
    left = {s.key for s in sweeping.stored_keys("content", f"{tenant}/") if not s.is_marked}
    assert lost not in left and elsewhere in left


def test_a_document_goes_before_its_object_and_the_next_sweep_takes_that(own_client):
    tenant = own_client.ref_id
    before = {s.key for s in sweeping.stored_keys("content", f"{tenant}/")}
    pointer = _output(run_ref=spell(new_id()))
    (key,) = {s.key for s in sweeping.stored_keys("content", f"{tenant}/")} - before

    first = storage.sweep(registry.IS_REFERENCED, older_than=A_DAY_AGO)  # the object is young yet
    second = storage.sweep(registry.IS_REFERENCED, older_than=NOW + timedelta(days=1))

    assert _there(storage.ActivityOutput, [pointer]) == set()
    assert [(s.documents, s.objects) for s in (first, second)] == [(1, 0), (0, 1)]
    assert key not in {s.key for s in sweeping.stored_keys("content", f"{tenant}/") if s.versions and not s.is_marked}


def test_a_second_version_of_a_fixed_key_is_no_orphan(onboarded):
    tenant = onboarded.ref_id
    key = next(s.key for s in sweeping.stored_keys("content", f"{tenant}/onboarding/"))
    client, bucket = clients.s3("content")
    client.put_object(Bucket=bucket, Key=key, Body=b"of a failed transaction")

    swept = storage.sweep(registry.IS_REFERENCED, older_than=NOW + timedelta(days=1))

    assert swept.objects == 0
    assert len(next(s for s in sweeping.stored_keys("content", key)).versions) == 2


@pytest.mark.acceptance("CONV-global")
def test_global_skills_and_other_clients_are_out_of_reach(own_client, world):
    with world.at("live"):
        other = _output(made_on=NOW, run_ref=spell(new_id()))
    skill = storage.Skill(
        name=spell(new_id()), body="for all", version=1, source="global", tenantId=GLOBAL_TENANT, createdOn=OLD
    )
    shared = storage.write(skill)

    storage.sweep(
        {**registry.IS_REFERENCED, storage.Skill: lambda candidates: set()}, older_than=NOW + timedelta(days=1)
    )

    assert _there(storage.ActivityOutput, [other]) == {other}
    assert _there(storage.Skill, [shared]) == {shared}
    clients.database()["skills"].delete_one({"_id": ObjectId(shared)})
    clients.database()["activity_outputs"].delete_one({"_id": ObjectId(other)})


@pytest.mark.acceptance("CRON-ttl")
def test_the_daily_tick_sweeps_every_client(own_client):
    orphan = _output(run_ref=spell(new_id()))

    assert tasks.sweep_content() >= 1
    assert _there(storage.ActivityOutput, [orphan]) == set()

"""What MongoDB itself refuses, forgets and finds."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from django.conf import settings
from django.utils import timezone
from pydantic import ValidationError
from pymongo.errors import OperationFailure, WriteError

from apps import storage
from apps.shared.ids import new_id, spell
from apps.storage import clients
from apps.storage.documents import COLLECTIONS, GLOBAL_TENANT, AuditLog, Document

PERMANENT = {"activity_outputs", "skills", "audit_logs", "onboarding_research", "strategies_content"}
SECONDS = {"activity_streams": 24 * 3600, "event_logs": 90 * 24 * 3600, "tool_call_logs": 90 * 24 * 3600}
WRITABLE = [model for model in COLLECTIONS if model is not AuditLog]


def whole(model: type[Document], tenant: str) -> dict:
    """The least that the collection's validator takes."""
    by_kind = {"string": "x", "integer": 1, "boolean": True, "array": [], "object": {}}
    kept = {"refId": spell(new_id()), "tenantId": tenant, "createdOn": timezone.now()}
    for name, schema in model.model_json_schema()["properties"].items():
        if model.model_fields[name].is_required() and name not in kept:
            kept[name] = schema["enum"][0] if "enum" in schema else by_kind[schema["type"]]
    return kept


def refused(model: type[Document], document: dict) -> bool:
    collection = clients.database()[model.collection]
    try:
        made = collection.insert_one(document).inserted_id
    except WriteError as error:
        return error.code == 121  # DocumentValidationFailure
    collection.delete_one({"_id": made})
    return False


def test_the_collections_are_those_of_the_specification():
    assert {model.collection for model in COLLECTIONS} == PERMANENT | set(SECONDS)


@pytest.mark.acceptance("MON-tenant")
@pytest.mark.acceptance("CONV-mongo-base")
@pytest.mark.parametrize("model", WRITABLE, ids=lambda m: m.collection)
def test_a_document_without_what_it_needs_is_refused(model, ours):
    good = whole(model, ours.ref_id)
    assert not refused(model, good.copy())

    required = {"refId", "tenantId", "createdOn", *(n for n, f in model.model_fields.items() if f.is_required())}
    for name in required:
        assert refused(model, {k: v for k, v in good.items() if k != name}), name
    for name, value in {"refId": "x", "tenantId": "acme", "createdOn": "today", "deletedOn": 3}.items():
        assert refused(model, {**good, name: value}), name
    assert refused(model, {**good, "refId": good["refId"].lower()})
    assert refused(model, {**good, "tenantId": None})


@pytest.mark.acceptance("CRON-ttl")
@pytest.mark.acceptance("MON-activity_streams")
@pytest.mark.acceptance("MON-event_logs")
@pytest.mark.acceptance("MON-tool_call_logs")
@pytest.mark.acceptance("PLACE-streams")
def test_streams_live_a_day_logs_ninety_and_everything_else_stays():
    lives = {}
    for model in WRITABLE:
        for index in clients.database()[model.collection].list_indexes():
            if "expireAfterSeconds" in index:
                assert list(index["key"]) == ["createdOn"]
                lives[model.collection] = index["expireAfterSeconds"]

    assert lives == SECONDS


def test_one_ref_stands_for_one_document_of_a_client(ours):
    document = whole(storage.EventLog, ours.ref_id)
    events = clients.database()["event_logs"]
    events.insert_one({**document})

    with pytest.raises(WriteError, match="duplicate key"):
        events.insert_one({**document})


@pytest.mark.acceptance("SEC-audit-insert")
@pytest.mark.acceptance("MON-audit_logs")
def test_the_audit_log_takes_inserts_from_one_user_and_shows_itself_to_another():
    writer, reader = clients.database(settings.MONGO_AUDIT_URL), clients.database(settings.MONGO_AUDIT_READ_URL)
    for ask in (
        lambda: writer.audit_logs.find_one({}),
        lambda: writer.audit_logs.update_many({}, {"$set": {"action": "x"}}),
        lambda: writer.audit_logs.delete_many({}),
        lambda: writer.audit_logs.drop(),
        lambda: writer.skills.find_one({}),
        lambda: reader.audit_logs.insert_one({}),
        lambda: reader.audit_logs.delete_many({}),
        lambda: clients.database().audit_logs.find_one({}),
        lambda: clients.database().audit_logs.insert_one({}),
        lambda: clients.database().skills.drop(),
    ):
        with pytest.raises(OperationFailure) as error:
            ask()
        assert error.value.code == 13  # Unauthorized

    assert (
        len(
            {
                urlsplit(url).username
                for url in (settings.MONGO_URL, settings.MONGO_AUDIT_URL, settings.MONGO_AUDIT_READ_URL)
            }
        )
        == 3
    )
    assert reader.audit_logs.find_one({}) is not None


def test_a_field_nobody_knows_is_refused_before_it_is_stored(ours):
    with pytest.raises(ValidationError):
        storage.EventLog(createdOn=timezone.now(), level="info", code="x", message="y", colour="blue")


def skill(name: str, body: str, **changes) -> str:
    values = {"version": 1, "source": "override", "createdOn": timezone.now()}
    return storage.write(storage.Skill(name=name, body=body, **{**values, **changes}), {})


@pytest.fixture
def global_skill(ours):
    word = f"zymurgy{spell(new_id()).lower()}"
    pointer = skill("Of the platform", f"All about {word}.", tenantId=GLOBAL_TENANT, source="global", version=9)
    yield word, pointer
    clients.database()["skills"].delete_one({"_id": ObjectId(pointer)})


@pytest.mark.acceptance("MON-search")
@pytest.mark.acceptance("MON-skills")
@pytest.mark.acceptance("PLACE-skills")
@pytest.mark.acceptance("CONV-global")
def test_skills_are_found_by_their_words_ours_and_the_platforms_and_nobody_elses(ours, theirs, global_skill):
    word, of_platform = global_skill
    mine = skill("Coffee", f"{word} {word} {word}")
    skill("Unrelated", "nothing of the kind")
    with theirs.scope():
        skill("Tea", f"{word} {word} {word}")

    found = storage.search_skills(word)

    assert [pointer for pointer, _ in found] == [mine, of_platform]  # the best first
    assert {document.tenantId for _, document in found} == {ours.ref_id, GLOBAL_TENANT}


@pytest.mark.acceptance("MON-search")
def test_only_the_newest_version_of_a_skill_is_found_and_none_that_is_switched_off_or_deleted(ours):
    word = f"zymurgy{spell(new_id()).lower()}"
    skill("Coffee", f"{word} {word} old")
    newest = skill("Coffee", f"{word} new", version=2)
    skill("Tea", f"{word} was about tea")
    skill("Tea", "speaks of it no more", version=2)
    skill("Off", word)
    skill("Off", word, version=2, isActive=False)
    skill("Gone", word, deletedOn=timezone.now() - timedelta(days=1))

    assert [pointer for pointer, _ in storage.search_skills(word)] == [newest]
    assert storage.search_skills(word, limit=1)[0][1].version == 2
    assert storage.search_skills("nobodysaidthis") == []

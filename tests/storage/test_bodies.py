"""Texts in S3 behind documents in MongoDB: where they lie, who reaches them, and what is never lost."""

from hashlib import sha256
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from bson import ObjectId
from django.utils import timezone

from apps import storage
from apps.shared.ids import new_id, spell
from apps.shared.scoping import NoTenantScope
from apps.storage import clients


def raw(model, pointer: str) -> dict:
    return clients.database()[model.collection].find_one({"_id": ObjectId(pointer)})


@pytest.mark.acceptance("S3-key-output")
@pytest.mark.acceptance("S3-prefix")
@pytest.mark.acceptance("MON-activity_outputs")
@pytest.mark.parametrize(("content_type", "extension"), [("text/markdown", "md"), ("application/json", "json")])
def test_an_output_lies_under_its_client_and_its_activity(ours, output, content_type, extension):
    document = output(contentType=content_type)

    pointer = storage.write(document, {"": "Ünïcode — text"})

    kept = raw(storage.ActivityOutput, pointer)
    assert kept["s3Key"] == f"{ours.ref_id}/activity-outputs/{document.activityId}/{kept['refId']}.{extension}"
    assert (kept["tenantId"], kept["size"]) == (ours.ref_id, len("Ünïcode — text".encode()))
    assert kept["sha256"] == sha256("Ünïcode — text".encode()).hexdigest()
    assert storage.read_one(storage.ActivityOutput, pointer).text == "Ünïcode — text"


@pytest.mark.acceptance("S3-key-onboarding")
@pytest.mark.acceptance("MON-onboarding_research")
def test_the_research_of_a_run_lies_in_five_files(ours):
    run = spell(new_id())
    parts = ["websiteText", "competitorResearch", "industryContext", "rawNotes", "generatedContextFile"]

    pointer = storage.write(
        storage.OnboardingResearch(runId=run, createdOn=timezone.now()), {part: f"about {part}" for part in parts}
    )

    document = storage.document(storage.OnboardingResearch, pointer)
    names = ["website-text.txt", "competitor-research.txt", "industry-context.txt", "raw-notes.txt", "context-file.md"]
    assert [document.stored(p).key for p in parts] == [f"{ours.ref_id}/onboarding/{run}/{name}" for name in names]
    for part in parts:
        assert storage.read_one(storage.OnboardingResearch, pointer, part=part).text == f"about {part}"


@pytest.mark.acceptance("S3-key-strategy")
@pytest.mark.acceptance("MON-strategies_content")
def test_a_strategy_lies_under_its_version_and_is_found_by_its_ref(ours):
    ref = spell(new_id())

    pointer = storage.write(
        storage.StrategyContent(strategyId=ref, version=3, createdOn=timezone.now()), {"": "# Plan"}
    )

    assert raw(storage.StrategyContent, pointer)["s3Key"] == f"{ours.ref_id}/strategies/{ref}/v3.md"
    assert [found for found, _ in storage.find(storage.StrategyContent, {"strategyId": ref})] == [pointer]


@pytest.mark.acceptance("S3-fixed-keys")
@pytest.mark.acceptance("S3-versioning")
@pytest.mark.acceptance("CONV-mongo-base")
def test_a_fixed_key_is_written_again_as_a_new_version_and_both_are_read(ours):
    ref = spell(new_id())

    def write(text: str) -> str:
        document = storage.StrategyContent(strategyId=ref, version=1, createdOn=timezone.now())
        return storage.write(document, {"": text})

    first, second = write("as it was"), write("as it is")

    one, two = raw(storage.StrategyContent, first), raw(storage.StrategyContent, second)
    assert one["s3Key"] == two["s3Key"]
    assert one["versionId"] != two["versionId"]
    assert storage.read_one(storage.StrategyContent, first).text == "as it was"
    assert storage.read_one(storage.StrategyContent, second).text == "as it is"
    assert {"createdBy", "createdOn", "updatedBy", "updatedOn", "deletedBy", "deletedOn"} <= set(one)


def test_a_version_of_a_subject_is_taken_once(ours, output):
    first = output()
    storage.write(first, {"": "one"})

    with pytest.raises(storage.VersionTaken):
        storage.write(output(subjectRef=first.subjectRef), {"": "another"})


def test_a_page_waits_once_for_a_store_that_is_away_and_the_next_page_asks_again(
    ours, output, settings, documents_away
):
    pointer, there = storage.write(output(), {"": "text"}), settings.MONGO_URL

    with storage.waiting_once():
        documents_away()
        with pytest.raises(storage.StorageUnavailable):
            storage.read_one(storage.ActivityOutput, pointer)
        settings.MONGO_URL = there
        with pytest.raises(storage.StorageUnavailable):  # it is not asked, or it would have answered
            storage.read_one(storage.ActivityOutput, pointer)

    with storage.waiting_once():
        assert storage.read_one(storage.ActivityOutput, pointer).text == "text"


def test_a_text_that_is_missing_says_nothing_about_the_store(ours, output):
    pointer = storage.write(output(), {"": "text"})

    with storage.waiting_once():
        with pytest.raises(storage.BodyMissing):
            storage.read_one(storage.ActivityOutput, "0" * 24)
        assert storage.read_one(storage.ActivityOutput, pointer).text == "text"


@pytest.mark.acceptance("SEC-mongo-tenant")
@pytest.mark.acceptance("MON-tenant")
def test_outside_a_scope_nothing_is_written_or_read(clients_of_test, output):
    with clients_of_test[0].scope():
        pointer = storage.write(output(), {"": "text"})

    for ask in (
        lambda: storage.write(output(), {"": "text"}),
        lambda: storage.read_one(storage.ActivityOutput, pointer),
        lambda: storage.document(storage.ActivityOutput, pointer),
        lambda: storage.find(storage.ActivityOutput, {}),
        lambda: storage.url(storage.ActivityOutput, pointer, file_name="x"),
        lambda: storage.search_skills("text"),
    ):
        with pytest.raises(NoTenantScope):
            ask()


@pytest.mark.acceptance("SEC-mongo-tenant")
def test_another_clients_pointer_is_as_if_it_were_not_there(ours, theirs, output):
    pointer = storage.write(output(), {"": "ours"})

    with theirs.scope():
        for ask in (storage.read_one, storage.document):
            with pytest.raises(storage.BodyMissing):
                ask(storage.ActivityOutput, pointer)
        with pytest.raises(storage.BodyMissing):
            storage.url(storage.ActivityOutput, pointer, file_name="x")
        assert storage.find(storage.ActivityOutput, {"tenantId": ours.ref_id}) == []


def test_a_document_says_itself_whose_it_is_only_by_the_scope(ours, theirs, output):
    pointer = storage.write(output(tenantId=theirs.ref_id), {"": "text"})

    assert raw(storage.ActivityOutput, pointer)["tenantId"] == ours.ref_id


@pytest.mark.parametrize("pointer", ["", "nonsense", "0" * 24, "🦉", "' OR 1=1"])
def test_what_is_no_pointer_is_a_missing_body(ours, pointer):
    with pytest.raises(storage.BodyMissing):
        storage.read_one(storage.ActivityOutput, pointer)


@pytest.mark.acceptance("S3-presign")
@pytest.mark.acceptance("FLOW-presign")
@pytest.mark.acceptance("PLACE-presign")
def test_a_link_opens_one_version_for_a_quarter_of_an_hour_and_nothing_else(ours, output):
    pointer = storage.write(output(), {"": "the text"})
    kept = raw(storage.ActivityOutput, pointer)

    link = storage.url(storage.ActivityOutput, pointer, file_name="a b/ü.md")

    asked = parse_qs(urlsplit(link).query)
    assert asked["X-Amz-Expires"] == ["900"]
    assert asked["versionId"] == [kept["versionId"]]
    with urlopen(link) as answer:
        assert answer.read() == b"the text"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a-b--.md"'
    for changed in (
        link.replace("X-Amz-Expires=900", "X-Amz-Expires=9000"),
        link.replace(kept["refId"], spell(new_id())),
        link.split("?")[0],
    ):
        with pytest.raises(HTTPError) as refused:
            urlopen(changed)
        with refused.value as answer:
            assert answer.code in (400, 403)


@pytest.mark.acceptance("S3-worm")
def test_a_locked_contract_can_be_neither_deleted_nor_shortened(ours):
    stored = storage.contracts.store(b"%PDF", contract_ref=spell(new_id()), template_version="v1.2", at=timezone.now())
    client, bucket = clients.s3("contracts")

    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=bucket, Key=stored.key, VersionId=stored.version_id)
    with pytest.raises(ClientError):
        client.put_object_retention(
            Bucket=bucket,
            Key=stored.key,
            VersionId=stored.version_id,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": timezone.now()},
        )

    assert storage.contracts.read(stored.key, version_id=stored.version_id, sha256=stored.sha256) == b"%PDF"
    mode, until = storage.contracts.lock_of(stored.key, version_id=stored.version_id)
    assert (mode, until > timezone.now()) == ("COMPLIANCE", True)


@pytest.mark.acceptance("S3-key-contract")
def test_a_contract_lies_under_its_ref_and_its_templates_version(ours):
    ref = spell(new_id())

    stored = storage.contracts.store(b"%PDF", contract_ref=ref, template_version="v1.2", at=timezone.now())

    assert stored.key == f"{ours.ref_id}/contracts/{ref}/v1.2.pdf"


def test_other_bytes_than_the_digest_says_are_missing_and_never_shown(ours):
    stored = storage.contracts.store(b"%PDF", contract_ref=spell(new_id()), template_version="v1.2", at=timezone.now())

    with pytest.raises(storage.BodyMissing):
        storage.contracts.read(stored.key, version_id=stored.version_id, sha256="0" * 64)

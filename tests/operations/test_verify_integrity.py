"""verify_integrity: clean on the world as it is, and every disagreement between the stores is named by its code."""

import dataclasses
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from bson import ObjectId
from django.db import connection, connections, transaction
from django.utils import timezone

from apps import storage
from apps.activities import integrity, registry
from apps.shared import guards, rotation
from apps.shared.ids import new_id, spell
from apps.shared.scoping import every_tenant, tenant_scope
from apps.storage import clients
from apps.storage import integrity as stores
from apps.strategy.models import Strategy
from apps.tenants import queries as tenant_queries
from apps.tenants.models import Tenant

CODES = set(
    "document_missing object_missing digest_mismatch orphan_old foreign_pointer count_drift spend_drift ledger_drift "
    "credit_drift strategy_not_single illegal_state run_not_closed stranded_activity attempt_stuck journal_gap relay_gap "
    "partition_missing default_partition_used grant_drift constraint_missing index_missing contract_marker "
    "contract_overwritten contract_unlocked decrypt_failed".split()
)


@pytest.mark.acceptance("XREF-app", "REL-02", "CONV-pointers")
def test_the_world_is_clean_and_was_looked_at(run, db):
    ran = run("verify_integrity", "--json")

    # Documents that other tests made and rolled back are orphans once the template is a day old.
    assert [f for f in ran.report["findings"] if f["code"] != "orphan_old"] == []
    assert ran.report["ok"] is not bool(ran.report["findings"])
    assert ran.code == (0 if ran.report["ok"] else 1)
    assert ran.report["checked"]["tenants"] == Tenant.objects.count()
    assert ran.report["checked"]["pointers"] > 50 and ran.report["checked"]["objects"] > 50
    assert ran.report["checked"]["periods"] > 3


# Faults in PostgreSQL alone: what is planted as the owner with the guards off, the code, and the table it is found in.
PLANTED = [
    ("UPDATE deliverable_periods SET completed_count = completed_count + 1 WHERE id = (SELECT id FROM deliverable_periods "
     "WHERE status = 'in_progress' LIMIT 1)", "count_drift", "deliverable_periods"),
    ("UPDATE deliverable_periods SET completed_count = 9 WHERE status = 'completed'", "count_drift", "deliverable_periods"),
    ("UPDATE spend_counters SET settled_usd = settled_usd + 0.000001 WHERE id = (SELECT id FROM spend_counters "
     "WHERE scope = 'activity' LIMIT 1)", "spend_drift", "spend_counters"),
    ("UPDATE spend_counters SET reserved_usd = 1 WHERE id = (SELECT id FROM spend_counters WHERE scope = 'role' LIMIT 1)",
     "spend_drift", "spend_counters"),
    ("DELETE FROM spend_counters WHERE id = (SELECT id FROM spend_counters WHERE scope = 'tenant' LIMIT 1)",
     "spend_drift", "spend_counters"),
    ("DELETE FROM llm_calls WHERE id = (SELECT id FROM llm_calls LIMIT 1)", "spend_drift", "activity_runs"),
    ("INSERT INTO credit_balances (id, tenant_id, created_on, period_start, period_end, credits_monthly, credits_topup, "
     "credits_reserved, credits_consumed, next_reset_on) SELECT ulid_uuid(), id, now(), '2026-11-01', '2026-11-30', 50, 0, 0, 0, "
     "'2026-12-01' FROM tenants WHERE slug = 'acme-live'", "credit_drift", "credit_balances"),
    ("UPDATE tenants SET current_month_spend_usd = current_month_spend_usd + 0.000001 WHERE slug = 'acme-live'",
     "spend_drift", "tenants"),
    ("UPDATE llm_cost_daily SET day = day - 3 WHERE id = (SELECT id FROM llm_cost_daily LIMIT 1)", "spend_drift", "llm_cost_daily"),
    ("UPDATE llm_calls SET created_on = created_on - interval '3 days'", "spend_drift", "llm_cost_daily"),
    ("DROP INDEX uniq_strategies_active; UPDATE strategies SET status = 'active' WHERE tenant_id = (SELECT id FROM tenants "
     "WHERE slug = 'acme-live'); INSERT INTO strategies (id, tenant_id, created_on, version, status, summary, rationale, "
     "period_months) SELECT ulid_uuid(), tenant_id, created_on, 99, 'active', '', '', 6 FROM strategies WHERE tenant_id = "
     "(SELECT id FROM tenants WHERE slug = 'acme-live') LIMIT 1", "strategy_not_single", "strategies"),
    ("UPDATE activities SET status = 'created' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'keyword_research' LIMIT 1)",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'in_progress' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'draft' "
     "AND assignee_agent_role = 'copywriter' LIMIT 1)", "stranded_activity", "activities"),
    ("UPDATE approvals SET status = 'withdrawn' WHERE id = (SELECT id FROM approvals WHERE status = 'pending' LIMIT 1)",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'cancelled' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'dm_review' "
     "AND status = 'created' LIMIT 1)", "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'approved' WHERE id = (SELECT id FROM activities WHERE status = 'awaiting_approval' LIMIT 1)",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'in_progress' WHERE origin_key LIKE 'onboarding:%/unit' AND status = 'completed'",
     "stranded_activity", "activities"),
    ("UPDATE activities SET status = 'completed' WHERE id = (SELECT activity_id FROM approvals WHERE status = 'pending' LIMIT 1)",
     "illegal_state", "approvals"),
    ("UPDATE activity_runs SET status = 'running', started_on = now() - interval '5 minutes' WHERE id = (SELECT id FROM activity_runs LIMIT 1)",
     "run_not_closed", "activity_runs"),
    ("UPDATE publish_attempts SET status = 'unknown', settle_until = now() - interval '1 hour'", "attempt_stuck", "publish_attempts"),
    ("UPDATE publish_attempts SET status = 'failed'", "illegal_state", "blog_posts"),
    ("UPDATE blog_posts SET status = 'draft' WHERE status = 'published'", "illegal_state", "blog_posts"),
    ("UPDATE activities SET status = 'failed' WHERE id = (SELECT id FROM activities WHERE pipeline_step = 'publish' "
     "AND status = 'created' LIMIT 1)", "journal_gap", "activities"),
    ("UPDATE goals SET status = 'achieved' WHERE id = (SELECT id FROM goals LIMIT 1)", "journal_gap", "goals"),
    ("DELETE FROM journal_entries WHERE code = 'strategy.activated'", "journal_gap", "strategies"),
    ("INSERT INTO journal_deliveries (id, tenant_id, created_on, journal_entry_id, consumer, attempts, next_on, last_error) "
     "SELECT ulid_uuid(), tenant_id, now() - interval '11 minutes', id, 'storage.relay_audit', 5, now(), '' "
     "FROM journal_entries WHERE tenant_id IS NOT NULL LIMIT 1", "relay_gap", "journal_deliveries"),
    ("INSERT INTO journal_entries (id, tenant_id, created_on, code, subject_type, subject_ref, actor_type, actor_ref, before, after, request_id) "
     "SELECT ulid_uuid(), tenant_id, now() - interval '1 minute', 'tests.planted', 'tenants', '', 'system', 'tests', '{}', '{}', '' "
     "FROM journal_entries WHERE tenant_id IS NOT NULL LIMIT 1", "relay_gap", "journal_entries"),
    ("UPDATE channels SET access_token = left(access_token, -6) || 'AAAAAA'", "decrypt_failed", "channels"),
    ("UPDATE channels SET access_token = (SELECT access_token FROM channels ORDER BY id LIMIT 1) "
     "WHERE id = (SELECT id FROM channels ORDER BY id DESC LIMIT 1)", "decrypt_failed", "channels"),
    ("UPDATE agent_configs SET env_secrets = '{\"KEY\": 7}' WHERE id = (SELECT id FROM agent_configs LIMIT 1)",
     "decrypt_failed", "agent_configs"),
    ("UPDATE activities SET output_ref = 'aaaaaaaaaaaaaaaaaaaaaaaa' WHERE id = (SELECT id FROM activities "
     "WHERE output_ref <> '' LIMIT 1)", "document_missing", "activities"),
    ("UPDATE blog_posts SET content_ref = 'no pointer' WHERE id = (SELECT id FROM blog_posts LIMIT 1)", "document_missing", "blog_posts"),
    ("UPDATE blog_posts b SET content_ref = (SELECT content_ref FROM blog_posts o WHERE o.tenant_id <> b.tenant_id "
     "AND o.content_ref <> '' LIMIT 1) WHERE id = (SELECT id FROM blog_posts LIMIT 1)", "foreign_pointer", "blog_posts"),
    ("UPDATE onboarding_runs r SET context_file_id = (SELECT context_file_id FROM onboarding_runs o "
     "WHERE o.tenant_id <> r.tenant_id AND o.context_file_id <> '' LIMIT 1) WHERE id = (SELECT id FROM onboarding_runs "
     "WHERE context_file_id <> '' LIMIT 1)", "foreign_pointer", "onboarding_runs"),
    ("UPDATE activities SET output_summary = output_summary || '{\"sha256\": \"0\"}' WHERE id = (SELECT id FROM activities "
     "WHERE output_ref <> '' LIMIT 1)", "digest_mismatch", "activities"),
]  # fmt: skip


@pytest.mark.parametrize(("planted", "code", "table"), PLANTED, ids=[f"{code}-{sql[:50]}" for sql, code, _ in PLANTED])
def test_every_fault_in_postgresql_is_named_by_its_code(planted, code, table, as_owner):
    tables = [m._meta.db_table for m in guards.records()]
    with transaction.atomic():
        with connection.cursor() as cursor:
            for name in tables:
                cursor.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
            cursor.execute(planted)
            assert cursor.rowcount != 0
        found = list(_of_postgresql())
        transaction.set_rollback(True)

    assert (code, table) in {(f.code, f.table) for f in found}, [str(f) for f in found]
    assert {f.code for f in found} <= CODES


def _of_postgresql():
    """What the command asks, but for the bytes in S3 and the schema."""
    tenants, at = tenant_queries.facts_of_all(only_open=False), timezone.now()
    refs = {tenant.id: tenant.ref_id for tenant in tenants}
    for tenant in tenants:
        with tenant_scope(tenant):
            yield from integrity.of_tenant(tenant, at=at)
            for column in registry.POINTERS:
                yield from stores.check_pointers(column)[1]
    with every_tenant(reason="the test looks at all clients"):
        yield from integrity.of_journal(refs, at=at)
        yield from rotation.unreadable(refs)


def test_without_a_fault_these_rules_find_nothing(as_owner):
    assert list(_of_postgresql()) == []


@pytest.mark.parametrize("model", [storage.ActivityOutput, storage.OnboardingResearch, storage.StrategyContent])
def test_an_object_that_is_gone_or_altered_is_named(model, own_client):
    pointer = storage.write(_document(model), {part: "the text" for part in model.parts})
    key, version = _first_part(model, pointer)
    client, bucket = clients.s3("content")

    client.delete_object(Bucket=bucket, Key=key, VersionId=version)
    gone = stores.check_objects(model)[1]
    raw = clients.database()[model.collection].find_one({"_id": ObjectId(pointer)})
    again = client.put_object(Bucket=bucket, Key=key, Body=b"THE TEXT")["VersionId"]
    _set(model, pointer, {model.fields_of(next(iter(model.parts)))["version_id"]: again})
    altered = stores.check_objects(model)[1]
    longer = client.put_object(Bucket=bucket, Key=key, Body=b"the text and more")["VersionId"]
    _set(model, pointer, {model.fields_of(next(iter(model.parts)))["version_id"]: longer})
    grown = stores.check_objects(model)[1]
    _forget(model, pointer)

    assert [(f.code, f.tenant, f.ref_id) for f in gone] == [("object_missing", own_client.ref_id, raw["refId"])]
    assert [(f.code, f.detail) for f in altered] == [("digest_mismatch", "S3 has other bytes than were written")]
    assert [(f.code, f.detail) for f in grown] == [("digest_mismatch", "S3 has 17 bytes, 8 were written")]


@pytest.mark.acceptance("S3-prefix")
def test_a_document_that_names_another_clients_key_is_named(own_client, world):
    foreign = f"{world.tenant('drafts').ref_id}/activity-outputs/x/y.md"
    pointer = storage.write(_document(storage.ActivityOutput), {"": "mine"})
    _set(storage.ActivityOutput, pointer, {"s3Key": foreign})

    found = stores.check_objects(storage.ActivityOutput)[1]
    _forget(storage.ActivityOutput, pointer)

    assert [f.code for f in found] == ["foreign_pointer"]


def test_a_strategy_without_its_narrative_is_named(own_client):
    rule = next(rule for rule in registry.FOUND_BY_REF if rule.document is storage.StrategyContent)
    strategy = Strategy.objects.create(version=1, status="active", created_on=timezone.now())

    without = stores.check_found(rule)
    storage.write(
        storage.StrategyContent(strategyId=strategy.ref_id, version=1, createdOn=timezone.now()), {"": "The plan"}
    )
    with_it = stores.check_found(rule)

    assert [(f.code, f.table, f.ref_id) for f in without] == [("document_missing", "strategies", strategy.ref_id)]
    assert with_it == []


@pytest.mark.acceptance("S3-worm")
def test_what_happens_to_a_contract_is_told(own_client):
    client, bucket = clients.s3("contracts")
    stored = storage.contracts.store(
        b"%PDF one", contract_ref=spell(new_id()), template_version="v9.9", at=timezone.now()
    )
    pdf = stores.PinnedPdf(spell(new_id()), stored.key, stored.version_id, stored.sha256)

    def found(**changes) -> tuple[list[str], int]:
        _, findings, notes = stores.check_contracts([dataclasses.replace(pdf, **changes)])
        assert {f.tenant for f in findings} <= {own_client.ref_id}
        return [f.code for f in findings], sum("stored again" in note for note in notes)

    whole = found()
    wrong_digest = found(sha256="0" * 64)
    no_such_version = found(version_id="nothing")
    foreign = found(key=f"{spell(new_id())}/contracts/x/v1.pdf")
    client.put_object(Bucket=bucket, Key=stored.key, Body=b"%PDF one")
    same_again = found()
    client.put_object(Bucket=bucket, Key=stored.key, Body=b"%PDF two")
    overwritten = found()
    with pytest.raises(ClientError, match="Access Denied"):
        client.delete_object(Bucket=bucket, Key=stored.key, VersionId=stored.version_id)
    client.delete_object(Bucket=bucket, Key=stored.key)
    hidden = found()
    unlocked = client.put_object(Bucket=bucket, Key=stored.key + "x", Body=b"%PDF one")["VersionId"]
    loose = found(key=stored.key + "x", version_id=unlocked)

    assert whole == ([], 0)
    assert wrong_digest == (["digest_mismatch"], 0)
    assert no_such_version[0][0] == "object_missing"
    assert foreign == (["foreign_pointer"], 0)
    assert same_again == ([], 1)  # generated twice after a crash: the same bytes
    assert overwritten == (["contract_overwritten"], 0)
    assert hidden == (["contract_marker"], 0)
    assert loose == (["contract_unlocked"], 0)
    assert storage.contracts.read(stored.key, version_id=stored.version_id, sha256=stored.sha256) == b"%PDF one"


def test_documents_of_a_client_that_is_gone_are_named(world):
    stranger = spell(new_id())
    old = ObjectId.from_datetime(timezone.now() - timedelta(days=3))
    document = _document(storage.ActivityOutput).model_copy(update={"tenantId": stranger, "refId": spell(new_id())})
    clients.database()["activity_outputs"].insert_one({"_id": old, **document.model_dump()})
    known = {tenant.ref_id for tenant in tenant_queries.facts_of_all(only_open=False)}

    found = stores.documents_of_strangers(
        [storage.ActivityOutput], known, older_than=timezone.now() - timedelta(days=1)
    )
    clients.database()["activity_outputs"].delete_one({"_id": old})

    assert ("orphan_old", stranger) in [(f.code, f.tenant) for f in found]
    assert not {f.tenant for f in found} & known


def test_a_store_that_is_away_ends_with_2(run, world, documents_away):
    documents_away()

    assert run("verify_integrity", "--json").code == 2


def test_no_text_of_a_client_stands_in_a_report(own_database, run):
    with connections["migrator"].cursor() as cursor:
        cursor.execute("ALTER TABLE blog_posts DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE blog_posts SET title = 'Zanzibar', slug = 'zanzibar', status = 'published', content_ref = 'Zanzibar'"
        )
        cursor.execute("ALTER TABLE blog_posts ENABLE TRIGGER USER")

    ran = run("verify_integrity", "--json")

    assert ran.code == 1
    assert {"document_missing", "illegal_state", "journal_gap"} <= ran.codes
    assert "anzibar" not in ran.text
    assert set(ran.report["findings"][0]) == {"code", "tenant", "table", "ref_id", "detail"}


def _document(model):
    at = timezone.now()
    ref = spell(new_id())
    if model is storage.ActivityOutput:
        return model(activityId=ref, subjectRef=ref, version=1, authorType="human", type="tests", createdOn=at)
    if model is storage.StrategyContent:
        return model(strategyId=ref, version=1, createdOn=at)
    return model(runId=ref, createdOn=at)


def _first_part(model, pointer: str) -> tuple[str, str]:
    stored = storage.document(model, pointer).stored(next(iter(model.parts)))
    return stored.key, stored.version_id


def _set(model, pointer: str, values: dict) -> None:
    clients.database()[model.collection].update_one({"_id": ObjectId(pointer)}, {"$set": values})


def _forget(model, pointer: str) -> None:
    clients.database()[model.collection].delete_one({"_id": ObjectId(pointer)})


@pytest.fixture
def as_owner(copied):
    """The product's connection belongs to the owner of the tables, who can plant what app_user cannot."""
    mine, owner = connections["default"].settings_dict, connections["migrator"].settings_dict
    former = {name: mine[name] for name in ("USER", "PASSWORD")}
    connections["default"].close()
    mine.update({name: owner[name] for name in former})
    yield
    connections["default"].close()
    mine.update(former)

"""verify_integrity --repair: the plan is told first, carried out only as told, and leaves nothing of what it can repair."""

import pytest
from django.db import connection, connections

from apps.activities import repair
from apps.shared import guards
from apps.shared.findings import Finding
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant

# Each by itself is planted in test_verify_integrity; here all that can be put right lie in one database.
FAULTS = {
    "deliverable_periods": "UPDATE deliverable_periods SET completed_count = completed_count + 1 WHERE id = "
    "(SELECT id FROM deliverable_periods WHERE status = 'in_progress' LIMIT 1)",
    "spend_counters": "UPDATE spend_counters SET settled_usd = settled_usd + 0.5 WHERE scope = 'role'",
    "a counter that is gone": "DELETE FROM spend_counters WHERE id = (SELECT id FROM spend_counters WHERE scope = 'tenant' LIMIT 1)",
    "a counter of nothing": "INSERT INTO spend_counters (id, tenant_id, created_on, month, scope, scope_key, settled_usd, reserved_usd) "
    "SELECT ulid_uuid(), id, now(), '2020-01-01', 'tenant', '', 3, 2 FROM tenants WHERE slug = 'acme-live'",
    "tenants": "UPDATE tenants SET current_month_spend_usd = current_month_spend_usd + 1 WHERE slug = 'acme-live'",
    "llm_cost_daily": "UPDATE llm_cost_daily SET day = day - 3",
    "activities": "UPDATE activities SET status = 'in_progress' WHERE origin_key LIKE 'onboarding:%/unit' AND status = 'completed'",
    "activity_runs": "UPDATE activity_runs SET status = 'running', started_on = now() - interval '5 minutes' "
    "WHERE id = (SELECT id FROM activity_runs LIMIT 1)",
}
BY_HAND = "UPDATE goals SET status = 'achieved' WHERE id = (SELECT id FROM goals LIMIT 1)"


def plant(*statements: str) -> None:
    with connections["migrator"].cursor() as cursor:
        for model in guards.records():
            cursor.execute(f"ALTER TABLE {model._meta.db_table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount, statement
        for model in guards.records():
            cursor.execute(f"ALTER TABLE {model._meta.db_table} ENABLE TRIGGER USER")


def contents() -> dict[str, str]:
    """A digest of every table."""
    found = {}
    with connection.cursor() as cursor:
        for model in guards.records():
            table = model._meta.db_table
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY id), '')) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found


@pytest.mark.acceptance("MISC-llm-rollup")
def test_what_can_be_derived_is_put_right_once_the_plan_was_read(own_database, run):
    plant(*FAULTS.values())
    before = contents()

    told = run("verify_integrity", "--repair", "--json")
    refused = run("verify_integrity", "--yes", "000000000000")

    assert (told.code, refused.code) == (1, 1)
    assert contents() == before
    plan = told.report["plan"]
    assert plan["by_hand"] == []
    assert {line.split(":")[0] for line in plan["by_itself"]} == {
        "count_drift", "spend_drift", "stranded_activity", "run_not_closed",
    }  # fmt: skip

    done = run("verify_integrity", "--yes", plan["name"], "--json")

    assert done.report["findings"] == []
    assert done.code == 0
    with every_tenant(reason="the test looks at the journal"):
        assert {"spend.recounted", "period.counted"} <= set(JournalEntry.objects.values_list("code", flat=True))
    again = run("verify_integrity", "--yes", plan["name"])
    assert again.code == 1  # that plan is spent


def test_what_cannot_be_derived_is_left_to_a_person(own_database, run):
    plant(BY_HAND)
    before = contents()

    told = run("verify_integrity", "--repair", "--json")
    done = run("verify_integrity", "--yes", told.report["plan"]["name"])

    assert told.report["plan"]["by_itself"] == []
    assert "a status was changed past the product" in told.report["plan"]["by_hand"][0]
    assert done.code == 1
    assert contents() == before


def test_a_plan_has_the_same_name_for_the_same_findings_only():
    one, other = (Finding("orphan_old", "old", "activity_outputs", "T", ref) for ref in ("A", "B"))

    assert repair.digest_of(repair.plan([one, other])) == repair.digest_of(repair.plan([other, one]))
    assert repair.digest_of(repair.plan([one])) != repair.digest_of(repair.plan([one, other]))
    assert [len(step.findings) for step in repair.plan([one, other])] == [2]


@pytest.mark.parametrize("code", sorted(repair.BY_HAND))
def test_every_finding_for_a_person_says_what_to_do_next(code):
    (step,) = repair.plan([Finding(code, "detail", "a_table", "T", "R")])

    assert step.do is None
    assert str(step) == f"{code}: {repair.BY_HAND[code]} (R)"

"""Moves: every move from every status, through the operation's function and by raw SQL, on a real row of every table."""

import uuid

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.guards import records
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.shared.transitions import MoveRefused
from apps.tenants.models import User

from .rows import need_row

MODELS = [m for m in records() if m.moves is not None]
AT = timezone.now()
# What CHECK constraints ask of a row in a certain status, so that it can be put there for the test.
BESIDES = {
    "approvals": "decided_by = CASE WHEN {status} IN ('approved', 'rejected') THEN {person} END, "
    "decided_on = CASE WHEN {status} IN ('approved', 'rejected') THEN now() END",
    "credit_topup_orders": "paid_on = CASE WHEN {status} IN ('paid', 'refunded') THEN now() END",
    "invoices": "number = 'INV-2026-11-0001', issued_on = now(), due_on = now(), "
    "paid_on = CASE WHEN {status} = 'paid' THEN now() END",
    "payments": "captured_on = CASE WHEN {status} IN ('captured', 'refunded') THEN now() END, "
    "failed_on = CASE WHEN {status} = 'failed' THEN now() END",
    "contracts": "accepted_on = CASE WHEN {status} = 'accepted' THEN now() END, "
    "accepted_by = CASE WHEN {status} = 'accepted' THEN {person} END",
    "search_term_classifications": "reviewed_by = CASE WHEN {status} <> 'pending_review' THEN {person} END, "
    "reviewed_on = CASE WHEN {status} <> 'pending_review' THEN now() END, "
    "pushed_on = CASE WHEN {status} = 'pushed' THEN now() END, push_result = '{{}}'",
    "ad_optimization_recommendations": "reviewed_by = CASE WHEN {status} NOT IN ('pending_review', 'snoozed') THEN {person} END, "
    "reviewed_on = CASE WHEN {status} NOT IN ('pending_review', 'snoozed') THEN now() END, "
    "snooze_until = CASE WHEN {status} = 'snoozed' THEN now() END, "
    "pushed_on = CASE WHEN {status} = 'pushed' THEN now() END, push_result = '{{}}'",
}
# A move into these statuses needs more than the move.
WITH_IT = {
    ("approvals", "approve"): lambda sam: {"decided_by": sam, "decided_on": AT},
    ("approvals", "reject"): lambda sam: {"decided_by": sam, "decided_on": AT},
    ("credit_topup_orders", "pay"): lambda sam: {"paid_on": AT},
    ("invoices", "mark_paid"): lambda sam: {"paid_on": AT},
    ("payments", "capture"): lambda sam: {"captured_on": AT},
    ("payments", "fail"): lambda sam: {"failed_on": AT},
    ("contracts", "accept"): lambda sam: {"accepted_on": AT, "accepted_by": sam},
    ("search_term_classifications", "approve"): lambda sam: {"reviewed_by": sam, "reviewed_on": AT},
    ("search_term_classifications", "reject"): lambda sam: {"reviewed_by": sam, "reviewed_on": AT},
    ("search_term_classifications", "reopen"): lambda sam: {"reviewed_by": None, "reviewed_on": None},
    ("search_term_classifications", "push"): lambda sam: {"pushed_on": AT},
    ("ad_optimization_recommendations", "approve"): lambda sam: {"reviewed_by": sam, "reviewed_on": AT},
    ("ad_optimization_recommendations", "reject"): lambda sam: {"reviewed_by": sam, "reviewed_on": AT},
    ("ad_optimization_recommendations", "snooze"): lambda sam: {"snooze_until": AT},
    ("ad_optimization_recommendations", "wake"): lambda sam: {"snooze_until": None},
    ("ad_optimization_recommendations", "push"): lambda sam: {"pushed_on": AT},
}


def named(model) -> str:
    return model._meta.db_table


@pytest.fixture
def row_in(migrator, monkeypatch):
    """row_in(model, status): the id of a real row that stands there, put there by the owner with the guards switched off."""
    # What follows from an entry is other tests' business, and would move other rows along.
    monkeypatch.setattr(journal.reactions, "together", {})

    def put(model, status: str) -> uuid.UUID:
        table, field = model._meta.db_table, model.moves.field
        need_row(migrator, model)
        # A row of its own client where the client has only one, so that no partial unique index is in the way.
        tenant = "id" if table == "tenants" else "tenant_id"
        migrator.execute(
            f"SELECT id FROM {table} WHERE {tenant} IS NOT NULL ORDER BY count(*) OVER (PARTITION BY {tenant}), id LIMIT 1"
        )
        (row_id,) = migrator.fetchone()
        set_to = f"{field} = %s"
        if table in BESIDES:
            person = "(SELECT id FROM users WHERE tenant_id IS NULL LIMIT 1)"
            set_to += ", " + BESIDES[table].format(status=f"'{status}'", person=person)
        migrator.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        migrator.execute(f"UPDATE {table} SET {set_to} WHERE id = %s", [status, row_id])
        migrator.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return row_id

    return put


@pytest.mark.acceptance("SEC-guards")
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_by_raw_sql_postgresql_allows_the_listed_moves_and_no_other(model, row_in):
    table, field = model._meta.db_table, model.moves.field
    statuses = list(model.moves.statuses.values)

    allowed = set()
    for old in statuses:
        row_id = row_in(model, old)
        for new in statuses:
            if old != new and _guard_passes(table, field, new, row_id, as_owner=model.append_only):
                allowed.add((old, new))

    assert allowed == {(old, new) for old, new in model.moves.allowed_pairs() if old != new}


def _guard_passes(table: str, field: str, new: str, row_id, *, as_owner: bool) -> bool:
    """Whether the trigger lets the move pass; a CHECK behind it may still want more."""
    using = "migrator" if as_owner else "default"  # app_user has no UPDATE on an append-only table at all
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {field} = %s WHERE id = %s", [new, row_id])
            transaction.set_rollback(True, using=using)
    except DatabaseError as error:
        return error.__cause__.diag.constraint_name != "guard_moves"
    return True


@pytest.mark.parametrize("model", [m for m in MODELS if m.append_only], ids=named)
def test_app_user_moves_no_run_by_itself(model, row_in):
    row_id = row_in(model, "running")

    for status in model.moves.statuses.values:
        with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {model._meta.db_table} SET status = %s WHERE id = %s", [status, row_id])
        assert refused.value.__cause__.sqlstate == "42501"


@pytest.mark.parametrize("model", [m for m in MODELS if not m.append_only], ids=named)
def test_every_move_from_every_status_happens_exactly_if_it_is_listed(model, row_in):
    moves = model.moves
    by = Actor.human(User.objects.get(email="sam@leadmetrics.test"))
    rows = getattr(model, "with_deleted", model._default_manager)

    with every_tenant(reason="the test takes whichever row there is"):
        for status in moves.statuses.values:
            row_id = row_in(model, status)
            for move in moves:
                before = _written(model, row_id)
                subject = rows.get(pk=row_id)
                changes = WITH_IT.get((model._meta.db_table, move.name), lambda sam: {})(by.user)
                with transaction.atomic():
                    if status in move.sources:
                        moved = moves.perform(subject, move.name, by=by, at=AT, **changes)
                        entry = JournalEntry.objects.filter(subject_ref=moved.ref_id).latest("ref_id")
                        assert getattr(moved, moves.field) == move.target
                        assert (entry.code, entry.before, entry.after) == (
                            move.journal_code,
                            {moves.field: status},
                            {moves.field: str(move.target)},
                        )
                    else:
                        with pytest.raises(MoveRefused):
                            moves.perform(subject, move.name, by=by, at=AT, **changes)
                        assert _written(model, row_id) == before
                    transaction.set_rollback(True)


def _written(model, row_id) -> tuple:
    """The row as it lies there, and how much was journalled."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t::text, (SELECT count(*) FROM journal_entries) FROM {model._meta.db_table} t WHERE id = %s",
            [row_id],
        )
        return cursor.fetchone()


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_a_table_of_moves_is_whole(model):
    moves = model.moves
    field = model._meta.get_field(moves.field)

    assert {value for value, _ in field.choices} == set(moves.statuses.values)  # also what the CHECK holds
    assert not field.default or field.default in moves.statuses.values
    assert {str(field.default)} | {str(move.target) for move in moves} == set(moves.statuses.values)
    assert all("." in move.journal_code for move in moves)


def test_no_model_whose_status_can_change_lacks_its_moves():
    lacking = [
        m._meta.db_table
        for m in records()
        if {"status", "outreach_status"} & {f.name for f in m._meta.local_fields}
        and m.moves is None
        and not m.append_only
    ]

    assert lacking == []


@pytest.mark.acceptance("SM-activity_runs", "SEC-immutable-runs")
def test_a_run_is_closed_once_by_whoever_holds_its_attempt(copied):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, a.tenant_id, l.attempt FROM activities a JOIN activity_leases l ON l.activity_id = a.id "
            "WHERE a.assignee_agent_role = 'copywriter' ORDER BY a.id LIMIT 1"
        )
        activity, tenant, attempt = cursor.fetchone()
        cursor.execute(
            "INSERT INTO activity_runs (id, tenant_id, created_on, activity_id, adapter_type, model_id, status, error, "
            "input_tokens, output_tokens, cost_usd, started_on, attempt) "
            "VALUES (ulid_uuid(), %s, now(), %s, 'claude', 'm', 'running', '', 0, 0, 0, now(), %s) RETURNING id",
            [tenant, activity, attempt + 1],
        )
        (run,) = cursor.fetchone()
        close = "SELECT close_activity_run(%s, %s::smallint, %s, '', 1, 1, 0, 5)"

        cursor.execute(close, [run, attempt + 1, "completed"])
        before_the_lease = cursor.fetchone()
        cursor.execute("UPDATE activity_leases SET attempt = %s WHERE activity_id = %s", [attempt + 1, activity])
        cursor.execute(close, [run, attempt, "completed"])
        with_another_attempt = cursor.fetchone()
        cursor.execute(close, [run, attempt + 1, "completed"])
        once = cursor.fetchone()
        cursor.execute(close, [run, attempt + 1, "failed"])
        twice = cursor.fetchone()
        cursor.execute("SELECT status FROM activity_runs WHERE id = %s", [run])

        assert (before_the_lease, with_another_attempt, once, twice) == ((False,), (False,), (True,), (False,))
        assert cursor.fetchone() == ("completed",)

"""What a model service remembers, and which tools were used: what PostgreSQL holds true about them."""

from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.db import connection
from django.utils import timezone

from apps.activities.models import ActivityRun, Session, ToolCall
from tests.activities.tables import a_session, a_tool_call, refused


@pytest.mark.acceptance("sessions")
@pytest.mark.acceptance("FLOW-session")
def test_a_session_counts_its_tokens_and_ends_by_its_time(acme):
    session = a_session()
    row = Session.objects.filter(pk=session.pk)
    assert row.filter(expires_at__gt=timezone.now()).exists()

    session.token_count += 1_200
    session.expires_at = timezone.now()
    session.save(update_fields=["token_count", "expires_at"])

    assert not row.filter(expires_at__gt=timezone.now()).exists()
    assert Session.objects.get(pk=session.pk).token_count == 1_200


@pytest.mark.acceptance("sessions")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("external_session_id", "'other'"),
        ("agent_role", "'strategy_writer'"),
        ("adapter_type", "'openai'"),
        ("model_id", "'other'"),
        ("goal_id", "ulid_uuid()"),
    ],
)
def test_a_session_stays_with_its_role_its_goal_and_its_model(acme, column, value):
    session = a_session()

    with refused() as why, connection.cursor() as cursor:
        cursor.execute(f"UPDATE sessions SET {column} = {value} WHERE id = %s", [session.id])

    assert why.by == "guard_immutable"


@pytest.mark.acceptance("sessions")
def test_what_one_client_told_a_model_is_never_continued_for_another(world):
    with world.at("drafts"):
        a_session()
    with world.at("rival"):
        before = Session.objects.count()
        with refused() as why:
            a_session()
        a_session(external_session_id=None)
        a_session(external_session_id=None)  # services that keep none

        assert why.by == "uniq_sessions_external"
        assert Session.objects.count() == before + 2


@pytest.mark.acceptance("sessions")
def test_a_session_that_cannot_be_is_refused(acme):
    before = Session.objects.count()
    with refused() as negative:
        a_session(token_count=-1)
    with refused() as backwards:
        a_session(expires_at=timezone.now() - timedelta(days=1))
    with refused() as aimless:
        a_session(goal=None)

    assert negative.by == "sessions_token_count_not_negative"
    assert backwards.by == "sessions_end_after_start"
    assert aimless.by is None  # NOT NULL has no name
    assert Session.objects.count() == before


@pytest.mark.acceptance("REL-18")
@pytest.mark.acceptance("activity_runs.session_id")
def test_a_run_may_name_the_session_it_went_on_with(acme):
    session = a_session()
    run = ActivityRun.objects.filter(status="completed").order_by("ref_id").first()

    following = ActivityRun.objects.create(
        activity_id=run.activity_id,
        adapter_type=run.adapter_type,
        model_id=run.model_id,
        session=session,
        attempt=30_000,
        started_on=timezone.now(),
        created_on=timezone.now(),
    )

    assert list(ActivityRun.objects.filter(session=session)) == [following]
    assert following.session.goal == session.goal
    assert run.session is None  # the first one was for no goal yet


@pytest.mark.acceptance("tool_calls")
@pytest.mark.acceptance("SM-tool_calls")
def test_a_tool_call_ends_well_or_says_what_went_wrong(acme):
    a_tool_call()
    a_tool_call(status="error", error="quota_exceeded")
    with refused() as contradiction:
        a_tool_call(error="quota_exceeded")
    with refused() as silence:
        a_tool_call(status="error")
    with refused() as backwards:
        a_tool_call(duration_ms=-1)

    assert (contradiction.by, silence.by) == ("tool_calls_error_says_what",) * 2
    assert backwards.by == "tool_calls_duration_not_negative"
    found = list(ToolCall.objects.order_by("ref_id").values_list("status", "error", "created_on"))
    assert found == [("success", "", ANY), ("error", "quota_exceeded", ANY)]

"""What an agent remembers of its work towards a goal: how a session begins, is told, goes on and ends."""

import json
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps import storage
from apps.activities import memory, operations, tasks
from apps.activities.engine import worker
from apps.activities.models import Activity, ActivityRun, Approval, LlmCall, Session
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.strategy import operations as strategy
from apps.strategy.models import Goal, Strategy
from apps.strategy.statuses import GOAL_MOVES, STRATEGY_MOVES
from apps.tenants.models import Tenant
from tests.activities.tables import a_session
from tests.activities.work import OPENAI, attempt, due_at, fresh, pending, put_off, set_agent, steps_of

SYSTEM = Actor.system("tests")


@pytest.fixture
def client(db, sandbox) -> Iterator[Tenant]:
    """In scope: a client with two proposed topics, whose drafts are put off; nothing is due."""
    with due_at("topics") as tenant:
        for step in steps_of("copywriter"):
            put_off(step)
        yield tenant


def plan_month(client: Tenant, months: int) -> Activity:
    """The keyword research of the first unit of a month to come, the only work that is due."""
    before = set(steps_of("keyword_researcher"))
    day = timezone.now().astimezone(ZoneInfo(client.timezone)).replace(day=15) + timedelta(days=30 * months)
    operations.plan_tenant(client.facts, by=SYSTEM, at=day)
    first, *others = sorted(set(steps_of("keyword_researcher")) - before, key=lambda step: step.input_data["number"])
    Activity.objects.filter(pk=first.pk).update(ready_on=timezone.now())
    for step in others:
        put_off(step)
    return fresh(first)


def topics_of(step: Activity) -> list[str]:
    """The primary searches it handed in, the proposed one first."""
    text = storage.read_one(storage.ActivityOutput, step.output_ref).text
    return [cluster["primary"] for cluster in json.loads(text)["clusters"]]


def session_of(step: Activity) -> Session | None:
    return ActivityRun.objects.filter(activity=step).order_by("-attempt")[0].session


def entries(code: str) -> list[JournalEntry]:
    return list(JournalEntry.objects.filter(code=code).order_by("ref_id"))


def told(session: Session, *, besides: Activity) -> list[dict]:
    (block,) = memory.blocks_of(session.id, besides=besides)
    assert block.name == "session_history"
    return json.loads(block.text)


@pytest.mark.acceptance("FLOW-session")
@pytest.mark.acceptance("sessions")
def test_a_second_month_does_not_propose_the_topic_of_the_first_and_would_without_the_session(client):
    earlier = [topics_of(step)[0] for step in steps_of("keyword_researcher")]
    session = session_of(steps_of("keyword_researcher")[0])

    following = attempt(plan_month(client, 1))

    assert session_of(following) == session
    assert topics_of(following)[0] not in earlier
    assert len({*earlier, topics_of(following)[0]}) == len(earlier) + 1

    operations.end_session(session, by=SYSTEM, at=timezone.now())
    forgetful = attempt(plan_month(client, 2))

    assert session_of(forgetful) not in (session, None)
    assert topics_of(forgetful)[0] == earlier[0]


@pytest.mark.acceptance("FLOW-session")
@pytest.mark.acceptance("activity_runs.session_id")
def test_runs_for_a_goal_continue_the_session_of_their_role_and_it_counts_their_tokens(client):
    by_role = {
        role: {session_of(step) for step in steps_of(role)} for role in ("keyword_researcher", "content_brief_writer")
    }

    assert [len(sessions) for sessions in by_role.values()] == [1, 1]
    for role, (session,) in by_role.items():
        runs = ActivityRun.objects.filter(session=session)
        assert runs.count() == 2
        assert (session.agent_role, session.adapter_type, session.external_session_id) == (role, "claude", None)
        assert {run.activity.goal_id for run in runs.select_related("activity")} == {session.goal_id}
        calls = LlmCall.objects.filter(activity_run__in=runs)
        assert session.token_count == sum(call.input_tokens + call.output_tokens for call in calls) > 0
        last = max(run.started_on for run in runs)
        assert session.expires_at >= last + timedelta(seconds=settings.SESSION_SECONDS)
    assert by_role["keyword_researcher"].isdisjoint(by_role["content_brief_writer"])


def test_work_for_no_goal_has_no_session_and_remembers_nothing(client):
    research = steps_of("onboarding_agent")[0]

    assert session_of(research) is None
    assert memory.blocks_of(None, besides=research) == []


def test_clients_share_no_session(world):
    with world.at("drafts"):
        ours = set(Session.objects.values_list("ref_id", flat=True))
    with world.at("rival"):
        theirs = set(Session.objects.values_list("ref_id", flat=True))

    assert ours
    assert theirs
    assert ours.isdisjoint(theirs)


def test_another_model_begins_a_session_of_its_own(client):
    session = session_of(steps_of("keyword_researcher")[0])
    set_agent("keyword_researcher", OPENAI)

    following = attempt(plan_month(client, 1))

    assert session_of(following).model_id == OPENAI.model_id
    assert session_of(following).goal_id == session.goal_id
    assert session_of(following) != session


def test_the_next_run_is_told_what_was_handed_in_and_what_people_decided(drafts, rita):
    first, second = drafts
    put_off(second)
    first = attempt(first)
    (review,) = pending()
    operations.refuse_approval(
        review, by=rita.actor, at=timezone.now(), shown_sha256=review.content_sha256, note="Fewer adjectives, please."
    )
    first = attempt(fresh(first))
    (again,) = pending()
    operations.grant_approval(again, by=rita.actor, at=timezone.now(), shown_sha256=again.content_sha256)

    (work,) = told(session_of(first), besides=second)

    assert work["work"].endswith("Write the article")
    assert work["decisions"] == [
        {"by": "reviewer", "decision": "a change was asked for", "note": "Fewer adjectives, please."},
        {"by": "reviewer", "decision": "approved", "note": ""},
    ]
    output = storage.read_one(storage.ActivityOutput, first.output_ref)
    assert work["facts"]["title"] == output.document.metadata["title"]
    assert work["begins"] == output.text[: memory.BEGINNING]
    assert memory.blocks_of(session_of(first).id, besides=first) == []  # its own draft reaches it otherwise


def test_the_memory_is_a_block_of_data_in_the_prompt_of_the_next_run(drafts, sandbox):
    first, second = drafts
    attempt(first)
    asked = len(sandbox.world.entries(target="anthropic"))
    attempt(second)

    calls = [entry["body"] for entry in sandbox.world.entries(target="anthropic", full=True)]
    one, two = calls[0], calls[asked]  # an answer may have been asked for again

    assert ('name=\\"session_history\\"' in one, 'name=\\"session_history\\"' in two) == (False, True)


def test_the_memory_is_bounded_and_keeps_the_latest(client, monkeypatch):
    step = plan_month(client, 1)
    session = session_of(steps_of("keyword_researcher")[0])
    works = told(session, besides=step)
    assert [
        topics_of(s)[0] in work["begins"] for s, work in zip(steps_of("keyword_researcher"), works, strict=False)
    ] == [
        True,
        True,
    ]

    monkeypatch.setattr(memory, "REMEMBERED", 1)
    assert told(session, besides=step) == works[-1:]
    monkeypatch.setattr(memory, "REMEMBERED", 8)
    monkeypatch.setattr(memory, "LIMIT", len(json.dumps(works[-1], indent=1)) + 200)
    assert told(session, besides=step) == works[-1:]


@pytest.mark.acceptance("CRON-sessions")
@pytest.mark.acceptance("FLOW-session")
def test_a_session_that_nobody_went_on_with_is_closed_once_and_not_continued(client):
    session = session_of(steps_of("keyword_researcher")[0])
    over_on = session.created_on
    Session.objects.filter(pk=session.pk).update(expires_at=over_on, updated_on=None)

    with every_tenant(reason="the beat works for all clients"):
        closed = [tasks.close_sessions(), tasks.close_sessions()]

    assert closed == [1, 0]
    assert [(entry.row_count, entry.actor_ref) for entry in entries("session.expired")] == [
        (1, "activities.close_sessions")
    ]
    assert fresh(session).expires_at == over_on
    assert session_of(attempt(plan_month(client, 1))) != session


@pytest.mark.acceptance("FLOW-session")
def test_a_new_strategy_ends_what_was_remembered_for_the_goals_of_the_former(client):
    former = Strategy.objects.get(status="active")
    at = timezone.now()
    assert Session.objects.filter(goal__strategy=former, expires_at__gt=at).count() == 2
    elsewhere = a_session(goal=_goal_elsewhere(former), external_session_id=None)

    following = strategy.begin_strategy(client.id, by=SYSTEM, at=at)
    Strategy.objects.filter(pk=following.pk).update(period_months=6)
    STRATEGY_MOVES.perform(fresh(following), "submit", by=SYSTEM, at=at)
    strategy.activate_strategy(fresh(following), by=SYSTEM, at=at)

    assert fresh(former).status == "archived"
    assert not Session.objects.filter(goal__strategy=former, expires_at__gt=at).exists()
    assert [entry.row_count for entry in entries("session.ended")] == [2]
    assert fresh(elsewhere).expires_at > at


def _goal_elsewhere(former: Strategy) -> Goal:
    """A goal of another strategy of the same client."""
    goal = Goal.objects.filter(strategy=former).first()
    other = Strategy.objects.create(version=99, created_on=timezone.now())
    return Goal.objects.create(
        **{
            name: getattr(goal, name)
            for name in ("name", "metric", "baseline_value", "current_value", "target_value", "period", "priority")
        },
        strategy=other,
        created_on=timezone.now(),
    )


def test_a_goal_that_is_paused_is_forgotten_and_others_are_not(client):
    goal = session_of(steps_of("keyword_researcher")[0]).goal
    other = a_session(goal=Goal.objects.exclude(pk=goal.pk).first(), external_session_id=None)
    at = timezone.now()

    GOAL_MOVES.perform(goal, "pause", by=SYSTEM, at=at)

    assert not Session.objects.filter(goal=goal, expires_at__gt=at).exists()
    assert fresh(other).expires_at > at


def test_a_call_that_comes_back_late_is_counted_and_does_not_reopen_a_session_that_ended_meanwhile(client):
    session = session_of(steps_of("keyword_researcher")[0])
    ended = operations.end_session(session, by=SYSTEM, at=timezone.now())

    operations.count_tokens(session.id, 700, at=timezone.now() + timedelta(seconds=1))

    assert fresh(session).token_count == session.token_count + 700
    assert fresh(session).expires_at == ended.expires_at
    with pytest.raises(operations.SessionOver):
        operations.end_session(session, by=SYSTEM, at=timezone.now() + timedelta(seconds=2))
    assert len(entries("session.ended")) == 1


def test_a_super_admin_ends_a_session_in_manage_and_nobody_else_does(client, sam, rita):
    session = session_of(steps_of("keyword_researcher")[0])
    address = f"/manage/activities/session/{session.ref_id}/"

    assert rita.post(f"{address}end/").status_code in (302, 403, 404)
    assert fresh(session).expires_at > timezone.now()

    page = sam.get(address)
    assert "End session" in page.text
    assert "forgets" in sam.get(f"{address}end/").text
    sam.post(f"{address}end/")

    assert fresh(session).expires_at <= timezone.now()
    assert "End session" not in sam.get(address).text
    (entry,) = entries("session.ended")
    assert (entry.subject_ref, entry.actor_ref) == (session.ref_id, sam.user.ref_id)


def test_missing_texts_are_left_out_of_the_memory_and_the_run_goes_on(client):
    step = plan_month(client, 1)
    first, _ = (s for s in steps_of("keyword_researcher") if s.status == "completed")
    Activity.objects.filter(pk=first.pk).update(output_ref="f" * 24)

    works = told(session_of(first), besides=step)

    assert sorted(bool(work["begins"]) for work in works) == [False, True]
    assert worker.work(limit=1) == 1
    assert fresh(step).status == "completed"
    assert not Approval.objects.filter(activity=step).exists()


def test_a_call_is_kept_while_somebody_else_is_about_the_goal(world):
    with world.at("live"):
        session = Session.objects.exclude(goal=None).order_by("ref_id").first()
        longer = Session.objects.filter(pk=session.pk, expires_at__gt=timezone.now()).exists()
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("SELECT 1 FROM goals WHERE id = %s FOR UPDATE", [session.goal_id])
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")  # what would be a deadlock is a wait here
            operations.sessions.count_tokens(session.pk, 70, at=timezone.now())
        finally:
            other.close()

        after = fresh(session)
        assert (after.token_count, after.expires_at > session.expires_at) == (session.token_count + 70, longer)

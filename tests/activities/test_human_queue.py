"""The queue of a person: everything open that is theirs, in the order in which it should be done."""

from datetime import date

import pytest
from django.utils import timezone

from apps.activities.models import Activity
from apps.activities.queries import human_queue, reviewers_tasks
from apps.activities.statuses import ActivityStatus
from apps.shared.scoping import tenant_scope
from apps.strategy.models import Deliverable

COLUMNS = ("title", "type", "priority", "is_approval_gate", "deliverable_name", "goal_name", "due_date")
OPEN = ("created", "assigned", "in_progress", "awaiting_approval")


@pytest.fixture
def task(world, mark):
    """task("Call them"): work of mark, who has no other, at the client at `drafts`, in scope."""
    with world.at("drafts"):
        at = timezone.now()

        def make(title, **more) -> Activity:
            values = {"type": "other", "status": "assigned", "assignee_user": mark.user, **more}
            return Activity.objects.create(title=title, assignee_type="human", ready_on=at, created_on=at, **values)

        yield make


def titles(person) -> list[str]:
    return [activity.title for activity in human_queue(person.user)]


@pytest.mark.acceptance("QRY-human-queue")
def test_each_row_says_what_it_is_and_what_it_serves(task, mark):
    deliverable = Deliverable.objects.select_related("goal").first()
    made = task("Write", deliverable=deliverable, goal=deliverable.goal, due_date=date(2031, 5, 1), priority="high")

    assert list(human_queue(mark.user).values_list("ref_id", *COLUMNS)) == [
        (made.ref_id, "Write", "other", "high", False, deliverable.name, deliverable.goal.name, date(2031, 5, 1))
    ]


@pytest.mark.acceptance("QRY-human-queue")
def test_work_without_a_deliverable_or_a_goal_is_not_lost(task, mark):
    task("An alert")
    task("For a goal", goal=Deliverable.objects.select_related("goal").first().goal)

    rows = list(human_queue(mark.user).values_list("title", "deliverable_name"))

    assert rows == [("An alert", None), ("For a goal", None)]


@pytest.mark.acceptance("QRY-human-queue")
def test_gates_come_first_then_urgency_by_rank_then_what_is_due_first(task, mark):
    task("normal, no date")
    task("normal, later", due_date=date(2031, 5, 2))
    task("normal, sooner", due_date=date(2031, 5, 1))
    task("low", priority="low", due_date=date(2030, 1, 1))
    task("high", priority="high")
    task("urgent", priority="urgent")
    task("a gate of low priority", priority="low", is_approval_gate=True, status="awaiting_approval")
    task("normal, no date, newer")

    assert titles(mark) == [
        "a gate of low priority",
        "urgent",
        "high",
        "normal, sooner",
        "normal, later",
        "normal, no date",
        "normal, no date, newer",
        "low",
    ]


@pytest.mark.acceptance("QRY-human-queue")
@pytest.mark.parametrize("status", ActivityStatus.values)
def test_it_holds_what_is_open_ready_work_included(task, mark, status):
    task("One", status=status)

    assert titles(mark) == ["One"] * (status in OPEN)


@pytest.mark.acceptance("QRY-human-queue")
def test_it_holds_nothing_of_others_of_agents_or_deleted(task, mark, alice):
    task("Of alice", assignee_user=alice.user)
    task("Of nobody", assignee_user=None)
    task("Deleted", deleted_on=timezone.now())
    Activity.objects.filter(pk=task("Of an agent").pk).update(assignee_type="agent")

    assert titles(mark) == []


@pytest.mark.acceptance("QRY-human-queue")
@pytest.mark.acceptance("SEC-tenant-filter")
def test_a_reviewer_sees_the_work_of_the_clients_in_scope_and_of_no_other(task, world, rita):
    task("At drafts", assignee_user=rita.user)
    before = titles(rita)

    with world.at("live") as live:
        at = timezone.now()
        Activity.objects.create(
            title="At live", type="other", status="assigned", assignee_user=rita.user, assignee_type="human",
            ready_on=at, created_on=at,
        )  # fmt: skip
        assert "At drafts" not in titles(rita)
    with tenant_scope(live.facts, world.tenant("drafts").facts):
        both = titles(rita)
    assert "At drafts" in before and "At live" not in before
    assert {"At drafts", "At live"} <= set(both)


def test_the_inbox_lists_ready_tasks_and_those_that_reached_nobody(task, rita):
    task("Hers", assignee_user=rita.user)
    task("Nobody's", assignee_user=None, priority="high")
    task("Not ready", assignee_user=rita.user, status="created")
    task("A gate", assignee_user=rita.user, is_approval_gate=True)

    assert [activity.title for activity in reviewers_tasks(rita.user)] == ["Nobody's", "Hers"]

"""The agents' page: who works on what, what waits and why, what failed, and what a person may do about it."""

from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

import pytest
from django.utils import timezone

from apps.activities import hot, operations
from apps.activities.engine import claim as claiming
from apps.activities.engine import model_run
from apps.activities.models import Activity, ActivityLease, AgentConfig
from apps.activities.operations import Spent
from apps.activities.statuses import ACTIVITY_MOVES
from apps.billing.models import SpendCounter
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.tenants.models import Tenant
from tests.portals.dm.conftest import standing
from tests.world import decide_all

PAGE = "/dm/c/acme-topics/agents/"
BY = Actor.system("tests")


@pytest.fixture
def due(world, rita, db):
    """Two articles of acme-topics are ready to be written, and nothing else is due; in the client's scope."""
    with every_tenant(reason="a test wants to know what is claimed"):
        Activity.objects.filter(assignee_type="agent", status="assigned").update(
            ready_on=timezone.now() + timedelta(days=1)
        )
    tenant = world.tenant("topics")
    decide_all(tenant, rita.user)
    with world.at("topics"):
        yield list(Activity.objects.filter(assignee_agent_role="copywriter", status="assigned").order_by("ref_id"))


def section(text: str, name: str) -> str:
    """What stands in the section of this id."""
    return text.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]


def reasons() -> dict[str, str]:
    """ref_id -> why it waits, of what is queued in scope."""
    return {row.ref_id: hot.why_waiting(row, at=timezone.now()) for row in hot.queued()}


def counted(reason: str, role: str = "copywriter") -> int:
    return sum(counts.get(reason, 0) for (_, each), counts in hot.depth(timezone.now()).items() if each == role)


# Who does what


def test_the_page_says_who_works_on_what_since_when_and_at_what_cost(rita, due):
    taken = claiming.claim("tests")
    SpendCounter.objects.create(
        scope="activity",
        scope_key=due[0].ref_id,
        settled_usd=Decimal("0.25"),
        reserved_usd=Decimal("0.5"),
        created_on=timezone.now(),
    )

    row = section(rita.get(PAGE).text, "running")

    assert due[0].title in row
    assert "Copywriter" in row
    assert '<td class="numeric">1</td>' in row
    assert "$0.25" in row
    assert "$0.50 set aside" in row
    assert f"?stop={due[0].ref_id}" in row
    assert taken.activity_id == due[0].id


def test_a_worker_that_stopped_is_told_apart(rita, due):
    claiming.claim("tests")
    ActivityLease.objects.filter(expires_on__isnull=False).update(expires_on=timezone.now() - timedelta(seconds=1))

    assert "Its worker stopped" in section(rita.get(PAGE).text, "running")


def test_a_page_that_polls_gets_the_part_only(rita, due):
    part = rita.get(PAGE, **{"HX-Request": "true"}).text

    assert part.lstrip().startswith('<div id="live"')
    assert 'hx-trigger="every 5s"' in part
    assert "<html" not in part


def test_a_client_without_work_says_so(rita, world):
    page = rita.get("/dm/c/acme-created/agents/").text

    for told in ("No agent is working", "Nothing waits", "Agents of this client"):
        assert told in page


# Why it waits


def test_what_is_ready_is_ready(rita, due):
    assert [reasons()[step.ref_id] for step in due] == ["ready", "ready"]
    assert counted("ready") == 2


def test_the_second_waits_while_the_agent_is_busy(rita, due):
    AgentConfig.objects.filter(agent_role="copywriter").update(max_concurrent=1)
    claiming.claim("tests")

    assert reasons()[due[1].ref_id] == "role_busy"
    assert (counted("running"), counted("role_busy")) == (1, 1)
    assert "The agent is busy" in section(rita.get(PAGE).text, "queue")


@pytest.mark.parametrize(
    ("error", "reason", "label"),
    [
        ("cap_reached: The spending cap is reached.", "cap_reached", "The spending cap is reached"),
        ("overloaded: 529", "back_off", "Tried again later"),
    ],
)
def test_what_was_given_back_says_why(rita, due, error, reason, label):
    taken = claiming.claim("tests")
    at = timezone.now()
    operations.give_back(taken, error=error, spent=Spent(), ready_on=at + timedelta(minutes=9), by=BY, at=at)

    assert reasons()[due[0].ref_id] == reason
    assert counted(reason) == 1
    assert label in section(rita.get(PAGE).text, "queue")


def test_what_is_scheduled_says_for_when(rita, due):
    Activity.objects.filter(pk=due[0].pk).update(ready_on=timezone.now() + timedelta(hours=3))

    assert reasons()[due[0].ref_id] == "scheduled"
    assert "in 3 h" in section(rita.get(PAGE).text, "queue") or "in 2 h" in section(rita.get(PAGE).text, "queue")


def test_a_suspended_clients_work_says_so(rita, sam, due):
    Tenant.objects.filter(slug="acme-topics").update(status="suspended")

    assert set(reasons().values()) == {"client_closed"}
    assert "The client is suspended" in section(rita.get(PAGE).text, "queue")


def test_what_stands_behind_a_persons_turn_names_the_person(rita, acme):
    waiting = [row for row in hot.queued() if hot.why_waiting(row, at=timezone.now()) == "person"]
    page = rita.get("/dm/c/acme-drafts/agents/").text

    # The reviewer's two decisions stand before the client's; no agent is next, so nobody waits for them directly.
    assert waiting == []
    assert "waiting for a person" in page


def test_a_publish_step_waits_for_the_clients_decision(rita, world):
    with world.at("client"):
        assert list(reasons().values()).count("person") == 2
        assert counted("person", role="publisher") == 2
        assert counted("earlier_steps", role="data_analyst") == 2

    assert "Waits for a person" in section(rita.get("/dm/c/acme-client/agents/").text, "queue")


@pytest.mark.parametrize("reached", [True, False])
def test_the_cap_is_shown_with_a_warning_from_eighty_percent_on(rita, due, reached):
    tenant = Tenant.objects.get(slug="acme-topics")
    spent = SpendCounter.objects.filter(scope="tenant").order_by("-month").first()
    cap = (spent.settled_usd if reached else spent.settled_usd / Decimal("0.85")).quantize(
        Decimal("0.0001"), ROUND_DOWN
    )
    Tenant.objects.filter(pk=tenant.pk).update(monthly_spend_cap_usd=cap)

    shown = section(rita.get(PAGE).text, "cap")

    assert ("Cap reached" if reached else "80 % is spent") in shown
    assert ("Cap reached" if reached else "80 % is spent") in section(rita.get("/dm/agents/").text, "clients")


# What failed


def test_a_failure_says_what_happened_and_what_to_do(rita, due):
    taken = claiming.claim("tests")
    operations.fail_attempt(
        taken, error="unauthorised: 401 invalid x-api-key", spent=Spent(), may_repeat=False, by=BY, at=timezone.now()
    )

    told = section(rita.get(PAGE).text, "failed")

    assert "The model service did not accept our key." in told
    assert "A super admin enters a valid key in Manage." in told
    assert f"?retry={due[0].ref_id}" in told


def test_a_failed_step_is_retried_with_a_note(rita, due):
    for move in ("start", "fail"):
        step = ACTIVITY_MOVES.perform(due[0], move, by=BY, at=timezone.now())

    asked = rita.get(PAGE, {"retry": step.ref_id}).text
    path = f"/dm/c/acme-topics/activities/{step.ref_id}/retry/"
    assert f'action="{path}"' in asked
    rita.post(path, {"note": "Shorter, please."})

    step.refresh_from_db()
    assert (step.status, step.revision_note) == ("assigned", "Shorter, please.")


def test_a_step_is_stopped_from_the_page(rita, due):
    claiming.claim("tests")
    asked = rita.get(PAGE, {"stop": due[0].ref_id}).text
    path = f"/dm/c/acme-topics/activities/{due[0].ref_id}/cancel/"

    assert f'action="{path}"' in asked
    rita.post(path)

    due[0].refresh_from_db()
    assert due[0].status == "cancelled"
    assert JournalEntry.objects.filter(code="activity.cancelled", created_by=rita.user).exists()
    assert "there is nothing to do about it here" in rita.get(PAGE, {"stop": due[0].ref_id}).text


@pytest.mark.parametrize("query", ["stop", "retry"])
def test_a_step_of_another_client_cannot_be_named(rita, due, world, query):
    with world.at("rival"):
        other = Activity.objects.filter(assignee_type="agent").first()

    assert rita.get(PAGE, {query: other.ref_id}).status_code == 404
    assert rita.get(PAGE, {query: "x"}).status_code == 404


# Switching an agent


def config() -> AgentConfig:
    return AgentConfig.objects.get(agent_role="copywriter")


def switch(person, state: str):
    return person.post(f"/dm/c/acme-topics/agents/{config().ref_id}/switch/", {"is_enabled": state})


def test_an_agent_that_is_switched_off_begins_nothing_until_it_is_switched_on(rita, due):
    assert switch(rita, "off").status_code == 302
    assert (config().is_enabled, claiming.claim("tests")) == (False, None)
    assert reasons()[due[0].ref_id] == "role_off"
    assert "The agent is switched off" in section(rita.get(PAGE).text, "queue")

    assert switch(rita, "on").status_code == 302
    assert claiming.claim("tests").activity_id == due[0].id
    told = JournalEntry.objects.filter(code="agent_config.edited", created_by=rita.user).order_by("ref_id")
    assert [entry.after for entry in told] == [{"is_enabled": False}, {"is_enabled": True}]


def test_switching_twice_is_once(rita, due):
    switch(rita, "off")
    before = JournalEntry.objects.count()

    assert switch(rita, "off").status_code == 302
    assert JournalEntry.objects.count() == before


@pytest.mark.parametrize("state", ["", "maybe", "True", "on\x00"])
def test_a_switch_has_two_positions(rita, due, state):
    before = standing()

    assert switch(rita, state).status_code == 400
    assert (config().is_enabled, standing()) == (True, before)


def test_an_agent_of_another_client_cannot_be_switched(rita, due, world):
    with world.at("rival"):
        other = config()

    path = f"/dm/c/acme-topics/agents/{other.ref_id}/switch/"
    assert rita.post(path, {"is_enabled": "off"}).status_code == 404
    with world.at("rival"):
        assert config().is_enabled


def test_a_step_whose_agent_was_switched_off_meanwhile_waits_for_it(rita, due, run_world):
    AgentConfig.objects.filter(agent_role="copywriter").update(is_enabled=False)
    taken = claiming.claim("tests")
    assert taken is None  # nobody begins it

    AgentConfig.objects.filter(agent_role="copywriter").update(is_enabled=True)
    taken = claiming.claim("tests")
    AgentConfig.objects.filter(agent_role="copywriter").update(is_enabled=False)
    model_run.run(taken)

    due[0].refresh_from_db()
    assert due[0].status == "assigned"
    assert reasons()[due[0].ref_id] == "role_off"


# Over all clients


def test_a_reviewer_sees_only_their_own_clients(rita, olga, due, world):
    with world.at("rival"):
        other = Activity.objects.filter(assignee_type="agent").first()
    Tenant.objects.filter(slug="rival").update(name="Quite Another Firm")

    mine, nobody = rita.get("/dm/agents/").text, olga.get("/dm/agents/").text

    assert "Acme Topics" in mine
    assert "No client has work for agents" in nobody
    assert due[0].title not in nobody
    assert other.ref_id not in nobody


@pytest.mark.acceptance("PERF-no-n1")
def test_the_page_sends_as_many_statements_for_many_clients_as_for_one(rita, sam, due, django_assert_max_num_queries):
    for person, path in ((rita, PAGE), (rita, "/dm/agents/"), (sam, "/dm/agents/")):
        person.get(path)
        with django_assert_max_num_queries(14) as captured:
            person.get(path)
        assert not [query["sql"] for query in captured if "OFFSET" in query["sql"]]

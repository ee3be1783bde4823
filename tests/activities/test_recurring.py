"""Recurring tasks: values, slots, and the tasks that come of them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from apps.activities import operations, queries, registry
from apps.activities.models import Activity, AgentConfig, RecurringTaskTemplate
from apps.activities.operations import RecurringSettings
from apps.shared.actors import Actor
from apps.shared.edits import EditedMeanwhile
from apps.shared.errors import InvalidInput, NotAllowed
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant, tenant_scope
from apps.strategy.models import OnboardingRun, Strategy
from apps.tenants.models import Tenant
from tests.world import make_client

BEAT = Actor.system("activities.spawn_recurring")
MADE = datetime(2025, 1, 1, tzinfo=UTC)  # when the templates of these tests were made, and the contract accepted
CITY = {"key": "city", "label": "City", "type": "text", "required": True}
STREET = {"key": "street", "label": "Street", "type": "text", "required": False}


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


def long_open(tenant: Tenant) -> Tenant:
    """As if the client had been there for years, with no recurring tasks of its own making."""
    Tenant.objects.filter(pk=tenant.pk).update(contract_accepted_on=MADE, timezone="UTC")
    RecurringTaskTemplate.objects.filter(tenant=tenant).update(is_active=False)
    tenant.refresh_from_db()
    return tenant


def a_template(tenant: Tenant, **changes) -> RecurringTaskTemplate:
    values = {
        "name": "Look at the listing",
        "assignee_type": "human",
        "human_role": "reviewer",
        "periodicity": "daily",
        "trigger": "cron",
        "cron_expression": "0 9 * * *",
        "prompt_template": "Look at it.",
        "variable_values": {},
        "created_on": MADE,
    }
    return RecurringTaskTemplate.objects.create(tenant=tenant, **{**values, **changes})


@pytest.fixture
def client(world):
    with world.at("live") as tenant:
        yield long_open(tenant)


@pytest.fixture
def alice(world):
    return world.alice("live")


def beat(tenant: Tenant, at: datetime) -> int:
    return operations.spawn_due(Tenant.objects.get(pk=tenant.pk).facts, by=BEAT, at=at)


def tasks_of(template: RecurringTaskTemplate) -> list[Activity]:
    return list(Activity.objects.filter(input_data__template=template.ref_id).order_by("ref_id"))


def slots_of(template: RecurringTaskTemplate) -> list[str]:
    return [task.input_data["slot"] for task in tasks_of(template)]


@pytest.fixture
def codes():
    known = set(JournalEntry.objects.values_list("pk", flat=True))

    def written() -> list[str]:
        return list(JournalEntry.objects.exclude(pk__in=known).order_by("ref_id").values_list("code", flat=True))

    return written


# Slots


@pytest.mark.acceptance("FLOW-recurring-spawn", "CRON-recurring")
def test_a_slot_becomes_one_task_however_often_the_beat_looks(client, codes, rita):
    template = a_template(client)

    made = [beat(client, utc(2025, 5, 6, 9, minute)) for minute in (0, 0, 1, 30)]

    (task,) = tasks_of(template)
    assert made == [1, 0, 0, 0]
    assert (task.origin_key, task.title) == (f"slot:{template.ref_id}/2025-05-06T09:00:00Z", "Look at the listing")
    assert (task.status, task.assignee_user, task.due_date.isoformat()) == ("assigned", rita.user, "2025-05-06")
    assert codes() == ["task.spawned", "activity.readied"]


def test_of_missed_slots_only_the_latest_is_made_up_and_the_task_says_so(client):
    template = a_template(client)
    beat(client, utc(2025, 5, 1, 9))

    beat(client, utc(2025, 5, 6, 8))

    assert slots_of(template) == ["2025-05-01T09:00:00Z", "2025-05-05T09:00:00Z"]
    assert tasks_of(template)[1].input_data["notes"] == ["3 earlier ones were missed and left out; this is the latest."]


def test_a_clock_that_is_set_back_brings_nothing_twice(client):
    template = a_template(client)
    made = [beat(client, utc(2025, 5, day, 9)) for day in range(1, 7)]

    again = [beat(client, utc(2025, 5, day, hour)) for day, hour in ((6, 8), (5, 9), (3, 9), (1, 9), (6, 9))]

    assert (made, again) == ([1] * 6, [0] * 5)
    assert beat(client, utc(2025, 5, 7, 9)) == 1
    assert slots_of(template) == [f"2025-05-0{day}T09:00:00Z" for day in range(1, 8)]


def test_a_beat_whose_clock_is_minutes_behind_brings_nothing_that_another_left_out(client):
    template = a_template(client)
    beat(client, utc(2025, 5, 1, 9))
    beat(client, utc(2025, 5, 6, 9))

    assert beat(client, utc(2025, 5, 6, 8, 55)) == 0
    assert slots_of(template) == ["2025-05-01T09:00:00Z", "2025-05-06T09:00:00Z"]


@pytest.mark.parametrize("days_ahead", [1, 40])
def test_a_clock_that_was_ahead_holds_nothing_back_and_brings_nothing_twice(client, days_ahead):
    template, first = a_template(client, cron_expression="*/15 9 * * *"), utc(2025, 5, 1, 9)
    beat(client, first)
    beat(client, first + timedelta(days=days_ahead))

    days = [first + timedelta(days=day) for day in (*range(3), days_ahead - 1, days_ahead, days_ahead + 1)]
    slots = {day + timedelta(minutes=quarter) for day in days for quarter in (0, 15, 30, 45)}
    for slot in sorted(slots):
        beat(client, slot)

    assert sorted(slots_of(template)) == [slot.strftime(queries.SLOT_FORMAT) for slot in sorted(slots)]


def test_a_deleted_task_does_not_come_again(client):
    template = a_template(client)
    beat(client, utc(2025, 5, 6, 9))
    Activity.objects.filter(input_data__template=template.ref_id).update(deleted_on=utc(2025, 5, 6, 10))

    assert beat(client, utc(2025, 5, 6, 11)) == 0


def test_the_time_of_day_is_the_clients(client):
    Tenant.objects.filter(pk=client.pk).update(timezone="America/New_York")
    template = a_template(client, cron_expression="30 2 * * *")

    beat(client, utc(2025, 3, 8, 8))
    assert beat(client, utc(2025, 3, 9, 6, 59)) == 0
    assert beat(client, utc(2025, 3, 9, 7)) == 1  # the clocks jump over half past two
    beat(client, utc(2025, 11, 2, 7, 30))
    assert beat(client, utc(2025, 11, 2, 8, 30)) == 0

    assert slots_of(template)[-1] == "2025-11-02T07:30:00Z"
    assert tasks_of(template)[-1].due_date.isoformat() == "2025-11-02"


EVENT = {"trigger": "on_onboarding", "cron_expression": None}  # which happened on 31 January at nine in Kolkata


@pytest.mark.acceptance("FLOW-recurring-spawn")
@pytest.mark.parametrize(
    ("settings", "zones", "made", "not_again", "next_one"),
    [
        (
            {"periodicity": "monthly", "cron_expression": "0 9 1 * *"},
            ("Asia/Kolkata", "America/New_York"),
            utc(2025, 12, 1, 3, 30), utc(2025, 12, 1, 14), utc(2026, 1, 1, 14),
        ),
        (
            {"periodicity": "monthly", "cron_expression": "0 9 1 * *"},
            ("America/New_York", "Asia/Kolkata"),
            utc(2025, 12, 1, 14), utc(2025, 12, 2, 14), utc(2026, 1, 1, 3, 30),
        ),
        (  # in New York it happened on 30 January, and a month later is half past ten in the evening of 28 February
            {"periodicity": "monthly", **EVENT},
            ("Asia/Kolkata", "America/New_York"),
            utc(2025, 2, 28, 3, 30), utc(2025, 3, 1, 3, 30), utc(2025, 3, 31, 2, 30),
        ),
        (  # whose clocks were put forward meanwhile, and those of Kolkata were not
            {"periodicity": "weekly", **EVENT},
            ("America/New_York", "Asia/Kolkata"),
            utc(2025, 5, 9, 2, 30), utc(2025, 5, 9, 3, 30), utc(2025, 5, 16, 3, 30),
        ),
    ],
)  # fmt: skip
def test_a_client_that_moves_to_another_zone_gets_nothing_twice(client, settings, zones, made, not_again, next_one):
    OnboardingRun.objects.update(reviewed_on=utc(2025, 1, 31, 3, 30))
    template = a_template(client, **settings)
    Tenant.objects.filter(pk=client.pk).update(timezone=zones[0])
    assert beat(client, made) == 1

    Tenant.objects.filter(pk=client.pk).update(timezone=zones[1])

    assert [beat(client, at) for at in (made + timedelta(minutes=20), not_again, next_one)] == [0, 0, 1]
    assert slots_of(template) == [moment.strftime(queries.SLOT_FORMAT) for moment in (made, next_one)]


def test_slots_before_the_template_and_before_the_contract_do_not_count(client):
    late = a_template(client, created_on=utc(2025, 5, 6, 10))
    Tenant.objects.filter(pk=client.pk).update(contract_accepted_on=utc(2025, 5, 8, 10))

    assert [beat(client, utc(2025, 5, day, 12)) for day in (6, 7, 8)] == [0, 0, 0]
    assert beat(client, utc(2025, 5, 9, 9)) == 1
    assert slots_of(late) == ["2025-05-09T09:00:00Z"]


@pytest.mark.parametrize("change", [{"status": "suspended"}, {"status": "cancelled"}, {"contract_accepted_on": None}])
def test_a_client_that_is_not_open_gets_no_tasks(client, codes, change):
    template = a_template(client)
    Tenant.objects.filter(pk=client.pk).update(**change)

    assert beat(client, utc(2025, 5, 6, 9)) == 0
    with pytest.raises(operations.ClientClosed):
        operations.spawn_now(template, by=BEAT, at=utc(2025, 5, 6, 9))
    assert (tasks_of(template), codes()) == ([], [])


def test_a_template_that_is_switched_off_makes_nothing_and_nothing_for_that_time_when_it_is_on_again(client, rita):
    template = a_template(client, is_active=False)

    assert beat(client, utc(2025, 5, 6, 9)) == 0
    with pytest.raises(operations.SwitchedOff):
        operations.spawn_now(template, by=rita.actor, at=utc(2025, 5, 6, 9))
    operations.edit_recurring_task(
        template,
        replace(RecurringSettings.of(template), is_active=True),
        by=rita.actor,
        at=utc(2025, 5, 6, 10),
        seen_on=None,
    )
    assert beat(client, utc(2025, 5, 6, 11)) == 0
    assert beat(client, utc(2025, 5, 7, 9)) == 1


@pytest.mark.acceptance("FLOW-recurring-spawn")
@pytest.mark.parametrize("trigger", ["on_onboarding", "on_strategy_approval"])
def test_what_waits_for_an_event_comes_once_when_it_has_happened(client, trigger):
    OnboardingRun.objects.update(reviewed_on=None)
    Strategy.objects.update(approved_on=None)
    template = a_template(client, trigger=trigger, periodicity="one_time", cron_expression=None)

    assert beat(client, utc(2025, 5, 6)) == 0
    OnboardingRun.objects.update(reviewed_on=utc(2025, 5, 6, 10, 0, 7).replace(microsecond=123_456))
    Strategy.objects.update(approved_on=utc(2025, 5, 6, 10, 0, 7).replace(microsecond=123_456))

    assert [beat(client, utc(2025, 5, day, 11)) for day in (6, 7, 30)] == [1, 0, 0]
    assert slots_of(template) == ["2025-05-06T10:00:08Z"]


def test_what_recurs_from_an_event_comes_again_on_the_last_day_of_shorter_months(client):
    OnboardingRun.objects.update(reviewed_on=utc(2025, 1, 31, 10, 0, 7).replace(microsecond=5))
    template = a_template(client, trigger="on_onboarding", periodicity="monthly", cron_expression=None)

    for day in range(119):
        beat(client, utc(2025, 1, 31, 12) + timedelta(days=day))

    assert [slot[:10] for slot in slots_of(template)] == ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]


@pytest.mark.acceptance("CRON-recurring")
def test_several_beats_at_once_make_a_slot_once(own_database, running_sandbox):
    with every_tenant(reason="the test prepares a client"):
        tenant = long_open(Tenant.objects.get(slug="acme-live"))
        templates = [a_template(tenant, name=f"Task {number}") for number in range(4)]
    runners = 4
    barrier = threading.Barrier(runners)

    def look(_) -> list[int]:
        try:
            made = []
            with tenant_scope(tenant.facts):
                for day in range(1, 11):
                    barrier.wait()
                    made.append(beat(tenant, utc(2025, 5, day, 9)))
            return made
        finally:
            connections.close_all()

    with ThreadPoolExecutor(runners) as pool:
        made = list(pool.map(look, range(runners)))

    with tenant_scope(tenant.facts):
        days = [f"2025-05-{day:02}T09:00:00Z" for day in range(1, 11)]
        assert [slots_of(template) for template in templates] == [days] * len(templates)
    assert [sum(of_a_day) for of_a_day in zip(*made, strict=True)] == [len(templates)] * 10


# Values


@pytest.fixture
def waiting(client) -> RecurringTaskTemplate:
    return a_template(
        client, prompt_template="Go to {{street}} in {{city}}, and to {{city}} again.", variables=[CITY, STREET]
    )


@pytest.mark.acceptance("FLOW-recurring-fill", "MISC-checklist")
def test_a_required_value_that_is_missing_blocks_the_task_and_is_listed_until_it_is_filled_in(client, waiting, alice):
    assert beat(client, utc(2025, 5, 6, 9)) == 0
    with pytest.raises(operations.ValuesMissing, match="Missing: City"):
        operations.spawn_now(waiting, by=alice.actor, at=utc(2025, 5, 6, 9))
    (listed,) = [task for task in queries.recurring_tasks(client.facts, at=utc(2025, 5, 6, 9)) if task.is_waiting]
    assert (listed.template, [variable.key for variable in listed.missing]) == (waiting, ["city"])
    assert listed.obstacles == ["Missing: City."]

    operations.fill_variables(waiting, {"city": " Kochi "}, by=alice.actor, at=utc(2025, 5, 6, 12), seen_on=None)

    (task,) = tasks_of(waiting)  # the slot that waited
    assert task.input_data["slot"] == "2025-05-06T09:00:00Z"
    assert task.input_data["prompt"] == "Go to (not given) in Kochi, and to Kochi again."
    assert not [task for task in queries.recurring_tasks(client.facts, at=utc(2025, 5, 6, 12)) if task.is_waiting]
    assert beat(client, utc(2025, 5, 6, 13)) == 0


def test_the_journal_says_that_values_were_set_and_not_what_they_are(client, waiting, alice):
    operations.fill_variables(waiting, {"city": "Kochi"}, by=alice.actor, at=utc(2025, 1, 1, 1), seen_on=None)

    entry = JournalEntry.objects.get(code="recurring_task.filled")
    assert (entry.subject_ref, entry.created_by, entry.after) == (
        waiting.ref_id,
        alice.user,
        {"variable_values": "set"},
    )


@pytest.mark.parametrize(
    "value", ["{{street}}", "{{ street }}", "{{unknown}}", "}}{{street}}{{", "{% debug %}", "{{city}}", r"\1\g<0>"]
)
def test_what_a_value_contains_is_not_expanded_again(client, waiting, alice, value):
    operations.fill_variables(
        waiting, {"city": value, "street": "SECRET"}, by=alice.actor, at=utc(2025, 1, 1, 1), seen_on=None
    )

    beat(client, utc(2025, 5, 6, 9))

    (task,) = tasks_of(waiting)
    assert task.input_data["prompt"] == f"Go to SECRET in {value}, and to {value} again."
    assert task.step.prompt_template == (
        "Go to “street” (see task_values) in “city” (see task_values), and to “city” (see task_values) again."
    )


@pytest.mark.parametrize(
    ("type", "value", "kept"),
    [
        ("text", "a\nb", None),
        ("text", "x" * 501, None),
        ("text", "a\x00b", None),
        ("text", "a\u202eb", None),
        ("text", "   ", None),
        ("long_text", "a\r\nb", "a\nb"),
        ("long_text", "x" * 4_001, None),
        ("number", "12.5", "12.5"),
        ("number", "1e9", None),
        ("number", "NaN", None),
        ("number", "\u0661", None),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "2025-02-29", None),
        ("date", "soon", None),
        ("url", "https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("url", "javascript:alert(1)", None),
        ("url", "example.com", None),
    ],
)
def test_a_value_is_checked_by_the_type_of_its_variable(client, alice, codes, type, value, kept):
    template, at = a_template(client, variables=[{**CITY, "type": type}]), utc(2025, 1, 1, 1)

    if kept is None:
        with pytest.raises(InvalidInput) as refused:
            operations.fill_variables(template, {"city": value}, by=alice.actor, at=at, seen_on=None)
        assert list(refused.value.errors) == ["city"]
    else:
        operations.fill_variables(template, {"city": value}, by=alice.actor, at=at, seen_on=None)

    template.refresh_from_db()
    assert template.variable_values == ({"city": kept} if kept else {})
    assert codes() == (["recurring_task.filled"] if kept else [])


def test_a_value_nobody_asked_for_is_refused_and_nothing_changes(client, waiting, alice, codes):
    with pytest.raises(InvalidInput) as refused:
        operations.fill_variables(
            waiting, {"city": "Kochi", "price": "0"}, by=alice.actor, at=utc(2025, 5, 6), seen_on=None
        )

    waiting.refresh_from_db()
    assert list(refused.value.errors) == ["price"]
    assert (waiting.variable_values, codes()) == ({}, [])


def test_a_text_that_asks_for_an_unknown_key_blocks_its_task_visibly(client):
    template = a_template(client, prompt_template="Go to {{city}}.")

    assert beat(client, utc(2025, 5, 6, 9)) == 0
    assert queries.obstacles(template) == ["The text asks for {{city}}, which nobody defined."]


# Who does it


def test_a_task_of_an_agent_that_cannot_do_it_goes_to_a_person_with_the_reason(client, rita):
    template = a_template(
        client, assignee_type="agent", human_role=None, agent_role="content_repurposer", created_on=utc(2025, 5, 6)
    )

    beat(client, utc(2025, 5, 6, 9))

    (task,) = tasks_of(template)
    assert (task.assignee_type, task.assignee_user, task.assignee_agent_role) == ("human", rita.user, "")
    assert task.input_data["notes"] == [
        "Meant for the agent “content repurposer”, which cannot do tasks of this kind yet: please do it yourself."
    ]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_an_agent_that_takes_tasks_gets_it_while_it_is_switched_on(client, monkeypatch, is_enabled):
    work = registry.AGENTS["data_analyst", ""]
    monkeypatch.setitem(registry.AGENTS, ("data_analyst", registry.TASK), work)
    AgentConfig.objects.filter(agent_role="data_analyst").update(is_enabled=is_enabled)
    template = a_template(
        client, assignee_type="agent", human_role=None, agent_role="data_analyst", created_on=utc(2025, 5, 6)
    )

    beat(client, utc(2025, 5, 6, 9))

    (task,) = tasks_of(template)
    assert (task.assignee_type, task.assignee_agent_role) == (
        ("agent", "data_analyst") if is_enabled else ("human", "")
    )
    assert bool(task.input_data["notes"]) is not is_enabled


def test_a_task_of_the_clients_admin_goes_to_the_admin(client, world):
    template = a_template(client, human_role="admin")

    beat(client, utc(2025, 5, 6, 9))

    assert tasks_of(template)[0].assignee_user == world.alice("live").user


# By hand


def test_a_task_is_made_by_hand_once_until_it_is_finished(client, rita, codes):
    template = a_template(client, trigger="manual", periodicity="yearly", cron_expression=None)
    assert beat(client, utc(2030, 1, 1)) == 0

    task = operations.spawn_now(template, by=rita.actor, at=utc(2025, 5, 6, 9))
    with pytest.raises(operations.TaskStillOpen):
        operations.spawn_now(template, by=rita.actor, at=utc(2025, 5, 6, 10))

    assert (tasks_of(template), task.created_by) == ([task], rita.user)
    assert codes() == ["task.spawned", "activity.readied"]
    operations.finish_task(task, by=rita.actor, at=utc(2025, 5, 7))
    operations.spawn_now(template, by=rita.actor, at=utc(2025, 5, 8))
    assert len(tasks_of(template)) == 2


def test_a_task_made_by_hand_takes_no_slot(client, rita):
    template = a_template(client)
    operations.spawn_now(template, by=rita.actor, at=utc(2025, 5, 6, 8, 59))

    assert beat(client, utc(2025, 5, 6, 9)) == 1


# Editing


@pytest.mark.acceptance("FLOW-recurring-own")
def test_editing_a_global_template_changes_no_copy(world, sam):
    with every_tenant(reason="the test edits a global template"):
        template = RecurringTaskTemplate.objects.get(tenant=None, name="Kick-off call")
        copies = list(RecurringTaskTemplate.objects.filter(source_template=template).order_by("ref_id").values())

        wanted = replace(RecurringSettings.of(template), name="Welcome call", is_active=False)
        operations.edit_recurring_task(template, wanted, by=sam.actor, at=utc(2026, 1, 1), seen_on=None)

        template.refresh_from_db()
        assert (template.name, template.is_active, len(copies) > 5) == ("Welcome call", False, True)
        assert copies == list(
            RecurringTaskTemplate.objects.filter(source_template=template).order_by("ref_id").values()
        )
        for refused in (
            lambda: operations.spawn_now(template, by=sam.actor, at=utc(2026, 1, 1)),
            lambda: operations.fill_variables(template, {}, by=sam.actor, at=utc(2026, 1, 1), seen_on=None),
        ):
            with pytest.raises(NotAllowed):
                refused()


@pytest.mark.acceptance("FLOW-recurring-copy")
def test_a_new_client_gets_every_global_template(db, sandbox, sam, rita):
    cast = make_client("newcomer", "created", sandbox_url=sandbox.url, sam=sam.user, rita=rita.user)

    with every_tenant(reason="the test compares copies with their sources"):
        copies = RecurringTaskTemplate.objects.filter(tenant=cast.tenant).select_related("source_template")
        sources = RecurringTaskTemplate.objects.filter(tenant=None)
        assert {copy.source_template for copy in copies} == set(sources)
        assert len(copies) == len(sources) == 16
        for copy in copies:
            assert RecurringSettings.of(copy) == RecurringSettings.of(copy.source_template)
            assert copy.variable_values == {}


def test_what_was_due_before_an_edit_comes_before_it(client, rita):
    template = a_template(client)

    wanted = replace(RecurringSettings.of(template), cron_expression="0 17 * * *", name="Later")
    operations.edit_recurring_task(template, wanted, by=rita.actor, at=utc(2025, 5, 6, 9, 0, 30), seen_on=None)
    beat(client, utc(2025, 5, 6, 9, 1))
    beat(client, utc(2025, 5, 6, 17))

    assert [(task.title, task.input_data["slot"]) for task in tasks_of(template)] == [
        ("Look at the listing", "2025-05-06T09:00:00Z"),
        ("Later", "2025-05-06T17:00:00Z"),
    ]


def test_an_edit_of_what_somebody_changed_meanwhile_is_refused(client, rita, codes):
    template = a_template(client)
    RecurringTaskTemplate.objects.filter(pk=template.pk).update(updated_on=utc(2025, 5, 6))

    wanted = replace(RecurringSettings.of(template), name="Mine")
    with pytest.raises(EditedMeanwhile):
        operations.edit_recurring_task(template, wanted, by=rita.actor, at=utc(2025, 5, 7, 10), seen_on=None)
    with pytest.raises(EditedMeanwhile):
        operations.fill_variables(template, {}, by=rita.actor, at=utc(2025, 5, 7, 10), seen_on=utc(2025, 5, 5))

    template.refresh_from_db()
    assert (template.name, codes(), tasks_of(template)) == ("Look at the listing", [], [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cron_expression": "* * * * *"}, "cron_expression"),
        ({"cron_expression": None}, "cron_expression"),
        ({"trigger": "manual"}, "cron_expression"),
        ({"prompt_template": "Go to {{city}}."}, "prompt_template"),
        ({"prompt_template": "Go to {{ city }}.", "variables": [CITY]}, "prompt_template"),
        ({"prompt_template": "x" * 10_001}, "prompt_template"),
        ({"variables": [CITY, CITY]}, "prompt_template"),
        ({"variables": [{**CITY, "type": "secret"}]}, "variables"),
        ({"variables": [{**CITY, "more": 1}]}, "variables"),
        ({"variables": {"city": 1}}, "variables"),
        ({"variables": None}, "variables"),
        ({"variables": [{**CITY, "key": "k" * n} for n in range(1, 32)]}, "variables"),
        ({"assignee_type": "agent", "agent_role": "nobody"}, "agent_role"),
        ({"human_role": "member"}, "human_role"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_field_and_change_nothing(client, rita, codes, changes, field):
    template = a_template(client)

    with pytest.raises(InvalidInput) as refused:
        operations.edit_recurring_task(
            template,
            replace(RecurringSettings.of(template), **changes),
            by=rita.actor,
            at=utc(2025, 1, 1, 1),
            seen_on=None,
        )

    assert field in refused.value.errors
    assert RecurringSettings.of(RecurringTaskTemplate.objects.get(pk=template.pk)) == RecurringSettings.of(template)
    assert codes() == []


def test_a_value_goes_with_its_variable(client, waiting, rita):
    operations.fill_variables(
        waiting, {"city": "Kochi", "street": "Bazaar Road"}, by=rita.actor, at=utc(2025, 1, 1, 1), seen_on=None
    )
    waiting.refresh_from_db()

    wanted = replace(RecurringSettings.of(waiting), prompt_template="Go to {{city}}.", variables=[CITY])
    edited = operations.edit_recurring_task(
        waiting, wanted, by=rita.actor, at=utc(2025, 1, 1, 2), seen_on=waiting.updated_on
    )

    assert edited.variable_values == {"city": "Kochi"}

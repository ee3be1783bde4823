"""The tables of config: everything they name exists, and everything that needs a row in them has one."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from apps.activities import registry, seeds
from apps.activities.bodies import AGENT_ROLES
from apps.activities.management.commands.bootstrap import TICKS
from apps.activities.models import Activity, Approval
from apps.activities.statuses import SubjectType
from apps.shared.guards import records
from apps.shared.journal import reactions as wired
from apps.shared.scoping import every_tenant
from apps.tenants.doors.tasks import CONSUMERS
from config import agents, celery, gates, integrity, reactions, schema

SOURCES = {
    path: path.read_text() for folder in ("apps", "config") for path in (settings.BASE_DIR / folder).rglob("*.py")
}


def codes_written() -> set[str]:
    """Every journal code: those of moves, and the literals handed to the functions that journal."""
    found = {move.journal_code for m in records() if m.moves is not None for move in m.moves}
    calls = re.compile(r"(?:journal\.record(?:_batch)?|_save|edit|_edit)\(\s*(?:[\w.]+,\s*)?\"([a-z_]+\.[a-z_]+)\"")
    for text in SOURCES.values():
        found.update(calls.findall(text))
    return found


@pytest.mark.parametrize("code", sorted({*reactions.TOGETHER, *reactions.AFTER, *reactions.RINGS}))
def test_every_reaction_is_to_a_code_that_is_journalled_somewhere(code):
    assert code in codes_written()


@pytest.mark.parametrize(
    "consumer", sorted({*reactions.ALWAYS, *(c for names in reactions.AFTER.values() for c in names)})
)
def test_every_reaction_after_the_commit_names_a_registered_consumer(consumer):
    assert callable(CONSUMERS.get(consumer))


def test_every_consumer_is_used_by_a_reaction():
    used = {*reactions.ALWAYS, *(c for names in reactions.AFTER.values() for c in names)}

    assert set(CONSUMERS) == used


@pytest.mark.parametrize("code", sorted(reactions.TOGETHER))
def test_every_reaction_in_the_transaction_takes_the_subject_the_actor_and_the_moment(code):
    for reaction in reactions.TOGETHER[code]:
        subject, *rest = inspect.signature(reaction).parameters.values()
        assert subject.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert {p.name for p in rest} >= {"by", "at"}


def test_every_bell_that_is_rung_is_hung():
    assert {*reactions.RINGS.values(), "deliveries", "work"} <= set(celery.BELLS)


def test_every_bell_and_every_tick_is_a_task():
    celery.app.loader.import_default_modules()

    assert {*celery.BELLS.values(), *TICKS} <= set(celery.app.tasks)


def test_only_work_stands_in_the_queue_of_work_so_that_no_tick_waits_behind_an_agent():
    route = celery.app.amqp.router.route
    queue_of = {task: route({}, task)["queue"].name for task in {*celery.BELLS.values(), *TICKS}}

    assert {task for task, queue in queue_of.items() if queue != "ticks"} == {"activities.work"}
    assert queue_of["activities.work"] == "work"


def test_a_worker_that_is_told_of_no_queue_hears_all_of_them():
    assert set(celery.app.amqp.queues.consume_from) == {"work", "ticks"}


def test_every_queue_is_heard_in_production_by_a_worker_of_its_own():
    services = yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())["services"]
    heard = [re.findall(r" -Q (\S+)", str(service.get("command"))) for service in services.values()]

    assert sorted(sum(heard, [])) == sorted(celery.app.amqp.queues.consume_from)


def test_start_up_wired_what_config_says():
    assert (wired.together, wired.after, wired.rings) == (reactions.TOGETHER, reactions.AFTER, reactions.RINGS)
    assert registry.GATES == gates.GATES
    assert registry.AGENTS == agents.AGENTS


def test_every_subject_of_a_gate_in_the_world_has_a_row_in_gates(db):
    with every_tenant(reason="the test looks at all gates of the world"):
        asked = set(Approval.objects.values_list("subject_type", flat=True).distinct())
        waiting = {a.subject_type for a in Activity.objects.filter(is_approval_gate=True)} - {""}

    assert asked | waiting <= set(gates.GATES)
    assert {"onboarding_run", "strategy", "blog_request", "blog_post"} <= asked | waiting


def test_gates_are_about_subject_types_there_are_and_their_parts_exist():
    assert set(gates.GATES) <= set(SubjectType.values)
    for gate in gates.GATES.values():
        for part in (gate.load, gate.shown, gate.send_back):
            assert callable(part)


@pytest.mark.parametrize("pipeline", seeds.PIPELINES, ids=lambda p: p.deliverable_type)
def test_every_agent_of_a_seeded_pipeline_knows_its_work(pipeline):
    roles = {step.agent_role for step in pipeline.steps if step.agent_role}
    work = {(step.agent_role, step.creates or "") for step in pipeline.steps if step.agent_role in seeds.AGENT_DEFAULTS}

    assert roles <= AGENT_ROLES
    assert work <= set(agents.AGENTS)
    assert roles - set(agents.SYSTEM_JOBS) - {"publisher"} <= set(seeds.AGENT_DEFAULTS)


def test_lists_of_tables_in_config_name_only_tables_that_exist():
    tables = {m._meta.db_table for m in records()}

    assert tables == set(schema.TABLES) - {"allowed_moves"}
    assert set(schema.LISTED) <= tables
    assert {index.table for index in schema.INDEXES} <= tables


def test_every_column_that_points_to_a_document_is_verified():
    verified = {column.rows._meta.db_table for column in integrity.POINTERS}
    pointing = {m._meta.db_table for m in records() for f in m._meta.local_fields if f.name in POINTER_NAMES}

    assert pointing <= verified


POINTER_NAMES = {"output_ref", "content_ref", "brief_ref", "context_file_id", "skill_ids"}


def test_sources_are_where_this_test_looks():
    assert Path(settings.BASE_DIR / "apps/shared/journal.py") in SOURCES

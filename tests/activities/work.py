"""Work that is due at one client and nowhere else, attempts at it, and threads that start together."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connections, models
from django.utils import timezone

from apps.activities.engine import worker
from apps.activities.models import Activity, ActivityLease, ActivityRun, AgentConfig, Approval
from apps.activities.operations import Claim
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants.models import Tenant, User
from tests.conftest import World
from tests.world import decide_all

OTHERS_WAIT = timedelta(days=1)


@dataclass(frozen=True)
class ModelService:
    """A model service of the rehearsal: how faults and log call it, and what an agent is set to."""

    target: str
    adapter_type: str
    model_id: str
    overload: str  # its fault
    charges: bool = True


CLAUDE = ModelService("anthropic", "claude", "claude-sonnet-4-6", "529")
OPENAI = ModelService("openai", "openai", "gpt-5.4-mini", "503")
OLLAMA = ModelService("ollama", "ollama", "gpt-oss:20b", "503", charges=False)


def set_agent(role: str, service: ModelService) -> None:
    """From the next attempt on the agent of the client in scope works with this service."""
    AgentConfig.objects.filter(agent_role=role).update(adapter_type=service.adapter_type, model_id=service.model_id)


DECIDES = {"topics": "rita@leadmetrics.test", "client": "alice@acme-client.test"}


@contextmanager
def due_at(stage: str) -> Iterator[Tenant]:
    """In the scope of the client at this stage, whose pending decisions are made; nobody else's work is due."""
    tenant = World().tenant(stage)
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned").exclude(tenant=tenant)
        due.update(ready_on=timezone.now() + OTHERS_WAIT)
    decide_all(tenant, User.objects.get(email=DECIDES[stage]))
    with tenant_scope(tenant.facts):
        yield tenant


def steps_of(role: str) -> list[Activity]:
    """The steps of this agent, in the order in which they are claimed."""
    return list(Activity.objects.filter(assignee_agent_role=role).order_by("ready_on", "ref_id"))


def put_off(step: Activity) -> None:
    """Not today."""
    Activity.objects.filter(pk=step.pk).update(ready_on=timezone.now() + OTHERS_WAIT)


def fresh(row):
    """The row as it is now."""
    return type(row).objects.get(pk=row.pk)


def hurry() -> None:
    """All waits of the client in scope are over, but for what was put off."""
    soon = Activity.objects.filter(
        status="assigned", assignee_type="agent", ready_on__lt=timezone.now() + OTHERS_WAIT / 2
    )
    soon.update(ready_on=timezone.now())


def attempt(step: Activity) -> Activity:
    """One worker's attempt at what is due first, which is this step; the step as it is afterwards."""
    before = attempts_of(step)
    assert worker.work(limit=1) == 1
    assert attempts_of(step) == before + 1
    return fresh(step)


def kill_leases() -> None:
    """Whoever holds a lease has stopped renewing it."""
    ActivityLease.objects.filter(expires_on__isnull=False).update(expires_on=timezone.now() - timedelta(seconds=1))


def attempts_of(step: Activity) -> int:
    return ActivityLease.objects.filter(activity=step).values_list("attempt", flat=True).first() or 0


def runs_of(step: Activity) -> list[tuple[int, str, str]]:
    """(attempt, status, how the error begins)"""
    runs = ActivityRun.objects.filter(activity=step).order_by("attempt")
    return [(run.attempt, run.status, run.error.partition(":")[0]) for run in runs]


def claim_of(step: Activity) -> Claim:
    """The claim of the step's latest attempt, whoever holds it."""
    lease = ActivityLease.objects.get(activity=step)
    run = ActivityRun.objects.filter(activity=step, attempt=lease.attempt).first()
    config = AgentConfig.objects.filter(agent_role=step.assignee_agent_role).first()
    return Claim(
        activity_id=step.id,
        tenant_id=step.tenant_id,
        role=step.assignee_agent_role,
        attempt=lease.attempt,
        worker=lease.worker,
        run_id=run.id if run else None,
        adapter_type=config.adapter_type if config else None,
        model_id=config.model_id if config else None,
    )


def pending(role: str = "reviewer") -> list[Approval]:
    return list(Approval.objects.filter(status="pending", required_role=role).order_by("ref_id"))


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Call them in threads that start at the same moment, in the caller's scope; results or exceptions, in order."""
    barrier = threading.Barrier(len(functions))
    answers: list[Any] = [None] * len(functions)

    def call(number: int, function: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            answers[number] = function()
        except Exception as error:
            answers[number] = error
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=[call, number, function])
        for number, function in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


GIVES_UP = """
CREATE SEQUENCE given_up;
CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  IF nextval('given_up') = 1 THEN RAISE deadlock_detected; END IF;  -- a sequence is not rolled back
  RETURN NULL;
END $$;
CREATE TRIGGER gives_up AFTER UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION give_up()
"""


@contextmanager
def a_deadlock_is_lost(at: type[models.Model]) -> Iterator[None]:
    """The first transaction that changes a row of this table is given up by PostgreSQL, with the code of a deadlock it
    lost: of two real ones nobody can say beforehand which is. Needs a database of its own."""
    with connections["migrator"].cursor() as cursor:
        cursor.execute(GIVES_UP.format(table=at._meta.db_table))
        yield
        cursor.execute("SELECT last_value FROM given_up")
        assert cursor.fetchone()[0] > 1, "It was given up and asked again."

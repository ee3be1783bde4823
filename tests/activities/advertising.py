"""A client whose strategy promises one kind of work more, and the way through its pipeline."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from apps import storage
from apps.activities import operations as work
from apps.activities.engine import worker
from apps.activities.models import Activity
from apps.shared.actors import Actor
from apps.strategy.models import Deliverable
from apps.tenants.models import Tenant
from tests.activities.work import due_at, put_off

BY = Actor.system("tests")


@contextmanager
def promised(kind: str, *, platforms: Sequence[str] = (), quantity: int = 1) -> Iterator[Tenant]:
    """In the scope of a client that was promised this; planned, and nothing else is due."""
    with due_at("topics") as tenant:
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        other = Deliverable.objects.select_related("goal").order_by("ref_id").first()
        Deliverable.objects.create(
            goal=other.goal,
            strategy=other.strategy,
            type=kind,
            name=kind.replace("_", " ").capitalize(),
            quantity_per_period=quantity,
            period="monthly",
            platforms=list(platforms),
            created_on=timezone.now(),
        )
        plan(tenant)
        yield tenant


def plan(tenant: Tenant) -> int:
    return work.plan_tenant(tenant.facts, by=BY, at=timezone.now())


def units_of(kind: str) -> list[Activity]:
    units = Activity.objects.filter(parent_activity=None, deliverable__type=kind, input_data__has_key="number")
    return sorted(units.order_by("ref_id"), key=lambda unit: unit.input_data["number"])


def agents_work(*, most: int = 20) -> None:
    """Until no agent has anything to do; waits of work that was sent back are over."""
    soon = timezone.now() + timedelta(hours=1)
    for _ in range(most):
        Activity.objects.filter(assignee_type="agent", status="assigned", ready_on__lt=soon).update(
            ready_on=timezone.now()
        )
        if not worker.work(limit=1):
            return
    raise AssertionError("The agents do not come to rest.")


def text_of(step: Activity) -> str:
    return storage.read_one(storage.ActivityOutput, step.output_ref).text

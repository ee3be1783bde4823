"""A promise of any kind at the client whose articles are live, planned; nothing else is due."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from apps.activities import operations as work
from apps.activities.models import Activity
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant
from apps.strategy.models import Deliverable, Goal
from apps.tenants.models import Tenant
from tests.activities.promises import step_of
from tests.activities.work import OTHERS_WAIT, attempt
from tests.conftest import World

PLANNER = Actor.system("tests")


@contextmanager
def promised(kind: str, *, sandbox_url: str, quantity: int = 1) -> Iterator[list[Activity]]:
    """The units of a new promise of this kind, in the client's scope; its website is that of this rehearsal's port."""
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + OTHERS_WAIT)
    with World().at("live") as tenant:
        Tenant.objects.filter(pk=tenant.pk).update(website=f"{sandbox_url}/site/harbour-coffee/")
        goal = Goal.objects.order_by("priority").first()
        promise = Deliverable.objects.create(
            strategy=goal.strategy,
            goal=goal,
            type=kind,
            name=kind.replace("_", " ").capitalize(),
            quantity_per_period=quantity,
            period="monthly",
            created_on=timezone.now(),
        )
        plan(tenant)
        yield list(Activity.objects.filter(deliverable=promise, parent_activity=None).order_by("ref_id"))


def plan(tenant: Tenant) -> int:
    """Plan the client's month once more; how many units that made."""
    return work.plan_tenant(tenant.facts, by=PLANNER, at=timezone.now())


def do(unit: Activity, key: str) -> Activity:
    """An agent's attempt at this step, which is what is due; the step afterwards."""
    step = step_of(unit, key)
    Activity.objects.filter(pk=step.pk).update(ready_on=timezone.now())
    return attempt(step)


def statuses(unit: Activity) -> dict[str, str]:
    return dict(unit.steps.order_by("ref_id").values_list("pipeline_step", "status"))

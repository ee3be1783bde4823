"""A promise of any kind at one client, planned and worked through with people deciding in between."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from apps import storage
from apps.activities import operations as work
from apps.activities.engine import worker
from apps.activities.models import Activity, Approval
from apps.channels.models import Channel
from apps.shared.actors import Actor
from apps.strategy.models import Deliverable, DeliverablePeriod, Goal, Strategy
from apps.tenants.models import Tenant
from tests.activities.work import due_at, put_off

SYSTEM = Actor.system("tests")
KINDS = {"google_business_profile": "local", "mailchimp": "email", "klaviyo": "email"}


@contextmanager
def client_at_rest() -> Iterator[Tenant]:
    """In the scope of a client with an active strategy, of whom nothing is due."""
    with due_at("topics") as tenant:
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        yield tenant


def connect(platform: str, name: str) -> Channel:
    return Channel.objects.create(
        platform=platform,
        channel_type=KINDS.get(platform, "social"),
        name=name,
        external_id=name,
        created_on=timezone.now(),
    )


def promise(tenant: Tenant, kind: str, *platforms: str, quantity: int = 1) -> DeliverablePeriod:
    """A deliverable of this kind under the active strategy, planned for this month."""
    strategy = Strategy.objects.get(status="active")
    deliverable = Deliverable.objects.create(
        strategy=strategy,
        goal=Goal.objects.filter(strategy=strategy).first(),
        type=kind,
        name=kind.replace("_", " ").capitalize(),
        quantity_per_period=quantity,
        period="monthly",
        platforms=list(platforms),
        created_on=timezone.now(),
    )
    assert work.plan_tenant(tenant.facts, by=SYSTEM, at=timezone.now()) == quantity
    return DeliverablePeriod.objects.get(deliverable=deliverable)


def units_of(period: DeliverablePeriod) -> list[Activity]:
    return list(Activity.objects.filter(deliverable_period=period, parent_activity=None).order_by("ref_id"))


def agents_work() -> None:
    """Until nothing is due; whoever failed meanwhile is not tried again."""
    for _ in range(50):
        if not worker.work(limit=10):
            return
    raise AssertionError("The work does not come to rest.")


def asked(unit: Activity) -> list[Approval]:
    """The decisions that are pending in a unit, in the order of its steps."""
    pending = Approval.objects.filter(activity__parent_activity=unit, status="pending")
    return list(pending.select_related("activity", "activity__parent_activity").order_by("activity__ref_id"))


def the_one_asked(unit: Activity) -> Approval:
    (approval,) = asked(unit)
    return approval


def grant(approval: Approval, person) -> Approval:
    return work.grant_approval(approval, by=person.actor, at=timezone.now(), shown_sha256=approval.content_sha256)


def send_back(approval: Approval, person, note: str) -> Approval:
    return work.refuse_approval(
        approval, by=person.actor, at=timezone.now(), shown_sha256=approval.content_sha256, note=note
    )


def asked_at(unit: Activity, key: str) -> Approval:
    return Approval.objects.get(activity=step_of(unit, key), status="pending")


def decide(unit: Activity, key: str, person, *, note: str = "") -> Approval:
    """The person approves what is asked at this gate, or with a note asks for a change."""
    approval = asked_at(unit, key)
    return send_back(approval, person, note) if note else grant(approval, person)


def answer_at(step: Activity) -> dict:
    """What an agent handed in, where that is JSON."""
    return json.loads(storage.read_one(storage.ActivityOutput, step.output_ref).text)


def standing(unit: Activity) -> dict[str, str]:
    """The status of each step by its key."""
    return dict(unit.steps.order_by("ref_id").values_list("pipeline_step", "status"))


def step_of(unit: Activity, key: str) -> Activity:
    return unit.steps.select_related("parent_activity").get(pipeline_step=key)

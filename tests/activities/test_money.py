"""Work that waits at a spending cap, wakes when it is raised, and the people who hear of it."""

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities.engine.claim import claim
from apps.activities.models import Activity, AgentConfig
from apps.activities.operations import Spent
from apps.billing import operations as billing
from apps.billing.models import SpendCounter
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant
from tests.activities.work import attempt, fresh, runs_of
from tests.billing.test_caps import close, reserve


def set_cap(tenant_id, usd) -> None:
    Tenant.objects.filter(pk=tenant_id).update(monthly_spend_cap_usd=usd)


def spent(step) -> Decimal:
    """This month, to the last digit."""
    return SpendCounter.objects.get(tenant_id=step.tenant_id, scope="tenant").settled_usd


def raise_cap(tenant_id, usd: Decimal, *, by) -> None:
    """As a super admin does in Manage."""
    tenant = Tenant.objects.get(pk=tenant_id)
    facts = {field.name: getattr(tenant, field.name) for field in fields(tenants.ClientFacts)}
    wanted = tenants.ClientFacts(**facts | {"monthly_spend_cap_usd": usd})
    tenants.edit_tenant(tenant, wanted, by=by, at=timezone.now(), seen_on=tenant.updated_on)


def told() -> list[str]:
    """The tasks that caps have raised."""
    raised = Activity.objects.filter(origin_key__startswith="cap").order_by("ref_id")
    return list(raised.values_list("title", flat=True))


@pytest.mark.acceptance("FLOW-spend-cap")
def test_raising_the_cap_lets_the_waiting_work_go_on_at_once(draft, sam):
    set_cap(draft.tenant_id, Decimal(0))
    step = attempt(draft)
    assert step.ready_on > timezone.now() + timedelta(hours=1)
    assert told() == ["This month's model budget of $0.00 is used up"]

    raise_cap(draft.tenant_id, Decimal(50), by=sam.actor)

    assert fresh(step).ready_on <= timezone.now()
    assert JournalEntry.objects.filter(code="work.tried_again").count() == 1
    step = attempt(step)
    assert step.status == "completed"
    assert [status for _, status, _ in runs_of(step)] == ["failed", "completed"]


@pytest.mark.parametrize("cap", ["tenant", "role", "activity"])
def test_a_cap_that_is_raised_while_work_meets_it_lets_the_work_go_on_at_once(draft, sam, cap):
    """The edit finds nothing that waits yet; the work looks once more before it does."""
    config = AgentConfig.objects.get(agent_role="copywriter")
    low = {"role_cap": Decimal("0.0001")} if cap == "role" else {"activity_cap": Decimal("0.0001")}
    if cap == "tenant":
        set_cap(draft.tenant_id, Decimal(0))
    taken, at = claim("worker"), timezone.now()
    with pytest.raises(billing.CapReached) as refused:
        reserve(activity=draft.ref_id, **({} if cap == "tenant" else low))
    assert refused.value.scope == cap

    if cap == "tenant":
        raise_cap(draft.tenant_id, Decimal(50), by=sam.actor)
    assert config.monthly_cap_usd is None and config.max_cost_usd_per_activity > 0
    by = Actor.agent("copywriter")
    work.wait_for_money(taken, reached=refused.value, error="cap_reached: none left", spent=Spent(), by=by, at=at)

    assert (fresh(draft).status, fresh(draft).ready_on, told()) == ("assigned", at, [])
    assert attempt(draft).status == "completed"


def test_a_cap_that_is_still_too_low_lets_it_wait_again_and_tells_of_the_new_one(draft, sam):
    set_cap(draft.tenant_id, Decimal(0))
    attempt(draft)

    raise_cap(draft.tenant_id, Decimal("0.01"), by=sam.actor)
    step = attempt(draft)

    assert step.ready_on > timezone.now() + timedelta(hours=1)
    assert told() == [
        "This month's model budget of $0.00 is used up",
        "This month's model budget of $0.01 is used up",
    ]


def test_many_steps_that_meet_one_cap_raise_one_task(drafts):
    set_cap(drafts[0].tenant_id, Decimal(0))

    for draft in drafts:
        attempt(draft)

    assert len(told()) == 1


def test_another_agents_limit_wakes_nobody(draft, sam):
    AgentConfig.objects.filter(agent_role="copywriter").update(monthly_cap_usd=Decimal("0.0001"))
    step = attempt(draft)
    assert told() == ["The monthly limit of $0.00 of an agent is reached: copywriter"]
    other = AgentConfig.objects.get(agent_role="data_analyst")

    work.go_on_with_money(other, by=sam.actor, at=timezone.now())
    assert fresh(step).ready_on == step.ready_on

    work.go_on_with_money(AgentConfig.objects.get(agent_role="copywriter"), by=sam.actor, at=timezone.now())
    assert fresh(step).ready_on < step.ready_on


def test_what_other_calls_hold_only_for_the_moment_is_waited_for_briefly_and_nobody_is_bothered(draft):
    set_cap(draft.tenant_id, spent(draft) + 5)
    held = reserve(Decimal("4.9999"))

    step = attempt(draft)

    assert step.ready_on - step.updated_on == timedelta(seconds=30)
    assert told() == []
    close(held, "release")
    Activity.objects.filter(pk=step.pk).update(ready_on=timezone.now())
    assert attempt(step).status == "completed"


def test_at_four_fifths_of_the_month_a_reviewer_hears_of_it_once(draft, rita):
    set_cap(draft.tenant_id, Decimal(100))
    Activity.objects.filter(pk=draft.pk).update(ready_on=timezone.now() + timedelta(days=1))

    close(reserve(Decimal(90)), "settle", cost=Decimal("79.999999") - spent(draft))
    assert told() == []
    close(reserve(Decimal(1)), "settle", cost=Decimal("0.000001"))
    close(reserve(Decimal(1)), "settle", cost=Decimal(1))

    assert told() == ["80% of this month's model budget of $100.00 is used"]
    task = Activity.objects.get(origin_key__startswith="cap_warning:")
    assert (task.assignee_user, task.status) == (rita.user, "assigned")
    assert JournalEntry.objects.filter(code="spend.near_cap").count() == 1


def test_the_refusal_says_whose_cap_it_was_and_whether_the_money_is_spent(draft):
    cap, so_far = Decimal(10), spent(draft)
    set_cap(draft.tenant_id, cap)
    held = reserve(Decimal("9.9") - so_far)
    with pytest.raises(billing.CapReached) as refused:
        reserve(Decimal("0.2"))
    assert (refused.value.scope, refused.value.cap_usd, refused.value.is_spent) == ("tenant", cap, False)

    close(held, "settle", cost=Decimal("9.9") - so_far)
    with pytest.raises(billing.CapReached) as refused:
        reserve(Decimal("0.2"))
    assert refused.value.is_spent

    with pytest.raises(billing.CapReached) as refused:
        reserve(Decimal("0.05"), activity_cap=Decimal("0.01"))
    assert refused.value.scope == "activity"

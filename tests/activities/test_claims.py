"""The claim: one worker per activity, rising attempts, limits per agent, turns between clients."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.activities.engine.claim import claim
from apps.activities.models import Activity, ActivityLease, ActivityRun, AgentConfig
from apps.shared.ids import new_id
from apps.shared.scoping import every_tenant
from apps.tenants.models import Tenant
from tests.activities.work import OTHERS_WAIT, fresh, together
from tests.conftest import World

CLAIMERS = 32
MANY = 200


def make_due(tenant: Tenant, count: int, role: str = "data_analyst", **more) -> list[Activity]:
    """So many activities of this agent, ready for a worker."""
    now = timezone.now()
    common = {"assignee_type": "agent", "assignee_agent_role": role, "status": "assigned", "ready_on": now, **more}
    return Activity.objects.bulk_create(
        Activity(id=new_id(), tenant=tenant, title=f"Number {number}", type="audit", created_on=now, **common)
        for number in range(count)
    )


@pytest.fixture
def nothing_due(own_database):
    """Committed rows in a database of one's own, and nothing that anybody could claim yet."""
    with every_tenant(reason="a test looks at the whole queue"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + OTHERS_WAIT)
        yield World()


@pytest.mark.acceptance("activity_leases")
def test_32_claimers_share_200_activities_and_none_gets_one_twice(nothing_due):
    tenant = nothing_due.tenant("live")
    AgentConfig.objects.filter(tenant=tenant).update(max_concurrent=MANY)
    wanted = {activity.id for activity in make_due(tenant, MANY)}

    def claim_all() -> list:
        claims = []
        while taken := claim("thread"):
            claims.append((taken.activity_id, taken.attempt, taken.run_id))
        return claims

    for round in (1, 2):
        claims = [each for claims in together(*[claim_all] * CLAIMERS) for each in claims]

        assert Counter(activity_id for activity_id, _, _ in claims) == Counter(wanted)
        assert {attempt for _, attempt, _ in claims} == {round}
        assert len({run_id for _, _, run_id in claims}) == MANY
        assert set(Activity.objects.filter(id__in=wanted).values_list("status", flat=True)) == {"in_progress"}
        assert ActivityLease.objects.filter(activity_id__in=wanted, expires_on__isnull=False).count() == MANY
        assert ActivityRun.objects.filter(activity_id__in=wanted, attempt=round, status="running").count() == MANY
        ActivityLease.objects.filter(activity_id__in=wanted).update(expires_on=None)
        Activity.objects.filter(id__in=wanted).update(status="assigned")


def test_an_agent_never_works_on_more_than_its_limit_at_once(nothing_due):
    tenant, limit = nothing_due.tenant("live"), 2
    AgentConfig.objects.filter(tenant=tenant).update(max_concurrent=limit)
    make_due(tenant, CLAIMERS * 2)

    for _ in range(10):
        taken = [each for each in together(*[lambda: claim("thread")] * CLAIMERS) if each]

        assert len(taken) == limit
        ActivityLease.objects.filter(activity_id__in=[each.activity_id for each in taken]).update(expires_on=None)


def test_a_client_with_a_thousand_activities_keeps_nobody_waiting(nothing_due):
    busy, other = nothing_due.tenant("live"), nothing_due.tenant("client")
    AgentConfig.objects.update(max_concurrent=MANY)
    make_due(busy, 1_000)
    claimed = [claim("thread").tenant_id for _ in range(3)]
    make_due(other, 2)

    following = [claim("thread").tenant_id for _ in range(4)]

    assert claimed == [busy.id] * 3
    assert following == [other.id, busy.id, other.id, busy.id]


def test_urgent_work_goes_first_then_what_has_been_ready_longest(nothing_due):
    tenant, now = nothing_due.tenant("live"), timezone.now()
    AgentConfig.objects.update(max_concurrent=MANY)
    (late,) = make_due(tenant, 1, ready_on=now - timedelta(minutes=1))
    (early,) = make_due(tenant, 1, ready_on=now - timedelta(minutes=2))
    (low,) = make_due(tenant, 1, ready_on=now - timedelta(minutes=9), priority="low")
    (urgent,) = make_due(tenant, 1, priority="urgent")

    assert [claim("thread").activity_id for _ in range(4)] == [urgent.id, early.id, late.id, low.id]


@pytest.mark.parametrize(
    "hindrance",
    [
        "tenant is suspended",
        "agent is off",
        "not before later",
        "deleted",
        "nobody's role",
        "a person's",
        "limit is nought",
    ],
)
def test_what_may_not_be_worked_on_is_not_claimed(nothing_due, hindrance):
    tenant = nothing_due.tenant("live")
    (activity,) = make_due(tenant, 1)
    rows = Activity.objects.filter(pk=activity.pk)
    match hindrance:
        case "tenant is suspended":
            Tenant.objects.filter(pk=tenant.pk).update(status="suspended")
        case "agent is off":
            AgentConfig.objects.filter(tenant=tenant).update(is_enabled=False)
        case "not before later":
            rows.update(ready_on=timezone.now() + timedelta(seconds=30))
        case "deleted":
            rows.update(deleted_on=timezone.now())
        case "nobody's role":
            rows.update(assignee_agent_role="content_repurposer")
        case "a person's":
            rows.update(assignee_type="human")
        case "limit is nought":
            AgentConfig.objects.filter(tenant=tenant).update(max_concurrent=0)

    assert claim("thread") is None

    if hindrance != "deleted":
        assert fresh(activity).status == "assigned"
    assert not ActivityLease.objects.filter(activity_id=activity.id).exists()

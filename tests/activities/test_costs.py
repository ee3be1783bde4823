"""Costs by day: equal to the calls, in the client's own days, however often and however late they are counted."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from django.utils import timezone

from apps.activities import integrity, operations, tasks
from apps.activities.models import ActivityRun, LlmCall, LlmCostDaily
from apps.shared.scoping import tenant_scope
from apps.tenants.doors.tasks import deliver
from apps.tenants.models import Tenant
from tests.activities.tables import refused
from tests.activities.work import together
from tests.conftest import World

FIGURES = ("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")
ROLE = "tests"  # of calls made here
TODAY = datetime(2031, 5, 20, 9, 0, tzinfo=UTC)


def a_call(began: datetime, cost: str = "0.01") -> LlmCall:
    return LlmCall.objects.create(
        activity_run=ActivityRun.objects.first(),
        adapter_type="claude",
        model_id="claude-sonnet-4-6",
        prompt_hash="0" * 64,
        response_hash="1" * 64,
        input_tokens=1_000,
        cached_input_tokens=200,
        output_tokens=50,
        cost_usd=Decimal(cost),
        duration_ms=900,
        input_usd_per_million=3,
        output_usd_per_million=15,
        agent_role=ROLE,
        created_on=began,
    )


def days() -> list[tuple[date, int, Decimal]]:
    return list(LlmCostDaily.objects.filter(agent_role=ROLE).order_by("day").values_list("day", "calls", "cost_usd"))


@pytest.mark.acceptance("llm_cost_daily")
@pytest.mark.acceptance("MISC-llm-rollup")
@pytest.mark.parametrize("stage", ["context", "live", "rival"])
def test_the_days_add_up_to_the_calls_of_each_client(world, stage):
    with world.at(stage):
        sums = {name: Sum(name) for name in FIGURES}
        calls, held = LlmCall.objects.aggregate(**sums), LlmCostDaily.objects.aggregate(**sums)

        assert held == calls
        assert LlmCostDaily.objects.aggregate(all=Sum("calls"))["all"] == LlmCall.objects.count() > 0


@pytest.mark.acceptance("MISC-llm-rollup")
def test_counting_again_writes_nothing(acme):
    a_call(TODAY)
    first = operations.catch_up_costs(acme.facts, at=TODAY)
    rows = list(LlmCostDaily.objects.order_by("ref_id").values())

    again = operations.catch_up_costs(acme.facts, at=TODAY + timedelta(hours=1))

    assert (first, again) == (1, 0)
    assert list(LlmCostDaily.objects.order_by("ref_id").values()) == rows
    assert (rows[-1]["input_tokens"], rows[-1]["cached_input_tokens"], rows[-1]["output_tokens"]) == (1_000, 200, 50)


@pytest.mark.acceptance("llm_cost_daily")
def test_a_day_begins_at_midnight_of_the_client(acme):
    assert acme.timezone == "Asia/Kolkata"  # five and a half hours ahead
    a_call(datetime(2031, 5, 19, 18, 29, 59, tzinfo=UTC), "0.01")
    a_call(datetime(2031, 5, 19, 18, 30, tzinfo=UTC), "0.02")

    operations.roll_up_costs(acme.facts, first=date(2031, 5, 20), last=date(2031, 5, 20), at=TODAY)
    one_day = days()
    operations.roll_up_costs(acme.facts, first=date(2031, 5, 19), last=date(2031, 5, 20), at=TODAY)

    assert one_day == [(date(2031, 5, 20), 1, Decimal("0.02"))]
    assert days() == [(date(2031, 5, 19), 1, Decimal("0.01")), *one_day]


@pytest.mark.acceptance("MISC-llm-rollup")
def test_late_calls_and_days_without_a_round_are_caught_up_with(acme):
    a_call(TODAY)
    operations.catch_up_costs(acme.facts, at=TODAY)
    a_call(TODAY - timedelta(days=1), "0.04")  # began yesterday, ended only now
    operations.catch_up_costs(acme.facts, at=TODAY)
    before = days()
    a_call(TODAY + timedelta(days=2))
    a_call(TODAY + timedelta(days=5))

    operations.catch_up_costs(acme.facts, at=TODAY + timedelta(days=5, hours=1))

    assert before == [(date(2031, 5, 19), 1, Decimal("0.04")), (date(2031, 5, 20), 1, Decimal("0.01"))]
    assert days() == [*before, (date(2031, 5, 22), 1, Decimal("0.01")), (date(2031, 5, 25), 1, Decimal("0.01"))]


@pytest.mark.acceptance("llm_cost_daily")
def test_a_changed_time_zone_moves_calls_to_their_new_days(acme, sam):
    operations.catch_up_costs(acme.facts, at=TODAY)
    a_call(datetime(2031, 5, 19, 20, 0, tzinfo=UTC))
    operations.catch_up_costs(acme.facts, at=TODAY)
    before = days()
    Tenant.objects.filter(pk=acme.pk).update(timezone="America/New_York")
    acme.refresh_from_db()

    with tenant_scope(acme.facts):
        operations.catch_up_costs(acme.facts, at=TODAY, from_the_start=True)

        assert before == [(date(2031, 5, 20), 1, Decimal("0.01"))]
        assert days() == [(date(2031, 5, 19), 1, Decimal("0.01")), (date(2031, 5, 20), 0, Decimal(0))]
        assert drift(acme) == []


def test_editing_the_time_zone_has_the_days_counted_again(sam, acme):
    a_call(timezone.now() - timedelta(days=9))
    operations.catch_up_costs(acme.facts, at=timezone.now(), from_the_start=True)
    begun = LlmCall.objects.get(agent_role=ROLE).created_on
    page = f"/manage/tenants/tenant/{acme.ref_id}/edit/"
    form = {field.name: field.value() for field in sam.get(page).context["form"]}
    form = {name: value for name, value in form.items() if value not in (None, False)}
    zone = "Pacific/Kiritimati" if begun.hour >= 10 else "Pacific/Pago_Pago"  # where that moment is another day

    assert sam.post(page, {**form, "timezone": zone}).status_code == 302
    deliver()

    moved = begun.astimezone(ZoneInfo(zone)).date()
    assert [(day, calls) for day, calls, _ in days() if calls] == [(moved, 1)]


def test_rounds_at_once_agree_with_the_calls(own_database):
    with World().at("drafts") as tenant:
        a_call(TODAY)

        written = together(*[lambda: operations.catch_up_costs(tenant.facts, at=TODAY)] * 6)

        assert sorted(written) == [0, 0, 0, 0, 0, 1]
        assert days() == [(date(2031, 5, 20), 1, Decimal("0.01"))]


def test_the_tick_visits_every_client_suspended_ones_too(world):
    Tenant.objects.filter(slug="rival").update(status="suspended")
    for stage in ("drafts", "rival"):
        with world.at(stage):
            a_call(timezone.now())

    assert tasks.roll_up_costs() == 2
    assert tasks.roll_up_costs() == 0


def drift(tenant: Tenant) -> list[str]:
    found = integrity.of_tenant(tenant.facts, at=timezone.now())
    return [finding.detail for finding in found if finding.table == "llm_cost_daily"]


@pytest.mark.acceptance("MISC-llm-rollup")
def test_a_day_that_is_over_and_does_not_equal_its_calls_is_found(acme):
    now = timezone.now()
    a_call(now)
    not_over_yet = drift(acme)
    a_call(now - timedelta(days=3), "0.25")
    uncounted = drift(acme)
    operations.catch_up_costs(acme.facts, at=now, from_the_start=True)
    counted = drift(acme)
    LlmCostDaily.objects.filter(agent_role=ROLE, cost_usd="0.25").update(cost_usd="0.24")

    assert (not_over_yet, counted) == ([], [])
    assert [text.partition(": ")[2] for text in uncounted] == ["0 calls for 0, there were 1 for 0.250000"]
    assert [text.partition(": ")[2] for text in drift(acme)] == ["1 calls for 0.240000, there were 1 for 0.250000"]


@pytest.mark.acceptance("llm_cost_daily")
def test_a_day_has_one_row_per_role_and_model_and_no_negative_figure(acme):
    row = LlmCostDaily.objects.order_by("ref_id").values().first()
    copy = {name: value for name, value in row.items() if name not in ("id", "ref_id")}

    with refused() as twice:
        LlmCostDaily.objects.create(**copy)
    with refused() as fewer:
        LlmCostDaily.objects.create(**(copy | {"day": date(2031, 1, 1), "calls": -1}))
    with refused() as cheaper:
        LlmCostDaily.objects.create(**(copy | {"day": date(2031, 1, 1), "cost_usd": Decimal("-0.000001")}))

    assert (twice.by, fewer.by, cheaper.by) == (
        "uniq_llm_cost_daily_day",
        "llm_cost_daily_counts_not_negative",
        "llm_cost_daily_cost_in_range",
    )

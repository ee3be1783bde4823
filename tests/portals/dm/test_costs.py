"""What a client's work costs: the page agrees with the ledger, month by month, and shows nobody else's money."""

from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from apps.activities import spending
from apps.activities.models import Activity, ActivityRun, LlmCall
from apps.billing.models import SpendCounter
from apps.billing.operations import month_of
from apps.billing.worth import worth_of_unit_usd
from apps.tenants.models import Tenant
from tests.billing.test_caps import close, reserve

PAGE = "/dm/c/acme-live/costs/"


@pytest.fixture
def live(world):
    with world.at("live") as tenant:
        yield tenant


def test_the_page_the_calls_and_the_running_total_agree_to_the_last_digit(rita, live):
    month = month_of(timezone.now(), live.timezone)
    by_agent = spending.spend_by_agent(live.facts, month)
    calls = LlmCall.objects.aggregate(cost=Sum("cost_usd"))["cost"]

    counted = SpendCounter.objects.get(scope="tenant", month=month).settled_usd
    column = Tenant.objects.get(pk=live.pk).current_month_spend_usd
    assert sum(row.cost_usd for row in by_agent) == calls == counted == column
    assert sum(row.calls for row in by_agent) == LlmCall.objects.count()
    assert [row.cost_usd for row in by_agent] == sorted((row.cost_usd for row in by_agent), reverse=True)
    page = rita.get(PAGE).text
    assert f"${calls:,.2f}" in page and "Copywriter" in page and "of $50.00" in page


def test_a_promise_shows_all_its_attempts_and_what_each_unit_came_to(rita, live):
    month = month_of(timezone.now(), live.timezone)
    (promise,) = spending.cost_by_promise(live.facts, month, plan="pro")
    runs = ActivityRun.objects.filter(activity__deliverable__isnull=False).aggregate(cost=Sum("cost_usd"))["cost"]

    assert (promise.completed, promise.promised, promise.cost_usd) == (2, 2, runs)
    assert promise.cost_per_unit_usd == runs / 2
    assert promise.margin_usd == 2 * worth_of_unit_usd("pro", "blog_posts") - runs > 0
    assert "2 of 2" in rita.get(PAGE).text


def test_attempts_that_died_are_in_every_sum(rita, live):
    """Their calls were kept at the estimate; their runs know nothing of it."""
    month = month_of(timezone.now(), live.timezone)
    for has_no_promise in (True, False):
        step = Activity.objects.filter(deliverable_period__isnull=has_no_promise).first()
        close(reserve(Decimal("0.75"), activity=step.ref_id), "keep_at_estimate")
    reserve(Decimal("0.01"), role="data_analyst")  # a call that is under way has cost nothing yet

    (promise,) = spending.cost_by_promise(live.facts, month, plan="pro")
    others = spending.cost_beside_promises(live.facts, month)
    by_agent = spending.spend_by_agent(live.facts, month)

    counted = SpendCounter.objects.get(scope="tenant", month=month).settled_usd
    assert counted > Decimal("1.50") and others
    assert promise.cost_usd + sum(row.cost_usd for row in others) == sum(row.cost_usd for row in by_agent) == counted
    assert promise.margin_usd == 2 * worth_of_unit_usd("pro", "blog_posts") - promise.cost_usd
    assert f"${promise.cost_usd:,.2f}" in rita.get(PAGE).text


@pytest.mark.parametrize(
    ("plan", "kind", "worth"),
    [
        ("pro", "blog_posts", Decimal("599.96") / 85),
        ("pro", "social_posts", Decimal("299.98") / 85),
        ("agency", "landing_pages", Decimal(3) * 49_999 / 250 / 85),
        ("free", "blog_posts", None),
        ("no such plan", "blog_posts", None),
    ],
)
def test_a_unit_is_worth_its_credits_at_the_price_of_the_plan(settings, plan, kind, worth):
    settings.INR_PER_USD = Decimal(85)

    found = worth_of_unit_usd(plan, kind)

    assert found == worth if worth is None else abs(found - worth) < Decimal("1e-9")


def test_another_month_is_its_own_and_an_empty_one_says_so(rita, live):
    page = rita.get(f"{PAGE}?month=2020-02").text

    assert "Costs in February 2020" in page and "No model was asked in this month" in page
    assert "Nothing was promised for this month" in page and "?month=2020-01" in page and "?month=2020-03" in page


@pytest.mark.parametrize(
    "month", ["", "2026", "2026-13", "9999-01", "1999-12", "2026-01-01", "%00", "'", "２０２６-01"]
)
def test_what_is_no_month_is_not_found(rita, live, month):
    assert rita.get(PAGE, {"month": month}).status_code == 404


def test_the_costs_of_one_client_hold_nothing_of_another(rita, live, world):
    before = spending.spend_by_agent(live.facts, month_of(timezone.now(), live.timezone))
    with world.at("created") as other:
        assert spending.spend_by_agent(other.facts, month_of(timezone.now(), other.timezone)) == []
        assert spending.cost_by_promise(other.facts, month_of(timezone.now(), other.timezone), plan="pro") == []
    assert before

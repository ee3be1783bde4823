"""What the tables of ads refuse, whoever writes."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange

from apps.ads.models import AdCampaign, SearchTermReport
from apps.strategy.models import Campaign

from . import rows
from .rows import AT, refused_by

pytestmark = pytest.mark.usefixtures("acme")


@pytest.fixture
def reviewed(rita):
    return {"reviewed_by": rita.user, "reviewed_on": AT}


@pytest.mark.acceptance("IDX-13")
def test_a_campaign_of_a_platform_is_there_once():
    campaign = rows.ad_campaign()

    with refused_by("idx_ad_campaigns_external"):
        rows.ad_campaign(campaign.channel, name="Another name")

    meta = rows.ad_campaign(rows.ads_account("meta_ads"))
    assert set(AdCampaign.objects.all()) == {campaign, meta}


@pytest.mark.acceptance("REL-22")
@pytest.mark.acceptance("ad_campaigns.campaign_id")
def test_a_campaign_may_belong_to_a_planned_one():
    planned = Campaign.objects.create(name="Spring", type="paid_ads", objective="sales", created_on=AT)

    assert rows.ad_campaign(campaign=planned).campaign == planned
    assert rows.ad_campaign(rows.ads_account("meta_ads")).campaign is None


@pytest.mark.acceptance("IDX-32")
def test_a_keyword_is_there_once_in_its_campaign():
    campaign = rows.ad_campaign()
    rows.keyword(campaign)

    with refused_by("uniq_ad_keywords_external"):
        rows.keyword(campaign, text="another text")

    rows.keyword(rows.ad_campaign(campaign.channel, external_campaign_id="c-2"))


@pytest.mark.acceptance("ad_campaign_days")
def test_a_day_of_a_campaign_is_there_once():
    campaign = rows.ad_campaign()
    rows.day(campaign)

    with refused_by("uniq_ad_campaign_days_day"):
        rows.day(campaign, clicks=5)

    rows.day(campaign, day=date(2026, 3, 2))


@pytest.mark.acceptance("IDX-32")
def test_a_search_term_is_there_once_in_a_range_of_days():
    term = rows.search_term()
    days = term.report_date_range

    with refused_by("uniq_search_term_reports_term"):
        rows.search_term(
            term.ad_campaign, report_date_range=DateRange(days.lower, days.upper - timedelta(days=1), "[]")
        )

    rows.search_term(term.ad_campaign, report_date_range=DateRange(days.lower, days.upper + timedelta(days=1)))


@pytest.mark.acceptance("search_term_reports.report_date_range")
@pytest.mark.parametrize(
    "days",
    ["empty", "[2026-02-01,2026-02-01)", "[2026-02-01,)", "(,2026-02-01]", "(,)", "[2026-02-01,infinity)"],
)
def test_a_range_has_days_and_two_ends(days):
    campaign = rows.ad_campaign()

    with refused_by("search_term_reports_range_has_days"):
        rows.search_term(campaign, report_date_range=days)

    assert not SearchTermReport.objects.exists()


@pytest.mark.acceptance("search_term_reports.report_date_range")
def test_a_range_comes_back_as_days():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT upper(report_date_range) - lower(report_date_range) FROM search_term_reports WHERE id = %s",
            [rows.search_term().pk],
        )
        assert cursor.fetchone() == (28,)


@pytest.mark.parametrize(
    ("make", "column", "constraint"),
    [
        (rows.ad_campaign, "budget_amount", "ad_campaigns_money_not_negative"),
        (rows.ad_campaign, "total_spend", "ad_campaigns_money_not_negative"),
        (rows.keyword, "bid_amount", "ad_keywords_bid_not_negative"),
        (rows.day, "impressions", "ad_campaign_days_not_negative"),
        (rows.day, "clicks", "ad_campaign_days_not_negative"),
        (rows.day, "conversions", "ad_campaign_days_not_negative"),
        (rows.day, "cost", "ad_campaign_days_not_negative"),
        (rows.search_term, "impressions", "search_term_reports_not_negative"),
        (rows.search_term, "clicks", "search_term_reports_not_negative"),
        (rows.search_term, "conversions", "search_term_reports_not_negative"),
        (rows.search_term, "cost", "search_term_reports_not_negative"),
        (rows.search_term, "ctr", "search_term_reports_not_negative"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_counts_and_money_are_not_negative(make, column, constraint):
    with refused_by(constraint):
        make(**{column: -1})


@pytest.mark.parametrize("make", [rows.classification, rows.recommendation])
@pytest.mark.parametrize("status", ["approved", "rejected"])
def test_nothing_is_decided_without_a_person(make, status, rita, reviewed):
    prefix = "search_term_classifications" if make is rows.classification else "ad_recommendations"

    for known in ({}, {"reviewed_by": rita.user}, {"reviewed_on": AT}):
        with refused_by(f"{prefix}_reviewed_by_a_person"):
            make(status=status, **known)
    with refused_by(f"{prefix}_reviewed_by_a_person"):
        make(status="pending_review", **reviewed)

    assert make(status=status, **reviewed).reviewed_by == rita.user


@pytest.mark.acceptance("FLOW-search-terms")
def test_a_verdict_is_pushed_with_moment_and_answer_or_not_at_all(reviewed):
    report = rows.search_term()

    with refused_by("search_term_classifications_pushed_on_with_status"):
        rows.classification(report, status="pushed", push_result={}, **reviewed)
    with refused_by("search_term_classifications_pushed_on_with_status"):
        rows.classification(report, status="approved", pushed_on=AT, **reviewed)
    with refused_by("search_term_classifications_pushed_with_answer"):
        rows.classification(report, status="pushed", pushed_on=AT, **reviewed)
    with refused_by("search_term_classifications_reviewed_by_a_person"):
        rows.classification(report, status="pushed", pushed_on=AT, push_result={})

    rows.classification(report, status="pushed", pushed_on=AT, push_result={"row": 1}, **reviewed)


@pytest.mark.acceptance("search_term_classifications.override_classification")
def test_an_override_says_something_else_than_the_agent():
    report = rows.search_term()

    with refused_by("search_term_classifications_override_differs"):
        rows.classification(report, classification="watch", override_classification="watch")

    assert rows.classification(report, classification="watch").override_classification is None
    rows.classification(report, classification="watch", override_classification="skip")


@pytest.mark.acceptance("ad_optimization_recommendations.snooze_until")
def test_exactly_a_snoozed_recommendation_has_an_end_of_its_sleep():
    campaign = rows.ad_campaign()

    with refused_by("ad_recommendations_snoozed_until"):
        rows.recommendation(campaign, status="snoozed")
    with refused_by("ad_recommendations_snoozed_until"):
        rows.recommendation(campaign, snooze_until=AT)

    rows.recommendation(campaign, status="snoozed", snooze_until=AT)


@pytest.mark.acceptance("FLOW-ads-recommend")
def test_a_recommendation_is_pushed_or_failed_with_the_platforms_answer(reviewed):
    campaign = rows.ad_campaign()

    with refused_by("ad_recommendations_pushed_with_answer"):
        rows.recommendation(campaign, status="failed", **reviewed)
    with refused_by("ad_recommendations_pushed_with_answer"):
        rows.recommendation(campaign, status="pushed", pushed_on=AT, **reviewed)
    with refused_by("ad_recommendations_pushed_on_with_status"):
        rows.recommendation(campaign, status="failed", pushed_on=AT, push_result={}, **reviewed)

    rows.recommendation(campaign, status="failed", push_result={"error": "BID_TOO_LOW"}, **reviewed)
    rows.recommendation(campaign, status="approved", push_result={"error": "BID_TOO_LOW"}, **reviewed)
    rows.recommendation(campaign, status="pushed", pushed_on=AT, push_result={"id": 7}, **reviewed)


@pytest.mark.parametrize(
    ("make", "column", "value"),
    [
        (rows.ad_campaign, "platform", "meta_ads"),
        (rows.ad_campaign, "external_campaign_id", "c-2"),
        (rows.keyword, "external_keyword_id", "k-2"),
    ],
)
def test_what_a_platform_calls_a_row_stays(make, column, value):
    row = make()

    with refused_by("guard_immutable"):
        type(row).objects.filter(pk=row.pk).update(**{column: value})


def test_large_figures_fit():
    assert rows.ad_campaign(total_spend=Decimal("9999999999.99"), budget_amount=None).total_spend

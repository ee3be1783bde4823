"""Rows of an ads account, as PostgreSQL takes them, for tests that change one thing about them."""

from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from apps.activities.models import Activity
from apps.ads.models import (
    AdCampaign,
    AdCampaignDay,
    AdKeyword,
    AdOptimizationRecommendation,
    SearchTermClassification,
    SearchTermReport,
)
from apps.channels.models import Channel

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@contextmanager
def refused_by(constraint: str):
    """What happens inside is refused by PostgreSQL, by this constraint, and leaves nothing behind."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        yield
    assert refused.value.__cause__.diag.constraint_name == constraint


def ads_account(platform: str = "google_ads", **changes) -> Channel:
    values = {"platform": platform, "channel_type": "ads", "name": "Ads", "external_id": platform, "created_on": AT}
    return Channel.objects.create(**{**values, **changes})


def ad_campaign(channel: Channel | None = None, **changes) -> AdCampaign:
    channel = channel or ads_account()
    values = {
        "channel": channel,
        "platform": channel.platform,
        "external_campaign_id": "c-1",
        "name": "Brand",
        "budget_amount": Decimal("40.00"),
        "budget_currency": "INR",
        "last_synced_on": AT,
        "created_on": AT,
    }
    return AdCampaign.objects.create(**{**values, **changes})


def day(campaign: AdCampaign | None = None, **changes) -> AdCampaignDay:
    values = {
        "ad_campaign": campaign or ad_campaign(),
        "day": date(2026, 3, 1),
        "impressions": 100,
        "clicks": 4,
        "conversions": Decimal("0.5"),
        "cost": Decimal("12.5000"),
        "currency": "INR",
        "created_on": AT,
    }
    return AdCampaignDay.objects.create(**{**values, **changes})


def keyword(campaign: AdCampaign | None = None, **changes) -> AdKeyword:
    campaign = campaign or ad_campaign()
    values = {
        "channel": campaign.channel,
        "ad_campaign": campaign,
        "external_keyword_id": "k-1",
        "text": "coffee beans",
        "match_type": "exact",
        "last_synced_on": AT,
        "created_on": AT,
    }
    return AdKeyword.objects.create(**{**values, **changes})


def search_term(campaign: AdCampaign | None = None, **changes) -> SearchTermReport:
    campaign = campaign or ad_campaign()
    values = {
        "channel": campaign.channel,
        "ad_campaign": campaign,
        "search_term": "fresh coffee beans",
        "report_date_range": DateRange(date(2026, 2, 1), date(2026, 3, 1)),
        "synced_on": AT,
        "created_on": AT,
    }
    return SearchTermReport.objects.create(**{**values, **changes})


def classification(report: SearchTermReport | None = None, **changes) -> SearchTermClassification:
    values = {
        "search_term_report": report or search_term(),
        "activity": Activity.objects.order_by("pk").first(),
        "classification": "keyword",
        "agent_reasoning": "It sells.",
        "created_on": AT,
    }
    return SearchTermClassification.objects.create(**{**values, **changes})


def recommendation(campaign: AdCampaign | None = None, **changes) -> AdOptimizationRecommendation:
    campaign = campaign or ad_campaign()
    values = {
        "channel": campaign.channel,
        "ad_campaign": campaign,
        "platform": campaign.platform,
        "activity": Activity.objects.order_by("pk").first(),
        "type": "bid_adjustment",
        "title": "Raise the bid by 15 %",
        "change_payload": {"bid": "1.15"},
        "created_on": AT,
    }
    return AdOptimizationRecommendation.objects.create(**{**values, **changes})

"""Answers about what was synced from ads platforms."""

from datetime import date
from typing import Any

from django.db.models import Sum

from .models import AdCampaign, AdCampaignDay, AdKeyword
from .statuses import AdStatus

CAMPAIGNS_TOLD, KEYWORDS_TOLD = 60, 300
FIGURES = ("impressions", "clicks", "conversions", "cost")


def figures_of_month(day: date) -> list[dict[str, Any]]:
    """The campaigns that are not removed, the costliest of this month first, with what they did from its first day to
    this one; JSON facts for an agent. `campaign` is the id on the platform."""
    campaigns = list(
        AdCampaign.objects.exclude(status=AdStatus.REMOVED).order_by("-total_spend", "ref_id")[:CAMPAIGNS_TOLD]
    )
    days = AdCampaignDay.objects.filter(ad_campaign__in=campaigns, day__gte=day.replace(day=1), day__lte=day)
    sums = {row["ad_campaign"]: row for row in days.values("ad_campaign").annotate(**{n: Sum(n) for n in FIGURES})}
    told = [
        {
            "campaign": campaign.external_campaign_id,
            "name": campaign.name,
            "platform": campaign.platform,
            "status": campaign.status,
            "budget": _figure(campaign.budget_amount),
            "currency": campaign.budget_currency,
            **{name: _figure(sums.get(campaign.id, {}).get(name, 0)) for name in FIGURES},
        }
        for campaign in campaigns
    ]
    return sorted(told, key=lambda one: -one["cost"])


def keywords_told() -> list[dict[str, Any]]:
    """Keywords that are not removed, with their latest figures; `keyword` is the id on the platform."""
    rows = AdKeyword.objects.exclude(status=AdStatus.REMOVED).select_related("ad_campaign").order_by("ref_id")
    return [
        {
            "keyword": row.external_keyword_id,
            "campaign": row.ad_campaign.external_campaign_id,
            "text": row.text,
            "match_type": row.match_type,
            "status": row.status,
            "bid": _figure(row.bid_amount),
            **{name: row.performance_snapshot[name] for name in sorted(row.performance_snapshot)},
        }
        for row in rows[:KEYWORDS_TOLD]
    ]


def _figure(value) -> float | None:
    return None if value is None else float(value)

"""Answers about what was synced from ads platforms."""

from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Sum

from .models import AdCampaign, AdCampaignDay, AdKeyword, SearchTermClassification, SearchTermReport
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


def unjudged(campaign: AdCampaign) -> QuerySet[SearchTermReport]:
    """Search terms of the campaign without a verdict, the costliest first."""
    verdicts = SearchTermClassification.objects.filter(search_term_report=OuterRef("pk"))
    return SearchTermReport.objects.filter(~Exists(verdicts), ad_campaign=campaign).order_by("-cost", "ref_id")


def terms_told(ref_ids: list[str]) -> list[dict[str, Any]]:
    """Search terms with their figures, for an agent."""
    rows = SearchTermReport.objects.filter(ref_id__in=ref_ids).order_by("-cost", "ref_id")
    return [
        {
            "term": row.search_term,
            "impressions": row.impressions,
            "clicks": row.clicks,
            "conversions": _figure(row.conversions),
            "cost": _figure(row.cost),
        }
        for row in rows
    ]


def _figure(value) -> float | None:
    return None if value is None else float(value)

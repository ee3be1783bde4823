"""What is synced from Google Ads and Meta Ads, and what agents propose to change there."""

from datetime import date

from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import F, Q

from apps.activities.models import Activity
from apps.channels.models import Channel
from apps.shared.constraints import TenantForeignKey, UserKey, not_negative
from apps.shared.models import Mutable, TenantRecord
from apps.strategy.models import Campaign

from .statuses import (
    AD_CAMPAIGN_MOVES,
    AD_KEYWORD_MOVES,
    CLASSIFICATION_MOVES,
    RECOMMENDATION_MOVES,
    AdsPlatform,
    AdStatus,
    ClassificationStatus,
    MatchType,
    RecommendationPriority,
    RecommendationStatus,
    RecommendationType,
    Verdict,
)

# A range inside it has two ends, and neither is infinity.
REPORTED_BETWEEN = (date(2000, 1, 1), date(2100, 1, 1))


def reviewed_by_a_person(*statuses: str, name: str) -> models.CheckConstraint:
    """Exactly in these statuses somebody has reviewed the row, and it is known who and when."""
    reviewed = Q(status__in=statuses)
    return models.CheckConstraint(
        condition=(reviewed & Q(reviewed_by__isnull=False, reviewed_on__isnull=False))
        | (~reviewed & Q(reviewed_by__isnull=True, reviewed_on__isnull=True)),
        name=name,
    )


def only_in(status: str, field: str, *, name: str) -> models.CheckConstraint:
    """The field is set in this status and in no other."""
    return models.CheckConstraint(
        condition=Q(status=status, **{f"{field}__isnull": False})
        | (~Q(status=status) & Q(**{f"{field}__isnull": True})),
        name=name,
    )


class AdCampaign(TenantRecord, Mutable):
    """A campaign on an ads platform, as the last sync found it."""

    moves = AD_CAMPAIGN_MOVES
    write_once = ("platform", "external_campaign_id")

    channel = TenantForeignKey(Channel)
    campaign = TenantForeignKey(Campaign, null=True, blank=True, help_text="The planned campaign it belongs to.")
    platform = models.CharField(max_length=20, choices=AdsPlatform)
    external_campaign_id = models.CharField(max_length=255)
    name = models.CharField(max_length=500)
    status = models.CharField(max_length=20, choices=AdStatus, default=AdStatus.ACTIVE)
    campaign_type = models.CharField(
        max_length=100, blank=True, help_text="The platform's own word, such as SEARCH or CONVERSIONS."
    )
    budget_amount = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, help_text="Daily or lifetime, as the platform has it."
    )
    budget_currency = models.CharField(max_length=10, blank=True)
    total_spend = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="Over its lifetime, as of the last sync."
    )
    performance_snapshot = models.JSONField(
        default=dict, blank=True, help_text="impressions, clicks, ctr, cpc, conversions, roas, spend."
    )
    last_synced_on = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "ad_campaigns"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "platform", "external_campaign_id"], name="idx_ad_campaigns_external"
            ),
            not_negative("budget_amount", "total_spend", name="ad_campaigns_money_not_negative"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_ad_campaigns_ref")]

    def __str__(self):
        return self.name


class AdCampaignDay(TenantRecord, Mutable):
    """What one ad campaign did and cost on one day."""

    ad_campaign = TenantForeignKey(AdCampaign, db_index=False)
    day = models.DateField(help_text="In the time zone of the ads account.")
    impressions = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    conversions = models.DecimalField(
        max_digits=10, decimal_places=2, default=0, help_text="Platforms share one conversion out among ads."
    )
    cost = models.DecimalField(max_digits=12, decimal_places=4, default=0)
    currency = models.CharField(max_length=3)

    class Meta(TenantRecord.Meta):
        db_table = "ad_campaign_days"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "ad_campaign", "day"], name="uniq_ad_campaign_days_day"),
            not_negative("impressions", "clicks", "conversions", "cost", name="ad_campaign_days_not_negative"),
        ]

    def __str__(self):
        return f"{self.day}: {self.cost} {self.currency}"


class AdKeyword(TenantRecord, Mutable):
    """A keyword of an ad campaign, as the last sync found it."""

    moves = AD_KEYWORD_MOVES
    write_once = ("external_keyword_id",)

    channel = TenantForeignKey(Channel, db_index=False)
    ad_campaign = TenantForeignKey(AdCampaign, db_index=False)
    external_keyword_id = models.CharField(
        max_length=255, help_text="Id of the criterion; it must tell ad groups of one campaign apart."
    )
    text = models.CharField(max_length=500)
    match_type = models.CharField(max_length=20, choices=MatchType)
    status = models.CharField(max_length=20, choices=AdStatus, default=AdStatus.ACTIVE)
    bid_amount = models.DecimalField(
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Bid per click; empty where the platform bids.",
    )
    performance_snapshot = models.JSONField(
        default=dict, blank=True, help_text="impressions, clicks, ctr, cpc, conversions, quality_score."
    )
    last_synced_on = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "ad_keywords"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "ad_campaign", "external_keyword_id"], name="uniq_ad_keywords_external"
            ),
            not_negative("bid_amount", name="ad_keywords_bid_not_negative"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_ad_keywords_ref")]

    def __str__(self):
        return self.text


class SearchTermReport(TenantRecord, Mutable):
    """What people typed before an ad of the campaign was shown, with the figures of a range of days."""

    channel = TenantForeignKey(Channel, db_index=False)
    ad_campaign = TenantForeignKey(AdCampaign, db_index=False)
    search_term = models.CharField(max_length=500)
    impressions = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    conversions = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    cost = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    ctr = models.DecimalField(
        max_digits=6, decimal_places=4, default=0, help_text="Clicks per impression: 0.0312 is 3.12 %."
    )
    report_date_range = DateRangeField()
    synced_on = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "search_term_reports"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "ad_campaign", "search_term", "report_date_range"],
                name="uniq_search_term_reports_term",
            ),
            models.CheckConstraint(
                condition=Q(report_date_range__contained_by=REPORTED_BETWEEN, report_date_range__isempty=False),
                name="search_term_reports_range_has_days",
            ),
            not_negative(
                "impressions", "clicks", "conversions", "cost", "ctr", name="search_term_reports_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_search_term_reports_ref")]

    def __str__(self):
        return self.search_term


class SearchTermClassification(TenantRecord, Mutable):
    """An agent's verdict on a search term; a person accepts or overrides it before anything is pushed."""

    moves = CLASSIFICATION_MOVES
    write_once = ("pushed_on",)

    search_term_report = TenantForeignKey(SearchTermReport)
    activity = TenantForeignKey(Activity, help_text="The classification activity.")
    classification = models.CharField(max_length=20, choices=Verdict)
    recommended_match_type = models.CharField(max_length=20, choices=MatchType, null=True, blank=True)
    agent_reasoning = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=ClassificationStatus, default=ClassificationStatus.PENDING_REVIEW)
    override_classification = models.CharField(
        max_length=20, choices=Verdict, null=True, blank=True, help_text="Empty when the agent's verdict was accepted."
    )
    reviewed_by = UserKey()
    reviewed_on = models.DateTimeField(null=True, blank=True)
    pushed_on = models.DateTimeField(null=True, blank=True)
    push_result = models.JSONField(null=True, blank=True, help_text="The platform's answer.")

    class Meta(TenantRecord.Meta):
        db_table = "search_term_classifications"
        constraints = [
            models.CheckConstraint(
                condition=Q(override_classification__isnull=True) | ~Q(override_classification=F("classification")),
                name="search_term_classifications_override_differs",
            ),
            reviewed_by_a_person(
                "approved", "rejected", "pushed", name="search_term_classifications_reviewed_by_a_person"
            ),
            only_in("pushed", "pushed_on", name="search_term_classifications_pushed_on_with_status"),
            models.CheckConstraint(
                condition=~Q(status="pushed") | Q(push_result__isnull=False),
                name="search_term_classifications_pushed_with_answer",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_term_classifications_ref")]

    def __str__(self):
        return f"{self.get_classification_display()} ({self.get_status_display().lower()})"


class AdOptimizationRecommendation(TenantRecord, Mutable):
    """A change to ads that an agent proposes; a person approves it before it is pushed."""

    moves = RECOMMENDATION_MOVES
    write_once = ("pushed_on",)

    channel = TenantForeignKey(Channel, db_index=False)
    ad_campaign = TenantForeignKey(AdCampaign)
    platform = models.CharField(max_length=20, choices=AdsPlatform)
    activity = TenantForeignKey(Activity, help_text="The recommendation activity.")
    type = models.CharField(max_length=30, choices=RecommendationType)
    title = models.CharField(max_length=500)
    reasoning = models.TextField(blank=True)
    impact_estimate = models.JSONField(
        default=dict, blank=True, help_text="impressions_delta, spend_delta, conv_delta."
    )
    change_payload = models.JSONField(default=dict, help_text="Exactly the call to make.")
    priority = models.CharField(max_length=10, choices=RecommendationPriority, default=RecommendationPriority.MEDIUM)
    status = models.CharField(max_length=20, choices=RecommendationStatus, default=RecommendationStatus.PENDING_REVIEW)
    snooze_until = models.DateTimeField(null=True, blank=True)
    reviewed_by = UserKey()
    reviewed_on = models.DateTimeField(null=True, blank=True)
    pushed_on = models.DateTimeField(null=True, blank=True)
    push_result = models.JSONField(null=True, blank=True, help_text="The platform's answer to the last push.")

    class Meta(TenantRecord.Meta):
        db_table = "ad_optimization_recommendations"
        constraints = [
            only_in("snoozed", "snooze_until", name="ad_recommendations_snoozed_until"),
            reviewed_by_a_person(
                "approved", "rejected", "pushed", "failed", name="ad_recommendations_reviewed_by_a_person"
            ),
            only_in("pushed", "pushed_on", name="ad_recommendations_pushed_on_with_status"),
            models.CheckConstraint(
                condition=~Q(status__in=["pushed", "failed"]) | Q(push_result__isnull=False),
                name="ad_recommendations_pushed_with_answer",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_ad_recommendations_ref")]

    def __str__(self):
        return self.title

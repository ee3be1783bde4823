"""What ads platforms know, what agents say about it, and the moves between the statuses of both."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class AdsPlatform(TextChoices):
    GOOGLE_ADS = "google_ads", "Google Ads"
    META_ADS = "meta_ads", "Meta Ads"


class AdStatus(TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    REMOVED = "removed", "Removed"


class MatchType(TextChoices):
    EXACT = "exact", "Exact"
    PHRASE = "phrase", "Phrase"
    BROAD = "broad", "Broad"


class Verdict(TextChoices):
    KEYWORD = "keyword", "Keyword"
    NEGATIVE_KEYWORD = "negative_keyword", "Negative keyword"
    WATCH = "watch", "Watch"
    SKIP = "skip", "Skip"


class ClassificationStatus(TextChoices):
    PENDING_REVIEW = "pending_review", "Waiting for review"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    PUSHED = "pushed", "Pushed"


class RecommendationType(TextChoices):
    BID_ADJUSTMENT = "bid_adjustment", "Bid adjustment"
    BUDGET_CHANGE = "budget_change", "Budget change"
    PAUSE_KEYWORD = "pause_keyword", "Pause a keyword"
    ENABLE_KEYWORD = "enable_keyword", "Enable a keyword"
    PAUSE_AD = "pause_ad", "Pause an ad"
    AUDIENCE_UPDATE = "audience_update", "Audience update"
    CREATIVE_REFRESH = "creative_refresh", "Creative refresh"
    ADD_KEYWORD = "add_keyword", "Add a keyword"
    ADD_NEGATIVE = "add_negative", "Add a negative keyword"


class RecommendationPriority(TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class RecommendationStatus(TextChoices):
    PENDING_REVIEW = "pending_review", "Waiting for review"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    SNOOZED = "snoozed", "Snoozed"
    PUSHED = "pushed", "Pushed"
    FAILED = "failed", "Failed"


A = AdStatus
AD_CAMPAIGN_MOVES = Moves(
    A,
    # move     from                  to         journal
    ("resume", [A.PAUSED], A.ACTIVE, "ad_campaign.resumed"),
    ("pause", [A.ACTIVE], A.PAUSED, "ad_campaign.paused"),
    ("remove", [A.ACTIVE, A.PAUSED], A.REMOVED, "ad_campaign.removed"),
)
AD_KEYWORD_MOVES = Moves(
    A,
    ("resume", [A.PAUSED], A.ACTIVE, "ad_keyword.resumed"),
    ("pause", [A.ACTIVE], A.PAUSED, "ad_keyword.paused"),
    ("remove", [A.ACTIVE, A.PAUSED], A.REMOVED, "ad_keyword.removed"),
)

C = ClassificationStatus
CLASSIFICATION_MOVES = Moves(
    C,
    ("approve", [C.PENDING_REVIEW], C.APPROVED, "classification.approved"),
    ("reject", [C.PENDING_REVIEW], C.REJECTED, "classification.rejected"),
    ("reopen", [C.REJECTED], C.PENDING_REVIEW, "classification.reopened"),
    ("push", [C.APPROVED], C.PUSHED, "classification.pushed"),
)

R = RecommendationStatus
RECOMMENDATION_MOVES = Moves(
    R,
    ("approve", [R.PENDING_REVIEW], R.APPROVED, "recommendation.approved"),
    ("reject", [R.PENDING_REVIEW], R.REJECTED, "recommendation.rejected"),
    ("snooze", [R.PENDING_REVIEW], R.SNOOZED, "recommendation.snoozed"),
    ("wake", [R.SNOOZED], R.PENDING_REVIEW, "recommendation.woken"),
    ("push", [R.APPROVED], R.PUSHED, "recommendation.pushed"),
    ("fail", [R.APPROVED], R.FAILED, "recommendation.failed"),
    ("retry", [R.FAILED], R.APPROVED, "recommendation.retried"),
)

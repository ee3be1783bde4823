"""The plans every installation starts with. Other terms are another version here; sold versions stay as they are."""

from dataclasses import dataclass
from decimal import Decimal

from apps.tenants.statuses import Plan as PlanKey

GST_PERCENT = Decimal("18.00")

# Types of deliverables, by their names in the strategy.
CONTENT = ["blog_posts", "social_posts", "gbp_posts", "email_newsletters"]
GROWTH = [*CONTENT, "backlinks", "ad_copy_sets", "landing_pages", "performance_reports"]
EVERYTHING = [*GROWTH, "website_audit", "video_scripts"]


@dataclass(frozen=True)
class Terms:
    """A version of a plan, with the columns of `plans`. Prices are in paise per month, without GST; None is unlimited."""

    key: PlanKey
    name: str
    price_inr: int
    credits_monthly: int
    max_users: int | None
    max_channels: int | None
    max_deliverables: int | None
    features: list[str]
    grace_period_days: int
    version: int = 1
    gst_percent: Decimal = GST_PERCENT


PLANS = (
    Terms(PlanKey.FREE, "Free", 0, 10, 2, 2, 3, CONTENT, 0),
    Terms(PlanKey.PRO, "Pro", 14_999_00, 50, 5, 6, 10, GROWTH, 7),
    Terms(PlanKey.AGENCY, "Agency", 49_999_00, 250, 20, 20, 40, EVERYTHING, 7),
    Terms(PlanKey.ENTERPRISE, "Enterprise", 1_49_999_00, 1_000, None, None, None, EVERYTHING, 15),
)

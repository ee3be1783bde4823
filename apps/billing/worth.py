"""What a finished unit is worth beside what its models cost: its credits at the price of the client's plan."""

from decimal import Decimal

from django.conf import settings

from .seeds import PLANS

# Credits of one unit, as the price list has them; a type without a line costs one.
CREDITS = {
    "blog_posts": 2,
    "email_newsletters": 2,
    "ad_copy_sets": 2,
    "performance_reports": 2,
    "website_audit": 2,
    "landing_pages": 3,
    "social_posts": 1,
    "gbp_posts": 1,
    "backlinks": 1,
    "video_scripts": 1,
}
PAISE = 100


def worth_of_unit_usd(plan: str, deliverable_type: str) -> Decimal | None:
    """A unit's credits times the plan's price of a credit, in dollars; None where the plan costs nothing.

    Rupees become dollars at the operator's rate (INR_PER_USD), which is used for comparing and for nothing that is billed.
    """
    terms = next((terms for terms in PLANS if terms.key == plan), None)
    if terms is None or not terms.price_inr or not terms.credits_monthly:
        return None
    credit_inr = Decimal(terms.price_inr) / PAISE / terms.credits_monthly
    return CREDITS.get(deliverable_type, 1) * credit_inr / settings.INR_PER_USD

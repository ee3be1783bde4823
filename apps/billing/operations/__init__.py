"""Every write of money: what model calls may cost, credits, and the plans on sale."""

from .credits import (
    AlreadyReserved,
    KeyTaken,
    NotEnoughCredits,
    NothingReserved,
    OrderNotPaid,
    adjust_credits,
    allocate_credits,
    consume_credits,
    release_credits,
    reserve_credits,
    top_up_credits,
)
from .plans import seed_plans
from .spend import (
    NEAR_CAP,
    RESERVATION_LIVES,
    CapReached,
    cap_of_month,
    keep_at_estimate,
    month_of,
    recount_spend,
    release,
    reserve,
    settle,
)

__all__ = [
    "NEAR_CAP",
    "RESERVATION_LIVES",
    "AlreadyReserved",
    "CapReached",
    "KeyTaken",
    "NotEnoughCredits",
    "NothingReserved",
    "OrderNotPaid",
    "adjust_credits",
    "allocate_credits",
    "cap_of_month",
    "consume_credits",
    "keep_at_estimate",
    "month_of",
    "recount_spend",
    "release",
    "release_credits",
    "reserve",
    "reserve_credits",
    "seed_plans",
    "settle",
    "top_up_credits",
]

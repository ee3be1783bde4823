"""Every write of ads, by what is written."""

from .proposals import UnknownCampaign, propose_changes
from .recording import (
    NotAnAdsAccount,
    Recorded,
    SyncedCampaign,
    SyncedDay,
    SyncedKeyword,
    SyncedSearchTerm,
    record_campaign_days,
    record_campaigns,
    record_keywords,
    record_search_terms,
)

__all__ = [
    "NotAnAdsAccount",
    "Recorded",
    "SyncedCampaign",
    "SyncedDay",
    "SyncedKeyword",
    "SyncedSearchTerm",
    "UnknownCampaign",
    "propose_changes",
    "record_campaign_days",
    "record_campaigns",
    "record_keywords",
    "record_search_terms",
]

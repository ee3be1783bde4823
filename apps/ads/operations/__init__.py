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
from .verdicts import NothingToClassify, UnknownTerm, ask_for_verdicts, keep_verdicts

__all__ = [
    "NothingToClassify",
    "UnknownTerm",
    "ask_for_verdicts",
    "keep_verdicts",
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

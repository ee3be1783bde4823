"""DataForSEO: what people search for, what they find, and who links to whom. A third party that is paid by the question."""

from apps.channels.platforms.dataforseo.questions import (
    LOCATIONS,
    NOTHING,
    Answer,
    BacklinkSummary,
    KeywordVolume,
    SearchResult,
    Unreadable,
    backlink_summary,
    keyword_volumes,
    search_results,
)

__all__ = [
    "LOCATIONS", "NOTHING", "Answer", "BacklinkSummary", "KeywordVolume", "SearchResult", "Unreadable", "backlink_summary",
    "keyword_volumes", "search_results",
]  # fmt: skip

"""Google Search Console: how a client's site was found on Google. Figures only; nothing is published there."""

from apps.channels.platforms.google import Figures, Unreadable
from apps.channels.platforms.google_search_console.metrics import Dimension, Row, Sitemap, query, sitemaps
from apps.channels.platforms.google_search_console.score import covers, read_facts, seen

__all__ = ["Dimension", "Figures", "Row", "Sitemap", "Unreadable", "covers", "query", "read_facts", "seen", "sitemaps"]

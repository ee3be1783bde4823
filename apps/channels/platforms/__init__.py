"""The outside platforms, one folder and one row each: those that are published to, and those whose channels are scored."""

from apps.channels.platforms import google_analytics, google_search_console, wordpress
from apps.channels.platforms.base import Platform, Reader

PLATFORMS: dict[str, Platform] = {
    "wordpress": wordpress,
}
READERS: dict[str, Reader] = {
    "wordpress": wordpress.read_facts,
    "google_search_console": google_search_console.read_facts,
    "google_analytics": google_analytics.read_facts,
}

"""Asking a channel's platform whether the connection works, and what its score is made of. No rows, no transaction."""

from datetime import datetime

from .platforms import PLATFORMS, READERS, google_search_console
from .platforms.base import Connection, ConnectionCheck, Question, Source, Unscored
from .scoring import Fact


def check(platform: str, connection: Connection) -> ConnectionCheck:
    """What the platform says to these credentials; the cause is named when it says no."""
    return PLATFORMS[platform].check_connection(connection)


def read_facts(
    platform: str, source: Source, *, at: datetime, search: Source | Unscored | None = None
) -> dict[str, Fact] | Unscored:
    """The facts for each part of the platform's rubric. `search` is the property of Search Console that covers a website,
    or why it cannot be asked."""
    seen = google_search_console.seen(search, at=at) if isinstance(search, Source) else search
    return READERS[platform](Question(source, at, seen))

"""WordPress sites of clients, reached with an application password over the REST API (SOURCES.md)."""

from apps.channels.platforms.wordpress.client import check_connection
from apps.channels.platforms.wordpress.publish import find_existing, publish
from apps.channels.platforms.wordpress.score import read_facts

__all__ = ["check_connection", "find_existing", "publish", "read_facts"]

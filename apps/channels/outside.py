"""Asking a channel's platform whether the connection works. No rows, no transaction."""

from .platforms import PLATFORMS
from .platforms.base import Connection, ConnectionCheck


def check(platform: str, connection: Connection) -> ConnectionCheck:
    """What the platform says to these credentials; the cause is named when it says no."""
    return PLATFORMS[platform].check_connection(connection)

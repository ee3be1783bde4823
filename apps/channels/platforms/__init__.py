"""The outside platforms, one folder and one row each."""

from apps.channels.platforms import wordpress
from apps.channels.platforms.base import Platform

PLATFORMS: dict[str, Platform] = {
    "wordpress": wordpress,
}

"""Addresses of posts on their platforms, as people copy them from there. Pure.

LinkedIn   https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api (`/feed/update/<urn>`)
Facebook   https://www.facebook.com/help/ "Find a post's link": `/posts/…`, `story_fbid=…`, `/reel/…`, `/videos/…`
Instagram  https://developers.facebook.com/docs/instagram-platform/oembed: `/p/…`, `/reel/…`, `/tv/…`
X          https://docs.x.com/fundamentals/post-cap "/status/<id>"
TikTok     https://developers.tiktok.com/doc/embed-videos: `/@name/video/<id>`, `/photo/<id>`
Google     https://support.google.com/business/answer/7342169: shared posts have short addresses of several hosts

An id that is not in the address is ''. The names of links are the platforms'; which pages exist nobody is asked.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .statuses import Platform

LONGEST = 1_000  # characters, what the columns take
HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")

HOSTS = {
    Platform.LINKEDIN: ("linkedin.com", "lnkd.in"),
    Platform.FACEBOOK: ("facebook.com", "fb.com", "fb.watch", "fb.me"),
    Platform.INSTAGRAM: ("instagram.com", "instagr.am"),
    Platform.X_TWITTER: ("x.com", "twitter.com"),
    Platform.TIKTOK: ("tiktok.com",),
    Platform.GOOGLE_BUSINESS_PROFILE: ("g.page", "goo.gl", "posts.gle", "share.google"),
}
GOOGLE_OF_A_COUNTRY = re.compile(r"(.+\.)?google\.(com|[a-z]{2}|com?\.[a-z]{2})")

IDS = {
    Platform.LINKEDIN: r"urn:li:(?:share|ugcPost|activity):\d+|(?<=-)activity-\d+",
    Platform.FACEBOOK: r"(?<=[?&]story_fbid=)\w+|(?<=/posts/)(?:[^/?#]+/)?\w+(?=/?(?:[?#]|$))|(?<=/(?:reel)/)\d+|(?<=/videos/)\d+",
    Platform.INSTAGRAM: r"(?<=/p/)[\w-]+|(?<=/reel/)[\w-]+|(?<=/tv/)[\w-]+",
    Platform.X_TWITTER: r"(?<=/status/)\d+",
    Platform.TIKTOK: r"(?<=/video/)\d+|(?<=/photo/)\d+",
}


class BadAddress(ValueError):
    """The text says in a sentence what is wrong with the address."""


@dataclass(frozen=True)
class Address:
    url: str
    external_id: str


def address_of(text: str, platform: str | None) -> Address:
    """The address of something published, with the id it holds. `platform` None: a page of any site.

    Raises BadAddress for what is no public web address, or lies on another platform.
    """
    url = text.strip()
    if len(url) > LONGEST:
        raise BadAddress(f"An address has {LONGEST:,} characters at most.")
    if not re.fullmatch(r"https?://[^\s\x00-\x20\x7f\\<>\"]+", url, re.IGNORECASE):
        raise BadAddress("Enter the whole address, beginning with https://.")
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise BadAddress("This is no address of a web page.") from error
    if parts.username is not None or not _is_public(host):
        raise BadAddress("This is no address that visitors can open.")
    if platform in HOSTS and not _is_of(platform, host):
        raise BadAddress(f"This is no address on {Platform(platform).label}. Copy the link of the post itself.")
    found = re.search(IDS[Platform(platform)], url) if platform in IDS else None
    return Address(url, found[0][:255] if found else "")


def _is_public(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(HOST.fullmatch(_in_ascii(host)))
    return False


def _in_ascii(host: str) -> str:
    try:
        return host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _is_of(platform: str, host: str) -> bool:
    host = host.lower()
    if platform == Platform.GOOGLE_BUSINESS_PROFILE and GOOGLE_OF_A_COUNTRY.fullmatch(host):
        return True
    return any(host == known or host.endswith(f".{known}") for known in HOSTS[Platform(platform)])

"""The two files a site keeps for programs: robots.txt (RFC 9309) and its sitemaps (sitemaps.org)."""

import re
import zlib
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

BOT_NAME = "LeadmetricsBot"
MAX_DELAY_S = 5.0
MAX_SITEMAP_BYTES = 5_000_000


@dataclass(frozen=True)
class Robots:
    """The rules of robots.txt that concern us: the longest matching pattern decides, ties allow.

    The standard library's parser takes the first match and knows no `*` and `$`, which most files use today.
    """

    rules: tuple[tuple[str, bool], ...] = ()
    sitemaps: tuple[str, ...] = ()
    delay_s: float = 0.0

    def allows(self, url: str) -> bool:
        parts = urlsplit(url)
        target = unquote(parts.path or "/") + (f"?{unquote(parts.query)}" if parts.query else "")
        matching = [(len(pattern), is_allowed) for pattern, is_allowed in self.rules if _matches(pattern, target)]
        return max(matching, default=(0, True))[1]


def _matches(pattern: str, target: str) -> bool:
    # Searching piece after piece stays linear, where a regular expression made of a hostile file would not.
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not target.startswith(first):
        return False
    here = len(first)
    for piece in others:
        found = target.find(piece, here)
        if found < 0:
            return False
        here = found + len(piece)
    return not is_whole or here == len(target) or (bool(others) and target.endswith(others[-1]))


def parse_robots(text: str) -> Robots:
    rules: dict[str, list[tuple[str, bool]]] = {}
    delays: dict[str, float] = {}
    sitemaps: list[str] = []
    agents: list[str] = []
    is_in_rules = True
    for line in text.lstrip("\ufeff").splitlines():
        name, _, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        match name.lower():
            case "user-agent":
                agents = [value.lower()] if is_in_rules else [*agents, value.lower()]
                is_in_rules = False
                rules.setdefault(value.lower(), [])
            case "allow" | "disallow" as kind:
                is_in_rules = True
                for agent in agents if value else ():
                    rules[agent].append((unquote(value), kind == "allow"))
            case "crawl-delay":
                is_in_rules = True
                if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value):
                    delays |= dict.fromkeys(agents, float(value))
            case "sitemap":
                sitemaps.append(value)
    me = BOT_NAME.lower() if BOT_NAME.lower() in rules else "*"
    return Robots(tuple(rules.get(me, ())), tuple(sitemaps), min(delays.get(me, 0.0), MAX_DELAY_S))


def parse_sitemap(body: bytes) -> tuple[bool, list[str]]:
    """Whether it is an index of sitemaps, and the addresses in it (gzip included).

    Raises ValueError, with the reason as its text, for anything that is no plain XML: a document type could declare
    entities that grow without bounds or name files of ours.
    """
    if body.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            body = unpacker.decompress(body, MAX_SITEMAP_BYTES)
        except zlib.error:
            raise ValueError("sitemap_broken") from None
        if unpacker.unconsumed_tail:
            raise ValueError("sitemap_too_large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("sitemap_with_doctype")
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ValueError("sitemap_broken") from None
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding the search above does not see through
        raise ValueError("sitemap_with_doctype")
    locations = [(entry.text or "").strip() for entry in root.iterfind("{*}*/{*}loc")]
    valid = [url for url in locations if url.startswith(("http://", "https://")) and _is_splittable(url)]
    return etree.QName(root).localname == "sitemapindex", valid


def _is_splittable(url: str) -> bool:
    try:
        return bool(urlsplit(url).netloc)
    except ValueError:
        return False

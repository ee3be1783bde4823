"""Where a text leads."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from apps.shared.addresses import EgressRefused, checked_url, is_public

from .drafts import Draft, Found, Ground, LinkState, Passage, host_of


def links_to_try(draft: Draft, ground: Ground, *, own_only: bool) -> list[str]:
    """The addresses that may be opened before anybody has approved the text: the client's own, and those a person approved.

    An address a model made up is not opened: opening it would tell its owner whatever the model put into it.
    """
    addresses = dict.fromkeys(absolute(address, ground) for passage in draft.passages for address in passage.addresses)
    return [
        address
        for address in addresses
        if address.startswith(("http://", "https://"))
        and not _why_forbidden(address, ground)
        and ((ground.is_own(address) and "?" not in address) or (ground.is_known(address) and not own_only))
    ]


def forbidden_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    for passage, address in _links(draft):
        if why := _why_forbidden(absolute(address, ground), ground):
            yield Found(passage.part, passage.line, passage.text, {"address": address, "why": why})


def unknown_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    for passage, address in _web_links(draft, ground):
        if not ground.is_own(address) and not ground.is_known(address):
            yield Found(passage.part, passage.line, passage.text, {"address": address})


def links_away(draft: Draft, ground: Ground) -> Iterator[Found]:
    for passage, address in _web_links(draft, ground):
        if not ground.is_own(address) and ground.is_known(address):
            yield Found(passage.part, passage.line, passage.text, {"host": host_of(address)})


def dead_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _links_in_state(draft, ground, LinkState.DEAD)


def untried_links(draft: Draft, ground: Ground) -> Iterator[Found]:
    return _links_in_state(draft, ground, LinkState.UNCLEAR)


def _links(draft: Draft) -> Iterator[tuple[Passage, str]]:
    seen: set[str] = set()
    for passage in draft.passages:
        for address in passage.addresses:
            if address not in seen:
                seen.add(address)
                yield passage, address


def _web_links(draft: Draft, ground: Ground) -> Iterator[tuple[Passage, str]]:
    for passage, address in _links(draft):
        whole = absolute(address, ground)
        if whole.startswith(("http://", "https://")) and not _why_forbidden(whole, ground):
            yield passage, whole


def _links_in_state(draft: Draft, ground: Ground, state: LinkState) -> Iterator[Found]:
    for passage, address in _web_links(draft, ground):
        if ground.tried.get(address) == state:
            yield Found(passage.part, passage.line, passage.text, {"address": address})


def absolute(address: str, ground: Ground) -> str:
    """A relative address as it stands on the client's website."""
    address = address.strip()
    if re.match(r"[a-z][a-z0-9+.-]*:", address, re.I):
        scheme, _, rest = address.partition(":")
        return f"{scheme.lower()}:{rest}"
    try:
        return urljoin(ground.website, address) if ground.website else address
    except ValueError:
        return address


def _why_forbidden(address: str, ground: Ground) -> str:
    """Why no text may link there, as a sentence; '' if it may."""
    if re.match(r"(?:mailto:[^\s@]+@[^\s@]+|tel:[+\d() .-]+|#\S*)$", address) or (
        address.startswith("/") and not address.startswith("//")
    ):
        return ""
    own = ground.own_host
    try:
        host = checked_url(address, exempt=lambda host, port: bool(own) and host.removeprefix("www.") == own).host
    except EgressRefused as refusal:
        return refusal.sentence
    if host.removeprefix("www.") == own:
        return ""
    try:
        is_private = not is_public(host)
    except ValueError:
        is_private = "." not in host
    return f"{host} is not an address on the public internet." if is_private else ""

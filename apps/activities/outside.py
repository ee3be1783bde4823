"""Opening the links of a text before a person reads it. No rows, no transaction; few, short, and through the egress door."""

import time
from collections.abc import Callable, Sequence

from apps.shared.egress import EgressFailed, EgressRefused, request

from .checks import LinkState

MOST_LINKS = 8
SECONDS_EACH = 3.0
SECONDS_IN_ALL = 8.0
MAX_BYTES = 200_000


def try_links(addresses: Sequence[str], *, may_open: Callable[[str], bool]) -> dict[str, LinkState]:
    """The state of each address; the ones there was no time for are unclear. `may_open` is asked just before each one."""
    deadline = time.monotonic() + SECONDS_IN_ALL
    return {
        address: _try(address, seconds=min(SECONDS_EACH, deadline - time.monotonic()))
        if number < MOST_LINKS and may_open(address)
        else LinkState.UNCLEAR
        for number, address in enumerate(addresses)
    }


def _try(address: str, *, seconds: float) -> LinkState:
    """A page that sends on elsewhere works: where it sends to is nobody's choice who may choose what is opened."""
    if seconds <= 0:
        return LinkState.UNCLEAR
    try:
        answer = request("GET", address, timeout_s=seconds, max_bytes=MAX_BYTES)
    except EgressRefused:
        return LinkState.UNCLEAR
    except EgressFailed as failure:
        if failure.cause == "too_large":
            return LinkState.WORKS
        return LinkState.DEAD if failure.cause == "dns" else LinkState.UNCLEAR
    if answer.status in (404, 410):
        return LinkState.DEAD
    return LinkState.WORKS if answer.status < 400 else LinkState.UNCLEAR

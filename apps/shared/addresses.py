"""Which addresses the product may call: their notation, their ports, and what their names resolve to."""

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Callable

import httpx2
import idna
from django.conf import settings

LOOKUP_AT_SAVE_S = 0.8  # a form has to answer within a second
MAX_URL_LENGTH = 2048

ORDINARY_PORTS = {"http": 80, "https": 443}
PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")
HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")

# Public by its number, yet it is the metadata service of Azure's machines:
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
METADATA_ADDRESSES = frozenset({ipaddress.ip_address("168.63.129.16")})
GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # RFC 4291; all else is special
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
SIX_TO_FOUR = ipaddress.ip_network("2002::/16")  # both tunnels carry an IPv4 address, and nobody needs them
TEREDO = ipaddress.ip_network("2001::/32")

Exemption = Callable[[str, int], bool]


class EgressError(Exception):
    """A request that brought no answer.

    `cause` is a stable word, the text of the exception a sentence for people; neither holds a secret.
    `request_left` is true as soon as one byte of the request may have reached the other side: only then can an
    irreversible request have had its effect.
    """

    def __init__(self, cause: str, sentence: str, *, request_left: bool = False) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.sentence = sentence
        self.request_left = request_left


class EgressRefused(EgressError):
    """The address may not be called. Causes: bad_address, scheme, credentials, port, private_address."""


class EgressFailed(EgressError):
    """The address may be called, but no usable answer came.

    Causes: dns, refused, unreachable, tls, timed_out, deadline_passed, reset, too_large, wrong_type, broken_answer,
    too_many_redirects, bad_request.
    """


def is_listed(host: str, port: int) -> bool:
    """Whether EGRESS_ALLOW_HOSTS names this host (with this port, if it names one)."""
    for entry in filter(None, map(str.strip, settings.EGRESS_ALLOW_HOSTS)):
        if entry.count(":") > 1 and not entry.startswith("["):
            listed_host, listed_port = entry, ""
        else:
            listed_host, _, listed_port = entry.rpartition(":") if re.search(r":\d+$", entry) else (entry, "", "")
        if canonical_host(listed_host) == host and listed_port in ("", str(port)):
            return True
    return False


def canonical_host(host: str) -> str:
    """Lower case, ASCII, no final dot; every notation of an address becomes its ordinary one.

    `127.1`, `0x7f.1`, `2130706433` and `127。0。0。1` all become `127.0.0.1`. Raises ValueError for what is no host.
    """
    host = host.removeprefix("[").removesuffix("]")
    if ":" in host:
        if "%" in host:
            raise ValueError("an address with a zone")
        return str(ipaddress.IPv6Address(host))
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    host = host.lower().rstrip(".")
    if not HOST_NAME.fullmatch(host):
        raise ValueError("no host name")
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def is_public(address: str) -> bool:
    """Whether anybody on the internet could be meant: false for every private, special or tunnelling address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped
        if ip in NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is None:
            return ip in GLOBAL_IPV6 and ip not in SIX_TO_FOUR and ip not in TEREDO and ip.is_global
        ip = embedded
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip in METADATA_ADDRESSES)


def port_of(url: httpx2.URL) -> int:
    return url.port or ORDINARY_PORTS[url.scheme]


def checked_url(url: str, *, exempt: Exemption = is_listed) -> httpx2.URL:
    """The address in canonical form, checked as far as that goes without resolving its name.

    `exempt` tells which host and port are let through whatever they are.
    """
    if not isinstance(url, str) or not url or len(url) > MAX_URL_LENGTH or re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise EgressRefused("bad_address", "This is not a web address.")
    try:
        parsed = httpx2.URL(url)
        if parsed.scheme not in ORDINARY_PORTS:
            raise EgressRefused("scheme", "Only addresses that start with http:// or https:// can be called.")
        if parsed.userinfo:
            raise EgressRefused("credentials", "An address must not contain a user name or password.")
        parsed = parsed.copy_with(host=canonical_host(parsed.host))
    except (httpx2.InvalidURL, ValueError, UnicodeError) as error:
        raise EgressRefused("bad_address", "This is not a web address.") from error
    if exempt(parsed.host, port_of(parsed)):
        return parsed
    if port_of(parsed) not in ORDINARY_PORTS.values():
        raise EgressRefused("port", "Only the ordinary web ports 80 and 443 can be called.")
    if any(parsed.host == name or parsed.host.endswith(f".{name}") for name in PRIVATE_NAMES):
        raise _private(parsed.host)
    return parsed


def is_listed_url(url: str) -> bool:
    """Whether EGRESS_ALLOW_HOSTS names host and port of this address. Raises EgressRefused as `checked_url` does."""
    checked = checked_url(url)
    return is_listed(checked.host, port_of(checked))


def check_url(url: str) -> None:
    """Raise EgressRefused if the product would never call this address; for use when an address is saved.

    A name that cannot be resolved at the moment passes: it is checked again, and then pinned, when it is called.
    """
    checked = checked_url(url)
    try:
        resolve(checked.host, port_of(checked), seconds=LOOKUP_AT_SAVE_S)
    except EgressFailed:
        return


def resolve(host: str, port: int, *, seconds: float, exempt: Exemption = is_listed) -> list[str]:
    """The numeric addresses of a host, all of them checked; one private address among them refuses the name."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    # getaddrinfo knows no time-out, so it runs in a thread that is left behind when it hangs.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise EgressFailed("dns", f"Looking up the name {host} took too long.") from None
    if isinstance(found, Exception) or not found:
        raise EgressFailed("dns", f"The name {host} could not be found.")
    if not exempt(host, port) and not all(is_public(address) for address in found):
        raise _private(host)
    return found


def _private(host: str) -> EgressRefused:
    return EgressRefused("private_address", f"{host} is not an address on the public internet.")

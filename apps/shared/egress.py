"""The one door through which requests leave the product.

Whatever address a person, a model or a web page names is checked here, resolved once, and connected to by the very
address that was checked, so that a name cannot point elsewhere at a second look. Every read and write obeys one
deadline, so that an answer of a byte a second ends as surely as a silent one.

Nothing is retried unless a caller asks for it, and then only GET and HEAD.
"""

import ipaddress
import math
import queue
import random
import re
import socket
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import httpcore2
import httpx2
import idna
import orjson
from django.conf import settings

MAX_BYTES = 5_000_000
TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 5.0
LOOKUP_AT_SAVE_S = 0.8  # a form has to answer within a second
MAX_REDIRECTS = 3
MAX_TRIES = 3
MAX_RETRY_AFTER_S = 3600.0
MAX_URL_LENGTH = 2048
HARMLESS = ("accept", "accept-language", "user-agent")  # the headers that may follow a redirect to another host

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


@dataclass(frozen=True)
class Answer:
    """`headers` by lower-case name; `body` decompressed; `url` is where it came from after redirects."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # may hold cookies
    body: bytes = field(repr=False)
    url: str
    took_ms: int

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Raises ValueError unless the body is strict JSON of bounded depth."""
        return orjson.loads(self.body)


@dataclass
class Call:
    """What the sockets of one request, redirects included, have to know.

    `deadline` and `send_by` are readings of `time.monotonic()`: nothing is read or written after the first, no byte
    of the request is written after the second.
    """

    deadline: float
    send_by: float | None = None
    request_left: bool = False
    origin: tuple[str, int] | None = None

    def seconds_left(self, at_most: float | None = None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise EgressFailed("timed_out", "The other side took too long to answer.", request_left=self.request_left)
        return left if at_most is None else min(left, at_most)

    def about_to_write(self) -> None:
        # Asked before every write: a process that was frozen half-way must not finish a request that another one has
        # meanwhile looked for, not found, and repeated.
        if self.send_by is not None and time.monotonic() >= self.send_by:
            raise EgressFailed(
                "deadline_passed", "The time allowed for sending was over.", request_left=self.request_left
            )
        self.request_left = True

    def is_listed(self, host: str, port: int) -> bool:
        """EGRESS_ALLOW_HOSTS counts for the address the caller named, not for one that a redirect leads to."""
        if self.origin is None:
            self.origin = (host, port)
        return self.origin == (host, port) and is_listed(host, port)


def is_listed(host: str, port: int) -> bool:
    """Whether EGRESS_ALLOW_HOSTS names this host (with this port, if it names one)."""
    for entry in settings.EGRESS_ALLOW_HOSTS:
        if entry.count(":") > 1 and not entry.startswith("["):
            listed_host, listed_port = entry, ""
        else:
            listed_host, _, listed_port = entry.rpartition(":") if re.search(r":\d+$", entry) else (entry, "", "")
        if canonical_host(listed_host) == host and listed_port in ("", str(port)):
            return True
    return False


def is_listed_url(url: str) -> bool:
    """Whether EGRESS_ALLOW_HOSTS names the host and port of this address."""
    checked = _checked_url(url, Call(deadline=math.inf))
    return is_listed(checked.host, port_of(checked))


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


def check_url(url: str) -> None:
    """Raise EgressRefused if the product would never call this address; for use when an address is saved.

    A name that cannot be resolved at the moment passes: it is checked again, and then pinned, when it is called.
    """
    call = Call(deadline=time.monotonic() + LOOKUP_AT_SAVE_S)
    checked = _checked_url(url, call)
    try:
        _addresses(checked.host, port_of(checked), call)
    except EgressFailed:
        return


def port_of(url: httpx2.URL) -> int:
    return url.port or ORDINARY_PORTS[url.scheme]


def _checked_url(url: str, call: Call) -> httpx2.URL:
    """The address in canonical form, checked as far as that goes without resolving its name."""
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
    if call.is_listed(parsed.host, port_of(parsed)):
        return parsed
    if port_of(parsed) not in ORDINARY_PORTS.values():
        raise EgressRefused("port", "Only the ordinary web ports 80 and 443 can be called.")
    if any(parsed.host == name or parsed.host.endswith(f".{name}") for name in PRIVATE_NAMES):
        raise _private(parsed.host)
    return parsed


def _private(host: str) -> EgressRefused:
    return EgressRefused("private_address", f"{host} is not an address on the public internet.")


def _addresses(host: str, port: int, call: Call) -> list[str]:
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
        found = answers.get(timeout=call.seconds_left())
    except queue.Empty:
        raise EgressFailed("dns", f"Looking up the name {host} took too long.") from None
    if isinstance(found, Exception) or not found:
        raise EgressFailed("dns", f"The name {host} could not be found.")
    if not call.is_listed(host, port) and not all(is_public(address) for address in found):
        raise _private(host)
    return found


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step obeys the deadline of its call."""

    def __init__(self, inner: httpcore2.NetworkStream, call: Call) -> None:
        self._inner = inner
        self._call = call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._call.seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The inner stream would go on as long as each piece is taken in time; here the deadline counts for the whole.
        connection = self._inner.get_extra_info("socket")
        view = memoryview(buffer)
        while view:
            connection.settimeout(self._call.seconds_left(timeout))
            self._call.about_to_write()
            try:
                view = view[connection.send(view[:65536]) :]
            except TimeoutError as error:
                raise httpcore2.WriteTimeout(str(error)) from error
            except OSError as error:
                raise httpcore2.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            inner = self._inner.start_tls(ssl_context, server_hostname, self._call.seconds_left(timeout))
        except httpcore2.ConnectError as error:
            raise EgressFailed("tls", f"The secure connection failed: {_reason(error)}.") from error
        return _Stream(inner, self._call)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _reason(error: Exception) -> str:
    """OpenSSL's own words, such as «certificate has expired», out of an exception that wraps them."""
    inner = error.__cause__ or error.__context__ or error
    return getattr(inner, "verify_message", "") or (getattr(inner, "reason", "") or "no agreement").replace("_", " ")


class _Network(httpcore2.NetworkBackend):
    """Resolves, checks and connects in one step, so that what was checked is what is connected to."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception | None = None
        for address in _addresses(host, port, self._call)[:4]:
            try:
                inner = self._inner.connect_tcp(
                    address, port, self._call.seconds_left(timeout), local_address, socket_options
                )
                return _Stream(inner, self._call)
            except httpcore2.ConnectTimeout as error:
                failure = EgressFailed("timed_out", f"{host} did not answer in time.")
                failure.__cause__ = error
            except httpcore2.ConnectError as error:
                is_refusal = isinstance(error.__cause__ or error.__context__, ConnectionRefusedError)
                failure = (
                    EgressFailed("refused", f"{host} refused the connection.")
                    if is_refusal
                    else EgressFailed("unreachable", f"{host} cannot be reached.")
                )
                failure.__cause__ = error
        assert failure is not None
        raise failure


@lru_cache(maxsize=1)
def tls_context() -> Any:
    """Loading the certificate authorities takes tens of milliseconds; verification is never switched off."""
    return httpx2.create_ssl_context(trust_env=False)


class _Transport(httpx2.HTTPTransport):
    def __init__(self, call: Call) -> None:
        # The parent's constructor takes no network backend. It is not called, so that a future release which keeps
        # its pool under another name fails loudly instead of connecting unchecked.
        self._call = call
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls_context(), max_connections=1, network_backend=_Network(call), retries=0
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = _checked_url(str(request.url), self._call)
        return super().handle_request(request)


def client(call: Call) -> httpx2.Client:
    """An HTTP client for a vendor's SDK that goes through this door: one origin, no redirects, no proxies."""
    timeout = httpx2.Timeout(connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S, read=None, pool=None)
    return httpx2.Client(transport=_Transport(call), trust_env=False, follow_redirects=False, timeout=timeout)


def failure_behind(error: BaseException, call: Call) -> EgressError:
    """The EgressError that an HTTP client's or SDK's exception stands for."""
    step: BaseException | None = error
    while step is not None and not isinstance(step, EgressError | httpx2.HTTPError | httpcore2.TimeoutException):
        step = step.__cause__ or step.__context__
    match step:
        case EgressError():
            failure = step
        case httpx2.TimeoutException() | httpcore2.TimeoutException():
            failure = EgressFailed("timed_out", "The other side took too long to answer.")
        case httpx2.DecodingError():
            failure = EgressFailed("broken_answer", "The answer was damaged.")
        case httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():
            failure = EgressFailed("bad_request", "The request could not be put into words HTTP allows.")
        case _:
            failure = EgressFailed("reset", "The connection broke before the answer was complete.")
    failure.request_left = call.request_left
    return failure


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    data: Mapping[str, Any] | None = None,
    auth: tuple[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
    content_types: Collection[str] | None = None,
    follow_redirects: bool = False,
    retry: bool = False,
    send_by: float | None = None,
) -> Answer:
    """One request, answered by whatever status the other side chose; EgressRefused or EgressFailed otherwise.

    `timeout_s` covers everything, redirects and repetitions included; `max_bytes` counts after decompression.
    `content_types` refuses a 2xx answer of any other media type before its body is read. `send_by` is a reading of
    `time.monotonic()` after which no byte of the request is written. `follow_redirects` (three at most, each checked,
    credentials only to the same host) and `retry` (twice more, on a passing fault) are for GET and HEAD alone.
    """
    if (follow_redirects or retry) and method not in ("GET", "HEAD"):
        raise ValueError(f"a {method} is neither repeated nor redirected")
    call = Call(deadline=time.monotonic() + timeout_s, send_by=send_by)
    options = {"headers": headers, "params": params, "json": json, "data": data, "auth": auth}
    limits = {"max_bytes": max_bytes, "content_types": content_types, "follow_redirects": follow_redirects}
    for tries_left in reversed(range(MAX_TRIES if retry else 1)):
        wait_s = 0.25 * 2 ** (MAX_TRIES - tries_left - 1) * random.uniform(0.5, 1.5)
        try:
            answer = _request_with_redirects(method, url, call=call, options=options, **limits)
        except EgressFailed as failure:
            is_passing = failure.cause in ("dns", "refused", "unreachable", "timed_out", "reset")
            if not tries_left or not is_passing or time.monotonic() + wait_s >= call.deadline:
                raise
        else:
            if answer.status not in (429, 502, 503, 504):
                return answer
            wait_s = max(wait_s, retry_after_s(answer.headers.get("retry-after")) or 0.0)
            if not tries_left or time.monotonic() + wait_s >= call.deadline:
                return answer
        time.sleep(wait_s)
        call.origin = None
    raise AssertionError("unreachable: the last try returns or raises")


def _request_with_redirects(
    method: str,
    url: str,
    *,
    call: Call,
    options: dict[str, Any],
    max_bytes: int,
    content_types: Collection[str] | None,
    follow_redirects: bool,
) -> Answer:
    here = _checked_url(url, call)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _request_once(method, here, call=call, options=options, max_bytes=max_bytes, types=content_types)
        target = answer.headers.get("location")
        if not (follow_redirects and target and answer.status in (301, 302, 303, 307, 308)):
            return answer
        try:
            there = _checked_url(str(here.join(target)), call)
        except httpx2.InvalidURL as error:
            raise EgressRefused("bad_address", "The site redirects to something that is no web address.") from error
        if here.scheme == "https" and there.scheme == "http":
            raise EgressRefused("scheme", "The site redirects from https:// to http://, which is not followed.")
        is_upgrade = here.scheme == "http" and (port_of(here), port_of(there)) == (80, 443)
        if here.host != there.host or not (is_upgrade or port_of(here) == port_of(there)):
            headers = {name: value for name, value in (options["headers"] or {}).items() if name.lower() in HARMLESS}
            options = {**options, "headers": headers, "auth": None}
        options = {**options, "params": None}
        here = there
    raise EgressFailed("too_many_redirects", "The site redirects too often.", request_left=True)


def _request_once(
    method: str, url: httpx2.URL, *, call: Call, options: dict[str, Any], max_bytes: int, types: Collection[str] | None
) -> Answer:
    started = time.monotonic()
    own_headers = {
        "User-Agent": f"LeadmetricsBot/1.0 (+{settings.PUBLIC_BASE_URL})",
        "Accept-Encoding": "gzip, deflate",
        **(options["headers"] or {}),
    }
    body = bytearray()
    try:
        with client(call) as http, http.stream(method, url, **{**options, "headers": own_headers}) as response:
            names = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
            answer = Answer(response.status_code, names, b"", str(response.url), 0)
            if types is not None and response.is_success and answer.content_type not in types:
                raise EgressFailed("wrong_type", f"The answer is {answer.content_type or 'of no stated type'}.")
            for piece in response.iter_bytes():
                body += piece
                if len(body) > max_bytes:
                    raise EgressFailed("too_large", f"The answer is larger than {max_bytes} bytes.")
                call.seconds_left()
    except (EgressError, httpx2.HTTPError, httpcore2.TimeoutException) as error:
        failure = failure_behind(error, call)
        raise failure from (None if failure is error else error)
    return Answer(answer.status, names, bytes(body), answer.url, round((time.monotonic() - started) * 1000))


def retry_after_s(value: str | None) -> float | None:
    """Seconds a Retry-After header asks for (RFC 9110: seconds or a date), at most an hour; None if it says nothing."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if seconds == seconds else None

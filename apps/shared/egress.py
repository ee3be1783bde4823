"""The one door through which requests leave the product.

Whatever address a person, a model or a web page names is checked here, resolved once, and connected to by the very
address that was checked, so that a name cannot point elsewhere at a second look. Every read and write obeys one
deadline, so that an answer of a byte a second ends as surely as a silent one.

Nothing is retried unless a caller asks for it, and then only GET and HEAD.
"""

import random
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
import orjson
from django.conf import settings

from apps.shared.addresses import (
    MAX_URL_LENGTH,
    EgressError,
    EgressFailed,
    EgressRefused,
    check_url,
    checked_url,
    is_listed,
    is_listed_url,
    port_of,
    resolve,
)

__all__ = [
    "MAX_URL_LENGTH", "Answer", "Call", "EgressError", "EgressFailed", "EgressRefused", "check_url", "client",
    "failure_behind", "is_listed_url", "refuse_compressed", "request", "retry_after_s", "sdk_client", "transport",
]  # fmt: skip

MAX_BYTES = 5_000_000
TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 5.0
MAX_REDIRECTS = 3
MAX_TRIES = 3
MAX_RETRY_AFTER_S = 3600.0
HARMLESS = ("accept", "accept-language", "user-agent")  # the headers that may follow a redirect to another host

# What the layers below raise; callers of `request` never see these, callers of `sdk_client` may.
TRANSPORT_ERRORS = (httpx2.HTTPError, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)


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
    of the request is written after the second. `max_bytes_read` counts what comes over the wire, headers included.
    `listed_only` refuses every host that EGRESS_ALLOW_HOSTS does not name.
    """

    deadline: float
    send_by: float | None = None
    max_bytes_read: int | None = None
    bytes_read: int = 0
    request_left: bool = False
    origin: tuple[str, int] | None = None
    listed_only: bool = False

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

    def have_read(self, size: int) -> None:
        self.bytes_read += size
        if self.max_bytes_read is not None and self.bytes_read > self.max_bytes_read:
            raise EgressFailed("too_large", f"The answer is larger than {self.max_bytes_read} bytes.")

    def is_listed(self, host: str, port: int) -> bool:
        """EGRESS_ALLOW_HOSTS counts for the address the caller named, not for one that a redirect leads to."""
        if self.origin is None:
            self.origin = (host, port)
        return self.origin == (host, port) and is_listed(host, port)


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step obeys the deadline of its call."""

    def __init__(self, inner: httpcore2.NetworkStream, call: Call) -> None:
        self._inner = inner
        self._call = call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._call.seconds_left(timeout))
        self._call.have_read(len(data))
        return data

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
        found = resolve(host, port, seconds=self._call.seconds_left(), exempt=self._call.is_listed)
        for address in found[:4]:
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
        request.url = checked_url(str(request.url), exempt=self._call.is_listed)
        if self._call.listed_only and not self._call.is_listed(request.url.host, port_of(request.url)):
            sentence = f"{request.url.host} is not one of our own servers: EGRESS_ALLOW_HOSTS does not name it."
            raise EgressRefused("not_listed", sentence)
        return super().handle_request(request)


def transport(call: Call) -> httpx2.HTTPTransport:
    """The transport alone, for a client that is not of httpx2."""
    return _Transport(call)


def client(call: Call) -> httpx2.Client:
    """An HTTP client that goes through this door: one origin, no redirects, no proxies, no retries."""
    timeout = httpx2.Timeout(connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S, read=None, pool=None)
    return httpx2.Client(transport=_Transport(call), trust_env=False, follow_redirects=False, timeout=timeout)


def sdk_client(call: Call) -> httpx2.Client:
    """The same for a vendor's SDK, whose answers nobody counts after decompression: so none may be compressed."""
    http = client(call)
    http.headers["Accept-Encoding"] = "identity"
    http.event_hooks = {"response": [refuse_compressed]}
    return http


def refuse_compressed(response: Any) -> None:
    """Raise EgressFailed for an answer that is encoded although `identity` was asked for."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise EgressFailed("broken_answer", "The answer is compressed although that was ruled out.")


def failure_behind(error: BaseException, call: Call) -> EgressError:
    """The EgressError that an HTTP client's or SDK's exception stands for."""
    step: BaseException | None = error
    while step is not None and not isinstance(step, (EgressError, *TRANSPORT_ERRORS)):
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
    limits: dict[str, Any] = {
        "max_bytes": max_bytes,
        "content_types": content_types,
        "follow_redirects": follow_redirects,
    }
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
    here = checked_url(url, exempt=call.is_listed)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _request_once(method, here, call=call, options=options, max_bytes=max_bytes, types=content_types)
        target = answer.headers.get("location")
        if not (follow_redirects and target and answer.status in (301, 302, 303, 307, 308)):
            return answer
        try:
            there = checked_url(str(here.join(target)), exempt=call.is_listed)
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
    except (EgressError, *TRANSPORT_ERRORS) as error:
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

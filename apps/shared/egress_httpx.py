"""The door of `egress` for a vendor's SDK that makes its own client, and makes it of the older httpx.

A module of its own: only such an SDK brings httpx along, and with the last of them it goes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import httpx2

from apps.shared import egress


class _Body(httpx.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def close(self) -> None:
        self._inner.close()


class _Transport(httpx.BaseTransport):
    """Hands every request to the transport of `egress` and its answer back, byte by byte."""

    def __init__(self, call: egress.Call) -> None:
        self._inner = egress.transport(call)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(
            httpx2.Request(
                request.method,
                str(request.url),
                headers=request.headers.raw,
                content=request.read(),
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        return httpx.Response(answer.status_code, headers=answer.headers.raw, stream=_Body(answer.stream))

    def close(self) -> None:
        self._inner.close()


def client_options(call: egress.Call, *, headers: Mapping[str, str | None], heads: list[Any]) -> dict[str, Any]:
    """What a client of httpx is to be made with: this door, no redirects, no proxies, no compressed answers.

    `headers` are set last, or removed where they are None, whatever the SDK found in the environment. The headers of
    each answer are added to `heads`, since an SDK's exceptions may not carry them.
    """

    def set_headers(request: httpx.Request) -> None:
        request.headers["Accept-Encoding"] = "identity"
        for name, value in headers.items():
            if value is None:
                request.headers.pop(name, None)
            else:
                request.headers[name] = value

    def look(response: httpx.Response) -> None:
        heads.append(response.headers)
        egress.refuse_compressed(response)

    return {
        "transport": _Transport(call),
        "trust_env": False,
        "follow_redirects": False,
        "timeout": httpx.Timeout(connect=egress.CONNECT_TIMEOUT_S, write=egress.WRITE_TIMEOUT_S, read=None, pool=None),
        "event_hooks": {"request": [set_headers], "response": [look]},
    }

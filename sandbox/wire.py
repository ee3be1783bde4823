"""A request as it arrived and an answer as it should leave, without sockets."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs

from sandbox.faults import Fault


@dataclass(frozen=True)
class Request:
    """`path` is decoded and has no query; `line` is what stood in the request line."""

    method: str
    path: str
    line: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    fault: Fault | None = None

    @property
    def fault_kind(self) -> str:
        return self.fault.fault if self.fault else ""

    def first(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError for anything else."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.text(), keep_blank_values=True).items()}


@dataclass
class Response:
    """Either `body` or `stream`. `recorded` says for the log what the request left behind, e.g. a post."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None
    recorded: dict[str, Any] | None = None


def json_response(
    value: Any, *, status: int = 200, headers: dict[str, str] | None = None, recorded: dict[str, Any] | None = None
) -> Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Response(
        status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, recorded=recorded
    )


def html_response(html: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(status, html.encode(), {"Content-Type": "text/html; charset=utf-8", **(headers or {})})


def text_response(text: str, *, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Response:
    return Response(status, text.encode(), {"Content-Type": content_type})


def redirect(location: str, *, status: int = 302) -> Response:
    return Response(status, b"", {"Location": location})

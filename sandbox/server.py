"""The HTTP side: reads requests, lets faults happen on the socket, and starts and stops the whole."""

import contextlib
import random
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox import (
    agents_api,
    analytics_api,
    anthropic_api,
    control,
    dataforseo_api,
    home,
    mail,
    ollama_api,
    openai_api,
    pages,
    search_console_api,
    sites,
)
from sandbox.faults import AFTER, BEFORE, Fault
from sandbox.wire import Request, Response, html_response, redirect
from sandbox.wordpress import rest as wordpress_rest
from sandbox.wordpress import site as wordpress_site
from sandbox.world import World

LARGEST_BODY = 32 * 1024 * 1024  # Anthropic's limit for the Messages API
TRICKLE_SECONDS = 1.0  # between two bytes
CREDENTIAL_HEADERS = ("Authorization", "x-api-key", "Cookie")


class TooLarge(Exception):
    """The request's body is larger than any of the systems played here would take."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Rehearsal"
    sys_version = ""
    disable_nagle_algorithm = True  # streamed pieces leave at once
    server: "Server"

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def answer(self) -> None:
        try:
            request = self.read_request()
        except TooLarge:
            self.close_connection = True
            return self.write(html_response("Request body too large", status=413))
        world, target = self.server.world, target_of(request.path)
        if target is None:
            return self.write(answer_own(world, request))
        entry = world.accept(
            target=target,
            method=request.method,
            line=request.line,
            body=request.text(),
            signed_in=any(name in request.headers for name in CREDENTIAL_HEADERS),
            marker=request.headers.get("Idempotency-Key", ""),
        )
        fault = world.take_fault(entry)
        if world.pause(entry, "received") == "drop":
            return self.reset()
        if fault and fault.fault in BEFORE:
            if fault.fault == "reset":
                return self.reset()
            response = refusal(world, target, request, fault)
        else:
            response = APPLICATIONS[target](world, replace(request, fault=fault))
        world.note(entry, status=response.status, recorded=response.recorded)
        if world.pause(entry, "recorded") == "drop":
            return self.reset()
        try:
            complete = self.deliver(response, fault)
        except ConnectionError:  # the other side went away, which is what some rehearsals are about
            self.close_connection = True
            complete = False
        world.note(entry, answered=complete)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def read_request(self) -> Request:
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=unquote(parts.path),
            line=self.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers=self.headers,
            body=self.read_body(),
        )

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            length = int(self.headers.get("Content-Length") or 0)
            if length > LARGEST_BODY:
                raise TooLarge
            return self.rfile.read(length)
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(body) + size > LARGEST_BODY:
                raise TooLarge
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def deliver(self, response: Response, fault: Fault | None) -> bool:
        """Send the answer, or let the fault happen to it. Returns whether the whole answer left."""
        if fault is None or fault.fault not in AFTER:
            self.write(response)
            return True
        if fault.fault == "garbage":
            self.write(replace(response, status=200, body=rubbish(), stream=None))
            return True
        if fault.fault == "reset_after_accept":
            self.reset()
            return False
        if fault.fault == "timeout_after_accept":
            self.server.world.sleep(fault.seconds)
        else:
            self.write_part(response, fault)
        self.close_connection = True
        return False

    def head(self, response: Response, length: int | None) -> bytes:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in response.headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self._headers_buffer.append(b"\r\n")
        head, self._headers_buffer = b"".join(self._headers_buffer), []
        self.log_request(response.status)
        return head

    def write(self, response: Response) -> None:
        if self.command == "HEAD":
            self.wfile.write(self.head(response, len(response.body)))
        elif response.stream is None:
            self.wfile.write(self.head(response, len(response.body)) + response.body)
        else:
            self.wfile.write(self.head(response, None))
            for piece in response.stream:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

    def write_part(self, response: Response, fault: Fault) -> None:
        """The first half, then a polite end (`truncated`) or a TCP reset (`reset_midway`). `trickle`: one byte at a time."""
        if response.stream is not None:
            whole = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in response.stream)
        else:
            whole = response.body
        self.wfile.write(self.head(response, None if response.stream is not None else len(whole)))
        if fault.fault in ("truncated", "reset_midway"):
            self.wfile.write(whole[: len(whole) // 2])
            if fault.fault == "reset_midway":
                self.wfile.flush()
                self.reset()
            return
        over = self.server.world.over
        for position in range(min(len(whole), int(fault.seconds / TRICKLE_SECONDS))):
            self.wfile.write(whole[position : position + 1])
            if over.wait(TRICKLE_SECONDS):
                return

    def reset(self) -> None:
        """End the connection with a TCP reset: nothing more can be read or written on either side."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.server.connections.discard(self.connection)
        self.connection.close()

    def log_message(self, format: str, *arguments: Any) -> None:
        if self.server.verbose:
            print(f"{self.log_date_time_string()} {format % arguments}", file=sys.stderr, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, world: World, *, verbose: bool) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.world, self.verbose = world, verbose
        self.connections: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that left is no error of ours
            super().handle_error(request, client_address)


def target_of(path: str) -> str | None:
    """Which outside system this path belongs to; None for our own pages."""
    first = path.split("/")[1]
    return {
        "anthropic": "anthropic",
        "openai": "openai",
        "ollama": "ollama",
        "agents": "agents",
        "wordpress": "wordpress",
        "google": "google",
        "analytics": "analytics",
        "dataforseo": "dataforseo",
        "site": "site",
        "robots.txt": "site",
        "_elsewhere": "elsewhere",
    }.get(first)


def answer_wordpress(world: World, request: Request) -> Response:
    return (
        wordpress_rest.answer(world, request) if "/wp-json" in request.path else wordpress_site.answer(world, request)
    )


APPLICATIONS = {
    "anthropic": anthropic_api.answer,
    "openai": openai_api.answer,
    "ollama": ollama_api.answer,
    "agents": agents_api.answer,
    "wordpress": answer_wordpress,
    "google": search_console_api.answer,
    "analytics": analytics_api.answer,
    "dataforseo": dataforseo_api.answer,
    "site": sites.answer,
    "elsewhere": home.answer,
}


OUTAGES: dict[str, Callable[[World, int, str], Response]] = {
    "anthropic": anthropic_api.error,
    "openai": openai_api.error,
    "ollama": ollama_api.error,
    "agents": agents_api.error,
    "wordpress": wordpress_rest.outage,
    "google": search_console_api.error,
    "analytics": analytics_api.error,
    "dataforseo": dataforseo_api.error,
    "site": sites.outage,
}


def answer_own(world: World, request: Request) -> Response:
    if request.path.startswith("/_control/"):
        return control.answer(world, request)
    if request.path.startswith("/mail"):
        return mail.answer(world, request)
    if request.path == "/_static/rehearsal.css":
        return pages.stylesheet()
    return home.answer(world, request)


def refusal(world: World, target: str, request: Request, fault: Fault) -> Response:
    """The answer of a system that does not carry the request out, in its own words."""
    if fault.fault == "redirect":
        return redirect(fault.location or f"{world.url}/_elsewhere{request.path}")
    status = 500 if fault.fault == "echo_secret" else int(fault.fault)
    message = ""
    if fault.fault == "echo_secret":
        sent = next((request.headers[name] for name in CREDENTIAL_HEADERS if name in request.headers), "")
        message = f"Upstream refused credentials {sent}"
    headers = (
        {} if status == 401 else {"Retry-After": f"{fault.retry_after:g}"} if fault.retry_after is not None else {}
    )
    response = OUTAGES[target](world, status, message)
    response.headers.update(headers)
    return response


def rubbish() -> bytes:
    return b"\x00\xff<<<not what you asked for>>> " + random.Random(0).randbytes(64)


@dataclass
class Running:
    """A rehearsal world that is up. `url` has no slash at its end. Usable in a `with` statement."""

    url: str
    smtp_port: int
    world: World
    _server: Server
    _mail: mail.MailServer

    def stop(self) -> None:
        """End both servers and every connection; requests that are held or sleeping end unanswered."""
        self.world.reset()
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.connections):
            with contextlib.suppress(OSError):  # closed by its own thread in the meantime
                connection.shutdown(socket.SHUT_RDWR)
        self._mail.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(port: int = 0, smtp_port: int = 0, *, seed: int = 7, pace: float = 0.0, verbose: bool = False) -> Running:
    """Start in threads of this process, on loopback. Port 0 takes a free one; `pace` is in seconds per piece."""
    world = World(seed=seed, pace=pace)
    server = Server(port, world, verbose=verbose)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        catcher = mail.MailServer(world, smtp_port)
    except OSError:
        server.server_close()
        raise
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="rehearsal-http", daemon=True
    ).start()
    return Running(world.url, catcher.port, world, server, catcher)

"""The mail catcher: accepts every message on the SMTP port and shows it on `/mail/`."""

import asyncio
import email
import html
import re
import socket
import struct
import threading
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox import pages
from sandbox.wire import Request, Response, json_response
from sandbox.world import World, now_text

HREF = re.compile(r"""href\s*=\s*["'](https?://[^"']+)["']""", re.IGNORECASE)
ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+")
REFUSALS = {
    "429": "451 4.7.1 Too many messages, try again later",
    "500": "554 5.3.0 Transaction failed",
    "529": "421 4.3.2 Service not available, closing transmission channel",
    "garbage": "\x07\x7f?? rubbish \x01",
}


class Catcher:
    """aiosmtpd's handler. The accepted message is in the world's mails before the 250 goes out."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = bytes(envelope.content or b"")
        line = f"{envelope.mail_from} -> {', '.join(envelope.rcpt_tos)}"
        entry = self.world.accept(
            target="smtp", method="DATA", line=line, body=raw.decode("utf-8", "replace"), signed_in=False
        )
        fault = self.world.take_fault(entry)
        kind = fault.fault if fault else ""
        if await self._in_thread(self.world.pause, entry, "received") == "drop" or kind == "reset":
            return self._cut(server)
        if kind in REFUSALS and kind != "garbage":
            self.world.note(entry, status=int(REFUSALS[kind][:3]), answered=True)
            return REFUSALS[kind]
        message = self._record(envelope, raw)
        self.world.note(entry, status=250, recorded={"kind": "mail", "id": message["id"]})
        if await self._in_thread(self.world.pause, entry, "recorded") == "drop" or kind == "reset_after_accept":
            return self._cut(server)
        if fault and kind == "timeout_after_accept":
            await self._in_thread(self.world.sleep, fault.seconds)
            return self._cut(server)
        self.world.note(entry, answered=True)
        return REFUSALS["garbage"] if kind == "garbage" else f"250 2.0.0 Rehearsal message {message['id']} accepted"

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        """Threads of our own, because the executor's would keep the process alive while something is held."""
        future = asyncio.get_running_loop().create_future()
        loop = future.get_loop()

        def run() -> None:
            result = function(*arguments)
            if not loop.is_closed():
                loop.call_soon_threadsafe(lambda: future.done() or future.set_result(result))

        threading.Thread(target=run, daemon=True).start()
        return await future

    def _cut(self, server: SMTP) -> str:
        """End the connection with a TCP reset."""
        connection = server.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.transport.abort()
        return "421 4.3.0 Connection lost"

    def _record(self, envelope: Envelope, raw: bytes) -> dict[str, Any]:
        parsed = email.message_from_bytes(raw, policy=default)
        text, markup = _part(parsed, "plain"), _part(parsed, "html")
        number = self.world.next_number("mail")
        message = {
            "id": number,
            "address": f"/mail/{number}/",
            "to": [str(recipient) for recipient in envelope.rcpt_tos],
            "from": str(envelope.mail_from or ""),
            "subject": str(parsed.get("Subject", "")),
            "text": text,
            "html": markup,
            "links": _links(text, markup),
            "received_on": now_text(),
        }
        with self.world.lock:
            self.world.mails.append(message)
            self.world.changed.notify_all()
        return message


class MailServer:
    """aiosmtpd in a thread with its own event loop. `port` 0 takes a free one."""

    def __init__(self, world: World, port: int) -> None:
        self.loop = asyncio.new_event_loop()
        handler = Catcher(world)

        async def listen() -> asyncio.Server:
            return await self.loop.create_server(
                lambda: SMTP(handler, enable_SMTPUTF8=True, hostname="rehearsal", loop=self.loop), "127.0.0.1", port
            )

        self.server = self.loop.run_until_complete(listen())
        self.port: int = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, name="rehearsal-smtp", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        async def close() -> None:
            self.server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(timeout=10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)
        self.loop.close()


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""


def _links(text: str, markup: str) -> list[str]:
    """Addresses in the order a reader meets them, each once."""
    found = ADDRESS.findall(text) + [html.unescape(address) for address in HREF.findall(markup)]
    return list(dict.fromkeys(address.rstrip(".,;:!?") for address in found))


def answer(world: World, request: Request) -> Response:
    with world.lock:
        messages = list(reversed(world.mails))
    if request.path == "/mail/messages.json":
        wanted = request.first("to").lower()
        return json_response(
            [
                message
                for message in messages
                if not wanted or wanted in [recipient.lower() for recipient in message["to"]]
            ]
        )
    number = request.path.removeprefix("/mail/").strip("/")
    if not number:
        return _listing(messages)
    message = next((message for message in messages if str(message["id"]) == number), None)
    return _one(message) if message else pages.nothing_here("There is no such message.")


def _listing(messages: list[dict[str, Any]]) -> Response:
    rows = "".join(
        f"<tr><td>{html.escape(message['received_on'])}</td><td>{html.escape(', '.join(message['to']))}</td>"
        f"<td>{pages.link(message['address'], message['subject'] or '(no subject)')}</td></tr>"
        for message in messages
    )
    table = (
        f"<table><tr><th>Received</th><th>To</th><th>Subject</th></tr>{rows}</table>" if rows else "<p>No mail yet.</p>"
    )
    return pages.page(
        "Mail",
        f"<main><h1>Mail</h1>{table}<p>{pages.link('/', 'Rehearsal')}</p></main>",
        ribbon="Rehearsal: mail is caught here and goes to nobody",
    )


def _one(message: dict[str, Any]) -> Response:
    links = "".join(f"<li>{pages.link(address, address)}</li>" for address in message["links"])
    shown = (
        f'<h2>As HTML</h2><iframe sandbox srcdoc="{html.escape(message["html"], quote=True)}"></iframe>'
        if message["html"]
        else ""
    )
    return pages.page(
        message["subject"] or "(no subject)",
        f"""<main><p>{pages.link("/mail/", "All mail")}</p>
<h1>{html.escape(message["subject"])}</h1>
<p class="meta">From {html.escape(message["from"])} to {html.escape(", ".join(message["to"]))},
{html.escape(message["received_on"])}</p>
<pre>{html.escape(message["text"])}</pre>{f"<h2>Links</h2><ul>{links}</ul>" if links else ""}{shown}</main>""",
        ribbon="Rehearsal: mail is caught here and goes to nobody",
    )

"""The main text of a web page, taken out in a process of its own.

The parsers meet whatever the web holds. Two megabytes of attributes on one tag keep them busy for minutes and large
tables make them fill hundreds of megabytes, and neither can be interrupted from inside. So this file is also a small
program: it runs without environment, with limits on memory and processor time, and is ended when a page takes too long.
"""

import json
import os
import re
import resource
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

SECONDS_PER_PAGE = 5.0
SECONDS_TO_START = 20.0  # a busy machine takes its time to import the parsers
MEMORY_BYTES = 768_000_000
PROCESSOR_SECONDS = 120
MAX_TITLE, MAX_DESCRIPTION = 300, 500
MAX_LINKS, MAX_LINK_LENGTH = 1_000, 2_048
# Control characters but tab and newline, lone surrogates, and code points that are no characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class PageUnreadable(Exception):
    """`reason`: too_complex (time or memory ran out) or unreadable (a parser gave up)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class PageContent:
    """Texts are printable; `canonical` and `links` are as they stand in the page, neither resolved nor checked."""

    title: str
    description: str
    text: str
    canonical: str
    links: list[str]


class PageReader:
    """A child process that reads one page after the other; a context manager, started with the first page."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PageReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def read(self, body: bytes, *, url: str, max_bytes: int) -> PageContent:
        """`max_bytes` of UTF-8 are kept of the text. Raises PageUnreadable."""
        seconds = SECONDS_PER_PAGE
        if self._child is None:
            seconds += SECONDS_TO_START
            self._child = subprocess.Popen(
                # -I: neither the working folder nor PYTHON* variables decide what is imported
                [sys.executable, "-I", str(Path(__file__).resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
            )
        question = json.dumps({"url": url, "max_bytes": max_bytes, "body_bytes": len(body)}).encode()
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(question + b"\n" + body)
            self._child.stdin.flush()
            answer = json.loads(self._line(time.monotonic() + seconds))
        except (OSError, EOFError, TimeoutError):
            self._end()
            raise PageUnreadable("too_complex") from None
        if answer is None:
            raise PageUnreadable("unreadable")
        return PageContent(**answer)

    def _line(self, deadline: float) -> bytes:
        assert self._child is not None and self._child.stdout is not None
        pipe = self._child.stdout.fileno()
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([pipe], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError
            piece = os.read(pipe, 65536)
            if not piece:
                raise EOFError
            line += piece
        return line

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def content_of(body: bytes, *, url: str, max_bytes: int) -> PageContent:
    """What a page says, by trafilatura's judgement of what is main text and what is furniture."""
    import trafilatura  # here, for the process that starts the child has no use for it

    tree = trafilatura.load_html(body)
    if tree is None:
        return PageContent("", "", "", "", [])
    links = [str(link) for link in tree.xpath("//a[not(contains(@rel, 'nofollow'))]/@href")[:MAX_LINKS]]
    canonical = [str(link) for link in tree.xpath("//link[@rel='canonical']/@href")[:1]]
    found: Any = trafilatura.bare_extraction(
        tree, url=url, include_comments=False, favor_recall=True, with_metadata=True
    )
    # A page of a few words has no main text in that judgement; then all of its words are taken.
    text = getattr(found, "text", None) or trafilatura.html2txt(body)
    return PageContent(
        title=printable(getattr(found, "title", None) or tree.findtext(".//title"), MAX_TITLE).strip(),
        description=printable(getattr(found, "description", None), MAX_DESCRIPTION),
        text=printable(text, max_bytes).strip(),
        canonical=canonical[0] if canonical and len(canonical[0]) <= MAX_LINK_LENGTH else "",
        links=[link for link in links if len(link) <= MAX_LINK_LENGTH],
    )


def printable(text: str | None, max_bytes: int) -> str:
    """The text without control characters and lone surrogates, at most so many bytes of UTF-8."""
    return UNPRINTABLE.sub("", text or "").encode()[:max_bytes].decode("utf-8", "ignore")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    for line in sys.stdin.buffer:
        question = json.loads(line)
        body = sys.stdin.buffer.read(question.pop("body_bytes"))
        try:
            answer = vars(content_of(body, **question))
        except MemoryError:
            sys.exit(1)
        except Exception:  # whatever a parser raised, the parent notes the page as unreadable
            answer = None
        sys.stdout.write(json.dumps(answer) + "\n")  # ASCII, so that no code point can break the line
        sys.stdout.flush()


if __name__ == "__main__":
    main()

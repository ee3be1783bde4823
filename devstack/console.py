"""What the operator reads: one line per step with its seconds, and sentences when something is wrong."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TextIO

ANOTHER_WAY = "`make up COMPOSE=1` runs the servers with Docker instead."

_line_is_open = False
_on_stderr = False


class Trouble(Exception):
    """A sentence for the operator: what does not work, and what to do about it."""


def leave_stdout_alone() -> None:
    """Report on stderr from now on: stdout belongs to the command that is run."""
    global _on_stderr
    _on_stderr = True


def say(text: str) -> None:
    """Print one line at once, on a line of its own."""
    global _line_is_open
    _write(("\n" if _line_is_open else "") + text + "\n")
    _line_is_open = False


@contextlib.contextmanager
def step(name: str, *, detail: str = "") -> Iterator[None]:
    """Show `name` while the block runs, then how long it took.

    A terminal sees the name at once; a log file gets the finished line only.
    """
    global _line_is_open
    began = time.monotonic()
    if _screen().isatty():
        _write(f"          {name} …")
        _line_is_open = True
    yield
    _write("\r\x1b[K" if _line_is_open else "")
    _line_is_open = False
    _write(f"{time.monotonic() - began:7.1f} s  {name:<18} {detail}".rstrip() + "\n")


def _screen() -> TextIO:
    return sys.stderr if _on_stderr else sys.stdout


def _write(text: str) -> None:
    """Write to the screen; when the terminal or the pipe is gone, carry on without it.

    The servers still have to be stopped in order after their terminal vanished, so a lost screen is no error.
    """
    try:
        _screen().write(text)
        _screen().flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)

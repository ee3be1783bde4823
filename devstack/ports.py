"""The block of sixteen loopback ports one stack uses."""

import contextlib
import os
import socket
import time
from pathlib import Path

from devstack.console import Trouble
from devstack.places import Places

HOST = "127.0.0.1"
NAMES = (
    "postgres", "mongo", "valkey", "s3", "s3.grpc", "master", "master.grpc", "filer", "filer.grpc", "volume",
    "volume.grpc", "admin", "admin.grpc", "web", "sandbox", "sandbox.smtp",
)  # fmt: skip
BLOCK = 16
FIRST = 21400
LENT_BY_THE_KERNEL = 32768  # from here up the kernel hands ports to outgoing connections


class Block:
    """One claimed block. Two stacks that start at the same moment cannot claim the same one."""

    def __init__(self, *, base: int, claim: socket.socket) -> None:
        self.base = base
        self._claim = claim  # held for as long as this process lives; the kernel frees it, even after kill -9

    def port(self, name: str) -> int:
        return self.base + NAMES.index(name)

    def close(self) -> None:
        """Let others have the block."""
        self._claim.close()

    def remove_sockets(self) -> None:
        """Remove what SeaweedFS left under this block's numbers: another user could not, and would have to move."""
        for offset in range(BLOCK):
            _remove_sockets(self.base + offset)


def choose(places: Places) -> Block:
    """The block this folder used before, else the next one that nobody holds.

    `DEVSTACK_BASE_PORT` overrules what is remembered. Raises Trouble when every block is taken.
    """
    kept = places.local / "port"
    wanted = os.environ.get("DEVSTACK_BASE_PORT") or (kept.read_text() if kept.exists() else str(FIRST))
    try:
        first = int(wanted)
    except ValueError:
        raise Trouble(f"The first port is {wanted!r}, which is no number: see DEVSTACK_BASE_PORT and {kept}.") from None
    for base in range(first, LENT_BY_THE_KERNEL - BLOCK, BLOCK):
        if (claim := _claim(base, patience=10 if base == first else 1)) is not None:
            places.keep(kept, str(base), mode=0o644)
            return Block(base=base, claim=claim)
    raise Trouble(f"No free block of {BLOCK} ports from {first} up; set DEVSTACK_BASE_PORT (1024 to 32000).")


def _claim(base: int, *, patience: int) -> socket.socket | None:
    """Hold the block's name, an abstract socket, and see that every port of it can be bound."""
    claim = socket.socket(socket.AF_UNIX)
    for attempt in range(patience):
        if attempt:
            time.sleep(0.2)  # connections of a stack that was killed may still be closing
        with contextlib.suppress(OSError):  # not ours to have: the next block
            claim.bind(f"\0leadmetrics-devstack-{base}")
            if all(_is_free(base + offset) for offset in range(BLOCK)):
                return claim
            claim.close()
            claim = socket.socket(socket.AF_UNIX)
    claim.close()
    return None


def _is_free(port: int) -> bool:
    """Whether `port` can be bound and no socket of another user's `weed` blocks it."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
        _remove_sockets(port)
    except OSError:
        return False
    return True


def _remove_sockets(port: int) -> None:
    """Remove the sockets a `weed` left under the number of one of its ports; raises OSError for another user's.

    SeaweedFS puts them in the system's temporary folder whatever TMPDIR says, and will not start where one lies that
    it may not replace.
    """
    for left in Path("/", "tmp").glob(f"seaweedfs-*-{port}.sock"):
        left.unlink()

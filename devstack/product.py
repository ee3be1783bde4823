"""The product's own processes, the rehearsal world beside it, and the commands that prepare it."""

import contextlib
import smtplib
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.console import say, step
from devstack.places import CHECKOUT, Places
from devstack.ports import HOST, Block
from devstack.processes import STOP_SECONDS, Service, Supervisor

TIER = 10  # stops before every server
NAMES = ("sandbox", "web", "worker", "ticks", "beat")


def sandbox(block: Block, environment: Mapping[str, str]) -> Service:
    """The outside world: platforms and models over HTTP, and a mail catcher."""
    http, smtp = block.port("sandbox"), block.port("sandbox.smtp")

    def ready() -> None:
        with contextlib.suppress(urllib.error.HTTPError):  # any status is an answer
            urllib.request.urlopen(f"http://{HOST}:{http}/", timeout=2).close()
        with smtplib.SMTP(HOST, smtp, timeout=2):
            pass  # has read the greeting

    return _python(
        "sandbox",
        "Sandbox",
        ["sandbox", "--port", str(http), "--smtp-port", str(smtp)],
        environment,
        ready=ready,
        detail=f"http://{HOST}:{http} (mail: {smtp})",
    )


def serving(places: Places, block: Block, environment: Mapping[str, str]) -> list[Service]:
    """Web, the two workers and beat. Web is ready when /readyz is, which asks every server."""
    port = block.port("web")

    def ready() -> None:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5).close()
        except urllib.error.HTTPError as answer:  # its body says which server is missing
            raise ConnectionError(
                f"/readyz answers {answer.code}: {answer.read(500).decode(errors='replace')}"
            ) from None

    beat = places.data / "beat"
    beat.mkdir(mode=0o700, exist_ok=True)
    places.give(beat)
    granian = (
        f"granian --interface wsgi config.wsgi:application --host {HOST} --port {port} --workers 2 --blocking-threads 2 "
        "--no-ws --respawn-failed-workers --workers-kill-timeout 5"
    ).split()
    quiet = ["--loglevel", "WARNING"]
    worker = ["celery", "-A", "config", "worker", *quiet]
    scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    files = ["--schedule", str(beat / "schedule"), "--pidfile", str(beat / "pid")]
    return [
        _python("web", "Web", granian, environment, ready=ready, detail=f"http://{HOST}:{port}"),
        _python(
            "worker",
            "Worker",
            [*worker, "-n", "work@%h", "-Q", "work", "-c", "2"],
            {"DRAIN_SECONDS": str(STOP_SECONDS // 2), **environment},  # gives work back before the stack kills it
            detail="started",
        ),
        _python("ticks", "Ticks", [*worker, "-n", "ticks@%h", "-Q", "ticks", "-c", "1"], environment, detail="started"),
        _python(
            "beat",
            "Beat",
            ["celery", "-A", "config", "beat", "--scheduler", scheduler, *files, *quiet],
            environment,
            detail="started",
            # The number of a beat that was killed may be somebody else's by now, which would keep this one from starting.
            prepare=lambda: (beat / "pid").unlink(missing_ok=True),
        ),
    ]


def _python(name: str, title: str, arguments: list[str], environment: Mapping[str, str], **more: Any) -> Service:
    """A process of the product runs as whoever runs this: it reads the checkout and the virtual environment."""
    return Service(
        name=name,
        title=title,
        command=[sys.executable, "-m", *arguments],
        folder=CHECKOUT,
        tier=TIER,
        environment={**environment, "PYTHONUNBUFFERED": "1"},
        **more,
    )


def prepare(supervisor: Supervisor, environment: Mapping[str, str]) -> None:
    """Bring tables, collections, buckets and the first sign-in up to date. Raises Trouble when a command fails."""
    staff = ["--email", "sam@leadmetrics.test", "--name", "Sam Iyer", "--role", "super_admin", "--if-missing"]
    for name, arguments in {"migrate": [], "bootstrap": [], "create_staff": staff}.items():
        with step(f"manage.py {name}"):
            supervisor.run(name, _manage(name, *arguments), environment=environment, folder=CHECKOUT)


def demo(supervisor: Supervisor, environment: Mapping[str, str]) -> int:
    """Walk the main journey on the screen; the exit code of `manage.py demo`."""
    return supervisor.show(_manage("demo"), environment=environment, folder=CHECKOUT)


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(CHECKOUT / "manage.py"), *arguments]


def show_addresses(environment: Mapping[str, str], *, file: Path) -> None:
    """Where the product answers and who may sign in."""
    web = environment["PUBLIC_BASE_URL"]
    doors = {
        "Manage": f"{web}/manage/",
        "DM Portal": f"{web}/dm/",
        "Client dashboard": f"{web}/app/",
        "API": f"{web}/api/v1/docs/",
        "Sandbox": environment["SANDBOX_URL"],
        "Sign in as": f"sam@leadmetrics.test, password {environment['DEMO_PASSWORD']} (everybody of the demo has it)",
        "Addresses, keys": str(file),
    }
    say("")
    for name, place in doors.items():
        say(f"  {name:<17} {place}")
    say("")

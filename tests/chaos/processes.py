"""Workers of the product as real processes: started, killed, frozen and thawed by the test."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import httpx2
from django.conf import settings

from tests.databases import ROOT


def environment(database: str | None = None, **more: str) -> dict[str, str]:
    """What a process of the product needs to run on this test's database, stores and rehearsal world."""
    params = settings.DATABASES["default"]
    address = f"{params['USER']}:{params['PASSWORD']}@{params['HOST']}:{params['PORT']}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "LOG_LEVEL": "CRITICAL",
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": f"postgres://{address}/{database or params['NAME']}",
        "MONGO_URL": settings.MONGO_URL,
        "MONGO_AUDIT_URL": settings.MONGO_AUDIT_URL,
        "MONGO_AUDIT_READ_URL": settings.MONGO_AUDIT_READ_URL,
        "ANTHROPIC_BASE_URL": settings.ANTHROPIC_BASE_URL,
        "ANTHROPIC_API_KEY": settings.ANTHROPIC_API_KEY,
        "OPENAI_BASE_URL": settings.OPENAI_BASE_URL,
        "OPENAI_API_KEY": settings.OPENAI_API_KEY,
        "OLLAMA_BASE_URL": settings.OLLAMA_BASE_URL,
        "GOOGLE_APIS_BASE_URL": settings.GOOGLE_APIS_BASE_URL,
        "GOOGLE_ANALYTICS_BASE_URL": settings.GOOGLE_ANALYTICS_BASE_URL,
        "DATAFORSEO_BASE_URL": settings.DATAFORSEO_BASE_URL,
        "DATAFORSEO_LOGIN": settings.DATAFORSEO_LOGIN,
        "DATAFORSEO_PASSWORD": settings.DATAFORSEO_PASSWORD,
        "WORDPRESS_BASE_URL": settings.WORDPRESS_BASE_URL,
        "EGRESS_ALLOW_HOSTS": ",".join(settings.EGRESS_ALLOW_HOSTS),
        **more,
    }


@dataclass
class Worker:
    """One worker and its heartbeat, or another of the product's processes without a page: a process group."""

    pid: int
    nursery: "Nursery"
    what: str = "worker"
    _is_over: bool = False

    @property
    def name(self) -> str:
        """What PostgreSQL calls its connections."""
        return f"{self.what}-{self.pid}"

    def kill(self) -> float:
        """SIGKILL to the whole group; when it happened, by the monotonic clock."""
        if not self.has_ended():
            os.killpg(self.pid, signal.SIGKILL)
            self._wait(10)
        return time.monotonic()

    def freeze(self) -> None:
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM and wait: it finishes what it has begun."""
        os.killpg(self.pid, signal.SIGCONT)
        os.kill(self.pid, signal.SIGTERM)
        self._wait(40)

    def has_ended(self) -> bool:
        self._is_over = self._is_over or self.nursery.ask(f"ended {self.pid}") == "yes"
        return self._is_over

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.has_ended():
            assert time.monotonic() < deadline, f"Worker {self.pid} does not end."
            time.sleep(0.02)


class Nursery:
    """The warm process behind all workers of a session."""

    def __init__(self, **more: str):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker_process"],
            cwd=ROOT,
            env=environment(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, database: str, what: str = "worker") -> Worker:
        """A "worker"; a "beat", which rings what has a rhythm; or a "plan", which plans once and ends."""
        return Worker(int(self.ask(f"start {database} {what}")), self, what)

    def ask(self, line: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


class Web:
    """Granian on a free port, ready; with the test's broker and cache."""

    def __init__(self, database: str, **more: str):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = f"granian --interface wsgi config.wsgi:application --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 4 --no-ws"
        variables = {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "PUBLIC_BASE_URL": self.address,
            "ALLOWED_HOSTS": "127.0.0.1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command.split()], cwd=ROOT, env={**environment(database), **more, **variables}
        )
        deadline = time.monotonic() + 60
        with httpx2.Client(trust_env=False, timeout=5) as http:
            while True:
                try:
                    assert http.get(f"{self.address}/healthz").status_code == 200
                    return
                except httpx2.TransportError:
                    is_alive = self._process.poll() is None
                    assert time.monotonic() < deadline and is_alive, "The web process does not come up."
                    time.sleep(0.1)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

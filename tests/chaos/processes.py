"""Workers of the product as real processes: started, killed, frozen and thawed by the test."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

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
    """One worker and its heartbeat: a process group."""

    pid: int
    nursery: "Nursery"
    _is_over: bool = False

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

    def start(self, database: str) -> Worker:
        return Worker(int(self.ask(f"start {database}")), self)

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

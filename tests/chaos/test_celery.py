"""The product's own processes, `celery worker` and `celery beat`, on a real broker: killed, and the broker emptied."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from apps.content.models import BlogPost
from tests.chaos import checking
from tests.chaos.processes import environment
from tests.databases import ROOT

CREATE_POST = "POST /wordpress/acme/wp-json/wp/v2/posts"


class Celery:
    """`celery -A config …` as a process group on its own Valkey database."""

    def __init__(self, *arguments: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", *arguments, "--loglevel", "ERROR"],
            cwd=ROOT,
            env=environment(DJANGO_SETTINGS_MODULE="tests.chaos.settings", REDIS_URL=broker()),
            start_new_session=True,
        )

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def broker() -> str:
    """The stack's Valkey, in a database nobody else uses."""
    return f"{settings.REDIS_URL.rpartition('/')[0]}/9"


@pytest.fixture
def beat(chaos, tmp_path) -> Iterator[Celery]:
    scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    beat = Celery("beat", "--scheduler", scheduler, "--schedule", str(tmp_path / "beat"), "--pidfile", "")
    yield beat
    beat.kill()


@pytest.fixture
def workers() -> Iterator[list[Celery]]:
    workers: list[Celery] = []
    yield workers
    for worker in workers:
        worker.kill()
    with Redis.from_url(broker()) as redis:
        redis.flushdb()


def test_a_killed_celery_worker_and_an_emptied_broker_lose_and_double_nothing(chaos, beat, workers):
    chaos.decide("client")
    chaos.decide("topics")
    chaos.hold("anthropic", "received")
    chaos.hold("wordpress", "recorded", CREATE_POST)
    workers.append(Celery("worker", "--concurrency", "2"))
    chaos.until_held(2)
    workers[0].kill()
    chaos.count_kill()
    with Redis.from_url(broker()) as redis:
        redis.flushdb()
    chaos.release(drop=True)

    workers.append(Celery("worker", "--concurrency", "2"))
    chaos.rest(seconds=90)

    with chaos.world.at("client"):
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["published", "published"]
    with chaos.world.at("topics"):
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["review", "review"]
    assert len(checking.posts_created(chaos.sandbox)) == 2
    beat.kill()
    workers[1].kill()
    chaos.check()

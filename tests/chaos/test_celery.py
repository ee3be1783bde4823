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

    def has(self, chaos, activity_id) -> bool:
        """Whether the activity's lease is of one of these processes."""
        ((worker,),) = chaos.ask("SELECT worker FROM activity_leases WHERE activity_id = %s", activity_id)
        return os.getpgid(int(worker.rpartition(":")[2])) == self.process.pid

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


def test_the_dead_are_swept_and_deliveries_made_while_all_who_work_wait_for_slow_answers(chaos, beat, workers):
    chaos.decide("client")
    chaos.decide("topics")
    chaos.hold("anthropic", "received")
    chaos.hold("wordpress", "recorded", CREATE_POST)
    for held in (1, 2):
        workers.append(Celery("worker", "-Q", "work", "-n", f"work{held}", "-c", "1"))
        chaos.until_held(held)
    workers.append(Celery("worker", "-Q", "ticks", "-n", "ticks", "-c", "1"))
    leased = [id for (id,) in chaos.ask("SELECT activity_id FROM activity_leases WHERE expires_on IS NOT NULL")]
    (swept,), (held,) = ([id for id in leased if worker.has(chaos, id)] for worker in (workers[1], workers[0]))
    workers[1].kill()
    chaos.count_kill()

    chaos.until(lambda: chaos.status_of(swept) == "assigned", "the dead worker's activity is ready again")
    chaos.until(lambda: not chaos.ask("SELECT 1 FROM journal_deliveries"), "the audit copy is written")
    assert (chaos.status_of(held), chaos.attempt_of(held)) == ("in_progress", 1)

    chaos.release()
    chaos.rest(seconds=90)
    with chaos.world.at("client"):
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["published", "published"]
    beat.kill()
    for worker in workers:
        worker.kill()
    chaos.check()

"""What Celery itself does: a worker started as the product's, on a queue of its own, whose tasks do nothing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from django.conf import settings
from redis import Redis

QUEUE, DONE = "leadmetrics-bench", "leadmetrics-bench-done"
READY_SECONDS = 60

app = Celery("bench")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_default_queue = QUEUE


@app.task(name="bench.nothing")
def nothing() -> None:
    pass


@app.task(name="bench.tell")
def tell() -> None:
    valkey().lpush(DONE, "done")


def valkey() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2 * READY_SECONDS)  # longer than it is ever waited for


@contextmanager
def celery_worker() -> Iterator[None]:
    """Two processes, as the devstack starts it."""
    valkey().delete(QUEUE, DONE)
    command = ["-A", "tests.bench.noop", "worker", "-c", "2", "-n", "bench@%h", "-Q", QUEUE, "--loglevel", "WARNING"]
    process = subprocess.Popen([sys.executable, "-m", "celery", *command], stdout=subprocess.DEVNULL)
    try:
        tell.delay()
        work_off(1, within=READY_SECONDS)
        yield
    finally:
        process.terminate()
        process.wait(30)
        valkey().delete(QUEUE, DONE)


def pause() -> None:
    """The worker leaves the queue alone, and tells that it does."""
    app.control.cancel_consumer(QUEUE, reply=True, timeout=2)


def fill(tasks: int) -> None:
    """So many tasks that do nothing, and one that tells when they are done; none is begun before `work_off`."""
    pause()
    valkey().delete(QUEUE)
    with app.producer_pool.acquire(block=True) as producer:
        for task in [nothing] * tasks + [tell]:
            task.apply_async(producer=producer)


def work_off(tasks: int, *, within: float = 60) -> int:
    """Wait until the worker has done what lies in its queue; how many that were."""
    app.control.add_consumer(QUEUE)
    assert valkey().blpop([DONE], timeout=within), "The Celery worker did not answer."
    return tasks

"""Commands run by several people at the same moment."""

import base64
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, connections
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.activities import operations, seeds
from apps.activities.management.commands import bootstrap
from apps.activities.models import ActivityTemplate, RecurringTaskTemplate
from apps.channels.models import Channel
from apps.shared import rotation
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant

AT = timezone.now()
RUNNERS = 8


def at_once(work) -> list:
    """What each of the runners came to, all let go at the same moment; each has a connection of its own."""
    barrier = threading.Barrier(RUNNERS)

    def runner(_):
        try:
            barrier.wait()
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RUNNERS) as pool:
        return list(pool.map(runner, range(RUNNERS)))


def test_missing_partitions_are_made_once(own_database):
    with connections["migrator"].cursor() as cursor:
        cursor.execute("SELECT to_char(now() + interval '2 months', '\"llm_calls_\"YYYY_MM')")
        (partition,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE llm_calls DETACH PARTITION {partition}")
        cursor.execute(f"DROP TABLE {partition}")

    made = at_once(lambda: operations.ensure_partitions(AT))

    assert sorted(made) == [0] * (RUNNERS - 1) + [1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [partition])
        assert cursor.fetchone() == (True,)


def test_what_bootstrap_makes_is_made_once(own_database):
    with connections["migrator"].cursor() as cursor:
        cursor.execute("DELETE FROM django_celery_beat_periodictask")
        cursor.execute("DELETE FROM django_celery_beat_intervalschedule")
        cursor.execute("UPDATE recurring_task_templates SET name = name || ' of old' WHERE tenant_id IS NULL")
    with every_tenant(reason="the test counts global templates"):
        before = RecurringTaskTemplate.objects.filter(tenant=None).count()

    def bootstrapped() -> int:
        count = operations.seed_global_templates(at=AT)
        bootstrap.Command(stdout=io.StringIO())._ticks()
        return count

    made = at_once(bootstrapped)

    assert sorted(made) == [0] * (RUNNERS - 1) + [before]
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == set(bootstrap.TICKS)
    schedules = list(IntervalSchedule.objects.values_list("every", "period"))
    assert len(schedules) == len(set(schedules))
    with every_tenant(reason="the test counts global templates"):
        assert RecurringTaskTemplate.objects.filter(tenant=None).count() == 2 * before
        assert ActivityTemplate.objects.filter(tenant=None).count() == len(seeds.PIPELINES)


def test_every_secret_is_sealed_again_once(own_database, settings):
    settings.ENCRYPTION_KEYS = [f"k2:{base64.b64encode(os.urandom(32)).decode()}", *settings.ENCRYPTION_KEYS]

    def rotate() -> int:
        with every_tenant(reason="the test rotates the key of all clients"):
            return sum(done.sealed_again for done in rotation.rotate(Channel, by=Actor.system("tests"), at=AT))

    sealed = at_once(rotate)

    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    with every_tenant(reason="the test opens the secrets of all clients"):
        channels = list(Channel.with_deleted.all())
        assert len({channel.access_token.open() for channel in channels}) == 1  # the rehearsal's password
        assert sorted(sealed) == [0] * (RUNNERS - 1) + [len(channels)]
        assert JournalEntry.objects.filter(code="secrets.sealed_again").count() == 1

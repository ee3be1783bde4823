"""Celery as a doorbell: a message says that there is something to do, PostgreSQL says what."""

import os

import structlog
from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError

from . import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

app = Celery("leadmetrics")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

log = structlog.get_logger(__name__)

BELLS = {"deliveries": "doors.deliver", "work": "activities.work"}


def ring(name: str) -> None:
    """Send one bell. A broker that is away delays the work until the next sweep; it must not fail the request."""
    if broker.is_away():
        return
    try:
        app.send_task(BELLS[name], expires=60)
    except (CeleryError, KombuError, OSError) as error:
        log.warning("bell.not_rung", bell=name, cause=type(error).__name__)
        broker.found_away()

"""Where the parts are put together: settings, URLs, reactions, gates, agents."""

from .celery import app as celery_app

__all__ = ["celery_app"]

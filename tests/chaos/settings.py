"""The test settings with the real broker and the real cache, for processes that need both."""

from config.settings.test import *  # noqa: F403
from config.settings.test import REDIS_URL

CELERY_BROKER_URL = REDIS_URL
CACHES = {
    "default": {
        "BACKEND": "config.caching.CarefulRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

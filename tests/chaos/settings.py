"""The test settings with the real broker, cache and mail server, for processes that need them."""

from config.settings.test import *  # noqa: F403
from config.settings.test import REDIS_URL

CELERY_BROKER_URL = REDIS_URL
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # host and port come from EMAIL_URL
CACHES = {
    "default": {
        "BACKEND": "config.caching.CarefulRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

"""Tests: the same stores as development, databases and buckets of their own, a fast password hasher, no clock waits."""

from .development import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_BROKER_URL = "redis://127.0.0.1:1/0"  # nothing listens: bells in tests are pulled by hand
LEASE_SECONDS, HEARTBEAT_SECONDS, SWEEP_SECONDS, SETTLE_SECONDS, DRAIN_SECONDS = 3.0, 1.0, 1.0, 3.0, 1.0
CONTRACT_RETENTION_DAYS = 60 / 86_400  # a minute, or locked test objects stay for years
S3_BUCKET, S3_CONTRACTS_BUCKET = "leadmetrics-test-content", "leadmetrics-test-contracts"
STORAGES |= {  # noqa: F405
    "default": s3_storage(S3_BUCKET),  # noqa: F405
    "content": s3_storage(S3_BUCKET),  # noqa: F405
    "contracts": s3_storage(S3_CONTRACTS_BUCKET),  # noqa: F405
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LOGGING["root"]["level"] = "ERROR"  # noqa: F405
STATEMENT_TIMINGS = False
WHITENOISE_AUTOREFRESH = True  # or every client of every test looks at every static file there is

"""Production: refuses to start with anything that development forgives."""

from django.core.exceptions import ImproperlyConfigured

from .base import *  # noqa: F403
from .base import (
    ALLOWED_HOSTS,
    DATABASE_POOL,
    DATABASES,
    ENCRYPTION_KEYS,
    HEARTBEAT_SECONDS,
    LEASE_SECONDS,
    PUBLIC_BASE_URL,
    SECRET_KEY,
    env,
)

DEBUG = False
if env.bool("DEBUG", default=False):
    raise ImproperlyConfigured("DEBUG must be off in production.")
if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("django-insecure"):
    raise ImproperlyConfigured("SECRET_KEY must have at least 50 random characters.")
if not ENCRYPTION_KEYS:
    raise ImproperlyConfigured("ENCRYPTION_KEYS is empty.")
if "*" in ALLOWED_HOSTS or not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts.")
if not PUBLIC_BASE_URL.startswith("https://"):
    raise ImproperlyConfigured("PUBLIC_BASE_URL must be an https address.")
if HEARTBEAT_SECONDS * 3 > LEASE_SECONDS:
    raise ImproperlyConfigured("HEARTBEAT_SECONDS must be at most a third of LEASE_SECONDS.")

SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"

if not 1 <= DATABASE_POOL["min_size"] <= DATABASE_POOL["max_size"]:
    raise ImproperlyConfigured("DATABASE_POOL_MIN must be at least 1 and at most DATABASE_POOL_MAX.")
DATABASES["default"]["CONN_MAX_AGE"] = 0  # the pool keeps connections, not the thread
DATABASES["default"]["OPTIONS"]["pool"] = DATABASE_POOL
_sslmode = env("DATABASE_SSLMODE", default="verify-full") if env.bool("DATABASE_SSL", default=True) else "prefer"
for _database in DATABASES.values():
    _database["OPTIONS"] = {**_database.get("OPTIONS", {}), "sslmode": _sslmode}

STYLEGUIDE = False

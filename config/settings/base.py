"""Settings of every environment; whatever differs comes from the environment variables named in the README."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import environ
from csp.constants import NONCE

from ..unfold import UNFOLD  # noqa: F401  (how Manage looks)

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parents[2]
RELEASE = "0.1.0"

SECRET_KEY = env("SECRET_KEY")
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS")
DEBUG = False
PUBLIC_BASE_URL = env("PUBLIC_BASE_URL").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[environ.urlparse(PUBLIC_BASE_URL).hostname])
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "apps.portals.manage.apps.ManageConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
    "csp",
    "django_celery_beat",
    "apps.shared",
    "apps.tenants",
    "apps.billing",
    "apps.strategy",
    "apps.channels",
    "apps.activities",
    "apps.content",
    "apps.ads",
    "apps.crm",
    "apps.portals",
    "config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.tenants.doors.middleware.RequestContext",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["template_partials.templatetags.partials"],  # as in Django 6, where they are built in
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.portals.app.frame.dashboard",
                "apps.portals.dm.frame.portal",
            ],
        },
    },
]

DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL"),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,  # a restarted PostgreSQL costs no request
        # PgBouncer hands a connection on after each transaction: nothing may stay on it, here and in development alike.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "prepare_threshold": None,
            "sslmode": "require" if env.bool("DATABASE_SSL", False) else "prefer",
        },
    }
}
# The pool of one process, used in production; development connects directly and keeps one connection per thread.
DATABASE_POOL = {
    "min_size": env.int("DATABASE_POOL_MIN", 2),
    "max_size": env.int("DATABASE_POOL_MAX", 20),
    "timeout": 5,  # seconds a thread waits for a connection; then the request fails as without PostgreSQL
}
if env("DATABASE_MIGRATOR_URL", default=""):  # only where migrations run
    DATABASES["migrator"] = {**env.db_url("DATABASE_MIGRATOR_URL"), "TEST": {"MIRROR": "default"}}
DATABASE_ROUTERS = ["config.routers.NoPermissionTables"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # tables of packages; the product's own have ULIDs

STATEMENT_TIMINGS = env.bool("STATEMENT_TIMINGS", True)

MONGO_URL = env("MONGO_URL")
MONGO_AUDIT_URL = env("MONGO_AUDIT_URL")
MONGO_AUDIT_READ_URL = env("MONGO_AUDIT_READ_URL")
MONGO_ADMIN_URL = env("MONGO_ADMIN_URL", default="")  # bootstrap only

S3_ENDPOINT = env("S3_ENDPOINT")
S3_PUBLIC_ENDPOINT = env("S3_PUBLIC_ENDPOINT", default=S3_ENDPOINT)
S3_REGION = env("S3_REGION", default="us-east-1")
S3_BUCKET = env("S3_BUCKET")
S3_CONTRACTS_BUCKET = env("S3_CONTRACTS_BUCKET")
S3_ADMIN_ACCESS_KEY = env("S3_ADMIN_ACCESS_KEY", default="")  # bootstrap only
S3_ADMIN_SECRET_KEY = env("S3_ADMIN_SECRET_KEY", default="")
CONTRACT_RETENTION_DAYS = env.float("CONTRACT_RETENTION_DAYS", default=3653.0)


def s3_storage(bucket: str) -> dict:
    from botocore.config import Config

    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": S3_ENDPOINT,
            "region_name": S3_REGION,
            "access_key": env("S3_ACCESS_KEY"),
            "secret_key": env("S3_SECRET_KEY"),
            "file_overwrite": True,  # keys are made by us; a fixed key is written again as a new version
            "querystring_auth": True,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=3,
                read_timeout=10,
                retries={"total_max_attempts": 2},
                max_pool_connections=16,
            ),
        },
    }


STORAGES = {
    "default": s3_storage(S3_BUCKET),
    "content": s3_storage(S3_BUCKET),
    "contracts": s3_storage(S3_CONTRACTS_BUCKET),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

REDIS_URL = env("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "config.caching.CarefulRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "UTC"  # tenants' time zones are the planner's business
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False  # a bell that does not ring is rung again by the sweep
# Work has a queue of its own: while every process of one worker waits for models, another hears the sweep and the
# deliveries. A worker without -Q hears both.
CELERY_TASK_QUEUES: dict[str, dict] = {"ticks": {}, "work": {}}
CELERY_TASK_DEFAULT_QUEUE = "ticks"
CELERY_TASK_ROUTES = {"activities.work": {"queue": "work"}}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 1_800,  # longer than any run; a lost bell is found by the sweep long before
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 1,
    # A broker that is away or silent must not hold a request up: one more try at once, then the sweep rings.
    "socket_timeout": 1.5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
CELERY_DB_REUSE_MAX = 10_000  # the connection outlives the task: 4.4 times the throughput
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Seconds, fractions allowed; the same for every process that reads them.
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30.0)
HEARTBEAT_SECONDS = env.float("HEARTBEAT_SECONDS", default=10.0)
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=10.0)
SETTLE_SECONDS = env.float("SETTLE_SECONDS", default=30.0)
# What an agent remembers of its work towards a goal: over a month, so that one month's work knows the last one's.
SESSION_SECONDS = env.float("SESSION_SECONDS", default=45 * 86_400.0)

# Models. A base URL left empty means the vendor's own address.
ANTHROPIC_BASE_URL = env("ANTHROPIC_BASE_URL", default="") or "https://api.anthropic.com"
ANTHROPIC_API_KEY = env("ANTHROPIC_API_KEY", default="")
OPENAI_BASE_URL = env("OPENAI_BASE_URL", default="") or "https://api.openai.com/v1"
OPENAI_API_KEY = env("OPENAI_API_KEY", default="")
OLLAMA_BASE_URL = env("OLLAMA_BASE_URL", default="")  # a server of one's own, named in EGRESS_ALLOW_HOSTS
WORDPRESS_BASE_URL = env("WORDPRESS_BASE_URL", default="")  # overrides the site of every WordPress channel
INR_PER_USD = Decimal(env("INR_PER_USD", default="85"))  # only for comparing model costs with plan prices
GOOGLE_APIS_BASE_URL = env("GOOGLE_APIS_BASE_URL", default="") or "https://www.googleapis.com"
GOOGLE_ANALYTICS_BASE_URL = env("GOOGLE_ANALYTICS_BASE_URL", default="") or "https://analyticsdata.googleapis.com"
DATAFORSEO_BASE_URL = env("DATAFORSEO_BASE_URL", default="") or "https://api.dataforseo.com"
DATAFORSEO_LOGIN = env("DATAFORSEO_LOGIN", default="")  # without it agents are told that it is not connected
DATAFORSEO_PASSWORD = env("DATAFORSEO_PASSWORD", default="")
DEFAULT_MONTHLY_CAP_USD = env("DEFAULT_MONTHLY_CAP_USD", default="50")  # a tenant without a cap of its own
EGRESS_ALLOW_HOSTS = env.list("EGRESS_ALLOW_HOSTS", default=[])

EMAIL_URL = env.email_url("EMAIL_URL")
vars().update(EMAIL_URL)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="Leadmetrics <hello@leadmetrics.example>")

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_ADAPTER = "apps.tenants.sign_in.AccountAdapter"
ACCOUNT_FORMS = {"login": "apps.tenants.forms.SignInForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # people come by invitation, which proves the address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "apps.tenants.doors.portal.csrf_failure"

SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", NONCE],  # a client's accent colour is a style element
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.tenants.doors.api.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.tenants.doors.api.SignedIn"],
    "DEFAULT_PARSER_CLASSES": ["apps.tenants.doors.api.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.tenants.doors.problems.handle",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/min"},
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Leadmetrics API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # bad input: a body of more than 1 MiB is refused
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_HANDLERS = ["apps.tenants.doors.uploads.LimitedUpload"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en-gb"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "pymongo": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
    },
}

"""Whether the process lives, and whether it can work."""

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from redis import Redis
from redis.exceptions import RedisError

from apps.storage import clients


def healthz(request):
    """The process lives; asks nobody."""
    return JsonResponse({"status": "ok"})


def readyz(request):
    """503 without PostgreSQL or with migrations to apply; the other stores are named, and degraded is still 200."""
    stores = {name: "ok" if answers else "unreachable" for name, answers in clients.is_reachable().items()}
    body = {"postgresql": _postgresql(), **stores, "broker": _broker()}
    if rehearsal := cache.get("rehearsal"):
        body["rehearsal"] = rehearsal
    return JsonResponse(body, status=200 if body["postgresql"] == "ok" else 503)


def _postgresql() -> str:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "unreachable"
    return "not migrated" if pending else "ok"


def _broker() -> str:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as redis:
            redis.ping()
    except RedisError:
        return "unreachable"
    return "ok"

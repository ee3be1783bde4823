"""The shared cache holds rate limits and nothing that counts: while the broker is away, requests go on."""

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from . import broker

log = structlog.get_logger(__name__)


class CarefulRedisCache(RedisCache):
    """Redis, and a limit per process while it does not answer: rate limits fall to a local count, never to none."""

    def __init__(self, server, params):
        super().__init__(server, params)
        self._local = LocMemCache("fallback", {**params, "OPTIONS": {}})

    def _either(self, name, *args, **kwargs):
        if not broker.is_away():
            try:
                return getattr(super(), name)(*args, **kwargs)
            except RedisError as error:
                log.warning("cache.unavailable", operation=name, cause=type(error).__name__)
                broker.found_away()
        return getattr(self._local, name)(*args, **kwargs)

    def add(self, *args, **kwargs):
        return self._either("add", *args, **kwargs)

    def get(self, *args, **kwargs):
        return self._either("get", *args, **kwargs)

    def set(self, *args, **kwargs):
        return self._either("set", *args, **kwargs)

    def delete(self, *args, **kwargs):
        return self._either("delete", *args, **kwargs)

    def incr(self, *args, **kwargs):
        return self._either("incr", *args, **kwargs)

    def has_key(self, *args, **kwargs):
        return self._either("has_key", *args, **kwargs)

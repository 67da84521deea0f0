"""What the processes remember together, in Redis, and can do without while Redis is away."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.cache import cache
from django_redis.exceptions import ConnectionInterrupted
from redis import RedisError

from yadopera.rate_limit import REDIS_PAUSE_SECONDS

logger = logging.getLogger(__name__)

_ABSENT: Final = (ConnectionInterrupted, RedisError)
_back_at = 0.0


def is_away() -> bool:
    """Whether Redis has failed a moment ago and is left alone."""
    return time.monotonic() < _back_at


def recall(key: str) -> Any:
    """What was remembered under `key`; None when there is nothing, or no Redis."""
    return try_redis(lambda: cache.get(key))


def recall_all(keys: Iterable[str]) -> dict[str, Any]:
    """What was remembered under those of the keys that have something, in one round trip."""
    return try_redis(lambda: cache.get_many(list(keys))) or {}


def remember(key: str, value: Any, *, seconds: float) -> None:
    try_redis(lambda: cache.set(key, value, timeout=seconds))


def remember_all(values: dict[str, Any], *, seconds: float) -> None:
    """Several at once, in one round trip."""
    try_redis(lambda: cache.set_many(values, timeout=seconds))


def claim(key: str, *, seconds: float) -> bool:
    """Whether nobody else has claimed `key` within `seconds`; without Redis, True."""
    return try_redis(lambda: cache.add(key, True, timeout=seconds)) is not False


def forget(key: str) -> None:
    try_redis(lambda: cache.delete(key))


def try_redis(call: Callable[[], Any]) -> Any:
    """What `call` returns; None while Redis is away.

    A Redis that failed is left alone for a while, so that no guest waits for it in vain.
    """
    global _back_at
    if is_away():
        return None
    try:
        return call()
    except _ABSENT:
        _back_at = time.monotonic() + REDIS_PAUSE_SECONDS
        logger.warning("Redis does not answer: nothing is cached. Check REDIS_URL.")
        return None

"""How often a guest, an address or a staff member may call, counted in Redis.

While Redis is away each web process counts for itself and lets only half as many through: with
several processes a caller still meets a limit, and a guest still gets his answer.
"""

import ipaddress
import logging
import math
import time

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from yadopera.errors import RateLimited

logger = logging.getLogger(__name__)

#: Seconds for which a Redis that failed is left alone, so that no guest waits for it in vain.
REDIS_PAUSE_SECONDS = 5.0


def parse_rate(name: str, value: str) -> RateLimitItem | None:
    """`60/m` (s, m, h or d) as a limit; None for `0`, which switches it off."""
    if value == "0":
        return None
    amount, _, period = value.partition("/")
    periods = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
    if not amount.isascii() or not amount.isdigit() or int(amount) < 1 or period not in periods:
        raise ImproperlyConfigured(f"{name} must be a rate such as 60/m (s, m, h or d), or 0.")
    return parse(f"{amount} per {periods[period]}")


class Limiter:
    """Counts in Redis, or in this process while Redis is away."""

    def __init__(self, redis_url: str) -> None:
        self._redis = FixedWindowRateLimiter(
            RedisStorage(
                redis_url.replace("unix://", "redis+unix://", 1),
                wrap_exceptions=True,
                socket_connect_timeout=0.5,
                socket_timeout=0.5,
            )
        )
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._redis_back_at = 0.0

    def hit(self, limit: RateLimitItem, *key: str, count: bool = True) -> int | None:
        """Count one call, or with `count` False only look. None when it is allowed, else the
        seconds until the next one is."""
        if time.monotonic() >= self._redis_back_at:
            try:
                return _hit(self._redis, limit, key, count)
            except StorageError:
                self._redis_back_at = time.monotonic() + REDIS_PAUSE_SECONDS
                logger.warning(
                    "Redis does not answer: rate limits are counted per process and halved. "
                    "Check REDIS_URL and the Redis server."
                )
        strict = RateLimitItemPerSecond(max(1, limit.amount // 2), limit.get_expiry())
        return _hit(self._memory, strict, key, count)


def _hit(
    limiter: FixedWindowRateLimiter, limit: RateLimitItem, key: tuple[str, ...], count: bool
) -> int | None:
    if limiter.hit(limit, *key) if count else limiter.test(limit, *key):
        return None
    reset_at = limiter.get_window_stats(limit, *key).reset_time
    return max(1, math.ceil(reset_at - time.time()))


_limiter: Limiter | None = None


def get_limiter() -> Limiter:
    global _limiter
    if _limiter is None:
        _limiter = Limiter(settings.REDIS_URL)
    return _limiter


def enforce(request: HttpRequest, name: str, *, session: str = "") -> None:
    """Count this request against the limit `name`. Raises RateLimited when there were too many.

    `session` is what the caller calls itself (a session id, an email address); the client address
    is always counted too, since a caller can call itself anything.
    """
    callers = [f"address:{one_caller(client_address(request))}"]
    enforce_each(name, *callers, *([f"session:{session}"] if session else []))


def enforce_each(name: str, *callers: str, count: bool = True) -> None:
    """Count a call of each of `callers`, or with `count` False only look whether there were too
    many. Raises RateLimited."""
    limit = settings.RATE_LIMITS[name]
    if limit is None:
        return
    for caller in callers:
        wait = get_limiter().hit(limit, name, caller, count=count)
        if wait is not None:
            raise RateLimited(retry_after_seconds=wait)


def one_caller(address: str) -> str:
    """What is counted as one caller: an IPv4 address, or a network of IPv6, of which whoever has
    one address has 2**64 (RFC 6177)."""
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(ip.ipv4_mapped or f"{ipaddress.IPv6Address(int(ip) >> 64 << 64)}/64")


def client_address(request: HttpRequest) -> str:
    """The caller's address as our own outermost proxy saw it.

    Entries further left in X-Forwarded-For are written by the caller and prove nothing.
    """
    hops = settings.TRUSTED_PROXY_COUNT
    forwarded = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    if hops and len(forwarded) >= hops and forwarded[-hops]:
        return forwarded[-hops]
    return str(request.META.get("REMOTE_ADDR", ""))

"""One line and one measurement for each request, static files and refused bodies included."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from yadopera import logs, metrics

logger = logging.getLogger(__name__)

#: Asked every few seconds by machines, or by the dozen with each page.
QUIET: Final = ("GET health", "GET static")
#: Any other is the caller's invention, and told as OTHER.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: What nginx calls a guest who went away before he was answered.
WENT_AWAY: Final = 499

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def recorded(app: App, scope: Scope, receive: Receive, send: Send, *, kind: str = "") -> None:
    """Let `app` answer a request that has a name from here on, and say how it went.

    `kind` stands for the route where Django does not see the request. The time runs to the last
    byte, or to the moment at which the guest went away.
    """
    work = logs.Work(request_id=logs.request_id(_offered(scope)), route=kind)
    logs.begin(work)
    status = WENT_AWAY
    started = time.perf_counter()

    async def send_named(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            name = (b"x-request-id", work.request_id.encode())
            message = {**message, "headers": [*message["headers"], name]}
        await send(message)

    try:
        await app(scope, receive, send_named)
    except asyncio.CancelledError:
        raise
    except Exception:
        status = 500
        raise
    finally:
        note(work, scope["method"], status, time.perf_counter() - started)
        logs.begin(None)


def _offered(scope: Scope) -> str:
    found = (value for name, value in scope["headers"] if name == b"x-request-id")
    return next(found, b"").decode("latin-1")


def note(work: logs.Work, method: str, status: int, seconds: float) -> None:
    method = method if method in METHODS else "OTHER"
    route = work.route or "unknown"
    milliseconds = round(seconds * 1000, 1)
    quiet = f"{method} {route}" in QUIET and status < 400
    logger.log(
        logging.DEBUG if quiet else logging.INFO,
        "%s %s %s %s ms",
        method,
        route,
        status,
        milliseconds,
        extra={"fields": {"method": method, "route": route, "status": status, "ms": milliseconds}},
    )
    metrics.observe("request_seconds", seconds, method, route, str(status))

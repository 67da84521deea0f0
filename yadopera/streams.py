"""Event streams, and work that goes on when nobody listens any more."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from django.http import HttpRequest, StreamingHttpResponse

T = TypeVar("T")

#: The event loop itself keeps only a weak hold of a task.
_running: set[asyncio.Task[Any]] = set()


def keep_running(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that ends when its work is done, whoever stops waiting for it."""
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_finished)
    return task


def _finished(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # whoever waited has it; if nobody did, it was logged where it arose


def event_stream(
    request: HttpRequest, events: AsyncIterator[tuple[str, Any]]
) -> StreamingHttpResponse:
    """`(name, data)` pairs as server-sent events; an exception becomes `event: error` with the
    error body, for the status was sent long before."""
    response = StreamingHttpResponse(
        _written(request, events), content_type="text/event-stream; charset=utf-8"
    )
    # Proxies hold small pieces back, or compress them, unless told not to.
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _written(
    request: HttpRequest, events: AsyncIterator[tuple[str, Any]]
) -> AsyncIterator[str]:
    try:
        async for name, data in events:
            yield _event(name, json.dumps(data, ensure_ascii=False))
    except Exception as error:  # the API's own handlers tell one from another, and log
        from yadopera.api import api  # it mounts the routers that stream

        yield _event("error", api.on_exception(request, error).content.decode())


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"

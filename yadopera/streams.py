"""Event streams, and work that goes on when nobody listens any more."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.http import HttpRequest, StreamingHttpResponse

T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    #: What a client that comes back sends as `Last-Event-ID`.
    id: int | None = None

    def __str__(self) -> str:
        data = json.dumps(self.data, ensure_ascii=False)
        ending = "" if self.id is None else f"id: {self.id}\n"
        return f"event: {self.name}\ndata: {data}\n{ending}\n"


#: Keeps proxies from closing a silent stream, and tells us when the client has gone.
HEARTBEAT: Final = ": still here\n\n"

#: The event loop itself keeps only a weak hold of a task.
_running: set[asyncio.Task[Any]] = set()


def keep_running(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that ends when its work is done, whoever stops waiting for it."""
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_finished)
    return task


def under_way() -> int:
    """How many such tasks are not done."""
    return len(_running)


def _finished(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # whoever waited has it; if nobody did, it was logged where it arose


def event_stream(request: HttpRequest, events: AsyncIterator[Event | str]) -> StreamingHttpResponse:
    """Server-sent events; an exception becomes `event: error` with the error body, for the status
    was sent long before. A text goes out as it is (see HEARTBEAT)."""
    response = StreamingHttpResponse(
        _written(request, events), content_type="text/event-stream; charset=utf-8"
    )
    # Proxies hold small pieces back, or compress them, unless told not to.
    response["Cache-Control"] = "no-store, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _written(request: HttpRequest, events: AsyncIterator[Event | str]) -> AsyncIterator[str]:
    try:
        async for event in events:
            yield str(event)
    except Exception as error:  # the API's own handlers tell one from another, and log
        from yadopera.api import api  # it mounts the routers that stream

        body = json.loads(api.on_exception(request, error).content)
        yield str(Event("error", body))

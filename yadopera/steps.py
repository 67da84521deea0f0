"""Synchronous steps of asynchronous work: everything that uses the database or Redis.

A step borrows a database connection and hands it back when it is done, so a guest who waits for
the model holds none. In a web process the steps of all guests share a few threads.
"""

import asyncio
import contextvars
import functools
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

#: After so long a thread lets another have the interpreter. The event loop asks for it anew at each
#: event; at Python's 5 ms, 32 callers had a fifth fewer answers and newcomers waited twice as long.
LONGEST_TURN_SECONDS: Final = 0.0005

_threads: ThreadPoolExecutor | None = None
#: When each step came that waits for a thread, the next one first.
_waiting: dict[object, float] = {}


def use_threads(count: int) -> None:
    """Run steps in `count` threads of this process. Without this call they run in the thread that
    waits for them, as commands and tests need it."""
    global _threads
    sys.setswitchinterval(LONGEST_TURN_SECONDS)
    _threads = ThreadPoolExecutor(count, thread_name_prefix="step")


async def run_step(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`step(*args, **kwargs)`, off the event loop. A step that has begun is not interrupted."""
    bound = functools.partial(_returning_its_connection, step, *args, **kwargs)
    if _threads is None:
        return await sync_to_async(bound, thread_sensitive=True)()
    context = contextvars.copy_context()
    step_itself = object()
    _waiting[step_itself] = time.monotonic()
    try:
        return await asyncio.get_running_loop().run_in_executor(
            _threads, _begin, step_itself, context, bound
        )
    finally:
        _waiting.pop(step_itself, None)  # it never began when its guest went away first


def waited_seconds() -> float:
    """How long the next step has been waiting for a thread: what a step that comes now can expect
    at the least."""
    try:
        return time.monotonic() - next(iter(_waiting.values()))
    except (StopIteration, RuntimeError):  # there is none, or a thread has just taken it
        return 0.0


def _begin(step_itself: object, context: contextvars.Context, bound: Callable[[], R]) -> R:
    _waiting.pop(step_itself, None)
    return context.run(bound)


def _returning_its_connection(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return step(*args, **kwargs)
    finally:
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:  # somebody else's transaction is not over
                connection.close_if_unusable_or_obsolete()

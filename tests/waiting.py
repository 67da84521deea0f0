"""For programs that start a server and wait for it."""

import time
from collections.abc import Callable

import httpx


def until(holds: Callable[[], bool], otherwise: Callable[[], str], seconds: float = 90) -> None:
    """Raises TimeoutError with what `otherwise` says when the time is over."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(otherwise())
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False

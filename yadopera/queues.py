"""Handing work to the Celery worker, by whoever must not wait for a Redis that is away."""

import logging
from typing import Any

from kombu.exceptions import OperationalError

from yadopera import shared_memory

logger = logging.getLogger(__name__)


def enqueue(task: Any, *arguments: Any, **options: Any) -> bool:
    """Whether the worker will find `task` in its queue. What it is about is stored before, so that
    beat finds it when this fails; `options` are those of Celery's `apply_async`."""
    if shared_memory.is_away():
        return False
    try:
        task.apply_async([*arguments], retry=False, **options)
    except OperationalError:
        logger.warning("Redis does not answer: %s runs when it is back.", task.name)
        return False
    return True

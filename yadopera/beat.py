"""Beat, on a machine whose clock may be set back."""

import logging
from datetime import timedelta
from typing import Any, Final

from celery.beat import PersistentScheduler

logger = logging.getLogger(__name__)

#: Clocks that are kept right move by less.
TOLERANCE: Final = timedelta(seconds=1)


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own reckons from when each task was last sent: once the clock has been set back by
    an hour it would send nothing for an hour, and nobody would be told of a morning."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        now = self.app.now()
        ahead = [each for each in self.schedule.values() if each.last_run_at > now + TOLERANCE]
        if ahead:
            logger.warning("The clock was set back: %d periodic tasks start anew.", len(ahead))
            for entry in ahead:
                entry.last_run_at = now
            self._heap = None  # made anew of the schedule
        seconds: float = super().tick(*args, **kwargs)
        return seconds

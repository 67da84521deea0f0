"""A circuit breaker: a provider that fails is left alone for a while, by all processes.

The idea is Nygard's ("Release It!", 2007, "Circuit Breaker"). Closed, calls go through; after
FAILURES in a row it opens and nobody waits for the provider; every PAUSE_SECONDS one caller tries
whether it is back.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from yadopera import shared_memory

logger = logging.getLogger(__name__)

FAILURES: Final = 2
#: Guests have the model back so soon after its return; so often one of them waits for it in vain.
PAUSE_SECONDS: Final = 5
#: An outage that nobody noticed going on for this long is over.
FORGOTTEN_AFTER_SECONDS: Final = 6 * 60 * 60
_KEY: Final = "ai-outage"
_TRIAL: Final = "ai-trial"


@dataclass(frozen=True)
class Outage:
    """Failures in a row, none of them followed by an answer."""

    #: ISO 8601, the first failure.
    since: str
    #: How the last call failed, in words for staff and operators.
    problem: str
    failures: int

    def __str__(self) -> str:
        return f"{self.problem}; failing since {self.since}"

    @property
    def started_at(self) -> datetime:
        return datetime.fromisoformat(self.since)


#: This process's own knowledge, for when Redis is away.
_here: Outage | None = None


def current_outage() -> Outage | None:
    """What the processes know together; while Redis is away, what this one knows."""
    if shared_memory.is_away():
        return _here
    remembered: dict[str, Any] | None = shared_memory.recall(_KEY)
    return Outage(**remembered) if remembered else None


def may_call() -> bool:
    """Whether the provider is worth a call now. While it fails, one caller at a time tries."""
    global _here
    _here = outage = current_outage()
    if outage is None or outage.failures < FAILURES:
        return True
    return shared_memory.claim(_TRIAL, seconds=PAUSE_SECONDS)


def note_failure(problem: str) -> Outage:
    global _here
    before = current_outage()
    # Kept by a name of its own: another thread may hear an answer at any moment.
    _here = failing = Outage(
        since=before.since if before else timezone.now().isoformat(timespec="seconds"),
        problem=problem,
        failures=before.failures + 1 if before else 1,
    )
    shared_memory.remember(_KEY, asdict(failing), seconds=FORGOTTEN_AFTER_SECONDS)
    if failing.failures == FAILURES:
        shared_memory.claim(_TRIAL, seconds=PAUSE_SECONDS)
    logger.warning("The AI provider failed: %s.", failing)
    return failing


def note_success() -> None:
    """The provider has answered. Costs nothing unless this process knows of an outage."""
    global _here
    if outage := _here:
        _here = None
        shared_memory.forget(_KEY)
        shared_memory.forget(_TRIAL)
        logger.info("The AI provider answers again; it had failed since %s.", outage.since)

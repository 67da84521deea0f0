"""What the worker does about notifications. Thin: each may run twice, or twice at once."""

import logging

from celery import shared_task
from django.db import transaction

from yadopera.queues import enqueue

logger = logging.getLogger(__name__)

#: Calls to send that nobody took in time: later ones and beat do the same.
EXPIRES_SECONDS = 120


@shared_task
def send_pending() -> None:
    """Send what the outbox holds."""
    from nightqueue.outbox import send_pending

    if send_pending():
        # More than one run may take.
        _wake_worker()


@shared_task
def look_after_staff() -> None:
    """What the clock brings: mornings, weeks, dangers unheard, answers unseen, messages left
    behind."""
    from nightqueue import letters, services

    steps = (
        services.repeat_dangers,
        services.make_digests,
        services.mail_unseen_answers,
        letters.make_weekly_letters,
    )
    for step in steps:
        try:
            step()
        except Exception:  # whatever it is, the next step is done
            logger.exception("%s failed; it is tried again.", step.__name__)
    send_pending()


@shared_task
def translate_waiting() -> None:
    """Translate what waits for the morning, long before it is told."""
    from nightqueue import services

    services.translate_waiting()


def queue_sending() -> None:
    """Have the outbox sent once the present transaction is through; beat looks for its rows too."""
    transaction.on_commit(_wake_worker)


def _wake_worker() -> None:
    enqueue(send_pending, expires=EXPIRES_SECONDS)

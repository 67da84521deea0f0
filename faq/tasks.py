"""What happens to FAQs in the background."""

import logging

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from yadopera import shared_memory
from yadopera.ai import get_provider

logger = logging.getLogger(__name__)

#: Texts saved within this time, such as those of one form, are embedded by one task.
GATHER_SECONDS = 2


@shared_task
def embed_texts(facility_id: int | None = None) -> None:
    """Make the missing and outdated vectors of the AI provider: of one facility, or of all, which
    picks up whatever an earlier run left."""
    from faq.embeddings import embed_outdated

    embed_outdated(facility_id=facility_id)


def queue_vectors(facility_id: int) -> None:
    """Have the vectors of this facility's texts made once the present transaction is through."""
    if get_provider() is not None:
        transaction.on_commit(lambda: _queue(facility_id))


def _queue(facility_id: int) -> None:
    if not shared_memory.claim(f"vectors-queued-{facility_id}", seconds=GATHER_SECONDS):
        return
    try:
        embed_texts.apply_async([facility_id], countdown=GATHER_SECONDS, retry=False)
    except OperationalError:
        # The text is saved and found without a vector; beat looks for such texts.
        logger.warning("Redis does not answer: vectors will be made when it is back.")

"""What happens to FAQs in the background."""

from celery import shared_task
from django.db import transaction

from facilities.models import Facility
from yadopera import shared_memory
from yadopera.ai import get_provider
from yadopera.queues import enqueue

#: Texts saved within this time, such as those of one form, are embedded by one task.
GATHER_SECONDS = 2
#: Texts that one task indexes: far from the time it may take.
INDEXED_A_RUN = 2000


@shared_task
def embed_texts(facility_id: int | None = None) -> None:
    """Make the missing and outdated vectors of the AI provider: of one facility, or of all, which
    picks up whatever an earlier run left."""
    from faq.embeddings import embed_outdated

    embed_outdated(facility_id=facility_id)


@shared_task
def index_texts(facility_id: int | None = None) -> None:
    """Make the texts findable that were stored without their index because they were many: of one
    facility, or of all, which picks up whatever an earlier run left."""
    from faq.services import reindex

    facility = None
    if facility_id is not None:
        facility = Facility.objects.filter(pk=facility_id).first()
        if facility is None:
            return
    if reindex(facility, at_most=INDEXED_A_RUN) >= INDEXED_A_RUN:
        enqueue(index_texts, facility_id)  # more than one run may take


@shared_task
def drop_expired_uploads() -> None:
    """Delete the files that nobody has confirmed in time; they may hold secrets of the inn."""
    from faq.uploads import drop_expired_uploads

    drop_expired_uploads()


def queue_index(facility_id: int) -> None:
    """Have this facility's texts made findable once the present transaction is through; beat looks
    for them too."""
    transaction.on_commit(lambda: enqueue(index_texts, facility_id))


def queue_vectors(facility_id: int) -> None:
    """Have the vectors of this facility's texts made once the present transaction is through; beat
    looks for texts without, which are found all the same."""
    if get_provider() is not None:
        transaction.on_commit(lambda: _queue(facility_id))


def _queue(facility_id: int) -> None:
    if shared_memory.claim(f"vectors-queued-{facility_id}", seconds=GATHER_SECONDS):
        enqueue(embed_texts, facility_id, countdown=GATHER_SECONDS)

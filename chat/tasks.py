"""What happens to conversations in the background."""

from celery import shared_task
from django.db import transaction

from facilities.models import Facility
from yadopera.queues import enqueue


@shared_task
def purge() -> None:
    """Delete what is past its time."""
    from chat.retention import purge_expired
    from facilities import audit

    purge_expired()
    audit.purge()


@shared_task
def count_endings() -> None:
    """Tell the FAQs how the questions ended that they answered."""
    from chat.patterns import count_all_endings

    count_all_endings()


@shared_task
def learn_wordings(facility_id: int | None = None) -> None:
    """Find what may be further wordings of FAQs, and wordings that bring wrong answers: at one
    facility, or at all, each by a task of its own."""
    from chat import wordings

    if facility_id is None:
        for number in Facility.objects.open().order_by("pk").values_list("pk", flat=True):
            enqueue(learn_wordings, number)
    elif facility := Facility.objects.filter(pk=facility_id).first():
        wordings.learn_wordings(facility)


@shared_task
def answer_forgotten() -> None:
    """Answer what was stored when something died."""
    from chat.services import answer_forgotten

    answer_forgotten()


@shared_task
def learn(facility_id: int | None = None) -> None:
    """Gather the questions that want a FAQ: of one facility, or of all, which picks up whatever an
    earlier run left."""
    from chat import learning

    if facility_id is None:
        learning.learn_everywhere()
    elif facility := Facility.objects.filter(pk=facility_id).first():
        learning.learn(facility)


def queue_learning(facility_id: int) -> None:
    """Learn at this facility once the present transaction is through; beat looks everywhere."""
    transaction.on_commit(lambda: enqueue(learn, facility_id))

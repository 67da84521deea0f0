"""What happens to conversations in the background."""

from celery import shared_task


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
def answer_forgotten() -> None:
    """Answer what was stored when something died."""
    from chat.services import answer_forgotten

    answer_forgotten()

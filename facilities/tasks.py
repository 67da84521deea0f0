"""What happens to accounts in the background."""

from celery import shared_task

from facilities import members, services
from yadopera.errors import ServiceUnavailable
from yadopera.queues import enqueue


@shared_task(autoretry_for=(OSError,), retry_backoff=10, max_retries=5)
def mail_reset_link(email: str) -> None:
    services.mail_reset_link(email)


def queue_reset_link(email: str) -> None:
    """Have the link mailed. Whether there is such an account is for the worker to find out: whoever
    asks waits equally long for every address. Raises ServiceUnavailable."""
    if not enqueue(mail_reset_link, email):
        raise ServiceUnavailable("Redis does not answer")


@shared_task(autoretry_for=(OSError,), retry_backoff=10, max_retries=5)
def mail_invitation(member_id: int) -> None:
    members.mail_invitation(member_id)


def queue_invitation(member_id: int) -> bool:
    """Whether the mail is on its way; not while Redis is away."""
    return enqueue(mail_invitation, member_id)

"""Sending what the outbox holds: claimed by one worker at a time, tried again, given up visibly.

docs/reliability.md says what is guaranteed. A row is claimed for CLAIM_SECONDS and sent outside
any transaction; a worker that dies with a claim leaves it to run out, and the message is sent
again, with the same key.
"""

import logging
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Case, F, Func, Value, When
from django.utils import timezone

from chat.models import Escalation
from nightqueue.messages import Letter, write
from nightqueue.models import Delivery
from nightqueue.senders import Refused, TryLater, send
from yadopera import metrics

logger = logging.getLogger(__name__)

#: Longer than writing THREADS messages and sending one may take.
CLAIM_SECONDS: Final = 120
THREADS: Final = 8
#: One run claims nothing more after so long, so that no task meets its time limit.
RUN_SECONDS: Final = 45
#: Pauses before the next attempts; after the last the message is given up, some five hours in all.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 15, 60, 180, 600, 1800, 3600, 10_800)
)
#: A receiver may ask for a longer pause, but not put us off for ever.
LONGEST_PAUSE: Final = timedelta(hours=3)

DANGER_FIRST: Final = Case(When(kind=Delivery.Kind.DANGER, then=0), default=1)


def send_pending(*, seconds: float = RUN_SECONDS) -> bool:
    """Send everything that is to be sent now; whether something may be left."""
    ends = time.monotonic() + seconds
    sending: dict[Future[None], tuple[Delivery, Letter]] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="send") as threads:
        while True:
            in_time = time.monotonic() < ends
            # No more than there are threads: a receiver that hangs holds one, and nobody's claim.
            batch = claim(THREADS - len(sending)) if in_time else []
            for delivery, letter in written(batch):
                sending[threads.submit(send, letter)] = delivery, letter
            if not batch and not sending:
                return not in_time
            for done in wait(sending, timeout=1, return_when=FIRST_COMPLETED).done:
                note(*sending.pop(done), done.exception())


def claim(count: int) -> list[Delivery]:
    """Messages that nobody else sends until the claim runs out, the most urgent first."""
    now = timezone.now()
    with transaction.atomic():
        rows = Delivery.objects.claimable(now).select_for_update(skip_locked=True, of=("self",))
        batch = list(
            rows.select_related(
                "facility",
                "channel",
                "digest",
                "weekly_letter",
                "member__user",
                "message__conversation",
                "escalation__message",
                "escalation__conversation",
            ).order_by(DANGER_FIRST, "next_attempt_at", "pk")[:count]
        )
        for delivery in batch:
            delivery.state = Delivery.State.SENDING
            delivery.attempts += 1
            delivery.claimed_until = now + timedelta(seconds=CLAIM_SECONDS)
        Delivery.objects.bulk_update(batch, ["state", "attempts", "claimed_until"])
    return batch


def written(batch: list[Delivery]) -> Iterator[tuple[Delivery, Letter]]:
    """Each with its text; what needs none any more is put away."""
    for delivery in batch:
        if delivery.attempts > len(PAUSES) + 1:
            give_up(delivery, "Every attempt was broken off: operator, see the log.")
            continue
        try:
            letter = write(delivery)
        except Exception as error:  # whatever it is, the others are sent
            note(delivery, None, error)
            continue
        if letter:
            yield delivery, letter
        else:
            settle(delivery, Delivery.State.NEEDLESS)


def note(delivery: Delivery, letter: Letter | None, error: BaseException | None) -> None:
    """Store how it went."""
    if letter and error is None:
        note_sent(delivery, letter)
    elif isinstance(error, Refused):
        give_up(delivery, str(error))
    elif delivery.attempts > len(PAUSES):
        give_up(delivery, explained(error))
    else:
        asked = error.after if isinstance(error, TryLater) else None
        pause = max(PAUSES[delivery.attempts - 1], min(asked or timedelta(), LONGEST_PAUSE))
        settle(
            delivery,
            Delivery.State.PENDING,
            next_attempt_at=timezone.now() + pause,
            last_error=explained(error),
        )


def explained(error: BaseException | None) -> str:
    if isinstance(error, TryLater):
        return str(error)
    # Without its own words, which may hold a key or an address.
    where = "".join(traceback.format_tb(error.__traceback__)) if error else ""
    logger.error("A notification failed unforeseen: %s\n%s", type(error).__name__, where)
    return "An unforeseen fault; the operator's log has it."


@transaction.atomic
def note_sent(delivery: Delivery, letter: Letter) -> None:
    """Staff have been told, even where the claim has run out meanwhile."""
    now = timezone.now()
    settle(delivery, Delivery.State.SENT, sent_at=now, last_error="")
    told = Escalation.objects.filter(pk__in=letter.tells_of)
    told.filter(notified_at=None).update(notified_at=now)
    told.exclude(notification_channels__contains=[letter.kind]).update(
        notification_channels=Func(
            F("notification_channels"), Value(letter.kind), function="array_append"
        )
    )


def give_up(delivery: Delivery, error: str) -> None:
    settle(delivery, Delivery.State.FAILED, last_error=error[:500])
    logger.warning(
        "Notification %s by %s was given up: %s",
        delivery.pk,
        delivery.channel.kind if delivery.channel else "email",
        error,
    )


def settle(delivery: Delivery, state: Delivery.State, **fields: object) -> None:
    """Only who still holds the claim may say how it went."""
    claimed = Delivery.objects.filter(pk=delivery.pk, claimed_until=delivery.claimed_until)
    if claimed.update(state=state, claimed_until=None, **fields):
        metrics.count("deliveries", delivery.channel.kind if delivery.channel else "email", state)

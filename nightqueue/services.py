"""Calling staff: at once, in the morning, or again.

Everything here only writes rows, with what they tell of or not at all; `nightqueue.outbox` sends
them. Each function may run twice, or twice at once, and writes nothing twice.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, transaction
from django.db.models import Count, F, Max, Min
from django.utils import timezone

from chat.models import Escalation, Message
from chat.translation import translate_for_staff
from facilities.hours import StaffHours
from facilities.models import ChannelKind, Facility
from nightqueue.models import Channel, Delivery, Digest, QueueEntry
from nightqueue.tasks import queue_sending
from yadopera import shared_memory

logger = logging.getLogger(__name__)

#: Danger that nobody acknowledges is told again so often, so many times.
REPEAT_AFTER: Final = timedelta(minutes=5)
REPETITIONS: Final = 3
#: A message that should have gone out so long ago tells operators of a dead worker.
LATE_AFTER: Final = timedelta(minutes=5)
#: Questions translated in one run, and the seconds after which it begins no other.
BATCH: Final = 20
TRANSLATE_SECONDS: Final = 15
#: An answer that has not reached the guest's device by then is mailed to him, if he agreed.
UNSEEN_AFTER: Final = timedelta(minutes=10)


def call_staff(*, escalation: Escalation, hours: StaffHours, **_signal: Any) -> None:
    """Tell staff now, or let the question wait until somebody is awake. Danger never waits."""
    facility = hours.facility
    if escalation.trigger_type == Escalation.Trigger.SAFETY:
        notify(escalation, channels_of(facility), kind=Delivery.Kind.DANGER)
    elif hours.back_at is None:
        chosen = channels_of(facility, kinds=hours.rule.channels)
        notify(escalation, chosen, kind=Delivery.Kind.QUESTION)
    else:
        QueueEntry.objects.create(facility=facility, escalation=escalation, due_at=hours.back_at)


def set_up(*, instance: Facility, created: bool, raw: bool = False, **_signal: Any) -> None:
    """A new facility is reached at its own address until it says otherwise."""
    if created and not raw:
        own_address(instance)


def channels_of(facility: Facility, *, kinds: Iterable[str] = ()) -> list[Channel]:
    """The channels in use, of these kinds if there are any of them, else all: a rule that names
    only channels that are not set up must not leave a guest unheard.

    An inn whose channels are all switched off is reached at its own email address.
    """
    channels = list(Channel.objects.for_facility(facility).in_use())
    channels = channels or [own_address(facility)]
    return [channel for channel in channels if channel.kind in kinds] or channels


def own_address(facility: Facility) -> Channel:
    """The first channel of every facility."""
    channel, _made = Channel.objects.get_or_create(
        facility=facility, kind=ChannelKind.EMAIL, address=None
    )
    return channel


def notify(
    escalation: Escalation,
    channels: list[Channel],
    *,
    kind: Delivery.Kind,
    repetition: int = 0,
) -> None:
    post(
        Delivery(
            facility_id=channel.facility_id,
            kind=kind,
            channel=channel,
            escalation=escalation,
            repetition=repetition,
        )
        for channel in channels
    )


def post(deliveries: Iterable[Delivery]) -> None:
    """Put messages into the outbox; the worker is woken once the transaction is through."""
    if Delivery.objects.bulk_create(deliveries, ignore_conflicts=True):
        queue_sending()


# Danger -----------------------------------------------------------------------------------------


def repeat_dangers(at: datetime | None = None) -> int:
    """Tell dangers again that nobody has acknowledged; returns how many."""
    at = at or timezone.now()
    unheard: Any = (  # annotated
        Escalation.objects.unresolved()
        .filter(trigger_type=Escalation.Trigger.SAFETY, acknowledged_at=None)
        .annotate(
            told=Count("delivery__repetition", distinct=True), last_told=Max("delivery__created_at")
        )
        .filter(told__gt=0, told__lte=REPETITIONS, last_told__lte=at - REPEAT_AFTER)
        .select_related("conversation__facility")
    )
    count = 0
    for escalation in unheard:
        channels = channels_of(escalation.conversation.facility)
        try:
            with transaction.atomic():
                notify(escalation, channels, kind=Delivery.Kind.DANGER, repetition=escalation.told)
            count += 1
        except DatabaseError:  # deleted meanwhile; the others are told
            logger.exception("Danger %s was not repeated.", escalation.pk)
    return count


# The morning ------------------------------------------------------------------------------------


def make_digests(
    at: datetime | None = None, *, facilities: Iterable[Facility] | None = None
) -> list[Digest]:
    """A digest for each facility and morning that has come by `at` and has none yet."""
    at = at or timezone.now()
    waiting = QueueEntry.objects.due(at)
    if facilities is not None:
        waiting = waiting.filter(facility__in=facilities)
    mornings = waiting.order_by("due_at").values_list("facility", "due_at").distinct()
    made = []
    for facility_id, due_at in list(mornings):
        try:
            made.append(make_digest(facility_id, due_at))
        except DatabaseError:  # one inn's trouble is not another's
            logger.exception("The digest of facility %s was not made.", facility_id)
    return [digest for digest in made if digest]


@transaction.atomic
def make_digest(facility_id: int, due_at: datetime) -> Digest | None:
    """The digest of one morning; None when there is nothing (left) to tell.

    A question that was stored while its morning's digest was made is told on its own.
    """
    # Whoever comes second waits here until the first is through, and finds nothing left.
    facility = Facility.objects.select_for_update(no_key=True).get(pk=facility_id)
    rows = QueueEntry.objects.for_facility(facility).unresolved()
    entries = list(rows.filter(digest=None, due_at=due_at).select_related("escalation"))
    if not entries:
        return None
    digest, is_new = Digest.objects.get_or_create(facility=facility, due_at=due_at)
    QueueEntry.objects.filter(pk__in=[entry.pk for entry in entries]).update(digest=digest)
    channels = channels_of(facility)
    if not is_new:
        for entry in entries:
            notify(entry.escalation, channels, kind=Delivery.Kind.QUESTION)
        return None
    post(
        Delivery(facility=facility, kind=Delivery.Kind.DIGEST, channel=channel, digest=digest)
        for channel in channels
    )
    return digest


def translate_waiting() -> int:
    """Have what waits for the morning translated, while there is time; returns how many questions.

    One that cannot be translated is left for the next run, until its morning comes. One run at a
    time, and a short one: the worker has danger to tell.
    """
    if not shared_memory.claim("translating", seconds=TRANSLATE_SECONDS * 2):
        return 0
    ends = time.monotonic() + TRANSLATE_SECONDS
    waiting = QueueEntry.objects.unresolved().filter(
        digest=None, escalation__message__staff_text=""
    )
    foreign = waiting.exclude(escalation__message__language=F("facility__language"))
    done = 0
    # In any order: one that is always refused must not keep the others waiting.
    for entry in foreign.select_related("escalation__message__conversation__facility").order_by(
        "?"
    )[:BATCH]:
        question = entry.escalation.message
        if time.monotonic() > ends:
            break
        done += question is not None and translate_for_staff(question)
    shared_memory.forget("translating")
    return done


# Guests who have left ---------------------------------------------------------------------------


def mail_unseen_answers(at: datetime | None = None) -> int:
    """Mail what staff answered and the guest has not seen in the chat; returns how many."""
    at = at or timezone.now()
    unseen = (
        Message.objects.filter(
            role=Message.Role.STAFF, created_at__lte=at - UNSEEN_AFTER, delivery=None
        )
        .exclude(conversation__contact_email="")
        .filter(pk__gt=F("conversation__seen_message_id"))
        .select_related("conversation")
    )
    answers = list(unseen)
    with transaction.atomic():
        post(
            Delivery(
                facility_id=answer.conversation.facility_id,
                kind=Delivery.Kind.ANSWER,
                message=answer,
            )
            for answer in answers
        )
    return len(answers)


def send_test(channel: Channel) -> None:
    """'Send a test': a delivery like any other, so that its row says what came of it."""
    with transaction.atomic():
        post([Delivery(facility_id=channel.facility_id, kind=Delivery.Kind.TEST, channel=channel)])


def oldest_late(at: datetime | None = None) -> datetime | None:
    """When the oldest of the messages should have gone out that are late."""
    late = Delivery.objects.claimable((at or timezone.now()) - LATE_AFTER)
    found: datetime | None = late.aggregate(oldest=Min("next_attempt_at"))["oldest"]
    return found


def trouble(at: datetime | None = None) -> tuple[int, int]:
    """How many messages of all inns should have gone out long ago, and how many were given up in
    the last day, for operators."""
    at = at or timezone.now()
    late = Delivery.objects.claimable(at - LATE_AFTER).count()
    given_up = Delivery.objects.filter(
        state=Delivery.State.FAILED, created_at__gt=at - timedelta(days=1)
    )
    return late, given_up.count()

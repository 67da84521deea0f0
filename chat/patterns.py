"""How guests' questions end, and what that says of the FAQs that answer them."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError
from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, When
from django.utils import timezone

from chat.models import Conversation, Escalation, GuestFeedback, Message
from facilities.models import Facility
from faq.history import languages_answered_anew
from faq.models import FaqRevision
from faq.services import note_endings

logger = logging.getLogger(__name__)

#: What a guest does so long after an answer is held to be about it.
WITHIN: Final = timedelta(minutes=30)
#: Endings weigh in a FAQ's confidence for so long, unless their conversations are deleted sooner.
REMEMBERED: Final = timedelta(days=90)
#: A question that ends so has the guest ask for a person, or not get on.
CALLED_PERSON: Final = (Escalation.Trigger.STAFF_MODE, Escalation.Trigger.MULTIPLE_TURNS)


def with_endings(questions: Any) -> Any:
    """`questions`, each with `is_resolved`: it was answered without people and the answer helped,
    as the guest said or as he asked no more of it: neither the same again nor for a person."""
    soon = OuterRef("created_at") + WITHIN
    later = Message.objects.filter(
        conversation=OuterRef("conversation"),
        role=Message.Role.USER,
        pk__gt=OuterRef("pk"),
        created_at__lte=soon,
    )
    same = later.filter(
        reply__source__in=Message.ANSWERED_BY_FAQ,
        reply__matched_faq_ids__0=OuterRef("reply__matched_faq_ids__0"),
    )
    calls = Escalation.objects.filter(
        conversation=OuterRef("conversation"),
        message=None,
        created_at__gte=OuterRef("created_at"),
        created_at__lte=soon,
    )
    asks_person = later.filter(escalation__trigger_type__in=CALLED_PERSON)
    came_back = Q(Exists(same)) | Q(Exists(asks_person)) | Q(Exists(calls))
    said = "reply__feedback__feedback_type"
    helped = Q(**{said: GuestFeedback.Type.POSITIVE})
    failed = Q(**{said: GuestFeedback.Type.NEGATIVE})
    return questions.annotate(
        is_resolved=Case(
            When(Q(is_automatic=True) & helped, then=True),
            When(Q(is_automatic=True) & ~failed & ~came_back, then=True),
            default=False,
            output_field=BooleanField(),
        )
    )


# What they say of a FAQ -------------------------------------------------------------------------


def count_endings(facility: Facility, at: datetime | None = None) -> int:
    """Tell each FAQ how the questions ended that it answered; returns for how many that is new.

    Guests are counted, without those who voted: what they said is counted already. What was asked
    before the answer was changed does not count, nor what is deleted since.
    """
    at = at or timezone.now()
    left: dict[int, dict[int, bool]] = defaultdict(dict)
    for faq_id, guest, is_resolved in endings(facility, at):
        left[faq_id][guest] = left[faq_id].get(guest, True) and is_resolved
    counts = {
        faq_id: (sum(guests.values()), len(guests) - sum(guests.values()))
        for faq_id, guests in left.items()
    }
    return note_endings(facility, counts)


def endings(facility: Facility, at: datetime) -> Iterator[tuple[int, int, bool]]:
    """`(id of the FAQ that answered, number of the guest, whether it was the end of it)` of each
    question on which nobody voted."""
    since = at - REMEMBERED
    changed = answers_changed(facility, since)
    conversations = Conversation.objects.for_facility(facility).active_since(since)
    asked = Message.objects.questions().filter(
        conversation__in=conversations,
        created_at__gte=since,
        created_at__lte=at - WITHIN,
        reply__source__in=(Message.Source.FAQ, Message.Source.GENERATED),
        reply__feedback=None,
    )
    rows: QuerySet[Any, Any] = with_endings(asked).values_list(
        "reply__matched_faq_ids__0", "conversation", "language", "created_at", "is_resolved"
    )
    for faq_id, guest, language, asked_at, is_resolved in rows.iterator():
        since_change = changed.get((faq_id, language))
        if since_change is None or asked_at >= since_change:
            yield faq_id, guest, is_resolved


def answers_changed(facility: Facility, since: datetime) -> dict[tuple[int, str], datetime]:
    """(id of a FAQ, language) -> when guests of that language were last given a new answer."""
    revisions = FaqRevision.objects.for_facility(facility).filter(created_at__gte=since)
    return {
        (revision.faq_id, language): revision.created_at
        for revision in revisions.order_by("pk").iterator()
        for language in languages_answered_anew(revision, facility.language)
    }


def count_all_endings(at: datetime | None = None) -> None:
    for facility in Facility.objects.open().order_by("pk"):
        try:
            count_endings(facility, at)
        except DatabaseError:  # one inn's trouble is not another's
            logger.exception("The endings of %s were not counted.", facility.slug)

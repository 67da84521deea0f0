"""What lies on an inn's desk: who waits for a person, what was said last, which answers did not
help."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Left
from django.utils import timezone

from chat.models import Conversation, Escalation, Message
from facilities.models import Facility

#: Rows of a list that grows as long as nobody works it off.
LISTED: Final = 100
RECENT: Final = 10
#: Characters of a message in a list: v0.3's staff app shows all that it gets.
PREVIEW: Final = 100


@dataclass(frozen=True)
class Open:
    """What people have yet to answer."""

    escalations: int
    #: Guests in danger, as far as they said.
    dangers: int
    #: Guests who wait for a person for any other reason; each counts once.
    waiting: int


def count_open(facility: Facility) -> Open:
    danger = Q(trigger_type=Escalation.Trigger.SAFETY)
    rows = Escalation.objects.for_facility(facility).unresolved()
    counts = rows.aggregate(
        escalations=Count("pk"),
        dangers=Count("pk", filter=danger),
        waiting=Count("conversation", filter=~danger, distinct=True),
    )
    return Open(**counts)


def count_resolved(facility: Facility, since: datetime) -> int:
    """Of the escalations made since then, those that are settled."""
    conversations = Conversation.objects.for_facility(facility).active_since(since)
    made = Escalation.objects.filter(conversation__in=conversations, created_at__gte=since)
    return made.exclude(resolved_at=None).count()


def open_escalations(facility: Facility) -> QuerySet[Escalation, Any]:
    """The latest that people have yet to answer, each with `text`: the question or, of a press of
    'contact staff', what the guest had written last; None when he had written nothing."""
    written_before = Message.objects.filter(
        conversation=OuterRef("conversation"),
        role=Message.Role.USER,
        created_at__lte=OuterRef("created_at"),
    ).order_by("-created_at")
    last_words = Subquery(written_before.values("content")[:1])
    rows = Escalation.objects.for_facility(facility).unresolved().select_related("conversation")
    return rows.annotate(text=Coalesce("message__content", last_words))[:LISTED]


def is_contactable(conversation: Conversation) -> bool:
    """Whether a reply can still reach the guest: in his chat or, if he agreed to it, by mail."""
    return bool(conversation.contact_email) or conversation.expires_at > timezone.now()


def recent_conversations(facility: Facility) -> QuerySet[Conversation, Any]:
    """The latest in which anything was said, with `last_message` (its first characters) and
    `ai_confidence` (of the last answer; None when there is none)."""
    said = Message.objects.filter(conversation=OuterRef("pk")).order_by("-pk")
    return (
        Conversation.objects.for_facility(facility)
        .filter(is_check=False)
        .annotate(
            last_message=Subquery(said.values(text=Left("content", PREVIEW))[:1]),
            ai_confidence=Subquery(said.answers().values("ai_confidence")[:1]),
        )
        .exclude(last_message=None)
        .order_by("-last_activity_at")[:RECENT]
    )

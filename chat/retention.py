"""Conversations end after a day and are deleted some time later; a guest may have it sooner."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from chat.live import announce
from chat.models import Conversation, ConversationQuerySet, GuestFeedback
from facilities.models import Facility
from faq import suggestions, wordings

logger = logging.getLogger(__name__)

#: Conversations deleted in one transaction.
BATCH: Final = 200


def delete_conversation(conversation: Conversation) -> None:
    """At once, with everything that was said on every device; votes stay, without a text."""
    delete([conversation.pk])
    announce(conversation)  # whose streams end


def expired_by(at: datetime) -> Iterator[tuple[Facility, ConversationQuerySet]]:
    """For each facility the conversations that are past their time."""
    for facility in Facility.objects.order_by("pk"):
        end = at - timedelta(days=facility.retention_days)
        past = Q(expires_at__lte=end) | Q(is_check=True, expires_at__lte=at)
        yield facility, Conversation.objects.for_facility(facility).filter(past, joined=None)


def purge_expired(at: datetime | None = None, *, dry_run: bool = False) -> dict[str, int]:
    """Delete what is past its time; facility slug -> how many conversations.

    Each batch commits on its own: a run that is killed has done what it has done.
    """
    purged = {}
    for facility, rows in expired_by(at or timezone.now()):
        count = rows.count()
        if not dry_run:
            try:
                while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
                    delete(batch)
            except DatabaseError:
                logger.exception("Conversations of %s were not deleted.", facility.slug)
                continue
        if count:
            purged[facility.slug] = count
    return purged


@transaction.atomic
def delete(conversation_ids: list[int]) -> None:
    """Held first, so that nothing is stored in them while they go."""
    rows = Conversation.objects.filter(
        Q(pk__in=conversation_ids) | Q(joined__in=conversation_ids)
    ).order_by("pk")
    guests = list(rows.select_for_update().values_list("pk", flat=True))
    suggestions.forget_guests(guests)
    wordings.forget_conversations(guests)
    GuestFeedback.objects.filter(
        message__conversation__in=conversation_ids, message__conversation__is_check=True
    ).delete()
    Conversation.objects.filter(pk__in=conversation_ids).delete()

"""Conversations end after a day and are deleted some time later; a guest may have it sooner."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from chat.models import Conversation, ConversationQuerySet
from facilities.models import Facility

#: Conversations deleted in one transaction.
BATCH: Final = 200


def delete_conversation(conversation: Conversation) -> None:
    """At once, with everything that was said on every device; votes stay, without a text."""
    conversation.delete()


def expired_by(at: datetime) -> Iterator[tuple[Facility, ConversationQuerySet]]:
    """For each facility the conversations that are past their time."""
    for facility in Facility.objects.order_by("pk"):
        end = at - timedelta(days=facility.retention_days)
        rows = Conversation.objects.for_facility(facility).filter(expires_at__lte=end)
        yield facility, rows.filter(joined=None)


def purge_expired(at: datetime | None = None, *, dry_run: bool = False) -> dict[str, int]:
    """Delete what is past its time; facility slug -> how many conversations.

    Each batch commits on its own: a run that is killed has done what it has done.
    """
    purged = {}
    for facility, rows in expired_by(at or timezone.now()):
        count = rows.count()
        while not dry_run and (batch := list(rows.values_list("pk", flat=True)[:BATCH])):
            Conversation.objects.filter(pk__in=batch).delete()
        if count:
            purged[facility.slug] = count
    return purged

"""The staff API of questions that wait for the morning."""

from typing import Annotated, cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Path, Query, Router

from chat.staff import resolve
from facilities.models import Facility, User
from facilities.schemas import Page, RowIdText
from nightqueue.models import QueueEntry
from nightqueue.schemas import ProcessOut, QueueEntryOut, QueueOut
from nightqueue.services import make_digests
from nightqueue.tasks import queue_sending

router = Router(tags=["staff"])

#: What an entry shows of its question.
SHOWN = ("escalation__message", "escalation__conversation")


@router.get("/overnight-queue", response=QueueOut)
def list_queue(
    request: HttpRequest,
    page: Query[Page],
    include_resolved: Annotated[bool, Query()] = False,
) -> dict[str, object]:
    """Questions asked while nobody was awake, the latest first."""
    rows = QueueEntry.objects.for_user(request.user)
    listed = rows if include_resolved else rows.unresolved()
    total, pending = rows.count(), rows.unresolved().count()
    return {
        "queues": page.of(listed.select_related(*SHOWN)),
        "total": total,
        "pending_count": pending,
        "resolved_count": total - pending,
    }


@router.post("/overnight-queue/process", response=ProcessOut)
def process_queue(request: HttpRequest) -> dict[str, int]:
    """Tell staff now of what is due, without waiting for the clock to do so. What is not due yet
    stays: somebody is asleep."""
    now = timezone.now()
    rows = QueueEntry.objects.for_user(request.user)
    due = list(rows.due(now).values_list("pk", flat=True))
    make_digests(now, facilities=Facility.objects.for_user(request.user))
    queue_sending()
    return {
        "processed_count": rows.filter(pk__in=due).exclude(digest=None).count(),
        "total_count": rows.unresolved().count(),
    }


@router.put("/overnight-queue/{entry_id}/resolve", response=QueueEntryOut)
def resolve_entry(request: HttpRequest, entry_id: Annotated[RowIdText, Path()]) -> QueueEntry:
    """Settle the question. Who did so first stays."""
    rows = QueueEntry.objects.for_user(request.user)
    entry = get_object_or_404(rows.select_related(*SHOWN), pk=entry_id)
    entry.escalation = resolve(entry.escalation, cast(User, request.user))
    return entry

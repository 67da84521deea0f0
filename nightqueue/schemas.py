"""What the staff API returns of the night queue."""

from datetime import datetime

from ninja import Schema

from facilities.schemas import LanguageCode
from nightqueue.models import QueueEntry


class QueueEntryOut(Schema):
    id: int
    facility_id: int
    escalation_id: int
    #: Empty when the guest only called for staff.
    guest_message: str
    language: LanguageCode
    #: When somebody is awake.
    scheduled_notify_at: datetime
    notified_at: datetime | None
    resolved_at: datetime | None
    resolved_by: int | None
    created_at: datetime

    @staticmethod
    def resolve_language(entry: QueueEntry) -> str:
        escalation = entry.escalation
        return (escalation.message or escalation.conversation).language

    @staticmethod
    def resolve_scheduled_notify_at(entry: QueueEntry) -> datetime:
        return entry.due_at

    @staticmethod
    def resolve_notified_at(entry: QueueEntry) -> datetime | None:
        return entry.escalation.notified_at

    @staticmethod
    def resolve_resolved_at(entry: QueueEntry) -> datetime | None:
        return entry.escalation.resolved_at

    @staticmethod
    def resolve_resolved_by(entry: QueueEntry) -> int | None:
        return entry.escalation.resolved_by_id


class QueueOut(Schema):
    queues: list[QueueEntryOut]
    #: Pending and resolved, listed or not.
    total: int
    pending_count: int
    resolved_count: int


class ProcessOut(Schema):
    #: Questions of which staff are told by this call.
    processed_count: int
    #: Questions that are in the queue and not resolved.
    total_count: int

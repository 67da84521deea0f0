"""What the staff API accepts and returns of conversations: what people must answer, and what guests
thought of the answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Field, Schema
from pydantic import AfterValidator, StringConstraints

from chat.models import REPLY_LENGTH, Escalation
from chat.schemas import StoredMessageOut, not_blank
from facilities.models import EscalationMode
from facilities.schemas import LanguageCode, Text

NOTES_LENGTH = 2000


Share = Annotated[float, Field(ge=0, le=1)]


class EscalationOut(Schema):
    id: int
    facility_id: int
    conversation_id: int
    #: Names the conversation when it is replied to.
    session_id: str
    #: The question; null when the guest pressed 'contact staff'.
    message_id: int | None
    trigger_type: Escalation.Trigger
    #: For staff, in plain words.
    reason: str
    ai_confidence: float | None
    escalation_mode: EscalationMode
    notified_at: datetime | None
    notification_channels: list[str]
    #: When somebody saw that a guest is in danger.
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolved_by: int | None
    resolution_notes: str | None
    created_at: datetime

    @staticmethod
    def resolve_facility_id(escalation: Escalation) -> int:
        return escalation.conversation.facility_id

    @staticmethod
    def resolve_session_id(escalation: Escalation) -> str:
        return escalation.conversation.session_id

    @staticmethod
    def resolve_escalation_mode(escalation: Escalation) -> str:
        return escalation.mode

    @staticmethod
    def resolve_resolved_by(escalation: Escalation) -> int | None:
        return escalation.resolved_by_id

    @staticmethod
    def resolve_resolution_notes(escalation: Escalation) -> str | None:
        return escalation.resolution_notes or None


class EscalationListOut(Schema):
    escalations: list[EscalationOut]
    #: How many there are of those asked for, on this page or not.
    total: int
    #: How many are open, listed or not.
    unresolved: int


class ResolveIn(Schema):
    resolution_notes: Annotated[Text, StringConstraints(max_length=NOTES_LENGTH)] | None = None


class UnresolvedQuestionOut(Schema):
    #: Of the escalation.
    id: int
    message_id: int
    facility_id: int
    question: str
    language: LanguageCode
    #: 0 where nothing was compared: danger, a fault.
    confidence_score: float
    created_at: datetime


class ReplyIn(Schema):
    content: Annotated[
        Text,
        StringConstraints(min_length=1, max_length=REPLY_LENGTH),
        AfterValidator(not_blank),
    ]
    #: Made up by the app, so that a reply sent twice is stored once.
    client_message_id: UUID | None = None


class ReplyOut(Schema):
    success: bool
    session_id: str
    #: As the guest reads it: translated, where the AI provider could.
    message: StoredMessageOut


class LowRatedOut(Schema):
    #: The newest answer of those that are meant.
    message_id: int
    question: str
    answer: str
    #: Guests who said that it did not help, since it was last ignored.
    negative_count: int


class FeedbackStatsOut(Schema):
    positive_count: int
    negative_count: int
    #: 0 without a vote.
    positive_rate: Share
    low_rated_answers: list[LowRatedOut]

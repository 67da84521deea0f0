"""What the guest API accepts and returns."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, StringConstraints

from chat.models import LOCATION_LENGTH, MESSAGE_LENGTH, SESSION_ID_LENGTH, Message
from facilities.schemas import DoneOut, EmailAddress, LanguageCode, RowId, Text


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


MessageText = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=MESSAGE_LENGTH),
    AfterValidator(not_blank),
]
SessionId = Annotated[Text, StringConstraints(min_length=1, max_length=SESSION_ID_LENGTH)]
Location = Annotated[Text, StringConstraints(max_length=LOCATION_LENGTH)]

SiteKeyText = Annotated[Text, StringConstraints(max_length=100)]


class ChatIn(Schema):
    facility_id: RowId
    message: MessageText
    language: LanguageCode | None = None
    location: Location | None = None
    session_id: SessionId | None = None
    site_key: SiteKeyText | None = None
    client_message_id: UUID | None = None


class MessageOut(Schema):
    id: int
    role: Literal["user", "assistant", "system", "staff"]
    content: str
    language: LanguageCode
    #: faq, generated, fact, safety, manners, scan_code, handed_over, held or joined; empty for what
    #: people wrote.
    source: str
    ai_confidence: float | None
    matched_faq_ids: list[int]
    response_time_ms: int | None
    #: Whether the text tells the inn's Wi-Fi password; `POST /facility/{slug}/wifi` has more.
    has_wifi_password: bool
    created_at: datetime

    @staticmethod
    def resolve_has_wifi_password(message: Message) -> bool:
        if message.role == Message.Role.USER:
            return False  # else a guess of his own would be confirmed
        password = message.conversation.facility.wifi_password
        return bool(password) and password in message.content


class StoredMessageOut(MessageOut):
    """A message as it is found again."""

    #: On a question, or a reply of staff: the id that the device gave it.
    client_message_id: UUID | None
    #: On an answer: the guest's vote.
    feedback: Literal["positive", "negative"] | None

    @staticmethod
    def resolve_feedback(message: Message) -> str | None:
        vote = getattr(message, "feedback", None)
        return vote and vote.feedback_type


class EscalationInfo(Schema):
    needed: bool
    mode: str | None = None
    trigger_type: str | None = None
    reason: str | None = None
    notified: bool = False


class ChatOut(Schema):
    message: MessageOut
    session_id: str
    ai_confidence: float | None
    is_escalated: bool
    escalation_id: int | None
    escalation: EscalationInfo


#: What OpenAPI can say of an event stream.
STREAM_DOCS: dict[str, Any] = {
    "responses": {
        200: {
            "description": "Events: token, then done or error.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    }
}


class HistoryOut(Schema):
    session_id: str
    facility_id: int
    language: LanguageCode
    location: str | None
    started_at: datetime
    last_activity_at: datetime
    messages: list[StoredMessageOut]


class FeedbackIn(Schema):
    message_id: RowId
    feedback_type: Literal["positive", "negative"]
    session_id: SessionId | None = None


class FeedbackOut(Schema):
    id: int
    message_id: int
    feedback_type: Literal["positive", "negative"]
    created_at: datetime


class SessionIn(Schema):
    facility_id: RowId
    session_id: SessionId


class EscalateOut(Schema):
    success: bool
    escalation_id: int
    message: str


class EmailIn(Schema):
    facility_id: RowId
    session_id: SessionId
    email: EmailAddress
    #: Must be true: the guest has read and agreed.
    consent: Literal[True]


class EmailOut(DoneOut):
    #: What was agreed to, as it is stored.
    consent: str


class TokenOut(Schema):
    token: str
    primary_session_id: str
    linked_session_ids: list[str]
    expires_at: datetime
    created_at: datetime


class TokenStateOut(Schema):
    valid: bool
    token: str
    expires_at: datetime | None
    message: str


class LinkIn(Schema):
    facility_id: RowId
    token: Annotated[Text, StringConstraints(min_length=1, max_length=10)]
    current_session_id: SessionId


class LinkOut(Schema):
    success: bool
    message: str
    primary_session_id: str
    linked_session_ids: list[str]


class FacilityOut(Schema):
    """What every guest may know. The Wi-Fi password is not among it."""

    id: int
    name: str
    slug: str
    email: str
    phone: str
    address: str
    check_in_time: str | None
    check_out_time: str | None
    wifi_ssid: str
    plan_type: str = "Premium"
    available_languages: list[str]
    timezone: str
    emergency_contact: str
    nearest_hospital: str


class TopQuestionOut(Schema):
    id: int
    question: str
    answer: str
    category: str


class FacilityPageOut(Schema):
    facility: FacilityOut
    top_questions: list[TopQuestionOut]


class GuideOut(Schema):
    """What the inn tells everybody."""

    language: LanguageCode
    faqs: list[TopQuestionOut]


class WifiIn(Schema):
    """Either proves that the guest is at the inn, where the inn asks for it."""

    session_id: SessionId | None = None
    site_key: SiteKeyText | None = None


class WifiOut(Schema):
    ssid: str
    password: str
    #: A picture (`data:` URL) that joins the phone which scans it to the network.
    qr_code_url: str

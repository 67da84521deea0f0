"""What the staff API returns of the first page."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema

from chat.desk import is_contactable
from chat.models import Conversation, Escalation
from chat.staff_schemas import FeedbackStatsOut, Share
from facilities.schemas import LanguageCode
from nightqueue.dashboard import Dashboard
from nightqueue.schemas import QueueEntryOut


class AttentionOut(Schema):
    """What needs somebody now."""

    open_dangers: int
    #: For any other reason, those in the night queue among them.
    guests_waiting: int
    night_queue: int
    #: FAQs whose answers have failed two guests or more in 30 days.
    low_rated_answers: int
    #: FAQs that are suggested and to be decided upon.


class SpanOut(Schema):
    #: The beginning of a day of the inn.
    start: datetime
    end: datetime


class CategoriesOut(Schema):
    basic: int
    facilities: int
    location: int
    trouble: int


class AskedOut(Schema):
    question: str
    count: int


class PatternOut(AskedOut):
    faq_id: int
    #: Each counts once, however often he asked.
    guests: int
    #: The share of the questions that ended with the FAQ's answer.
    resolution_rate: Share


class SummaryOut(Schema):
    """The last seven days, today included."""

    period: SpanOut
    #: Without courtesies.
    total_questions: int
    #: The share that was answered without people; 0 when there were none.
    auto_response_rate: Share
    average_response_time_ms: int
    p95_response_time_ms: int | None
    #: Of the automatic answers; 0 when there were none.
    average_confidence: Share
    #: Questions by the category of the FAQ that answered them.
    category_breakdown: CategoriesOut
    #: Questions by language; languages in which nobody asked are left out.
    language_breakdown: dict[LanguageCode, int]
    #: The FAQs that answered most guests, in the inn's language.
    top_questions: list[PatternOut]
    #: What went to staff for want of an answer, as guests wrote it.
    unanswered_questions: list[AskedOut]
    #: Escalations that are open, since whenever.
    unresolved_count: int


class RecentOut(Schema):
    session_id: str
    guest_language: LanguageCode
    #: Its first 100 characters.
    last_message: str
    #: Of the last answer; null when there is none.
    ai_confidence: Share | None
    #: When the guest last wrote.
    created_at: datetime

    @staticmethod
    def resolve_guest_language(conversation: Conversation) -> str:
        return conversation.language

    @staticmethod
    def resolve_created_at(conversation: Conversation) -> datetime:
        return conversation.last_activity_at


class UsageOut(Schema):
    """This month by the inn's calendar. There are no paid plans and no limits."""

    current_month_questions: int
    plan_type: Literal["Premium"]
    plan_limit: int | None
    usage_percentage: float | None
    remaining_questions: int | None
    overage_questions: int
    status: Literal["normal", "warning", "overage", "faq_only"]


class AutomationOut(Schema):
    """This month by the inn's calendar."""

    ai_responses: int
    total_questions: int
    #: Percent; 0 when there were no questions.
    automation_rate: Annotated[float, Field(ge=0, le=100)]


class EscalationsOut(Schema):
    """What is open, since whenever, and what was resolved of this month's."""

    total: int
    unresolved: int
    resolved: int


class OpenEscalationOut(Schema):
    id: int
    conversation_id: int
    session_id: str
    created_at: datetime
    #: Of a press of 'contact staff', what the guest had written last; may be empty.
    message: str
    #: Whether a reply still reaches the guest: in his chat or by mail.
    contactability_status: Literal["contactable", "no_contact"]

    @staticmethod
    def resolve_session_id(escalation: Escalation) -> str:
        return escalation.conversation.session_id

    @staticmethod
    def resolve_message(escalation: Any) -> str:
        return escalation.text or ""

    @staticmethod
    def resolve_contactability_status(escalation: Escalation) -> str:
        return "contactable" if is_contactable(escalation.conversation) else "no_contact"


class FiguresOut(Schema):
    """Null where nothing is known."""

    questions: int
    automatic: int
    automatic_rate: Share | None
    #: Three minutes for each question that was answered automatically: assumed, not measured.
    hours_saved: float
    positive: int
    negative: int
    #: The share of the votes that were positive.
    satisfaction: Share | None
    average_confidence: Share | None
    average_response_time_ms: int | None
    p95_response_time_ms: int | None


class ComparisonOut(Schema):
    current: FiguresOut
    #: As many days, directly before.
    before: FiguresOut


class PeriodsOut(Schema):
    today: ComparisonOut
    #: The last 7 days, today included.
    week: ComparisonOut
    #: The last 30 days, today included.
    month: ComparisonOut


class DayOut(Schema):
    day: date
    questions: int
    automatic: int


class DashboardOut(Schema):
    """Days and hours are those of the inn's own clock."""

    facility_id: int
    attention: AttentionOut
    summary: SummaryOut
    recent_conversations: list[RecentOut]
    #: The latest 100 that wait.
    overnight_queue: list[QueueEntryOut]
    feedback_stats: FeedbackStatsOut
    monthly_usage: UsageOut
    ai_automation: AutomationOut
    escalations_summary: EscalationsOut
    #: The latest 100.
    unresolved_escalations: list[OpenEscalationOut]
    coupon_lead_count: int = 0
    periods: PeriodsOut
    #: The last 30 days, the first to the last.
    by_day: list[DayOut]
    #: Questions of the last 30 days by weekday, Monday first, and hour of the day.
    heat_map: list[list[int]]

    @staticmethod
    def resolve_facility_id(dashboard: Dashboard) -> int:
        return dashboard.facility.pk

"""The staff's first page: every number and list of it, for the API and the page alike."""

from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Window
from django.utils import timezone

from chat import desk, feedback, statistics
from chat.models import GuestFeedback
from chat.statistics import Figures, Hour, Period, Votes
from facilities.models import Facility
from facilities.schemas import Page
from nightqueue.api import SHOWN
from nightqueue.models import QueueEntry


class Dashboard:
    """One inn's, by its own calendar; properties have the shapes of `DashboardOut`.

    Each asks the database when it is first read. What v0.3's staff app reads as a number is 0 where
    nothing is known; everything else is None then.
    """

    def __init__(self, facility: Facility, at: datetime | None = None) -> None:
        self.facility = facility
        self.at = (at or timezone.now()).astimezone(ZoneInfo(facility.timezone))
        today = self.at.date()
        self.today = Period.up_to(today, days=1)
        self.week = Period.up_to(today, days=7)
        self.month = Period.up_to(today, days=30)
        self.calendar_month = Period(today.replace(day=1), today)

    # What the numbers are counted from, each in one statement.

    @cached_property
    def hours(self) -> list[Hour]:
        return statistics.asked_by_hour(self.facility, since=self.month.before.first)

    @cached_property
    def votes(self) -> list[Votes]:
        return statistics.votes_by_day(self.facility)

    @cached_property
    def open(self) -> desk.Open:
        return desk.count_open(self.facility)

    @cached_property
    def low_rated_answers(self) -> list[dict[str, Any]]:
        votes = GuestFeedback.objects.for_facility(self.facility)
        return feedback.low_rated_answers(votes, Page(limit=desk.LISTED))

    @property
    def raised(self) -> list[dict[str, Any]]:
        return feedback.raised(self.low_rated_answers)

    @cached_property
    def overnight_queue(self) -> list[Any]:
        """The latest of what waits for the morning; `pending` of each says how much does."""
        rows = QueueEntry.objects.for_facility(self.facility).unresolved().select_related(*SHOWN)
        return list(rows.annotate(pending=Window(Count("pk")))[: desk.LISTED])

    def figures(self, period: Period) -> Figures:
        return statistics.figures(self.hours, self.votes, period)

    # What needs somebody now.

    @property
    def attention(self) -> dict[str, int]:
        return {
            "open_dangers": self.open.dangers,
            "guests_waiting": self.open.waiting,
            "night_queue": self.overnight_queue[0].pending if self.overnight_queue else 0,
            "low_rated_answers": len(self.raised),
        }

    @cached_property
    def unresolved_escalations(self) -> Any:
        return desk.open_escalations(self.facility)

    @cached_property
    def recent_conversations(self) -> Any:
        return desk.recent_conversations(self.facility)

    # What was asked.

    @cached_property
    def summary(self) -> dict[str, object]:
        """The week."""
        figures = self.figures(self.week)
        topics = statistics.topics(self.facility, self.week)
        return {
            "period": {
                "start": self.week.starts_at(self.facility).astimezone(self.at.tzinfo),
                "end": self.at,
            },
            "total_questions": figures.questions,
            "auto_response_rate": figures.automatic_rate or 0,
            "average_response_time_ms": figures.average_response_time_ms or 0,
            "p95_response_time_ms": figures.p95_response_time_ms,
            "average_confidence": figures.average_confidence or 0,
            "category_breakdown": topics.categories,
            "language_breakdown": topics.languages,
            "top_questions": topics.top,
            "unanswered_questions": statistics.unanswered(self.facility, self.week),
            "unresolved_count": self.open.escalations,
        }

    @property
    def periods(self) -> dict[str, dict[str, Figures]]:
        """Today, the last 7 and the last 30 days, each against as many days before."""
        named = {"today": self.today, "week": self.week, "month": self.month}
        return {
            name: {"current": self.figures(period), "before": self.figures(period.before)}
            for name, period in named.items()
        }

    @property
    def by_day(self) -> list[statistics.Day]:
        return statistics.by_day(self.hours, self.month)

    @property
    def heat_map(self) -> list[list[int]]:
        return statistics.heat_map(self.hours, self.month)

    @property
    def feedback_stats(self) -> dict[str, object]:
        """All votes that were ever given."""
        positive = sum(day.positive for day in self.votes)
        negative = sum(day.negative for day in self.votes)
        return feedback.summed(positive, negative, self.low_rated_answers)

    # This month, by the calendar.

    @cached_property
    def this_month(self) -> Figures:
        return self.figures(self.calendar_month)

    @property
    def monthly_usage(self) -> dict[str, object]:
        """There are no paid plans."""
        return {
            "current_month_questions": self.this_month.questions,
            "plan_type": "Premium",
            "plan_limit": None,
            "usage_percentage": None,
            "remaining_questions": None,
            "overage_questions": 0,
            "status": "normal",
        }

    @property
    def ai_automation(self) -> dict[str, object]:
        return {
            "ai_responses": self.this_month.automatic,
            "total_questions": self.this_month.questions,
            "automation_rate": round((self.this_month.automatic_rate or 0) * 100, 1),
        }

    @cached_property
    def escalations_summary(self) -> dict[str, int]:
        """What is open, since whenever, and what was resolved of this month's."""
        since = self.calendar_month.starts_at(self.facility)
        resolved = desk.count_resolved(self.facility, since)
        unresolved = self.open.escalations
        return {"total": unresolved + resolved, "unresolved": unresolved, "resolved": resolved}

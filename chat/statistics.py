"""What an inn's guests asked, in numbers: how much, how well answered, when and about what.

Days and hours are those of the inn's own clock. The questions of some weeks are counted by the hour
in one statement (`asked_by_hour`); what is wanted of them is then a sum. What nothing is known of
is None.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import chain
from math import ceil
from statistics import fmean
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Case,
    Count,
    F,
    Func,
    Max,
    Prefetch,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import ExtractHour, Lower, TruncDate

from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.patterns import with_endings
from facilities.hours import moment
from facilities.models import Facility
from faq.models import Faq, FaqTranslation

#: What a question that nobody had to answer spares staff. The owner's assumption, not measured.
MINUTES_SAVED: Final = 3
#: What stands around a question and does not make it another.
AROUND: Final = " \n\t\u3000?？¿!！¡.。…"
#: How many questions are listed.
TOP: Final = 10


# Days -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """Days of the inn's calendar, the last included."""

    first: date
    last: date

    @classmethod
    def up_to(cls, last: date, *, days: int) -> "Period":
        return cls(last - timedelta(days=days - 1), last)

    @property
    def before(self) -> "Period":
        """As many days, directly before."""
        return Period.up_to(self.first - timedelta(days=1), days=len(self))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(len(self)))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def starts_at(self, facility: Facility) -> datetime:
        return moment(self.first, time.min, ZoneInfo(facility.timezone))

    def ends_at(self, facility: Facility) -> datetime:
        """The first moment after it."""
        return moment(self.last + timedelta(days=1), time.min, ZoneInfo(facility.timezone))


# How much and how well --------------------------------------------------------------------------


@dataclass(frozen=True)
class Hour:
    """The questions of one hour; where clocks are set back, of both that are called so."""

    day: date
    #: 0 to 23.
    hour: int
    questions: int
    automatic: int
    #: How sure the automatic answers were, each 0 to 1.
    confidences: list[float]
    #: Milliseconds until each reply, of whatever kind.
    response_times: list[int]


@dataclass(frozen=True)
class Votes:
    """The votes of one day. They outlive the conversations in which they were given."""

    day: date
    positive: int
    negative: int


@dataclass(frozen=True)
class Figures:
    """What a period comes to. Rates and confidences are 0 to 1."""

    questions: int
    automatic: int
    positive: int
    negative: int
    confidences: list[float] = field(repr=False)
    response_times: list[int] = field(repr=False)

    @property
    def automatic_rate(self) -> float | None:
        return share(self.automatic, self.questions)

    @property
    def hours_saved(self) -> float:
        return self.automatic * MINUTES_SAVED / 60

    @property
    def satisfaction(self) -> float | None:
        return share(self.positive, self.positive + self.negative)

    @property
    def average_confidence(self) -> float | None:
        return fmean(self.confidences) if self.confidences else None

    @property
    def average_response_time_ms(self) -> int | None:
        return round(fmean(self.response_times)) if self.response_times else None

    @property
    def p95_response_time_ms(self) -> int | None:
        """95 of 100 replies took no longer: a time that was measured (nearest rank)."""
        times = sorted(self.response_times)
        return times[ceil(len(times) * 0.95) - 1] if times else None


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def asked_by_hour(facility: Facility, since: date) -> list[Hour]:
    """The hours in which something was asked since the beginning of that day."""
    zone = ZoneInfo(facility.timezone)
    rows = (
        questions_since(facility, moment(since, time.min, zone))
        .values(
            day=TruncDate("created_at", tzinfo=zone),
            hour=ExtractHour("created_at", tzinfo=zone),
        )
        .annotate(
            questions=Count("pk"),
            automatic=Count("pk", filter=Q(is_automatic=True)),
            confidences=known("reply__ai_confidence", is_automatic=True),
            response_times=known("reply__response_time_ms"),
        )
    )
    return [Hour(**row) for row in rows]


def questions_since(facility: Facility, at: datetime) -> QuerySet[Message, Any]:
    conversations = Conversation.objects.for_facility(facility).active_since(at)
    return Message.objects.questions().filter(conversation__in=conversations, created_at__gte=at)


def questions_within(facility: Facility, period: Period) -> QuerySet[Message, Any]:
    asked = questions_since(facility, period.starts_at(facility))
    return asked.filter(created_at__lt=period.ends_at(facility))


def known(name: str, **of: Any) -> ArrayAgg:
    """Every value that is not null, of those rows."""
    return ArrayAgg(name, filter=Q(**of) & ~Q(**{name: None}), default=Value([]))


def votes_by_day(facility: Facility) -> list[Votes]:
    """All that were ever given."""
    zone = ZoneInfo(facility.timezone)
    rows = (
        GuestFeedback.objects.for_facility(facility)
        .values(day=TruncDate("created_at", tzinfo=zone))
        .annotate(
            positive=Count("pk", filter=Q(feedback_type=GuestFeedback.Type.POSITIVE)),
            negative=Count("pk", filter=Q(feedback_type=GuestFeedback.Type.NEGATIVE)),
        )
    )
    return [Votes(**row) for row in rows]


def figures(hours: list[Hour], votes: list[Votes], period: Period) -> Figures:
    asked = [hour for hour in hours if hour.day in period]
    voted = [each for each in votes if each.day in period]
    return Figures(
        questions=sum(hour.questions for hour in asked),
        automatic=sum(hour.automatic for hour in asked),
        positive=sum(each.positive for each in voted),
        negative=sum(each.negative for each in voted),
        confidences=list(chain.from_iterable(hour.confidences for hour in asked)),
        response_times=list(chain.from_iterable(hour.response_times for hour in asked)),
    )


# When -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Day:
    day: date
    questions: int
    automatic: int


def by_day(hours: list[Hour], period: Period) -> list[Day]:
    """Every day of the period, the first to the last."""
    questions: Counter[date] = Counter()
    automatic: Counter[date] = Counter()
    for hour in hours:
        questions[hour.day] += hour.questions
        automatic[hour.day] += hour.automatic
    return [Day(day, questions[day], automatic[day]) for day in period]


def heat_map(hours: list[Hour], period: Period) -> list[list[int]]:
    """Questions by weekday, Monday first, and hour of the day: 7 rows of 24."""
    counts = [[0] * 24 for _weekday in range(7)]
    for hour in hours:
        if hour.day in period:
            counts[hour.day.weekday()][hour.hour] += hour.questions
    return counts


# About what -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question, and how often it was asked."""

    question: str
    count: int


@dataclass(frozen=True)
class Gap(Asked):
    """A question that no FAQ answered."""

    guests: int
    #: The last message that asked it.
    message_id: int


@dataclass(frozen=True)
class Pattern(Asked):
    """All the questions that one FAQ answered."""

    faq_id: int
    guests: int
    #: The share that ended with its answer (`chat.patterns.with_endings`), 0 to 1.
    resolution_rate: float


@dataclass(frozen=True)
class Topics:
    #: Questions by the language in which they were asked, the most frequent first.
    languages: dict[str, int]
    #: Questions by the category of the FAQ that answered them: all four, in their order.
    categories: dict[str, int]
    #: The FAQs that answered most guests, in the inn's language.
    top: list[Pattern]


def topics(facility: Facility, period: Period) -> Topics:
    """What the questions of a period were about. One whose FAQ is deleted since still has its
    language."""
    answering = Case(
        When(reply__source__in=Message.ANSWERED_BY_FAQ, then=F("reply__matched_faq_ids__0"))
    )
    languages: Counter[str] = Counter()
    faq_ids: Counter[int | None] = Counter()
    guests: Counter[int | None] = Counter()
    resolved: Counter[int | None] = Counter()
    rows = with_endings(questions_within(facility, period)).values_list("language", answering)
    counted = rows.annotate(
        asked=Count("pk"),
        guests=Count("conversation", distinct=True),
        resolved=Count("pk", filter=Q(is_resolved=True)),
    )
    for language, faq_id, *counts in counted:
        languages[language] += counts[0]
        for total, count in zip((faq_ids, guests, resolved), counts, strict=True):
            total[faq_id] += count
    texts = FaqTranslation.objects.only("faq_id", "language", "question")
    answered = Faq.objects.for_facility(facility).filter(pk__in=filter(None, faq_ids))
    faqs = sorted(
        answered.prefetch_related(Prefetch("translations", queryset=texts)),
        key=lambda faq: (-guests[faq.pk], -faq_ids[faq.pk]),
    )
    categories = dict.fromkeys(Faq.Category.values, 0)
    for faq in faqs:
        categories[faq.category] += faq_ids[faq.pk]
    top = [
        Pattern(
            faq.title(facility.language),
            faq_ids[faq.pk],
            faq.pk,
            guests[faq.pk],
            resolved[faq.pk] / faq_ids[faq.pk],
        )
        for faq in faqs[:TOP]
    ]
    return Topics(dict(languages.most_common()), categories, top)


def unanswered(facility: Facility, period: Period) -> list[Gap]:
    """The questions that went to staff for want of an answer, those of most guests first, then the
    latest; the same in capital letters, or with another mark at its end, is the same. A wish for a
    person is none."""
    bare = Func("content", Value(AROUND), function="btrim", output_field=TextField())
    rows = (
        questions_within(facility, period)
        .filter(reply__source=Message.Source.HANDED_OVER)
        .exclude(escalation__trigger_type=Escalation.Trigger.STAFF_MODE)
        .values(wording=Lower(bare))
        .annotate(
            question=Max("content"),
            count=Count("pk"),
            guests=Count("conversation", distinct=True),
            latest=Max("pk"),
        )
        .order_by("-guests", "-latest")
        .values_list("question", "count", "guests", "latest")
    )
    return [Gap(*row) for row in rows[:TOP]]

"""What the questions of an inn add up to."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from chat import statistics
from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.retention import delete_conversation
from chat.statistics import Period
from facilities.models import StaffAbsence
from faq.models import Faq
from tests.conftest import Guest

NOON = datetime(2026, 3, 10, 3, tzinfo=UTC)  # at the inn in Japan
TODAY = Period(date(2026, 3, 10), date(2026, 3, 10))
WEEK = Period.up_to(TODAY.last, days=7)
UNANSWERED = "can my parrot surf"


def ask(facility, *, at=NOON, source="faq", faq=None, trigger=None, text="a", **reply):
    """A question at that moment and, if it has a `source`, its reply; returns the last of them."""
    language = reply.pop("language", "en")
    conversation = Conversation.objects.create(
        facility=facility, started_at=at, last_activity_at=at, expires_at=at + timedelta(days=1)
    )
    fields = {"conversation": conversation, "language": language, "created_at": at}
    question = Message.objects.create(role="user", content=text, **fields)
    if trigger:
        Escalation.objects.create(
            conversation=conversation, message=question, trigger_type=trigger, created_at=at
        )
    if source is None:
        return question
    return Message.objects.create(
        role="assistant",
        content="b",
        source=source,
        reply_to=question,
        matched_faq_ids=[faq.pk] if faq else [],
        **fields | {"ai_confidence": 0.9, "response_time_ms": 100} | reply,
    )


def vote(answer, verdict, *, at=NOON):
    facility = answer.conversation.facility
    given = GuestFeedback.objects.create(
        facility=facility, message=answer, faq_id=answer.answering_faq_id, feedback_type=verdict
    )
    GuestFeedback.objects.filter(pk=given.pk).update(created_at=at)


def figures(facility, period=TODAY):
    hours = statistics.asked_by_hour(facility, since=date(2026, 1, 1))
    return statistics.figures(hours, statistics.votes_by_day(facility), period)


def days(facility, period=WEEK):
    hours = statistics.asked_by_hour(facility, since=date(2026, 1, 1))
    return {f"{d.day:%m-%d}": d.questions for d in statistics.by_day(hours, period) if d.questions}


def heat(facility, period=WEEK):
    """(weekday, hour) -> questions."""
    hours = statistics.asked_by_hour(facility, since=date(2026, 1, 1))
    rows = statistics.heat_map(hours, period)
    assert [len(row) for row in rows] == [24] * 7
    return {(day, hour): n for day, row in enumerate(rows) for hour, n in enumerate(row) if n}


# What counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "trigger", "counted", "automatic"),
    [
        ("faq", None, 1, 1),
        ("generated", None, 1, 1),
        ("fact", None, 1, 1),
        ("faq", "multiple_turns", 1, 0),
        ("generated", "multiple_turns", 1, 0),
        ("scan_code", None, 1, 0),
        ("handed_over", "low_confidence", 1, 0),
        ("handed_over", "staff_mode", 1, 0),
        ("safety", "safety_category", 1, 0),
        ("held", None, 1, 0),
        (None, None, 1, 0),  # its reply is being made
        ("manners", None, 0, 0),
    ],
)
def test_what_is_a_question_and_answered_automatically(sakura, source, trigger, counted, automatic):
    ask(sakura, source=source, trigger=trigger)

    found = figures(sakura)
    assert (found.questions, found.automatic) == (counted, automatic)


def test_what_guests_ask_is_counted_as_it_is_answered(sakura):
    StaffAbsence.objects.all().delete()
    guest = Guest(sakura)
    for text in ("what time can i check in", "hello", UNANSWERED, "there is a fire"):
        guest.ask(text)
    guest.post("/chat/escalate", facility_id=sakura.pk, session_id=guest.session_id)
    now = timezone.localdate()

    found = figures(sakura, Period(now, now))
    assert (found.questions, found.automatic) == (3, 1)


def test_what_staff_write_is_no_question(sakura):
    answer = ask(sakura)
    Message.objects.create(
        conversation=answer.conversation, role="staff", content="c", language="ja", created_at=NOON
    )

    assert figures(sakura).questions == 1


def test_rates_are_shares_and_hours_three_minutes_each(sakura):
    for _question in range(10):
        ask(sakura)
    ask(sakura, source="handed_over", trigger="low_confidence")
    ask(sakura, source="manners")

    found = figures(sakura)
    assert found.automatic_rate == pytest.approx(10 / 11)
    assert found.hours_saved == pytest.approx(0.5)


def test_confidence_is_that_of_automatic_answers(sakura):
    ask(sakura, ai_confidence=0.9)
    ask(sakura, ai_confidence=0.7)
    ask(sakura, ai_confidence=None)
    ask(sakura, source="handed_over", trigger="low_confidence", ai_confidence=0.1)
    ask(sakura, source="safety", trigger="safety_category", ai_confidence=1)

    assert figures(sakura).average_confidence == pytest.approx(0.8)


def test_response_times_are_those_of_all_replies(sakura):
    for milliseconds in range(1, 101):
        ask(sakura, response_time_ms=milliseconds, source="faq" if milliseconds % 2 else "held")
    ask(sakura, source=None)
    ask(sakura, source="manners", response_time_ms=10_000)

    found = figures(sakura)
    assert found.average_response_time_ms == round(50.5)
    assert found.p95_response_time_ms == 95


def test_one_reply_is_its_own_95th_percentile(sakura):
    ask(sakura, response_time_ms=7)

    assert figures(sakura).p95_response_time_ms == 7


def test_of_an_inn_without_guests_nothing_is_known(sakura):
    found = figures(sakura)

    assert (found.questions, found.automatic, found.hours_saved) == (0, 0, 0)
    assert found.automatic_rate is found.satisfaction is found.average_confidence is None
    assert found.average_response_time_ms is found.p95_response_time_ms is None
    assert len(statistics.by_day([], WEEK)) == 7
    assert heat(sakura) == {}
    found = statistics.topics(sakura, WEEK)
    assert (found.languages, found.top) == ({}, [])
    assert found.categories == {"basic": 0, "facilities": 0, "location": 0, "trouble": 0}
    assert statistics.unanswered(sakura, WEEK) == []


# Votes ------------------------------------------------------------------------------------------


def test_satisfaction_is_the_positive_share_of_the_periods_votes(sakura):
    for verdict in ("positive", "positive", "negative"):
        vote(ask(sakura), verdict)
    vote(ask(sakura), "negative", at=NOON - timedelta(days=1))

    assert figures(sakura).satisfaction == pytest.approx(2 / 3)
    assert figures(sakura, TODAY.before).satisfaction == 0


def test_votes_outlive_their_conversation_and_questions_do_not(sakura):
    answer = ask(sakura)
    vote(answer, "positive")
    delete_conversation(answer.conversation)

    found = figures(sakura)
    assert (found.questions, found.positive) == (0, 1)


# Days -------------------------------------------------------------------------------------------


def test_each_inn_has_its_own_days(sakura, maple):
    maple.timezone = "America/New_York"
    maple.save()
    for inn in (sakura, maple):
        ask(inn, at=datetime(2026, 3, 9, 14, 59, tzinfo=UTC))  # 23:59 in Japan
        ask(inn, at=datetime(2026, 3, 9, 15, 1, tzinfo=UTC))  # 00:01

    assert days(sakura) == {"03-09": 1, "03-10": 1}
    assert heat(sakura) == {(0, 23): 1, (1, 0): 1}
    assert days(maple) == {"03-09": 2}
    assert heat(maple) == {(0, 10): 1, (0, 11): 1}


def test_a_period_holds_its_first_and_its_last_minute(sakura):
    for at in ("03-03 14:59", "03-03 15:00", "03-10 14:59", "03-10 15:00"):
        ask(sakura, at=datetime.strptime(f"2026-{at}+0000", "%Y-%m-%d %H:%M%z"))

    assert figures(sakura, WEEK).questions == 2
    assert sum(statistics.topics(sakura, WEEK).languages.values()) == 2
    assert figures(sakura, WEEK.before).questions == 1


def test_the_period_before_is_as_long_and_ends_where_it_begins():
    month = Period.up_to(date(2026, 3, 10), days=30)

    assert (month.first, month.before.last) == (date(2026, 2, 9), date(2026, 2, 8))
    assert len(month) == len(month.before) == len(list(month)) == 30


def test_where_clocks_are_set_forward_a_day_is_an_hour_shorter(maple):
    maple.timezone = "America/New_York"
    maple.save()
    sunday = Period(date(2026, 3, 8), date(2026, 3, 8))
    for at in (
        datetime(2026, 3, 8, 4, 59, tzinfo=UTC),  # Saturday 23:59
        datetime(2026, 3, 8, 5, 0, tzinfo=UTC),
        datetime(2026, 3, 8, 6, 59, tzinfo=UTC),  # 01:59, a minute before 03:00
        datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
        datetime(2026, 3, 9, 3, 59, tzinfo=UTC),  # 23:59
        datetime(2026, 3, 9, 4, 0, tzinfo=UTC),  # Monday
    ):
        ask(maple, at=at)

    assert sunday.ends_at(maple) - sunday.starts_at(maple) == timedelta(hours=23)
    assert heat(maple, sunday) == {(6, 0): 1, (6, 1): 1, (6, 3): 1, (6, 23): 1}
    assert sum(statistics.topics(maple, sunday).languages.values()) == 4


def test_where_clocks_are_set_back_the_hour_that_comes_twice_is_one(maple):
    maple.timezone = "America/New_York"
    maple.save()
    sunday = Period(date(2026, 11, 1), date(2026, 11, 1))
    for hour in (4, 5, 6, 7):  # 00:30, 01:30, 01:30 again, 02:30
        ask(maple, at=datetime(2026, 11, 1, hour, 30, tzinfo=UTC))

    assert sunday.ends_at(maple) - sunday.starts_at(maple) == timedelta(hours=25)
    assert heat(maple, sunday) == {(6, 0): 1, (6, 1): 2, (6, 2): 1}


def test_what_a_joined_device_asked_before_counts(sakura):
    """The conversation that it joined was quiet since before the period, and is the older row."""
    asked = ask(sakura, at=TODAY.starts_at(sakura), source=None)
    yesterday = ask(sakura, at=TODAY.starts_at(sakura) - timedelta(hours=23)).conversation
    asked.conversation = yesterday
    asked.save()

    hours = statistics.asked_by_hour(sakura, since=TODAY.first)
    assert sum(hour.questions for hour in hours) == 1


# About what -------------------------------------------------------------------------------------


@pytest.fixture
def faqs(sakura):
    """The first FAQ of each category."""
    return {name: sakura.faqs.filter(category=name).first() for name in Faq.Category.values}


def test_questions_are_counted_by_language_and_category(sakura, faqs):
    ask(sakura, faq=faqs["basic"], language="fr")
    ask(sakura, faq=faqs["basic"], source="generated", language="en")
    ask(sakura, faq=faqs["basic"], source="scan_code", language="en")
    ask(sakura, faq=faqs["trouble"], trigger="multiple_turns", language="en")
    ask(sakura, faq=faqs["location"], source="handed_over", trigger="low_confidence")
    ask(sakura, source="fact", language="ko")
    ask(sakura, faq=faqs["location"], source="manners", language="es")

    found = statistics.topics(sakura, WEEK)
    assert list(found.languages.items()) == [("en", 4), ("fr", 1), ("ko", 1)]
    assert found.categories == {"basic": 3, "facilities": 0, "location": 0, "trouble": 1}


def test_top_questions_are_the_most_answered_faqs_in_the_inns_language(sakura, faqs):
    ask(sakura, faq=faqs["trouble"])
    for _question in range(2):
        ask(sakura, faq=faqs["basic"], language="fr")

    expected = [
        (faqs[name].translations.get(language="ja").question, count)
        for name, count in (("basic", 2), ("trouble", 1))
    ]
    assert [(each.question, each.count) for each in statistics.topics(sakura, WEEK).top] == expected


def test_at_most_ten_questions_are_listed_and_all_count(sakura):
    for faq in sakura.faqs.all()[:12]:
        ask(sakura, faq=faq)

    found = statistics.topics(sakura, WEEK)
    assert len(found.top) == 10
    assert sum(found.categories.values()) == 12


def test_a_deleted_or_foreign_faq_has_neither_category_nor_name(sakura, maple, faqs):
    ask(sakura, faq=faqs["basic"])
    ask(sakura, faq=maple.faqs.first())
    faqs["basic"].delete()

    found = statistics.topics(sakura, WEEK)
    assert found.languages == {"en": 2}
    assert (sum(found.categories.values()), found.top) == (0, [])


def test_what_went_to_staff_is_listed_by_how_often_it_was_asked(sakura):
    def hand_over(text, trigger="low_confidence"):
        ask(sakura, source="handed_over", trigger=trigger, text=text)

    for text in ("A boat?", UNANSWERED, f" {UNANSWERED.upper()} ", f"{UNANSWERED}？", "A kite?"):
        hand_over(text)
    hand_over("a person please", trigger="staff_mode")
    ask(sakura, text="a fire", source="safety", trigger="safety_category")
    ask(sakura, text="check-in?")

    found = [
        (each.question.strip(" ？").lower(), each.count)
        for each in statistics.unanswered(sakura, WEEK)
    ]
    assert found == [(UNANSWERED, 3), ("a kite?", 1), ("a boat?", 1)]


# Tenancy ----------------------------------------------------------------------------------------


def test_nothing_of_another_inn_counts(sakura, maple):
    answer = ask(maple, faq=maple.faqs.first())
    vote(answer, "negative")
    ask(maple, source="handed_over", trigger="low_confidence")

    found = figures(sakura)
    assert (found.questions, found.automatic, found.positive, found.negative) == (0, 0, 0, 0)
    assert statistics.topics(sakura, WEEK).languages == {}
    assert statistics.unanswered(sakura, WEEK) == []
    assert figures(maple).questions == 2

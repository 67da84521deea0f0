"""How questions end, and what an inn learns of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import statistics
from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.patterns import count_endings, with_endings
from chat.retention import delete_conversation
from chat.tasks import count_endings as task
from faq.services import change_faq
from tests.chat.test_statistics import NOON, WEEK, vote

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(days=1)


@pytest.fixture
def laundry(sakura):
    return sakura.faqs.get(intent_key="facilities_laundry")


class Talk:
    """One guest's conversation, written down."""

    def __init__(self, facility, at=NOON):
        self.at = at
        self.conversation = Conversation.objects.create(
            facility=facility, started_at=at, last_activity_at=at, expires_at=at
        )

    def ask(self, faq=None, *, source="faq", trigger=None, after=0, text="a", language="en"):
        """Ask so many minutes after the beginning; returns the answer."""
        at = self.at + after * MINUTE
        fields = {"conversation": self.conversation, "language": language, "created_at": at}
        question = Message.objects.create(role="user", content=text, **fields)
        if trigger:
            Escalation.objects.create(
                conversation=self.conversation, message=question, trigger_type=trigger
            )
        return Message.objects.create(
            role="assistant",
            content="b",
            source=source,
            reply_to=question,
            matched_faq_ids=[faq.pk] if faq else [],
            **fields,
        )

    def call(self, after):
        Escalation.objects.create(
            conversation=self.conversation,
            trigger_type="staff_mode",
            created_at=self.at + after * MINUTE,
        )


def is_resolved(answer):
    return with_endings(Message.objects.questions()).get(reply=answer).is_resolved


# How a question ends ----------------------------------------------------------------------------


def test_a_guest_who_asks_no_more_or_something_else_is_helped(sakura, laundry):
    talk = Talk(sakura)
    answer = talk.ask(laundry)
    assert is_resolved(answer)

    talk.ask(sakura.faqs.exclude(pk=laundry.pk).first(), after=1)
    assert is_resolved(answer)


def test_who_asks_the_same_soon_was_not(sakura, laundry):
    talk = Talk(sakura)
    first, second = talk.ask(laundry), talk.ask(laundry, after=29)

    assert (is_resolved(first), is_resolved(second)) == (False, True)


def test_who_asks_the_same_much_later_asks_anew(sakura, laundry):
    talk = Talk(sakura)
    first = talk.ask(laundry)
    talk.ask(laundry, after=31)

    assert is_resolved(first)


@pytest.mark.parametrize("trigger", ["staff_mode", "multiple_turns"])
def test_who_then_asks_for_a_person_was_not(sakura, laundry, trigger):
    talk = Talk(sakura)
    answer = talk.ask(laundry)
    talk.ask(source="handed_over", trigger=trigger, after=1)

    assert not is_resolved(answer)


@pytest.mark.parametrize(("minutes", "resolved"), [(-1, True), (1, False), (31, True)])
def test_who_then_calls_staff_was_not(sakura, laundry, minutes, resolved):
    talk = Talk(sakura)
    answer = talk.ask(laundry)
    talk.call(minutes)

    assert is_resolved(answer) == resolved


@pytest.mark.parametrize(("verdict", "resolved"), [("positive", True), ("negative", False)])
def test_what_the_guest_says_of_it_decides(sakura, laundry, verdict, resolved):
    talk = Talk(sakura)
    answer = talk.ask(laundry)
    if verdict == "positive":
        talk.ask(laundry, after=1)
    vote(answer, verdict)

    assert is_resolved(answer) == resolved


@pytest.mark.parametrize(
    ("source", "trigger"),
    [("handed_over", "low_confidence"), ("scan_code", None), ("faq", "multiple_turns")],
)
def test_what_went_to_staff_or_was_not_told_is_not(sakura, laundry, source, trigger):
    assert not is_resolved(Talk(sakura).ask(laundry, source=source, trigger=trigger))


def test_another_guests_questions_do_not_matter(sakura, laundry):
    answer = Talk(sakura).ask(laundry)
    other = Talk(sakura)
    other.ask(laundry, after=1)
    other.call(2)

    assert is_resolved(answer)


# The dashboard ----------------------------------------------------------------------------------


def test_top_questions_tell_how_often_they_were_settled(sakura, laundry):
    talk = Talk(sakura)
    for minute in range(3):
        talk.ask(laundry, after=minute, language="fr" if minute else "en")
    Talk(sakura).ask(laundry)

    (top,) = statistics.topics(sakura, WEEK).top

    assert (top.faq_id, top.count, top.guests) == (laundry.pk, 4, 3)
    assert top.resolution_rate == 0.5


def test_one_guest_who_asks_the_same_all_day_is_not_on_top(sakura, laundry):
    nonsense, kitchen = Talk(sakura), sakura.faqs.get(intent_key="facilities_kitchen")
    for minute in range(50):
        nonsense.ask(laundry, after=minute)
        nonsense.ask(source="handed_over", trigger="low_confidence", text="xyzzy", after=minute)
    for _guest in range(2):
        Talk(sakura).ask(kitchen)
        Talk(sakura).ask(source="handed_over", trigger="low_confidence", text="a kite?")

    assert statistics.topics(sakura, WEEK).top[0].faq_id == kitchen.pk
    assert [each.question for each in statistics.unanswered(sakura, WEEK)] == ["a kite?", "xyzzy"]


# The confidence ---------------------------------------------------------------------------------


def left(faq):
    faq.refresh_from_db()
    return faq.left_content, faq.left_unhelped


def test_guests_are_counted_and_not_their_questions(sakura, laundry):
    unhappy = Talk(sakura)
    for minute in range(3):
        unhappy.ask(laundry, after=minute)
    for _guest in range(2):
        Talk(sakura).ask(laundry)

    assert count_endings(sakura, LATER) == 1
    assert left(laundry) == (2, 1)
    assert count_endings(sakura, LATER) == 0, "twice is once"


def test_who_voted_is_counted_by_his_vote_alone(sakura, laundry):
    vote(Talk(sakura).ask(laundry), "negative")

    count_endings(sakura, LATER)
    assert left(laundry) == (0, 0)


def test_what_has_not_ended_yet_does_not_count(sakura, laundry):
    Talk(sakura).ask(laundry)

    count_endings(sakura, NOON + 29 * MINUTE)
    assert left(laundry) == (0, 0)
    count_endings(sakura, NOON + 30 * MINUTE)
    assert left(laundry) == (1, 0)


def test_what_is_deleted_or_old_counts_no_more(sakura, laundry):
    talk = Talk(sakura)
    talk.ask(laundry)
    Talk(sakura, NOON + timedelta(days=2)).ask(laundry)
    count_endings(sakura, NOON + timedelta(days=3))
    assert left(laundry) == (2, 0)

    count_endings(sakura, NOON + timedelta(days=91))
    assert left(laundry) == (1, 0)
    for conversation in Conversation.objects.all():
        delete_conversation(conversation)
    count_endings(sakura, NOON + timedelta(days=3))
    assert left(laundry) == (0, 0)


def test_what_was_asked_before_the_answer_changed_counts_no_more(sakura, laundry, hanako):
    now = timezone.now()
    for before in (2, 0):
        talk = Talk(sakura, now - timedelta(hours=before))
        talk.ask(laundry)
        if before:
            change_faq(faq=laundry, actor=hanako, texts={"ja": ("Q", "2階です")})
    later = Talk(sakura, timezone.now() + MINUTE)
    later.ask(laundry)

    count_endings(sakura, now + timedelta(hours=2))

    assert left(laundry) == (1, 0)


def test_each_inn_learns_of_its_own_guests(sakura, maple, laundry):
    Talk(maple, timezone.now() - timedelta(hours=1)).ask(maple.faqs.first())
    Talk(maple, timezone.now() - timedelta(hours=1)).ask(laundry)  # an id of another inn's

    task()

    assert left(laundry) == (0, 0)
    assert left(maple.faqs.first()) == (1, 0)


def test_votes_without_a_guest_do_not_stop_the_count(sakura, laundry):
    GuestFeedback.objects.create(facility=sakura, faq_id=laundry.pk, feedback_type="negative")

    assert count_endings(sakura, LATER) == 0

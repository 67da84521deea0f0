"""A question that was stored when something died is answered all the same."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import answering
from chat.models import Escalation, Message
from chat.services import GuestMessage, answer_forgotten, receive_question
from nightqueue.models import Delivery, QueueEntry


def stored(facility, text):
    """What a process leaves that dies before it answers."""
    message = GuestMessage(text, language="en")
    _conversation, question, _first = receive_question(facility_id=facility.pk, message=message)
    return question


def minutes_later(at, minutes):
    moment = timezone.now() + timedelta(minutes=minutes)
    at(moment)
    return answer_forgotten()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("what time can i check in", "faq"),
        ("can my parrot surf", "handed_over"),
        ("fire!!", "safety"),
    ],
)
def test_it_is_answered_and_staff_are_told_as_if_nothing_had_happened(sakura, at, text, source):
    question = stored(sakura, text)

    assert minutes_later(at, 1) == 0  # it may still be under way
    assert minutes_later(at, 2) == 1
    assert minutes_later(at, 2) == 0

    assert Message.objects.answers().get(reply_to=question).source == source
    told = Delivery.objects.count() + QueueEntry.objects.count()
    assert told == Escalation.objects.count() == (source != "faq")


def test_what_was_asked_the_day_before_is_left_alone(sakura, at):
    stored(sakura, "can my parrot surf")

    assert minutes_later(at, 25 * 60) == 0


def test_one_that_cannot_be_answered_keeps_no_other_waiting(sakura, at, monkeypatch):
    stored(sakura, "poison")
    second = stored(sakura, "what time can i check in")
    first_look = answering.first_look

    def fail(question):
        if question.text == "poison":
            raise RuntimeError
        return first_look(question)

    monkeypatch.setattr(answering, "first_look", fail)

    assert minutes_later(at, 3) == 1
    assert Message.objects.answers().get().reply_to == second

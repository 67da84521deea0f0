"""Which questions become suggestions; and that to look again or to be killed changes nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import learning, staff
from chat.learning import AT_ONCE, OF_ONE_GUEST, learn, learn_everywhere
from chat.models import Conversation, Message
from chat.retention import purge_expired
from faq import reviews, suggestions
from faq.models import FaqSuggestion, SuggestedQuestion
from tests.conftest import Guest

UNANSWERABLE = "can my parrot surf"


def questions():
    return {(q.text, q.why) for q in SuggestedQuestion.objects.all()}


def conversation_of(guest):
    return Conversation.objects.get(session_id=guest.session_id)


def vote(guest, message_id, kind):
    answer = guest.post(
        "/chat/feedback", message_id=message_id, feedback_type=kind, session_id=guest.session_id
    )
    assert answer.status_code == 200


# Which ------------------------------------------------------------------------------------------


def test_what_went_to_staff_for_want_of_an_answer(sakura, guest):
    guest.ask(UNANSWERABLE, language="en")

    assert learn(sakura) == 1
    assert questions() == {(UNANSWERABLE, "handed_over")}


@pytest.mark.parametrize(
    "said",
    [
        "what time can i check in",
        "my friend is unconscious and not breathing",
        "I want to talk to a person",
        "thank you!",
    ],
)
def test_not_what_was_answered_not_danger_not_a_wish_for_a_person_not_manners(sakura, guest, said):
    guest.ask(said, language="en")

    assert learn(sakura) == 0


def test_what_was_voted_down_until_it_is_voted_up(sakura, guest):
    message_id = guest.ask("what time can i check in", language="en")["message"]["id"]
    vote(guest, message_id, "negative")
    learn(sakura)
    assert questions() == {("what time can i check in", "voted_down")}

    vote(guest, message_id, "positive")
    learn(sakura)

    assert questions() == set()
    assert not FaqSuggestion.objects.exists()


def test_what_is_asked_while_staff_write_once_they_have_answered_it(sakura, guest, hanako):
    guest.ask(UNANSWERABLE, language="en")
    staff.reply(conversation_of(guest), hanako, "Wait, please.")
    for said in ("thanks!", "and can it swim"):
        guest.ask(said, language="en")
    learn(sakura)
    assert questions() == {(UNANSWERABLE, "answered")}

    staff.reply(conversation_of(guest), hanako, "はい、泳げます。")
    learn(sakura)

    assert questions() == {(UNANSWERABLE, "answered"), ("and can it swim", "answered")}


def test_a_fault_only_once_staff_have_answered(sakura, guest, hanako):
    guest.ask(UNANSWERABLE, language="en")
    conversation_of(guest).escalations.update(trigger_type="error")
    assert learn(sakura) == 0

    staff.reply(conversation_of(guest), hanako, "Yes.")

    assert learn(sakura) == 1


# With what staff replied ------------------------------------------------------------------------


def test_the_reply_is_what_staff_wrote_before_the_next_question(sakura, guest, hanako):
    guest.ask(UNANSWERABLE, language="en")
    staff.reply(conversation_of(guest), hanako, "はい、できます。")
    staff.reply(conversation_of(guest), hanako, "板もお貸しします。")
    guest.ask("where is the moon", language="en")
    staff.reply(conversation_of(guest), hanako, "空にあります。")

    learn(sakura)

    replies = dict(SuggestedQuestion.objects.values_list("text", "replies"))
    assert replies[UNANSWERABLE] == {"ja": "はい、できます。\n板もお貸しします。"}
    assert replies["where is the moon"] == {"ja": "空にあります。"}


def test_a_reply_in_the_guests_language_is_taken_as_that(sakura, guest, hanako):
    """Nobody translates here: whatever staff write is called the inn's language."""
    guest.ask(UNANSWERABLE, language="en")
    staff.reply(conversation_of(guest), hanako, "Yes, your parrot may use our surfboards.")

    learn(sakura)

    suggestion = FaqSuggestion.objects.get()
    assert (suggestion.question_language, suggestion.answer_language) == ("en", "en")
    faq = reviews.approve(suggestion=suggestion, actor=hanako).created_faq
    assert [text.language for text in faq.translations.all()] == ["en"]


def test_a_translated_reply_is_there_in_both_languages(sakura, guest, hanako, provider):
    provider.reply = lambda messages: {"can_answer": False, "used": [], "answer": ""}
    guest.ask(UNANSWERABLE, language="en")
    provider.reply = lambda messages: {"translation": "Yes, it can."}
    staff.reply(conversation_of(guest), hanako, "はい、できます。")
    provider.statuses["/chat/completions"] = [500] * 9  # the draft stays as it is

    learn(sakura)

    assert SuggestedQuestion.objects.get().replies == {
        "ja": "はい、できます。",
        "en": "Yes, it can.",
    }


def test_a_reply_that_comes_later_is_learned_later(sakura, guest, hanako):
    guest.ask(UNANSWERABLE, language="en")
    learn(sakura)
    staff.reply(conversation_of(guest), hanako, "はい。")
    learn(sakura)
    staff.reply(conversation_of(guest), hanako, "板もあります。")
    learn(sakura)

    assert FaqSuggestion.objects.get().answer == "はい。\n板もあります。"


def test_a_reply_of_staff_starts_the_task(
    sakura, guest, hanako, monkeypatch, django_capture_on_commit_callbacks
):
    guest.ask(UNANSWERABLE, language="en")
    queued = []
    monkeypatch.setattr(
        "chat.tasks.enqueue", lambda task, number: queued.append((task.name, number))
    )

    with django_capture_on_commit_callbacks(execute=True):
        staff.reply(conversation_of(guest), hanako, "はい。")

    assert queued == [("chat.tasks.learn", sakura.pk)]


# Again and again --------------------------------------------------------------------------------


def asked_by_some(sakura):
    for said in (UNANSWERABLE, "where is the moon", UNANSWERABLE, "who painted this wall"):
        Guest(sakura).ask(said, language="en")


def state():
    """Who asked what together."""
    return sorted(
        sorted(each.questions.values_list("message_id", flat=True))
        for each in FaqSuggestion.objects.all()
    )


def test_run_again_it_finds_nothing_new(sakura):
    asked_by_some(sakura)
    learn(sakura)
    before = state()

    assert learn(sakura) == 0
    assert state() == before
    assert len(before) == 3


def test_killed_in_the_middle_the_next_run_goes_on(sakura, monkeypatch):
    asked_by_some(sakura)
    note = suggestions.note_question
    noted = []

    def die(facility_id, asked):
        noted.append(note(facility_id, asked))
        if len(noted) == 2:
            raise KeyboardInterrupt
        return noted[-1]

    with monkeypatch.context() as patched:
        patched.setattr(suggestions, "note_question", die)
        with pytest.raises(KeyboardInterrupt):
            learn(sakura)
    assert SuggestedQuestion.objects.count() == 1  # the second was not whole
    learn(sakura)

    halfway = state()
    FaqSuggestion.objects.all().delete()
    learn(sakura)
    assert state() == halfway


def test_one_inn_that_fails_does_not_keep_the_others_from_learning(
    sakura, maple, guest, neighbour, monkeypatch
):
    for each in (guest, neighbour):
        each.ask(UNANSWERABLE, language="en")
    drafts = learning.write_drafts

    def fail(facility):
        if facility == sakura:
            raise ValueError
        drafts(facility)

    monkeypatch.setattr(learning, "write_drafts", fail)
    learn_everywhere()

    assert FaqSuggestion.objects.for_facility(maple).count() == 1


def test_one_guest_fills_no_list(sakura, guest):
    """As a guest whose questions are written by a program, past the limit of a minute."""
    first = guest.ask(UNANSWERABLE, language="en")["message"]["id"]
    answer = Message.objects.get(pk=first)
    question = answer.reply_to
    escalation = question.escalation
    for number in range(500):
        question.pk = answer.pk = escalation.pk = None
        question.content = f"{UNANSWERABLE} {chr(97 + number % 26) * (number % 40 + 1)}"
        question.save()
        answer.reply_to = escalation.message = question
        answer.save()
        escalation.save()
    for other in ("where is the moon", "where is the moon"):
        Guest(sakura).ask(other, language="en")

    while learn(sakura):
        pass

    assert SuggestedQuestion.objects.count() == OF_ONE_GUEST + 2
    first, *rest = FaqSuggestion.objects.ranked()
    assert (first.question, first.guests) == ("where is the moon", 2)
    assert {each.guests for each in rest} == {1}
    assert OF_ONE_GUEST < AT_ONCE


# Gone with the guest ----------------------------------------------------------------------------


def test_what_a_guest_asked_goes_with_his_conversation(sakura, guest):
    guest.ask(UNANSWERABLE, language="en")
    learn(sakura)

    guest.client.delete(f"/api/v1/chat/history/{guest.session_id}?facility_id={sakura.pk}")

    assert not SuggestedQuestion.objects.exists()
    assert not FaqSuggestion.objects.exists()


def test_and_with_the_end_of_its_time(sakura, guest):
    guest.ask(UNANSWERABLE, language="en")
    learn(sakura)

    purge_expired(timezone.now() + timedelta(days=120))

    assert not FaqSuggestion.objects.exists()


def test_a_joined_device_is_the_same_guest(sakura):
    first, second = Guest(sakura), Guest(sakura)
    for each in (first, second):
        each.ask(UNANSWERABLE, language="en")
    learn(sakura)
    assert FaqSuggestion.objects.ranked().get().guests == 2

    fields = {"facility_id": sakura.pk}
    code = first.post("/session/generate", session_id=first.session_id, **fields).json()["token"]
    second.post("/session/link", token=code, current_session_id=second.session_id, **fields)

    assert FaqSuggestion.objects.ranked().get().guests == 1

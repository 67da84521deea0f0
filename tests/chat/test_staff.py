"""Staff in a conversation: their reply, the silence of the AI, and the guest who has left."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from chat import staff
from chat.models import Conversation, Escalation, Message
from chat.services import GuestMessage, finish_turn, news_of, take_question
from nightqueue.messages import write
from nightqueue.models import Delivery
from nightqueue.services import mail_unseen_answers
from tests.conftest import Guest

UNANSWERED = "can my parrot surf"
REPLY = "申し訳ありません、サーフィンはできません。"


@pytest.fixture
def waiting(guest):
    """A guest whose question went to staff."""
    guest.ask(UNANSWERED, language="en")
    return guest


def conversation_of(guest):
    return Conversation.objects.get(session_id=guest.session_id)


def reply(guest, user, text=REPLY):
    return staff.reply(conversation_of(guest), user, text)


def said_by_staff(guest):
    return [m["content"] for m in guest.history()["messages"] if m["role"] == "staff"]


def test_a_reply_is_in_the_guests_history_and_resolves_what_was_open(waiting, hanako):
    reply(waiting, hanako)

    assert said_by_staff(waiting) == [REPLY]
    escalation = Escalation.objects.get()
    assert (escalation.resolved_by, escalation.resolved_at is None) == (hanako, False)


def test_what_the_guest_wrote_while_staff_were_typing_stays_open(waiting, hanako, provider):
    read = conversation_of(waiting).messages.last().pk
    provider.reply = lambda messages: {"translation": "Sorry, no surfing."}
    waiting.ask("there is smoke in my room", language="en")
    staff.reply(conversation_of(waiting), hanako, REPLY, answers_up_to=read)

    question, danger = Escalation.objects.order_by("pk")
    assert question.resolved_at is not None
    assert (danger.trigger_type, danger.resolved_at) == ("safety_category", None)


def test_with_a_provider_the_guest_reads_it_in_his_language_and_both_texts_are_kept(
    waiting, hanako, provider
):
    provider.reply = lambda messages: {"translation": "Sorry, no surfing."}
    reply(waiting, hanako)

    message = Message.objects.get(role="staff")
    assert said_by_staff(waiting) == ["Sorry, no surfing."]
    assert (message.language, message.staff_text) == ("en", REPLY)
    assert provider.chats[-1]["messages"][-1]["content"] == REPLY


@pytest.mark.parametrize("fault", ["empty", "nonsense", "break"])
def test_a_reply_whose_translation_fails_goes_as_it_was_written(waiting, hanako, provider, fault):
    provider.fault["/chat/completions"] = fault
    reply(waiting, hanako)

    assert said_by_staff(waiting) == [REPLY]
    assert Message.objects.get(role="staff").language == "ja"


def test_a_guest_who_speaks_the_inns_language_needs_no_translation(guest, hanako, provider):
    guest.ask("オウムはサーフィンできますか", language="ja")
    calls = len(provider.chats)
    reply(guest, hanako)

    assert len(provider.chats) == calls


def test_while_staff_are_writing_the_ai_holds_its_tongue(waiting, hanako):
    reply(waiting, hanako)

    held = waiting.ask("what time can i check in", language="en")

    assert held["message"]["source"] == "held"
    assert held["message"]["matched_faq_ids"] == []
    assert held["is_escalated"]  # the guest waits again, and staff are told
    assert not waiting.ask("are you there?", language="en")["is_escalated"]  # once


def test_an_answer_made_while_staff_began_to_write_gives_way(waiting, hanako, provider):
    conversation = conversation_of(waiting)
    message = GuestMessage("can i surf with my parrot", session_id=waiting.session_id)
    asked = take_question(facility_id=waiting.facility.pk, message=message)
    provider.reply = lambda messages: {"can_answer": False, "used": [], "answer": ""}
    Conversation.objects.filter(pk=conversation.pk).update(
        staff_until=timezone.now() + timedelta(hours=1)
    )

    turn = async_to_sync(finish_turn)(asked)

    assert turn.reply.source == "held"


def test_danger_is_answered_at_once_all_the_same(waiting, hanako):
    reply(waiting, hanako)

    body = waiting.ask("fire!!")

    assert body["escalation"]["trigger_type"] == "safety_category"
    assert "119" in body["message"]["content"]


@pytest.mark.parametrize("how", ["handed back", "an hour has passed"])
def test_then_the_ai_answers_again(waiting, hanako, at, how):
    reply(waiting, hanako)
    if how == "handed back":
        staff.hand_back(conversation_of(waiting))
    else:
        at(timezone.now() + timedelta(minutes=61))

    assert waiting.ask("what time can i check in")["message"]["source"] == "faq"


def test_who_resolves_first_is_remembered_and_notes_may_follow(waiting, hanako, momiji):
    escalation = Escalation.objects.get()
    first = staff.resolve(escalation, hanako).resolved_at
    staff.resolve(escalation, momiji, notes="called the guest")

    escalation.refresh_from_db()
    assert (escalation.resolved_by, escalation.resolved_at) == (hanako, first)
    assert escalation.resolution_notes == "called the guest"


# Guests who have left ---------------------------------------------------------------------------


def agree(guest, **fields):
    body = {
        "facility_id": guest.facility.pk,
        "session_id": guest.session_id,
        "email": "guest@example.com",
        "consent": True,
    }
    return guest.post("/chat/email", **(body | fields))


def mailed_after(at, minutes):
    at(timezone.now() + timedelta(minutes=minutes))
    return mail_unseen_answers()


def test_an_answer_not_seen_within_ten_minutes_is_mailed_once(waiting, hanako, at):
    assert agree(waiting).status_code == 200
    reply(waiting, hanako)

    assert mailed_after(at, 9) == 0
    assert mailed_after(at, 2) == 1
    assert mailed_after(at, 10) == 0
    letter = write(Delivery.objects.get(kind="answer"))
    assert letter.address == "guest@example.com"
    assert REPLY in letter.text
    assert "Sakura-ya" in letter.subject


def test_what_was_agreed_to_is_stored_with_its_time(waiting):
    consent = agree(waiting).json()["consent"]

    conversation = conversation_of(waiting)
    assert "deleted together with the conversation" in consent
    assert conversation.contact_consent == consent
    assert conversation.contact_agreed_at is not None


def test_an_answer_seen_in_the_chat_is_not_mailed(waiting, hanako, at):
    agree(waiting)
    reply(waiting, hanako)
    waiting.history()

    assert mailed_after(at, 11) == 0


def test_without_consent_nothing_is_mailed(waiting, hanako, at):
    assert agree(waiting, consent=False).status_code == 422
    assert agree(waiting, email="not an address").status_code == 422
    reply(waiting, hanako)

    assert mailed_after(at, 11) == 0


def test_an_answer_seen_while_the_mail_waits_is_not_sent(waiting, hanako, at):
    agree(waiting)
    reply(waiting, hanako)
    mailed_after(at, 11)
    waiting.history()

    assert write(Delivery.objects.get(kind="answer")) is None


def test_what_was_only_sent_to_the_network_is_not_seen(waiting, hanako, at):
    """A stream may go on into a phone that lies locked in a pocket."""
    agree(waiting)
    message = reply(waiting, hanako)
    assert news_of(conversation_of(waiting).pk, message.pk - 1) == [message]

    assert mailed_after(at, 11) == 1


@pytest.mark.parametrize("kind", ["history", "events"])
def test_a_device_that_says_it_has_the_answer_has_seen_it(waiting, hanako, at, kind):
    agree(waiting)
    message = reply(waiting, hanako)
    waiting.get(f"/chat/{kind}/{waiting.session_id}", after=message.pk)

    assert mailed_after(at, 11) == 0


def test_what_was_agreed_on_one_device_holds_on_the_joined_one(sakura, hanako, at):
    first, second = Guest(sakura), Guest(sakura)
    for guest in (first, second):
        guest.ask(UNANSWERED, language="en")
    agree(second)
    reply(second, hanako)
    code = first.post(
        "/session/generate", facility_id=sakura.pk, session_id=first.session_id
    ).json()["token"]
    second.post(
        "/session/link", facility_id=sakura.pk, token=code, current_session_id=second.session_id
    )

    whole = conversation_of(first)
    assert whole.contact_email == "guest@example.com"
    assert whole.is_with_staff
    assert mailed_after(at, 11) == 1


def test_each_guest_gets_his_own_answer(sakura, hanako, at):
    guests = [Guest(sakura), Guest(sakura)]
    for number, guest in enumerate(guests):
        guest.ask(UNANSWERED, language="en")
        agree(guest, email=f"guest{number}@example.com")
    reply(guests[1], hanako)
    mailed_after(at, 11)

    letter = write(Delivery.objects.get(kind="answer"))
    assert letter.address == "guest1@example.com"


# In the admin -----------------------------------------------------------------------------------


def admin_page(guest, page="change"):
    return reverse(f"admin:chat_conversation_{page}", args=[conversation_of(guest).pk])


def test_staff_reply_on_the_page_to_which_the_notification_leads(client, waiting, hanako):
    client.force_login(hanako)
    assert 'name="content"' in client.get(admin_page(waiting)).content.decode()

    page = client.post(admin_page(waiting, "reply"), {"content": REPLY}, follow=True)

    assert said_by_staff(waiting) == [REPLY]
    assert "hand_back" in page.content.decode()
    client.post(admin_page(waiting, "act"), {"action": "hand_back"})
    assert waiting.ask("what time can i check in")["message"]["source"] == "faq"


@pytest.mark.parametrize("content", ["", "   ", "x" * 4001])
def test_an_empty_or_endless_reply_is_not_sent(client, waiting, hanako, content):
    client.force_login(hanako)
    client.post(admin_page(waiting, "reply"), {"content": content})

    assert said_by_staff(waiting) == []


def test_another_inns_staff_cannot_reply(client, waiting, momiji):
    client.force_login(momiji)

    assert client.post(admin_page(waiting, "reply"), {"content": REPLY}).status_code == 404
    assert said_by_staff(waiting) == []

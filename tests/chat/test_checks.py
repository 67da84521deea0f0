"""An operator's check is answered like a guest and disturbs nobody; nobody else can hold one."""

from datetime import timedelta

import pytest
from django.core.signing import TimestampSigner
from django.utils import timezone

from chat.checks import ACCEPTED, HEADER, SIGNATURE_LIFE, sign_check
from chat.desk import recent_conversations
from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.retention import purge_expired
from faq.models import Faq
from nightqueue.models import Delivery, QueueEntry

DANGER = "my friend isn't waking up"


def called():
    return [model.objects.count() for model in (Escalation, Delivery, QueueEntry)]


def ask_signed(guest, signature, message=DANGER):
    body = {"facility_id": guest.facility.pk, "message": message}
    if guest.session_id:
        body["session_id"] = guest.session_id
    response = guest.client.post(
        "/api/v1/chat", body, content_type="application/json", headers={HEADER: signature}
    )
    guest.session_id = response.json()["session_id"]
    return response


def test_danger_is_answered_and_calls_nobody(guest):
    response = ask_signed(guest, sign_check(guest.facility.pk))

    body = response.json()
    assert response[HEADER] == ACCEPTED
    assert "119" in body["message"]["content"]
    assert body["is_escalated"] is True
    assert body["escalation"]["trigger_type"] == "safety_category"
    assert (body["escalation_id"], body["escalation"]["notified"]) == (None, False)
    assert called() == [0, 0, 0]


def test_a_question_without_an_answer_calls_nobody_either(guest):
    body = ask_signed(
        guest, sign_check(guest.facility.pk), "Can you lend me a surfboard for my parrot?"
    ).json()

    assert body["escalation"]["trigger_type"] == "low_confidence"
    assert called() == [0, 0, 0]


def bad_signatures(facility, other):
    good = sign_check(facility.pk)
    return {
        "none": "",
        "made up": "1:2:3",
        "changed": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "for another inn": sign_check(other.pk),
        "with another key": TimestampSigner(key="another", salt="chat.checks").sign(
            str(facility.pk)
        ),
        "for another purpose": TimestampSigner(salt="something.else").sign(str(facility.pk)),
    }


@pytest.mark.parametrize(
    "kind",
    ["none", "made up", "changed", "for another inn", "with another key", "for another purpose"],
)
def test_nobody_else_can_silence_danger(guest, maple, kind):
    response = ask_signed(guest, bad_signatures(guest.facility, maple)[kind])

    assert HEADER not in response
    assert Escalation.objects.get().trigger_type == "safety_category"
    assert Delivery.objects.filter(kind="danger").exists()


def test_a_signature_that_was_overheard_is_worth_nothing_a_minute_later(guest, at):
    start = timezone.now()
    at(start)
    signature = sign_check(guest.facility.pk)
    at(start + SIGNATURE_LIFE + timedelta(seconds=1))

    assert HEADER not in ask_signed(guest, signature)
    assert called()[0] == 1


def test_a_check_does_not_enter_a_guests_conversation(guest):
    guest.ask("hello")
    theirs = guest.session_id

    ask_signed(guest, sign_check(guest.facility.pk))

    assert guest.session_id != theirs
    assert not Message.objects.filter(conversation__session_id=theirs, content=DANGER).exists()


def test_a_guest_does_not_enter_a_checks_conversation(guest):
    ask_signed(guest, sign_check(guest.facility.pk))
    the_checks = guest.session_id

    guest.ask(DANGER)

    assert guest.session_id != the_checks
    assert Escalation.objects.get().conversation.session_id == guest.session_id


def test_staff_do_not_see_it(guest):
    ask_signed(guest, sign_check(guest.facility.pk))

    assert not Conversation.objects.for_inbox().exists()
    assert not recent_conversations(guest.facility)


def test_its_vote_counts_for_nothing_and_goes_with_it(guest):
    body = ask_signed(guest, sign_check(guest.facility.pk), "what time can i check in").json()
    faq = Faq.objects.get(pk=body["message"]["matched_faq_ids"][0])
    vote = {"message_id": body["message"]["id"], "feedback_type": "negative"}

    assert guest.post("/chat/feedback", session_id=guest.session_id, **vote).status_code == 200

    assert not GuestFeedback.objects.standing().exists()
    faq.refresh_from_db()
    assert faq.disputed_by == 0
    path = f"/api/v1/chat/history/{guest.session_id}"
    assert guest.client.delete(path).status_code == 200
    assert not Conversation.objects.exists()
    assert not GuestFeedback.objects.exists()


def test_what_a_killed_check_left_behind_goes_in_the_night(guest, neighbour):
    neighbour.ask("hello")
    ask_signed(guest, sign_check(guest.facility.pk))

    assert purge_expired(timezone.now() + timedelta(minutes=9)) == {}
    assert purge_expired(timezone.now() + timedelta(hours=1)) == {"sakura": 1}
    assert Conversation.objects.get().facility == neighbour.facility

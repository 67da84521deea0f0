"""Conversations go when their time is over or the guest wants it; votes stay, without a text."""

from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.utils import timezone

from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.retention import purge_expired
from chat.services import GuestMessage, finish_turn, take_question
from chat.staff import reply
from faq.models import Faq
from nightqueue.models import Delivery
from tests.conftest import Guest
from yadopera.errors import NotFound

#: A session of a day, kept for ninety more.
LIFE = timedelta(days=91)


def test_a_conversation_is_deleted_ninety_days_after_its_end(guest, at):
    start = timezone.now()
    guest.ask("can my parrot surf", language="en")

    assert purge_expired(start + LIFE - timedelta(minutes=1)) == {}
    assert purge_expired(start + LIFE + timedelta(minutes=1)) == {"sakura": 1}
    for model in (Conversation, Message, Escalation, Delivery):
        assert not model.objects.exists()


def test_each_facility_keeps_them_as_long_as_it_says(guest, neighbour):
    guest.ask("hello")
    neighbour.ask("hello")
    guest.facility.retention_days = 7
    guest.facility.save()

    assert purge_expired(timezone.now() + timedelta(days=9)) == {"sakura": 1}
    assert Conversation.objects.get().facility == neighbour.facility


def test_devices_that_joined_go_with_their_conversation(sakura):
    first, second = Guest(sakura), Guest(sakura)
    for guest in (first, second):
        guest.ask("hello")
    fields = {"facility_id": sakura.pk}
    code = first.post("/session/generate", session_id=first.session_id, **fields).json()["token"]
    second.post("/session/link", token=code, current_session_id=second.session_id, **fields)

    assert purge_expired(timezone.now() + LIFE + timedelta(minutes=1)) == {"sakura": 1}
    assert not Conversation.objects.exists()


def test_a_dry_run_deletes_nothing(guest):
    guest.ask("hello")
    Conversation.objects.update(expires_at=timezone.now() - timedelta(days=100))
    out = StringIO()

    call_command("purge_expired", dry_run=True, stdout=out)

    assert "1 conversations would be deleted" in out.getvalue()
    assert Conversation.objects.exists()
    call_command("purge_expired", stdout=out)
    assert not Conversation.objects.exists()


def vote(guest, kind):
    answer = guest.ask("is there a washing machine")["message"]["id"]
    body = {"message_id": answer, "feedback_type": kind, "session_id": guest.session_id}
    assert guest.post("/chat/feedback", **body).status_code == 200


def test_votes_outlive_their_conversation_and_go_on_counting(sakura, guest):
    vote(guest, "negative")
    guest.client.delete(f"/api/v1/chat/history/{guest.session_id}")
    kept = GuestFeedback.objects.get()
    assert (kept.message, kept.feedback_type) == (None, "negative")

    vote(Guest(sakura), "positive")

    faq = Faq.objects.get(facility=sakura, intent_key="facilities_laundry")
    assert (faq.confirmed_by, faq.disputed_by) == (1, 1)


def test_a_guest_deletes_his_conversation_at_once(guest):
    guest.ask("hello")
    url = f"/api/v1/chat/history/{guest.session_id}"

    gone = guest.client.delete(url, query_params={"facility_id": guest.facility.pk})

    assert gone.json() == {"success": True, "message": "Your conversation has been deleted."}
    assert not Message.objects.exists()
    assert guest.client.delete(url).status_code == 404
    assert guest.get(f"/chat/history/{guest.session_id}").status_code == 404


@pytest.mark.parametrize("session", ["made-up", "\x00", "x" * 101])
def test_deleting_what_is_not_there_is_not_found(guest, session):
    assert guest.client.delete(f"/api/v1/chat/history/{session}").status_code in {400, 404, 422}


def test_who_deletes_while_the_model_thinks_is_told_that_it_is_gone(guest, provider):
    guest.ask("hello")

    provider.reply = lambda messages: {"can_answer": False, "used": [], "answer": ""}
    conversation = Conversation.objects.get()
    asked = take_question(
        facility_id=guest.facility.pk,
        message=GuestMessage("can my parrot surf", session_id=guest.session_id),
    )
    conversation.delete()

    with pytest.raises(NotFound):
        async_to_sync(finish_turn)(asked)


def test_a_reply_to_a_deleted_conversation_is_not_found(guest, hanako):
    guest.ask("hello")
    conversation = Conversation.objects.get()
    Conversation.objects.all().delete()

    with pytest.raises(NotFound):
        reply(conversation, hanako, "too late")

"""The inbox: a conversation as staff see it, and what they do about it."""

import pytest
from django.urls import reverse
from django.utils import timezone

from chat import staff
from chat.admin import canned_replies, place_label
from chat.learning import learn
from chat.models import CannedReply, Conversation, Escalation, Message, StaffNote
from facilities.models import Membership, User
from faq import reviews
from faq.models import FaqSuggestion
from tests.conftest import Guest, browser_of

UNANSWERED = "can my parrot surf"
CHECK_IN = "what time can i check in"
REPLY = "Sorry, the sea is for ducks only."


class Inbox:
    """Somebody of the staff with the inbox open, in English."""

    def __init__(self, user):
        self.client = browser_of(user)

    def listed(self, **query):
        response = self.client.get(reverse("admin:chat_conversation_changelist"), query)
        assert response.status_code == 200
        return [row.pk for row in response.context["cl"].result_list]

    def open(self, conversation):
        return self.client.get(address("change", conversation))

    def text(self, conversation):
        response = self.open(conversation)
        assert response.status_code == 200
        return response.content.decode()

    def act(self, conversation, action, **fields):
        return self.client.post(
            address("act", conversation), {"action": action, **fields}, follow=True
        )

    def live(self, conversation, **query):
        return self.client.get(address("live", conversation), query)


def address(page, conversation):
    return reverse(f"admin:chat_conversation_{page}", args=[conversation.pk])


@pytest.fixture
def inbox(hanako):
    return Inbox(hanako)


@pytest.fixture
def waiting(guest):
    """A conversation whose question nobody could answer."""
    guest.ask(UNANSWERED, language="en", location="room-201")
    return conversation_of(guest)


def conversation_of(guest):
    return Conversation.objects.get(session_id=guest.session_id)


# The list ---------------------------------------------------------------------------------------


def test_the_list_tells_danger_waiting_and_unread_apart(inbox, sakura, waiting):
    dangerous = Guest(sakura)
    dangerous.ask("there is a fire")
    answered = Guest(sakura)
    answered.ask(CHECK_IN)

    assert inbox.listed(open="danger") == [conversation_of(dangerous).pk]
    assert inbox.listed(open="waiting") == [waiting.pk]
    assert set(inbox.listed(open="unread")) == {
        waiting.pk,
        conversation_of(dangerous).pk,
        conversation_of(answered).pk,
    }
    assert len(inbox.listed()) == 3


def test_a_conversation_that_was_opened_is_read_until_the_guest_writes_again(inbox, guest, waiting):
    inbox.open(waiting)
    assert inbox.listed(open="unread") == []

    guest.ask("hello?")

    assert inbox.listed(open="unread") == [waiting.pk]


def test_opening_an_emergency_stops_its_repetition(inbox, guest):
    guest.ask("there is a fire")

    inbox.open(conversation_of(guest))

    assert Escalation.objects.get().acknowledged_at is not None


@pytest.mark.parametrize(
    ("location", "label"),
    [
        ("entrance", "entrance"),
        ("room-201", "room 201"),
        ("room", "room"),
        ("garden-house", "garden-house"),
        ("", ""),
    ],
)
def test_a_place_reads_as_on_its_code(location, label):
    from django.utils import translation

    with translation.override("en"):
        assert place_label(location) == label


# The thread -------------------------------------------------------------------------------------


def test_an_answer_shows_which_faq_it_came_of_and_how_sure_it_was(inbox, guest):
    body = guest.ask(CHECK_IN, language="en")
    faq = body["message"]["matched_faq_ids"][0]

    text = inbox.text(conversation_of(guest))

    assert reverse("admin:faq_faq_change", args=[faq]) in text
    assert f"sure to {round(body['ai_confidence'] * 100)} %" in text


def test_what_a_guest_writes_is_never_markup(inbox, guest):
    guest.ask("<script>alert(1)</script> can my parrot surf")

    text = inbox.text(conversation_of(guest))

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_an_open_page_is_told_only_what_is_new(inbox, guest, waiting):
    newest = waiting.messages.last().pk
    assert inbox.live(waiting, after=newest).json()["html"].strip() == ""

    guest.ask("are you there, my good friend")

    news = inbox.live(waiting, after=newest).json()
    assert "are you there" in news["html"]
    assert UNANSWERED not in news["html"]
    assert news["newest"] == waiting.messages.last().pk


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 40])
def test_an_odd_place_to_go_on_from_does_no_harm(inbox, waiting, after):
    assert inbox.live(waiting, after=after).status_code == 200


def test_a_page_in_the_background_does_not_make_a_message_read(inbox, guest, waiting):
    inbox.open(waiting)
    guest.ask("hello?")

    inbox.live(waiting, after=0)
    assert inbox.listed(open="unread") == [waiting.pk]
    inbox.live(waiting, after=0, seen=waiting.messages.last().pk)
    assert inbox.listed(open="unread") == []


def test_an_open_page_that_nobody_looks_at_does_not_silence_a_danger(inbox, guest, waiting):
    inbox.open(waiting)
    before = waiting.messages.last().pk
    guest.ask("there is a fire in my room")

    inbox.live(waiting, after=before, seen=before)
    danger = Escalation.objects.get(trigger_type="safety_category")
    assert danger.acknowledged_at is None

    inbox.live(waiting, after=before, seen=waiting.messages.last().pk)
    danger.refresh_from_db()
    assert danger.acknowledged_at is not None


def test_a_colleagues_note_and_what_can_be_done_follow_on_an_open_page(inbox, waiting):
    newest = waiting.messages.last().pk
    nothing = inbox.live(waiting, after=newest, note=0).json()
    assert nothing["html"].strip() == ""

    inbox.act(waiting, "note", text="Parrot bites")
    inbox.act(waiting, "take_over")

    news = inbox.live(waiting, after=newest, note=0).json()
    assert "Parrot bites" in news["html"]
    assert "Hand back" in news["acts"]
    again = inbox.live(waiting, after=newest, note=news["newest_note"]).json()
    assert again["html"].strip() == ""


@pytest.mark.parametrize("state", ["foo", "danger__x", "1"])
def test_a_filter_that_somebody_makes_up_filters_nothing(inbox, waiting, state):
    assert inbox.listed(open=state) == [waiting.pk]


def test_a_reply_that_is_sent_twice_is_stored_once(inbox, waiting):
    fields = {"content": REPLY, "client_message_id": "0b0f7e3e-6b59-4f2e-9b1c-3f1f0c6f0d11"}
    for _time in range(2):
        done = inbox.client.post(address("reply", waiting), fields)
        assert done.url.endswith("?sent")

    assert waiting.messages.filter(role=Message.Role.STAFF).count() == 1


def test_line_breaks_are_counted_once_and_what_is_too_long_is_not_forgotten(inbox, waiting):
    text = "x\r\n" * 2000
    done = inbox.client.post(address("reply", waiting), {"content": text.strip()})
    assert done.url.endswith("?sent")

    done = inbox.client.post(address("reply", waiting), {"content": "x" * 4001})
    assert "sent" not in done.url


@pytest.mark.parametrize("page", ["reply", "act"])
def test_whoever_had_to_sign_in_before_sending_comes_back_to_the_conversation(inbox, waiting, page):
    assert inbox.client.get(address(page, waiting)).url == address("change", waiting)


def test_a_question_for_staff_leads_to_its_conversation(inbox, waiting):
    listed = inbox.client.get(reverse("admin:chat_escalation_changelist")).content.decode()
    assert address("change", waiting) in listed

    inbox.act(waiting, "resolve")

    listed = inbox.client.get(reverse("admin:chat_escalation_changelist"))
    assert list(listed.context["cl"].result_list) == []
    every = inbox.client.get(reverse("admin:chat_escalation_changelist"), {"state": "all"})
    assert len(every.context["cl"].result_list) == 1


def test_a_colleague_at_the_same_conversation_is_named_and_oneself_is_not(
    inbox, waiting, sakura, momiji
):
    taro = User.objects.create_user(
        "taro@sakura.example.com", "sakura-no-ki-2026", full_name="Taro"
    )
    Membership.objects.create(facility=sakura, user=taro, role="staff")
    Inbox(taro).live(waiting)

    assert inbox.live(waiting).json()["colleagues"] == ["Taro"]
    assert Inbox(taro).live(waiting).json()["colleagues"] == ["hanako@sakura.example.com"]


def test_a_conversation_on_two_devices_is_one(inbox, sakura, guest):
    guest.ask(UNANSWERED, language="en")
    token = guest.post(
        "/session/generate", facility_id=sakura.pk, session_id=guest.session_id
    ).json()["token"]
    other = Guest(sakura)
    other.ask("hello")
    joined = conversation_of(other)
    other.post(
        "/session/link",
        facility_id=sakura.pk,
        token=token,
        current_session_id=other.session_id,
    )

    assert UNANSWERED in inbox.text(joined)


# What staff do ----------------------------------------------------------------------------------


def test_a_note_is_for_staff_alone(inbox, guest, waiting):
    inbox.act(waiting, "note", text="Parrot bites")

    assert "Parrot bites" in inbox.text(waiting)
    assert "Parrot" not in str(guest.history())
    assert StaffNote.objects.get().author.email == "hanako@sakura.example.com"


def test_an_empty_note_is_none(inbox, waiting):
    inbox.act(waiting, "note", text="  ")

    assert not StaffNote.objects.exists()


def test_whom_staff_take_over_the_ai_leaves_alone_until_they_hand_back(inbox, guest, waiting):
    inbox.act(waiting, "take_over")
    assert guest.ask(CHECK_IN)["message"]["matched_faq_ids"] == []

    inbox.act(waiting, "hand_back")
    assert guest.ask(CHECK_IN)["message"]["matched_faq_ids"] != []


def test_resolved_is_resolved_by_whoever_said_so(inbox, waiting, hanako):
    inbox.act(waiting, "resolve")

    escalation = Escalation.objects.get()
    assert (escalation.resolved_at is not None, escalation.resolved_by) == (True, hanako)


def test_a_reply_to_a_deleted_conversation_is_not_lost_silently(inbox, waiting):
    number = waiting.pk
    waiting.delete()

    response = inbox.client.post(
        reverse("admin:chat_conversation_reply", args=[number]), {"content": REPLY}
    )

    assert response.status_code == 404


def test_a_question_in_another_language_is_translated_beside_it(inbox, waiting, provider):
    provider.reply = lambda messages: {"translation": "オウムはサーフィンできますか"}

    inbox.act(waiting, "translate")

    text = inbox.text(waiting)
    assert "オウムはサーフィンできますか" in text
    assert UNANSWERED in text


def test_a_translation_that_fails_is_said(inbox, waiting, provider):
    provider.fault["/chat/completions"] = "nonsense"

    response = inbox.act(waiting, "translate")

    assert "could not translate" in response.content.decode()


def test_a_question_with_staffs_answer_becomes_the_draft_of_a_faq(inbox, waiting, hanako):
    staff.reply(waiting, hanako, REPLY)
    question = waiting.messages.filter(role=Message.Role.USER).get()

    form = inbox.act(waiting, "make_faq", message=question.pk)

    text = form.content.decode()
    assert UNANSWERED in text
    assert REPLY in text
    again = inbox.client.get(reverse("admin:faq_faq_add")).content.decode()
    assert UNANSWERED not in again


def test_a_question_that_is_suggested_already_is_decided_there(inbox, waiting, hanako):
    staff.reply(waiting, hanako, REPLY)
    learn(waiting.facility)
    suggestion = FaqSuggestion.objects.get()
    question = waiting.messages.filter(role=Message.Role.USER).get()

    def opened():
        return inbox.act(waiting, "make_faq", message=question.pk).redirect_chain[-1][0]

    page = reverse("admin:faq_faqsuggestion_change", args=[suggestion.pk])
    assert opened() == page
    reviews.reject(suggestion=suggestion, actor=hanako)
    assert "/admin/faq/faq/add/" in opened()
    reviews.approve(suggestion=suggestion, actor=hanako)
    assert opened() == page


# Canned replies ---------------------------------------------------------------------------------


def test_a_canned_reply_is_offered_in_the_guests_language_or_the_inns(sakura, maple):
    CannedReply.objects.create(facility=sakura, title="A", texts={"en": "Soon", "ja": "すぐ"})
    CannedReply.objects.create(facility=sakura, title="B", texts={"ja": "ただいま"})
    CannedReply.objects.create(facility=sakura, title="C", texts={"ko": "잠시만요"})
    CannedReply.objects.create(facility=maple, title="D", texts={"en": "Theirs"})

    offered = canned_replies(Conversation(facility=sakura, language="en"))

    assert offered == [{"title": "A", "text": "Soon"}, {"title": "B", "text": "ただいま"}]


def test_a_canned_reply_is_written_in_one_language_at_least(inbox, sakura):
    add = reverse("admin:chat_cannedreply_add")
    empty = inbox.client.post(add, {"facility": sakura.pk, "title": "Soon"})
    inbox.client.post(add, {"facility": sakura.pk, "title": "Soon", "text_en": " In a minute "})

    assert "one language at least" in empty.content.decode()
    assert CannedReply.objects.get().texts == {"en": "In a minute"}


# Whose it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["change", "live"])
def test_another_inn_sees_nothing_of_it(momiji, waiting, page):
    assert Inbox(momiji).client.get(address(page, waiting)).status_code == 404


@pytest.mark.parametrize(
    "action",
    ["take_over", "hand_back", "resolve", "note", "translate", "make_faq", "ignore_votes"],
)
def test_another_inn_does_nothing_to_it(momiji, waiting, action):
    response = Inbox(momiji).act(waiting, action, text="Hello", message=waiting.messages.first().pk)

    assert response.status_code == 404
    waiting.refresh_from_db()
    assert waiting.staff_until is None
    assert not StaffNote.objects.exists()
    assert Escalation.objects.get().resolved_at is None


def test_a_message_of_another_conversation_is_not_found(inbox, sakura, waiting):
    other = Guest(sakura)
    other.ask(CHECK_IN)
    strange = conversation_of(other).messages.first()

    assert inbox.act(waiting, "make_faq", message=strange.pk).status_code == 404


def test_a_conversation_that_has_ended_says_that_the_guest_may_not_read_on(inbox, waiting):
    waiting.expires_at = timezone.now()
    waiting.save()

    response = inbox.client.post(
        address("reply", waiting), {"content": REPLY, "answers_up_to": 0}, follow=True
    )

    assert "session has ended" in response.content.decode()

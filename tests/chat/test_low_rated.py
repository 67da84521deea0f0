"""A FAQ that does not help is raised, and mended by a person; no single guest takes it away."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat.guests import guest_of, network_of
from chat.models import Conversation, GuestFeedback, Message
from chat.sessions import merge, start_conversation
from faq.confidence import ONE_GUESTS_MOST
from faq.models import Faq, FaqRevision
from faq.services import change_faq, delete_faq, restore
from tests.chat.test_feedback import CHECK_IN, LAUNDRY, Desk, again, vote
from tests.conftest import Guest

__all__ = ["Desk"]
WASHING = "facilities_laundry"
DAY = timedelta(days=1)


@pytest.fixture
def laundry(sakura):
    return sakura.faqs.get(intent_key=WASHING)


@pytest.fixture
def at_the_desk(hanako):
    client = Client(headers={"accept-language": "en"})
    client.force_login(hanako)
    return client


def page(faq, end=""):
    return f"/admin/chat/conversation/low-rated/{faq.pk}/{end}"


def disputed(faq):
    faq.refresh_from_db()
    return faq.disputed_by


def is_raised(client, faq):
    return page(faq, "act/") in client.get("/admin/").content.decode()


def vote_from(facility, address, verdict="negative", question=LAUNDRY):
    guest = Guest(facility)
    guest.client.defaults["REMOTE_ADDR"] = address
    return vote(facility, question, verdict, guest)


# Raised -----------------------------------------------------------------------------------------


def test_two_guests_raise_it_one_does_not(at_the_desk, sakura, laundry):
    guest, _answer = vote(sakura, LAUNDRY)
    vote(sakura, LAUNDRY, guest=guest)
    assert not is_raised(at_the_desk, laundry)

    vote(sakura, LAUNDRY)
    assert is_raised(at_the_desk, laundry)


def test_what_two_guests_said_more_than_thirty_days_apart_does_not(at_the_desk, sakura, laundry):
    vote(sakura, LAUNDRY)
    GuestFeedback.objects.update(created_at=timezone.now() - 31 * DAY)
    vote(sakura, LAUNDRY)
    assert not is_raised(at_the_desk, laundry)

    GuestFeedback.objects.update(created_at=timezone.now() - 29 * DAY)
    assert is_raised(at_the_desk, laundry)


def test_the_page_tells_the_questions_and_what_staff_wrote_then(at_the_desk, sakura, laundry):
    guest, _answer = vote(sakura, LAUNDRY)
    conversation = Conversation.objects.get()
    Message.objects.create(
        conversation=conversation, role="staff", content="x", language="en", staff_text="2階です"
    )

    text = at_the_desk.get(page(laundry)).content.decode()

    assert LAUNDRY in text
    assert "2階です" in text
    assert laundry.translations.get(language="ja").answer in text
    assert guest.session_id not in text


def test_the_list_has_answers_of_no_faq_too(at_the_desk, sakura):
    sakura.faqs.all().delete()
    _guest, answer = vote(sakura)

    text = at_the_desk.get("/admin/chat/conversation/low-rated/").content.decode()

    assert CHECK_IN in text
    assert f'value="{answer["id"]}"' in text


def test_ignored_it_is_gone_until_others_vote_it_down(at_the_desk, sakura, laundry):
    for _guest in range(2):
        vote(sakura, LAUNDRY)
    at_the_desk.post(page(laundry, "act/"), {"action": "ignore"})
    assert not is_raised(at_the_desk, laundry)
    assert disputed(laundry) == 2, "what guests said of it still counts"

    vote(sakura, LAUNDRY)
    assert not is_raised(at_the_desk, laundry)
    vote(sakura, LAUNDRY)
    assert is_raised(at_the_desk, laundry)


def test_another_inns_faq_is_not_there(at_the_desk, maple):
    theirs = maple.faqs.get(intent_key=WASHING)
    for _guest in range(2):
        vote(maple, LAUNDRY)

    for action in ("ignore", "replace"):
        assert at_the_desk.post(page(theirs, "act/"), {"action": action}).status_code == 404
    assert at_the_desk.get(page(theirs)).status_code == 404
    assert GuestFeedback.objects.filter(ignored_at=None).count() == 2


# Mended -----------------------------------------------------------------------------------------


def test_a_new_answer_leaves_the_old_votes_behind(at_the_desk, sakura, laundry, hanako):
    for _guest in range(2):
        vote(sakura, LAUNDRY)
    Faq.objects.filter(pk=laundry.pk).update(left_content=5, left_unhelped=4)

    change_faq(faq=laundry, actor=hanako, texts={"ja": ("洗濯機はありますか", "2階です")})

    assert disputed(laundry) == laundry.left_unhelped == laundry.left_content == 0
    assert not is_raised(at_the_desk, laundry)
    assert Desk(hanako).disliked().json() == []
    assert Desk(hanako).stats().json()["negative_count"] == 2, "they were given all the same"


@pytest.mark.parametrize(("language", "left"), [("en", 0), ("fr", 1)])
def test_a_new_answer_in_one_language_leaves_the_votes_of_its_readers_behind(
    sakura, laundry, hanako, language, left
):
    vote(sakura, LAUNDRY)  # in English

    change_faq(faq=laundry, actor=hanako, texts={language: ("Q", "Another answer")})

    assert disputed(laundry) == left


def test_who_reads_the_nearest_language_is_answered_anew_with_it(sakura, laundry, hanako):
    laundry.translations.filter(language="fr").delete()
    vote(sakura, LAUNDRY)
    GuestFeedback.objects.update(language="fr")

    change_faq(faq=laundry, actor=hanako, texts={"en": ("Q", "Another answer")})

    assert disputed(laundry) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 5},
        {"is_active": False},
        {"wordings": {("ja", "せんたく")}},
        {"texts": {"ja": ("別の聞き方ですか", None)}},
    ],
)
def test_what_leaves_the_answer_as_it_is_leaves_the_votes(sakura, laundry, hanako, change):
    vote(sakura, LAUNDRY)
    if "texts" in change:
        answer = laundry.translations.get(language="ja").answer
        change = {"texts": {"ja": (change["texts"]["ja"][0], answer)}}

    change_faq(faq=laundry, actor=hanako, **change)

    assert disputed(laundry) == 1


def test_a_late_vote_on_the_old_answer_does_not_count_against_the_new(sakura, laundry, hanako):
    guest, answer = vote(sakura, LAUNDRY, "positive")
    change_faq(faq=laundry, actor=hanako, texts={"ja": ("Q", "2階です")})

    again(guest, answer, "negative")
    assert disputed(laundry) == 0

    vote(sakura, LAUNDRY)
    assert disputed(laundry) == 1


def test_votes_on_a_deleted_faq_do_not_come_back_with_it(sakura, laundry, hanako):
    vote(sakura, LAUNDRY)
    delete_faq(faq=laundry, actor=hanako)
    restore(revision=FaqRevision.objects.get(), actor=hanako)

    assert disputed(laundry) == 0


def test_another_inns_change_leaves_the_votes(sakura, maple, laundry, momiji):
    vote(sakura, LAUNDRY)
    theirs = maple.faqs.get(intent_key=WASHING)

    change_faq(faq=theirs, actor=momiji, texts={"ja": ("Q", "2階です")})

    assert disputed(laundry) == 1


# Replaced ---------------------------------------------------------------------------------------


def form_of(client, faq):
    return client.get(f"/admin/faq/faq/{faq.pk}/change/").context["adminform"].form


def replace(client, faq):
    response = client.post(page(faq, "act/"), {"action": "replace"})
    assert response.url == f"/admin/faq/faq/{faq.pk}/change/"
    return form_of(client, faq)


def stored(faq):
    return faq.translations.get(language="ja").answer


def test_without_a_provider_or_a_reply_the_answer_is_empty(at_the_desk, sakura, laundry):
    vote(sakura, LAUNDRY)
    before = stored(laundry)

    form = replace(at_the_desk, laundry)

    assert form["answer_ja"].value() == ""
    assert form.proposed_for == {"ja": before}
    assert stored(laundry) == before, "nothing is saved by itself"
    assert form_of(at_the_desk, laundry)["answer_ja"].value() == before, "it is shown once"


def test_without_a_provider_it_is_what_staff_wrote_without_secrets(at_the_desk, sakura, laundry):
    vote(sakura, LAUNDRY)
    Message.objects.create(
        conversation=Conversation.objects.get(),
        role="staff",
        content="2階です。Wi-Fiは hanami-1234 です",
        language="ja",
    )

    form = replace(at_the_desk, laundry)

    assert form["answer_ja"].value() == "2階です。Wi-Fiは {wifi_password} です"


def test_with_a_provider_it_is_what_the_ai_proposes(at_the_desk, sakura, laundry, provider):
    vote(sakura, LAUNDRY)
    before = stored(laundry)
    provider.reply = lambda _messages: {"answer": "洗濯機をお使いいただけます。"}

    form = replace(at_the_desk, laundry)

    assert form["answer_ja"].value() == "洗濯機をお使いいただけます。"
    assert stored(laundry) == before
    told = str(provider.chats[-1])
    assert LAUNDRY in told
    assert "hanami-1234" not in told


@pytest.mark.parametrize(
    "made",
    ["{check_in_time}からです", "77番の部屋です", "", "あ" * 2001],
    ids=lambda text: text[:9],
)
def test_what_the_ai_must_not_say_is_not_proposed(at_the_desk, sakura, laundry, provider, made):
    vote(sakura, LAUNDRY)
    provider.reply = lambda _messages: {"answer": made}

    assert replace(at_the_desk, laundry)["answer_ja"].value() == ""


def test_a_failing_provider_leaves_staff_their_own_words(at_the_desk, sakura, laundry, provider):
    vote(sakura, LAUNDRY)
    provider.statuses["/chat/completions"] = [500] * 4

    assert replace(at_the_desk, laundry)["answer_ja"].value() == ""


def test_what_only_guests_at_the_inn_may_know_is_not_told_to_the_ai(
    at_the_desk, sakura, laundry, provider
):
    vote(sakura, LAUNDRY)
    sakura.faqs.filter(pk=laundry.pk).update(visibility="on_site")
    provider.reset()

    replace(at_the_desk, laundry)

    assert provider.chats == []


def test_a_proposal_is_for_its_faq_alone(at_the_desk, sakura, laundry):
    vote(sakura, LAUNDRY)
    at_the_desk.post(page(laundry, "act/"), {"action": "replace"})
    other = sakura.faqs.exclude(pk=laundry.pk).first()

    assert form_of(at_the_desk, other).proposed_for == {}
    assert form_of(at_the_desk, laundry).proposed_for != {}


# One guest --------------------------------------------------------------------------------------


def test_the_sessions_of_one_device_are_one_guest(sakura):
    first = start_conversation(facility=sakura, session_id=None)
    Conversation.objects.update(expires_at=timezone.now())
    second = start_conversation(facility=sakura, session_id=first.session_id)
    Conversation.objects.update(expires_at=timezone.now())
    third = start_conversation(facility=sakura, session_id=second.session_id)
    other = start_conversation(facility=sakura, session_id=None)

    assert guest_of(first) == guest_of(second) == guest_of(third) != guest_of(other)


def test_a_device_with_a_name_of_its_own_is_one_guest_of_each_inn(sakura, maple):
    name = "0b4d6a51-5a2e-4c6e-9d2c-0f8d5f3a7b11"
    first = start_conversation(facility=sakura, session_id=name)
    number = guest_of(first)
    Conversation.objects.update(expires_at=timezone.now())

    assert guest_of(start_conversation(facility=sakura, session_id=name)) == number
    assert guest_of(start_conversation(facility=maple, session_id=name)) != number


def test_two_devices_of_one_conversation_are_one_guest_from_then_on(sakura):
    device = start_conversation(facility=sakura, session_id=None)
    whole = start_conversation(facility=sakura, session_id=None)
    merge(device, into=whole)
    Conversation.objects.update(expires_at=timezone.now())

    later = start_conversation(facility=sakura, session_id=device.session_id)
    assert guest_of(later) == guest_of(whole)


def test_a_network_has_another_number_next_week_and_at_another_inn(sakura, maple):
    monday = timezone.now() - timezone.now().weekday() * DAY
    number = network_of("203.0.113.7", sakura, monday)

    assert network_of("203.0.113.99", sakura, monday + 6 * DAY) == number
    others = [
        network_of("203.0.114.7", sakura, monday),
        network_of("203.0.113.7", sakura, monday + 7 * DAY),
        network_of("203.0.113.7", maple, monday),
    ]
    assert number not in others
    assert len(set(others)) == 3


def test_one_guest_with_twenty_sessions_does_not_take_the_answer_from_others(sakura, laundry):
    before = Guest(sakura).ask(LAUNDRY)["ai_confidence"]
    for _session in range(20):
        vote(sakura, LAUNDRY)

    assert disputed(laundry) == 2
    body = Guest(sakura).ask(LAUNDRY)
    assert not body["is_escalated"]
    assert body["ai_confidence"] < before


def test_nor_with_his_phones_network_over_a_weekend(sakura, laundry, at):
    for day in range(2):
        at(timezone.now().replace(hour=3) + day * 7 * DAY)
        for address in ("203.0.113.7", "198.51.100.7"):
            for _session in range(3):
                vote_from(sakura, address)

    assert disputed(laundry) == ONE_GUESTS_MOST
    assert not Guest(sakura).ask(LAUNDRY)["is_escalated"]


def test_many_guests_do_and_a_new_answer_is_given_again(sakura, laundry, hanako):
    for number in range(ONE_GUESTS_MOST + 4):
        vote_from(sakura, f"203.0.{number}.7")
    assert Guest(sakura).ask(LAUNDRY)["is_escalated"]

    change_faq(faq=laundry, actor=hanako, texts={"en": ("Is there a laundry?", "On floor 2")})

    assert "On floor 2" in Guest(sakura).ask(LAUNDRY)["message"]["content"]


def test_no_single_guest_makes_an_answer_sure_either(sakura, laundry):
    for _session in range(20):
        vote(sakura, LAUNDRY, "positive")

    laundry.refresh_from_db()
    assert laundry.confirmed_by == 2

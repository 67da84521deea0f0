"""Staff see what a guest would get, by the guests' own way, and nothing comes of it."""

import html
import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.try_out import try_question
from facilities.models import EscalationSchedule, Membership
from faq.prefilled import SESSION_KEY
from nightqueue.models import Channel, Delivery, QueueEntry
from tests.conftest import Guest

PAGE = reverse("admin:chat_conversation_try_out")
MAKE_FAQ = reverse("admin:chat_conversation_try_out_faq")
STORED = (Conversation, Message, Escalation, GuestFeedback, QueueEntry, Delivery)
FIRE = "There is a fire in the kitchen, help!"


class Desk:
    def __init__(self, client, user, facility):
        self.client, self.facility = client, facility
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        client.force_login(user)

    def ask(self, question, **fields):
        return self.client.post(
            PAGE, {"facility": self.facility.pk, "question": question, **fields}
        )


@pytest.fixture
def desk(client, hanako, sakura):
    return Desk(client, hanako, sakura)


def words_of(response):
    assert response.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(response.content.decode()))


# Who ---------------------------------------------------------------------------------------------


def test_nobody_is_sent_to_sign_in(client, db):
    for address in (PAGE, MAKE_FAQ):
        assert client.get(address).url.startswith("/admin/login/")
        assert client.post(address).url.startswith("/admin/login/")


def test_who_works_nowhere_finds_nothing(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody@example.com", "x" * 20))

    assert client.get(PAGE).status_code == client.post(PAGE).status_code == 404
    assert client.post(MAKE_FAQ).status_code == 404


def test_another_inn_is_not_asked(client, momiji, maple, sakura):
    theirs = Desk(client, momiji, maple)
    response = theirs.ask("What is the Wi-Fi password?", facility=sakura.pk, on_site="on")

    assert "trial" not in response.context
    assert "hanami-1234" not in words_of(response)
    client.post(MAKE_FAQ, {"facility": sakura.pk, "question": "Why?"})
    assert SESSION_KEY not in client.session
    assert "さくら屋" not in words_of(client.get(PAGE, {"facility": sakura.pk}))


def test_an_address_that_names_another_inn_asks_ones_own(client, momiji, maple, sakura):
    Desk(client, momiji, maple)
    page = client.get(PAGE, {"facility": sakura.pk, "question": "Why?"})

    assert f'name="facility" value="{maple.pk}"' in words_of(page)


def test_a_form_of_another_site_does_nothing(hanako, sakura):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(hanako)

    assert strict.post(PAGE, {"facility": sakura.pk, "question": "x"}).status_code == 403
    assert strict.post(MAKE_FAQ, {"facility": sakura.pk, "question": "x"}).status_code == 403


def test_only_a_sent_form_is_answered(desk):
    page = desk.client.get(PAGE, {"question": "What time is check-in?"})

    assert "trial" not in page.context
    assert "What time is check-in?" in words_of(page)
    assert desk.client.get(MAKE_FAQ).status_code == 405


def test_who_works_at_two_inns_chooses(desk, hanako, maple):
    Membership.objects.create(facility=maple, user=hanako)
    assert "もみじ荘" in words_of(desk.client.get(PAGE))
    response = desk.ask("What is the Wi-Fi password?", facility=maple.pk, on_site="on")

    assert "koyo-98765" in response.context["answer"].content


# The same as a guest ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What time can I check in?", "en"),
        ("チェックアウトは何時ですか", "ja"),
        ("수건 있나요?", "ko"),
        ("what is the wifi password", "en"),
        ("Thank you!", "en"),
        ("I want to talk to a person", "en"),
        ("Can you lend me a surfboard for my parrot?", "en"),
        (FIRE, "en"),
    ],
)
@pytest.mark.parametrize("on_site", [False, True])
def test_it_is_what_a_guest_gets(desk, sakura, site_key, question, language, on_site):
    answer = desk.ask(question, on_site="on" if on_site else "").context["answer"]
    got = Guest(sakura).ask(question, **({"site_key": site_key} if on_site else {}))

    assert answer.content == got["message"]["content"]
    assert round(answer.confidence, 4) == got["ai_confidence"]
    assert list(answer.matched_faq_ids) == got["message"]["matched_faq_ids"]
    assert (answer.handover is not None) == got["is_escalated"]
    if answer.handover:
        assert answer.handover.trigger == got["escalation"]["trigger_type"]


def test_the_language_is_detected_or_chosen(desk):
    detected = desk.ask("체크인 몇 시부터 되나요")
    chosen = desk.ask("wifi", language="fr")

    assert "Language, as the question is written: 한국어." in words_of(detected)
    assert "Language: Français." in words_of(chosen)


@pytest.mark.parametrize(
    "question",
    [FIRE, "Can you lend me a surfboard for my parrot?", "What time is check-in?", "a person pls"],
)
def test_nothing_is_stored_and_nobody_is_told(
    desk, sakura, question, django_capture_on_commit_callbacks
):
    Channel.objects.create(facility=sakura, kind="email", address="a@sakura.example.com")
    faqs = list(sakura.faqs.order_by("pk").values())
    with django_capture_on_commit_callbacks() as queued:
        assert desk.ask(question).status_code == 200

    assert [model.objects.count() for model in STORED] == [0] * len(STORED)
    assert (queued, mail.outbox) == ([], [])
    assert list(sakura.faqs.order_by("pk").values()) == faqs
    assert SESSION_KEY not in desk.client.session


# What it says -----------------------------------------------------------------------------------


def test_danger_is_said_to_go_to_staff_at_any_hour(desk):
    told = words_of(desk.ask(FIRE))

    assert "It sounds like danger. Staff are told at once" in told
    assert "119" in told
    assert "No FAQ was needed for this answer" in told


def test_the_threshold_is_that_of_now(desk, sakura):
    question = "What time is check-in?"
    assert "It would not go to staff" in words_of(desk.ask(question))
    assert desk.ask(question).context["threshold"] == 70

    EscalationSchedule.objects.create(
        facility=sakura, time_start="00:00", time_end="00:00", threshold=1.0, mode="early"
    )
    response = desk.ask(question)

    assert response.context["threshold"] == 100
    assert "No FAQ answers this surely enough at this hour" in words_of(response)


def test_a_fact_that_is_missing_is_named(desk, sakura):
    sakura.phone = sakura.email = ""
    sakura.save()
    told = words_of(desk.ask("How can I contact the staff?"))

    assert "It would go to staff" in told
    assert "tells a fact that the inn has not filled in: phone" in told


def test_the_nearest_faqs_are_linked_with_why(desk, sakura):
    response = desk.ask("Do you have towels?")

    near = response.context["matches"]
    towels = sakura.faqs.get(intent_key="facilities_towels_amenities")
    assert len(near) == 5
    assert near[0].faq == towels
    assert near[0].percent > near[1].percent
    assert "towels" in near[0].reasons.words
    assert "towels" in near[0].reasons.concepts
    assert "Are towels and toiletries provided?" in near[0].reasons.topics
    assert reverse("admin:faq_faq_change", args=[towels.pk]) in words_of(response)


def test_why_is_told_across_languages_in_the_readers(desk):
    desk.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ja"
    near = desk.ask("Do you have towels?").context["matches"]

    assert "タオル" in near[0].reasons.concepts
    assert "タオルやアメニティはありますか？" in near[0].reasons.topics


def test_shared_pieces_are_found_where_there_are_no_spaces(desk):
    near = desk.ask("洗濯機はどこですか").context["matches"]

    assert "洗濯機" in " ".join(near[0].reasons.words)


def test_votes_are_told(desk, sakura):
    sakura.faqs.filter(intent_key="facilities_towels_amenities").update(
        confirmed_by=4, disputed_by=2
    )

    assert "helped 4, did not help 2" in words_of(desk.ask("Do you have towels?"))


def test_an_inn_without_faqs_is_told_so(desk, sakura):
    sakura.faqs.all().delete()

    assert "No FAQ has anything in common" in words_of(desk.ask("Do you have a parrot?"))


# With an AI provider ----------------------------------------------------------------------------

UNSURE = "would a saxophone quartet fit into the twin room"


def test_with_a_provider_it_is_asked(desk, provider):
    response = desk.ask(UNSURE)

    assert len(provider.chats) == 1
    assert response.context["was_asked"]
    assert "The AI was asked." in words_of(response)
    assert Message.objects.count() == 0


def test_what_the_model_writes_is_shown(desk, sakura, provider):
    provider.reply = lambda messages: {
        "can_answer": True,
        "used": ["faq_1"],
        "answer": "We lend bath towels.",
    }
    trial = try_question(sakura, "got anything to dry myself with after the shower", language="fr")
    same = Guest(sakura).ask("got anything to dry myself with after the shower", language="fr")

    assert trial.answer.content == same["message"]["content"]
    assert trial.answer.source == Message.objects.get(role="assistant").source


def test_when_the_provider_fails_it_is_what_the_guest_would_see(desk, sakura, provider):
    provider.statuses = {"/chat/completions": [500] * 9, "/embeddings": [500] * 9}
    response = desk.ask(UNSURE)
    got = Guest(sakura).ask(UNSURE)

    assert response.context["answer"].content == got["message"]["content"]
    assert "the AI service does not help" in words_of(response)


# From there on ----------------------------------------------------------------------------------


def test_it_becomes_a_faq(desk, sakura):
    page = words_of(desk.ask("鳥にサーフボードを貸せますか"))
    assert MAKE_FAQ in page
    fields = {"facility": sakura.pk, "question": "鳥にサーフボードを貸せますか"}
    response = desk.client.post(MAKE_FAQ, fields)

    form = desk.client.get(response.url).context["adminform"].form
    assert (form["question_ja"].value(), form["answer_ja"].value()) == (fields["question"], "")


@pytest.mark.parametrize(
    "bad", [{"question": " "}, {"question": "x" * 1001}, {"language": "de"}, {"question": "a\0b"}]
)
def test_what_is_no_question_is_told_beside_its_field(desk, bad):
    response = desk.client.post(PAGE, {"facility": desk.facility.pk, "question": "x"} | bad)

    assert response.status_code == 200
    assert "trial" not in response.context
    assert response.context["form"].errors


def test_every_page_leads_there(desk):
    assert f'href="{PAGE}"' in words_of(desk.client.get("/admin/"))

"""Suggestions in the admin: the list and the page, as somebody at the desk uses them."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from faq import reviews
from faq.models import Faq, FaqRevision, FaqSuggestion, FaqWording
from faq.suggestions import Asked, note_question

LIST = "/admin/faq/faqsuggestion/"


@pytest.fixture
def ask(sakura):
    numbers = iter(range(1, 1000))

    def note(text, language="en", *, facility=sakura, **fields):
        number = next(numbers)
        return note_question(
            facility.pk,
            Asked(
                message_id=number,
                guest=1000 + number,
                language=language,
                text=text,
                asked_at=timezone.now(),
                why="handed_over",
                replied_until=number,
                replies=fields.get("replies", {}),
            ),
        )

    return note


@pytest.fixture
def cot(ask):
    ask("Do you have a baby cot?", replies={"en": "Yes, one, free."})
    ask("Do you have a baby cot for room 203?")
    return ask("ベビーベッドありますか", "ja", replies={"ja": "1台ございます。"})


@pytest.fixture
def client(hanako):
    client = Client(headers={"accept-language": "en"})
    client.force_login(hanako)
    return client


def page_of(suggestion):
    return reverse("admin:faq_faqsuggestion_change", args=[suggestion.pk])


def act(client, suggestion, action, **fields):
    address = reverse("admin:faq_faqsuggestion_act", args=[suggestion.pk])
    return client.post(address, {"action": action} | fields)


def filled(client, suggestion, **changes):
    """What the form of the page would send."""
    form = client.get(page_of(suggestion)).context["form"]
    values = {field.name: field.value() for field in form}
    return {name: value for name, value in values.items() if value is not None} | changes


def test_the_list_shows_what_is_to_be_decided_those_of_most_guests_first(client, ask, hanako):
    for text, guests in (("Is there a pool?", 1), ("Do you have an iron?", 3), ("stamps?", 2)):
        for _ in range(guests):
            suggestion = ask(text)
    reviews.reject(suggestion=suggestion, actor=hanako)

    listed = client.get(LIST).context["cl"].result_list

    assert [each.question for each in listed] == ["Do you have an iron?", "Is there a pool?"]
    rejected = client.get(LIST, {"status": "rejected"}).context["cl"].result_list
    assert [each.question for each in rejected] == ["stamps?"]
    assert len(client.get(LIST, {"status": "all"}).context["cl"].result_list) == 3
    assert client.get(LIST, {"status": "made-up"}).status_code == 200


def test_the_sidebar_and_the_first_page_say_how_many(client, cot):
    page = client.get("/admin/")

    assert "<b>1</b> FAQs suggested" in page.content.decode()
    items = page.context["sidebar_navigation"][0]["items"]
    badges = {str(item["link"]): str(item.get("badge_callback", "")) for item in items}
    assert badges[LIST] == "1"
    assert badges["/admin/chat/escalation/"] == ""


def test_the_page_shows_what_guests_asked_and_staff_replied(client, cot):
    page = client.get(page_of(cot)).content.decode()

    for text in (
        "Do you have a baby cot?",
        "room 203",
        "ベビーベッドありますか",
        "Yes, one, free.",
    ):
        assert text in page


def test_approved_as_it_stands_it_is_a_faq_in_the_languages_of_staffs_replies(client, cot):
    answer = act(client, cot, "approve", **filled(client, cot))

    assert answer.url == LIST
    cot.refresh_from_db()
    texts = {text.language: text.answer for text in cot.created_faq.translations.all()}
    assert texts == {"ja": "1台ございます。", "en": "Yes, one, free."}
    assert not FaqWording.objects.filter(text__contains="203").exists()
    assert FaqRevision.objects.get(faq_id=cot.created_faq_id).origin == "page"
    assert "Open the FAQ" in client.get(page_of(cot)).content.decode()


def test_what_staff_write_and_tick_is_what_is_published(client, cot):
    number = cot.questions.get(text__contains="203").pk
    fields = filled(
        client,
        cot,
        question="ベビーベッドの貸し出し",
        answer="有料です。",
        answer_en="",
        wordings=[number],
        category="facilities",
        visibility="on_site",
    )

    act(client, cot, "approve", **fields)

    faq = Faq.objects.get(suggestions=cot)
    assert [(text.language, text.question, text.answer) for text in faq.translations.all()] == [
        ("ja", "ベビーベッドの貸し出し", "有料です。")
    ]
    assert [wording.text for wording in faq.wordings.all()] == [
        "Do you have a baby cot for room 203?"
    ]
    assert (faq.category, faq.visibility) == ("facilities", "on_site")


def test_without_an_answer_it_is_not_approved_and_nothing_written_is_lost(client, ask):
    suggestion = ask("Do you have a baby cot?")

    answer = act(client, suggestion, "approve", **filled(client, suggestion, question="Cots"))

    assert answer.status_code == 200
    assert "Cots" in answer.content.decode()
    assert answer.context["form"].errors.keys() == {"answer"}
    assert not Faq.objects.filter(suggestions=suggestion).exists()


def test_a_draft_is_kept_for_later(client, cot):
    act(client, cot, "keep", **filled(client, cot, answer="後で確認"))

    cot.refresh_from_db()
    assert (cot.status, cot.answer, cot.is_edited) == ("pending", "後で確認", True)


def test_as_a_wording_it_leads_to_the_faq(client, cot, sakura):
    faq = Faq.objects.filter(facility=sakura).first()
    number = cot.questions.get(language="ja").pk

    answer = act(client, cot, "add_wording", faq=faq.pk, wordings=[number, "x"])

    assert answer.url == reverse("admin:faq_faq_change", args=[faq.pk])
    assert faq.wordings.get().text == "ベビーベッドありますか"


def test_two_are_merged(client, cot, ask):
    other = ask("lit parapluie disponible ?", "fr")

    answer = act(client, cot, "merge", into=other.pk)

    assert answer.url == page_of(other)
    assert other.questions.count() == 4
    assert client.get(page_of(cot)).status_code == 404


def test_a_rejected_one_leaves_the_list(client, cot):
    act(client, cot, "reject")

    assert not client.get(LIST).context["cl"].result_list
    assert "It was rejected." in client.get(page_of(cot)).content.decode()


def test_neither_faqs_nor_suggestions_of_another_inn_are_within_reach(client, cot, ask, maple):
    theirs = ask("Is there a pool?", facility=maple)
    faq = Faq.objects.filter(facility=maple).first()

    assert act(client, cot, "merge", into=theirs.pk).status_code == 404
    assert act(client, cot, "add_wording", faq=faq.pk).status_code == 404
    assert act(client, theirs, "reject").status_code == 404
    assert "pool" not in client.get(page_of(cot)).content.decode()


def test_bad_input_changes_nothing(client, cot):
    for fields in ({"action": "made-up"}, {"action": "merge", "into": "x"}, {}):
        address = reverse("admin:faq_faqsuggestion_act", args=[cot.pk])
        assert client.post(address, fields).status_code in {302, 404}
    long = filled(client, cot, answer="x" * 2001)
    assert act(client, cot, "approve", **long).status_code == 200

    assert FaqSuggestion.objects.get() == cot
    cot.refresh_from_db()
    assert cot.status == "pending"

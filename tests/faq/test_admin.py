"""The list of FAQs and the page of one, as staff use them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from faq.models import Faq, FaqRevision, FaqTranslation, FaqWording
from faq.prefilled import prefill
from faq.services import change_faq, delete_faq
from yadopera.languages import LANGUAGES

LIST = reverse("admin:faq_faq_changelist")
ADD = reverse("admin:faq_faq_add")


def page_of(faq):
    return reverse("admin:faq_faq_change", args=[faq.pk])


@pytest.fixture
def staff(client, hanako):
    client.force_login(hanako)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def kite(sakura):
    """A FAQ in two languages."""
    faq = Faq.objects.create(facility=sakura, intent_key="kite", category="facilities")
    FaqTranslation.objects.create(faq=faq, language="ja", question="凧は?", answer="貸します。")
    FaqTranslation.objects.create(faq=faq, language="en", question="Kites?", answer="We lend.")
    return faq


def sent(form):
    """What a browser would send of a form as it is shown."""
    values = {name: form[name].value() for name in form.fields}
    return {k: v for k, v in values.items() if v is not None and v is not False}


def opened(client, faq=None):
    form = client.get(page_of(faq) if faq else ADD).context["adminform"].form
    return sent(form)


def save(client, faq=None, **changes):
    page = page_of(faq) if faq else ADD
    return client.post(page, opened(client, faq) | changes)


def errors_of(response):
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def texts_of(faq):
    return {
        text.language: (text.question, text.answer)
        for text in FaqTranslation.objects.filter(faq=faq.pk)
    }


NEW = {"category": "basic", "question_ja": "傘は?", "answer_ja": "玄関にあります。"}


# One page, seven languages ----------------------------------------------------------------------


def test_every_language_has_its_fields_and_what_is_missing_is_said(staff, kite):
    page = staff.get(page_of(kite)).content.decode()

    for language in LANGUAGES:
        assert f'name="question_{language}"' in page
        assert f'name="answer_{language}"' in page
    assert "5 of 7 languages missing: 繁體中文, 简体中文, 한국어, Français, Español" in page


def test_the_inns_language_comes_first_then_those_of_the_guest_page(staff, sakura, kite):
    sakura.language, sakura.languages = "ko", ["fr", "en"]
    sakura.save()
    form = staff.get(page_of(kite)).context["adminform"].form

    assert [card.code for card in form.cards()][:3] == ["ko", "fr", "en"]
    assert len(list(form.cards())) == 7


def test_a_text_is_written_where_there_was_none(staff, kite):
    assert save(staff, kite, **{"question_zh-TW": "風箏?", "answer_zh-TW": "有。"}).url == LIST

    assert texts_of(kite)["zh-TW"] == ("風箏?", "有。")


def test_only_what_changes_loses_its_vectors(staff, kite):
    FaqTranslation.objects.filter(faq=kite).update(embedding=[1.0] + [0.0] * 1535)
    save(staff, kite, answer_en="We lend two.")

    vectors = dict(FaqTranslation.objects.filter(faq=kite).values_list("language", "embedding"))
    assert vectors["en"] is None
    assert vectors["ja"] is not None


def test_line_breaks_of_a_browser_change_nothing(staff, kite):
    FaqTranslation.objects.filter(faq=kite, language="en").update(answer="One.\nTwo.")
    FaqTranslation.objects.filter(faq=kite, language="ja").update(answer="一。\r\n二。")

    save(staff, kite, answer_en="One.\r\nTwo.", answer_ja="一。\r\n二。")

    assert texts_of(kite)["en"][1] == "One.\nTwo."
    assert not FaqRevision.objects.filter(faq_id=kite.pk).exists()


def test_emptying_both_fields_takes_the_language_away(staff, kite):
    save(staff, kite, question_en="", answer_en=" ")

    assert set(texts_of(kite)) == {"ja"}


@pytest.mark.parametrize(("written", "empty"), [("question", "answer"), ("answer", "question")])
def test_half_a_text_is_refused_at_its_field_and_nothing_is_lost(staff, kite, written, empty):
    response = save(staff, kite, **{f"{written}_ko": "연?", "question_en": "Kites, now?"})

    assert list(errors_of(response)) == [f"{empty}_ko"]
    form = response.context["adminform"].form
    assert form[f"{written}_ko"].value() == "연?"
    assert form["question_en"].value() == "Kites, now?"
    assert texts_of(kite)["en"][0] == "Kites?"


def test_one_language_stays(staff, kite):
    emptied = {f"{part}_{code}": "" for part in ("question", "answer") for code in ("ja", "en")}

    assert list(errors_of(save(staff, kite, **emptied))) == ["question_ja"]
    assert len(texts_of(kite)) == 2


@pytest.mark.parametrize(("part", "limit"), [("question", 500), ("answer", 2000)])
def test_a_text_that_is_too_long_is_refused_at_its_field(staff, kite, part, limit):
    field = f"{part}_ja"

    assert save(staff, kite, **{field: "あ" * limit}).status_code == 302
    assert list(errors_of(save(staff, kite, **{field: "あ" * (limit + 1)}))) == [field]
    assert len(texts_of(kite)["ja"][part == "answer"]) == limit


def test_a_placeholder_that_stands_for_nothing_is_refused(staff, kite):
    response = save(staff, kite, answer_en="From {check_in_tme}.")

    assert "{check_in_tme} is no fact" in errors_of(response)["answer_en"][0]
    assert save(staff, kite, answer_en="From {check_in_time}.").status_code == 302


def test_the_page_lists_the_facts_but_not_the_password(staff, kite):
    page = staff.get(page_of(kite)).content.decode()

    assert "{wifi_password}" in page
    assert "Sakura-Guest" in page
    assert "hanami-1234" not in page


def test_a_text_older_than_the_inns_own_is_marked_until_somebody_has_read_it(staff, kite):
    an_hour_ago = timezone.now() - timedelta(hours=1)
    FaqTranslation.objects.filter(faq=kite).update(created_at=an_hour_ago, updated_at=an_hour_ago)
    mark = "Older than your own text: English"

    assert mark not in staff.get(page_of(kite)).content.decode()
    save(staff, kite, answer_ja="二つ貸します。")
    assert mark in staff.get(page_of(kite)).content.decode()
    save(staff, kite, still_right_en="on")
    assert mark not in staff.get(page_of(kite)).content.decode()


def test_what_is_written_in_both_languages_at_once_is_up_to_date(staff, kite):
    an_hour_ago = timezone.now() - timedelta(hours=1)
    FaqTranslation.objects.filter(faq=kite).update(created_at=an_hour_ago, updated_at=an_hour_ago)
    save(staff, kite, answer_ja="二つ貸します。", answer_en="We lend two.")

    assert "Older than" not in staff.get(page_of(kite)).content.decode()


# Wordings ---------------------------------------------------------------------------------------


def test_other_wordings_are_written_one_a_line(staff, kite):
    FaqWording.objects.create(faq=kite, language="en", text="fly a kite", origin="guest")
    save(staff, kite, wordings_en="fly a kite\r\n windy? \r\n\r\nwindy?", wordings_ko="연")

    rows = FaqWording.objects.filter(faq=kite).values_list("language", "text", "origin")
    assert set(rows) == {
        ("en", "fly a kite", "guest"),
        ("en", "windy?", "staff"),
        ("ko", "연", "staff"),
    }


def test_a_wording_is_taken_away_and_one_too_long_refused(staff, kite):
    save(staff, kite, wordings_en="windy?")
    assert list(errors_of(save(staff, kite, wordings_en="あ" * 501))) == ["wordings_en"]
    save(staff, kite, wordings_en="")

    assert not FaqWording.objects.filter(faq=kite).exists()


# A new one --------------------------------------------------------------------------------------


def test_a_new_faq_needs_no_key_and_no_visibility(staff, hanako, sakura):
    assert save(staff, **NEW, answer_en="", priority="3", is_active="on").url == LIST

    faq = Faq.objects.for_facility(sakura).latest("pk")
    assert faq.intent_key.startswith("basic_")
    assert (faq.created_by, faq.visibility) == (hanako, "anyone")
    assert texts_of(faq) == {"ja": ("傘は?", "玄関にあります。")}


def test_a_new_faq_that_tells_the_password_is_for_guests_at_the_inn(staff, sakura):
    save(staff, **NEW | {"answer_ja": "{wifi_password}です。"})

    assert Faq.objects.for_facility(sakura).latest("pk").visibility == "on_site"


def test_a_form_that_is_sent_twice_makes_one_faq(staff, sakura):
    before = sakura.faqs.count()
    save(staff, **NEW)

    assert "already" in errors_of(save(staff, **NEW))["question_ja"][0]
    assert sakura.faqs.count() == before + 1


def test_a_key_that_another_faq_has_is_refused_at_its_field(staff, kite):
    assert list(errors_of(save(staff, **NEW, intent_key="kite"))) == ["intent_key"]


def test_an_emptied_key_stays_what_it_was(staff, kite):
    save(staff, kite, intent_key="", priority="5")
    kite.refresh_from_db()

    assert (kite.intent_key, kite.priority) == ("kite", 5)


def test_what_two_pages_propose_stands_in_two_forms_however_often_they_are_loaded(staff, sakura):
    request = HttpRequest()
    request.session = staff.session
    addresses = [
        prefill(request, sakura, {"en": {"question": question, "answer": "At the door."}})
        for question in ("Umbrella?", "Kite?")
    ]
    request.session.save()

    for address, question in [*zip(addresses, ("Umbrella?", "Kite?"), strict=True)] * 2:
        form = staff.get(address).context["adminform"].form
        assert (form["question_en"].value(), form["answer_en"].value()) == (
            question,
            "At the door.",
        )
    assert not staff.get(ADD).context["adminform"].form["question_en"].value()


def test_who_works_at_two_inns_chooses_one(staff, hanako, sakura, maple):
    maple.members.add(hanako)
    save(staff, **NEW, facility=maple.pk)

    assert maple.faqs.latest("pk").translations.get().question == "傘は?"


# Two at once ------------------------------------------------------------------------------------


def test_who_saves_second_is_told_and_loses_nothing(staff, django_user_model, kite):
    taro = django_user_model.objects.create_user("taro@sakura.example.com", full_name="太郎")
    mine = opened(staff, kite)
    change_faq(faq=kite, actor=taro, texts={"en": ("Kites?", "We lend three.")}, priority=5)

    mine |= {"question_ko": "연?", "answer_ko": "빌려 드려요.", "answer_ja": "二つ貸します。"}
    response = staff.post(page_of(kite), mine)
    form = response.context["adminform"].form

    assert "太郎 changed this FAQ" in errors_of(response)["__all__"][0]
    assert form["answer_ja"].value() == "二つ貸します。"
    # What he did not touch is what the colleague has stored.
    assert form["answer_en"].value() == "We lend three."
    assert form["priority"].value() == 5
    assert "ko" not in texts_of(kite)

    assert staff.post(page_of(kite), sent(form)).status_code == 302
    assert texts_of(kite)["en"] == ("Kites?", "We lend three.")
    assert texts_of(kite)["ja"] == ("凧は?", "二つ貸します。")
    assert texts_of(kite)["ko"] == ("연?", "빌려 드려요.")


def test_where_both_wrote_he_sees_both(staff, kite):
    mine = opened(staff, kite)
    change_faq(faq=kite, texts={"en": ("Kites?", "We lend three.")})

    response = staff.post(page_of(kite), mine | {"answer_en": "We lend two."})

    assert response.context["adminform"].form["answer_en"].value() == "We lend two."
    assert "We lend three." in response.content.decode()


def test_one_deleted_meanwhile_becomes_a_new_one_when_saved_again(staff, hanako, sakura, kite):
    mine = opened(staff, kite) | {"answer_en": "We lend two."}
    delete_faq(faq=kite, actor=hanako)

    response = staff.post(page_of(kite), mine)
    assert "deleted this FAQ" in errors_of(response)["__all__"][0]
    form = response.context["adminform"].form
    assert form["answer_en"].value() == "We lend two."

    assert staff.post(page_of(kite), mine | {"version": ""}).status_code == 302
    assert texts_of(Faq.objects.get(facility=sakura, intent_key="kite"))["en"] == (
        "Kites?",
        "We lend two.",
    )


def test_votes_and_vectors_are_no_change(staff, kite):
    mine = opened(staff, kite)
    Faq.objects.filter(pk=kite.pk).update(confirmed_by=3)

    assert staff.post(page_of(kite), mine | {"priority": "4"}).status_code == 302


# The list ---------------------------------------------------------------------------------------


def shown(client, **query):
    response = client.get(LIST, query)
    assert response.status_code == 200
    return [faq.intent_key for faq in response.context["cl"].result_list]


def test_the_list_names_the_question_and_the_missing_languages(staff, kite):
    page = staff.get(LIST, {"q": "kite"}).content.decode()

    assert "凧は?" in page
    assert "2/7, missing: 繁體中文" in page


@pytest.mark.parametrize("words", ["凧", "KITES", "Kit 凧", "kite", "windy"])
def test_the_search_finds_words_of_any_language(staff, kite, words):
    FaqWording.objects.create(faq=kite, language="en", text="windy?")

    assert shown(staff, q=words) == ["kite"]


def test_every_word_counts(staff, kite):
    assert shown(staff, q="凧 surfboard") == []


def test_the_list_is_filtered(staff, sakura, kite):
    Faq.objects.filter(pk=kite.pk).update(is_active=False, disputed_by=1, confirmed_by=1)

    assert shown(staff, missing="ko") == ["kite"]
    assert "kite" not in shown(staff, missing="en")
    assert shown(staff, votes="low") == ["kite"]
    assert shown(staff, is_active__exact="0") == ["kite"]
    assert "kite" not in shown(staff, category__exact="basic")
    assert "kite" in shown(staff, missing="nonsense")


def queries_of_faqs(client, **query):
    with CaptureQueriesContext(connection) as made:
        shown(client, **query)
    return [query["sql"] for query in made if "faq_" in query["sql"]]


def test_a_longer_list_takes_no_more_queries_and_no_vectors(staff, kite, provider):
    Faq.objects.filter(pk=kite.pk).update(disputed_by=1)
    one, many = queries_of_faqs(staff, votes="low"), queries_of_faqs(staff)

    assert len(many) == len(one) < 8
    assert not any("topics" in sql or '"embedding"' in sql for sql in many)


def act(client, action, *faqs, **more):
    chosen = {"action": action, "_selected_action": [faq.pk for faq in faqs]}
    return client.post(LIST, chosen | more)


def test_several_are_hidden_shown_and_deleted_at_once(staff, hanako, sakura, kite):
    other = sakura.faqs.exclude(pk=kite.pk).first()
    act(staff, "hide", kite, other)
    assert set(shown(staff, is_active__exact="0")) == {"kite", other.intent_key}
    act(staff, "show", kite)
    assert shown(staff, is_active__exact="0") == [other.intent_key]

    assert "凧は?" in act(staff, "delete_selected", kite).content.decode()
    act(staff, "delete_selected", kite, post="yes")
    assert not Faq.objects.filter(pk=kite.pk).exists()
    assert FaqRevision.objects.filter(faq_id=kite.pk, author=hanako).count() == 3


def test_actions_leave_another_inns_faqs_alone(staff, maple):
    theirs = maple.faqs.first()
    for action in ("hide", "delete_selected"):
        act(staff, action, theirs, post="yes")

    theirs.refresh_from_db()
    assert theirs.is_active


# Translations -----------------------------------------------------------------------------------

TRANSLATE = reverse("admin:faq_faq_translate")


def translated(client, facility, **fields):
    response = client.post(TRANSLATE, {"facility": facility.pk, **fields})
    assert response.status_code == 200
    return response.json()


UMBRELLA = {"question_ja": "傘は?", "answer_ja": "{wifi_ssid}の横です。"}


def to_the_letter(messages):
    """The model: it says what it was given, and in which language."""
    language = messages[0]["content"].split(" to ", 1)[1].split(".")[0]
    return {"question": f"({language})", "answer": f"({language}) {{wifi_ssid}}"}


def test_missing_languages_are_proposed_and_nothing_is_stored(staff, sakura, provider):
    provider.reply = to_the_letter
    before = FaqTranslation.objects.count()
    proposed = translated(staff, sakura, **UMBRELLA, question_ko="우산?")

    assert set(proposed["texts"]) == {"en", "zh-TW", "zh-CN", "fr", "es"}
    assert proposed["texts"]["fr"] == {
        "question": "(Français)",
        "answer": "(Français) {wifi_ssid}",
    }
    assert proposed["problems"] == []
    assert FaqTranslation.objects.count() == before


def test_another_language_serves_where_the_inns_own_is_not_written(staff, sakura, provider):
    provider.reply = lambda messages: {"question": "q", "answer": "a"}
    proposed = translated(staff, sakura, question_fr="Parapluie ?", answer_fr="Oui.")

    assert "ja" in proposed["texts"]
    asked = [chat["messages"][0]["content"] for chat in provider.chats]
    assert any("from Français to 日本語" in instructions for instructions in asked)


@pytest.mark.parametrize("answer", ["Next to it.", "{wifi_sid}", "{wifi_ssid} {phone}", "{SSID}"])
def test_a_text_that_lost_or_changed_a_fact_is_not_taken(staff, sakura, provider, answer):
    provider.reply = lambda messages: (
        {"question": "q", "answer": answer}
        if "한국어" in messages[0]["content"]
        else to_the_letter(messages)
    )
    proposed = translated(staff, sakura, **UMBRELLA)

    assert "ko" not in proposed["texts"]
    assert len(proposed["texts"]) == 5
    (problem,) = proposed["problems"]
    assert problem.startswith("한국어: ")


def test_a_password_written_out_does_not_leave_the_house(staff, sakura, provider):
    provider.reply = lambda messages: {"question": "q", "answer": "{wifi_password}"}
    proposed = translated(staff, sakura, question_ja="Wi-Fi?", answer_ja="hanami-1234です。")

    assert all("hanami-1234" not in str(call) for call in provider.chats)
    assert proposed["texts"]["en"]["answer"] == "{wifi_password}"


@pytest.mark.parametrize("fault", ["empty", "nonsense"])
def test_nonsense_is_told_in_words(staff, sakura, provider, fault):
    provider.reply = to_the_letter
    provider.fault["/chat/completions"] = fault
    proposed = translated(staff, sakura, **UMBRELLA)

    assert proposed["texts"] == {}
    assert len(proposed["problems"]) == 6


def test_a_provider_that_fails_is_told_once_and_then_left_alone(staff, sakura, provider):
    provider.statuses["/chat/completions"] = [500] * 12
    (problem,) = translated(staff, sakura, **UMBRELLA)["problems"]
    assert "did not answer for: English, 繁體中文" in problem
    translated(staff, sakura, **UMBRELLA)
    calls = len(provider.chats)

    (problem,) = translated(staff, sakura, **UMBRELLA)["problems"]
    assert "does not answer at present" in problem
    assert len(provider.chats) == calls


def test_without_a_whole_text_there_is_nothing_to_translate(staff, sakura, provider):
    (problem,) = translated(staff, sakura, question_ja="傘は?")["problems"]

    assert problem.startswith("Write the question and the answer")
    assert provider.chats == []


def test_without_a_provider_there_is_no_button(staff, kite, provider, settings):
    assert TRANSLATE in staff.get(page_of(kite)).content.decode()
    settings.OPENAI_API_KEY = ""
    from yadopera.ai import get_provider

    get_provider.cache_clear()
    assert TRANSLATE not in staff.get(page_of(kite)).content.decode()


def test_translating_is_for_members_of_the_inn(client, momiji, sakura, provider):
    fields = {"facility": sakura.pk, **UMBRELLA}
    assert client.post(TRANSLATE, fields).url.startswith("/admin/login/")
    client.force_login(momiji)

    assert client.post(TRANSLATE, fields).status_code == 404
    assert client.get(TRANSLATE).status_code == 405
    assert provider.chats == []

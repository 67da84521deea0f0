"""The starter FAQs: complete, true, and waiting where they only suppose."""

import re

import pytest

from faq.facts import PLACEHOLDERS, MissingFact, fill_in
from faq.models import ANSWER_LENGTH, QUESTION_LENGTH, Faq, FaqTranslation, FaqWording
from faq.presets import load_presets
from faq.search import search_faqs
from faq.services import add_starter_faqs
from yadopera.languages import LANGUAGES

PRESETS = load_presets()


def placeholders(text):
    return set(re.findall("{([^}]*)}", text))


def test_there_are_thirty():
    assert len(PRESETS) == 30


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.intent_key)
def test_a_preset_is_complete_in_every_language(preset):
    assert set(preset.texts) == set(LANGUAGES)
    assert preset.category in Faq.Category.values
    for text in preset.texts.values():
        assert 0 < len(text.question) <= QUESTION_LENGTH
        assert 0 < len(text.answer) <= ANSWER_LENGTH
        assert len(text.wordings) >= 8
        lines = [line.casefold() for line in (text.question, *text.wordings)]
        assert len(set(lines)) == len(lines)
        assert max(map(len, lines)) <= QUESTION_LENGTH


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.intent_key)
def test_all_languages_of_a_preset_state_the_same_facts(preset):
    stated = [placeholders(text.answer) for text in preset.texts.values()]

    assert all(facts == stated[0] for facts in stated)
    assert stated[0] <= set(PLACEHOLDERS)
    if preset.is_fact:
        assert stated[0]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.intent_key)
def test_a_preset_invents_no_price_and_no_hour(preset):
    for text in preset.texts.values():
        assert not re.search(r"\d+\s*(円|yen|日圓|日元|엔|¥)|\d{1,2}:\d\d|\d\s*h\d\d", text.answer)


def test_what_supposes_something_about_the_house_waits_for_the_inns_word(sakura):
    Faq.objects.filter(facility=sakura).delete()
    add_starter_faqs(sakura)

    for preset in PRESETS:
        faq = Faq.objects.get(facility=sakura, intent_key=preset.intent_key)
        assert faq.is_active is (not preset.assumes)


def test_the_wifi_password_is_for_guests_at_the_inn(sakura):
    assert Faq.objects.get(facility=sakura, intent_key="facilities_wifi").visibility == "on_site"


def test_a_facility_gets_all_texts_searchable(sakura):
    texts = FaqTranslation.objects.for_facility(sakura)

    assert texts.count() == 30 * 7
    assert not texts.filter(index_version=None).exists()


def test_a_starter_faq_is_found_by_its_wordings_though_no_inn_stores_them(sakura):
    keys = dict(sakura.faqs.values_list("pk", "intent_key"))
    asked = [
        (preset.intent_key, language, wording)
        for preset in PRESETS
        for language, text in preset.texts.items()
        for wording in text.wordings[::5]
    ]

    missed = [
        wording
        for key, language, wording in asked
        if keys[search_faqs(sakura, wording, language=language).matches[0].faq_id] != key
    ]

    assert len(asked) > 400
    assert len(missed) <= len(asked) / 20, missed
    assert not FaqWording.objects.for_facility(sakura).exists()


def test_adding_them_twice_adds_none(sakura):
    assert add_starter_faqs(sakura) == []
    assert Faq.objects.for_facility(sakura).count() == 30


def test_a_hole_is_never_shown(sakura):
    sakura.phone = ""

    with pytest.raises(MissingFact, match="phone"):
        fill_in("Call {phone}.", sakura, "en")


def test_braces_that_are_no_placeholder_stay(sakura):
    assert fill_in("{0} {name} {phone!r}", sakura, "en") == "{0} {name} {phone!r}"

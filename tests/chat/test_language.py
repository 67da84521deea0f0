"""Which language a message is in."""

import pytest

from chat.language import chinese_script, detect_language
from chat.texts import load_texts, page_words
from yadopera.languages import LANGUAGES, match_language, nearest_languages, negotiate_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("洗濯機はどこですか", "ja"),
        ("wifiのパスワード教えて", "ja"),
        ("タオルください", "ja"),
        ("Where can I wash my clothes?", "en"),
        ("how do i get to 京都駅 from here", "en"),
        ("請問行李可以寄放嗎", "zh-TW"),
        ("请问行李可以寄存吗", "zh-CN"),
        ("洗衣機在哪裡", "zh-TW"),
        ("洗衣机在哪", "zh-CN"),
        ("와이파이 비번 알려주세요", "ko"),
        ("wifi 안돼요ㅠㅠ", "ko"),
        ("où est la machine à laver", "fr"),
        ("dónde está la lavadora", "es"),
    ],
)
def test_a_message_tells_its_language(text, language):
    assert detect_language(text, otherwise="xx") == language


@pytest.mark.parametrize("text", ["wifi?", "ok", "taxi", "😀", "15:00?", "🚿❓", ""])
def test_a_message_that_tells_nothing_is_in_the_conversations_language(text):
    assert detect_language(text, otherwise="ko") == "ko"


def test_characters_that_japanese_and_chinese_share_are_the_conversations():
    assert detect_language("你好", otherwise="zh-CN") == "zh-CN"
    assert detect_language("你好", otherwise="zh-TW") == "zh-TW"


def test_a_slip_into_the_other_script_does_not_decide():
    assert chinese_script("請問洗衣機在几樓") == "zh-TW"
    assert chinese_script("请问洗衣机在幾楼") == "zh-CN"


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("ja", "ja"),
        ("ja-JP", "ja"),
        ("en-GB", "en"),
        ("zh-Hant", "zh-TW"),
        ("zh-HK", "zh-TW"),
        ("zh_TW", "zh-TW"),
        ("zh-Hans-HK", "zh-CN"),
        ("zh", "zh-CN"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("de", None),
        ("", None),
    ],
)
def test_language_tags_of_phones_are_understood(tag, language):
    assert match_language(tag) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("de-DE,de;q=0.9,fr;q=0.8,en;q=0.9", "en"),
        ("de", "en"),
        ("", "en"),
        ("zh;q=x, es", "es"),
    ],
)
def test_the_browsers_preference_is_followed(header, language):
    assert negotiate_language(header) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_missing_text_is_looked_for_in_every_other_language(language):
    assert nearest_languages(language)[0] == language
    assert set(nearest_languages(language)) == set(LANGUAGES)


def test_readers_of_chinese_get_the_other_script_before_another_language():
    assert nearest_languages("zh-TW")[1] == "zh-CN"
    assert nearest_languages("zh-CN")[1] == "zh-TW"


def test_everything_the_system_says_is_said_in_all_seven_languages():
    for key, translations in load_texts().items():
        assert set(translations) == set(LANGUAGES), key
        assert all(text.strip() for text in translations.values()), key
    english = set(page_words()["en"])
    assert set(page_words()) == set(LANGUAGES)
    assert all(set(words) == english for words in page_words().values())

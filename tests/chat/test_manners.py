"""Manners are answered kindly and are no questions; a wish for a person is heard."""

import time

import pytest

from chat.manners import Manner, find_manner, manner_reply, wants_person
from chat.models import Escalation
from yadopera.languages import LANGUAGES


@pytest.mark.parametrize(
    ("text", "manner"),
    [
        ("こんにちは！", "greeting"),
        ("こんばんは〜、お世話になります", "greeting"),
        ("教えてくれてありがとうございました😊", "thanks"),
        ("了解です！", "ok"),
        ("おやすみなさい", "goodbye"),
        ("ありがとー", "thanks"),
        ("Hello there!", "greeting"),
        ("hiii", "greeting"),
        ("Hey good morning :)", "greeting"),
        ("thank you so much for the quick reply!!", "thanks"),
        ("ok got it, thanks", "thanks"),
        ("Perfect 👍", "ok"),
        ("good night everyone", "goodbye"),
        ("👍", "ok"),
        ("哈囉你好", "greeting"),
        ("好的了解，謝謝你～", "thanks"),
        ("晚安喔", "goodbye"),
        ("收到，谢谢老板", "thanks"),
        ("好的好的", "ok"),
        ("您好，在吗", "greeting"),
        ("안녕하세요!", "greeting"),
        ("네 알겠습니다 감사합니다ㅎㅎ", "thanks"),
        ("안녕히 주무세요", "goodbye"),
        ("넵넵", "ok"),
        ("Bonjour, merci pour l'accueil !", "thanks"),
        ("Bonsoir à tous", "greeting"),
        ("d'accord, parfait", "ok"),
        ("bonne nuit", "goodbye"),
        ("¡Hola, buenas tardes!", "greeting"),
        ("muchisimas gracias de verdad", "thanks"),
        ("vale, perfecto", "ok"),
        ("hasta mañana", "goodbye"),
    ],
)
def test_a_message_that_is_nothing_but_manners_is_known(text, manner):
    assert find_manner(text) == Manner(manner)


@pytest.mark.parametrize(
    "text",
    [
        "こんにちは、チェックインは何時からですか",
        "ありがとうございます、あとタオルはありますか",
        "はい、明日の朝食をお願いできますか",
        "hi, what time is breakfast",
        "thanks! one more thing: wifi?",
        "good morning, any coffee",
        "is it ok to smoke",
        "great view from the room?",
        "你好，請問有停車場嗎",
        "谢谢，另外行李可以寄存吗",
        "안녕하세요 체크인 몇 시예요",
        "bonjour, le code wifi svp",
        "gracias, ¿y la lavadora?",
        "hola hay toallas",
        "wifi",
        "towel",
        "15:00?",
        "",
        "???",
        "🔥",
        "🩸",
        "❓",
    ],
)
def test_a_message_that_says_more_is_a_question(text):
    assert find_manner(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "スタッフと話したいです",
        "人間と話せますか",
        "can I talk to a real person please",
        "I want to speak with the owner",
        "human please!!",
        "stop, I need a human",
        "請幫我轉真人",
        "我要人工客服",
        "我想找老板",
        "직원분 좀 불러 주세요",
        "사람이랑 얘기하고 싶어요",
        "je voudrais parler à quelqu'un",
        "puis-je parler avec une vraie personne ?",
        "quiero hablar con una persona",
        "¿puedo hablar con alguien de recepción?",
    ],
)
def test_a_wish_for_a_person_is_heard(text):
    assert wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "スタッフは何時までいますか",
        "人数を変更したい",
        "does the staff speak English?",
        "is there someone at the desk at 10pm?",
        "how many people per room",
        "櫃檯有人嗎",
        "前台几点下班",
        "직원이 몇 시까지 있나요",
        "le personnel parle-t-il anglais ?",
        "¿hay personal de noche?",
    ],
)
def test_staff_merely_mentioned_is_no_wish_for_them(text):
    assert not wants_person(text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("manner", Manner)
def test_a_host_has_an_answer_to_every_courtesy(manner, language):
    assert manner_reply(manner, language).strip()


def test_every_language_has_its_own_words():
    replies = {manner_reply(Manner.THANKS, language) for language in LANGUAGES}

    assert len(replies) == len(LANGUAGES)


@pytest.mark.parametrize(
    "text", ["a" * 1000, "hi " * 333, "你" * 1000, "\x00", "\ud800", " .. " * 250]
)
def test_odd_messages_are_read_at_once(text):
    started = time.perf_counter()
    find_manner(text)
    wants_person(text)
    assert time.perf_counter() - started < 0.5


def test_thanks_are_answered_kindly_and_call_nobody(guest):
    guest.ask("what time can i check in")
    body = guest.ask("thank you so much!")

    assert body["message"]["source"] == "manners"
    assert body["message"]["matched_faq_ids"] == []
    assert "welcome" in body["message"]["content"]
    assert body["is_escalated"] is False
    assert not Escalation.objects.exists()


def test_a_wish_for_a_person_reaches_staff(guest):
    body = guest.ask("can I talk to a real person please")

    assert body["escalation"]["trigger_type"] == "staff_mode"
    assert "staff" in body["message"]["content"]

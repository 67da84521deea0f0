"""The guest's way through the page."""

import time

import httpx
import pytest
from playwright.sync_api import expect

from tests.live.browser.conftest import WORDS
from yadopera.languages import LANGUAGES

WASHING = {
    "ja": "洗濯機はありますか",
    "en": "Is there a washing machine?",
    "zh-TW": "有洗衣機嗎？",
    "zh-CN": "有洗衣机吗？",
    "ko": "세탁기가 있나요?",
    "fr": "Y a-t-il une machine à laver ?",
    "es": "¿Hay lavadora?",
}
UNANSWERABLE = {
    "ja": "オウムはサーフィンできますか",
    "en": "can my parrot surf",
    "zh-TW": "我的鸚鵡會衝浪嗎？",
    "zh-CN": "我的鹦鹉会冲浪吗？",
    "ko": "제 앵무새가 서핑할 수 있나요?",
    "fr": "Mon perroquet sait-il surfer ?",
    "es": "¿Puede surfear mi loro?",
}
WIFI_PASSWORD = "hanamachi-2026"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
MESSAGE_LENGTH = 1000
HARMFUL = "<script>window.harm = 1</script><img src=x onerror='window.harm = 1'>&amp;"
FIRE = "there is a fire in my room"
STREAM = "**/api/v1/chat/stream"


@pytest.fixture(scope="module")
def guide(live):
    """The answers of the demo inn's guide in a language."""

    def answers(language):
        address = f"{live.url}/api/v1/facility/demo/faqs?language={language}"
        return [faq["answer"] for faq in httpx.get(address).json()["faqs"]]

    return answers


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guest_goes_the_whole_way_in_the_language_of_his_phone(
    phone, live, desk, guide, language
):
    guest = phone(language, permissions=CLIPBOARD).scan(location="room-201", k=live.site_key())
    page, words = guest.page, WORDS[language]
    expect(page.locator("html")).to_have_attribute("lang", language)

    answer = guest.ask(WASHING[language])
    expect(answer.locator(".text")).to_have_attribute("lang", language)
    assert answer.locator(".text").inner_text() in guide(language)
    expect(answer.locator(".source")).to_have_text(words["from_faq"])
    answer.get_by_label(words["helpful"], exact=True).click()
    expect(answer.locator(".thanks")).to_have_text(words["voted"])
    page.reload()
    expect(answer.get_by_label(words["helpful"], exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(answer.get_by_label(words["not_helpful"], exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )

    handed_over = guest.ask(UNANSWERABLE[language])
    expect(handed_over.locator(".text")).to_have_attribute("lang", language)
    expect(handed_over.locator(".source")).to_have_text(words["handed_over"])
    expect(page.locator("#person")).to_have_text(words["ask_person"])
    guest.ask_for_a_person()
    expect(page.locator("#messages li.system .text")).to_have_attribute("lang", language)
    assert "staff_mode" in desk.calls_of(guest)

    page.get_by_role("button", name=words["wifi_show"]).click()
    wifi = page.locator("#wifi-card")
    expect(wifi).to_contain_text(WIFI_PASSWORD)
    expect(wifi.locator("img")).to_have_js_property("complete", True)
    assert wifi.locator("img").evaluate("picture => picture.naturalWidth") > 0
    wifi.get_by_label(f"{words['copy']}: {words['wifi_password']}").click()
    expect(wifi.get_by_text(words["copied"])).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == WIFI_PASSWORD

    session = guest.remembered("session")
    guest.delete_conversation()
    expect(page.locator("#messages li")).to_have_count(1)
    expect(page.locator("#messages li.notice")).to_be_visible()
    assert httpx.get(f"{live.url}/api/v1/chat/history/{session}").status_code == 404
    page.reload()
    expect(page.locator("#messages li")).to_have_count(0)
    assert guest.remembered("session") != session
    assert guest.remembered("asked") is None


def test_what_the_code_says_is_taken_out_of_the_address(phone, live):
    guest = phone().scan(location="room-201", k=live.site_key())
    assert guest.page.url == f"{live.url}/f/demo"
    assert WIFI_PASSWORD in guest.ask("What is the Wi-Fi password?").inner_text()


def test_who_did_not_scan_a_code_is_not_told_the_wifi_password(phone):
    guest = phone(faults=True).scan()
    guest.page.locator("#wifi").click()
    expect(guest.page.locator("#wifi-card")).to_contain_text("scan one of the QR codes")
    assert WIFI_PASSWORD not in guest.page.content()


# Languages --------------------------------------------------------------------------------------


def test_the_menu_switches_the_language_at_once_and_loses_nothing(phone, live):
    guest = phone("en").scan(location="room-201", k=live.site_key())
    guest.ask(WASHING["en"])
    guest.field.fill("And is there a dr")

    guest.choose("ko")

    expect(guest.field).to_have_attribute("placeholder", WORDS["ko"]["placeholder"])
    expect(guest.field).to_have_value("And is there a dr")
    expect(guest.questions.locator(".text")).to_have_text(WASHING["en"])
    expect(guest.answers).to_have_count(1)
    manifest = guest.page.locator("link[rel=manifest]").get_attribute("href")
    assert guest.page.request.get(f"{live.url}{manifest}").json()["lang"] == "ko"
    guest.page.locator("#wifi").click()
    expect(guest.page.locator("#wifi-card")).to_contain_text(WIFI_PASSWORD)


def test_a_chosen_language_is_kept_on_the_next_scan(phone, live, other_id):
    guest = phone("en").scan(k=live.site_key())
    guest.choose("fr")
    assert guest.scan(k=live.site_key()).language == "fr"
    assert guest.scan("other").language == "fr"


def test_answers_follow_the_chosen_language_whatever_the_question_is_written_in(phone, guide):
    guest = phone("en").scan()
    guest.choose("es")
    answer = guest.ask(WASHING["en"]).locator(".text")
    expect(answer).to_have_attribute("lang", "es")
    assert answer.inner_text() in guide("es")


def test_answers_follow_the_question_where_no_language_was_chosen(phone):
    guest = phone("en").scan()
    expect(guest.ask(WASHING["ja"]).locator(".text")).to_have_attribute("lang", "ja")
    expect(guest.ask(WASHING["fr"]).locator(".text")).to_have_attribute("lang", "fr")


def test_keeping_the_page_for_offline_chooses_no_language(phone):
    guest = phone("en").scan().wait_until_kept()
    guest.page.reload()
    expect(guest.ask(WASHING["ja"]).locator(".text")).to_have_attribute("lang", "ja")


# A person ---------------------------------------------------------------------------------------


def test_a_person_can_be_asked_for_as_the_very_first_thing(phone, desk):
    guest = phone("fr").scan()
    guest.ask_for_a_person()
    expect(guest.answers.locator(".source")).to_have_text(guest.words["handed_over"])
    assert guest.stored("user") == [guest.words["ask_person_phrase"]]
    assert desk.calls_of(guest) == ["staff_mode"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_phrase_that_asks_for_a_person_is_understood(live, demo_id, language):
    body = {"facility_id": demo_id, "message": WORDS[language]["ask_person_phrase"]}
    answer = httpx.post(f"{live.url}/api/v1/chat", json=body, timeout=30).json()
    assert answer["escalation"]["trigger_type"] == "staff_mode"
    assert answer["message"]["language"] == language


def test_what_stands_in_the_field_is_sent_before_a_person_is_asked_for(phone, desk):
    guest = phone().scan()
    guest.field.fill("My parrot is sad")
    guest.ask_for_a_person()
    expect(guest.answers).to_have_count(2)
    assert guest.stored("user") == ["My parrot is sad", guest.words["ask_person_phrase"]]


def test_who_cancels_asks_nobody(phone):
    guest = phone().scan()
    guest.page.locator("#person").click()
    guest.page.locator("#confirm [value=no]").click()
    expect(guest.page.locator("#confirm")).to_be_hidden()
    expect(guest.page.locator("#messages li")).to_have_count(0)


def test_a_staff_reply_appears_by_itself_and_is_announced(phone, desk):
    guest = phone().scan()
    guest.ask(UNANSWERABLE["en"])
    desk.reply(guest, "It can, on Sundays.")
    expect(guest.staff_replies.locator(".text")).to_have_text("It can, on Sundays.")
    expect(guest.staff_replies.locator(".speaker")).to_have_text(guest.words["staff"])
    expect(guest.page.locator("#announcer")).to_have_text("Staff: It can, on Sundays.")


def test_answers_are_mailed_to_who_agrees(phone):
    guest = phone().scan()
    guest.ask(UNANSWERABLE["en"])
    offer = guest.page.locator(".mail")
    offer.get_by_text(guest.words["mail_offer"]).click()
    offer.get_by_role("textbox", name=guest.words["mail_address"]).fill("guest@example.com")
    offer.get_by_role("button").click()
    expect(offer.get_by_role("button")).to_be_visible()  # nothing is sent without consent
    offer.get_by_role("checkbox").check()
    offer.get_by_role("button").click()
    expect(guest.answers.locator(".foot p")).to_contain_text("we'll email it to you")


# What is written --------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["a", "字"])
def test_a_message_of_1000_characters_is_sent_and_more_cannot_be_typed(phone, character):
    guest = phone().scan()
    guest.field.fill(character * (MESSAGE_LENGTH - 1))
    expect(guest.page.locator("#left")).to_have_text("Characters left: 1")
    guest.page.keyboard.insert_text(character * 3)
    expect(guest.page.locator("#left")).to_have_text("Characters left: 0")
    expect(guest.field).to_have_value(character * MESSAGE_LENGTH)

    guest.page.locator("#question .row button").first.click()

    expect(guest.answers).to_have_count(1)
    assert guest.stored("user") == [character * MESSAGE_LENGTH]
    expect(guest.page.locator("#left")).to_have_text("")


def test_the_count_of_characters_shows_only_near_the_end(phone):
    guest = phone().scan()
    guest.field.fill("a" * 900)
    expect(guest.page.locator("#left")).to_have_text("")
    guest.field.fill("a" * 901)
    expect(guest.page.locator("#left")).to_have_text("Characters left: 99")


def test_text_from_right_to_left_is_shown_so(phone):
    guest = phone().scan()
    guest.ask("هل توجد غسالة ملابس؟ 123")
    text = guest.questions.locator(".text")
    expect(text).to_have_text("هل توجد غسالة ملابس؟ 123")
    expect(text).to_have_css("direction", "rtl")
    expect(guest.answers.locator(".text")).to_have_css("direction", "ltr")


def test_markup_is_shown_as_text_whoever_wrote_it(phone, desk):
    guest = phone().scan()
    guest.ask(HARMFUL)
    desk.reply(guest, HARMFUL)
    expect(guest.staff_replies).to_have_count(1)
    for _before_and_after_it_is_read_again in range(2):
        expect(guest.questions.locator(".text")).to_have_text(HARMFUL)
        expect(guest.staff_replies.locator(".text")).to_have_text(HARMFUL)
        expect(guest.page.locator("#messages img, #messages script")).to_have_count(0)
        assert guest.page.evaluate("window.harm") is None
        guest.page.reload()


def test_links_of_the_inn_can_be_followed_and_those_of_guests_cannot(phone, desk):
    guest = phone().scan()
    guest.ask("see https://evil.example.com/ please")
    desk.reply(guest, "It is on https://example.com/map?a=1&b=2.")
    link = guest.staff_replies.locator("a")
    for _before_and_after_it_is_read_again in range(2):
        expect(link).to_have_text("https://example.com/map?a=1&b=2")
        expect(link).to_have_attribute("href", "https://example.com/map?a=1&b=2")
        assert {"noopener", "noreferrer"} <= set(link.get_attribute("rel").split())
        expect(guest.questions.locator("a")).to_have_count(0)
        guest.page.reload()


# When the inn says no ---------------------------------------------------------------------------


def say_no(guest, status, headers=None, body="<h1>Sorry</h1>", times=1):
    """Let the next questions be refused; returns when each question arrived."""
    arrived = []

    def answer(route):
        arrived.append(time.monotonic())
        if len(arrived) > times:
            return route.continue_()
        return route.fulfill(status=status, headers=headers, body=body)

    guest.page.route(STREAM, answer)
    return arrived


def test_too_many_messages_wait_as_long_as_they_are_told_and_go_by_themselves(phone):
    guest = phone(faults=True).scan()
    arrived = say_no(guest, 429, {"Retry-After": "3"})
    guest.write(WASHING["en"])
    expect(guest.questions.locator(".note")).to_have_text(guest.words["too_many"])
    expect(guest.answers).to_have_count(1)
    expect(guest.questions.locator(".note")).to_have_count(0)
    assert arrived[1] - arrived[0] >= 3
    assert guest.stored("user") == [WASHING["en"]]


def test_a_crowded_inn_is_left_alone_as_long_as_it_asks_but_hears_of_danger(phone):
    guest = phone(faults=True)
    guest.page.clock.install()
    guest.scan()
    arrived = say_no(guest, 503, {"Retry-After": "30"}, times=2)
    guest.write(WASHING["en"])
    expect(guest.questions.locator(".note")).to_have_text(guest.words["crowded"])
    guest.write(FIRE)
    expect(guest.answers).to_have_count(1)
    assert guest.stored("user") == [FIRE]

    guest.page.clock.run_for(25_000)
    assert len(arrived) == 3
    guest.page.clock.run_for(5_000)
    expect(guest.answers).to_have_count(2)
    expect(guest.questions.locator(".note")).to_have_count(0)
    assert guest.stored("user") == [FIRE, WASHING["en"]]


def test_a_fault_of_the_inn_is_explained_and_the_question_is_sent_again(phone):
    guest = phone(faults=True).scan()
    say_no(guest, 500)
    guest.write(WASHING["en"])
    expect(guest.questions.locator(".note")).to_contain_text(guest.words["went_wrong"])
    expect(guest.answers).to_have_count(1)
    expect(guest.questions.locator(".note")).to_have_count(0)
    assert guest.stored("user") == [WASHING["en"]]


def test_who_does_not_want_to_wait_tries_again_himself(phone):
    guest = phone(faults=True).scan()
    arrived = say_no(guest, 503)
    guest.write(WASHING["en"])
    guest.questions.get_by_role("button", name=guest.words["try_again"]).click()
    expect(guest.answers).to_have_count(1)
    assert arrived[1] - arrived[0] < 2
    assert guest.stored("user") == [WASHING["en"]]


def test_a_message_that_is_refused_is_explained_and_keeps_its_text(phone):
    guest = phone("es", faults=True).scan()
    say_no(guest, 422, body='{"detail": "Compruebe los datos."}')
    guest.write(WASHING["es"])
    refused = guest.page.locator("#messages li.failed")
    expect(refused.locator(".text")).to_have_text(WASHING["es"])
    expect(refused.locator(".note")).to_contain_text(guest.words["failed"])
    expect(refused.locator(".note")).to_contain_text("Compruebe los datos.")

    guest.ask(WASHING["es"])  # it keeps no other question back
    refused.get_by_role("button", name=guest.words["try_again"]).click()
    expect(guest.answers).to_have_count(2)
    expect(refused).to_have_count(0)
    assert guest.stored("user") == [WASHING["es"]] * 2

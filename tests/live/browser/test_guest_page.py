"""The guest's way through the page."""

import pytest
from playwright.sync_api import expect

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


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guest_is_answered_in_the_language_of_his_phone(phone, live, language):
    guest = phone(language).scan(location="room-201", k=live.site_key())
    expect(guest.page.locator("html")).to_have_attribute("lang", language)
    answer = guest.ask(WASHING[language])
    expect(answer.locator(".text")).to_have_attribute("lang", language)
    expect(answer.locator(".source")).to_be_visible()


def test_what_the_code_says_is_taken_out_of_the_address(phone, live):
    guest = phone().scan(location="room-201", k=live.site_key())
    assert guest.page.url == f"{live.url}/f/demo"
    assert "hanamachi-2026" in guest.ask("What is the Wi-Fi password?").inner_text()

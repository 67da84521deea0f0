"""One conversation on several devices, joined by a code."""

import pytest
from playwright.sync_api import expect

from tests.live.browser.test_guest_page import STREAM, WASHING

FROM_FIRST = "What time is check-in?"
FROM_SECOND = "What time is check-out?"


@pytest.fixture
def first(phone):
    """A device on which a question was asked."""
    guest = phone("en").scan()
    guest.ask(FROM_FIRST)
    return guest


def join(guest, code):
    guest.enter_code(code)
    expect(guest.page.locator("#messages li.notice")).to_be_visible()


def show_the_same(*guests):
    for guest in guests:
        expect(guest.message_texts).to_have_text(guests[0].stored())


def test_two_devices_joined_by_a_code_see_one_history_and_what_the_other_asks(first, phone):
    second = phone("fr").scan()
    join(second, first.show_code().lower())
    expect(second.message_texts).to_have_text(first.stored())

    second.ask(FROM_SECOND)
    expect(first.questions).to_have_count(2)
    first.ask("Is there breakfast?")
    expect(second.answers).to_have_count(3)

    assert first.stored("user") == [FROM_FIRST, FROM_SECOND, "Is there breakfast?"]
    show_the_same(first, second)
    second.page.reload()
    show_the_same(first, second)


def test_what_was_asked_on_both_devices_before_is_seen_on_both(phone):
    second = phone("en").scan()
    second.ask(FROM_SECOND)
    first = phone("en").scan()
    first.ask(FROM_FIRST)
    join(second, first.show_code())
    assert first.stored("user") == [FROM_SECOND, FROM_FIRST]
    expect(second.message_texts).to_have_text(first.stored())
    first.ask("Is there breakfast?")  # whatever was missing comes with it
    show_the_same(first, second)


def test_what_waits_on_a_device_that_is_joined_is_sent_all_the_same(first, phone):
    second = phone("en", faults=True).scan()
    second.page.route(STREAM, lambda route: route.fulfill(status=503))
    second.write(FROM_SECOND)
    expect(second.questions.locator(".note")).to_contain_text(second.words["went_wrong"])
    join(second, first.show_code())
    second.page.unroute(STREAM)
    expect(second.questions.locator(".text")).to_have_text([FROM_FIRST, FROM_SECOND])
    expect(first.answers).to_have_count(2)
    assert first.stored("user") == [FROM_FIRST, FROM_SECOND]


def test_a_staff_reply_reaches_both_devices(first, phone, desk):
    second = phone("en").scan()
    join(second, first.show_code())
    desk.reply(second, "Do come early.")
    for guest in (first, second):
        expect(guest.staff_replies.locator(".text")).to_have_text("Do come early.")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_wrong_code_is_explained_in_the_language_of_the_guest(phone, language):
    guest = phone(language).scan()
    guest.enter_code("ZZZZ")
    explained = {
        "en": "This code is wrong or has expired.",
        "ko": "코드가 올바르지 않거나 만료되었습니다.",
    }
    expect(guest.page.locator("#device .trouble")).to_contain_text(explained[language])
    assert guest.remembered("asked") is None


def test_a_code_is_offered_only_where_there_is_something_to_go_on_with(phone):
    guest = phone("en").scan()
    make = guest.page.locator("#device .make")
    guest.page.locator("#device summary").click()
    expect(make).to_be_hidden()
    guest.ask(WASHING["en"])
    expect(make).to_be_visible()


def test_a_link_with_a_code_joins_only_who_agrees(first, phone):
    code = first.show_code()
    second = phone("en").scan(token=code)
    dialog = second.page.locator("#confirm")
    expect(dialog).to_contain_text(code)
    assert "token" not in second.page.url
    dialog.get_by_role("button", name=second.words["cancel"]).click()
    expect(dialog).to_be_hidden()
    second.ask(FROM_SECOND)
    assert second.stored("user") == [FROM_SECOND]
    assert first.stored("user") == [FROM_FIRST]

    second.scan(token=code)
    second.confirm(code)
    expect(second.page.locator("#messages li.notice")).to_be_visible()
    expect(second.questions).to_have_count(2)
    assert second.stored("user") == first.stored("user") == [FROM_FIRST, FROM_SECOND]


def test_what_is_deleted_on_one_device_is_gone_from_the_other(first, phone):
    second = phone("en", faults=True).scan()
    join(second, first.show_code())
    expect(second.answers).to_have_count(1)
    first.delete_conversation()
    expect(first.page.locator("#messages li.notice")).to_be_visible()
    second.page.reload()
    expect(second.page.locator("#messages li")).to_have_count(0)
    second.ask(FROM_SECOND)
    assert second.stored("user") == [FROM_SECOND]


def test_two_inns_on_one_phone_are_kept_apart(first, other_id):
    first.scan("other")
    expect(first.page.locator("#messages li")).to_have_count(0)
    first.ask("What time can I check in?")
    assert len(first.stored()) == 2
    first.scan("demo")
    expect(first.questions.locator(".text")).to_have_text(FROM_FIRST)

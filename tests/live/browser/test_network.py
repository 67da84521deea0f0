"""Without a connection, and with one that fails at the worst moment: nothing that a guest has
written is lost, and nothing is stored twice."""

import secrets

import pytest
from playwright.sync_api import expect

from tests.fake_provider import FakeProvider
from tests.live.conftest import Run

NO_WIFI = "The Wi-Fi does not work"
WASHING = "Is there a washing machine?"
BREAKFAST = "Is there breakfast?"
UNSURE = "would the attic suit a saxophone quartet"
ANSWER = (
    "Of course, as long as the quartet is quiet after ten in the evening, please, for the "
    "grandmother of the house goes to bed early."
)
STREAM = "**/api/v1/chat/stream"
#: How long a page leaves the connection to the guest before it fetches what it needs offline.
QUIET_MS = 2000
#: How long a page waits at most until it tries again.
LONGEST_PAUSE_MS = 30_000


@pytest.fixture
def guest(phone):
    """A guest whose phone holds what it needs without a connection."""
    guest = phone(faults=True)
    guest.page.clock.install()
    guest.scan()
    guest.page.clock.run_for(QUIET_MS)
    return guest.wait_until_kept()


# Without a connection ---------------------------------------------------------------------------


def test_what_is_written_without_a_connection_waits_and_is_sent_once(guest):
    guest.lose_connection()
    expect(guest.page.locator("#connection")).to_have_text(guest.words["offline"])
    guest.write(NO_WIFI)
    waiting = guest.questions.locator(".note")
    expect(waiting).to_contain_text(guest.words["waiting"])
    help_meanwhile = waiting.locator(".meanwhile details").first
    expect(help_meanwhile.locator("summary")).to_contain_text("The Wi-Fi isn't working")
    expect(help_meanwhile.locator("p")).to_be_visible()

    guest.find_connection()

    expect(guest.page.locator("#connection")).to_have_text(guest.words["online"])
    expect(guest.answers.locator(".source")).to_be_visible()
    expect(waiting).to_have_count(0)
    assert guest.stored("user") == [NO_WIFI]
    assert len(guest.stored()) == 2


def test_a_page_that_is_opened_without_a_connection_shows_what_counts_and_what_waits(guest):
    guest.lose_connection()
    guest.write(NO_WIFI)
    expect(guest.questions).to_have_count(1)

    guest.page.reload()

    page = guest.page
    expect(page.locator("#connection")).to_have_text(guest.words["offline"])
    expect(page.get_by_text("from 15:00", exact=True)).to_be_visible()
    for number in ("119", "110", "05038162787"):
        expect(page.locator(f'#emergency a[href="tel:{number}"]')).to_be_visible()
    expect(guest.questions.locator(".text")).to_have_text(NO_WIFI)
    expect(guest.questions.locator(".note")).to_contain_text(guest.words["waiting"])
    expect(guest.questions.locator(".meanwhile summary").first).to_contain_text("The Wi-Fi isn't")
    page.locator("#guide > summary").click()
    page.locator("#guide input").fill("washing machine")
    found = page.locator("#guide .found details").first
    expect(found.locator("summary")).to_contain_text("laundry")
    found.click()
    expect(found.locator("p")).to_contain_text("coin-operated washing machine")
    page.locator("#guide input").fill("xylophone")
    expect(page.locator("#guide .found")).to_have_text(guest.words["guide_nothing"])

    guest.find_connection()
    expect(guest.answers.locator(".source")).to_be_visible()
    assert guest.stored("user") == [NO_WIFI]


def test_a_page_that_is_opened_without_a_connection_is_in_the_language_last_read(guest):
    guest.choose("ja")
    guest.wait_until_kept()
    guest.lose_connection()
    guest.scan()
    assert guest.language == "ja"


def test_all_that_waits_says_so_and_is_sent_in_the_order_in_which_it_was_written(guest):
    guest.lose_connection()
    for text in (WASHING, BREAKFAST, NO_WIFI):
        guest.write(text)
    expect(guest.questions.locator(".text")).to_have_text([WASHING, BREAKFAST, NO_WIFI])
    waiting = guest.words["waiting"]
    expect(guest.questions.locator(".note")).to_contain_text([waiting] * 3)

    guest.find_connection()

    expect(guest.answers).to_have_count(3)
    assert guest.stored("user") == [WASHING, BREAKFAST, NO_WIFI]
    expect(guest.message_texts).to_have_text(guest.stored())


def test_a_person_who_was_asked_for_without_a_connection_is_told_later(guest, desk):
    guest.lose_connection()
    guest.ask_for_a_person()
    expect(guest.questions.locator(".note")).to_contain_text(guest.words["waiting"])
    guest.find_connection()
    expect(guest.answers).to_have_count(1)
    assert desk.calls_of(guest) == ["staff_mode"]


def test_a_lost_connection_is_shown_as_long_as_it_is_lost_also_when_it_comes_and_goes(guest):
    line = guest.page.locator("#connection")
    guest.lose_connection()
    expect(line).to_have_text(guest.words["offline"])
    guest.find_connection()
    expect(line).to_have_text(guest.words["online"])
    guest.lose_connection()
    expect(line).to_have_text(guest.words["offline"])
    guest.page.clock.run_for(10_000)
    expect(line).to_have_text(guest.words["offline"])
    expect(line).to_be_visible()


def test_a_question_that_waits_does_not_pull_the_page_away_from_what_is_read(guest):
    guest.ask(WASHING)
    guest.lose_connection()
    guest.write(NO_WIFI)
    expect(guest.questions.last.locator(".note")).to_contain_text(guest.words["waiting"])
    guest.page.locator("header .alarm").click()
    read = guest.page.locator("#emergency a").first
    expect(read).to_be_in_viewport()
    with guest.page.expect_event("requestfailed", lambda failed: "/chat/stream" in failed.url):
        pass  # it is tried again
    expect(guest.page.locator("#messages .writing")).to_have_count(0)
    expect(read).to_be_in_viewport(timeout=1000)


@pytest.mark.parametrize("phone_knows", [True, False])
def test_a_staff_reply_written_while_there_was_no_connection_is_there_once_it_is_back(
    phone, live, lay_line, desk, phone_knows
):
    line = lay_line(live.port)
    guest = phone(url=line.url, faults=True).scan()
    guest.ask("can my parrot surf")
    line.cut()
    if phone_knows:
        guest.lose_connection()
    desk.reply(guest, "It can, on Sundays.")
    expect(guest.staff_replies).to_have_count(0)

    line.mend()
    guest.find_connection()

    expect(guest.staff_replies.locator(".text")).to_have_text("It can, on Sundays.")
    expect(guest.page.locator("#announcer")).to_have_text("Staff: It can, on Sundays.")
    guest.ask("thank you")  # and with it everything that was under way has come
    expect(guest.staff_replies).to_have_count(1)
    expect(guest.message_texts).to_have_text(guest.stored())


def test_a_staff_reply_that_was_written_while_the_page_was_closed_is_there_once(phone, desk):
    guest = phone().scan()
    guest.ask("can my parrot surf")
    tab, guest.page = guest.page, guest.open()
    guest.scan()
    tab.close()
    expect(guest.answers).to_have_count(1)
    desk.reply(guest, "It can, on Sundays.")
    expect(guest.staff_replies).to_have_count(1)
    guest.page.reload()
    expect(guest.staff_replies.locator(".text")).to_have_text("It can, on Sundays.")
    expect(guest.message_texts).to_have_text(guest.stored())


# A connection that fails at the worst moment ----------------------------------------------------


def test_an_answer_that_was_lost_on_its_way_does_not_store_the_question_twice(phone):
    guest = phone(faults=True).scan()

    def lose_answer(route):
        route.fetch()  # the inn has the question
        route.abort("connectionreset")

    guest.page.route(STREAM, lose_answer, times=1)
    guest.write(WASHING)
    expect(guest.answers.locator(".source")).to_be_visible()
    expect(guest.questions).to_have_count(1)
    assert guest.stored("user") == [WASHING]
    assert len(guest.stored()) == 2


def test_a_connection_that_is_lost_without_the_phone_knowing_is_noticed(phone, live, lay_line):
    line = lay_line(live.port)
    guest = phone(url=line.url, faults=True).scan()
    line.cut()
    guest.write(WASHING)
    expect(guest.questions.locator(".note")).to_contain_text(guest.words["waiting"])
    expect(guest.page.locator("#connection")).to_have_text(guest.words["offline"])
    line.mend()
    expect(guest.answers.locator(".source")).to_be_visible()
    expect(guest.page.locator("#connection")).to_have_text(guest.words["online"])
    assert guest.stored("user") == [WASHING]


def test_a_connection_that_only_falls_silent_is_given_up_and_nothing_is_stored_twice(
    phone, live, lay_line
):
    line = lay_line(live.port)
    guest = phone(url=line.url, faults=True)
    guest.page.clock.install()
    guest.scan()
    line.freeze()
    guest.write(WASHING)
    expect(guest.page.locator("#messages .writing")).to_be_visible()
    guest.page.clock.fast_forward(31_000)
    expect(guest.questions.locator(".note")).to_contain_text(guest.words["waiting"])
    line.mend()  # what was sent before arrives as well
    expect(guest.answers.locator(".source")).to_be_visible()
    assert guest.stored("user") == [WASHING]
    assert len(guest.stored()) == 2


def test_a_question_in_two_tabs_is_stored_once(guest):
    guest.lose_connection()
    guest.write(WASHING)
    first = guest.page
    guest.page = guest.open()
    guest.scan()
    expect(guest.questions.locator(".text")).to_have_text(WASHING)

    guest.find_connection()

    expect(guest.answers).to_have_count(1)
    expect(first.locator("#messages li.assistant .source")).to_be_visible()
    assert guest.stored("user") == [WASHING]
    assert len(guest.stored()) == 2


def test_what_waits_in_two_tabs_is_not_lost_when_they_are_closed(guest):
    first = guest.page
    guest.page = guest.open()
    guest.scan()
    guest.lose_connection()
    for page, text in ((first, WASHING), (guest.page, BREAKFAST)):
        page.locator("#question textarea").fill(text)
        page.locator("#question .row button").first.click()
        expect(page.locator("#messages li.user .note")).to_contain_text(guest.words["waiting"])
    opened_later = guest.open()
    first.close()
    guest.page.close()
    guest.page = opened_later
    guest.find_connection()
    guest.scan()
    expect(guest.answers).to_have_count(2)
    assert set(guest.stored("user")) == {BREAKFAST, WASHING}


# An answer that is being written ----------------------------------------------------------------


class SlowInn:
    """A server whose model takes its time, and that can lose its power."""

    def __init__(self, home):
        self.model = FakeProvider().start()
        self.model.reply = lambda messages: {
            "can_answer": True,
            "used": ["local_info"],
            "answer": ANSWER,
        }
        self.model.pause = 0.2
        self.home, self.port = home, None
        self.start()

    def start(self):
        self.run = Run(
            self.home, self.port, OPENAI_API_KEY="test-key", OPENAI_BASE_URL=self.model.url
        ).wait_until_ready()
        self.port = self.run.port

    def stop(self):
        self.run.stop()
        self.model.stop()


@pytest.fixture(scope="module")
def slow_inn(tmp_path_factory):
    inn = SlowInn(tmp_path_factory.mktemp("slow") / "home")
    yield inn
    inn.stop()


@pytest.fixture
def line(lay_line, slow_inn):
    return lay_line(slow_inn.port)


def begin_to_read(guest):
    """Ask, and see the answer being written; returns the question. No other test has asked it,
    whose answer would be remembered."""
    question = f"{UNSURE} on {secrets.token_hex(4)}"
    guest.write(question)
    expect(guest.page.locator("#messages .writing .text")).to_contain_text("Of course")
    return question


@pytest.fixture
def reader(phone, line):
    """A guest who sees his answer being written."""
    guest = phone(url=line.url, faults=True)
    guest.page.clock.install()
    guest.scan()
    guest.question = begin_to_read(guest)
    return guest


def has_his_answer_once(guest):
    expect(guest.answers.locator(".text")).to_have_text(ANSWER, timeout=60_000)
    expect(guest.questions).to_have_count(1)
    expect(guest.questions.locator(".note")).to_have_count(0)
    assert guest.stored() == [guest.question, ANSWER]


def test_an_answer_comes_although_the_connection_was_lost_while_it_was_written(reader, line):
    line.cut()
    expect(reader.questions.locator(".note")).to_contain_text(reader.words["waiting"])
    line.mend()
    has_his_answer_once(reader)


def test_an_answer_comes_although_the_page_was_loaded_anew_while_it_was_written(reader):
    reader.page.reload()
    has_his_answer_once(reader)


def test_an_answer_is_seen_on_the_device_that_was_joined_while_it_was_written(phone, slow_inn):
    first, second = (phone(url=slow_inn.run.url, faults=True).scan() for _ in range(2))
    first.ask("What time is check-in?")
    second.ask("What time is check-out?")
    code = first.show_code()
    question = begin_to_read(second)
    second.enter_code(code)
    expect(second.page.locator("#messages li.notice")).to_be_visible()
    second.write("Is there breakfast?")
    expect(second.answers).to_have_count(4)
    assert first.stored("user")[-2:] == [question, "Is there breakfast?"]
    expect(second.message_texts).to_have_text(first.stored())


def test_a_conversation_deleted_while_it_was_answered_keeps_nothing_back(phone, slow_inn):
    guest = phone(url=slow_inn.run.url, faults=True).scan()
    guest.ask("What time is check-in?")
    begin_to_read(guest)
    guest.delete_conversation()
    expect(guest.page.locator("#messages li.notice")).to_be_visible()
    guest.write("What time is check-out?")
    expect(guest.answers.locator(".text")).to_contain_text("10:00")
    assert guest.stored("user") == ["What time is check-out?"]


def test_an_answer_comes_although_the_server_was_killed_while_it_was_written(reader, slow_inn):
    slow_inn.run.kill()
    expect(reader.questions.locator(".note")).to_contain_text(reader.words["waiting"])
    slow_inn.start()
    reader.page.clock.fast_forward(LONGEST_PAUSE_MS)
    has_his_answer_once(reader)

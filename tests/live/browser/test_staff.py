"""A morning at the inn: what staff do in the admin, in their own browser."""

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.live.browser.conftest import PHONE, Laptop
from tests.live.browser.walk import UNKNOWN

WIDE = {"width": 1280, "height": 900}
#: Nothing that the demo inn answers, nor asked there by another test.
THEODOLITE = "Would a theodolite measure your moss in parsecs?"
REPLY = "Yes, in the garden house, until nine in the evening."
#: What keeps somebody from using a page, by axe's own judgement.
SERIOUS = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
    return serious.flatMap(({ id, nodes }) => nodes.map((n) => `${id}: ${n.target.join(" ")}`));
}"""


@pytest.fixture(scope="module")
def session(browser, live):
    """The cookies of the owner, who signs in once: the server counts how often."""
    laptop = Laptop(browser, live, "en").sign_in()
    yield laptop.context.cookies()
    laptop.context.close()


@pytest.fixture
def laptop(browser, live, session):
    """Makes laptops: `laptop(language="en", **context)`, on which the owner is signed in, or with
    `fresh` nobody."""
    made = []

    def new(language="en", *, fresh=False, **context):
        made.append(Laptop(browser, live, language, viewport=WIDE, **context))
        return made[-1] if fresh else made[-1].come_back(session)

    yield new
    for each in made:
        each.context.close()
        assert each.troubles == []


def test_a_morning_from_the_question_to_the_faq_that_answers_it(laptop, phone):
    guest = phone("en").scan()
    guest.ask(THEODOLITE)
    staff = laptop()
    page = staff.page

    page.locator(".rows a", has_text="theodolite").first.click()
    expect(page.locator(".thread .user").last).to_contain_text(THEODOLITE)
    page.locator(".reply textarea").fill(REPLY)
    page.locator(".reply button").click()
    expect(page.locator(".thread .staff")).to_contain_text(REPLY)
    expect(guest.staff_replies).to_contain_text(REPLY)

    guest.write("Thank you!")
    expect(page.locator(".thread .user")).to_have_count(2)  # by itself

    # The worker has made a draft of it meanwhile, or does so within seconds.
    suggestions = page.locator("#nav-sidebar a[href$='/faqsuggestion/']")
    suggested = page.locator("#result_list a", has_text="theodolite")
    suggestions.click()
    for _second in range(20):
        if suggested.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    suggested.click()
    expect(page.locator("[name=question]")).to_have_value(THEODOLITE)
    expect(page.locator("[name=answer]")).to_have_value(REPLY)
    page.locator("[value=approve]").click()
    expect(page.get_by_text("It is a FAQ now")).to_be_visible()

    another = phone("en").scan()
    assert REPLY in another.ask(THEODOLITE).inner_text()


def test_the_first_page_speaks_japanese_to_whoever_reads_japanese(laptop):
    page = laptop("ja").page

    expect(page.locator("#now")).to_have_text("いま対応が必要なこと")


def test_a_poster_is_printed_from_the_list_of_codes(laptop):
    page = laptop().page
    page.goto(f"{page.url}facilities/sitekey/?revoked_at__isempty=1")
    page.locator("#result_list tbody th a").first.click()

    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("A4")).click()

    assert download.value.suggested_filename.endswith(".pdf")


def test_a_colleague_in_the_same_conversation_is_seen(laptop, phone, live):
    phone("en").scan().ask("Do you lend jousting lances to left-handed knights?")
    made = live.manage("shell", "-c", ADD_COLLEAGUE)
    assert made.returncode == 0, made.stderr
    mine = laptop()
    taro = laptop(fresh=True).sign_in("colleague@demo.example.com", "sakura-no-ki-2026")
    for staff in (mine, taro):
        staff.page.locator(".rows a", has_text="jousting").first.click()

    expect(mine.page.locator(".colleagues")).to_contain_text("Taro")


ADD_COLLEAGUE = """
from facilities.models import Facility, Membership, User
user = User.objects.create_user("colleague@demo.example.com", "sakura-no-ki-2026", full_name="Taro")
Membership.objects.create(user=user, facility=Facility.objects.get(slug="demo"), role="staff")
"""


BAD_CSV = "category,intent_key,priority,language_en_question,language_en_answer\n" + (
    "basic,live_bad_cell,seven,May I bring a lute?,Yes.\n"
)


def test_a_file_with_a_bad_cell_is_chosen_and_shown_with_what_is_wrong(laptop):
    page = laptop().page
    page.goto(f"{page.url}faq/faq/files/")

    file = {"name": "faqs.csv", "mimeType": "text/csv", "buffer": BAD_CSV.encode()}
    page.get_by_label("CSV file").set_input_files(file)
    expect(page.locator("form[enctype] input[type=text]")).to_have_value("faqs.csv")
    page.get_by_role("button", name="See what would change").click()

    expect(page.locator("#bad")).to_be_visible()
    expect(page.locator("li", has_text="Row 2 in Excel")).to_contain_text("seven")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page_and_none_scrolls_sideways(laptop, phone, colours):
    phone("en").scan().ask(UNKNOWN)
    staff = laptop("ja", color_scheme=colours)
    page, faults = staff.page, []
    for address in staff.addresses():
        page.goto(staff.url + address)
        page.evaluate(AXE_SCRIPT)
        for size in (PHONE, WIDE):
            page.set_viewport_size(size)
            faults += [(address, size["width"], fault) for fault in page.evaluate(SERIOUS)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append((address, size["width"], "scrolls sideways"))

    assert faults == []

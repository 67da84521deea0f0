"""Whoever reads the page, and however: nothing is cut, out of reach, out of sight or unsaid."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.live.browser.conftest import PHONE, Phone
from tests.live.browser.test_guest_page import WASHING
from tests.live.browser.walk import ASKING, walk
from yadopera.languages import LANGUAGES

WIDE = {"width": 1280, "height": 812}
#: Every rule there is: all levels of WCAG, best practices, and those that are still on trial.
AXE = """async () => {
    const rules = Object.fromEntries(axe.getRules().map((r) => [r.ruleId, { enabled: true }]));
    const { violations } = await axe.run(document, { rules, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map((n) => `${id}: ${n.target.join(" ")}`));
}"""
NAME = "const name = (e) => `${e.tagName} ${e.id} ${e.className} ${e.textContent.slice(0, 20)}`;"
CUT = f"""() => {{
    {NAME}
    const page = document.scrollingElement;
    const faults = page.scrollWidth > page.clientWidth ? ["the page scrolls sideways"] : [];
    for (const e of document.querySelectorAll("body *")) {{
        if (!e.checkVisibility() || e.matches(".hidden, input")) continue;
        const {{ left, right }} = e.getBoundingClientRect();
        if (left < -1 || right > innerWidth + 1) faults.push("outside: " + name(e));
        const holds = e.matches("button, summary, textarea, li, dd, .text");
        const clips = holds || getComputedStyle(e).overflowX !== "visible";
        if (clips && e.scrollWidth > e.clientWidth + 1) faults.push("too wide: " + name(e));
        if (holds && e.scrollHeight > e.clientHeight + 1) faults.push("too high: " + name(e));
    }}
    return faults;
}}"""
CONTROLS = "a[href], button, summary, input, textarea"
#: Smaller than 24 by 24 pixels, and no link within a sentence.
SMALL = f"""() => {{
    {NAME}
    const isWithinText = (e) => e.tagName === "A" && [...e.parentElement.childNodes].some(
        (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    return [...document.querySelectorAll("{CONTROLS}")].filter((e) => {{
        const {{ width, height }} = e.getBoundingClientRect();
        return e.checkVisibility() && !isWithinText(e) && (width < 24 || height < 24);
    }}).map(name);
}}"""
#: The headings' levels, of which none may be left out, and one h1.
HEADINGS = """() => {
    const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")];
    const levels = headings.filter((e) => e.checkVisibility()).map((e) => Number(e.tagName[1]));
    const leaps = levels.filter((level, place) => level > (levels[place - 1] ?? 0) + 1);
    return levels.filter((level) => level === 1).length === 1 && !leaps.length ? [] : [levels];
}"""


def axe(frame):
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(AXE_SCRIPT)
    return frame.evaluate(AXE)


# Seen -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walked(browser, live, desk, long_inn):
    """What one walk has found, in light and dark, narrow and wide: for each kind (state, what)."""
    guest = Phone(browser, live.url, "en")
    found = {"axe": [], "small": [], "headings": []}
    for state in walk(guest, desk, long_inn, "en"):
        for size in (PHONE, WIDE):
            guest.page.set_viewport_size(size)
            for colours in ("dark", "light"):
                guest.page.emulate_media(color_scheme=colours)
                where = f"{state}, {size['width']}, {colours}"
                found["axe"] += [(where, fault) for fault in axe(guest.page)]
            found["small"] += [(where, control) for control in guest.page.evaluate(SMALL)]
            found["headings"] += [(where, levels) for levels in guest.page.evaluate(HEADINGS)]
        guest.page.set_viewport_size(PHONE)
    guest.context.close()
    return found


def test_axe_finds_nothing_in_any_state(walked):
    assert walked["axe"] == []


def test_every_control_is_at_least_24_pixels_high_and_wide(walked):
    assert walked["small"] == []


def test_there_is_one_h1_and_no_level_of_heading_is_left_out(walked):
    assert walked["headings"] == []


def test_axe_finds_nothing_in_the_frame_of_another_site(phone, live, site, long_inn):
    guest = phone()
    guest.page.goto(f"{site}/?{live.url}/f/{long_inn}")
    inside = guest.page.frames[1]
    expect(inside.locator("#question")).to_be_visible()
    assert axe(inside) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_on_a_narrow_screen_or_in_large_type(phone, desk, long_inn, language):
    """320 pixels are a phone of 2016; 188, one of today at 200 %."""
    guest = phone(language, faults=True, viewport={"width": 320, "height": 640})
    faults = []
    for state in walk(guest, desk, long_inn, language):
        for width, height, percent in ((375, 812, 200), (188, 406, 100), (320, 640, 100)):
            guest.page.set_viewport_size({"width": width, "height": height})
            guest.page.evaluate(f"document.documentElement.style.fontSize = '{percent}%'")
            guest.field.dispatch_event("input")  # it fits itself to what stands in it
            where = f"{state}, {width} pixels, {percent} %"
            faults += [(where, fault) for fault in guest.page.evaluate(CUT)]
    assert faults == []


@pytest.mark.parametrize(
    "size", [{"width": 320, "height": 568}, PHONE, WIDE], ids=["small phone", "phone", "desk"]
)
def test_the_field_and_the_way_to_help_are_in_sight_wherever_one_reads(phone, size):
    guest = phone(viewport=size).scan()
    for step in ("scrollTo(0, 0)", "scrollBy(0, 400)", "scrollTo(0, 9999)"):
        guest.page.evaluate(step)
        expect(guest.field).to_be_in_viewport(ratio=1)
        expect(guest.page.locator("header .alarm")).to_be_in_viewport(ratio=1)


def test_nothing_moves_for_who_asked_for_less_motion(phone):
    guest = phone()
    guest.page.route(ASKING, lambda route: None)
    guest.scan().write("Is there a washing machine?")
    expect(guest.page.locator(".writing")).to_be_visible()
    assert guest.page.evaluate("document.getAnimations().length") == 1

    guest.page.emulate_media(reduced_motion="reduce")
    assert guest.page.evaluate("document.getAnimations().length") == 0


# By keyboard ------------------------------------------------------------------------------------

TO_THE_START = """() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    scrollTo(0, 0);
}"""
FOCUSED = f"""() => {{
    {NAME}
    const at = document.activeElement;
    const {{ outlineStyle, outlineWidth }} = getComputedStyle(at);
    const [box] = at.getClientRects();
    const under = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {{
        name: name(at),
        place: [...document.querySelectorAll("{CONTROLS}")].indexOf(at),
        isMarked: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        isInSight: at === under || at.contains(under),
    }};
}}"""
REACHABLE = f"""() => [...document.querySelectorAll("{CONTROLS}")].flatMap(
    (e, place) => (e.checkVisibility() ? [place] : []))"""


@pytest.fixture
def asked(phone):
    """A page with something of everything on it."""
    guest = phone().scan()
    guest.page.locator("#guide > summary").click()
    guest.page.locator("#device > summary").click()
    guest.ask("Is there a washing machine?")
    guest.ask("My friend is unconscious")
    guest.ask("Would a saxophone quartet suit the neighbours?")
    guest.page.locator(".mail summary").click()
    return guest


@pytest.mark.parametrize("size", [{"width": 375, "height": 667}, WIDE], ids=["phone", "desk"])
def test_tab_reaches_everything_in_its_order_and_in_sight_and_goes_back(asked, size):
    page = asked.page
    page.set_viewport_size(size)
    page.evaluate(TO_THE_START)
    there = page.evaluate(REACHABLE)
    back = there[-2::-1]

    stops = []
    for key in ["Tab"] * len(there) + ["Shift+Tab"] * len(back):
        page.keyboard.press(key)
        stops.append(page.evaluate(FOCUSED))

    assert [stop["place"] for stop in stops] == there + back
    assert [stop["name"] for stop in stops if not stop["isMarked"]] == []
    assert [stop["name"] for stop in stops if not stop["isInSight"]] == []


def test_a_dialog_keeps_the_focus_until_escape_gives_it_back(phone):
    page = phone().scan().page
    page.locator("#person").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#confirm")
    for _ in range(5):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main, header')") is None

    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#person")).to_be_focused()
    expect(page.locator("#messages li")).to_have_count(0)


def test_the_emergency_link_takes_the_keyboard_along(phone):
    page = phone().scan().page
    page.locator("header .alarm").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator('#emergency a[href="tel:119"]')).to_be_focused()


def test_enter_sends_and_shift_enter_breaks_the_line(phone):
    guest = phone().scan()
    guest.field.focus()
    guest.page.keyboard.type("Is there")
    guest.page.keyboard.press("Shift+Enter")
    guest.page.keyboard.type("a washing machine?")
    expect(guest.questions).to_have_count(0)

    guest.page.keyboard.press("Enter")
    expect(guest.questions.locator(".text")).to_have_text("Is there\na washing machine?")
    expect(guest.field).to_have_value("")


def test_enter_breaks_the_line_on_a_phone_whose_keyboard_has_no_shift_enter(phone):
    guest = phone(has_touch=True, is_mobile=True).scan()
    guest.field.focus()
    guest.page.keyboard.type("one")
    guest.page.keyboard.press("Enter")
    expect(guest.field).to_have_value("one\n")
    expect(guest.questions).to_have_count(0)


#: Safari ends the composition before it tells of the key; only the code says what it was for.
SAFARI = pytest.param({"isComposing": False, "keyCode": 229}, id="Safari")


@pytest.mark.parametrize("composing", [pytest.param({"isComposing": True}, id="others"), SAFARI])
def test_enter_that_ends_a_composition_does_not_send(phone, composing):
    guest = phone("ja").scan()
    guest.field.fill(WASHING["ja"])
    event = {"key": "Enter", "bubbles": True, "cancelable": True}
    guest.field.dispatch_event("keydown", event | composing)
    assert guest.field.input_value() == WASHING["ja"]
    assert guest.questions.count() == 0


# Heard ------------------------------------------------------------------------------------------

#: Keeps all that a screen reader is told: alerts, and what comes into a live region that was there
#: before it (technique ARIA22 of WCAG); one that appears with its text is passed over by some.
LISTEN = """() => {
    window.heard = [];
    const polite = "[role=status], [role=log], [aria-live=polite], [aria-live=assertive]";
    const regions = [...document.querySelectorAll(polite)].filter((e) => e.checkVisibility());
    const isTold = (e) => e.closest("[role=alert]") || regions.includes(e.closest(polite));
    new MutationObserver((changes) => {
        for (const { target, addedNodes } of changes) {
            for (const node of addedNodes) {
                const element = node.nodeType === Node.TEXT_NODE ? target : node;
                if (node.textContent && isTold(element)) window.heard.push(node.textContent);
            }
        }
    }).observe(document.body, { childList: true, subtree: true });
}"""


def heard(guest):
    return guest.page.evaluate("window.heard")


def test_an_answer_is_said_once_and_not_in_pieces(phone):
    def in_pieces(route):
        pieces = "".join(f'event: token\ndata: {{"text": "{n} "}}\n\n' for n in range(9))
        answer = route.fetch()
        route.fulfill(response=answer, body=pieces + answer.text())

    guest = phone().scan()
    guest.page.route(ASKING, in_pieces)
    guest.page.evaluate(LISTEN)
    text = guest.ask("Is there a washing machine?").locator(".text").inner_text()
    guest.page.wait_for_timeout(1000)  # the stream of events brings it again
    assert heard(guest) == [f"{guest.words['answer']}: {text}"]


def test_what_staff_write_is_said_once(phone, desk):
    guest = phone().scan()
    guest.ask("Is there a washing machine?")
    guest.page.evaluate(LISTEN)
    desk.reply(guest, "はい、ございます。")
    expect(guest.staff_replies).to_have_count(1)
    guest.page.wait_for_timeout(1000)
    assert heard(guest) == [f"{guest.words['staff']}: はい、ございます。"]


@pytest.mark.parametrize(
    ("status", "word"), [(422, "failed"), (429, "too_many"), (500, "went_wrong")]
)
def test_a_question_that_is_not_taken_is_said_too(phone, status, word):
    guest = phone(faults=True).scan()
    guest.page.route(ASKING, lambda route: route.fulfill(status=status, json={"detail": "No."}))
    guest.page.evaluate(LISTEN)
    guest.write("Is there a washing machine?")
    expect(guest.page.locator("#messages .note")).to_contain_text(guest.words[word])
    assert any(guest.words[word] in said for said in heard(guest))


def test_a_lost_connection_is_said(phone):
    guest = phone(faults=True).scan()
    guest.page.evaluate(LISTEN)
    guest.lose_connection()
    expect(guest.page.locator("#connection")).to_be_visible()
    assert heard(guest) == [guest.words["offline"]]


def test_that_the_guide_holds_nothing_is_said(phone):
    guest = phone().scan()
    guest.page.locator("#guide > summary").click()
    guest.page.evaluate(LISTEN)
    guest.page.locator("#guide input").fill("xyzzy")
    assert heard(guest) == [guest.words["guide_nothing"]]


def test_thanks_for_a_vote_and_for_an_address_are_said(phone):
    guest = phone().scan()
    guest.ask("Is there a washing machine?")
    guest.ask("Would a saxophone quartet suit the neighbours?")
    guest.page.evaluate(LISTEN)
    guest.page.locator(".thumb.positive").click()
    expect(guest.page.locator(".thanks")).to_be_visible()
    mail = guest.page.locator(".mail")
    mail.locator("summary").click()
    mail.locator("input[type=email]").fill("guest@example.com")
    mail.locator("input[type=checkbox]").check()
    mail.locator("button").click()
    expect(mail).to_have_count(0)
    thanks = guest.page.locator(".foot > p").inner_text()
    assert heard(guest) == [guest.words["voted"], thanks]


def test_a_code_for_another_device_is_said(phone):
    guest = phone().scan()
    guest.ask("Is there a washing machine?")
    guest.page.locator("#device > summary").click()
    guest.page.evaluate(LISTEN)
    guest.page.locator("#device .make button").click()
    code = guest.page.locator("#device .code strong").inner_text()
    assert code in heard(guest)


def test_every_language_names_itself_in_its_own(phone):
    links = phone().scan().page.locator(".languages a")
    named = links.evaluate_all("all => all.map((a) => [a.lang, a.hreflang, a.textContent])")
    assert named == [[code, code, name] for code, name in LANGUAGES.items()]

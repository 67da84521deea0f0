"""What the page must not load, show, tell or be put into."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.live.browser.conftest import CHROMIUM, FLAGS
from tests.live.browser.walk import walk

#: Set up before anything of a page runs.
KEEP_VIOLATIONS = """
    window.violations = [];
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
        window.violations.push(`${violatedDirective} ${blockedURI}`));
"""
#: Every way to keep something beyond the page.
KEEPING = """async () => {
    const ways = {
        localStorage: () => localStorage.setItem("a", "b"),
        sessionStorage: () => sessionStorage.setItem("a", "b"),
        cookie: () => { document.cookie = "a=b"; if (!document.cookie) throw new Error(); },
        caches: () => caches.open("a"),
    };
    const working = [];
    for (const [name, keep] of Object.entries(ways)) {
        try { await keep(); working.push(name); } catch { /* forbidden */ }
    }
    return working;
}"""


@pytest.fixture
def loaded(phone, live):
    """A page that was opened by a QR code, and its responses by path."""
    guest = phone()
    responses = {}
    guest.page.on("response", lambda r: responses.setdefault(urlsplit(r.url).path, r))
    guest.scan(location="room-201", k=live.site_key())
    expect(guest.page.locator("#guide")).to_be_visible()
    return guest, responses


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(loaded):
    _, responses = loaded
    policy = responses["/f/demo"].headers["content-security-policy"]
    allowed = {name: set(words) for name, *words in map(str.split, policy.split(";"))}
    assert allowed["default-src"] == {"'none'"}
    assert allowed["frame-ancestors"] == {"'none'"}
    assert allowed["base-uri"] == {"'none'"}
    assert set().union(*allowed.values()) == {"'none'", "'self'", "data:"}
    assert [name for name in allowed if "data:" in allowed[name]] == ["img-src"]


def test_a_walk_breaks_no_rule_of_the_policy_and_asks_no_other_origin(phone, live, desk, long_inn):
    guest = phone(faults=True)
    guest.page.add_init_script(KEEP_VIOLATIONS)
    asked = set()
    guest.context.on("request", lambda request: asked.add(request.url))
    broken = []
    for state in walk(guest, desk, long_inn, "en"):
        broken += [(state, rule) for rule in guest.page.evaluate("window.violations")]
    assert broken == []
    elsewhere = [url for url in asked if not url.startswith((f"{live.url}/", "data:image/"))]
    assert elsewhere == []
    assert len(asked) > 20


def test_a_violation_would_be_seen(phone):
    guest = phone(faults=True)
    guest.page.add_init_script(KEEP_VIOLATIONS)
    guest.scan().page.evaluate(
        "document.body.append(Object.assign(new Image(), { src: 'https://example.com/a.png' }))"
    )
    expect(guest.page.locator("img[src]")).to_have_count(1)
    assert guest.page.evaluate("window.violations") == ["img-src https://example.com/a.png"]
    guest.troubles.clear()


def test_scripts_cannot_read_the_cookies_and_other_sites_cannot_use_them(phone, live):
    guest = phone().scan(language="fr")
    guest.ask("Is there a washing machine?")
    cookies = {
        cookie["name"]: cookie for cookie in guest.context.cookies(f"{live.url}/api/v1/chat")
    }
    cookies |= {cookie["name"]: cookie for cookie in guest.context.cookies(guest.page.url)}
    assert len(cookies) == 2
    assert all(cookie["httpOnly"] for cookie in cookies.values())
    assert {cookie["sameSite"] for cookie in cookies.values()} == {"Lax"}
    for path in ("/f/demo", "/api/v1/chat/"):
        guest.page.evaluate("path => history.replaceState(null, '', path)", path)
        assert guest.page.evaluate("document.cookie") == ""


def test_the_address_tells_nothing_that_is_not_for_others(phone, live):
    guest = phone().scan(location="room-201", k=live.site_key(), token="AB23", language="fr")
    guest.page.locator("#confirm [value=no]").click()
    guest.ask("Is there a washing machine?")
    assert guest.page.url == f"{live.url}/f/demo?language=fr"


def test_other_sites_are_not_told_where_the_guest_comes_from(loaded):
    guest, responses = loaded
    assert responses["/f/demo"].headers["referrer-policy"] == "same-origin"
    away = guest.page.locator("a[target=_blank]").evaluate_all("all => all.map((a) => a.rel)")
    assert away
    assert all({"noopener", "noreferrer"} <= set(rel.split()) for rel in away)


def test_static_files_are_compressed_and_kept_for_good(loaded):
    _, responses = loaded
    static = {path: r for path, r in responses.items() if path.startswith("/static/")}
    assert len(static) > 10
    assert [p for p, r in static.items() if "immutable" not in r.headers["cache-control"]] == []
    texts = [p for p in static if p.endswith((".js", ".css"))]
    assert [p for p in texts if static[p].headers.get("content-encoding") != "gzip"] == []


# In the frame of another site --------------------------------------------------------------------


def test_a_site_that_the_inn_has_not_named_cannot_frame_the_page(phone, live, site):
    guest = phone(faults=True)
    guest.page.goto(f"{site}/?{live.url}/f/demo")
    assert guest.page.frames[1].locator("#question").count() == 0
    assert any("frame-ancestors" in trouble for trouble in guest.troubles)
    guest.troubles.clear()


@pytest.fixture
def forgetful(browser, site, live, long_inn, tmp_path):
    """The page in a frame of a browser that keeps nothing for any site."""
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    blocked = {"default_content_setting_values": {"cookies": 2}}
    preferences.write_text(json.dumps({"profile": blocked}))
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=FLAGS, locale="en"
    )
    page = context.pages[0]
    page.goto(f"{site}/?{live.url}/f/{long_inn}")
    yield page.frames[1]
    context.close()


def test_a_named_site_frames_it_and_asking_works_where_nothing_can_be_kept(forgetful):
    assert forgetful.evaluate(KEEPING) == []
    answers = forgetful.locator("#messages li.assistant:not(.writing) .foot")
    for number in (1, 2):
        forgetful.locator("#question textarea").fill("Is there a washing machine?")
        forgetful.locator("#question .row button").first.click()
        expect(answers).to_have_count(number)

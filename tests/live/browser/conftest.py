"""A guest's phone: Chromium, driven by Playwright, against the running server.

Playwright keeps an event loop running in this thread, in which Django refuses to use the database:
tests here see the server only from outside, over HTTP and `live.manage`.
"""

import contextlib
import http.server
import json
import shutil
import socket
import threading
import time
import tomllib

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.live.conftest import ROOT, address_of_its_own

#: Debian's, or what `playwright install chromium` has brought (None).
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PHONE = {"width": 375, "height": 812}
#: language -> what the page says
WORDS = tomllib.loads((ROOT / "chat" / "page_words.toml").read_text())
#: Whether the device holds all that it needs without a connection.
IS_KEPT = """async () => {
    const address = `yadopera ${location.pathname}`;
    if (!navigator.serviceWorker.controller || !(await caches.has(address))) return false;
    const kept = await (await caches.open(address)).keys();
    const paths = new Set(kept.map(({ url }) => new URL(url).pathname));
    const files = document.querySelectorAll("link[href], script[src]");
    const named = [...files].map((file) => new URL(file.href || file.src).pathname);
    const slug = location.pathname.split("/").pop();
    const guide = `/api/v1/facility/${slug}/faqs`;
    return [location.pathname, guide, ...named].every((path) => paths.has(path));
}"""

expect.set_options(timeout=20_000)  # the machine may be busy with other tests


@pytest.fixture(scope="package")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Phone:
    """A guest's device at one inn. What goes wrong in its browser fails the test."""

    def __init__(self, browser, url, language, **context):
        self.url = url
        self.context = browser.new_context(
            locale=language,
            viewport=context.pop("viewport", PHONE),
            # No phone meets a rate limit that another test has used up.
            extra_http_headers=address_of_its_own(),
            **context,
        )
        #: Console errors, uncaught exceptions and reports of the Content-Security-Policy.
        self.troubles = []
        self.page = self.open()

    def open(self):
        """A new page of the same device."""
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self.hear)
        return page

    def hear(self, message):
        if message.type in {"error", "warning"}:
            self.troubles.append(message.text)

    def scan(self, slug="demo", **query):
        """Open the page that a QR code names."""
        address = f"{self.url}/f/{slug}"
        if query:
            address += "?" + "&".join(f"{name}={value}" for name, value in query.items())
        self.page.goto(address)
        expect(self.page.locator("#question")).to_be_visible()
        return self

    def write(self, text):
        self.page.locator("#question textarea").fill(text)
        self.page.locator("#question .row button").first.click()

    def ask(self, text):
        """Write, and wait for the answer; returns the item of the thread that holds it."""
        before = self.answers.count()
        self.write(text)
        expect(self.answers).to_have_count(before + 1)
        expect(self.page.locator("#messages .writing")).to_have_count(0)
        return self.answers.last

    @property
    def answers(self):
        return self.page.locator("#messages li.assistant:not(.writing)")

    @property
    def questions(self):
        return self.page.locator("#messages li.user")

    @property
    def language(self):
        return self.page.locator("html").get_attribute("lang")

    @property
    def words(self):
        """What the page says, in its language."""
        return WORDS[self.language]

    @property
    def field(self):
        return self.page.locator("#question textarea")

    @property
    def staff_replies(self):
        return self.page.locator("#messages li.staff")

    @property
    def message_texts(self):
        """The words of every message, without what stands around them."""
        return self.page.locator("#messages .text")

    def choose(self, language):
        self.page.locator(".languages summary").click()
        self.page.locator(f'.languages a[lang="{language}"]').click()
        expect(self.page.locator("html")).to_have_attribute("lang", language)

    def confirm(self, question):
        """Agree to what the page wants to be sure of."""
        dialog = self.page.locator("#confirm")
        expect(dialog).to_contain_text(question)
        dialog.locator("[value=yes]").click()

    def ask_for_a_person(self):
        self.page.locator("#person").click()
        self.confirm(self.words["ask_person_question"])

    def delete_conversation(self):
        self.page.locator("#delete").click()
        self.confirm(self.words["delete_question"])

    def show_code(self):
        """The code with which another device joins."""
        device = self.page.locator("#device")
        device.locator("summary").click()
        device.locator(".make button").click()
        return device.locator(".code strong").inner_text()

    def enter_code(self, code):
        device = self.page.locator("#device")
        device.locator("summary").click()
        device.locator("input").fill(code)
        device.locator("form button").click()

    def remembered(self, name):
        """What the device keeps of this inn under that name; None when it keeps nothing."""
        inn = json.loads(self.page.locator("#settings").text_content())["facility"]
        kept = self.page.evaluate("name => localStorage.getItem(name)", f"yadopera-{inn}-{name}")
        return kept and json.loads(kept)

    def stored(self, role=None):
        """The texts that the inn has stored of this conversation, oldest first."""
        history = httpx.get(f"{self.url}/api/v1/chat/history/{self.remembered('session')}")
        messages = history.raise_for_status().json()["messages"]
        return [m["content"] for m in messages if role in {None, m["role"]}]

    def wait_until_kept(self):
        """Until the page may lose its connection. Its own rules keep Playwright from waiting."""
        expect(self.page.locator("#guide")).to_be_visible()
        deadline = time.monotonic() + 30
        while not self.page.evaluate(IS_KEPT):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return self

    def lose_connection(self):
        self.context.set_offline(True)

    def find_connection(self):
        self.context.set_offline(False)


@pytest.fixture
def phone(browser, live):
    """Makes phones: `phone(language="en", url=None, faults=False, **context)`. With `faults` a
    failed request, which the browser itself reports, is no trouble."""
    with contextlib.ExitStack() as stack:

        def new(language="en", *, url=None, faults=False, **context):
            made = Phone(browser, url or live.url, language, **context)
            stack.callback(check_and_close, made, faults)
            return made

        yield new


class Laptop(Phone):
    """The browser of somebody who works at the demo inn."""

    def __init__(self, browser, live, language, **context):
        super().__init__(browser, live.url, language, **context)
        self.owner_password = (live.home / "owner-password").read_text()

    def sign_in(self, email="owner@demo.example.com", password=None):
        self.page.goto(f"{self.url}/admin/login/")
        self.page.locator("[name=username]").fill(email)
        self.page.locator("[name=password]").fill(password or self.owner_password)
        self.page.locator("form [type=submit]").click()
        expect(self.page.locator(".first-page")).to_be_visible()
        return self

    def come_back(self, cookies):
        """Open the admin in the session of these cookies."""
        self.context.add_cookies(cookies)
        self.page.goto(f"{self.url}/admin/")
        expect(self.page.locator(".first-page")).to_be_visible()
        return self

    def addresses(self):
        """Of every page that the sidebar names, of forms to add to a list, of a list's first row,
        and of what has no entry there."""
        found = self.page.evaluate(
            """() => [...document.querySelectorAll("#nav-sidebar a[href^='/admin/']")].map(
                (link) => link.getAttribute("href"))"""
        )
        lists = list(dict.fromkeys(found))
        for address in lists:
            self.page.goto(self.url + address)
            found += self.page.evaluate(
                """() => [...document.querySelectorAll(
                    "a[href$='/add/'], #result_list tbody:first-of-type th a")].map(
                    (link) => new URL(link.href).pathname)"""
            )
        return list(dict.fromkeys([*found, "/admin/account/", "/admin/faq/faq/files/"]))


class Line:
    """The way between a phone and a server on `port`, on which a connection can fail: `cut` ends
    it at once, `freeze` lets nothing through and says nothing either."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.is_cut = False
        self.flows = threading.Event()
        self.flows.set()
        self.ends = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):  # when it is closed
            while True:
                near, _ = self.socket.accept()
                with contextlib.suppress(ConnectionRefusedError):
                    if not self.is_cut:
                        self.connect(near, socket.create_connection(self.server))
                        continue
                near.close()

    def connect(self, near, far):
        self.ends += [near, far]
        for ends in ((near, far), (far, near)):
            threading.Thread(target=self.carry, args=ends, daemon=True).start()

    def carry(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.is_cut = True
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.ends.clear()

    def freeze(self):
        self.flows.clear()

    def mend(self):
        self.is_cut = False
        self.flows.set()

    def close(self):
        self.mend()
        self.cut()
        self.socket.close()


@pytest.fixture
def lay_line():
    """Makes lines: `lay_line(port)`."""
    with contextlib.ExitStack() as stack:

        def new(port):
            made = Line(port)
            stack.callback(made.close)
            return made

        yield new


class Desk:
    """A member of staff at the demo inn, who uses the staff API."""

    def __init__(self, run):
        self.http = httpx.Client(
            base_url=f"{run.url}/api/v1", headers=address_of_its_own(), timeout=30
        )
        password = (run.home / "owner-password").read_text()
        body = {"email": "owner@demo.example.com", "password": password}
        token = self.http.post("/auth/login", json=body).raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def reply(self, guest, text):
        path = f"/admin/conversations/{guest.remembered('session')}/reply"
        self.http.post(path, json={"content": text}).raise_for_status()

    def calls_of(self, guest):
        """Why staff are wanted in this conversation."""
        listed = self.http.get("/admin/escalations").raise_for_status().json()["escalations"]
        session = guest.remembered("session")
        return [call["trigger_type"] for call in listed if call["session_id"] == session]


@pytest.fixture(scope="package")
def desk(live):
    return Desk(live)


def check_and_close(phone, faults):
    phone.context.close()
    network = ("Failed to load resource", "net::", "EventSource", "when fetching the script")
    real = [t for t in phone.troubles if not (faults and any(word in t for word in network))]
    assert real == []


# Another inn, and another site ------------------------------------------------------------------

LONG_FACTS = {
    "slug": "long",
    "name": "山懐に抱かれた静かなる古民家の宿やどぺら花町温泉別館はなれ",
    "name_en": "Donaudampfschifffahrtsgesellschaftskapitaenspension",
    "email": "hello@long.example.com",
    "phone": "075-000-0000",
    "address": "Kitashirakawa-Oiwake-cho-Tsuchiyama 12345678901234567890123, Kyoto",
    "check_in_time": "15:00",
    "check_out_time": "10:00",
    "wifi_ssid": "Donaudampfschifffahrtsgesellscha",
    "wifi_password": "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0",
    "wifi_password_visibility": "anyone",
    "emergency_contact": "Nachtportier 090-0000-0000",
    "nearest_hospital": "Krankenhaus der Barmherzigen Schwestern 075-000-0000",
}
MAKE_LONG = """
from facilities.models import Facility, User
from faq.services import add_starter_faqs
inn = Facility.objects.create(frame_origins=[{site!r}], **{facts!r})
add_starter_faqs(inn, confirmed=True)
inn.members.add(User.objects.get(email="owner@demo.example.com"))
"""


@pytest.fixture(scope="package")
def long_inn(live, site):
    """The slug of an inn where everything has a long name, and which `site` may show in a frame."""
    done = live.manage("shell", "-c", MAKE_LONG.format(site=site, facts=LONG_FACTS))
    assert done.returncode == 0, done.stderr
    return LONG_FACTS["slug"]


class FrameHandler(http.server.BaseHTTPRequestHandler):
    """A page that shows the address after its question mark in a frame."""

    def do_GET(self):
        address = self.path.partition("?")[2]
        page = f"""<!doctype html><html lang="en"><title>An inn's own site</title>
            <iframe title="Ask us" width="375" height="700" src="{address}"></iframe></html>"""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="package")
def site():
    """The origin of a site that is no part of Yadopera's: localhost is not 127.0.0.1."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FrameHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()

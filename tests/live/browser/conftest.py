"""A guest's phone: Chromium, driven by Playwright, against the running server.

Playwright keeps an event loop running in this thread, in which Django refuses to use the database:
tests here see the server only from outside, over HTTP and `live.manage`.
"""

import contextlib
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.live.conftest import address_of_its_own

#: Debian's, or what `playwright install chromium` has brought (None).
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PHONE = {"width": 375, "height": 812}


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


def check_and_close(phone, faults):
    phone.context.close()
    network = ("Failed to load resource", "net::", "EventSource")
    real = [t for t in phone.troubles if not (faults and any(word in t for word in network))]
    assert real == []

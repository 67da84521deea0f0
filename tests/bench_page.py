"""`python -m tests.bench_page`: how soon the guest's page can be used on a poor line.

Chromium plays a phone four times slower than this machine, on a line of 400 kbit/s with 400 ms to
every answer, against the whole of Yadopera on the same cores. Each figure is the median of five.
"""

import argparse
import contextlib
import json
import os
import platform
import socket
import socketserver
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect, sync_playwright

from tests.bench import row, running
from tests.live.browser.conftest import CHROMIUM, FLAGS, PHONE
from tests.live.conftest import Run, address_of_its_own

TIMES = 5
POOR = {"latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}  # bytes a second
SLOWER = 4
#: What follows the page, the guide and the files for offline, is counted for so long.
FOLLOWS_MS = 5000
QUESTION = "Is there a washing machine?"
#: Notes when the question can first be written, and when an answer stands there.
WATCH = """
    const note = (name) => performance.getEntriesByName(name).length || performance.mark(name);
    new MutationObserver(() => {
        if (document.querySelector("#question:not([hidden])")) note("usable");
        if (document.querySelector("#messages .assistant .foot")) note("answered");
    }).observe(document, { attributes: true, childList: true, subtree: true });
"""


class Wire(socketserver.ThreadingTCPServer):
    """All that a phone is sent comes through here, whoever in its browser has asked for it."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.port = port
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.received = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A browser that closes a connection is no fault."""


class Relay(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as far:
            threading.Thread(target=self.send, args=(far,), daemon=True).start()
            while data := far.recv(65536):
                self.server.received += len(data)
                self.request.sendall(data)

    def send(self, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                far.sendall(data)
        far.close()


class Phone:
    """A browser with nothing in it, on the poor line."""

    def __init__(self, browser: Browser, run: Run) -> None:
        self.wire = Wire(run.port)
        self.address = f"{self.wire.url}/f/demo?location=entrance&k={run.site_key()}"
        self.browser = browser.new_browser_cdp_session()
        self.context = browser.new_context(
            locale="en", viewport=PHONE, extra_http_headers=address_of_its_own()
        )
        self.page = self.context.new_page()
        self.page.add_init_script(WATCH)
        self.devtools = self.context.new_cdp_session(self.page)
        self.devtools.send("Network.enable")
        #: Those of the service worker: target -> session.
        self.workers: dict[str, str] = {}
        self.emulate()
        self.devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        #: path -> bytes, of what the page has asked for itself.
        self.files: dict[str, float] = {}
        paths: dict[str, str] = {}

        def begin(event: dict[str, Any]) -> None:
            paths[event["requestId"]] = urlsplit(event["request"]["url"]).path

        def end(event: dict[str, Any]) -> None:
            path = paths.get(event["requestId"], "?")
            self.files[path] = self.files.get(path, 0) + event["encodedDataLength"]

        self.devtools.on("Network.requestWillBeSent", begin)
        self.devtools.on("Network.loadingFinished", end)

    def close(self) -> None:
        self.context.close()
        self.wire.shutdown()
        self.wire.server_close()

    def load(self) -> dict[str, float]:
        """Seconds from the start until the first text and until usable; bytes, and what the page
        itself has asked for."""
        self.files.clear()
        before = self.wire.received
        self.page.goto(self.address)
        expect(self.page.locator("#question")).to_be_visible()
        self.page.wait_for_timeout(FOLLOWS_MS)
        return {
            "seen": self.moment("first-contentful-paint"),
            "usable": self.moment("usable"),
            "bytes": self.wire.received - before,
            "bytes of the page": sum(self.files.values()),
        }

    def emulate(self, *, offline: bool = False) -> None:
        """The same line for the page and for its service worker, which asks for itself."""
        conditions = POOR | {"offline": offline}
        self.devtools.send("Network.emulateNetworkConditions", conditions)
        for target in self.browser.send("Target.getTargets")["targetInfos"]:
            if target["type"] == "service_worker" and self.wire.url in target["url"]:
                self.tell_worker(target["targetId"], "Network.enable", {})
                self.tell_worker(target["targetId"], "Network.emulateNetworkConditions", conditions)

    def tell_worker(self, target_id: str, method: str, params: dict[str, Any]) -> None:
        if target_id not in self.workers:
            attached = {"targetId": target_id, "flatten": False}
            answer = self.browser.send("Target.attachToTarget", attached)
            self.workers[target_id] = answer["sessionId"]
        message = json.dumps({"id": 1, "method": method, "params": params})
        told = {"sessionId": self.workers[target_id], "message": message}
        self.browser.send("Target.sendMessageToTarget", told)

    def moment(self, name: str) -> float:
        found = "name => performance.getEntriesByName(name)[0].startTime / 1000"
        return float(self.page.evaluate(found, name))

    def ask(self) -> float:
        """Seconds from sending to the answer."""
        self.page.locator("#question textarea").fill(QUESTION)
        send = "document.querySelector('#question').requestSubmit()"
        started = self.page.evaluate(f"() => {{ {send}; return performance.now() / 1000; }}")
        expect(self.page.locator("#messages .assistant .foot")).to_be_visible()
        return self.moment("answered") - float(started)


@contextlib.contextmanager
def phone(browser: Browser, run: Run) -> Iterator[Phone]:
    made = Phone(browser, run)
    try:
        yield made
    finally:
        made.close()


def visit(phone: Phone, *, is_telling: bool) -> dict[str, float]:
    first = phone.load()
    if is_telling:
        for path, size in sorted(phone.files.items(), key=lambda file: -file[1]):
            print(f"{size:8.0f}  {path}")
        print()
    figures = {f"first: {name}": value for name, value in first.items()}
    figures["answer"] = phone.ask()
    phone.emulate()
    figures |= {f"second: {name}": value for name, value in phone.load().items()}
    phone.emulate(offline=True)
    return figures | {f"offline: {name}": value for name, value in phone.load().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the guest's page on a poor line.")
    parser.add_argument(
        "--files", action="store_true", help="print what the first load consists of"
    )
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home") as run,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
    ):
        with phone(browser, run) as warm:
            warm.load()
        visits = []
        for number in range(TIMES):
            with phone(browser, run) as visitor:
                visits.append(visit(visitor, is_telling=options.files and not number))
        median = {key: statistics.median(one[key] for one in visits) for key in visits[0]}
        print(
            f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, ", end=""
        )
        print(f"Chromium {browser.version}: 400 kbit/s, 400 ms, processor {SLOWER} times slower;")
        print(f"median of {TIMES}.\n\n| what | measured | to reach |\n| --- | --- | --- |")
        row("first load: first text", f"{median['first: seen']:.2f} s", "under 1.5 s")
        row("first load: a question can be sent", f"{median['first: usable']:.2f} s", "under 2.5 s")
        row("… bytes, with all that follows", f"{median['first: bytes']:,.0f}", "under 60,000")
        row("… as the page itself counts them", f"{median['first: bytes of the page']:,.0f}")
        row("from sending to the answer", f"{median['answer']:.2f} s")
        for kind in ("second", "offline"):
            name = {"second": "second load", "offline": "without a connection"}[kind]
            row(f"{name}: first text", f"{median[f'{kind}: seen']:.2f} s")
            row(f"{name}: a question can be written", f"{median[f'{kind}: usable']:.2f} s")
            row("… bytes", f"{median[f'{kind}: bytes']:,.0f}")


if __name__ == "__main__":
    main()

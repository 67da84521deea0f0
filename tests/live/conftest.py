"""The whole thing as `make run` starts it, in a home of its own, asked over HTTP."""

import ipaddress
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.trained import lend_built

ROOT = Path(__file__).resolve().parents[2]
READY = "Yadopera is ready"
START_SECONDS = 90


class Run:
    """One `manage.py run` and what it said."""

    def __init__(self, home, port=None, *, with_static=True, **environment):
        self.home = Path(home)
        lender = Path(os.environ.get("YADOPERA_HOME", ""))
        lend_built(self.home, lender, with_static=with_static)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.home.parent / f"run-{time.monotonic_ns()}.log"
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
        self.environment = kept | {
            "YADOPERA_HOME": str(home),
            "PORT": str(self.port),
            "RATE_LIMIT_CHAT": "0",
            "RATE_LIMIT_MODEL": "0",
            "TRUSTED_PROXY_COUNT": "1",
            **environment,
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while READY not in self.output():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.1)
        return self

    def output(self):
        return self.log.read_text()

    def stop(self, by=signal.SIGINT):
        """End it as a person does; returns the processes that are still there."""
        self.process.send_signal(by)
        self.process.wait(30)
        return self.family()

    def kill(self):
        """Kill everything at once, as a power cut would."""
        for process in [psutil.Process(self.process.pid), *self.family()]:
            process.kill()
        self.process.wait(10)

    def family(self):
        """Every living process that works for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
                marked = process.environ().get("YADOPERA_HOME") == str(self.home)
                mine = marked or str(self.home) in words
                alive = process.status() != psutil.STATUS_ZOMBIE
                if mine and alive and process.pid != self.process.pid:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def manage(self, *arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def site_key(self):
        return re.search(r"&k=(\S+)", self.output())[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session", autouse=True)
def trained_models():
    """Made once in the tests' own home, from which every run borrows them."""
    from chat.alarm import alarm_version
    from chat.services import warm_up
    from faq.understanding import version

    home = Path(os.environ["YADOPERA_HOME"])
    of_alarm = f"{alarm_version():x}"
    names = (f"understanding-{version():x}", f"alarm-{of_alarm}", f"dangers-{of_alarm}")
    if not all((home / name).exists() for name in names):
        warm_up()


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("live") / "home").wait_until_ready()
    yield run
    run.stop()


def address_of_its_own():
    """A client address, so that no test meets a rate limit that another has used up."""
    return {"X-Forwarded-For": str(ipaddress.IPv6Address(random.getrandbits(128)))}


@pytest.fixture
def http(live):
    def come_from_elsewhere(request):
        request.headers.setdefault(*address_of_its_own().popitem())

    hooks = {"request": [come_from_elsewhere]}
    # It knows no authority: reading them all takes longer than most tests, and this is plain HTTP.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(base_url=live.url, timeout=30, event_hooks=hooks, verify=tls) as client:
        yield client


@pytest.fixture(scope="session")
def demo_id(live):
    return httpx.get(f"{live.url}/api/v1/facility/demo").json()["facility"]["id"]


@pytest.fixture(scope="session")
def other_id(live, tmp_path_factory):
    """A second inn on the same server, imported from files."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "facility.json").write_text(
        '{"name": "Other", "slug": "other", "languages": ["en"], "wifi_password": "other-9876"}'
    )
    (folder / "faqs.csv").write_text(
        "category,intent_key,language_en_question,language_en_answer\n"
        "basic,checkin,What time can I check in?,From 14:00.\n"
    )
    done = live.manage("import_facility", str(folder))
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="session")
def owner(live, tmp_path_factory):
    """The staff app of the owner of a third inn; its staff do not sleep."""
    folder = tmp_path_factory.mktemp("owned")
    (folder / "facility.json").write_text('{"name": "Owned", "slug": "owned"}')
    (folder / "faqs.csv").write_text("category\n")
    login = {"email": "owner@example.com", "password": "owned-no-ki-2026"}
    options = ["--owner-email", login["email"], "--owner-password", login["password"]]
    done = live.manage("import_facility", str(folder), *options)
    assert done.returncode == 0, done.stderr
    api = f"{live.url}/api/v1"
    token = httpx.post(f"{api}/auth/login", json=login, headers=address_of_its_own()).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"} | address_of_its_own()
    with httpx.Client(base_url=api, timeout=60, headers=headers) as client:
        client.facility_id = int(done.stdout)
        client.put("/admin/facility/settings", json={"staff_absence_periods": []})
        yield client

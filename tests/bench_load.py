"""`make bench`: the load scenarios of docs/performance.md, measured now, on this machine.

So many guests, each with a session, an address and an open event stream of his own, each of whom
asks one question at a random second of the minute, whether or not the others have been answered.
Every question is a new one: it takes a vector and an answer of the provider, which takes its time.
A guest who is told to come back later does so, with the same question, as the page does.
"""

import argparse
import asyncio
import collections
import json
import os
import platform
import random
import resource
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import uvloop

from tests.bench import (
    MODEL_SECONDS,
    UNSURE,
    Client,
    database_url,
    percentile,
    provider,
    row,
    running,
)
from tests.live.conftest import Run

#: A guest who has no answer by then puts the phone away.
PATIENCE_SECONDS = 90.0
#: So long a phone waits for anything to be said.
SILENCE_SECONDS = 60.0
#: How many streams are opened in a second, before anybody asks.
STREAMS_A_SECOND = 150

MAKE_SESSIONS = """
from chat.models import Conversation
from facilities.models import Facility
inn = Facility.objects.get(slug="demo")
rows = Conversation.objects.bulk_create(
    Conversation(facility=inn, language="en") for _ in range({count})
)
print(*(row.session_id for row in rows))
"""
ANSWERED = """
SELECT count(*), count(reply.id) FROM chat_message question
LEFT JOIN chat_message reply ON reply.reply_to_id = question.id
WHERE question.client_message_id = ANY(%s)
"""
WITHOUT_ANSWER = """
SELECT count(*) FROM chat_message question
LEFT JOIN chat_message reply ON reply.reply_to_id = question.id
WHERE question.role = 'user' AND reply.id IS NULL
"""
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Scenario:
    guests: int
    wanted: str


SCENARIOS = (
    Scenario(100, "all within 3 s"),
    Scenario(600, "95 % within 5 s"),
    Scenario(5000, "no crash, clear errors"),
)


class Stream(asyncio.Protocol):
    """An open event stream: what a guest's page holds while it is looked at."""

    def __init__(self) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.status = 0
        self.heard = 0
        self.is_open = True
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.status:
            self.status = int(data.split(b" ", 2)[1])
            if not self.opened.done():
                self.opened.set_result(self.status)
        self.heard += data.count(b"event: message")

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if not self.opened.done():
            self.opened.set_result(0)

    @classmethod
    async def open(cls, port: int, session: str, address: str) -> "Stream":
        loop = asyncio.get_running_loop()
        transport, stream = await loop.create_connection(cls, "127.0.0.1", port)
        transport.write(
            f"GET /api/v1/chat/events/{session} HTTP/1.1\r\nHost: localhost\r\n"
            f"X-Forwarded-For: {address}\r\n\r\n".encode()
        )
        await asyncio.wait([stream.opened], timeout=SILENCE_SECONDS)
        return stream

    def close(self) -> None:
        if self.transport:
            self.transport.abort()


@dataclass
class Told:
    """What one guest was told."""

    message_id: str
    #: From his first sending to the answer; None when there was none.
    seconds: float | None = None
    #: Each refusal or failure on the way, and how long he waited for it.
    errors: list[tuple[str, float]] = field(default_factory=list)


class Guest:
    def __init__(self, port: int, number: int, session: str, facility_id: int) -> None:
        self.port = port
        self.number = number
        self.session = session
        self.facility_id = facility_id
        self.address = f"2001:db8:{number // 9999:x}:{number % 9999:x}::1"
        self.told = Told(str(uuid.uuid4()))

    async def ask_at(self, moment: float) -> Told:
        await asyncio.sleep(moment - time.monotonic())
        started = time.monotonic()
        while time.monotonic() - started < PATIENCE_SECONDS:
            tried = time.monotonic()
            error, pause = await self.ask()
            if not error:
                self.told.seconds = time.monotonic() - started
                break
            self.told.errors.append((error, time.monotonic() - tried))
            await asyncio.sleep(pause)
        return self.told

    async def ask(self) -> tuple[str, float]:
        """What went wrong, and how soon to come back; nothing when it was answered."""
        body = {
            "facility_id": self.facility_id,
            "message": UNSURE.format(n=self.number),
            "language": "en",
            "session_id": self.session,
            "client_message_id": self.told.message_id,
        }
        client = Client(self.port, {"X-Forwarded-For": self.address})
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                status, answer, _seconds = await client.call("POST", "/api/v1/chat", body)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            return type(error).__name__, 1.0
        finally:
            client.close()
        if status == 200:
            return "", 0.0
        try:
            told = json.loads(answer)["error"]["code"]
        except (ValueError, KeyError):
            told = f"not as agreed: {answer[:40]!r}"
        wait = client.headers.get("retry-after")
        return f"{status} {told}{'' if wait else ', without Retry-After'}", float(wait or 1)


@dataclass(frozen=True)
class Outcome:
    """What became of the event streams."""

    opened: int
    #: HTTP status -> how many; 0 are those that were closed, or heard nothing.
    refused: dict[int, int]
    broken: int
    #: Messages, in all of them.
    heard: int


class Watch:
    """The most that the web processes took, looked at every second."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.web = [p for p in run.family() if "gunicorn" in " ".join(p.cmdline())]
        self.connections = self.megabytes = self.threads = 0
        self.pids = {process.pid for process in self.web}

    async def look(self) -> None:
        while True:
            await asyncio.to_thread(self.measure)
            await asyncio.sleep(1)

    def measure(self) -> None:
        with psycopg.connect(database_url(self.run)) as connection:
            (count,) = connection.execute(CONNECTIONS).fetchone() or (0,)
        self.connections = max(self.connections, count)
        alive = [process for process in self.web if process.is_running()]
        # What several processes share is counted once.
        used = sum(process.memory_full_info().pss for process in alive) // 2**20
        self.megabytes = max(self.megabytes, used)
        self.threads = max(self.threads, sum(process.num_threads() for process in alive))

    def has_died(self) -> bool:
        return any(not process.is_running() for process in self.web)


def allow_open_files() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def make_guests(run: Run, count: int) -> list[Guest]:
    page = httpx.get(f"{run.url}/api/v1/facility/demo").json()
    sessions = run.manage("shell", "-v", "0", "-c", MAKE_SESSIONS.format(count=count)).stdout
    first = time.monotonic_ns() // 1000 % 10**9
    return [
        Guest(run.port, first + number, session, page["facility"]["id"])
        for number, session in enumerate(sessions.split())
    ]


async def open_streams(guests: Sequence[Guest]) -> list[Stream]:
    began = time.monotonic()

    async def opened(number: int, guest: Guest) -> Stream:
        await asyncio.sleep(began + number / STREAMS_A_SECOND - time.monotonic())
        return await Stream.open(guest.port, guest.session, guest.address)

    return list(await asyncio.gather(*(opened(*each) for each in enumerate(guests))))


class Streams:
    """Event streams held open by a thread of their own."""

    def __init__(self, run: Run, sessions: Sequence[str]) -> None:
        self.guests = [Guest(run.port, n, session, 0) for n, session in enumerate(sessions)]
        self.streams: list[Stream] = []
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "Streams":
        self.thread.start()
        opening = asyncio.run_coroutine_threadsafe(open_streams(self.guests), self.loop)
        self.streams = opening.result()
        return self

    def __exit__(self, *error: object) -> None:
        for stream in self.streams:
            self.loop.call_soon_threadsafe(stream.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def opened(self) -> int:
        return sum(stream.status == 200 for stream in self.streams)

    def broken(self) -> int:
        return sum(stream.status == 200 and not stream.is_open for stream in self.streams)

    def heard(self) -> int:
        """Messages, in all of them."""
        return sum(stream.heard for stream in self.streams)


async def play(run: Run, guests: Sequence[Guest], seconds: float, watch: Watch) -> Outcome:
    watching = asyncio.ensure_future(watch.look())
    streams = await open_streams(guests)
    dice = random.Random(8)
    began = time.monotonic()
    await asyncio.gather(*(guest.ask_at(began + dice.uniform(0, seconds)) for guest in guests))
    watching.cancel()
    await asyncio.sleep(1)
    opened = sum(stream.status == 200 for stream in streams)
    outcome = Outcome(
        opened=opened,
        refused=dict(collections.Counter(s.status for s in streams if s.status != 200)),
        broken=sum(stream.status == 200 and not stream.is_open for stream in streams),
        heard=sum(stream.heard for stream in streams),
    )
    for stream in streams:
        stream.close()
    return outcome


def spread(seconds: list[float]) -> str:
    median, most = percentile(seconds, 0.5), percentile(seconds, 0.95)
    return f"median {median:.2f} s, 95 % {most:.2f} s, slowest {max(seconds):.2f} s"


def show(scenario: Scenario, run: Run, guests: Sequence[Guest], streams: Outcome) -> None:
    told = [guest.told for guest in guests]
    took = [each.seconds for each in told if each.seconds is not None]
    errors = collections.Counter(error for each in told for error, _seconds in each.errors)
    waited = [seconds for each in told for _error, seconds in each.errors]
    first = sum(each.seconds is not None and not each.errors for each in told)
    name = f"{scenario.guests:,} guests with open streams, {scenario.guests:,} questions a minute"
    row(name, spread(took) if took else "none answered", scenario.wanted)
    row(
        "… answered: at once, at a later try, not",
        f"{first}, {len(took) - first}, {len(told) - len(took)}",
    )
    said = "; ".join(f"{count} × {error}" for error, count in errors.most_common()) or "none"
    row("… errors that guests were told", said)
    if waited:
        row("… … how soon", spread(waited))
    refused = ", ".join(f"{count} × {status}" for status, count in streams.refused.items()) or "0"
    row(
        "… streams: opened; refused; broken; messages heard",
        f"{streams.opened}; {refused}; {streams.broken}; {streams.heard:,}",
    )


def show_lost(run: Run, guests: Sequence[Guest]) -> None:
    answered = [g.told.message_id for g in guests if g.told.seconds is not None]
    with psycopg.connect(database_url(run)) as connection:
        stored, replied = connection.execute(ANSWERED, [list(map(uuid.UUID, answered))]).fetchone()
        (waiting,) = connection.execute(WITHOUT_ANSWER).fetchone()
    lost = len(answered) - min(stored, replied)
    row("… lost: answered and not stored; stored without an answer", f"{lost}; {waiting}", "0; 0")


def measure(run: Run, scenario: Scenario, seconds: float) -> None:
    guests = make_guests(run, scenario.guests)
    watch = Watch(run)
    streams = uvloop.run(play(run, guests, seconds, watch))
    show(scenario, run, guests, streams)
    show_lost(run, guests)
    row(
        "… at the most: database connections, threads, memory of the web processes",
        f"{watch.connections}, {watch.threads}, {watch.megabytes} MB",
        "20 connections",
    )
    row("… a web process died", "yes" if watch.has_died() else "no", "no")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the load table of docs/performance.md.")
    parser.add_argument("guests", nargs="*", type=int, help="default: 100, 600 and 5000")
    parser.add_argument("--seconds", type=float, default=60.0, help="in which they ask (60)")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")
    allow_open_files()
    print(
        f"{time.strftime('%Y-%m-%d %H:%M')}, {platform.machine()}, {os.cpu_count()} cores, ", end=""
    )
    print(
        f"Python {platform.python_version()}; driver and all services on the same cores; ", end=""
    )
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}.\n")
    print("| what | measured | to reach |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, provider() as url:
        key = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": url, "RATE_LIMIT_CHAT": "60/m"}
        with running(Path(folder) / "home", **key) as run:
            run.manage("reindex")
            httpx.post(f"{url}/delay", json={"/chat/completions": MODEL_SECONDS})
            for scenario in SCENARIOS:
                if scenario.guests in (options.guests or [each.guests for each in SCENARIOS]):
                    measure(run, scenario, options.seconds)


if __name__ == "__main__":
    main()

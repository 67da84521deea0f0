"""`make bench`: the table of docs/performance.md, measured now, on this machine.

Starts the whole of Yadopera in a home of its own, a test provider and a driver, all on the same
cores, and asks. Figures of one run belong together; those of another machine or another hour are
comparable as ratios to the first row only.
"""

import argparse
import asyncio
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from tests.live.conftest import ROOT, Run, free_port

#: What a model like gpt-4o-mini takes for an answer of a few sentences.
MODEL_SECONDS = 1.65
#: Where a normal host's certificates are: reading them is what makes a new TLS client dear.
TLS = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "SSL_CERT_DIR": "/etc/ssl/certs"}

SURE = (
    "what time can i check in",
    "is there a washing machine",
    "チェックアウトは何時ですか",
    "タオルはありますか",
    "請問幾點可以辦理入住",
    "可以寄放行李吗",
    "체크인 몇 시부터 되나요",
    "où se trouve la cuisine",
    "se puede fumar",
    "can i leave my luggage after check-out",
)
#: Nothing that an inn's FAQ or the library surely answers.
UNSURE = "would room {n} suit a saxophone quartet that rehearses number {n} of opus {n}"


class Client:
    """One caller over one kept connection. Little of the two cores goes into it."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self.port = port
        self.sent = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        #: Of the last answer, their names in small letters.
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes, float]:
        """(status, body, seconds)."""
        started = time.perf_counter()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        data = json.dumps(body).encode() if body is not None else b""
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n{self.sent}\r\n".encode()
            + data
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status, *lines = head.splitlines()
        self.headers = dict(line.split(": ", 1) for line in lines if line)
        answer = await reader.readexactly(int(self.headers["content-length"]))
        return int(status.split()[1]), answer, time.perf_counter() - started

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()


class Bench:
    def __init__(self, run: Run, provider_url: str | None) -> None:
        self.run = run
        self.provider_url = provider_url
        page = httpx.get(f"{run.url}/api/v1/facility/demo").json()
        self.facility_id = page["facility"]["id"]
        self.numbers = itertools.count(int(time.time()) % 100_000)

    def sure(self) -> str:
        return SURE[next(self.numbers) % len(SURE)]

    def unsure(self) -> str:
        return UNSURE.format(n=next(self.numbers))

    def delay(self, seconds: float) -> None:
        httpx.post(f"{self.provider_url}/delay", json={"/chat/completions": seconds})

    async def chat(self, client: Client, question: str) -> float:
        """Milliseconds of one chat. Stops the benchmark when it is not answered."""
        body = {"facility_id": self.facility_id, "message": question, "language": "en"}
        status, answer, seconds = await client.call("POST", "/api/v1/chat", body)
        if status != 200:
            raise SystemExit(f"chat answered {status}: {answer[:300]!r}")
        return seconds * 1000

    async def one_by_one(self, question: Callable[[], str], count: int) -> list[float]:
        client = Client(self.run.port)
        return [await self.chat(client, question()) for _ in range(count)]

    async def at_once(self, question: Callable[[], str], callers: int, count: int) -> float:
        """Chats per second."""
        clients = [Client(self.run.port) for _ in range(callers)]
        left = itertools.count()

        async def ask(client: Client) -> None:
            while next(left) < count:
                await self.chat(client, question())

        started = time.perf_counter()
        await asyncio.gather(*map(ask, clients))
        return count / (time.perf_counter() - started)

    async def crowd(self, guests: int) -> tuple[list[float], list[float], int]:
        """Milliseconds of `guests` chats at once, of the facility page meanwhile, and the most
        database connections seen."""
        page: list[float] = []
        connections = 0
        done = asyncio.Event()

        async def visit() -> None:
            client = Client(self.run.port)
            while not done.is_set():
                _, _, seconds = await client.call("GET", "/api/v1/facility/demo")
                page.append(seconds * 1000)
                await asyncio.sleep(0.1)

        async def count_connections() -> None:
            nonlocal connections
            while not done.is_set():
                connections = max(connections, await asyncio.to_thread(self.connections))
                await asyncio.sleep(0.1)

        watchers = [asyncio.ensure_future(visit()), asyncio.ensure_future(count_connections())]
        chats = await asyncio.gather(
            *(self.chat(Client(self.run.port), self.unsure()) for _ in range(guests))
        )
        done.set()
        await asyncio.gather(*watchers)
        return list(chats), page, connections

    def connections(self) -> int:
        """Of the web processes: all but the benchmark's own, the worker's and beat's."""
        with psycopg.connect(database_url(self.run)) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                "AND pid <> pg_backend_pid()"
            ).fetchone()
        return int(row[0]) if row else 0


def database_url(run: Run) -> str:
    from yadopera.embedded import Paths

    return Paths(run.home).database_url


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def spread(values: list[float]) -> str:
    return f"median {statistics.median(values):.1f} ms, 95 % {percentile(values, 0.95):.1f} ms"


@contextmanager
def running(home: Path, **environment: str) -> Iterator[Run]:
    run = Run(home, WEB_CONCURRENCY="2", **TLS, **environment).wait_until_ready()
    try:
        yield run
    finally:
        run.stop()


@contextmanager
def provider() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.fake_provider", str(port)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(100):
            try:
                httpx.post(f"{url}/delay", json={})
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.kill()


def row(what: str, measured: str, wanted: str = "") -> None:
    print(f"| {what} | {measured} | {wanted} |", flush=True)


def bare(bench: Bench) -> None:
    async def health() -> list[float]:
        client = Client(bench.run.port)
        return [(await client.call("GET", "/api/v1/facility/demo"))[2] * 1000 for _ in range(200)]

    row("`GET /facility/demo`, one caller: the reference", spread(asyncio.run(health())))


def without_a_model(bench: Bench, chats: int) -> None:
    asyncio.run(bench.at_once(bench.sure, 4, 60))  # warm
    times = asyncio.run(bench.one_by_one(bench.sure, chats))
    row("no model call, one caller", spread(times), "median 15 ms, 95 % 60 ms")
    rate = asyncio.run(bench.at_once(bench.sure, 32, chats * 5))
    row("no model call, 32 callers", f"{rate:.0f} chats/s", "130 chats/s")


def through_the_model(bench: Bench, chats: int) -> None:
    bench.delay(0)
    asyncio.run(bench.at_once(bench.unsure, 4, 60))
    times = asyncio.run(bench.one_by_one(bench.unsure, chats))
    row("vector and answer of the provider, one caller", spread(times), "median 25 ms")
    rate = asyncio.run(bench.at_once(bench.unsure, 32, chats * 4))
    row("vector and answer of the provider, 32 callers", f"{rate:.0f} chats/s", "75 chats/s")
    bench.delay(MODEL_SECONDS)
    for guests, wanted in ((50, "3 s"), (200, "4.5 s")):
        times, page, connections = asyncio.run(bench.crowd(guests))
        row(
            f"{guests} guests at once, model taking {MODEL_SECONDS} s",
            f"95 % within {percentile(times, 0.95) / 1000:.2f} s; no error",
            f"95 % within {wanted}",
        )
        row("… `GET /facility/demo` meanwhile", spread(page), "under 50 ms")
        row("… database connections at the most", str(connections), "20")
    bench.delay(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the table of docs/performance.md.")
    parser.add_argument("--chats", type=int, default=200, help="questions a row (default 200)")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}; driver and all services on the same cores.\n")
    print("| what | measured | to reach |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, provider() as url:
        home = Path(folder) / "home"
        with running(home) as run:
            bench = Bench(run, None)
            bare(bench)
            without_a_model(bench, options.chats)
        key = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": url}
        with running(home, **key) as run:
            run.manage("reindex")
            through_the_model(Bench(run, url), options.chats)


if __name__ == "__main__":
    main()

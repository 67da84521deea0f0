"""`make chaos`: the table of docs/reliability.md, measured now, on this machine.

Starts the whole of Yadopera in a home of its own, a mail server and a web server that receive its
notifications, and guests who ask what no FAQ answers; then kills and restarts what it is made of
while they ask. The receivers are the judges: what counts is what reached them.

Ends with 1 when a question was lost, a digest came twice, a guest was told what is not so, or
something took longer to recover than it may.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import platform
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from aiosmtpd.controller import Controller
from honcho.environ import parse_procfile

from tests.bench_load import Streams, Watch, allow_open_files
from tests.fake_provider import FakeProvider
from tests.live.conftest import ROOT, Run, free_port
from tests.waiting import answers, until
from yadopera.embedded import Paths, Postgres, Redis
from yadopera.embedded import running as served

#: What the inns of the model's scenarios have an answer to, in Japanese only: in a guest's language
#: the model has it; without the model he reads the inn's own words.
LAUNDRY = "is there a washing machine for {n} shirts"
INNS_ANSWER = "洗濯機は1階にあります。"
MODELS_ANSWER = "The washing machine is on the first floor."
#: Nothing that an inn's FAQ or the library surely answers.
QUESTION = "would room {n} suit a saxophone quartet that rehearses number {n} of opus {n}"
#: No sender is at one message for longer: older claims are those of the dead.
LONGEST_SENDING_SECONDS = 25
#: So long we wait for the last notification.
PATIENCE_SECONDS = 180
#: So soon all is well again, once what died is back.
RECOVERED_SECONDS = 10
#: What a model like gpt-4o-mini takes.
MODEL_SECONDS = 1.65
HOUR = 3600
#: What a receiver on the internet takes.
FAR_AWAY_SECONDS = 0.2

MAKE_INNS = """
from facilities.models import Facility
from nightqueue.models import Channel
# Without save(): nobody is given a night, so staff are awake.
inns = Facility.objects.bulk_create(
    Facility(name=slug, slug=slug, email=f"{{slug}}@inns.example.com")
    for slug in [f"{prefix}-{{n}}" for n in range({inns})]
)
for n, inn in enumerate(inns):
    kinds = {kinds}[n % len({kinds})]
    if "webhook" in kinds:
        Channel.objects.create(facility=inn, kind="webhook", address="{url}", secret="chaos")
    if "email" in kinds:
        Channel.objects.create(facility=inn, kind="email", address=None)
"""
MAKE_FAQS = """
from faq.models import Faq, FaqTranslation
from faq.services import bulk_create_texts
for inn in inns:
    faq = Faq.objects.create(facility=inn, intent_key="laundry", category="facilities")
    bulk_create_texts([FaqTranslation(
        faq=faq, language="ja", question="洗濯機はありますか", answer="{answer}"
    )])
"""
#: Read by each of our processes when it starts. A clock that is set moves `time.time()` and
#: `datetime.now()` of a process that runs, and leaves `time.monotonic()` alone, as here. The
#: clocks of PostgreSQL and Redis stay: they are other machines'.
CLOCK = """
import os, pathlib, threading, time, time_machine
from datetime import UTC, datetime, timedelta

file, set_by, traveller = pathlib.Path({file!r}), 0.0, None

def follow():
    global set_by, traveller
    while True:
        if (seconds := float(file.read_text() or 0)) != set_by:
            if traveller:
                traveller.stop()
                traveller = None
            if seconds:
                there = datetime.now(UTC) + timedelta(seconds=seconds)
                traveller = time_machine.travel(there, tick=True)
                traveller.start()
            set_by = seconds
        threading.Event().wait(0.1)

def start():
    threading.Thread(target=follow, daemon=True).start()

os.register_at_fork(after_in_child=start)
start()
"""
MAKE_SESSIONS = """
from chat.models import Conversation
rows = Conversation.objects.bulk_create(
    Conversation(facility_id={inn}, language="en") for _ in range({count})
)
print(*(row.session_id for row in rows))
"""
REPLY = """
from chat.models import Conversation
from chat.staff import reply
from facilities.models import User
user = User.objects.get(email="owner@demo.example.com")
for session in {sessions}:
    reply(Conversation.objects.get(session_id=session), user, "Staff write to you.")
"""
MAKE_NIGHT = """
from datetime import timedelta
from django.utils import timezone
from chat.models import Conversation, Escalation, Message
from nightqueue.models import QueueEntry
due_at = timezone.now() + timedelta(seconds={seconds})
asked = []
for inn in inns:
    for n in range({questions}):
        conversation = Conversation(facility=inn, language="en")
        message = Message(
            conversation=conversation, role="user", language="en", content=f"Night question {{n}}"
        )
        asked.append(Escalation(conversation=conversation, message=message,
                                trigger_type="low_confidence", mode="normal"))
Conversation.objects.bulk_create(each.conversation for each in asked)
Message.objects.bulk_create(each.message for each in asked)
Escalation.objects.bulk_create(asked)
QueueEntry.objects.bulk_create(
    QueueEntry(facility=each.conversation.facility, escalation=each, due_at=due_at)
    for each in asked
)
"""


# Who is told ------------------------------------------------------------------------------------


class Inbox:
    """What has reached staff: each message's key, and when it came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.arrivals: dict[str, list[float]] = collections.defaultdict(list)
        #: (kind of channel, inn) of each digest that came.
        self.digests: collections.Counter[tuple[str, str]] = collections.Counter()

    def take(self, key: str) -> None:
        with self._lock:
            self.arrivals[key].append(time.monotonic())

    def take_digest(self, kind: str, inn: str) -> None:
        with self._lock:
            self.digests[kind, inn] += 1


class WebReceiver:
    """A webhook's other end."""

    def __init__(self, inbox: Inbox) -> None:
        self.delay_seconds = 0.0
        #: Whether it says nothing and keeps nothing of what it reads.
        self.hangs = threading.Event()
        self.hanging = 0
        #: Called once, when a message has been kept and its answer has begun.
        self.trap: Callable[[], None] | None = None
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.hangs.is_set():
                    receiver.hang()
                    return
                time.sleep(receiver.delay_seconds)
                inbox.take(self.headers["X-Yadopera-Delivery"])
                told = json.loads(body)
                if told["event"] == "digest":
                    inbox.take_digest("webhook", told["facility"])
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                receiver.spring()
                self.wfile.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args: object) -> None:
                """Who asked is dead."""

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def hang(self) -> None:
        with self._lock:
            self.hanging += 1
        ends = time.monotonic() + 30
        while self.hangs.is_set() and time.monotonic() < ends:
            time.sleep(0.05)

    def spring(self) -> None:
        with self._lock:
            trap, self.trap = self.trap, None
        if trap:
            trap()


class MailReceiver:
    """A mail server."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.delay_seconds = 0.0
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.controller.start()
        self.url = f"smtp://127.0.0.1:{self.controller.port}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.delay_seconds)
        mail = message_from_bytes(envelope.content)
        self.inbox.take(mail["Message-ID"].strip("<>").partition("@")[0])
        self.inbox.take_digest("email", envelope.rcpt_tos[0].partition("@")[0])
        return "250 OK"


# What is broken ---------------------------------------------------------------------------------


class Stage:
    """Web, workers and beats as a host runs them: each by its line of the Procfile, and started
    again when it ends. (`manage.py run` ends all of them when one does.)"""

    def __init__(self, run: Run, *, waits: bool) -> None:
        self.run = run
        #: Whether claims run out by themselves.
        self.waits = waits
        self.outcome = "waited for" if waits else "moved back"
        self.paths = Paths(run.home)
        self.postgres = Postgres(self.paths)
        self.redis = Redis(self.paths)
        self.lines = parse_procfile((ROOT / "Procfile").read_text()).processes
        self.environment = run.environment | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{run.environment['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        self.clock = run.home.parent / "clock"
        self.processes: dict[str, tuple[list[str], subprocess.Popen[bytes]]] = {}
        self.restarted: list[str] = []

    @contextlib.contextmanager
    def running(self) -> Iterator["Stage"]:
        with served(self.postgres), served(self.redis):
            try:
                yield self
            finally:
                for name in list(self.processes):
                    self.kill(name)
                for process in self.run.family():
                    if process.name() not in {"postgres", "redis-server"}:
                        process.kill()

    def start(self, name: str, line: str, *options: str) -> None:
        self._start(name, [*shlex.split(self.lines[line]), *options])

    def _start(self, name: str, command: list[str]) -> None:
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = command, process

    def log(self, name: str) -> Path:
        return self.run.home.parent / f"{name}.log"

    def again(self, name: str) -> None:
        """Start it as it was started."""
        self._start(name, self.processes[name][0])

    def killer(self, name: str) -> Callable[[], None]:
        """What kills the process and its children, with nothing left to look up."""
        main = psutil.Process(self.processes[name][1].pid)
        numbers = [main.pid, *(child.pid for child in main.children(recursive=True))]

        def kill() -> None:
            for number in numbers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

        return kill

    def kill(self, name: str) -> None:
        process = self.processes[name][1]
        with contextlib.suppress(psutil.NoSuchProcess):
            self.killer(name)()
        process.wait(10)

    def revive(self) -> None:
        for name, (_command, process) in self.processes.items():
            if process.poll() is not None:
                self.restarted.append(name)
                self.again(name)

    def restart(self, *names: str) -> None:
        for name in names:
            self.kill(name)
            self.log(name).unlink()  # of its last life, which was ready too
            self.again(name)
        self.wait_for_web()
        if "worker" in names:
            self.wait_for_worker("worker")

    def install_clock(self) -> None:
        """Restart everything with a clock that `set_clock` sets."""
        self.clock.write_text("0")
        folder = self.run.home.parent / "clockwork"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(CLOCK.format(file=str(self.clock)))
        self.environment["PYTHONPATH"] = str(folder)
        self.restart("web", "worker", "beat")

    def set_clock(self, seconds: int) -> None:
        """So far from the right time."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.clock)
        time.sleep(0.5)

    def wait_for_web(self) -> None:
        until(
            lambda: answers(f"{self.run.url}/api/v1/facility/demo"),
            lambda: "web does not answer",
            60,
        )

    def wait_for_worker(self, name: str) -> None:
        until(lambda: " ready." in self.log(name).read_text(), lambda: f"{name} does not start", 60)

    def kill_redis(self) -> None:
        os.kill(self.redis.client.info("server")["process_id"], signal.SIGKILL)

    def restart_postgres(self) -> None:
        log = self.paths.logs / "postgres.log"
        where = ("-D", self.paths.postgres, "-l", log)
        done = self.postgres.run("pg_ctl", "restart", *where, "-m", "immediate", "-w", "-t", "60")
        if done.returncode:
            raise SystemExit(f"PostgreSQL did not come back: {done.stderr}")

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.paths.database_url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

    def shell(self, code: str) -> str:
        done = self.run.manage("shell", "-v", "0", "-c", code)
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout

    def end_claims(self, *, older_than: int = 0) -> int:
        """As if the time of a claim (120 s) had passed, unless we wait for it; how many."""
        [(count,)] = self.sql(
            "UPDATE nightqueue_delivery "
            "SET claimed_until = CASE WHEN %s THEN claimed_until ELSE now() END "
            "WHERE state = 'sending' AND claimed_until > now() "
            "AND claimed_until < now() + make_interval(secs => 120 - %s)",
            self.waits,
            older_than,
        )
        return int(count)


# Who asks ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What one guest read at last."""

    message_id: uuid.UUID
    #: How often the phone had to send again.
    sent_again: int
    #: From the first sending.
    seconds: float
    #: When it came, on the clock of `time.monotonic`.
    came: float
    #: Of the answer (`chat.models.Message.Source`); empty when there was none.
    source: str = ""
    content: str = ""
    escalation_id: int | None = None

    @property
    def kind(self) -> str:
        kinds = {"handed_over": "passed on", "generated": "the model's", "": "no answer"}
        return kinds.get(self.source, "the inn's own")


@dataclass
class Asked:
    """Questions, and what their guests saw."""

    seen: list[Seen] = field(default_factory=list)
    ended: float = 0.0

    @property
    def ids(self) -> list[uuid.UUID]:
        return [each.message_id for each in self.seen]

    @property
    def for_staff(self) -> "Asked":
        """Those whose guests were not told the answer at once."""
        kept = [each for each in self.seen if each.kind in {"passed on", "no answer"}]
        return Asked(kept, self.ended)

    def __str__(self) -> str:
        """What guests saw."""
        kinds = collections.Counter(each.kind for each in self.seen)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        again = [each.sent_again for each in self.seen if each.sent_again]
        if again:
            told += f"; {len(again)} of them after an error, sent again {sum(again)} ×"
        return f"{told}; slowest {max(each.seconds for each in self.seen):.1f} s"


class Guests:
    """Phones: a question that was not answered is sent again, the same, until it is."""

    def __init__(self, url: str, inns: list[int], *questions: str) -> None:
        self.url = f"{url}/api/v1/chat"
        self.inns = inns
        self.questions = questions
        self.asked_before = 0
        self._background = ThreadPoolExecutor(1)

    def ask(self, count: int, *, pause_seconds: float = 0.0, phones: int = 8) -> Asked:
        ids = [uuid.uuid4() for _ in range(count)]
        first = self.asked_before
        self.asked_before += count
        with httpx.Client(timeout=20) as client, ThreadPoolExecutor(phones) as threads:
            waiting = []
            for number, message_id in enumerate(ids, first):
                waiting.append(threads.submit(self.insist, client, number, message_id))
                time.sleep(pause_seconds)
            return Asked([each.result() for each in waiting], time.monotonic())

    def ask_meanwhile(self, count: int, **options: Any) -> Future[Asked]:
        return self._background.submit(self.ask, count, **options)

    def insist(self, client: httpx.Client, number: int, message_id: uuid.UUID) -> Seen:
        body = {
            "facility_id": self.inns[number % len(self.inns)],
            "message": self.questions[number % len(self.questions)].format(n=number),
            "language": "en",
            "client_message_id": str(message_id),
        }
        if number % 2:
            # As v0.3's app: a session id of the device's own. Our page has none before an answer.
            body["session_id"] = str(uuid.uuid4())
        started = time.monotonic()
        for attempt in range(60):
            with contextlib.suppress(httpx.TransportError):
                response = client.post(self.url, json=body)
                if response.status_code == 200:
                    told, now = response.json(), time.monotonic()
                    message = told["message"]
                    return Seen(
                        message_id,
                        attempt,
                        now - started,
                        now,
                        message["source"],
                        message["content"],
                        told["escalation_id"],
                    )
                if response.status_code < 500:
                    raise SystemExit(f"chat: {response.status_code} {response.text[:300]}")
            time.sleep(0.5)
        return Seen(message_id, attempt, time.monotonic() - started, time.monotonic())


# What came of it --------------------------------------------------------------------------------


@dataclass
class Row:
    fault: str
    done: str
    escalations: int
    notified: int
    lost: int
    repeated: int
    #: How long it took after the part was back; None where nothing was broken.
    recovery: float | None
    #: What guests saw.
    saw: str = "nobody asks"
    #: Guests who were told what is not so.
    misled: int = 0
    doubled_digests: int = 0
    note: str = ""

    def __str__(self) -> str:
        done = f"{self.done}{'; ' if self.note else ''}{self.note}"
        numbers = (self.escalations, self.notified, self.lost, self.repeated, self.misled)
        recovery = "no fault" if self.recovery is None else f"{self.recovery:.1f}"
        return f"| {' | '.join((self.fault, done, self.saw, *map(str, numbers), recovery))} |"


class Chaos:
    def __init__(self, stage: Stage, inbox: Inbox, web: WebReceiver, mail: MailReceiver) -> None:
        self.stage = stage
        self.inbox = inbox
        self.web = web
        self.mail = mail
        self.rows: list[Row] = []
        self.guests = Guests(stage.run.url, self.make_inns("awake"), QUESTION)

    def make_inns(self, prefix: str, more: str = "") -> list[int]:
        code = MAKE_INNS.format(
            prefix=prefix, inns=5, kinds=[["webhook", "email"]], url=self.web.url
        )
        return json.loads(self.stage.shell(f"{code}{more}\nprint([inn.pk for inn in inns])"))

    # What happens --------------------------------------------------------------------------------

    def crowd(self) -> None:
        asked = self.guests.ask(500)
        took = self.wait_for(asked) - asked.ended
        done = "500 questions at once to 5 inns; the last message "
        done += f"{took:.1f} s after the last question"
        self.judge("none", done, asked, None)

    def worker_killed_before_the_claim(self) -> None:
        self.stage.kill("worker")
        asked = self.guests.ask(60)
        since = time.monotonic()
        self.stage.again("worker")
        done = "`kill -9`, questions asked, worker started again"
        self.judge("worker dies before the claim", done, asked, self.wait_for(asked) - since)

    def worker_killed_after_the_claim(self) -> None:
        self.stage.kill("worker")
        asked = self.guests.ask(60)
        self.web.hanging = 0
        self.web.hangs.set()
        self.stage.again("worker")
        until(lambda: self.web.hanging >= 8, lambda: "nothing was sent", 60)
        self.stage.kill("worker")
        self.web.hangs.clear()
        claims = self.stage.end_claims()
        since = time.monotonic()
        self.stage.again("worker")
        done = f"receiver hangs, `kill -9`; {claims} claims {self.stage.outcome}"
        fault = "worker dies after the claim, before the send"
        self.judge(fault, done, asked, self.wait_for(asked) - since)

    def worker_killed_after_the_send(self, rounds: int = 3) -> None:
        total = Asked()
        recovery, claims = 0.0, 0
        for _round in range(rounds):
            process = self.stage.processes["worker"][1]
            self.web.trap = self.stage.killer("worker")
            asked = self.guests.ask(20)
            process.wait(30)
            claims += self.stage.end_claims()
            since = time.monotonic()
            self.stage.again("worker")
            recovery = max(recovery, self.wait_for(asked) - since)
            total.seen += asked.seen
        done = f"{rounds} × receiver takes it and kills the worker; "
        done += f"{claims} claims {self.stage.outcome}"
        self.judge("worker dies after the send, before it is noted", done, total, recovery)

    def web_killed(self) -> None:
        asking = self.guests.ask_meanwhile(200, pause_seconds=0.05)
        time.sleep(3)
        self.stage.kill("web")
        self.stage.again("web")
        self.stage.wait_for_web()
        since = time.monotonic()
        asked = asking.result(120)
        since = max(since, asked.ended)
        done = "`kill -9` while guests ask, started again"
        self.judge("web dies", done, asked, self.wait_for(asked) - since)

    def redis_restarted(self) -> None:
        asking = self.guests.ask_meanwhile(200, pause_seconds=0.05)
        time.sleep(2)
        self.stage.kill_redis()
        time.sleep(3)
        self.stage.redis.start()
        since = time.monotonic()
        asked = asking.result(120)
        since = max(since, asked.ended)
        done = "`kill -9`, back after 3 s, while guests ask"
        self.judge("Redis dies", done, asked, self.wait_for(asked) - since)

    def redis_away(self) -> None:
        self.stage.kill_redis()
        time.sleep(5)  # the worker has nothing to do and cannot be told of anything
        asked = self.guests.ask(60, pause_seconds=0.1)
        came = sum(map(self.has_come, self.all_keys(asked)))
        self.stage.redis.start()
        since = time.monotonic()
        done = f"`kill -9`, questions asked ({came} told), started again"
        self.judge("Redis is away", done, asked, self.wait_for(asked) - since)

    def postgres_restarted(self) -> None:
        asking = self.guests.ask_meanwhile(200, pause_seconds=0.05)
        time.sleep(3)
        self.stage.restart_postgres()
        since = time.monotonic()
        asked = asking.result(120)
        since = max(since, asked.ended)
        done = "`pg_ctl restart -m immediate` while guests ask"
        self.judge("PostgreSQL dies", done, asked, self.wait_for(asked) - since)

    def everything_twice(self) -> None:
        self.start_second_worker()
        schedule = self.stage.run.home / "celerybeat-schedule-2"
        self.stage.start("beat-2", "beat", f"--schedule={schedule}")
        self.morning(
            "two workers, two beats",
            "30 inns' morning, 3 questions each, by mail and webhook",
            inns=30,
            questions=3,
            kinds=[["webhook", "email"]],
            seconds=5,
        )
        self.stage.kill("beat-2")
        del self.stage.processes["beat-2"]

    def big_morning(self) -> None:
        self.start_second_worker()
        self.web.delay_seconds = self.mail.delay_seconds = FAR_AWAY_SECONDS
        self.morning(
            "none, two workers",
            f"1,000 inns due at once, by mail or webhook, {FAR_AWAY_SECONDS} s a message",
            inns=1000,
            questions=2,
            kinds=[["webhook"], ["email"]],
            seconds=8,
        )
        self.web.delay_seconds = self.mail.delay_seconds = 0.0

    def provider_hangs(self) -> None:
        def breaks(provider: FakeProvider) -> None:
            provider.fault = dict.fromkeys(PROVIDER_PATHS, "hang")

        self.provider_dead("hangs", breaks)

    def provider_refuses(self) -> None:
        self.provider_dead("refuses every connection", FakeProvider.stop)

    def provider_fails(self) -> None:
        def breaks(provider: FakeProvider) -> None:
            provider.statuses = {path: [500] * 100_000 for path in PROVIDER_PATHS}

        self.provider_dead("answers 500", breaks)

    def provider_dead(self, how: str, breaks: Callable[[FakeProvider], None]) -> None:
        """For ten seconds, while guests ask what the inn has in Japanese only, and what nobody
        knows."""
        provider = FakeProvider().start()
        port = int(provider.url.split(":")[2].split("/")[0])
        self.make_well(provider)
        self.stage.environment |= {"OPENAI_API_KEY": "chaos", "OPENAI_BASE_URL": provider.url}
        self.stage.restart("web")
        inns = self.make_inns(f"ai-{how[:3]}", MAKE_FAQS.format(answer=INNS_ANSWER))
        guests = Guests(self.stage.run.url, inns, LAUNDRY, QUESTION)
        before = guests.ask(20)
        if not any(seen.kind == "the model's" for seen in before.seen):
            raise SystemExit("the model answers nobody, even while it is well")
        asking = guests.ask_meanwhile(250, pause_seconds=0.12, phones=64)
        time.sleep(3)
        breaks(provider)
        time.sleep(10)
        if how.startswith("refuses"):
            provider = FakeProvider()
            self.make_well(provider)
            provider.start(port)
        self.make_well(provider)
        back = time.monotonic()
        asked = asking.result(120)
        self.wait_for(asked.for_staff)
        # Half of them ask what the model knows; the last of these who missed it.
        without = [seen.came for seen in asked.seen if seen.kind == "the inn's own"]
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
            del self.stage.environment[name]
        self.stage.restart("web")
        provider.stop()
        done = f"for 10 s it {how}, while guests ask"
        self.judge("the AI provider", done, asked, max([*without, back]) - back)

    def make_well(self, provider: FakeProvider) -> None:
        provider.reset()
        provider.delay = {"/chat/completions": MODEL_SECONDS}
        provider.reply = washing_machine

    def clock_forward(self) -> None:
        self.set_clock(HOUR, "set forward by an hour")

    def clock_back(self) -> None:
        if not self.stage.clock.exists():
            self.stage.install_clock()
            self.stage.set_clock(HOUR)
            time.sleep(25)  # beat has looked at everything once
        self.set_clock(0, "set back by an hour")
        # Nobody but beat looks for mornings.
        self.morning(
            "none, after the clock was set back",
            "5 inns' morning, 3 questions each, of which only beat knows",
            inns=5,
            questions=3,
            kinds=[["webhook", "email"]],
            seconds=5,
        )

    def set_clock(self, seconds: int, how: str) -> None:
        if not self.stage.clock.exists():
            self.stage.install_clock()
        asking = self.guests.ask_meanwhile(100, pause_seconds=0.1)
        time.sleep(4)
        self.stage.set_clock(seconds)
        since = time.monotonic()
        asked = asking.result(120)
        since = max(since, asked.ended)
        stored = self.stage.sql(
            "SELECT extract(epoch FROM created_at - now()) FROM chat_message "
            "WHERE client_message_id = ANY(%s) ORDER BY id",
            asked.ids,
        )
        if abs(stored[-1][0] - seconds) > HOUR / 2 or abs(stored[0][0] - seconds) < HOUR / 2:
            raise SystemExit("the clock was not set")
        done = f"of web, worker and beat, {how} while guests ask"
        self.judge("the clock", done, asked, self.wait_for(asked) - since)

    def open_streams(self, count: int = 5000) -> None:
        """Event streams of as many guests, while others ask and staff write."""
        before = self.guests.ask(100, pause_seconds=0.05)
        code = MAKE_SESSIONS.format(inn=self.guests.inns[0], count=count)
        sessions = self.stage.shell(code).split()
        with Streams(self.stage.run, sessions) as streams:
            asked = self.guests.ask(100, pause_seconds=0.05)
            watch = Watch(self.stage.run)
            watch.measure()
            written = time.monotonic()
            self.stage.shell(REPLY.format(sessions=sessions[:: count // 10]))
            until(lambda: streams.heard() >= 10, lambda: "staff's replies do not arrive", 30)
            heard = time.monotonic() - written
            broken, opened = streams.broken(), streams.opened()
        self.wait_for(asked)
        medians = [statistics.median(s.seconds for s in each.seen) for each in (before, asked)]
        done = f"{opened:,} of {count:,} opened, {broken} broken; {watch.megabytes} MB, "
        done += f"{watch.threads} threads and {watch.connections} database connections in all; "
        done += f"a chat {medians[1] * 1000:.0f} ms in the median, {medians[0] * 1000:.0f} without "
        done += (
            f"them; 10 replies of staff heard within {heard:.1f} s, their program's start included"
        )
        died = "a web process died" if watch.has_died() else ""
        self.judge("none, open event streams", done, asked, None, died)
        if opened < count or broken:
            self.rows[-1].lost += count - opened + broken

    def start_second_worker(self) -> None:
        if "worker-2" not in self.stage.processes:
            self.stage.start("worker-2", "worker", "-n", "second@%h")
            self.stage.wait_for_worker("worker-2")

    def morning(
        self,
        fault: str,
        done: str,
        *,
        inns: int,
        questions: int,
        kinds: list[list[str]],
        seconds: int,
    ) -> None:
        """Nothing is broken in it: it takes as long as it takes to tell them all."""
        prefix = f"night-{inns}"
        mark = self.newest("nightqueue_digest")
        made = self.stage.shell(
            MAKE_INNS.format(prefix=prefix, inns=inns, kinds=kinds, url=self.web.url)
            + MAKE_NIGHT.format(seconds=seconds, questions=questions)
            + "print(due_at.timestamp())"
        )
        due = time.monotonic() + float(made) - time.time()
        wanted = {(kind, f"{prefix}-{n}") for n in range(inns) for kind in kinds[n % len(kinds)]}

        def arrived() -> bool:
            return all(self.inbox.digests[each] for each in wanted)

        with contextlib.suppress(TimeoutError):
            self.wait_until(arrived)
        last = time.monotonic()
        time.sleep(3)  # for what comes twice
        found = self.stage.sql(
            "SELECT digest.id, digest.facility_id, delivery.key::text, count(entry.id) "
            "FROM nightqueue_digest digest "
            "LEFT JOIN nightqueue_delivery delivery ON delivery.digest_id = digest.id "
            "LEFT JOIN nightqueue_queueentry entry ON entry.digest_id = digest.id "
            "WHERE digest.id > %s GROUP BY 1, 2, 3",
            mark,
        )
        rows_of = collections.Counter(inn for _id, inn in {(row[0], row[1]) for row in found})
        told = {row[0]: row[3] for row in found if self.inbox.arrivals.get(row[2])}
        doubled = sum(count > 1 for count in rows_of.values())
        doubled += sum(self.inbox.digests[each] > 1 for each in wanted)
        came = sum(bool(self.inbox.digests[each]) for each in wanted)
        notified = sum(told.values())
        self.add(
            Row(
                fault,
                done,
                escalations=inns * questions,
                notified=notified,
                lost=max(inns * questions - notified, len(wanted) - came),
                repeated=sum(max(0, self.inbox.digests[each] - 1) for each in wanted),
                recovery=None,
                doubled_digests=doubled,
                note=f"{len(rows_of)} digests, {came} of {len(wanted)} messages, the last "
                f"{last - due:.1f} s after the minute",
            )
        )

    # Judging ------------------------------------------------------------------------------------

    def newest(self, table: str) -> int:
        return int(self.stage.sql(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0])  # noqa: S608

    def keys_of(self, asked: Asked) -> dict[uuid.UUID, dict[int, list[str]]]:
        """The keys of the messages about each question, by its escalation: two, when all is done,
        one by mail and one by webhook."""
        found: dict[uuid.UUID, dict[int, list[str]]] = {each: {} for each in asked.ids}
        rows = self.stage.sql(
            "SELECT message.client_message_id, escalation.id, delivery.key::text "
            "FROM chat_message message "
            "JOIN chat_escalation escalation ON escalation.message_id = message.id "
            "LEFT JOIN nightqueue_delivery delivery ON delivery.escalation_id = escalation.id "
            "WHERE message.client_message_id = ANY(%s)",
            asked.ids,
        )
        for message_id, escalation_id, key in rows:
            found[message_id].setdefault(escalation_id, []).append(key)
        return found

    def all_keys(self, asked: Asked) -> list[list[str]]:
        return [keys for each in self.keys_of(asked).values() for keys in each.values()]

    def has_come(self, keys: Iterable[str]) -> bool:
        kept = list(keys)
        return len(kept) == 2 and all(self.inbox.arrivals.get(key) for key in kept)

    def wait_for(self, asked: Asked) -> float:
        """Wait for the last notification; returns when it came."""

        def is_over() -> bool:
            escalations = self.keys_of(asked).values()
            if not all(each and all(map(self.has_come, each.values())) for each in escalations):
                return False
            return not self.stage.sql(
                "SELECT 1 FROM nightqueue_delivery WHERE state IN ('pending', 'sending') LIMIT 1"
            )

        with contextlib.suppress(TimeoutError):
            self.wait_until(is_over)
        keys = [key for kept in self.all_keys(asked) for key in kept]
        return max(self.inbox.arrivals[key][0] for key in keys if self.inbox.arrivals.get(key))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > ends:
                raise TimeoutError
            self.stage.revive()
            self.stage.end_claims(older_than=LONGEST_SENDING_SECONDS)
            time.sleep(0.2)

    def misled(self, asked: Asked) -> int:
        """How many read what neither their inn nor its model says, or that they were passed on
        when they were not."""
        rows = self.stage.sql(
            "SELECT escalation.id, message.client_message_id FROM chat_escalation escalation "
            "JOIN chat_message message ON message.id = escalation.message_id "
            "WHERE message.client_message_id = ANY(%s)",
            asked.ids,
        )
        passed_on = set(rows)
        true = {
            "passed on": lambda seen: (seen.escalation_id, seen.message_id) in passed_on,
            "the model's": lambda seen: seen.content == MODELS_ANSWER,
            "the inn's own": lambda seen: seen.content.endswith(INNS_ANSWER),
            "no answer": lambda seen: True,
        }
        return sum(not true[seen.kind](seen) for seen in asked.seen)

    def judge(
        self, fault: str, done: str, everybody: Asked, recovery: float | None, note: str = ""
    ) -> None:
        asked = everybody.for_staff
        found = self.keys_of(asked)
        escalations = [keys for each in found.values() for keys in each.values()]
        notified = sum(map(self.has_come, escalations))
        unheard = sum(not any(map(self.has_come, each.values())) for each in found.values())
        notes = [note] if note else []
        if twice := len(escalations) - sum(map(bool, found.values())):
            notes.append(f"{twice} questions stored twice")
        self.add(
            Row(
                fault,
                done,
                escalations=len(escalations),
                notified=notified,
                lost=max(unheard, len(escalations) - notified),
                repeated=sum(
                    max(0, len(self.inbox.arrivals.get(key, ())) - 1)
                    for keys in escalations
                    for key in keys
                ),
                recovery=None if recovery is None else max(0.0, recovery),
                saw=str(everybody),
                misled=self.misled(everybody),
                note=", ".join(notes),
            )
        )

    def add(self, row: Row) -> None:
        if self.stage.restarted:
            row.note += f"{', ' if row.note else ''}ended and started: {self.stage.restarted}"
            self.stage.restarted.clear()
        self.rows.append(row)
        print(f"  {row}", file=sys.stderr, flush=True)


PROVIDER_PATHS = ("/embeddings", "/chat/completions")


def washing_machine(messages: list[dict[str, str]]) -> dict[str, Any]:
    """A model that knows what the inn does, and says so when it does not."""
    if "washing machine" in messages[-1]["content"]:
        return {"can_answer": True, "used": ["faq-1"], "answer": MODELS_ANSWER}
    return {"can_answer": False, "used": [], "answer": ""}


SCENARIOS = {
    "crowd": Chaos.crowd,
    "before-claim": Chaos.worker_killed_before_the_claim,
    "after-claim": Chaos.worker_killed_after_the_claim,
    "after-send": Chaos.worker_killed_after_the_send,
    "web": Chaos.web_killed,
    "redis": Chaos.redis_restarted,
    "redis-away": Chaos.redis_away,
    "postgres": Chaos.postgres_restarted,
    "provider-hangs": Chaos.provider_hangs,
    "provider-refuses": Chaos.provider_refuses,
    "provider-fails": Chaos.provider_fails,
    "streams": Chaos.open_streams,
    "twice": Chaos.everything_twice,
    "morning": Chaos.big_morning,
    # Last: from here on all are started with a clock that can be set.
    "clock-forward": Chaos.clock_forward,
    "clock-back": Chaos.clock_back,
}


def prepared(folder: Path, mail: MailReceiver) -> Run:
    """A home that `manage.py run` has set up, with nothing running in it any more."""
    run = Run(
        folder / "home",
        EMAIL_URL=mail.url,
        ALLOW_PRIVATE_WEBHOOKS="true",
        WEB_CONCURRENCY="2",
    ).wait_until_ready()
    run.stop()
    return run


def report(rows: list[Row], *, waits: bool) -> int:
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}; guests and receivers on the same cores; ", end="")
    print(f"load of the machine {os.getloadavg()[2]:.1f}.\n")
    heads = "fault | what was done | what guests saw | escalations | notified | lost | repeated"
    print(f"| {heads} | misled | recovery (s) |")
    print(f"| --- | --- | --- |{' ---: |' * 6}")
    for row in rows:
        print(row)
    slow = [row.fault for row in rows if (row.recovery or 0) > RECOVERED_SECONDS and not waits]
    if slow:
        print(f"\nMore than {RECOVERED_SECONDS} s: {', '.join(slow)}.")
    return int(bool(slow) or any(row.lost or row.misled or row.doubled_digests for row in rows))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the table of docs/reliability.md.")
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], help="default: all")
    parser.add_argument(
        "--wait", action="store_true", help="let claims run out instead of moving them back"
    )
    options = parser.parse_args()
    # Only for what is trained there: see `lend_built`.
    os.environ.setdefault("YADOPERA_HOME", str(ROOT / ".yadopera" / "test"))
    allow_open_files()
    inbox = Inbox()
    web, mail = WebReceiver(inbox), MailReceiver(inbox)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        run = prepared(Path(folder), mail)
        with Stage(run, waits=options.wait).running() as stage:
            for name in ("web", "worker", "beat"):
                stage.start(name, name)
            stage.wait_for_web()
            stage.wait_for_worker("worker")
            chaos = Chaos(stage, inbox, web, mail)
            for name in options.scenarios or SCENARIOS:
                SCENARIOS[name](chaos)
    mail.controller.stop()
    return report(chaos.rows, waits=options.wait)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TimeoutError as problem:
        sys.exit(str(problem))

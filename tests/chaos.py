"""`make chaos`: the table of docs/reliability.md, measured now, on this machine.

Starts the whole of Yadopera in a home of its own, a mail server and a web server that receive its
notifications, and guests who ask what no FAQ answers; then kills and restarts what it is made of
while they ask. The receivers are the judges: what counts is what reached them.

Ends with 1 when a question was lost or a digest came twice.
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

from tests.live.conftest import ROOT, Run, free_port
from yadopera.embedded import Paths, Postgres, Redis
from yadopera.embedded import running as served

#: Nothing that an inn's FAQ or the library surely answers.
QUESTION = "would room {n} suit a saxophone quartet that rehearses number {n} of opus {n}"
#: No sender is at one message for longer: older claims are those of the dead.
LONGEST_SENDING_SECONDS = 25
#: So long we wait for the last notification.
PATIENCE_SECONDS = 180
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

    def wait_for_web(self) -> None:
        until(lambda: answers(f"{self.run.url}/api/v1/facility/demo"), 60, "web does not answer")

    def wait_for_worker(self, name: str) -> None:
        until(lambda: " ready." in self.log(name).read_text(), 60, f"{name} does not start")

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


def until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise SystemExit(otherwise)
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


# Who asks ---------------------------------------------------------------------------------------


@dataclass
class Asked:
    """Questions by their devices' ids."""

    ids: list[uuid.UUID] = field(default_factory=list)
    #: How often a phone had to send again.
    sent_again: int = 0
    #: Of the answers that came, in seconds.
    slowest: float = 0.0
    ended: float = 0.0


class Guests:
    """Phones: a question that was not answered is sent again, the same, until it is."""

    def __init__(self, url: str, inns: list[int]) -> None:
        self.url = f"{url}/api/v1/chat"
        self.inns = inns
        self.asked_before = 0
        self._background = ThreadPoolExecutor(1)

    def ask(self, count: int, *, pause_seconds: float = 0.0, phones: int = 8) -> Asked:
        asked = Asked([uuid.uuid4() for _ in range(count)])
        first = self.asked_before
        self.asked_before += count
        with httpx.Client(timeout=20) as client, ThreadPoolExecutor(phones) as threads:
            waiting = []
            for number, message_id in enumerate(asked.ids, first):
                waiting.append(threads.submit(self.insist, client, number, message_id))
                time.sleep(pause_seconds)
            attempts, seconds = zip(*(each.result() for each in waiting), strict=True)
        asked.sent_again, asked.slowest = sum(attempts), max(seconds)
        asked.ended = time.monotonic()
        return asked

    def ask_meanwhile(self, count: int, *, pause_seconds: float) -> Future[Asked]:
        return self._background.submit(self.ask, count, pause_seconds=pause_seconds)

    def insist(self, client: httpx.Client, number: int, message_id: uuid.UUID) -> tuple[int, float]:
        """How often it had to be sent again, and how many seconds its answer took."""
        body = {
            "facility_id": self.inns[number % len(self.inns)],
            "message": QUESTION.format(n=number),
            "language": "en",
            "client_message_id": str(message_id),
        }
        if number % 2:
            # As v0.3's app: a session id of the device's own. Our page has none before an answer.
            body["session_id"] = str(uuid.uuid4())
        for attempt in range(60):
            with contextlib.suppress(httpx.TransportError):
                response = client.post(self.url, json=body)
                if response.status_code == 200:
                    return attempt, response.elapsed.total_seconds()
                if response.status_code < 500:
                    raise SystemExit(f"chat: {response.status_code} {response.text[:300]}")
            time.sleep(0.5)
        return attempt, 0.0


# What came of it --------------------------------------------------------------------------------


@dataclass
class Row:
    fault: str
    done: str
    escalations: int
    notified: int
    lost: int
    repeated: int
    recovery: float
    doubled_digests: int = 0
    note: str = ""

    def __str__(self) -> str:
        done = f"{self.done}{'; ' if self.note else ''}{self.note}"
        numbers = (self.escalations, self.notified, self.lost, self.repeated)
        cells = (self.fault, done, *map(str, numbers), f"{self.recovery:.1f}")
        return f"| {' | '.join(cells)} |"


class Chaos:
    def __init__(self, stage: Stage, inbox: Inbox, web: WebReceiver, mail: MailReceiver) -> None:
        self.stage = stage
        self.inbox = inbox
        self.web = web
        self.mail = mail
        self.rows: list[Row] = []
        self.guests = Guests(stage.run.url, self.make_inns())

    def make_inns(self) -> list[int]:
        code = MAKE_INNS.format(
            prefix="awake", inns=5, kinds=[["webhook", "email"]], url=self.web.url
        )
        return json.loads(self.stage.shell(code + "print([inn.pk for inn in inns])"))

    # What happens --------------------------------------------------------------------------------

    def crowd(self) -> None:
        asked = self.guests.ask(500)
        done = "500 questions at once to 5 inns"
        self.judge("none", done, asked, self.wait_for(asked) - asked.ended)

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
        until(lambda: self.web.hanging >= 8, 60, "nothing was sent")
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
            total.ids += asked.ids
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
        done = f"`kill -9`, back after 3 s, while guests ask; slowest answer {asked.slowest:.1f} s"
        self.judge("Redis dies", done, asked, self.wait_for(asked) - since)

    def redis_away(self) -> None:
        self.stage.kill_redis()
        time.sleep(5)  # the worker has nothing to do and cannot be told of anything
        asked = self.guests.ask(60, pause_seconds=0.1)
        came = sum(map(self.has_come, self.all_keys(asked)))
        self.stage.redis.start()
        since = time.monotonic()
        done = f"`kill -9`, questions asked ({came} told), started again; slowest answer "
        done += f"{asked.slowest:.1f} s"
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
                recovery=last - due,
                doubled_digests=doubled,
                note=f"{len(rows_of)} digests, {came} of {len(wanted)} messages",
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

    def judge(self, fault: str, done: str, asked: Asked, recovery: float) -> None:
        found = self.keys_of(asked)
        escalations = [keys for each in found.values() for keys in each.values()]
        notified = sum(map(self.has_come, escalations))
        unheard = sum(not any(map(self.has_come, each.values())) for each in found.values())
        notes = []
        if asked.sent_again:
            notes.append(f"phones sent again {asked.sent_again} ×")
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
                recovery=max(0.0, recovery),
                note=", ".join(notes),
            )
        )

    def add(self, row: Row) -> None:
        if self.stage.restarted:
            row.note += f"{', ' if row.note else ''}ended and started: {self.stage.restarted}"
            self.stage.restarted.clear()
        self.rows.append(row)
        print(f"  {row}", file=sys.stderr, flush=True)


SCENARIOS = {
    "crowd": Chaos.crowd,
    "before-claim": Chaos.worker_killed_before_the_claim,
    "after-claim": Chaos.worker_killed_after_the_claim,
    "after-send": Chaos.worker_killed_after_the_send,
    "web": Chaos.web_killed,
    "redis": Chaos.redis_restarted,
    "redis-away": Chaos.redis_away,
    "postgres": Chaos.postgres_restarted,
    "twice": Chaos.everything_twice,
    "morning": Chaos.big_morning,
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


def report(rows: list[Row]) -> int:
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}; guests and receivers on the same cores.\n")
    print("| fault | what was done | escalations | notified | lost | repeated | recovery (s) |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        print(row)
    return int(any(row.lost or row.doubled_digests for row in rows))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the table of docs/reliability.md.")
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], help="default: all")
    parser.add_argument(
        "--wait", action="store_true", help="let claims run out instead of moving them back"
    )
    options = parser.parse_args()
    # Only for what is trained there: see `lend_trained_models`.
    os.environ.setdefault("YADOPERA_HOME", str(ROOT / ".yadopera" / "test"))
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
    return report(chaos.rows)


if __name__ == "__main__":
    sys.exit(main())

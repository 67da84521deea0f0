"""The release step: what a host runs once before it starts a new version."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import redis
from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.core.checks.registry import registry
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, NotSupportedError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from psycopg import errors

from faq.pgvector import find_problem
from yadopera.checklist import Failed, outcome_of

#: Of PostgreSQL's advisory locks, which are shared by all who use the database: ours.
LOCK: Final = 0x7961646F_70657261
#: A release that has not ended by then hangs.
LOCK_SECONDS: Final = 15 * 60
#: While a migration waits for its turn at a table, everybody else waits behind it.
TABLE_SECONDS: Final = 4
ATTEMPTS: Final = 5
PAUSE_SECONDS: Final = 3.0
#: Between two looks at what does not answer yet.
LOOK_SECONDS: Final = 1.0
#: Nothing that time mends.
HOPELESS: Final = ("authentication failed", "does not exist", "no pg_hba.conf entry")

#: What Django's checks say too generally for whoever reads the log of a failed release.
ADVICE: Final = {
    "security.W018": "DEBUG must be false on a host.",
    # Cookies are for https alone where guests come by https.
    "security.W010": "PUBLIC_BASE_URL must start with https:// on a host.",
    "security.W016": "PUBLIC_BASE_URL must start with https:// on a host.",
}


class Command(BaseCommand):
    help = (
        "Prepares the database for this version of the code: waits for it, takes a lock, enables "
        "pgvector, migrates, brings the search vectors up to date. Two at once are safe, and one "
        "with nothing to do changes nothing."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait",
            type=int,
            default=60,
            metavar="SECONDS",
            help="how long to wait for the database and for Redis (default: 60)",
        )

    def handle(self, **options: Any) -> None:
        started = time.perf_counter()
        self.step("settings", check_settings)
        self.step("database", lambda: patiently(find_database, options["wait"]))
        self.step("Redis", lambda: patiently(find_redis, options["wait"]))
        self.step("models", check_models)
        with contextlib.ExitStack() as until_released:
            self.step("lock", lambda: until_released.enter_context(locked()))
            self.step("pgvector", enable_pgvector)
            self.step("migrations", migrate)
            self.step("search", reindex)
        self.stdout.write(f"Released in {time.perf_counter() - started:.1f} s.")

    def step(self, name: str, step: Callable[[], str]) -> None:
        outcome = outcome_of(name, step)
        if not outcome.ok:
            raise CommandError(f"{name}: {outcome.detail}")
        self.stdout.write(str(outcome))
        self.stdout.flush()  # a host shows its log while we work


def check_settings() -> str:
    """`check --deploy`, in which a warning is as bad as an error.

    Without our own check of pgvector, which has no tag: it tries what only one release at a time
    may try.
    """
    tags = sorted(registry.tags_available(deployment_checks=True))
    problems = [
        ADVICE.get(str(each.id)) or f"{each.msg} {each.hint or ''}".strip()
        for each in run_checks(tags=tags, include_deployment_checks=True)
        if each.level >= WARNING and not each.is_silenced()
    ]
    if problems:
        raise Failed(" ".join(dict.fromkeys(problems)))
    return "fit for a host"


def check_models() -> str:
    """A migration that was not committed would be missed by the first guest."""
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, stdout=io.StringIO())
    except SystemExit:
        raise Failed(
            "a migration is missing: the models say more than the migrations do. Run manage.py "
            "makemigrations, commit what it writes, and release again."
        ) from None
    except InconsistentMigrationHistory as error:
        raise Failed(f"the database is of another history of this code: {error}") from None
    return "each has its migrations"


# Waiting ----------------------------------------------------------------------------------------


class NotYet(Exception):
    """`args[0]` says what does not answer."""


def patiently(look: Callable[[], str], seconds: float) -> str:
    ends = time.monotonic() + seconds
    while True:
        try:
            return look()
        except NotYet as problem:
            if time.monotonic() >= ends:
                raise Failed(f"{problem} Waited {seconds} s.") from None
            time.sleep(LOOK_SECONDS)


def find_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            version = cursor.fetchone()[0].split()[0]
    except NotSupportedError as error:
        raise Failed(f"{error}. Choose a newer one at the host.") from None
    except DatabaseError as error:
        said = " ".join(str(error).split())
        if any(words in said for words in HOPELESS):
            raise Failed(f"DATABASE_URL is refused: {said}") from None
        raise NotYet(f"it does not answer, check DATABASE_URL ({said}).") from None
    return f"PostgreSQL {version}"


def find_redis() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3)
    try:
        with contextlib.closing(client):
            client.ping()
            return f"Redis {client.info('server')['redis_version']}"
    except (redis.AuthenticationError, redis.ResponseError) as error:
        raise Failed(f"REDIS_URL is refused: {error}.") from None
    except redis.RedisError as error:
        raise NotYet(f"it does not answer, check REDIS_URL ({error}).") from None


# The database -----------------------------------------------------------------------------------


@contextlib.contextmanager
def locked() -> Iterator[str]:
    """One release at a time; yields what became of waiting for another.

    Held by a transaction on a connection of its own: a lock of a session would not hold behind a
    pooler that shares sessions out, and migrations commit.
    """
    holder = connection.copy()
    try:
        seconds = take_lock(holder)
        yield "no other release" if seconds < 1 else f"another release took {seconds:.0f} s"
    finally:
        holder.close()


def take_lock(holder: BaseDatabaseWrapper) -> float:
    """The seconds that it took; the lock is held until `holder` is closed."""
    started = time.monotonic()
    holder.set_autocommit(False)
    try:
        with holder.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.LockNotAvailable):
            raise
        raise Failed(f"another release has been going on for {LOCK_SECONDS} s: end it.") from None
    return time.monotonic() - started


def enable_pgvector() -> str:
    if problem := find_problem(connection):
        raise Failed(problem)
    with connection.cursor() as cursor:
        # The first migration does this too; a database that was restored without it is past that.
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        return f"pgvector {cursor.fetchone()[0]}"


def migrate() -> str:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not missing:
        return "nothing to do"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            migrate_quickly()
            return f"{missing} applied"
        except DatabaseError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise Failed(f"a migration failed: {str(error).splitlines()[0]}") from None
        if attempt < ATTEMPTS:
            time.sleep(PAUSE_SECONDS)
    raise Failed(
        f"a migration did not get its table within {TABLE_SECONDS} s, {ATTEMPTS} times: somebody "
        "holds a long transaction. See 'Migrations without downtime' in docs/operations.md."
    )


def migrate_quickly() -> None:
    """Migrate, or give up rather than keep guests waiting behind us. What is done stays done."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{TABLE_SECONDS}s'")
        try:
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            if connection.is_usable():
                cursor.execute("RESET lock_timeout")


def reindex() -> str:
    said = io.StringIO()
    call_command("reindex", stdout=said, stderr=said)
    return " ".join(said.getvalue().split())

"""`make test-staging DATABASE_URL=…`: the tests on the server of a staging site, beside its data.

They run in a database of their own, or where the role may not create one, in a schema of its own,
which comes first in the search path; either is dropped at the end, however it ends. Before and
after, the rows of every other table of the site's database that the role may read are counted and
summed up; when they differ, or anything is left behind, this ends with 1.

Everything below tests/ runs but tests/live, which starts servers with an embedded database of their
own and would say nothing about this one. Redis, AI provider, mail and error reports are those of
the tests, never the site's. Further arguments go to pytest.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from yadopera.database_url import parse_database_url

PREFIX = "yadopera_test_"
#: What stands in the site's environment and is none of the tests' business.
NOT_THE_SITES = ("REDIS_URL", "OPENAI_API_KEY", "EMAIL_URL", "SENTRY_DSN", "METRICS_TOKEN")
#: How long tests that were told to end may take.
PATIENCE_SECONDS = 10
TABLES = r"""
    SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'm') AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', %s)
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1, 2
"""

#: What a table holds: how many rows, and a sum over them in which their order does not count.
Contents = dict[str, tuple[int, str]]


class Refused(Exception):
    """`args[0]` says why the tests cannot run there."""


@dataclass(frozen=True)
class Place:
    """Where the tests write: a database, or a schema of the site's."""

    name: str
    is_database: bool
    #: For the tests.
    environment: dict[str, str]

    def __str__(self) -> str:
        return f"the {'database' if self.is_database else 'schema'} {self.name}"


def connect(url: str) -> psycopg.Connection:
    parts = parse_database_url(url)
    named = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    given = {name: parts[key] for name, key in named.items() if parts[key]}
    try:
        return psycopg.connect(**given | parts["OPTIONS"], autocommit=True)
    except psycopg.OperationalError as error:
        raise Refused(
            f"The server cannot be reached: {str(error).strip().splitlines()[-1]}"
        ) from None


def contents(connection: psycopg.Connection, own_schema: str) -> Contents:
    """Of every table outside `own_schema`, and where every sequence stands."""
    tables = connection.execute(TABLES, [own_schema]).fetchall()
    found: Contents = {}
    for name in tables:
        row = connection.execute(
            sql.SQL(
                "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
                " FROM {} t"
            ).format(sql.Identifier(*name))
        ).fetchone()
        found[".".join(name)] = row
    standing = connection.execute(
        "SELECT schemaname || '.' || sequencename, coalesce(last_value, 0)::text FROM pg_sequences"
        " WHERE schemaname <> %s",
        [own_schema],
    )
    return found | {f"{name} (sequence)": (1, value) for name, value in standing}


def describe(found: Contents) -> str:
    rows = sum(count for name, (count, _sum) in found.items() if not name.endswith("(sequence)"))
    total = sum(int(value) for _count, value in found.values()) % 2**64
    return f"{len(found)} tables and sequences, {rows} rows, sum {total:016x}"


def changes(before: Contents, after: Contents) -> list[str]:
    names = sorted(before.keys() | after.keys())
    return [
        f"  {name}: {before.get(name, 'not there')} before, {after.get(name, 'not there')} after"
        for name in names
        if before.get(name) != after.get(name)
    ]


def choose_place(connection: psycopg.Connection, url: str) -> Place:
    name = PREFIX + secrets.token_hex(4)
    may_create = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    if connection.execute(may_create).fetchone() == (True,):
        return Place(name, True, {"DATABASE_URL": url, "YADOPERA_TEST_DATABASE": name})
    extension = connection.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
        " WHERE extname = 'vector'"
    ).fetchone()
    if extension is None:
        raise Refused("pgvector is not enabled there, and this role may not make a database.")
    may_create = "SELECT has_database_privilege(current_database(), 'CREATE')"
    if connection.execute(may_create).fetchone() != (True,):
        raise Refused("This role may make neither a database nor a schema there.")
    # pgvector's types are found where the site has them; all else is found in the schema first.
    environment = {
        "DATABASE_URL": with_search_path(url, name, *extension),
        "YADOPERA_TEST_SCHEMA": name,
    }
    return Place(name, False, environment)


def with_search_path(url: str, *schemas: str) -> str:
    """`url` for sessions that look into `schemas` in this order, and are called after the first."""
    parts = urlsplit(url)
    path = {"options": f"-c search_path={','.join(schemas)}", "application_name": schemas[0]}
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(path)]))))


@contextlib.contextmanager
def made(connection: psycopg.Connection, place: Place) -> Iterator[None]:
    """`place` while the tests run, and no longer."""
    name = sql.Identifier(place.name)
    try:
        if not place.is_database:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            # Django would find the site's and believe that everything is migrated.
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {}.django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY"
                    " PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL,"
                    " applied timestamptz NOT NULL)"
                ).format(name)
            )
        yield
    finally:
        drop = (
            "DROP DATABASE IF EXISTS {} (FORCE)"
            if place.is_database
            else ("DROP SCHEMA IF EXISTS {} CASCADE")
        )
        # A test that was killed may still hold what is to be dropped.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND usename = current_user",
            [place.name],
        )
        connection.execute(sql.SQL(drop).format(name))


def run_tests(place: Place, arguments: list[str]) -> int:
    environment = os.environ | dict.fromkeys(NOT_THE_SITES, "") | place.environment
    # Importing Yadopera has named the settings; the tests' own environment comes before them.
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "pytest", "--ignore=tests/live", *arguments]
    with subprocess.Popen(command, env=environment) as tests:
        try:
            return tests.wait()
        except BaseException:  # Ctrl-C has reached the tests too; a kill has not
            tests.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                tests.wait(PATIENCE_SECONDS)
            tests.kill()
            raise


def main(arguments: list[str]) -> int:
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        raise Refused("Which server? make test-staging DATABASE_URL=postgresql://…")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with connect(url) as connection:
        place = choose_place(connection, url)
        own_schema = "" if place.is_database else place.name
        before = contents(connection, own_schema)
        print(f"Before: {describe(before)}\nThe tests run in {place}.", flush=True)
        result = 1
        try:
            with made(connection, place):
                result = run_tests(place, arguments)
        finally:
            after = contents(connection, "")  # its own place would show here
            print(f"After:  {describe(after)}")
            changed = changes(before, after)
            print(
                "The site's data is unchanged."
                if not changed
                else "\n".join(
                    ["Changed meanwhile, by the tests or by the site itself:", *changed]
                ),
                flush=True,
            )
    return result or int(bool(changed))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refused as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)

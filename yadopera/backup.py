"""All that the database holds, as one file, and back.

PostgreSQL's own COPY writes it, through the connection that Django uses: no program of PostgreSQL
is needed on the host, and the servers' versions may differ. The file is a zip: for each table its
rows in the order of their keys, and a manifest with the migrations, the number of rows and the
SHA-256 of each table, and where the sequences stood.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from django.apps import apps
from django.utils import timezone
from psycopg import sql

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PIECE_BYTES: Final = 1 << 20
#: `manage.py migrate` fills these itself.
MADE_BY_MIGRATE: Final = frozenset({"django_content_type", "auth_permission"})
#: The same text for the same value, whatever the server or the role prefers.
WRITTEN_AS: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


class BackupError(Exception):
    """`args[0]` says what is wrong and what to do."""


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    format: int
    #: ISO 8601.
    made_at: str
    #: "app.name" of each, sorted.
    migrations: list[str]
    tables: dict[str, Table]
    #: name -> [last value, whether it was given out].
    sequences: dict[str, tuple[int, bool]]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        data = json.loads(text)
        data["tables"] = {name: Table(**table) for name, table in data["tables"].items()}
        return cls(**data)


class Discarded:
    """Where rows go that are only counted."""

    def write(self, _piece: Any) -> None:
        pass


# Writing ----------------------------------------------------------------------------------------


def write_backup(connection: psycopg.Connection[Any], path: Path) -> Manifest:
    """Write everything as it is at one moment to `path`, which nobody else may read.

    `connection` has no transaction open. Raises BackupError; a file that is not whole is removed.
    """
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise BackupError(f"{path} exists already: choose another name.") from None
    except OSError as error:
        raise BackupError(f"{path} cannot be written ({error.strerror}).") from None
    try:
        with file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with connection.transaction():
                manifest = write_all(connection, archive)
            archive.writestr(MANIFEST, manifest.to_json())
    except BaseException:
        path.unlink()
        raise
    return manifest


def write_all(connection: psycopg.Connection[Any], archive: zipfile.ZipFile) -> Manifest:
    write_alike(connection)
    migrations = applied_migrations(connection)
    tables = {}
    for name in table_names():
        with archive.open(member(name), "w", force_zip64=True) as target:
            tables[name] = copy_out(connection, name, columns_of(connection, name), target)
    return Manifest(
        format=FORMAT,
        made_at=timezone.now().isoformat(timespec="seconds"),
        migrations=migrations,
        tables=tables,
        # Read last: a number that was given out meanwhile is not given out again.
        sequences=sequences(connection),
    )


def copy_out(
    connection: psycopg.Connection[Any],
    name: str,
    columns: Sequence[str],
    target: IO[bytes] | Discarded,
) -> Table:
    """Write the rows of a table; returns how many they are and the sum of what was written."""
    statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
        listed(columns), sql.Identifier(name), sql.Identifier(key_of(name))
    )
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        with cursor.copy(statement) as rows:
            for piece in rows:
                digest.update(piece)
                target.write(piece)
        return Table(list(columns), cursor.rowcount, digest.hexdigest())


# Reading ----------------------------------------------------------------------------------------


def restore_backup(
    connection: psycopg.Connection[Any], path: Path, *, replace: bool = False
) -> Manifest:
    """Put back what `path` holds: all of it or, with a BackupError, nothing.

    The database has the tables already, from `manage.py migrate`, and no rows, unless `replace`
    allows them to be deleted first.
    """
    with opened(path) as (archive, manifest), connection.transaction():
        write_alike(connection)
        refuse_other_migrations(connection, manifest)
        if not replace:
            refuse_rows(connection)
        names = sql.SQL(", ").join(map(sql.Identifier, table_names()))
        # Nobody else reads or writes them until all is back.
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        for name, table in manifest.tables.items():
            copy_in(connection, name, table, archive)
        refuse_loose_ends(connection)
        for name, table in manifest.tables.items():
            if copy_out(connection, name, table.columns, Discarded()) != table:
                raise BackupError(f"What the backup holds of {name} is not what was written.")
        # Last, for this alone is not undone when something fails.
        for name, (value, was_given) in manifest.sequences.items():
            connection.execute("SELECT setval(%s::regclass, %s, %s)", [name, value, was_given])
    return manifest


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive, read_manifest(archive)
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror}).") from None
    except (zipfile.BadZipFile, zlib.error):
        raise BackupError(f"{path} is no backup, or a damaged one.") from None


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        manifest = Manifest.from_json(archive.read(MANIFEST).decode())
    except (KeyError, ValueError, TypeError, AttributeError):
        raise BackupError(f"{archive.filename} is no backup, or a damaged one.") from None
    if manifest.format != FORMAT:
        raise BackupError(f"{archive.filename} was written by another version of Yadopera.")
    return manifest


def refuse_other_migrations(connection: psycopg.Connection[Any], manifest: Manifest) -> None:
    """With the same migrations there are the same tables and columns."""
    here, there = set(applied_migrations(connection)), set(manifest.migrations)
    if here == there:
        return
    missing, further = sorted(there - here), sorted(here - there)
    parts = []
    if missing:
        parts.append(f"the backup has {', '.join(missing)}, which the database lacks")
    if further:
        parts.append(f"the database has {', '.join(further)}, which the backup lacks")
    raise BackupError(
        f"The backup is of another version of Yadopera: {'; '.join(parts)}. Restore it with the "
        "version that made it, then upgrade."
    )


def refuse_rows(connection: psycopg.Connection[Any]) -> None:
    filled = [
        name
        for name in table_names()
        if name not in MADE_BY_MIGRATE
        and scalar(connection, sql.SQL("SELECT EXISTS (SELECT FROM {})"), name)
    ]
    if filled:
        raise BackupError(
            f"The database is not empty ({', '.join(filled[:3])}"
            f"{', …' if len(filled) > 3 else ''}). Use an empty one, or --replace to delete what "
            "it holds."
        )


def copy_in(
    connection: psycopg.Connection[Any], name: str, table: Table, archive: zipfile.ZipFile
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(name), listed(table.columns)
    )
    try:
        with (
            archive.open(member(name)) as source,
            connection.cursor() as cursor,
            cursor.copy(statement) as rows,
        ):
            while piece := source.read(PIECE_BYTES):
                rows.write(piece)
    except (KeyError, psycopg.DataError, psycopg.ProgrammingError):  # their words quote rows
        raise BackupError(f"What the backup holds of {name} cannot be read.") from None
    except psycopg.IntegrityError:
        raise BackupError(f"What the backup holds of {name} contradicts itself.") from None


def refuse_loose_ends(connection: psycopg.Connection[Any]) -> None:
    try:
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.IntegrityError:
        raise BackupError("Rows of the backup refer to others that it does not hold.") from None


# The database -----------------------------------------------------------------------------------


def table_names() -> list[str]:
    """Of all models and the links between them."""
    models = apps.get_models(include_auto_created=True)
    return sorted({m._meta.db_table for m in models if m._meta.managed and not m._meta.proxy})


def key_of(name: str) -> str:
    return next(
        str(m._meta.pk.column)
        for m in apps.get_models(include_auto_created=True)
        if m._meta.db_table == name and m._meta.pk
    )


def columns_of(connection: psycopg.Connection[Any], name: str) -> list[str]:
    """Those that are stored, and not computed by the database."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attname",
        [name],
    )
    return [column for (column,) in rows]


def applied_migrations(connection: psycopg.Connection[Any]) -> list[str]:
    known = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
    if known == (None,):
        raise BackupError("The database has no tables yet: run manage.py migrate first.")
    rows = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
    return [name for (name,) in rows]


def sequences(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, bool]]:
    found = {}
    for table in table_names():
        name = connection.execute(
            "SELECT c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid"
            " WHERE d.refobjid = %s::regclass AND d.deptype = 'i' AND c.relkind = 'S'",
            [table],
        ).fetchone()
        if name:
            state = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(*name))
            value, was_given = connection.execute(state).fetchone() or (1, False)
            found[name[0]] = value, was_given
    return found


def write_alike(connection: psycopg.Connection[Any]) -> None:
    for name, value in WRITTEN_AS.items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])


def scalar(connection: psycopg.Connection[Any], statement: sql.SQL, table: str) -> Any:
    row = connection.execute(statement.format(sql.Identifier(table))).fetchone()
    return row and row[0]


def listed(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def member(table: str) -> str:
    return f"tables/{table}.copy"

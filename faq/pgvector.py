"""Enabling pgvector, and what to tell the operator where that cannot be done."""

from typing import Any, Final

from django.core.checks import CheckMessage, Error, register
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from pgvector.django import VectorExtension

#: The first version with sparse vectors.
NEEDED: Final = (0, 7)
HOW_TO: Final = (
    "On Railway, use the PostgreSQL template that is named with pgvector; the plain one does not "
    "have it. On Render, every PostgreSQL has it: run 'CREATE EXTENSION vector;' once, with the "
    "command that the database's page shows under 'PSQL Command'. On a server of your own, install "
    "the package (Debian and Ubuntu: postgresql-NN-pgvector, NN being the server's version; "
    "Docker: the image pgvector/pgvector) and run 'CREATE EXTENSION vector;' in this database as "
    "a superuser. Then run this again."
)
NOT_INSTALLED: Final = (
    f"This PostgreSQL server does not have the extension pgvector 0.7 or later. {HOW_TO}"
)
NOT_ALLOWED: Final = (
    f"This PostgreSQL server has pgvector, but the role in DATABASE_URL may not enable it. {HOW_TO}"
)
OUTDATED: Final = (
    "The pgvector enabled in this database is older than 0.7. Install a newer one on the server "
    "(see the package of your system or host) and run 'ALTER EXTENSION vector UPDATE;' in this "
    "database. Then run this again."
)


def find_problem(connection: BaseDatabaseWrapper) -> str | None:
    """Why pgvector is not there and cannot be enabled; None when it is or can be.

    Whether the role may enable it is tried, and undone: managed hosts allow it to roles of which
    no catalogue says so.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        if row := cursor.fetchone():
            return None if is_new_enough(row[0]) else OUTDATED
        cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
        row = cursor.fetchone()
        if row is None or not is_new_enough(row[0]):
            return NOT_INSTALLED
        cursor.execute("SAVEPOINT try_pgvector" if connection.in_atomic_block else "BEGIN")
        try:
            cursor.execute("CREATE EXTENSION vector")
        except DatabaseError:
            return NOT_ALLOWED
        finally:
            rollback = "ROLLBACK TO SAVEPOINT try_pgvector"
            cursor.execute(rollback if connection.in_atomic_block else "ROLLBACK")
    return None


def is_new_enough(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")[:2]) >= NEEDED


class EnablePgvector(VectorExtension):
    """`CREATE EXTENSION vector`, unless it is there; a failure says what to do."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if problem := find_problem(schema_editor.connection):
            raise CommandError(problem)
        super().database_forwards(app_label, schema_editor, from_state, to_state)


@register
def check_pgvector(**kwargs: Any) -> list[CheckMessage]:
    """Run by `check` and before `migrate`."""
    try:
        problem = find_problem(connection)
    except DatabaseError:
        return []  # a database that does not answer is reported by whatever needs it
    return [Error(problem, id="faq.E001")] if problem else []

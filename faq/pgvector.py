"""Enabling pgvector, and what to tell the operator where that cannot be done."""

from typing import Any, Final

from django.core.checks import CheckMessage, Error, register
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from pgvector.django import VectorExtension

HOW_TO: Final = (
    "On Railway, use the PostgreSQL template that is named with pgvector; the plain one does not "
    "have it. On Render, every PostgreSQL has it: run 'CREATE EXTENSION vector;' once, with the "
    "command that the database's page shows under 'PSQL Command'. On a server of your own, install "
    "the package (Debian and Ubuntu: postgresql-NN-pgvector, NN being the server's version; "
    "Docker: the image pgvector/pgvector) and run 'CREATE EXTENSION vector;' in this database as "
    "a superuser. Then run this again."
)
NOT_INSTALLED: Final = f"This PostgreSQL server does not have the extension pgvector. {HOW_TO}"
NOT_ALLOWED: Final = (
    f"This PostgreSQL server has pgvector, but the role in DATABASE_URL may not enable it. {HOW_TO}"
)


def find_problem(connection: BaseDatabaseWrapper) -> str | None:
    """Why pgvector is not enabled in this database and cannot be; None when all is well."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
        if cursor.fetchone():
            return None
        # A trusted extension may be created by whoever may create schemas in the database.
        cursor.execute(
            "SELECT bool_or(role.rolsuper OR (version.trusted AND "
            "has_database_privilege(current_database(), 'CREATE'))) "
            "FROM pg_available_extension_versions version, pg_roles role "
            "WHERE version.name = 'vector' AND role.rolname = current_user"
        )
        (allowed,) = cursor.fetchone()
    return {None: NOT_INSTALLED, False: NOT_ALLOWED, True: None}[allowed]


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

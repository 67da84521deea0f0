"""Puts back what `backup` has written."""

from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from yadopera.backup import BackupError, restore_backup


class Command(BaseCommand):
    help = (
        "Puts back what `backup` wrote to FILE: all of it, compared afterwards, or nothing. The "
        "database is of the same version (manage.py migrate) and empty. Stop web, worker and beat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="delete first what the database holds"
        )

    def handle(self, *, file: Path, replace: bool, **options: Any) -> None:
        own = connection.get_new_connection(connection.get_connection_params())
        try:
            manifest = restore_backup(own, file, replace=replace)
        except BackupError as problem:
            raise CommandError(str(problem)) from None
        except psycopg.OperationalError:
            raise CommandError("The database broke off: nothing was changed.") from None
        finally:
            own.close()
        tables = len(manifest.tables)
        self.stdout.write(f"{manifest.rows} rows of {tables} tables, as of {manifest.made_at}.")

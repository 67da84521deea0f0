"""Everything the database holds, as one file."""

from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from yadopera.backup import BackupError, write_backup
from yadopera.models import Backup


class Command(BaseCommand):
    help = (
        "Writes everything the database holds, as it is at one moment, to FILE. What is encrypted "
        "in it needs the SECRET_KEY of this installation: keep both, and not in one place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        own = connection.get_new_connection(connection.get_connection_params())
        try:
            manifest = write_backup(own, file)
        except BackupError as problem:
            raise CommandError(str(problem)) from None
        except psycopg.OperationalError:
            raise CommandError("The database broke off: nothing was written.") from None
        finally:
            own.close()
        size = file.stat().st_size
        Backup.objects.create(rows=manifest.rows, size=size)
        self.stdout.write(f"{manifest.rows} rows of {len(manifest.tables)} tables, {size} bytes.")

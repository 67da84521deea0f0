from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chat.retention import purge_expired
from facilities import audit


class Command(BaseCommand):
    help = (
        "Deletes conversations that ended longer ago than their facility keeps them "
        "(90 days, unless it says otherwise), and entries of the staff's record after 400 days. "
        "Runs every night by itself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, **options: Any) -> None:
        purged = purge_expired(dry_run=options["dry_run"])
        for slug, count in purged.items():
            self.stdout.write(f"{slug}: {count}")
        done = "would be deleted" if options["dry_run"] else "deleted"
        self.stdout.write(f"{sum(purged.values())} conversations {done}.")
        entries = audit.purge(dry_run=options["dry_run"])
        self.stdout.write(f"{entries} entries of the record {done}.")

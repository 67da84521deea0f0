from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from nightqueue.models import QueueEntry
from nightqueue.outbox import send_pending
from nightqueue.services import make_digests


class Command(BaseCommand):
    help = (
        "Sends the morning digests that are due, as the worker does by itself, for this or any "
        "other moment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", metavar="ISO_TIME", help="such as 2026-12-01T08:00+09:00")
        parser.add_argument("--dry-run", action="store_true", help="only say what is due")

    def handle(self, **options: Any) -> None:
        at = moment(options["at"]) if options["at"] else timezone.now()
        if options["dry_run"]:
            due = QueueEntry.objects.due(at).select_related("facility", "escalation__message")
            for entry in due.order_by("facility", "due_at", "pk"):
                self.stdout.write(f"{entry.facility.slug} {entry.due_at:%Y-%m-%d %H:%M%z} {entry}")
            self.stdout.write(f"{due.count()} questions are due; nothing was sent.")
            return
        digests = make_digests(at)
        while send_pending():
            pass
        self.stdout.write(f"{len(digests)} digests made.")


def moment(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError("--at must be a time with its offset, such as 2026-12-01T08:00+09:00.")
    return at

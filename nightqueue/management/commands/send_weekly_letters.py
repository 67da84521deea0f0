from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from facilities.models import Membership
from nightqueue.letters import make_weekly_letters, weeks_to_tell
from nightqueue.management.commands.process_night_queue import moment
from nightqueue.outbox import send_pending
from nightqueue.weekly import Week


class Command(BaseCommand):
    help = (
        "Sends the weekly letters to owners that are due, as the worker does by itself, for this "
        "or any other moment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", metavar="ISO_TIME", help="such as 2026-12-07T08:00+09:00")
        parser.add_argument("--dry-run", action="store_true", help="only say what is due")

    def handle(self, **options: Any) -> None:
        at = moment(options["at"]) if options["at"] else timezone.now()
        if options["dry_run"]:
            count = 0
            for facility, week in weeks_to_tell(at):
                readers = Membership.objects.for_facility(facility).letter_readers().count()
                asked = Week(facility, week).figures.questions
                count += bool(asked and readers)
                self.stdout.write(
                    f"{facility.slug} week of {week}: {asked} questions, {readers} owners"
                )
            self.stdout.write(f"{count} letters are due; nothing was sent.")
            return
        letters = make_weekly_letters(at)
        while send_pending():
            pass
        self.stdout.write(f"{len(letters)} letters made.")

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from facilities.models import Facility
from faq.transfer import export_folder


class Command(BaseCommand):
    help = "Writes a facility as the files that import_facility reads. They hold its passwords."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("dir", metavar="DIR", type=Path)

    def handle(self, **options: Any) -> None:
        facility = Facility.objects.filter(slug=options["slug"]).first()
        if facility is None:
            raise CommandError(f"There is no facility with the slug {options['slug']}.")
        try:
            export_folder(facility, options["dir"])
        except OSError as error:
            raise CommandError(f"Cannot write to {error.filename}: {error.strerror}.") from None
        self.stdout.write(f"Written to {options['dir']}.")

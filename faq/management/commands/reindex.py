from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from facilities.models import Facility
from faq.embeddings import embed_outdated
from faq.services import reindex
from yadopera.ai import get_provider


class Command(BaseCommand):
    help = "Recomputes the missing and outdated search vectors. Safe to run at any time, twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slug", help="only this facility")

    def handle(self, **options: Any) -> None:
        facility = None
        if options["slug"]:
            facility = Facility.objects.filter(slug=options["slug"]).first()
            if facility is None:
                raise CommandError(f"There is no facility with the slug {options['slug']}.")
        self.stdout.write(f"{reindex(facility)} texts indexed.")
        if get_provider() is None:
            return
        done, problem = embed_outdated(facility_id=facility.pk if facility else None)
        self.stdout.write(f"{done} vectors made by the AI provider.")
        if problem:
            # The inn answers without them, so a release goes on; the worker tries again.
            self.stderr.write(f"Vectors are missing: {problem}.")

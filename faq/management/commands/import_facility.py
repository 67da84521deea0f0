from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    no_translations,
)
from django.db import transaction

from facilities.services import add_owner
from faq.transfer import ImportProblem, import_folder


class Command(BaseCommand):
    help = (
        "Creates or updates a facility, by its slug, from a folder with facility.json, faqs.csv "
        "and, optionally, wordings.csv. All or nothing. Prints the facility id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", metavar="DIR", type=Path)
        parser.add_argument("--owner-email", metavar="E", help="makes this person an owner")
        parser.add_argument("--owner-password", metavar="P", help="for an owner new to Yadopera")

    @no_translations  # what is wrong with the files is said in the language of all commands
    def handle(self, **options: Any) -> None:
        email, password = options["owner_email"], options["owner_password"]
        if password and not email:
            raise CommandError("--owner-password needs --owner-email.")
        try:
            with transaction.atomic():
                imported = import_folder(options["dir"])
                if email:
                    add_owner(imported.facility, email=email, password=password)
        except ImportProblem as problem:
            raise CommandError(problem.message) from None
        except ValidationError as error:
            raise CommandError(f"The owner could not be added: {error.messages[0]}") from None
        for key in imported.ignored:
            self.stderr.write(f"facility.json: {key} is not known here and was left out.")
        if imported.not_in_file:
            self.stderr.write(
                f"{len(imported.not_in_file)} FAQs of this facility are not in the file and stay "
                f"as they were: {', '.join(imported.not_in_file[:10])}"
            )
        self.stderr.write(f"{imported.created} FAQs created, {imported.updated} updated.")
        self.stdout.write(str(imported.facility.pk))

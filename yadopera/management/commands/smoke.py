"""Checks a deployed Yadopera from outside, as a guest's phone would reach it."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from yadopera.checklist import Outcome
from yadopera.smoke import Visit


class Command(BaseCommand):
    help = (
        "Checks the Yadopera at BASE_URL from outside, a line per check; 1 when one fails. Asks an "
        "emergency and votes only where SECRET_KEY is the server's: then staff are not disturbed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base_url", metavar="BASE_URL")
        parser.add_argument("--slug", default="demo", help="the facility to ask (default: demo)")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead")

    def handle(self, **options: Any) -> None:
        if not options["base_url"].startswith(("http://", "https://")):
            raise CommandError("BASE_URL must start with http:// or https://.")
        outcomes = []
        for outcome in Visit(options["base_url"], options["slug"]).outcomes():
            outcomes.append(outcome)
            if not options["json"]:
                self.stdout.write(str(outcome))
        failed = [outcome.name for outcome in outcomes if outcome.ok is False]
        if options["json"]:
            self.stdout.write(as_json(outcomes))
        if failed:
            raise CommandError(f"{len(failed)} checks failed: {', '.join(failed)}.")


def as_json(outcomes: list[Outcome]) -> str:
    """`{"ok", "checks": [{"name", "ok": true, false or null (not checked), "milliseconds",
    "detail"}]}`"""
    is_well = all(outcome.ok is not False for outcome in outcomes)
    return json.dumps({"ok": is_well, "checks": [asdict(each) for each in outcomes]})

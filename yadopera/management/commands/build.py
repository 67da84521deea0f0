"""The build step of every host: what can be made once, before anybody waits for it."""

from typing import Any

from django.core.management.base import BaseCommand

from chat.services import warm_up
from yadopera.static_files import collect_static_files


class Command(BaseCommand):
    help = (
        "Collects the static files and trains what reads questions, into YADOPERA_HOME. Needs no "
        "database. Without it the first process to start does the training, for twenty seconds."
    )
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        collect_static_files()
        warm_up()

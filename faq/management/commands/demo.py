from typing import Any

from django.core.management.base import BaseCommand

from faq.demo import load_demo


class Command(BaseCommand):
    help = "Loads the demo inn (slug: demo), or completes it. Safe to run twice."

    def handle(self, **options: Any) -> None:
        facility = load_demo()
        self.stdout.write(f"The demo inn is facility {facility.pk}, slug {facility.slug}.")

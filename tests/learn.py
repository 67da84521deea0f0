"""`make learn`: the month of tests/month.py, printed and drawn as docs/learning.svg.

Without an AI key, with a PostgreSQL and a Redis of its own, and from a fixed seed, so that two runs
of the same code print the same.
"""

import argparse
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

PICTURE = Path(__file__).parents[1] / "docs" / "learning.svg"
SEED = 20270401
WEEK = 7


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulates a month at an inn that learns.")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as services:
        os.environ |= {
            "YADOPERA_HOME": str(Path(folder) / "home"),
            "DJANGO_SETTINGS_MODULE": "yadopera.settings",
            "OPENAI_API_KEY": "",
        }
        import django

        from yadopera import settings
        from yadopera.embedded import Postgres, Redis, running

        services.enter_context(running(Postgres(settings.EMBEDDED)))
        services.enter_context(running(Redis(settings.EMBEDDED)))
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        simulate(options.seed)


def simulate(seed: int) -> None:
    from tests.month import DAYS, Month

    month = Month(seed)
    days, measured = [], {0: month.measure()}
    print("| day | questions | answered automatically | wrongly | open suggestions | FAQs | wordings |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for number, day in enumerate(month.days(), 1):
        days.append(day)
        print(
            f"| {number} | {day.tally.questions} | {part(day.tally, 'automatic')} "
            f"| {part(day.tally, 'wrong')} | {day.suggestions} | {day.faqs} | {day.wordings} |",
            flush=True,
        )
        if number % WEEK == 0 or number == DAYS:
            measured[number] = month.measure()
    print()
    print("| held out | answered automatically | rightly | wrongly |")
    print("| --- | ---: | ---: | ---: |")
    for number, tally in measured.items():
        print(f"| after {number} days | {part(tally, 'automatic')} | {part(tally, 'right')} | {part(tally, 'wrong')} |")
    print()
    print("; ".join(f"{what}: {count}" for what, count in month.done.items()))


def part(tally: Any, name: str) -> str:
    return f"{getattr(tally, name) / tally.questions:.2f}" if tally.questions else "-"


if __name__ == "__main__":
    main()

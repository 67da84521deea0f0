"""`make learn`: the month of tests/month.py, printed and drawn as docs/learning.svg.

Without an AI key, in a PostgreSQL and a Redis of its own, and from fixed seeds: two runs of the
same code print the same. The days are those of the first month; of the questions that are never
asked, which are few, each line is the sum of several months with the same guests in another order.
"""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.month import Day, Tally

PICTURE = Path(__file__).parents[1] / "docs" / "learning.svg"
SEEDS = range(1, 6)
WEEK = 7


def simulate() -> None:
    from django.core.management import call_command

    from tests.learning_picture import draw

    days, measured = run_month(SEEDS[0], shown=True)
    for seed in SEEDS[1:]:
        call_command("flush", interactive=False, verbosity=0)
        _days, again = run_month(seed)
        measured = {number: tally + again[number] for number, tally in measured.items()}
    print(f"\nQuestions never asked, in {len(SEEDS)} months:\n")
    head("after", "questions", "answered", "wrongly", "of the answers")
    for number, tally in measured.items():
        row(
            f"{number} days", tally.questions, *rates(tally), f"{tally.wrong / tally.automatic:.3f}"
        )
    PICTURE.write_text(draw(days, measured), encoding="utf-8")


def run_month(seed: int, *, shown: bool = False) -> "tuple[list[Day], dict[int, Tally]]":
    """Its days, and what the questions that are held out gave at the start, at each week's end and
    at last, by the number of days that had passed."""
    from tests.month import DAYS, Month

    month = Month(seed)
    days, measured = [], {0: month.measure()}
    if shown:
        head("day", "questions", "answered", "wrongly", "open suggestions", "FAQs", "wordings")
    for number, day in enumerate(month.days(), 1):
        days.append(day)
        if shown:
            asked = day.tally.questions
            row(number, asked, *rates(day.tally), day.suggestions, day.faqs, day.wordings)
        if number % WEEK == 0 or number == DAYS:
            measured[number] = month.measure()
    done = ", ".join(f"{what}: {count}" for what, count in month.done.items())
    print(f"\nSuggestions and wordings of month {seed}: {done}.", flush=True)
    return days, measured


def rates(tally: "Tally") -> tuple[str, str]:
    """Parts of all questions: answered without a person, and answered so but wrongly."""
    asked = max(tally.questions, 1)
    return f"{tally.automatic / asked:.3f}", f"{tally.wrong / asked:.3f}"


def head(*names: str) -> None:
    row(*names)
    row(*("---:" for _name in names))


def row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def main() -> None:
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
        simulate()


if __name__ == "__main__":
    main()

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chat.evaluation import BadSet, collect_evidence, find_sets
from faq.calibration import fit
from faq.confidence import FILE, NAMES, Coefficients
from faq.transfer import ImportProblem


class Command(BaseCommand):
    help = (
        "Fits the confidence to evaluation sets (see evaluate) and writes its coefficients to "
        f"faq/{FILE.name}. Measure on other sets than those it was fitted on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dirs", metavar="DIR", type=Path, nargs="+")

    def handle(self, **options: Any) -> None:
        try:
            folders = [folder for path in options["dirs"] for folder in find_sets(path)]
            samples = [sample for folder in folders for sample in collect_evidence(folder)]
            fitted = fit(samples)
        except (BadSet, ImportProblem) as problem:
            raise CommandError(problem.message) from None
        except ValueError as error:
            raise CommandError(f"Nothing to fit: {error}.") from None
        # Brier score (Brier 1950): the mean squared distance of chance and outcome; 0 is perfect.
        brier = sum((fitted.chance(seen) - right) ** 2 for seen, right in samples) / len(samples)
        names = [folder.resolve().name for folder in folders]
        FILE.write_text(toml(fitted, names, len(samples), brier), encoding="utf-8")
        self.stdout.write(f"{len(samples)} questions, Brier score {brier:.3f}, written to {FILE}.")


def toml(fitted: Coefficients, sets: list[str], questions: int, brier: float) -> str:
    lines = [
        "# Written by manage.py fit_confidence; see faq/confidence.py.",
        f"date = {timezone.localdate().isoformat()}",
        f"sets = {sets}".replace("'", '"'),
        f"questions = {questions}",
        f"brier_score = {brier:.4f}",
        f"intercept = {fitted.intercept:.6f}",
        "",
        "[coefficients]",
        *(f"{n} = {s:.6f}" for n, s in zip(NAMES, fitted.slopes, strict=True)),
    ]
    return "\n".join(lines) + "\n"

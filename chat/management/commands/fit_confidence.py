import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chat.evaluation import BadSet, collect_examples, find_sets
from faq.calibration import Example, fit, fit_foreign, look
from faq.confidence import FILE, NAMES, VIEWS, Calibration
from faq.transfer import ImportProblem
from yadopera.ai import ProviderError, get_provider


class Command(BaseCommand):
    help = (
        "Fits the ranking and the confidence to evaluation sets (see evaluate) and writes them to "
        f"faq/{FILE.name}: the part for searches without vectors, or, when an AI provider is set, "
        "the part for searches with them. Measure on other sets than those it was fitted on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dirs", metavar="DIR", type=Path, nargs="+")

    def handle(self, **options: Any) -> None:
        provider = get_provider()
        views = VIEWS if provider else VIEWS[:-1]
        try:
            folders = [folder for path in options["dirs"] for folder in find_sets(path)]
            examples = [example for folder in folders for example in collect_examples(folder)]
            untranslated = [
                example
                for folder in folders
                for example in collect_examples(folder, untranslated=True)
            ]
            fitted = fit_foreign(fit(examples, views=views), [*examples, *untranslated])
        except (BadSet, ImportProblem) as problem:
            raise CommandError(problem.message) from None
        except (ValueError, ProviderError) as error:
            raise CommandError(f"Nothing to fit: {error}.") from None
        parts = tomllib.loads(FILE.read_text(encoding="utf-8"))
        parts["with_vectors" if provider else "without_vectors"] = {
            "date": timezone.localdate(),
            "model": provider.embedding_model if provider else "",
            "sets": [folder.resolve().name for folder in folders],
            "questions": len(examples),
            "brier_score": brier_score(fitted, examples),
            **described(fitted),
        }
        FILE.write_text(toml(parts), encoding="utf-8")
        score = parts["with_vectors" if provider else "without_vectors"]["brier_score"]
        self.stdout.write(f"{len(examples)} questions, Brier score {score:.3f}, written to {FILE}.")


def brier_score(fitted: Calibration, examples: list[Example]) -> float:
    """The mean squared distance of chance and outcome (Brier 1950); 0 is perfect."""
    seen = [look(example, fitted) for example in examples]
    return sum((fitted.first.chance(evidence) - right) ** 2 for evidence, right, _ in seen) / len(
        seen
    )


def described(fitted: Calibration) -> dict[str, dict[str, float]]:
    parts = {"weights": dict(zip(VIEWS, fitted.weights, strict=True))}
    for name, part in (("first", fitted.first), ("any", fitted.any)):
        parts[name] = {"intercept": part.intercept, **dict(zip(NAMES, part.slopes, strict=True))}
    return parts


def toml(parts: dict[str, Any]) -> str:
    lines = ["# Written by manage.py fit_confidence; see faq/confidence.py."]
    for name, part in parts.items():
        lines += ["", f"[{name}]", *(line(k, v) for k, v in part.items() if type(v) is not dict)]
        for table, values in part.items():
            if type(values) is dict:
                lines += ["", f"[{name}.{table}]", *(line(k, v) for k, v in values.items())]
    return "\n".join(lines) + "\n"


def line(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{name} = {value:.4f}"
    if isinstance(value, list):
        return f"{name} = [{', '.join(f'{item!r}' for item in value)}]".replace("'", '"')
    return f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}"

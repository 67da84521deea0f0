from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.evaluation import (
    BadSet,
    answer_set,
    calls_table,
    find_sets,
    found_table,
    reliability_table,
    score_table,
    write_answers,
)
from faq.transfer import ImportProblem
from yadopera.ai import ProviderError, get_provider


class Command(BaseCommand):
    help = (
        "Asks the questions of an evaluation set (a folder with facility.json, faqs.csv and "
        "questions.jsonl, or a folder of such folders) and prints the scores. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", metavar="DIR", type=Path)
        parser.add_argument("--answers", metavar="OUT.jsonl", type=Path)

    def handle(self, **options: Any) -> None:
        try:
            pairs = [pair for folder in find_sets(options["dir"]) for pair in answer_set(folder)]
        except (BadSet, ImportProblem) as problem:
            raise CommandError(problem.message) from None
        except ProviderError as error:
            raise CommandError(f"The AI provider failed: {error}.") from None
        if options["answers"]:
            try:
                write_answers(pairs, options["answers"])
            except OSError as error:
                raise CommandError(f"Cannot write {error.filename}: {error.strerror}.") from None
        tables = [score_table(pairs), found_table(pairs), reliability_table(pairs)]
        if get_provider():
            tables.append(calls_table(pairs))
        self.stdout.write("\n\n".join(filter(None, tables)))

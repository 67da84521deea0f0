from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.evaluation import (
    BadSet,
    answer_set,
    find_sets,
    reliability_table,
    score_table,
    write_answers,
)
from faq.transfer import ImportProblem


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
        if options["answers"]:
            try:
                write_answers(pairs, options["answers"])
            except OSError as error:
                raise CommandError(f"Cannot write {error.filename}: {error.strerror}.") from None
        self.stdout.write(score_table(pairs) + "\n")
        self.stdout.write(reliability_table(pairs))

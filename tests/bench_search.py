"""Searches in a database of many inns: hits and times beside those of one inn alone.

`python -m tests.bench_search --facilities 1000` makes 1,000 inns of 200 FAQs in seven languages,
1.4 million texts, in a PostgreSQL of its own. The inns are copies of one, so each must find what
that one finds, and in the same time.
"""

import argparse
import contextlib
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

FAQS = 200
QUESTIONS = 60


def measure(facilities: int) -> tuple[dict[str, float], dict[str, float]]:
    """What one inn alone, and inns among `facilities`, found and took: `{"hits": share,
    "median_ms", "p95_ms"}` each."""
    from facilities.models import Facility

    first, questions = make_inn()
    alone = ask([first], questions)
    copy_inn(first, facilities - 1)
    inns = list(Facility.objects.order_by("pk"))
    random.Random(5).shuffle(inns)
    return alone, ask(inns[:20], questions)


def make_inn() -> tuple[Any, list[tuple[str, str, str]]]:
    """An inn whose FAQs are the library's intents; questions as (intent, language, text)."""
    import tomllib

    from facilities.models import Facility
    from faq.library import library_files
    from faq.models import Faq, FaqTranslation
    from faq.services import bulk_create_texts
    from yadopera.languages import LANGUAGES

    inn = Facility.objects.create(slug="inn-0", name="Inn 0")
    texts, questions = [], []
    for path in library_files()[:FAQS]:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        faq = Faq.objects.create(facility=inn, intent_key=path.stem, category="basic")
        for language in LANGUAGES:
            title, *others = data[language]
            texts.append(FaqTranslation(faq=faq, language=language, question=title, answer=title))
            questions.append((path.stem, language, others[-1]))
    bulk_create_texts(texts)
    random.Random(3).shuffle(questions)
    return inn, questions[:QUESTIONS]


def copy_inn(inn: Any, times: int) -> None:
    from django.db import connection

    from faq.models import FaqTranslation

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO facilities_facility SELECT (jsonb_populate_record(f, jsonb_build_object("
            "'id', f.id + n, 'slug', 'inn-' || n))).* "
            "FROM facilities_facility f, generate_series(1, %s) n WHERE f.id = %s",
            [times, inn.pk],
        )
        cursor.execute(
            "INSERT INTO faq_faq SELECT (jsonb_populate_record(q, jsonb_build_object("
            "'id', q.id + n * 100000, 'facility_id', q.facility_id + n))).* "
            "FROM faq_faq q, generate_series(1, %s) n WHERE q.facility_id = %s",
            [times, inn.pk],
        )
        columns = [
            field.column
            for field in FaqTranslation._meta.concrete_fields
            if field.name not in {"id", "faq"}
        ]
        names = ", ".join(columns)
        copied = ", ".join(f"t.{column}" for column in columns)
        cursor.execute(
            f"INSERT INTO faq_faqtranslation (faq_id, {names}) "  # noqa: S608 (fixed names)
            f"SELECT t.faq_id + n * 100000, {copied} FROM generate_series(1, %s) n, "
            "faq_faqtranslation t JOIN faq_faq q ON q.id = t.faq_id WHERE q.facility_id = %s "
            "ORDER BY n",
            [times, inn.pk],
        )
        cursor.execute("ANALYZE")


def ask(inns: list[Any], questions: list[tuple[str, str, str]]) -> dict[str, float]:
    from faq.models import Faq
    from faq.search import search_faqs

    times, hits, asked = [], 0, 0
    for inn in inns:
        intents = dict(Faq.objects.for_facility(inn).values_list("pk", "intent_key"))
        for intent, language, text in questions:
            started = time.perf_counter()
            matches = search_faqs(inn, text, language=language).matches
            times.append((time.perf_counter() - started) * 1000)
            hits += bool(matches) and intents[matches[0].faq_id] == intent
            asked += 1
    times.sort()
    return {
        "hits": hits / asked,
        "median_ms": statistics.median(times),
        "p95_ms": times[int(0.95 * len(times))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures searches among many inns.")
    parser.add_argument("--facilities", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as services:
        home = Path(folder) / "home"
        os.environ |= {"YADOPERA_HOME": str(home), "DJANGO_SETTINGS_MODULE": "yadopera.settings"}
        import django

        from yadopera import settings
        from yadopera.embedded import Postgres, running

        services.enter_context(running(Postgres(settings.EMBEDDED)))
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        alone, among = measure(options.facilities)
        texts = options.facilities * FAQS * 7
        print("| searches of an inn with 200 FAQs in 7 languages | hits | median | 95 % |")
        print("| --- | --- | --- | --- |")
        for name, row in (("alone", alone), (f"among {texts:,} texts of all inns", among)):
            print(
                f"| {name} | {row['hits']:.3f} | {row['median_ms']:.1f} ms "
                f"| {row['p95_ms']:.1f} ms |"
            )


if __name__ == "__main__":
    main()

"""A CSV file of 5,000 FAQs in seven languages: previewed, imported, made findable by the worker.

`python -m tests.bench_files` measures it in a PostgreSQL of its own, twice: all of it new to the
inn, then with every answer changed.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 5000


def make_file(word: str) -> bytes:
    """FAQs of 40 to 300 characters, as inns write them; `word` is in each answer."""
    from faq.presets import load_presets
    from faq.transfer import as_csv
    from yadopera.languages import LANGUAGES

    presets = load_presets()
    rows: list[dict[str, object]] = []
    for number in range(ROWS):
        preset = presets[number % len(presets)]
        row: dict[str, object] = {"category": preset.category, "intent_key": f"row_{number}"}
        for code, text in preset.texts.items():
            row[f"language_{code}_question"] = f"{text.question} {number}"
            row[f"language_{code}_answer"] = f"{text.answer} {word}"
        rows.append(row)
    return as_csv(rows, list(LANGUAGES), "utf-8-sig")


def measure(content: bytes, facility: Any, user: Any) -> dict[str, float]:
    """Seconds of each step, as the pages take it."""
    from faq.models import FaqUpload
    from faq.services import reindex
    from faq.uploads import compare, import_upload, keep_upload, read_upload

    def preview() -> tuple[FaqUpload, str]:
        upload = keep_upload(
            facility=facility,
            user=user,
            name="faqs.csv",
            content=content,
            mode=FaqUpload.Mode.UPDATE,
        )
        upload = FaqUpload.objects.select_related("facility").get(pk=upload.pk)
        return upload, compare(upload, read_upload(upload)).digest()

    previewed, (upload, digest) = timed(preview)
    imported, _ = timed(lambda: import_upload(upload, actor=user, digest=digest))
    indexed, count = timed(lambda: reindex(facility))
    return {"preview": previewed, "import": imported, "index": indexed, "texts": count}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    made = call()
    return time.perf_counter() - started, made


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as services:
        home = Path(folder) / "home"
        os.environ |= {"YADOPERA_HOME": str(home), "DJANGO_SETTINGS_MODULE": "yadopera.settings"}
        import django

        from yadopera import settings
        from yadopera.embedded import Postgres, Redis, running

        services.enter_context(running(Postgres(settings.EMBEDDED)))
        services.enter_context(running(Redis(settings.EMBEDDED)))
        django.setup()
        from django.core.management import call_command

        from facilities.models import Facility, User
        from faq.understanding import load_reader

        call_command("migrate", verbosity=0)
        load_reader()
        inn = Facility.objects.create(slug="inn", name="Inn")
        user = User.objects.create_user("owner@inn.example.com", "a password of no account 1")
        print(f"| {ROWS:,} FAQs in 7 languages | preview | import | found by guests after |")
        print("| --- | --- | --- | --- |")
        for name, word in (("all new", "old"), ("every answer changed", "new")):
            content = make_file(word)
            row = measure(content, inn, user)
            print(
                f"| {name} ({len(content) / 1e6:.1f} MB) | {row['preview']:.1f} s "
                f"| {row['import']:.1f} s | {row['index']:.0f} s, {row['texts']:,.0f} texts |",
                flush=True,
            )


if __name__ == "__main__":
    main()

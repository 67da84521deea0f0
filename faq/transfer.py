"""A facility and its FAQs as files: `facility.json`, `faqs.csv` and, where guests' wordings are
known, `wordings.csv`. Import changes everything or nothing."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from facilities.models import Facility
from faq.models import ANSWER_LENGTH, QUESTION_LENGTH, Faq, FaqTranslation, FaqWording, GuestText
from faq.services import bulk_create_texts
from yadopera.errors import InvalidRequest
from yadopera.languages import LANGUAGES

FACILITY_FIELDS: Final = (
    "name",
    "name_en",
    "slug",
    "email",
    "phone",
    "address",
    "timezone",
    "check_in_time",
    "check_out_time",
    "wifi_ssid",
    "wifi_password",
    "house_rules",
    "local_info",
    "prohibited_items",
    "languages",
    # Ours, beyond what a v0.3 file holds:
    "language",
    "wifi_password_visibility",
    "emergency_contact",
    "nearest_hospital",
)
FAQ_FIELDS: Final = ("category", "intent_key", "priority", "is_active", "visibility")
WORDING_FIELDS: Final = ("intent_key", "language", "origin", "text")
TRUE: Final = frozenset({"true", "1", "yes", ""})
FALSE: Final = frozenset({"false", "0", "no"})
#: Problems named in one message; the rest are counted.
PROBLEMS_SHOWN: Final = 10


class ImportProblem(InvalidRequest):
    """The files cannot be imported; the message names the line and the column."""


@dataclass
class FaqRow:
    category: str
    intent_key: str
    priority: int
    is_active: bool
    #: None when the file leaves it open.
    visibility: str | None
    #: language -> (question, answer)
    texts: dict[str, tuple[str, str]]


@dataclass
class WordingRow:
    intent_key: str
    language: str
    origin: str
    text: str


@dataclass
class Imported:
    facility: Facility
    created: int = 0
    updated: int = 0
    #: Keys of FAQs that the facility had and the file does not: left as they are.
    not_in_file: list[str] = field(default_factory=list)
    #: Keys of facility.json that mean nothing here.
    ignored: list[str] = field(default_factory=list)


def import_folder(folder: Path, *, slug: str | None = None) -> Imported:
    """Create or update a facility, by slug, from `folder`. Raises ImportProblem.

    `slug` replaces the one in the file: a copy of the facility under another address.
    """
    data = read_facility(folder / "facility.json")
    data["slug"] = slug or data["slug"]
    rows = read_faqs(folder / "faqs.csv")
    wordings_path = folder / "wordings.csv"
    wordings = read_wordings(wordings_path, rows) if wordings_path.exists() else None
    with transaction.atomic():
        facility = save_facility(data)
        imported = save_faqs(facility, rows)
        if wordings is not None:
            save_wordings(facility, wordings)
    imported.ignored = sorted(set(data) - set(FACILITY_FIELDS))
    return imported


# Reading ----------------------------------------------------------------------------------------


def read_text(path: Path) -> str:
    """UTF-8, with or without a byte order mark, or CP932 as Excel in Japan writes it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ImportProblem(f"cannot read {path}: {error.strerror}.") from None
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ImportProblem(f"{path.name} is neither UTF-8 nor CP932 (Shift_JIS).")


def read_facility(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ImportProblem(f"{path.name}{where}: not JSON.") from None
    if not isinstance(data, dict):
        raise ImportProblem(f"{path.name}: not a JSON object.")
    for key in ("name", "slug"):
        if not data.get(key):
            raise ImportProblem(f"{path.name}: {key} is missing.")
    for key in FACILITY_FIELDS:
        if not is_plain(data.get(key), of_list=key == "languages"):
            kind = "a list of language codes" if key == "languages" else "a text"
            raise ImportProblem(f"{path.name}: {key} must be {kind}.")
    return data


def is_plain(value: object, *, of_list: bool) -> bool:
    """Whether `value` is nothing, or text (a list of texts) that PostgreSQL can store."""
    if value is None:
        return True
    if of_list:
        return isinstance(value, list) and all(is_plain(v, of_list=False) for v in value)
    return isinstance(value, str) and not re.search("[\x00\ud800-\udfff]", value)


def read_faqs(path: Path) -> list[FaqRow]:
    return parse_faqs(read_text(path), name=path.name)


def parse_faqs(text: str, *, name: str = "faqs.csv") -> list[FaqRow]:
    """The rows of a FAQ file. Raises ImportProblem naming every bad cell it shows."""
    rows, problems = [], []
    for line, cells in csv_rows(text, name, required={"category"}):
        row, wrong = parse_faq_row(cells)
        problems += [f"{name} line {line}, {problem}" for problem in wrong]
        rows.append(row)
    keys = Counter(row.intent_key for row in rows if row.intent_key)
    problems += [
        f"{name}: intent_key {key!r} is there {n} times" for key, n in keys.items() if n > 1
    ]
    raise_problems(problems)
    return rows


def csv_rows(text: str, name: str, *, required: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(number of the line on which a row starts, column -> stripped cell) for rows not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = [column.strip() for column in next(reader, [])]
        check_header(header, name, required)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) > len(header):
                    raise ImportProblem(
                        f"{name} line {line}: {len(cells)} cells, but {len(header)} columns."
                    )
                padded = cells + [""] * (len(header) - len(cells))
                yield line, {c: v.strip() for c, v in zip(header, padded, strict=True)}
            line = reader.line_num + 1
    except csv.Error as error:
        raise ImportProblem(f"{name} line {line}: not CSV ({error}).") from None


def check_header(header: list[str], name: str, required: set[str]) -> None:
    if missing := sorted(required - set(header)):
        raise ImportProblem(f"{name} line 1: the column {missing[0]} is missing.")
    if twice := [column for column, n in Counter(header).items() if n > 1 and column]:
        raise ImportProblem(f"{name} line 1: the column {twice[0]} is there twice.")
    known = {f"language_{code}_{part}" for code in LANGUAGES for part in ("question", "answer")}
    for column in header:
        if column.startswith("language_") and column not in known:
            raise ImportProblem(
                f"{name} line 1: the column {column} is of no known language "
                f"({', '.join(LANGUAGES)})."
            )


def parse_faq_row(cells: dict[str, str]) -> tuple[FaqRow, list[str]]:
    """The row, and what is wrong with it: 'column NAME: PROBLEM'."""
    wrong: list[str] = []

    def problem(column: str, text: str) -> None:
        wrong.append(f"column {column}: {text}")

    category = cells["category"].lower()
    if category not in Faq.Category.values:
        problem("category", f"must be one of {', '.join(Faq.Category.values)}")
    priority = cells.get("priority", "") or "3"
    if priority not in {"1", "2", "3", "4", "5"}:
        problem("priority", "must be a number from 1 to 5")
        priority = "3"
    active = cells.get("is_active", "").lower()
    if active not in TRUE | FALSE:
        problem("is_active", "must be true or false")
    visibility = cells.get("visibility", "").lower() or None
    if visibility not in {None, *Facility.Visibility.values}:
        problem("visibility", "must be anyone or on_site")
    key = cells.get("intent_key", "")
    if len(key) > 100:
        problem("intent_key", "is longer than 100 characters")
    texts = parse_texts(cells, problem)
    if not texts and not wrong:
        problem("language_…", "no language has both a question and an answer")
    for column, cell in cells.items():
        if "\x00" in cell:
            problem(column, "holds a NUL character")
    row = FaqRow(category, key, int(priority), active in TRUE, visibility, texts)
    row.intent_key = key or generated_key(row)
    return row, wrong


def parse_texts(cells: dict[str, str], problem: Any) -> dict[str, tuple[str, str]]:
    texts = {}
    for language in LANGUAGES:
        columns = [f"language_{language}_{part}" for part in ("question", "answer")]
        pair = [cells.get(column, "") for column in columns]
        for column, text, limit in zip(
            columns, pair, (QUESTION_LENGTH, ANSWER_LENGTH), strict=True
        ):
            if len(text) > limit:
                problem(column, f"is longer than {limit} characters")
        if all(pair):
            texts[language] = (pair[0], pair[1])
        elif any(pair):
            problem(columns[bool(pair[0])], "is empty, but its other half is not")
    return texts


def generated_key(row: FaqRow) -> str:
    """A key for a row without one; the same question gets the same key at the next import."""
    question = next((question for question, _answer in row.texts.values()), "")
    return f"{row.category}_{hashlib.sha256(question.encode()).hexdigest()[:10]}"


def read_wordings(path: Path, faqs: list[FaqRow]) -> list[WordingRow]:
    rows, problems = [], []
    keys = {row.intent_key for row in faqs}
    for line, cells in csv_rows(read_text(path), path.name, required=set(WORDING_FIELDS)):
        row = WordingRow(**{column: cells[column] for column in WORDING_FIELDS})
        if row.origin == "preset":  # in files exported before the library held these
            continue
        wrong = {
            "intent_key": row.intent_key not in keys,
            "language": row.language not in LANGUAGES,
            "origin": row.origin not in FaqWording.Origin.values,
            "text": not 0 < len(row.text) <= QUESTION_LENGTH or "\x00" in row.text,
        }
        problems += [
            f"{path.name} line {line}, column {column}: not a known value"
            for column, bad in wrong.items()
            if bad
        ]
        rows.append(row)
    raise_problems(problems)
    return rows


def raise_problems(problems: list[str]) -> None:
    if problems:
        more = len(problems) - PROBLEMS_SHOWN
        tail = f"; and {more} more" if more > 0 else ""
        raise ImportProblem("; ".join(problems[:PROBLEMS_SHOWN]) + tail + ". Nothing was imported.")


# Writing to the database ------------------------------------------------------------------------


def save_facility(data: dict[str, Any]) -> Facility:
    facility = Facility.objects.filter(slug=data["slug"]).first() or Facility()
    for name in FACILITY_FIELDS:
        if name in data:
            value = data[name]
            is_time = name in {"check_in_time", "check_out_time"}
            setattr(
                facility, name, (value or None) if is_time else ("" if value is None else value)
            )
    try:
        facility.full_clean(validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise ImportProblem(f"facility.json: {name}: {messages[0]} Nothing was imported.") from None
    facility.save()
    facility.refresh_from_db()  # times come back as times
    return facility


def save_faqs(facility: Facility, rows: list[FaqRow]) -> Imported:
    known = {faq.intent_key: faq for faq in Faq.objects.for_facility(facility)}
    imported = Imported(facility, not_in_file=sorted(set(known) - {r.intent_key for r in rows}))
    new: list[Faq] = []
    changed: list[Faq] = []
    for row in rows:
        faq = known.get(row.intent_key) or Faq(facility=facility, intent_key=row.intent_key)
        faq.category, faq.priority, faq.is_active = row.category, row.priority, row.is_active
        faq.visibility = row.visibility or faq_visibility(facility, row)
        (changed if faq.pk else new).append(faq)
    Faq.objects.bulk_create(new)
    Faq.objects.bulk_update(
        changed, ["category", "priority", "is_active", "visibility"], batch_size=500
    )
    imported.created, imported.updated = len(new), len(changed)
    save_translations(facility, {faq.intent_key: faq for faq in new + changed}, rows)
    return imported


def faq_visibility(facility: Facility, row: FaqRow) -> str:
    """An answer that tells the Wi-Fi password is for guests at the inn, unless the file says
    otherwise."""
    answers = [answer for _question, answer in row.texts.values()]
    secret = facility.wifi_password_visibility == Facility.Visibility.ON_SITE and any(
        "{wifi_password}" in answer or facility.keeps_secret(answer) for answer in answers
    )
    return Facility.Visibility.ON_SITE if secret else Facility.Visibility.ANYONE


def save_translations(facility: Facility, faqs: dict[str, Faq], rows: list[FaqRow]) -> None:
    """Make the texts of `faqs` those of the file; texts that did not change keep their vectors."""
    stored = {
        (text.faq_id, text.language): text
        for text in FaqTranslation.objects.for_facility(facility).filter(faq__in=faqs.values())
    }
    new: list[GuestText] = []
    for row in rows:
        faq = faqs[row.intent_key]
        for language, (question, answer) in row.texts.items():
            text = stored.pop((faq.pk, language), None)
            if text is None:
                new.append(
                    FaqTranslation(faq=faq, language=language, question=question, answer=answer)
                )
            elif (text.question, text.answer) != (question, answer):
                text.question, text.answer, text.embedding = question, answer, None
                text.save()
    FaqTranslation.objects.filter(pk__in=[text.pk for text in stored.values()]).delete()
    bulk_create_texts(new)


def save_wordings(facility: Facility, rows: list[WordingRow]) -> None:
    faqs = {faq.intent_key: faq for faq in Faq.objects.for_facility(facility)}
    stored = {
        (wording.faq_id, wording.language, wording.text): wording
        for wording in FaqWording.objects.for_facility(facility)
    }
    new: dict[tuple[int, str, str], GuestText] = {}
    for row in rows:
        faq = faqs[row.intent_key]
        key = (faq.pk, row.language, row.text)
        if stored.pop(key, None) is None:
            new[key] = FaqWording(faq=faq, language=row.language, text=row.text, origin=row.origin)
    in_file = {faqs[row.intent_key].pk for row in rows}
    gone = [wording.pk for wording in stored.values() if wording.faq_id in in_file]
    FaqWording.objects.filter(pk__in=gone).delete()
    bulk_create_texts(list(new.values()))


# Exporting --------------------------------------------------------------------------------------


def export_folder(facility: Facility, folder: Path) -> None:
    """Write what `import_folder` reads. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {name: getattr(facility, name) for name in FACILITY_FIELDS}
    for name in ("check_in_time", "check_out_time"):
        data[name] = f"{data[name]:%H:%M}" if data[name] else ""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    (folder / "facility.json").write_text(text + "\n", encoding="utf-8")
    faqs = list(
        Faq.objects.for_facility(facility)
        .order_by("category", "intent_key")
        .prefetch_related("translations", "wordings")
    )
    write_csv(folder / "faqs.csv", (faq_cells(faq) for faq in faqs), faq_columns())
    wordings = (cells for faq in faqs for cells in wording_cells(faq))
    write_csv(folder / "wordings.csv", wordings, list(WORDING_FIELDS))


def faq_columns() -> list[str]:
    parts = ("question", "answer")
    return [*FAQ_FIELDS, *(f"language_{code}_{part}" for code in LANGUAGES for part in parts)]


def faq_cells(faq: Faq) -> dict[str, object]:
    cells: dict[str, object] = {name: getattr(faq, name) for name in FAQ_FIELDS}
    cells["is_active"] = "true" if faq.is_active else "false"
    for text in faq.translations.all():
        cells[f"language_{text.language}_question"] = text.question
        cells[f"language_{text.language}_answer"] = text.answer
    return cells


def wording_cells(faq: Faq) -> list[dict[str, object]]:
    wordings = sorted(faq.wordings.all(), key=lambda wording: (wording.language, wording.pk))
    return [
        {"intent_key": faq.intent_key, "language": w.language, "origin": w.origin, "text": w.text}
        for w in wordings
    ]


def write_csv(path: Path, rows: Iterator[dict[str, object]] | Any, columns: list[str]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)

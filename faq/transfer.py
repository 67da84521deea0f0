"""A facility and its FAQs as files: `facility.json`, `faqs.csv` and, where guests' wordings are
known, `wordings.csv`. Import changes everything or nothing."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.utils.translation import gettext

from facilities.models import Facility, User
from faq.history import recording
from faq.models import (
    ANSWER_LENGTH,
    KEY_LENGTH,
    QUESTION_LENGTH,
    VECTORS,
    Faq,
    FaqRevision,
    FaqTranslation,
    FaqWording,
    GuestText,
)
from faq.services import BATCH, bulk_create_texts, derived_key, fitting_visibility
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
#: Characters of a column's name that a problem repeats.
COLUMN_SHOWN: Final = 40
#: Characters of a bad cell that its problem keeps.
VALUE_SHOWN: Final = 40
#: Texts that are found at once when they are added; of more, the worker makes the index.
INDEXED_AT_ONCE: Final = 500
#: Rows of one upload.
UPLOADED_ROWS: Final = 5000
#: What spreadsheets calculate when a cell begins with it, after any apostrophes of ours.
FORMULA: Final = re.compile("'*[=+@＝＋－＠-]")


class ImportProblem(InvalidRequest):
    """The files cannot be imported; the text names the line and the column."""

    def __init__(self, text: str) -> None:
        super().__init__(text=text)


class Place(NamedTuple):
    """Where a row is. A cell with line breaks takes several lines, but a spreadsheet shows one
    row."""

    #: On which it starts; the header is on the first.
    line: int
    #: As a spreadsheet counts.
    row: int


@dataclass(frozen=True)
class Problem:
    """What is wrong in a table, in the language of who reads it."""

    text: str
    #: None for the file as a whole.
    place: Place | None = None
    #: Empty for the row as a whole.
    column: str = ""
    #: What stands in a short cell instead, for whoever has sent the file; `text` repeats nothing.
    value: str = ""

    @property
    def line(self) -> int | None:
        return self.place and self.place.line

    def __str__(self) -> str:
        if self.line is None:
            return self.text
        if not self.column:
            return gettext("line %(line)d: %(text)s") % {"line": self.line, "text": self.text}
        where = {"line": self.line, "column": self.column, "text": self.text}
        return gettext("line %(line)d, column %(column)s: %(text)s") % where


@dataclass
class FaqRow:
    #: On which it starts.
    line: int
    category: str
    intent_key: str
    priority: int
    is_active: bool
    #: Empty when the file leaves it open.
    visibility: str
    #: language -> (question, answer)
    texts: dict[str, tuple[str, str]]
    #: Of priority, is_active and visibility those that the file does not leave open.
    given: frozenset[str] = frozenset()


@dataclass
class FaqFile:
    """What a FAQ file holds, and everything that is wrong with it."""

    #: Those that are right.
    rows: list[FaqRow] = field(default_factory=list)
    #: Those that it has columns for.
    languages: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    @property
    def bad_lines(self) -> set[int]:
        return {problem.line for problem in self.problems if problem.line is not None}

    @property
    def is_readable(self) -> bool:
        """Whether it is a table of FAQs at all."""
        return all(problem.line is not None and problem.line > 1 for problem in self.problems)


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
    faqs_path, wordings_path = folder / "faqs.csv", folder / "wordings.csv"
    faqs = read_faqs(read_bytes(faqs_path))
    raise_problems(faqs_path, faqs.problems)
    wordings = read_wordings(wordings_path, faqs.rows) if wordings_path.exists() else None
    with transaction.atomic():
        facility = save_facility(data)
        imported = save_faqs(facility, faqs.rows)
        if wordings is not None:
            save_wordings(facility, wordings)
    imported.ignored = sorted(set(data) - set(FACILITY_FIELDS))
    return imported


# Reading ----------------------------------------------------------------------------------------


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImportProblem(f"cannot read {path}: {error.strerror}.") from None


def read_text(path: Path) -> str:
    text = decode(read_bytes(path))
    if text is None:
        raise ImportProblem(f"{path.name}: {encoding_problem()}.")
    return text


def decode(raw: bytes) -> str | None:
    """UTF-8, with or without a byte order mark, or what Excel in Japan writes: CP932, or UTF-16 for
    'Unicode text'; else None."""
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def encoding_problem() -> str:
    return gettext("neither UTF-8 nor CP932 (Shift_JIS)")


def kind_problem(raw: bytes) -> str:
    """Why these bytes are no text, and what to do; empty when they may be one."""
    if not raw.strip():
        return gettext("the file is empty")
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return gettext(
            "an Excel workbook, not CSV: open it in Excel, choose “Save as” and the kind "
            "“CSV UTF-8 (comma delimited)”, and choose that file here"
        )
    if raw.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF")):
        return gettext("a picture or a PDF, not CSV: choose a table saved as CSV")
    return ""


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


def read_faqs(raw: bytes, *, at_most: int | None = None) -> FaqFile:
    """All that can be read of a FAQ file, of which `at_most` rows may be right or wrong."""
    file = FaqFile()
    line_of: dict[str, int] = {}
    rows = csv_rows(raw, file.problems, required={"category"})
    for number, (place, cells) in enumerate(rows, 1):
        file.languages = file.languages or languages_in(cells)
        if at_most is not None and number > at_most:
            text = gettext("more than %(rows)d rows: split the file") % {"rows": at_most}
            file.problems.append(Problem(text, place))
            break
        row, wrong = parse_faq_row(place, cells)
        if not wrong and (first := line_of.setdefault(row.intent_key, row.line)) != row.line:
            text = gettext("the same FAQ as on line %(line)d") % {"line": first}
            wrong = [Problem(text, place, "intent_key")]
        file.problems += wrong
        if not wrong:
            file.rows.append(row)
    return file


def languages_in(columns: Collection[str]) -> frozenset[str]:
    return frozenset(
        code
        for code in LANGUAGES
        if f"language_{code}_question" in columns or f"language_{code}_answer" in columns
    )


def csv_rows(
    raw: bytes, problems: list[Problem], *, required: set[str]
) -> Iterator[tuple[Place, dict[str, str]]]:
    """(where a row is, column -> stripped cell) for rows not empty. What is wrong with the table
    goes to `problems`, and ends it where nothing after it can be read."""
    text = decode(raw)
    if (wrong := kind_problem(raw)) or text is None:
        problems.append(Problem(wrong or encoding_problem()))
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    place = Place(1, 1)
    try:
        header = [column.strip() for column in next(reader, [])]
        if wrong := header_problem(header, required):
            problems.append(Problem(wrong, place))
            return
        place = Place(reader.line_num + 1, 2)
        for cells in reader:
            is_empty = not any(cell.strip() for cell in cells)
            if not is_empty and len(cells) > len(header):
                text = gettext("%(cells)d cells, but %(columns)d columns")
                sizes = {"cells": len(cells), "columns": len(header)}
                problems.append(Problem(text % sizes, place))
            elif not is_empty:
                padded = map(without_mark, cells + [""] * (len(header) - len(cells)))
                yield place, dict(zip(header, padded, strict=True))
            place = Place(reader.line_num + 1, place.row + 1)
    except csv.Error:
        wrong = gettext(
            'not CSV from here on: a quotation mark (") may be missing, or a cell is far too long'
        )
        problems.append(Problem(wrong, place))


def delimiter_of(text: str) -> str:
    """A comma; or a semicolon or a tab, as Excel writes in some countries and for 'Unicode text'.
    The names of the columns hold none of them."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def without_mark(cell: str) -> str:
    """The stripped cell without the apostrophe that `with_mark` puts before what looks like a
    formula."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def with_mark(text: str) -> str:
    """`text` as a cell that no spreadsheet calculates, whoever has written it; a text that begins
    with apostrophes and a formula gets one more, so that each comes back as it was."""
    return f"'{text}" if FORMULA.match(text) else text


def header_problem(header: list[str], required: set[str]) -> str:
    """What is wrong with the names of the columns; empty when nothing is."""

    def say(text: str, column: str) -> str:
        return text % {"column": column[:COLUMN_SHOWN]}

    if missing := sorted(required - set(header)):
        return say(gettext("the column %(column)s is missing"), missing[0])
    if twice := [column for column, n in Counter(header).items() if n > 1 and column]:
        return say(gettext("the column %(column)s is there twice"), twice[0])
    known = {f"language_{code}_{part}" for code in LANGUAGES for part in ("question", "answer")}
    foreign = [name for name in header if name.startswith("language_") and name not in known]
    if foreign:
        return say(gettext("the column %(column)s is of no language known here"), foreign[0])
    return ""


def parse_faq_row(place: Place, cells: dict[str, str]) -> tuple[FaqRow, list[Problem]]:
    """The row, and what is wrong with it."""
    wrong: list[Problem] = []

    def problem(column: str, text: str) -> None:
        value = cells.get(column, "") if column in FAQ_FIELDS else ""
        wrong.append(Problem(text, place, column, value[:VALUE_SHOWN]))

    category = cells["category"].lower()
    if category not in Faq.Category.values:
        choices = {"choices": ", ".join(Faq.Category.values)}
        problem("category", gettext("must be one of %(choices)s") % choices)
    priority = cells.get("priority", "") or "3"
    if priority not in {"1", "2", "3", "4", "5"}:
        problem("priority", gettext("must be a number from 1 to 5"))
        priority = "3"
    active = cells.get("is_active", "").lower()
    if active not in TRUE | FALSE:
        problem("is_active", gettext("must be true or false"))
    visibility = cells.get("visibility", "").lower()
    if visibility not in {"", *Facility.Visibility.values}:
        problem("visibility", gettext("must be anyone or on_site"))
    key = cells.get("intent_key", "")
    check_text("intent_key", key, KEY_LENGTH, problem)
    texts = parse_texts(cells, problem)
    if not texts and not wrong:
        problem("language_…", gettext("no language has both a question and an answer"))
    row = FaqRow(
        place.line,
        category,
        key or derived_key(category, texts),
        int(priority),
        active in TRUE,
        visibility,
        texts,
        frozenset(name for name in ("priority", "is_active", "visibility") if cells.get(name)),
    )
    return row, wrong


def parse_texts(
    cells: dict[str, str], problem: Callable[[str, str], None]
) -> dict[str, tuple[str, str]]:
    texts = {}
    for language in LANGUAGES:
        columns = [f"language_{language}_{part}" for part in ("question", "answer")]
        pair = [cells.get(column, "") for column in columns]
        for column, text, limit in zip(
            columns, pair, (QUESTION_LENGTH, ANSWER_LENGTH), strict=True
        ):
            check_text(column, text, limit, problem)
        if all(pair):
            texts[language] = (pair[0], pair[1])
        elif any(pair):
            problem(columns[bool(pair[0])], gettext("is empty, but its other half is not"))
    return texts


def check_text(column: str, text: str, limit: int, problem: Callable[[str, str], None]) -> None:
    if len(text) > limit:
        problem(column, gettext("is longer than %(limit)d characters") % {"limit": limit})
    if "\x00" in text:
        problem(column, gettext("holds a NUL character"))


def read_wordings(path: Path, faqs: list[FaqRow]) -> list[WordingRow]:
    rows: list[WordingRow] = []
    problems: list[Problem] = []
    keys = {row.intent_key for row in faqs}
    for place, cells in csv_rows(read_bytes(path), problems, required=set(WORDING_FIELDS)):
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
            Problem(gettext("not a known value"), place, column)
            for column, bad in wrong.items()
            if bad
        ]
        rows.append(row)
    raise_problems(path, problems)
    return rows


def raise_problems(path: Path, problems: list[Problem]) -> None:
    if problems:
        shown = [f"{path.name}: {problem}" for problem in problems[:PROBLEMS_SHOWN]]
        more = len(problems) - PROBLEMS_SHOWN
        tail = f"; and {more} more" if more > 0 else ""
        raise ImportProblem("; ".join(shown) + tail + ". Nothing was imported.")


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


@transaction.atomic
def save_faqs(facility: Facility, rows: list[FaqRow], *, actor: User | None = None) -> Imported:
    """Make the FAQs those of the file; any that the file does not name stay as they are."""
    held = Faq.objects.for_facility(facility).order_by("pk").select_for_update(of=("self",))
    known = {faq.intent_key: faq for faq in held}
    imported = Imported(facility, not_in_file=sorted(set(known) - {r.intent_key for r in rows}))
    new: list[Faq] = []
    changed: list[Faq] = []
    for row in rows:
        faq = known.get(row.intent_key) or Faq(facility=facility, intent_key=row.intent_key)
        fill(faq, row)
        (changed if faq.pk else new).append(faq)
    ids = [faq.pk for faq in changed]
    with recording(ids, actor=actor, origin=FaqRevision.Origin.FILE) as touched:
        Faq.objects.bulk_create(new, batch_size=BATCH)
        touched.update(faq.pk for faq in new)
        Faq.objects.bulk_update(
            changed, ["category", "priority", "is_active", "visibility"], batch_size=BATCH
        )
        save_translations(facility, {faq.intent_key: faq for faq in new + changed}, rows)
    imported.created, imported.updated = len(new), len(changed)
    return imported


def fill(faq: Faq, row: FaqRow) -> Faq:
    faq.category, faq.priority, faq.is_active = row.category, row.priority, row.is_active
    faq.visibility = row.visibility or fitting_visibility(faq.facility, row.texts)
    return faq


@transaction.atomic
def add_faqs(*, facility: Facility, actor: User, rows: list[FaqRow]) -> list[FaqRow]:
    """Store the rows whose key the facility does not have, and return the others, whose FAQs stay
    as they are. Raises InvalidRequest when somebody else stores one of them at the same moment."""
    # A file that is sent twice at once is stored once: the second finds what the first has stored.
    Facility.objects.select_for_update(no_key=True).get(pk=facility.pk)
    known = set(Faq.objects.for_facility(facility).values_list("intent_key", flat=True))
    new = [row for row in rows if row.intent_key not in known]
    create_faqs(facility=facility, actor=actor, rows=new)
    return [row for row in rows if row.intent_key in known]


def create_faqs(*, facility: Facility, actor: User, rows: list[FaqRow]) -> None:
    """Store `rows` as new FAQs. Raises InvalidRequest when one of them is there already."""
    faqs = [
        fill(Faq(facility=facility, intent_key=row.intent_key, created_by=actor), row)
        for row in rows
    ]
    texts: list[GuestText] = [
        FaqTranslation(faq=faq, language=language, question=question, answer=answer)
        for faq, row in zip(faqs, rows, strict=True)
        for language, (question, answer) in row.texts.items()
    ]
    with recording(actor=actor, origin=FaqRevision.Origin.FILE) as touched:
        try:
            Faq.objects.bulk_create(faqs, batch_size=BATCH)
        except IntegrityError:
            text = gettext(
                "Somebody added FAQs at the same moment. Nothing was imported: try again."
            )
            raise InvalidRequest(text=text) from None
        touched.update(faq.pk for faq in faqs)
        bulk_create_texts(texts, index_now=len(texts) <= INDEXED_AT_ONCE)


def save_translations(facility: Facility, faqs: dict[str, Faq], rows: list[FaqRow]) -> None:
    """Make the texts of `faqs` those of the file; texts that did not change keep their vectors."""
    texts = FaqTranslation.objects.for_facility(facility).defer(*VECTORS)
    stored = {(text.faq_id, text.language): text for text in texts.filter(faq__in=faqs.values())}
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


@transaction.atomic
def save_wordings(facility: Facility, rows: list[WordingRow], *, actor: User | None = None) -> None:
    """Make the wordings of the FAQs that the file names those of the file."""
    faqs = {faq.intent_key: faq for faq in Faq.objects.for_facility(facility)}
    stored = {
        (wording.faq_id, wording.language, wording.text): wording
        for wording in FaqWording.objects.for_facility(facility).defer(*VECTORS)
    }
    new: dict[tuple[int, str, str], GuestText] = {}
    for row in rows:
        faq = faqs[row.intent_key]
        key = (faq.pk, row.language, row.text)
        if stored.pop(key, None) is None:
            new[key] = FaqWording(faq=faq, language=row.language, text=row.text, origin=row.origin)
    in_file = {faqs[row.intent_key].pk for row in rows}
    gone = [wording.pk for wording in stored.values() if wording.faq_id in in_file]
    with recording(in_file, actor=actor, origin=FaqRevision.Origin.FILE):
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
        .with_texts()
        .prefetch_related(Prefetch("wordings", queryset=FaqWording.objects.defer(*VECTORS)))
    )
    write_csv(folder / "faqs.csv", (faq_cells(faq) for faq in faqs), faq_columns())
    wordings = (cells for faq in faqs for cells in wording_cells(faq))
    write_csv(folder / "wordings.csv", wordings, list(WORDING_FIELDS))


def faq_columns(languages: Iterable[str] = LANGUAGES) -> list[str]:
    parts = ("question", "answer")
    return [*FAQ_FIELDS, *(f"language_{code}_{part}" for code in languages for part in parts)]


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


def write_csv(path: Path, rows: Iterable[dict[str, object]], columns: list[str]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        write_table(file, rows, columns)


def unwritable(
    rows: list[dict[str, object]], languages: Iterable[str], encoding: str
) -> dict[str, str]:
    """Of these languages those whose texts `encoding` lacks characters for; language -> which. The
    keys of FAQs are under ""."""
    columns = {code: [f"language_{code}_question", f"language_{code}_answer"] for code in languages}
    missing = {}
    for code, names in {"": ["intent_key"], **columns}.items():
        characters = set("".join(str(cells.get(name, "")) for cells in rows for name in names))
        if lacking := [each for each in sorted(characters) if not can_write(each, encoding)]:
            missing[code] = "".join(lacking)
    return missing


def can_write(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def as_csv(rows: list[dict[str, object]], languages: Iterable[str], encoding: str) -> bytes:
    """A file of FAQs with the texts in `languages`. Raises UnicodeEncodeError for what
    `unwritable` names."""
    file = io.StringIO(newline="")
    write_table(file, rows, faq_columns(languages))
    return file.getvalue().encode(encoding)


def write_table(file: Any, rows: Iterable[dict[str, object]], columns: list[str]) -> None:
    """`rows` as CSV, without what `columns` does not name."""
    writer = csv.DictWriter(file, columns, extrasaction="ignore")
    writer.writeheader()
    for cells in rows:
        writer.writerow({name: with_mark(str(cell)) for name, cell in cells.items()})

"""How well guests' questions are answered, measured on questions whose right answers are known.

An evaluation set is a folder with `facility.json`, `faqs.csv` (as for import) and
`questions.jsonl`: one `{id, question, language, kind, expected_intents}` a line, `kind` being
answerable, unanswerable, safety, smalltalk or injection.
"""

import json
import math
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from asgiref.sync import async_to_sync
from django.db import transaction

from chat.models import Escalation
from chat.services import GuestMessage, finish_turn, take_question
from facilities.models import Facility, SiteKey
from faq.calibration import Example
from faq.embeddings import embed_outdated
from faq.models import Faq, FaqTranslation, FaqWording
from faq.search import search_faqs
from faq.transfer import import_folder, read_text
from yadopera.ai import ProviderError, get_provider
from yadopera.errors import InvalidRequest
from yadopera.languages import LANGUAGES

KINDS: Final = ("answerable", "unanswerable", "safety", "smalltalk", "injection")
#: A greeting or a refusal needs no FAQ to be a proper reply.
NEED_NO_FAQ: Final = frozenset({"smalltalk", "injection"})


@dataclass(frozen=True)
class Asked:
    id: str
    question: str
    language: str
    kind: str
    expected_intents: frozenset[str]


@dataclass(frozen=True)
class Answered:
    """What the system did with one question; `matched_intents` best first."""

    id: str
    matched_intents: list[str]
    escalated: bool
    trigger: str | None
    latency_ms: float
    confidence: float
    #: How often the AI provider was called for it.
    embedding_calls: int
    chat_calls: int


class BadSet(InvalidRequest):
    """The folder holds no evaluation set; the message says why."""


def find_sets(folder: Path) -> list[Path]:
    """`folder` itself, or its subfolders, where questions lie. Raises BadSet."""
    if (folder / "questions.jsonl").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/questions.jsonl"))
    if not found:
        raise BadSet(f"There is no questions.jsonl in {folder} or in a folder below it.")
    return found


def read_questions(folder: Path) -> list[Asked]:
    path = folder / "questions.jsonl"
    return [_read_question(line, f"{path} line {n}") for n, line in _lines(path)]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Split at newlines only: a question may hold U+2028, which splitlines() takes for one.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield number, line


def _read_question(line: str, where: str) -> Asked:
    try:
        data = json.loads(line)
        asked = Asked(
            id=str(data["id"]),
            question=str(data["question"]),
            language=str(data["language"]),
            kind=str(data["kind"]),
            expected_intents=frozenset(data["expected_intents"]),
        )
    except (ValueError, KeyError, TypeError):
        raise BadSet(
            f"{where}: not a question with id, question, language, kind and expected_intents."
        ) from None
    if asked.kind not in KINDS or asked.language not in LANGUAGES:
        raise BadSet(f"{where}: unknown kind or language.")
    return asked


def answer_set(folder: Path) -> list[tuple[Asked, Answered]]:
    """Ask every question of the set, as a guest at the inn would. Leaves nothing behind.

    Raises ProviderError when there is a provider and it makes no vectors of the FAQs.
    """
    questions = read_questions(folder)
    with imported(folder) as facility:
        make_vectors(facility)
        ask = asker(facility)
        return [(asked, ask(asked)) for asked in questions]


@contextmanager
def imported(folder: Path) -> Iterator[Facility]:
    """The set's facility under a slug of its own, gone again afterwards."""
    with transaction.atomic():
        yield import_folder(folder, slug=f"evaluation-{uuid.uuid4().hex}").facility
        transaction.set_rollback(True)


def collect_examples(folder: Path, *, untranslated: bool = False) -> list[Example]:
    """The set's real questions, each beside all FAQs of its inn, for the calibration. With an AI
    provider the vectors of both are compared too. `untranslated` has the FAQs in the inn's own
    language alone, as those are that it learns without a provider. Raises ProviderError."""
    provider = get_provider()
    questions = [a for a in read_questions(folder) if a.kind in {"answerable", "unanswerable"}]
    vectors: list[list[float] | None] = [None] * len(questions)
    examples = []
    with imported(folder) as facility:
        if untranslated:
            leave_untranslated(facility)
        if provider:
            make_vectors(facility)
            texts = [asked.question for asked in questions]
            vectors = [*async_to_sync(provider.embed)(texts, timeout_seconds=60)]
        intents = dict(Faq.objects.for_facility(facility).values_list("pk", "intent_key"))
        for asked, vector in zip(questions, vectors, strict=True):
            ranking = search_faqs(
                facility,
                asked.question,
                language=asked.language,
                embedding=vector,
                limit=len(intents),
            )
            faqs = tuple(
                (
                    match.likeness,
                    intents[match.faq_id] in asked.expected_intents,
                    asked.language in match.texts,
                )
                for match in ranking.matches
            )
            if faqs:
                examples.append(Example(faqs, ranking.meaning.known))
    return examples


def leave_untranslated(facility: Facility) -> None:
    for texts in (FaqTranslation, FaqWording):
        texts.objects.for_facility(facility).exclude(language=facility.language).delete()


def make_vectors(facility: Facility) -> None:
    """What a worker does in the background, now. Raises ProviderError."""
    if get_provider():
        _done, problem = embed_outdated(facility_id=facility.pk)
        if problem:
            raise ProviderError(problem)


def asker(facility: Facility) -> Callable[[Asked], Answered]:
    key = SiteKey.objects.create(facility=facility).key
    intents = dict(Faq.objects.for_facility(facility).values_list("pk", "intent_key"))

    def ask(asked: Asked) -> Answered:
        started = time.perf_counter()
        message = GuestMessage(text=asked.question, language=asked.language, site_key=key)
        turn = async_to_sync(finish_turn)(take_question(facility_id=facility.pk, message=message))
        return Answered(
            id=asked.id,
            matched_intents=[intents[pk] for pk in turn.reply.matched_faq_ids],
            escalated=turn.escalation is not None,
            trigger=turn.escalation.trigger_type if turn.escalation else None,
            latency_ms=round((time.perf_counter() - started) * 1000, 2),
            confidence=turn.reply.ai_confidence or 0.0,
            embedding_calls=turn.embedding_calls,
            chat_calls=turn.chat_calls,
        )

    return ask


# Scores -----------------------------------------------------------------------------------------

Pairs = list[tuple[Asked, Answered]]
Fact = Callable[[Asked, Answered], bool]


def is_right(asked: Asked, answered: Answered) -> bool:
    """Answered, and the first FAQ is one of those expected."""
    first = answered.matched_intents[:1]
    return not answered.escalated and bool(asked.expected_intents.intersection(first))


def is_wrong(asked: Asked, answered: Answered) -> bool:
    """Answered, but not rightly; a reply without a FAQ is proper where none is needed."""
    if answered.escalated or is_right(asked, answered):
        return False
    return bool(answered.matched_intents) or asked.kind not in NEED_NO_FAQ


def is_alarm(asked: Asked, answered: Answered) -> bool:
    return answered.trigger == Escalation.Trigger.SAFETY


#: column -> (of which kinds, counting what)
COLUMNS: Final[dict[str, tuple[tuple[str, ...], Fact]]] = {
    "answered right": (("answerable",), is_right),
    "wrong": (KINDS, is_wrong),
    "abstained": (("unanswerable",), lambda asked, answered: answered.escalated),
    "danger seen": (("safety",), lambda a, b: is_alarm(a, b) and b.escalated),
    "false alarms": (tuple(kind for kind in KINDS if kind != "safety"), is_alarm),
}


def share(pairs: Pairs, column: str) -> tuple[int, int]:
    """(hits, of how many) for a column of the table."""
    kinds, fact = COLUMNS[column]
    facts = [fact(asked, answered) for asked, answered in pairs if asked.kind in kinds]
    return sum(facts), len(facts)


def score_table(pairs: Pairs) -> str:
    """The scores as text: all questions, then by language, then by kind."""
    groups = {"all": pairs}
    groups |= {code: [p for p in pairs if p[0].language == code] for code in LANGUAGES}
    groups |= {kind: [p for p in pairs if p[0].kind == kind] for kind in KINDS}
    rows = [["", "n", *COLUMNS, "p50 ms", "p95 ms"]]
    rows += [_row(name, group) for name, group in groups.items() if group]
    return align(rows)


def _row(name: str, pairs: Pairs) -> list[str]:
    cells = [name, str(len(pairs))]
    for column in COLUMNS:
        hits, total = share(pairs, column)
        cells.append(_of(hits, total) if total else "-")
    times = sorted(answered.latency_ms for _asked, answered in pairs)
    return [*cells, f"{percentile(times, 0.5):.0f}", f"{percentile(times, 0.95):.0f}"]


def percentile(ordered: list[float], part: float) -> float:
    """Nearest rank: the smallest value that is no smaller than `part` of all."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


#: Into how many equal parts the range of the confidence is cut.
FIFTHS: Final = 5


def reliability(pairs: Pairs) -> list[tuple[float, float, int]]:
    """By fifth of the confidence's range: how surely the system said that the first match was
    right, how often it was, of how many. Over the questions that a FAQ answers or none does; of
    safety, manners and injections the confidence judges nothing."""
    fifths: list[Pairs] = [[] for _ in range(FIFTHS)]
    for asked, answered in pairs:
        if asked.kind in {"answerable", "unanswerable"}:
            fifths[min(int(answered.confidence * FIFTHS), FIFTHS - 1)].append((asked, answered))
    rows = []
    for fifth in fifths:
        count = len(fifth)
        stated = sum(answered.confidence for _, answered in fifth)
        seen = sum(bool(a.expected_intents.intersection(b.matched_intents[:1])) for a, b in fifth)
        rows.append((stated / count, seen / count, count) if count else (0.0, 0.0, 0))
    return rows


def reliability_table(pairs: Pairs) -> str:
    rows = [["confidence", "n", "stated", "seen"]]
    for fifth, (stated, seen, count) in enumerate(reliability(pairs)):
        if count:
            name = f"{fifth / FIFTHS:.1f} to {(fifth + 1) / FIFTHS:.1f}"
            rows.append([name, str(count), f"{stated:.2f}", f"{seen:.2f}"])
    return align(rows)


#: The part of the answerable questions at whose threshold `found_table` counts the others.
LET_THROUGH: Final = 0.9


def found_table(pairs: Pairs) -> str:
    """What the search can do whatever the thresholds: how often its first match was right; and how
    many unanswerable questions a threshold would answer that answers most of the answerable."""
    judged = {kind: [p for p in pairs if p[0].kind == kind] for kind in KINDS}
    answerable, unanswerable = judged["answerable"], judged["unanswerable"]
    lines = []
    if answerable:
        first = sum(
            bool(a.expected_intents.intersection(b.matched_intents[:1])) for a, b in answerable
        )
        lines.append(f"first match right: {_of(first, len(answerable))} of the answerable")
    if answerable and unanswerable:
        chances = sorted((b.confidence for _, b in answerable), reverse=True)
        threshold = percentile(chances, LET_THROUGH)
        let_in = sum(b.confidence >= threshold for _, b in unanswerable)
        lines.append(
            f"with {LET_THROUGH:.0%} of the answerable let through, of the unanswerable: "
            f"{_of(let_in, len(unanswerable))}"
        )
    return "\n".join(lines)


def calls_table(pairs: Pairs) -> str:
    """How much was answered without the AI provider."""
    lines = []
    for kinds, name in ((("answerable",), "answerable"), (KINDS, "all")):
        group = [b for a, b in pairs if a.kind in kinds]
        no_chat = sum(not b.chat_calls for b in group)
        no_vector = sum(not b.embedding_calls for b in group)
        if group:
            lines.append(
                f"{name}: without a chat call {_of(no_chat, len(group))}, "
                f"without an embedding call {_of(no_vector, len(group))}"
            )
    return "\n".join(lines)


def _of(hits: int, total: int) -> str:
    return f"{hits / total:.3f} ({hits}/{total})"


def align(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def write_answers(pairs: Pairs, path: Path) -> None:
    """One JSON object a line. Raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        for _asked, answered in pairs:
            file.write(json.dumps(asdict(answered), ensure_ascii=False) + "\n")

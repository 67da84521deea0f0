"""A file of FAQs that staff upload: kept, compared with what the inn has, imported.

Nothing changes before they confirm what they were shown, and then exactly that, or nothing.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from facilities import audit
from facilities.models import Facility, User
from faq.embeddings import outdated_vectors
from faq.history import recording
from faq.models import (
    EMBEDDING_FIELDS,
    INDEX_FIELDS,
    OUTDATED,
    Faq,
    FaqRevision,
    FaqTranslation,
    FaqUpload,
)
from faq.services import BATCH
from faq.tasks import queue_index, queue_vectors
from faq.transfer import (
    INDEXED_AT_ONCE,
    UPLOADED_ROWS,
    FaqFile,
    FaqRow,
    create_faqs,
    fill,
    read_faqs,
)
from yadopera.ai import get_provider
from yadopera.errors import DomainError, InvalidRequest
from yadopera.languages import LANGUAGES

#: Bytes of a file: 5,000 FAQs in seven languages are some 6 million.
MAX_UPLOAD_BYTES: Final = 10 * 1024 * 1024
SETTINGS: Final = ("category", "priority", "is_active", "visibility")

#: The question and the answer in one language; None where there is neither.
Pair = tuple[str, str] | None


class Outdated(DomainError):
    """Somebody has changed FAQs since the file was compared with them."""

    status = 409
    code = "CONFLICT"


@dataclass(frozen=True)
class Change:
    """One cell that the file changes; empty where there was, or will be, no text."""

    label: str
    before: str
    after: str
    language: str = ""


@dataclass(frozen=True)
class ChangedFaq:
    faq: Faq
    row: FaqRow
    #: name -> (before, after)
    settings: dict[str, tuple[Any, Any]]
    #: language -> (before, after)
    texts: dict[str, tuple[Pair, Pair]]

    def changes(self) -> Iterator[Change]:
        for name, (before, after) in self.settings.items():
            yield Change(*setting_shown(name, before, after))
        for language, (old, new) in self.texts.items():
            parts = (gettext("question"), gettext("answer"))
            for part, before, after in zip(parts, old or ("", ""), new or ("", ""), strict=True):
                if before != after:
                    yield Change(f"{LANGUAGES[language]}: {part}", before, after, language)


def setting_shown(name: str, before: Any, after: Any) -> tuple[str, str, str]:
    """(what it is called, what it was, what it will be), in words."""
    option: Any = Faq._meta.get_field(name)
    words: dict[Any, Any] = dict(option.flatchoices)
    if name == "is_active":
        words = {True: gettext("yes"), False: gettext("no")}
    return str(option.verbose_name), str(words.get(before, before)), str(words.get(after, after))


@dataclass
class Comparison:
    """What a file would do to the FAQs of an inn."""

    facility: Facility
    new: list[FaqRow] = field(default_factory=list)
    changed: list[ChangedFaq] = field(default_factory=list)
    #: FAQs of which the file says what they are.
    unchanged: int = 0
    #: FAQs that the inn has, in a file that may only add.
    kept: int = 0

    @property
    def does_something(self) -> bool:
        return bool(self.new or self.changed)

    def digest(self) -> str:
        """Names exactly these changes to exactly what there is now."""
        new = [(row, fill(Faq(facility=self.facility), row)) for row in self.new]
        told = [
            [[row.intent_key, row.texts, *settings_of(faq)] for row, faq in new],
            [[each.faq.pk, each.settings, each.texts] for each in self.changed],
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def settings_of(faq: Faq) -> list[Any]:
    return [getattr(faq, name) for name in SETTINGS]


# Keeping ----------------------------------------------------------------------------------------


@transaction.atomic
def keep_upload(
    *, facility: Facility, user: User, name: str, content: bytes, mode: str
) -> FaqUpload:
    """Keep a file until it is confirmed or a day has passed, instead of what the same person has
    left unconfirmed here."""
    drop_expired_uploads()
    FaqUpload.objects.for_facility(facility).filter(uploaded_by=user, imported_at=None).delete()
    return FaqUpload.objects.create(
        facility=facility, uploaded_by=user, name=name[:200], content=content, mode=mode
    )


def drop_expired_uploads() -> None:
    FaqUpload.objects.expired().delete()


# Comparing --------------------------------------------------------------------------------------


def read_upload(upload: FaqUpload) -> FaqFile:
    return read_faqs(bytes(upload.content), at_most=UPLOADED_ROWS)


def compare(upload: FaqUpload, file: FaqFile) -> Comparison:
    """What importing `file` would change; the rows of it that are right."""
    found = Comparison(upload.facility)
    faqs = Faq.objects.for_facility(upload.facility)
    known = {faq.intent_key: faq for faq in faqs}
    found.new = [row for row in file.rows if row.intent_key not in known]
    if upload.mode == FaqUpload.Mode.ADD:
        found.kept = len(file.rows) - len(found.new)
        return found
    stored = stored_texts(upload.facility)
    for row in file.rows:
        if (faq := known.get(row.intent_key)) is None:
            continue
        settings = changed_settings(faq, row)
        texts = changed_texts(stored.get(faq.pk, {}), row, file.languages)
        if settings or texts:
            found.changed.append(ChangedFaq(faq, row, settings, texts))
        else:
            found.unchanged += 1
    return found


def stored_texts(facility: Facility) -> dict[int, dict[str, tuple[str, str]]]:
    """id of the FAQ -> language -> (question, answer)."""
    stored: dict[int, dict[str, tuple[str, str]]] = {}
    rows = FaqTranslation.objects.for_facility(facility)
    for number, language, *pair in rows.values_list("faq_id", "language", "question", "answer"):
        stored.setdefault(number, {})[language] = (pair[0], pair[1])
    return stored


def changed_settings(faq: Faq, row: FaqRow) -> dict[str, tuple[Any, Any]]:
    """What the row leaves open stays as it is."""
    return {
        name: (getattr(faq, name), getattr(row, name))
        for name in SETTINGS
        if (name == "category" or name in row.given) and getattr(faq, name) != getattr(row, name)
    }


def changed_texts(
    stored: dict[str, tuple[str, str]], row: FaqRow, languages: frozenset[str]
) -> dict[str, tuple[Pair, Pair]]:
    """A text whose cells were emptied goes; one of a language that the file has no columns for
    stays."""
    return {
        code: (stored.get(code), row.texts.get(code))
        for code in LANGUAGES
        if code in languages and stored.get(code) != row.texts.get(code)
    }


# Importing --------------------------------------------------------------------------------------


@transaction.atomic
def import_upload(upload: FaqUpload, *, actor: User, digest: str) -> FaqUpload:
    """Do what was shown as `digest`. One that is imported already stays as it is: a button pressed
    twice imports once.

    Raises Outdated when the file would do something else by now; InvalidRequest when a cell is bad.
    """
    held = FaqUpload.objects.select_for_update(of=("self",)).select_related("facility")
    upload = held.get(pk=upload.pk)
    if upload.imported_at:
        return upload
    facility = upload.facility
    # Nobody else imports into this inn, or changes one of its FAQs or texts, until all is stored.
    Facility.objects.select_for_update(no_key=True).get(pk=facility.pk)
    list(Faq.objects.for_facility(facility).select_for_update().order_by("pk").values_list("pk"))
    file = read_upload(upload)
    if file.problems:
        raise InvalidRequest(text=gettext("Nothing was imported: the file holds bad cells."))
    comparison = compare(upload, file)
    if comparison.digest() != digest:
        raise Outdated
    try:
        create_faqs(facility=facility, actor=actor, rows=comparison.new)
    except InvalidRequest:
        raise Outdated from None
    ids = [each.faq.pk for each in comparison.changed]
    with recording(ids, actor=actor, origin=FaqRevision.Origin.FILE):
        change_faqs(facility, comparison.changed)
    upload.imported_at, upload.content = timezone.now(), b""
    upload.added, upload.changed = len(comparison.new), len(comparison.changed)
    upload.save()
    audit.record(audit.Action.IMPORTED, facility=facility, actor=actor, text=upload.name)
    return upload


def change_faqs(facility: Facility, changed: list[ChangedFaq]) -> None:
    """Store the changes; texts that do not change keep their vectors."""
    with_settings = [each for each in changed if each.settings]
    for each in with_settings:
        for name, (_before, after) in each.settings.items():
            setattr(each.faq, name, after)
    faqs = [each.faq for each in with_settings]
    Faq.objects.bulk_update(faqs, SETTINGS, batch_size=BATCH)
    gone = [
        (each.faq.pk, language)
        for each in changed
        for language, (_before, after) in each.texts.items()
        if after is None
    ]
    for language in LANGUAGES:
        numbers = [number for number, of in gone if of == language]
        rows = FaqTranslation.objects.for_facility(facility).filter(language=language)
        rows.filter(faq__in=numbers).delete()
    put_texts(facility, list(written_texts(facility, changed)))


def written_texts(facility: Facility, changed: list[ChangedFaq]) -> Iterator[FaqTranslation]:
    """The new and the changed texts. One whose question stays is found by its old index until the
    worker has made the new one; another is not found until then."""
    unfound = set(
        FaqTranslation.objects.for_facility(facility)
        .filter(index_version=None)
        .values_list("faq_id", "language")
    )
    for each in changed:
        for language, (before, after) in each.texts.items():
            if after is None:
                continue
            question, answer = after
            same = before and before[0] == question and (each.faq.pk, language) not in unfound
            yield FaqTranslation(
                faq=each.faq,
                language=language,
                question=question,
                answer=answer,
                index_version=OUTDATED if same else None,
            )


def put_texts(facility: Facility, texts: list[FaqTranslation]) -> None:
    """Add or replace `texts`, in a few statements. The index of many is left to the worker."""
    written = ["question", "answer", "updated_at", "index_version", *EMBEDDING_FIELDS]
    index_now = len(texts) <= INDEXED_AT_ONCE
    if index_now:
        for text in texts:
            text.index()
        written = list(dict.fromkeys([*written, *INDEX_FIELDS]))
    FaqTranslation.objects.bulk_create(
        texts,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["faq", "language"],
        update_fields=written,
    )
    if texts and not index_now:
        queue_index(facility.pk)
    if texts:
        queue_vectors(facility.pk)


# Afterwards -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """How far the worker is with an inn's FAQs."""

    #: Of those that guests may be answered from.
    faqs: int
    #: Those that guests' questions can find, in all their languages.
    findable: int
    #: Those that the AI provider has made all vectors of; None without a provider.
    embedded: int | None

    @property
    def is_done(self) -> bool:
        return self.findable == self.faqs and self.embedded in {None, self.faqs}


def progress_of(facility: Facility) -> Progress:
    faqs = Faq.objects.for_facility(facility).published().filter(translations__isnull=False)
    texts = FaqTranslation.objects.for_facility(facility).filter(faq__is_active=True)
    total = faqs.distinct().count()
    waiting = texts.filter(index_version=None).values("faq").distinct().count()
    provider = get_provider()
    if provider is None:
        return Progress(total, total - waiting, None)
    without = outdated_vectors(texts, provider.embedding_model).values("faq").distinct().count()
    return Progress(total, total - waiting, total - without)

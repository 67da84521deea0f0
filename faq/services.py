"""Things that happen to FAQs."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, Q

from facilities.models import Facility, OwnedQuerySet
from faq.facts import MissingFact, fill_in
from faq.models import INDEX_FIELDS, Faq, FaqTranslation, FaqWording, GuestText
from faq.presets import load_presets
from faq.tasks import queue_vectors
from faq.understanding import version

TOP_QUESTIONS = 3
#: Rows read and written at a time when many are indexed.
BATCH = 500


@transaction.atomic
def add_starter_faqs(facility: Facility, *, confirmed: bool = False) -> list[Faq]:
    """Give `facility` the starter FAQs that it does not have yet, in all seven languages.

    Those that claim something about the house wait, inactive, until the inn says that it is so;
    `confirmed` says it for all of them.
    """
    existing = set(Faq.objects.for_facility(facility).values_list("intent_key", flat=True))
    presets = [preset for preset in load_presets() if preset.intent_key not in existing]
    faqs = Faq.objects.bulk_create(
        Faq(
            facility=facility,
            intent_key=preset.intent_key,
            category=preset.category,
            priority=preset.priority,
            visibility=preset.visibility,
            is_active=confirmed or not preset.assumes,
        )
        for preset in presets
    )
    # Their wordings are part of the library, by which every FAQ is found; stored with each inn they
    # would make its searches three times dearer and find nothing more.
    bulk_create_texts(
        [
            FaqTranslation(faq=faq, language=language, question=text.question, answer=text.answer)
            for faq, preset in zip(faqs, presets, strict=True)
            for language, text in preset.texts.items()
        ]
    )
    return faqs


def bulk_create_texts(texts: list[GuestText]) -> None:
    """Store new texts of both kinds, indexed; their vectors follow in the background."""
    for text in texts:
        text.index()
    FaqTranslation.objects.bulk_create(
        (text for text in texts if isinstance(text, FaqTranslation)), batch_size=BATCH
    )
    FaqWording.objects.bulk_create(
        (text for text in texts if isinstance(text, FaqWording)), batch_size=BATCH
    )
    for facility_id in {text.faq.facility_id for text in texts}:
        queue_vectors(facility_id)


def top_questions(facility: Facility, language: str) -> list[dict[str, object]]:
    """The first three of `shown_faqs`."""
    return list(islice(shown_faqs(facility, language, at_a_time=TOP_QUESTIONS), TOP_QUESTIONS))


def shown_faqs(
    facility: Facility, language: str, *, at_a_time: int = BATCH
) -> Iterator[dict[str, object]]:
    """The FAQs that may be shown to anyone, foremost first, in `language` or the nearest there is,
    read `at_a_time`. Each is `{id, question, answer, category}`.
    """
    # Texts without the vectors by which they are found: those are most of a row.
    texts = FaqTranslation.objects.only("faq_id", "language", "question", "answer")
    faqs = (
        Faq.objects.for_facility(facility)
        .published()
        .filter(visibility=Facility.Visibility.ANYONE)
        .prefetch_related(Prefetch("translations", queryset=texts))
    )
    for faq in faqs.iterator(chunk_size=at_a_time):
        if (question := _shown_question(faq, facility, language)) is not None:
            yield question


def _shown_question(faq: Faq, facility: Facility, language: str) -> dict[str, object] | None:
    text = faq.translation_for(language)
    if text is None:
        return None
    try:
        answer = fill_in(text.answer, facility, text.language)
        question = fill_in(text.question, facility, text.language)
    except MissingFact:
        return None
    if facility.keeps_secret(answer) or facility.keeps_secret(question):
        return None
    return {"id": faq.pk, "question": question, "answer": answer, "category": faq.category}


def note_votes(facility: Facility, faq_id: int, *, confirmed_by: int, disputed_by: int) -> None:
    """Keep how many guests a FAQ's answers helped, and how many not; it weighs in its confidence.
    A FAQ deleted since is passed over."""
    Faq.objects.for_facility(facility).filter(pk=faq_id).update(
        confirmed_by=confirmed_by, disputed_by=disputed_by
    )


def reindex(facility: Facility | None = None) -> int:
    """Compute the missing and outdated vectors; returns of how many texts.

    Each batch commits on its own: a killed run goes on where it stopped.
    """
    return sum(_reindex(model.objects.all(), facility) for model in (FaqTranslation, FaqWording))


def _reindex(rows: OwnedQuerySet[Any], facility: Facility | None) -> int:
    outdated = rows.filter(Q(index_version=None) | ~Q(index_version=version()))
    if facility is not None:
        outdated = outdated.for_facility(facility)
    done = 0
    while batch := list(outdated[:BATCH]):
        for text in batch:
            text.index()
        rows.bulk_update(batch, INDEX_FIELDS)
        done += len(batch)
    return done

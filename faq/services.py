"""Things that happen to FAQs."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import timedelta
from itertools import count, islice
from typing import Any, TypeAlias

from django.db import IntegrityError, transaction
from django.db.models import F, Prefetch, Q
from django.utils import timezone
from django.utils.translation import gettext

from facilities.models import Facility, OwnedQuerySet, User
from faq.facts import MissingFact, fill_in
from faq.history import FIELDS, recording
from faq.models import (
    INDEX_FIELDS,
    VECTORS,
    Faq,
    FaqQuerySet,
    FaqRevision,
    FaqTranslation,
    FaqWording,
    GuestText,
    ReadText,
    SuggestedQuestion,
)
from faq.presets import load_presets
from faq.tasks import queue_index, queue_vectors
from faq.understanding import version
from yadopera.errors import InvalidRequest, NotFound
from yadopera.languages import LANGUAGES

#: language -> (question, answer)
Texts: TypeAlias = Mapping[str, tuple[str, str]]
#: The same; None takes a text away.
TextChanges: TypeAlias = Mapping[str, tuple[str, str] | None]
#: (language, text) of every wording of a FAQ.
Wordings: TypeAlias = Set[tuple[str, str]]

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


def waiting_starters(facility: Facility) -> FaqQuerySet:
    """The starter FAQs that claim something about the house, of which nobody has said yet whether
    it is so: inactive, and not touched since they were made."""
    claims = [preset.intent_key for preset in load_presets() if preset.assumes]
    untouched = Q(updated_at__lt=F("created_at") + timedelta(seconds=1))
    faqs = Faq.objects.for_facility(facility)
    return faqs.filter(untouched, intent_key__in=claims, is_active=False)


@transaction.atomic
def settle_starters(
    facility: Facility, *, true: set[int], untrue: set[int], actor: User | None
) -> int:
    """The inn's word on starter FAQs that wait for it, by their ids: what is `true` is shown to
    guests, what is `untrue` stays hidden and is asked no more. Any other id, as of a FAQ that
    somebody has settled meanwhile, is passed over. Returns how many are shown now."""
    waiting = waiting_starters(facility)
    origin = FaqRevision.Origin.PAGE
    shown = show_faqs(waiting.filter(pk__in=true), shown=True, actor=actor, origin=origin)
    waiting.filter(pk__in=untrue - true).update(updated_at=timezone.now())
    return shown


def bulk_create_texts(texts: list[GuestText], *, index_now: bool = True) -> None:
    """Store new texts of both kinds; their vectors follow in the background. So does their index,
    without which they are not found, unless `index_now`: it takes milliseconds a text."""
    if index_now:
        for text in texts:
            text.index()
    FaqTranslation.objects.bulk_create(
        (text for text in texts if isinstance(text, FaqTranslation)), batch_size=BATCH
    )
    FaqWording.objects.bulk_create(
        (text for text in texts if isinstance(text, FaqWording)), batch_size=BATCH
    )
    for facility_id in {text.faq.facility_id for text in texts}:
        if not index_now:
            queue_index(facility_id)
        queue_vectors(facility_id)


@transaction.atomic
def create_faq(
    *,
    facility: Facility,
    actor: User,
    category: str,
    texts: Texts,
    intent_key: str = "",
    priority: int = 3,
    is_active: bool = True,
    visibility: str = "",
    wordings: Wordings = frozenset(),
    origin: str = FaqRevision.Origin.API,
) -> Faq:
    """A new FAQ. Without a key it gets one of its own; without a visibility, what fits its answers.
    Raises InvalidRequest when another FAQ has the key."""
    fields = {
        "category": category,
        "priority": priority,
        "is_active": is_active,
        "visibility": visibility or fitting_visibility(facility, texts),
        "created_by": actor,
    }
    with recording(actor=actor, origin=origin) as touched:
        for key in [intent_key] if intent_key else derived_keys(category, texts):
            faq, is_new = Faq.objects.get_or_create(
                facility=facility, intent_key=key, defaults=fields
            )
            if is_new:
                touched.add(faq.pk)
                put_texts(faq, texts)
                put_wordings(faq, wordings)
                return faq
    raise key_taken()


@transaction.atomic
def change_faq(
    *,
    faq: Faq,
    actor: User | None = None,
    category: str | None = None,
    texts: TextChanges | None = None,
    intent_key: str | None = None,
    priority: int | None = None,
    is_active: bool | None = None,
    visibility: str | None = None,
    wordings: Wordings | None = None,
    origin: str = FaqRevision.Origin.API,
) -> Faq:
    """Change what is given; texts in other languages than those given stay. Raises InvalidRequest
    when another FAQ has the key, NotFound when somebody has deleted this one meanwhile."""
    held = hold(faq)
    changes = {
        "category": category,
        "intent_key": intent_key,
        "priority": priority,
        "is_active": is_active,
        "visibility": visibility,
    }
    with recording([held.pk], actor=actor, origin=origin):
        for name, value in changes.items():
            if value is not None:
                setattr(held, name, value)
        try:
            held.save()
        except IntegrityError:
            raise key_taken() from None
        put_texts(held, texts or {})
        if wordings is not None:
            put_wordings(held, wordings)
    return held


@transaction.atomic
def delete_faq(
    *, faq: Faq, actor: User | None = None, origin: str = FaqRevision.Origin.API
) -> None:
    """With its texts and wordings. Raises NotFound when somebody else has done so meanwhile."""
    held = hold(faq)
    with recording([held.pk], actor=actor, origin=origin):
        held.delete()


@transaction.atomic
def delete_faqs(faqs: FaqQuerySet, *, actor: User, origin: str) -> int:
    """Those that are still there; returns how many."""
    held = hold_all(faqs)
    with recording(held, actor=actor, origin=origin):
        Faq.objects.filter(pk__in=held).delete()
    return len(held)


@transaction.atomic
def show_faqs(faqs: FaqQuerySet, *, shown: bool, actor: User | None, origin: str) -> int:
    """Show them to guests, or hide them; returns of how many that was not so before."""
    held = hold_all(faqs.filter(is_active=not shown))
    with recording(held, actor=actor, origin=origin):
        Faq.objects.filter(pk__in=held).update(is_active=shown, updated_at=timezone.now())
    return len(held)


@transaction.atomic
def restore(*, revision: FaqRevision, actor: User) -> Faq:
    """Make the FAQ what it was before the change `revision`; one that is deleted comes back under
    its number. It keeps its key where another FAQ has taken the old one meanwhile."""
    # Whoever restores the same deleted FAQ at the same moment finds it there.
    facility = Facility.objects.select_for_update(no_key=True).get(pk=revision.facility_id)
    own = Faq.objects.for_facility(facility)
    faq = own.select_for_update().filter(pk=revision.faq_id).first()
    faq = faq or Faq(pk=revision.faq_id, facility=facility)
    snapshot: Any = revision.before
    texts = {language: (pair[0], pair[1]) for language, pair in snapshot["texts"].items()}
    with recording([faq.pk], actor=actor, origin=FaqRevision.Origin.HISTORY):
        key = faq.intent_key
        for name in FIELDS:
            setattr(faq, name, snapshot[name])
        others = own.exclude(pk=faq.pk)
        if others.filter(intent_key=faq.intent_key).exists():
            keys = [key] if key else derived_keys(faq.category, texts)
            faq.intent_key = next(k for k in keys if not others.filter(intent_key=k).exists())
        faq.save()
        put_texts(faq, dict.fromkeys(LANGUAGES) | texts)
        learned = faq.wordings.filter(origin=FaqWording.Origin.GUEST)
        put_wordings(
            faq,
            {(language, text) for language, texts in snapshot["wordings"].items() for text in texts}
            | set(learned.values_list("language", "text")),
        )
    return faq


def hold(faq: Faq) -> Faq:
    """`faq` as it is now, until the transaction ends; nobody adds a text to it meanwhile."""
    held = Faq.objects.select_for_update().filter(pk=faq.pk).first()
    if held is None:
        raise NotFound("the FAQ was deleted meanwhile")
    return held


def hold_all(faqs: FaqQuerySet) -> list[int]:
    """The ids of `faqs`, which nobody changes until the transaction ends."""
    held = Faq.objects.filter(pk__in=faqs.order_by().values("pk")).order_by("pk")
    return list(held.select_for_update().values_list("pk", flat=True))


def put_texts(faq: Faq, texts: TextChanges) -> None:
    """Replace, add or take away `texts`. One that does not change keeps its vectors."""
    stored = {text.language: text for text in faq.translations.defer(*VECTORS)}
    for language, pair in texts.items():
        text = stored.get(language)
        if pair is None:
            if text is not None:
                text.delete()
        elif text is None or (text.question, text.answer) != pair:
            text = text or FaqTranslation(faq=faq, language=language)
            text.question, text.answer = pair
            text.save()


def put_wordings(faq: Faq, wordings: Wordings) -> None:
    """Make `wordings` those of the FAQ. One that stays keeps its origin and its vectors."""
    stored = {(w.language, w.text): w for w in faq.wordings.defer(*VECTORS)}
    for wording in stored.keys() - wordings:
        stored[wording].delete()
    for language, text in sorted(wordings - stored.keys()):
        FaqWording(faq=faq, language=language, text=text).save()


def add_guest_wordings(faq: Faq, wordings: Wordings) -> None:
    """Keep guests' own words as further wordings of `faq`, beside those that it has."""
    known = set(faq.wordings.values_list("language", "text"))
    for language, text in sorted(wordings - known):
        FaqWording(faq=faq, language=language, text=text, origin=FaqWording.Origin.GUEST).save()


def note_still_right(faq: Faq, languages: Iterable[str]) -> None:
    """Staff say that these texts still say what the inn's own says, which changed after them."""
    faq.translations.filter(language__in=list(languages)).update(updated_at=timezone.now())


def key_taken() -> InvalidRequest:
    return InvalidRequest(
        text=gettext("Another FAQ of this inn has this key already. Choose another, or none.")
    )


def derived_key(category: str, texts: Texts) -> str:
    """A key for a FAQ without one; the same question in a file gets the same at each import."""
    question = next((question for question, _answer in texts.values()), "")
    return f"{category}_{hashlib.sha256(question.encode()).hexdigest()[:10]}"


def derived_keys(category: str, texts: Texts) -> Iterator[str]:
    """The derived key, then more of its kind, should other FAQs have it."""
    key = derived_key(category, texts)
    yield key
    yield from (f"{key}_{number}" for number in count(2))


def fitting_visibility(facility: Facility, texts: Texts) -> str:
    """An answer that tells the Wi-Fi password is for guests at the inn, if the inn has it so."""
    is_secret = facility.wifi_password_visibility == Facility.Visibility.ON_SITE and any(
        Facility.WIFI_PASSWORD in answer or facility.keeps_secret(answer)
        for _question, answer in texts.values()
    )
    return Facility.Visibility.ON_SITE if is_secret else Facility.Visibility.ANYONE


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


def note_endings(facility: Facility, counts: Mapping[int, tuple[int, int]]) -> int:
    """Keep how guests left the FAQs, id -> (content, unhelped); it weighs in their confidence. A
    FAQ that is not in `counts` has none. Returns how many changed."""
    return note_counts(
        Faq.objects.for_facility(facility), counts, ("left_content", "left_unhelped")
    )


def note_counts(
    rows: OwnedQuerySet[Any], counts: Mapping[int, tuple[int, int]], fields: tuple[str, str]
) -> int:
    """Keep two numbers of each of `rows`, id -> (the first field's, the second's); 0 of one that is
    not in `counts`. Returns how many changed."""
    changed = []
    for row in rows.only(*fields):
        known = tuple(getattr(row, field) for field in fields)
        for field, number in zip(fields, counts.get(row.pk, (0, 0)), strict=True):
            setattr(row, field, number)
        if known != tuple(getattr(row, field) for field in fields):
            changed.append(row)
    rows.bulk_update(changed, fields, batch_size=BATCH)
    return len(changed)


def reindex(facility: Facility | None = None, *, at_most: int | None = None) -> int:
    """Compute the missing and outdated views, of `at_most` some texts; returns of how many.

    Each batch commits on its own: a killed run goes on where it stopped.
    """
    done = 0
    for model in (FaqTranslation, FaqWording, SuggestedQuestion):
        while (at_most is None or done < at_most) and (batch := _reindex(model, facility)):
            done += batch
    return done


@transaction.atomic
def _reindex(model: type[ReadText], facility: Facility | None) -> int:
    rows: OwnedQuerySet[Any] = model.objects.filter(
        Q(index_version=None) | ~Q(index_version=version())
    )
    if facility is not None:
        rows = rows.for_facility(facility)
    # Held, so that the index is of the text that is stored; what others hold is theirs to index.
    batch = list(rows.select_for_update(of=("self",), skip_locked=True)[:BATCH])
    for text in batch:
        text.index()
    model.objects.bulk_update(batch, INDEX_FIELDS)
    return len(batch)

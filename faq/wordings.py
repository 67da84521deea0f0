"""Wordings learned from guests. What a FAQ answered rightly although the search was unsure is
offered as another wording of it; a wording that brings answers which do not help is proposed for
removal. Staff decide.

Whoever decides holds the row of the inn, so that two who press at once decide once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Prefetch
from django.utils.crypto import salted_hmac

from facilities import audit
from facilities.models import Facility, User
from faq.confidence import VIEWS, load_calibration
from faq.history import recording
from faq.models import (
    VECTORS,
    WORDING_LENGTH,
    DeclinedWording,
    Faq,
    FaqRevision,
    FaqTranslation,
    FaqWording,
    OfferedWording,
)
from faq.reviews import is_impersonal
from faq.services import add_guest_wordings, hold_all, note_counts
from faq.suggestions import hold
from faq.terms import folded
from faq.understanding import Meaning, load_reader
from faq.vectors import likenesses
from yadopera.languages import LANGUAGES

#: Offers shown at once, and of one FAQ: what is decided makes room for the next.
LISTED: Final = 100
OF_ONE_FAQ: Final = 10

Evidence = OfferedWording.Evidence


def key_of(facility_id: int, text: str) -> int:
    """63 bits, the same for texts that are the same when folded, from which they cannot be told
    without the server's key."""
    name = f"{facility_id} {folded(text)}"
    digest = salted_hmac("faq.wordings", name, algorithm="sha256")
    return int.from_bytes(digest.digest()[:8]) >> 1


def known_texts(facility: Facility) -> set[str]:
    """Folded, all texts by which FAQs of the inn are found."""
    questions = FaqTranslation.objects.for_facility(facility).values_list("question", flat=True)
    wordings = FaqWording.objects.for_facility(facility).values_list("text", flat=True)
    return {folded(text) for text in (*questions, *wordings)}


def may_be_offered(text: str) -> bool:
    return len(text) <= WORDING_LENGTH and bool(folded(text))


# What is offered --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """What guests asked, in the same words, of one FAQ."""

    #: By which it is accepted or declined.
    number: int
    faq: Faq
    language: str
    text: str
    guests: int
    #: Those of `guests` who said that the answer helped; the others asked no more.
    thumbs_up: int
    #: How sure the search was that the FAQ answers it, 0 to 1; 0: it found another one first.
    confidence: float
    asked_at: datetime

    @property
    def language_name(self) -> str:
        return LANGUAGES[self.language]

    @property
    def evidence(self) -> str:
        """What speaks for it, in words."""
        return str((Evidence.THUMBS_UP if self.thumbs_up else Evidence.ASKED_NO_MORE).label)

    @property
    def percent(self) -> int:
        return round(self.confidence * 100)

    @property
    def key(self) -> int:
        return key_of(self.faq.facility_id, self.text)

    @property
    def is_likely(self) -> bool:
        """Whether staff need hardly look at it: somebody said that it was right, and it tells
        nothing of who asked."""
        return self.thumbs_up > 0 and is_impersonal(self.text)


def offered(facility: Facility) -> list[Offer]:
    """The wordings to be decided, those of a FAQ together; first the FAQ, and of a FAQ the
    wording, of which most guests were helped. No more of one FAQ, and in all, than somebody reads.
    """
    by_faq: dict[int, list[Offer]] = defaultdict(list)
    for offer in sorted(all_offers(facility), key=rank):
        if len(by_faq[offer.faq.pk]) < OF_ONE_FAQ:
            by_faq[offer.faq.pk].append(offer)
    return [offer for offers in by_faq.values() for offer in offers][:LISTED]


def rank(offer: Offer) -> tuple[int, int, int]:
    return -offer.thumbs_up, -offer.guests, offer.number


def all_offers(facility: Facility) -> list[Offer]:
    """Without those that an inn's FAQ has got otherwise meanwhile."""
    rows_of: dict[tuple[int, int], list[OfferedWording]] = defaultdict(list)
    for row in OfferedWording.objects.for_facility(facility).open().order_by("pk"):
        rows_of[row.faq_id, row.key].append(row)
    known = known_texts(facility) if rows_of else set()
    faqs = Faq.objects.for_facility(facility).with_texts().select_related("facility")
    numbered = faqs.in_bulk({faq_id for faq_id, _key in rows_of})
    return [
        offer_of(numbered[faq_id], rows)
        for (faq_id, _key), rows in rows_of.items()
        if faq_id in numbered and folded(rows[0].text) not in known
    ]


def offer_of(faq: Faq, rows: list[OfferedWording]) -> Offer:
    """Of `rows`, the oldest first, which differ in case and punctuation alone: as most put it."""
    newest = rows[-1]
    [((language, text), _count)] = Counter((row.language, row.text) for row in rows).most_common(1)
    return Offer(
        number=rows[0].pk,
        faq=faq,
        language=language,
        text=text,
        guests=len({row.guest for row in rows}),
        thumbs_up=len({row.guest for row in rows if row.evidence == Evidence.THUMBS_UP}),
        confidence=newest.confidence,
        asked_at=newest.asked_at,
    )


@transaction.atomic
def accept(facility: Facility, numbers: Iterable[int], actor: User) -> int:
    """Let the FAQs be found by these wordings of `offered`, too, from the next question on. What
    is decided or gone is passed over. Returns how many were added."""
    chosen = chosen_offers(facility, numbers)
    for faq, offers in chosen.items():
        add_guest_wordings(faq, {(offer.language, offer.text) for offer in offers})
        record(facility, actor, faq)
        forget_offers(offers)
    return sum(map(len, chosen.values()))


@transaction.atomic
def decline(facility: Facility, numbers: Iterable[int], actor: User) -> int:
    """These of `offered` are not offered again, however often guests ask so. Returns how many."""
    chosen = chosen_offers(facility, numbers)
    for faq, offers in chosen.items():
        for offer in offers:
            refuse(faq, offer.text, actor)
        forget_offers(offers)
    return sum(map(len, chosen.values()))


def chosen_offers(facility: Facility, numbers: Iterable[int]) -> dict[Faq, list[Offer]]:
    """FAQ -> those of its offers that are still to be decided; nobody else decides meanwhile."""
    hold(facility.pk)
    wanted = set(numbers)
    found = [offer for offer in all_offers(facility) if offer.number in wanted]
    own = Faq.objects.for_facility(facility)
    held = set(hold_all(own.filter(pk__in={offer.faq.pk for offer in found})))
    chosen: dict[Faq, list[Offer]] = defaultdict(list)
    for offer in found:
        if offer.faq.pk in held:
            chosen[offer.faq].append(offer)
    return chosen


def forget_offers(offers: list[Offer]) -> None:
    for offer in offers:
        OfferedWording.objects.filter(faq=offer.faq, key=offer.key).delete()


def refuse(faq: Faq, text: str, actor: User) -> None:
    """Staff do not want `text` as a wording of `faq`. The record holds no word of a guest's."""
    key = key_of(faq.facility_id, text)
    declined, is_new = DeclinedWording.objects.get_or_create(faq=faq, key=key)
    if is_new:
        audit.record(audit.Action.ADDED, facility=faq.facility, actor=actor, target=declined)


def record(facility: Facility, actor: User, faq: Faq) -> None:
    audit.record(
        audit.Action.CHANGED, facility=facility, actor=actor, target=faq, fields=["wordings"]
    )


# What the task finds ----------------------------------------------------------------------------


def offer(rows: list[OfferedWording]) -> None:
    """Keep what may be a wording; what is kept already stays as it is."""
    OfferedWording.objects.bulk_create(rows, ignore_conflicts=True)


def note_evidence(message_id: int, evidence: str) -> None:
    """What speaks for it has changed, unless it is gone meanwhile."""
    OfferedWording.objects.filter(message_id=message_id).update(evidence=evidence)


def join_guests(conversation: int, *, into: int) -> None:
    """Two conversations have become one, of one guest."""
    OfferedWording.objects.filter(guest=conversation).update(guest=into)
    OfferedWording.objects.filter(conversation=conversation).update(conversation=into)


def forget_conversations(conversations: Iterable[int]) -> None:
    """Delete what was asked in them; nothing else of it is kept but what staff accepted."""
    OfferedWording.objects.filter(conversation__in=list(conversations)).delete()


# Wordings that bring wrong answers --------------------------------------------------------------


def wording_that_brought(faq_id: int, question: str, at: datetime) -> int:
    """The wording of the FAQ to which `question`, asked then, is nearest; 0 when that is one of the
    FAQ's own questions, or when it has none."""
    meaning = load_reader().read(question)
    wordings = FaqWording.objects.filter(faq=faq_id, created_at__lte=at)
    nearest = scored(wordings, meaning).first()
    if nearest is None:
        return 0
    own = scored(FaqTranslation.objects.filter(faq=faq_id), meaning).first()
    return nearest["pk"] if own is None or nearest["score"] > own["score"] else 0


def scored(texts: Any, meaning: Meaning) -> Any:
    """`{pk, score}` of each, the nearest first. What the answer is about counts for the whole FAQ
    and tells none of its texts from another."""
    weights = dict(zip(VIEWS, load_calibration(with_vectors=False).weights, strict=True))
    score: Any = sum(weights[view] * each for view, each in likenesses(meaning).items())
    found = texts.exclude(index_version=None).annotate(score=score)
    return found.order_by("-score", "pk").values("pk", "score")


def note_votes(facility: Facility, counts: Mapping[int, tuple[int, int]]) -> None:
    """Keep how many guests each wording brought an answer that helped, and that did not: id ->
    (helped, did not). One that is not in `counts` has none."""
    rows = FaqWording.objects.for_facility(facility)
    note_counts(rows, counts, ("confirmed_by", "disputed_by"))


def doubted(facility: Facility) -> list[FaqWording]:
    """The wordings proposed for removal, the worst first."""
    texts = Prefetch("faq__translations", FaqTranslation.objects.defer(*VECTORS))
    rows = FaqWording.objects.for_facility(facility).doubted().defer(*VECTORS)
    return list(rows.select_related("faq__facility").prefetch_related(texts))


@transaction.atomic
def remove(wording: FaqWording, actor: User) -> None:
    """The FAQ is not found by it any more, and it is not offered again. One that is gone is passed
    over."""
    faq = wording.faq
    hold(faq.facility_id)
    held = hold_all(Faq.objects.filter(pk=faq.pk))
    with recording(held, actor=actor, origin=FaqRevision.Origin.PAGE):
        deleted, _by_model = FaqWording.objects.filter(pk=wording.pk).delete()
    if deleted:
        refuse(faq, wording.text, actor)
        record(faq.facility, actor, faq)


def count_open(facilities: Iterable[Facility]) -> int:
    """How many wordings of these inns, offered or doubted, wait for the word of staff."""
    offers = OfferedWording.objects.open().filter(faq__facility__in=facilities)
    doubts = FaqWording.objects.doubted().filter(faq__facility__in=facilities)
    return offers.values("faq", "key").distinct().count() + doubts.count()


def keep(wording: FaqWording) -> None:
    """It stays, and is proposed for removal again only when more guests are against it."""
    FaqWording.objects.filter(pk=wording.pk).update(kept_against=F("disputed_by"))

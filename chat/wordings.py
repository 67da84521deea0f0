"""Which guests' questions may be further wordings of the FAQs that answered them, and which
wordings brought answers that did not help. Found in the conversations and votes as they stand, so
that it may run at any time, twice at once, or be killed: the same is offered."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from chat.feedback import GUESTS_OF_A_NETWORK, tally
from chat.guests import guest_of
from chat.models import Conversation, GuestFeedback, Message
from chat.patterns import WITHIN, with_endings
from chat.services import lock
from facilities.models import EscalationMode, Facility
from faq import wordings
from faq.models import DeclinedWording, FaqWording, OfferedWording
from faq.search import search_faqs
from faq.suggestions import SIMILAR, make_vectors
from faq.terms import folded

#: Below this chance of being right the search was unsure, though the answer was given.
UNSURE: Final = EscalationMode.EARLY.threshold
#: Questions are looked at for so long; nights on which the task does not run lose nothing.
LOOKED_BACK: Final = timedelta(days=14)
#: Texts of one guest that are offered in that time: nobody fills the list alone.
OF_ONE_GUEST: Final = 5
#: Questions, and votes, that one run looks into at most, the newest; and how many at a time.
AT_ONCE: Final = 200
BATCH: Final = 50

Evidence = OfferedWording.Evidence


def learn_wordings(facility: Facility, at: datetime | None = None) -> None:
    """Offer what guests of `facility` asked, until `at`, as wordings of the FAQs that answered it
    rightly, withdraw what proved wrong since, and count what guests say of the wordings."""
    texts, disputed = wordings.known_texts(facility), texts_voted_down(facility)
    withdraw(facility, texts, disputed)
    offer_answered(facility, at or timezone.now(), texts, disputed)
    find_wordings(facility)
    count_votes(facility)


# What is offered --------------------------------------------------------------------------------


def offer_answered(
    facility: Facility, at: datetime, texts: set[str], disputed: set[tuple[int, str]]
) -> None:
    known = dict(
        OfferedWording.objects.for_facility(facility).values_list("message_id", "evidence")
    )
    found = list(eligible(answered_rightly(facility, at), disputed))
    for each in found:
        if known.get(each.pk, each.evidence) != each.evidence:
            wordings.note_evidence(each.pk, each.evidence)
    declined = set(DeclinedWording.objects.for_facility(facility).values_list("faq", "key"))
    new = (
        each
        for each in reversed(found)
        if each.pk not in known
        and folded(each.content) not in texts
        and (each.faq_id, wordings.key_of(facility.pk, each.content)) not in declined
    )
    rows = list(still_unsure(facility, list(islice(new, AT_ONCE))))
    rows.sort(key=lambda row: (row.conversation, row.message_id))
    for conversation, of_guest in groupby(rows, key=lambda row: row.conversation):
        store(conversation, list(of_guest))


def answered_rightly(facility: Facility, at: datetime) -> Any:
    """Questions that a FAQ answered although the search was unsure, and that ended well: the guest
    said so, or asked no more of it in time. FAQs answer neither dangers nor courtesies.

    Those whose answer staff have written anew since are among them: it is still the FAQ that they
    ask for.
    """
    since = at - LOOKED_BACK
    voted_up = Q(reply__feedback__feedback_type=GuestFeedback.Type.POSITIVE)
    unsure = Q(reply__source=Message.Source.GENERATED) | Q(reply__ai_confidence__lt=UNSURE)
    asked = Message.objects.questions().filter(
        unsure,
        Q(created_at__lte=at - WITHIN) | voted_up,
        conversation__in=Conversation.objects.for_facility(facility).active_since(since),
        created_at__gte=since,
        created_at__lte=at,
        reply__source__in=(Message.Source.FAQ, Message.Source.GENERATED),
    )
    earlier = Message.objects.questions().filter(
        conversation=OuterRef("conversation"), pk__lt=OuterRef("pk")
    )
    return (
        with_endings(asked)
        .filter(is_resolved=True, reply__matched_faq_ids__len__gt=0)
        .annotate(
            voted_up=voted_up, network=F("reply__feedback__network"), is_later=Exists(earlier)
        )
        .select_related("conversation__facility", "reply")
        .order_by("pk")
    )


def eligible(questions: Iterable[Any], disputed: set[tuple[int, str]]) -> Iterator[Any]:
    """`questions` of which wordings may be made, each with `faq_id`, `guest` and `evidence`: of one
    guest only some texts, and the thumbs of no more guests of one network than count."""
    guests: dict[int, int] = {}
    texts_of: dict[int, set[str]] = defaultdict(set)
    voters_of: dict[int, set[int]] = defaultdict(set)
    for question in questions:
        question.faq_id = question.reply.matched_faq_ids[0]
        text = folded(question.content)
        if not wordings.may_be_offered(question.content) or (question.faq_id, text) in disputed:
            continue
        if question.conversation_id not in guests:
            guests[question.conversation_id] = guest_of(question.conversation)
        question.guest = guests[question.conversation_id]
        texts = texts_of[question.guest]
        if text not in texts and len(texts) >= OF_ONE_GUEST:
            continue
        texts.add(text)
        question.evidence = Evidence.ASKED_NO_MORE
        if question.voted_up and counts(question, voters_of):
            question.evidence = Evidence.THUMBS_UP
        yield question


def counts(question: Any, voters_of: dict[int, set[int]]) -> bool:
    """Whether the guest's thumb is one of those of his network that count."""
    if question.network is None:
        return True
    voters = voters_of[question.network]
    if len(voters) < GUESTS_OF_A_NETWORK:
        voters.add(question.guest)
    return question.guest in voters


def still_unsure(facility: Facility, questions: list[Any]) -> Iterator[OfferedWording]:
    """Of each question that, asked alone and now, leads to its FAQ, but not surely: not one that
    was understood by what was asked before it, nor one that a wording learned since helps. What
    guests say of the FAQ is left out of it: that makes the answer surer, not the search."""
    for start in range(0, len(questions), BATCH):
        batch = questions[start : start + BATCH]
        vectors = make_vectors(facility, [question.content for question in batch])
        for question, vector in zip(batch, vectors, strict=True):
            ranking = search_faqs(
                facility, question.content, language=question.language, embedding=vector
            )
            found = [match.faq_id for match in ranking.matches]
            chance = ranking.unheard if found[:1] == [question.faq_id] else 0.0
            stands_alone = chance >= SIMILAR or not question.is_later
            if question.faq_id in found and stands_alone and chance < UNSURE:
                yield row_of(question, chance)


def row_of(question: Any, confidence: float) -> OfferedWording:
    return OfferedWording(
        faq_id=question.faq_id,
        message_id=question.pk,
        conversation=question.conversation_id,
        guest=question.guest,
        language=question.language,
        text=question.content,
        key=wordings.key_of(question.conversation.facility_id, question.content),
        evidence=question.evidence,
        confidence=confidence,
        asked_at=question.created_at,
    )


@transaction.atomic
def store(conversation_id: int, rows: list[OfferedWording]) -> None:
    """Unless the guest has deleted his conversation meanwhile: that waits for this, or the other
    way round."""
    try:
        held = lock(Conversation(pk=conversation_id))
    except Conversation.DoesNotExist:
        return
    if held.pk == conversation_id:  # else the next run finds the questions where they are now
        wordings.offer(rows)


def texts_voted_down(facility: Facility) -> set[tuple[int, str]]:
    """(FAQ, folded text) of the questions to which somebody found its answer no help."""
    votes = GuestFeedback.objects.for_facility(facility).negative().standing()
    told = votes.exclude(faq_id=None).exclude(message=None)
    asked = told.values_list("faq_id", "message__reply_to__content")
    return {(faq_id, folded(text)) for faq_id, text in asked if faq_id is not None}


def withdraw(facility: Facility, texts: set[str], disputed: set[tuple[int, str]]) -> None:
    """What is offered no longer: guests, or the same guest, said later that it was wrong, or FAQs
    have it among their texts now."""
    rows = OfferedWording.objects.for_facility(facility)
    asked = Message.objects.questions().filter(pk__in=rows.values("message_id"))
    right = set(with_endings(asked).filter(is_resolved=True).values_list("pk", flat=True))
    settled = []
    for row in rows.only("message_id", "faq", "text"):
        text = folded(row.text)
        if row.message_id not in right or text in texts or (row.faq_id, text) in disputed:
            settled.append(row.pk)
    rows.filter(pk__in=settled).delete()


# Wordings that bring wrong answers --------------------------------------------------------------


def find_wordings(facility: Facility) -> None:
    """Keep with each new vote the wording that brought the answer: once, so that a vote is not
    laid at another's door when that wording is gone."""
    with_wordings = set(
        FaqWording.objects.for_facility(facility).values_list("faq", flat=True).distinct()
    )
    votes = GuestFeedback.objects.for_facility(facility).filter(
        wording_id=None,
        message__source__in=(Message.Source.FAQ, Message.Source.GENERATED),
    )
    rows = votes.exclude(faq_id=None).select_related("message__reply_to").order_by("-pk")
    for vote in rows[:AT_ONCE]:
        vote.wording_id = wording_of(vote) if vote.faq_id in with_wordings else 0
        votes.filter(pk=vote.pk).update(wording_id=vote.wording_id)


def wording_of(vote: GuestFeedback) -> int:
    question = vote.message.reply_to if vote.message else None
    if vote.faq_id is None or question is None:
        return 0
    return wordings.wording_that_brought(vote.faq_id, question.content, question.created_at)


def count_votes(facility: Facility) -> None:
    """Tell the wordings how many guests they helped, of those votes that stand."""
    votes = GuestFeedback.objects.for_facility(facility).standing().filter(wording_id__gt=0)
    found: dict[int, list[GuestFeedback]] = defaultdict(list)
    for vote in votes.order_by("pk"):
        found[vote.wording_id or 0].append(vote)
    wordings.note_votes(facility, {number: tally(of_it) for number, of_it in found.items()})

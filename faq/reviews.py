"""What staff make of a suggestion: a FAQ, another wording of one, part of another suggestion, or
nothing. No suggestion becomes a FAQ without them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from facilities import audit
from facilities.models import Facility, User
from faq.models import (
    QUESTION_LENGTH,
    WORDING_LENGTH,
    Faq,
    FaqRevision,
    FaqSuggestion,
    SuggestedQuestion,
)
from faq.services import Texts, add_guest_wordings, change_faq, create_faq
from faq.services import hold as hold_faq
from faq.suggestions import Status, hold, mind_draft
from faq.translation import propose_texts
from yadopera.ai import get_provider
from yadopera.errors import InvalidRequest, NotFound

#: What may tell who asked: an address, a number of a room, a booking or a telephone.
_PERSONAL: Final = re.compile(r"@|\d{3,}")


@dataclass(frozen=True)
class Decision:
    """What staff changed before they approved; what is left out, or None, is as drafted."""

    question: str | None = None
    answer: str | None = None
    category: str | None = None
    priority: int | None = None
    visibility: str = ""
    #: Texts in further languages.
    other_texts: Texts | None = None
    #: Ids of the guests' questions that are kept as wordings.
    wordings: Iterable[int] | None = None


AS_DRAFTED: Final = Decision()


@transaction.atomic
def approve(
    *,
    suggestion: FaqSuggestion,
    actor: User,
    decision: Decision = AS_DRAFTED,
    origin: str = FaqRevision.Origin.API,
) -> FaqSuggestion:
    """Make a FAQ of it, from which the next guest is answered; its other languages and vectors
    follow in the background. One that is approved already stays as it is. Raises InvalidRequest
    without an answer, NotFound when it is gone."""
    held = hold_suggestion(suggestion)
    if held.status == Status.APPROVED:
        return held
    texts = approved_texts(held, decision)
    faq = create_faq(
        facility=held.facility,
        actor=actor,
        category=decision.category or held.category,
        texts=texts,
        priority=decision.priority or 3,
        visibility=decision.visibility,
        origin=origin,
    )
    audit.record(audit.Action.ADDED, facility=held.facility, actor=actor, target=faq)
    held.question_language, (held.question, held.answer) = next(iter(texts.items()))
    held.answer_language = held.question_language
    held.category = faq.category
    held.awaits_translation = get_provider() is not None
    return settle(held, faq, actor, decision.wordings)


@transaction.atomic
def approve_as_wording(
    *,
    suggestion: FaqSuggestion,
    faq: Faq,
    actor: User,
    wordings: Iterable[int] | None = None,
) -> FaqSuggestion:
    """Let `faq`, of the same inn, be found by what guests asked: its answer is right. Raises
    NotFound when either is gone."""
    held = hold_suggestion(suggestion)
    if held.status == Status.APPROVED:
        return held
    faq = hold_faq(faq)
    audit.record(
        audit.Action.CHANGED, facility=held.facility, actor=actor, target=faq, fields=["wordings"]
    )
    held.answer = ""  # the FAQ's own is given
    held.answer_language = ""
    return settle(held, faq, actor, wordings)


def settle(
    held: FaqSuggestion, faq: Faq, actor: User, wordings: Iterable[int] | None
) -> FaqSuggestion:
    add_guest_wordings(faq, chosen_wordings(held, wordings))
    held.status, held.created_faq, held.other_texts = Status.APPROVED, faq, {}
    return decided(held, actor)


def decided(held: FaqSuggestion, actor: User) -> FaqSuggestion:
    held.reviewed_at, held.reviewed_by = timezone.now(), actor
    held.save()
    return held


def hold_suggestion(suggestion: FaqSuggestion) -> FaqSuggestion:
    """`suggestion` as it is now, until the transaction ends. Raises NotFound."""
    hold(suggestion.facility_id)
    held = FaqSuggestion.objects.select_related("facility").filter(pk=suggestion.pk).first()
    if held is None:
        raise NotFound("the suggestion is gone")
    return held


def approved_texts(suggestion: FaqSuggestion, decision: Decision) -> dict[str, tuple[str, str]]:
    """language -> (question, answer), the chief one first. What staff write is in the inn's own
    language; a draft in another is of that one, where both its parts are."""
    own = suggestion.language
    question, asked_in = chosen_text(
        decision.question, suggestion.question, suggestion.question_language, own
    )
    answer, answered_in = chosen_text(
        decision.answer, suggestion.answer, suggestion.answer_language, own
    )
    if not answer:
        raise InvalidRequest(text=gettext("Write the answer first: nobody has replied to it yet."))
    chief = asked_in if asked_in == answered_in else own
    others = decision.other_texts
    if others is None:
        # Staff have not seen these in another version than the one they have just changed.
        is_as_drafted = answer == suggestion.answer
        drafted = suggestion.other_texts if is_as_drafted else {}
        others = {code: (text["question"], text["answer"]) for code, text in drafted.items()}
    return {chief: (question, answer)} | {
        code: pair for code, pair in others.items() if code != chief
    }


def chosen_text(written: str | None, drafted: str, language: str, own: str) -> tuple[str, str]:
    if written is None or written == drafted:
        return drafted, language
    return written, own


def chosen_wordings(
    suggestion: FaqSuggestion, numbers: Iterable[int] | None
) -> set[tuple[str, str]]:
    """(language, text) of those questions; of all that tell nothing of who asked, when nobody has
    chosen."""
    questions = SuggestedQuestion.objects.filter(suggestion=suggestion)
    if numbers is not None:
        questions = questions.filter(pk__in=list(numbers))
    rows = questions.order_by("pk").values_list("language", "text")
    return {
        (language, text)
        for language, text in rows
        if len(text) <= QUESTION_LENGTH and (numbers is not None or is_impersonal(text))
    }


def is_impersonal(text: str) -> bool:
    """Whether it may be kept beyond the guest's conversation without anybody's looking at it."""
    return len(text) <= WORDING_LENGTH and not _PERSONAL.search(text)


@transaction.atomic
def reject(*, suggestion: FaqSuggestion, actor: User) -> FaqSuggestion:
    """No FAQ is wanted of it; it comes back when three more guests ask. Raises InvalidRequest for
    one that has become a FAQ, NotFound when it is gone."""
    held = hold_suggestion(suggestion)
    if held.status == Status.REJECTED:
        return held
    if held.status == Status.APPROVED:
        raise InvalidRequest(text=gettext("It is a FAQ already: change or delete that."))
    held.status = Status.REJECTED
    # Neither a question nor an answer: the record holds no word of a guest's.
    audit.record(
        audit.Action.CHANGED, facility=held.facility, actor=actor, target=held, text=label(held)
    )
    return decided(held, actor)


@transaction.atomic
def keep_draft(
    *, suggestion: FaqSuggestion, question: str, answer: str, category: str
) -> FaqSuggestion:
    """Store what staff wrote, in the inn's own language, to be approved later. Raises NotFound,
    InvalidRequest as `reject`."""
    held = hold_suggestion(suggestion)
    if held.status == Status.APPROVED:
        raise InvalidRequest(text=gettext("It is a FAQ already: change or delete that."))
    before = held.question, held.answer, held.category
    if before == (question, answer, category):
        return held
    held.question, held.question_language = chosen_text(
        question, held.question, held.question_language, held.language
    )
    if answer != held.answer:
        held.answer, held.answer_language = answer, held.language if answer else ""
        held.other_texts = {}
    held.category, held.is_edited = category, True
    held.save()
    return held


@transaction.atomic
def merge(*, suggestion: FaqSuggestion, into: FaqSuggestion, actor: User) -> FaqSuggestion:
    """Move its questions to `into`, of the same inn, and delete it; what staff have written in
    `into` stays. Raises NotFound when either is gone, InvalidRequest unless both are to be
    decided."""
    held, target = hold_suggestion(suggestion), hold_suggestion(into)
    if held.pk == target.pk or {held.status, target.status} != {Status.PENDING}:
        raise InvalidRequest(text=gettext("Only suggestions that are to be decided can be merged."))
    held.questions.update(suggestion=target)
    target.similar_faq = target.similar_faq or held.similar_faq
    audit.record(
        audit.Action.CHANGED, facility=held.facility, actor=actor, target=target, text=label(target)
    )
    held.delete()
    return mind_draft(target, renew=True)


def label(suggestion: FaqSuggestion) -> str:
    return f"{FaqSuggestion._meta.verbose_name} #{suggestion.pk}"


# Afterwards -------------------------------------------------------------------------------------


def translate_approved(facility: Facility) -> None:
    """Add the languages that FAQs made of suggestions lack, as the provider translates them. What
    it does not manage now is tried again, what staff write meanwhile stays."""
    due = FaqSuggestion.objects.for_facility(facility).filter(
        status=Status.APPROVED, awaits_translation=True
    )
    if get_provider() is None:
        return
    for suggestion in due.select_related("created_faq", "facility", "reviewed_by"):
        faq = suggestion.created_faq
        if faq is None or translate_missing(faq, suggestion):
            due.filter(pk=suggestion.pk).update(awaits_translation=False)


def translate_missing(faq: Faq, suggestion: FaqSuggestion) -> bool:
    """Whether nothing is left to try again."""
    facility = suggestion.facility
    stored = {text.language: text for text in faq.translations.all()}
    source = stored.get(suggestion.question_language)
    targets = [code for code in facility.languages if code not in stored]
    if source is None or not targets:
        return True
    pair = {"question": source.question, "answer": source.answer}
    proposal = propose_texts(facility, source.language, pair, targets)
    if not proposal.texts:
        return False
    with transaction.atomic():
        held = hold_faq(faq)
        written = dict(held.translations.values_list("language", "updated_at"))
        if written.get(source.language) != source.updated_at:
            return False  # somebody has changed it since it was read
        texts = {
            code: (text["question"], text["answer"])
            for code, text in proposal.texts.items()
            if code not in written
        }
        change_faq(faq=held, actor=suggestion.reviewed_by, texts=texts)
    return True

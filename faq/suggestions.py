"""Questions that no FAQ answers well, gathered into suggestions: near-identical ones of an inn, in
whatever languages, are one.

Whoever changes suggestions of an inn holds its row, so that two that look at once do not begin the
same one twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import Avg, Q, Value
from django.db.models.functions import Greatest
from pgvector.django import MaxInnerProduct

from facilities.models import Facility
from faq.drafts import put_together
from faq.models import (
    QUESTION_LENGTH,
    Faq,
    FaqSuggestion,
    FaqSuggestionQuerySet,
    SuggestedQuestion,
    SuggestedQuestionQuerySet,
)
from faq.search import search_faqs
from faq.understanding import Meaning, load_reader
from faq.vectors import likeness
from yadopera.ai import ProviderError, get_provider, outage

#: What the views weigh in the likeness of two questions, and how like the questions of a
#: suggestion a new one must be on average to join them. On the questions of the six inns in
#: tests/evaluation/fitted, many of which are oblique on purpose, 0.96 of the pairs that come
#: together then ask for the same and 99 of 100 suggestions are of one question; 0.18 of the pairs
#: that ask for the same come together. Two suggestions of one question are merged by a click, while
#: one of two questions cannot be answered.
TOPIC, CONCEPT, COVERAGE = 0.6, 0.2, 0.2
ALIKE: Final = 0.75
#: The same for the cosine of two vectors of the provider. Not measured, for want of one here: set
#: high for the reason above.
NEAR: Final = 0.65
#: A FAQ that answers the question with this chance is shown as a similar one.
SIMILAR: Final = 0.2
#: A rejected suggestion comes back when so many more guests have asked.
MORE_GUESTS: Final = 3
TIMEOUT_SECONDS: Final = 10.0

Status = FaqSuggestion.Status


@dataclass(frozen=True)
class Asked:
    """A guest's question that wants a FAQ."""

    message_id: int
    #: A number that tells one guest from another.
    guest: int
    language: str
    text: str
    asked_at: datetime
    why: str
    #: language -> what staff replied, and the number of their last reply to it.
    replies: dict[str, str]
    replied_until: int = 0
    #: How sure the search was of its answer, 0 to 1.
    confidence: float = 0.0
    #: The provider's vector of `text`, where there is one.
    vector: Sequence[float] | None = None


def make_vectors(facility: Facility, texts: list[str]) -> list[list[float] | None]:
    """The provider's vector of each text, none of any where it makes none just now."""
    provider = get_provider()
    if provider is None or not texts or not outage.may_call():
        return [None] * len(texts)
    told = [facility.without_secrets(text) for text in texts]
    try:
        made = async_to_sync(provider.embed)(told, timeout_seconds=TIMEOUT_SECONDS)
    except ProviderError as error:
        outage.note_failure(str(error))
        return [None] * len(texts)
    outage.note_success()
    return list(made)


def hold(facility_id: int) -> Facility:
    """The inn, whose suggestions nobody else changes until the transaction ends."""
    return Facility.objects.select_for_update(no_key=True).get(pk=facility_id)


@transaction.atomic
def note_question(facility_id: int, asked: Asked) -> FaqSuggestion:
    """Put a question to the others of its kind, or begin a suggestion with it; one that is known
    already only takes the replies that came since."""
    facility = hold(facility_id)
    known = SuggestedQuestion.objects.filter(message_id=asked.message_id)
    if question := known.select_related("suggestion").first():
        return note_replies(question, asked)
    found = find_suggestion(facility, asked)
    suggestion = found if found and is_joined(found, asked) else begin(facility, asked, near=found)
    add_question(suggestion, asked)
    if suggestion.status == Status.REJECTED and (
        asked.why == SuggestedQuestion.Why.CHOSEN or has_come_back(suggestion)
    ):
        suggestion.status, suggestion.reviewed_at, suggestion.reviewed_by = (
            Status.PENDING,
            None,
            None,
        )
    return mind_draft(suggestion, renew=bool(asked.replies))


def note_replies(question: SuggestedQuestion, asked: Asked) -> FaqSuggestion:
    if question.replied_until < asked.replied_until:
        question.replies, question.replied_until = asked.replies, asked.replied_until
        question.save(update_fields=["replies", "replied_until"])
        return mind_draft(question.suggestion, renew=True)
    return question.suggestion


def is_joined(suggestion: FaqSuggestion, asked: Asked) -> bool:
    """Whether the question belongs to it. What is asked although a FAQ was made of it since begins
    anew: the FAQ does not answer it as it should."""
    if suggestion.status != Status.APPROVED:
        return True
    return suggestion.reviewed_at is not None and asked.asked_at <= suggestion.reviewed_at


def has_come_back(suggestion: FaqSuggestion) -> bool:
    since = Q(noted_at__gt=suggestion.reviewed_at)
    before = suggestion.questions.exclude(since)
    more = suggestion.questions.filter(since).exclude(guest__in=before.values("guest"))
    return more.values("guest").distinct().count() >= MORE_GUESTS


def begin(facility: Facility, asked: Asked, *, near: FaqSuggestion | None) -> FaqSuggestion:
    """A new suggestion. `near` was made a FAQ: it may be a wording of that."""
    ranking = search_faqs(
        facility, asked.text, language=asked.language, embedding=asked.vector, limit=2
    )
    nearest = [match.faq_id for match in ranking.matches[:1]]
    faq = Faq.objects.for_facility(facility).filter(pk__in=nearest).first()
    made_of_it = near.created_faq if near else None
    found = made_of_it or faq
    return FaqSuggestion.objects.create(
        facility=facility,
        language=facility.language,
        question=asked.text[:QUESTION_LENGTH],
        question_language=asked.language,
        category=found.category if found else Faq.Category.BASIC,
        similar_faq=made_of_it or (faq if ranking.confidence >= SIMILAR else None),
    )


def add_question(suggestion: FaqSuggestion, asked: Asked) -> None:
    provider = get_provider()
    question = SuggestedQuestion(
        suggestion=suggestion,
        message_id=asked.message_id,
        guest=asked.guest,
        language=asked.language,
        text=asked.text,
        replies=asked.replies,
        replied_until=asked.replied_until,
        why=asked.why,
        confidence=asked.confidence,
        asked_at=asked.asked_at,
        embedding=asked.vector,
        embedding_model=provider.embedding_model if provider and asked.vector else "",
    )
    question.index()
    question.save()


def mind_draft(suggestion: FaqSuggestion, *, renew: bool) -> FaqSuggestion:
    """Make the draft anew of what there is now. What a provider has written stays, unless `renew`;
    what staff have written or approved always does."""
    is_settled = suggestion.is_edited or suggestion.status == Status.APPROVED
    if not is_settled and (renew or suggestion.written_at is None):
        put_together(suggestion)
    suggestion.save()
    return suggestion


# Which belong together --------------------------------------------------------------------------


def find_suggestion(facility: Facility, asked: Asked) -> FaqSuggestion | None:
    """The suggestion of the same question: one that is not a FAQ yet, or else one that is."""
    suggestions = FaqSuggestion.objects.for_facility(facility).select_related("created_faq")
    open_ones = suggestions.exclude(status=Status.APPROVED)
    return nearest_of(open_ones, asked) or nearest_of(
        suggestions.filter(status=Status.APPROVED).exclude(created_faq=None), asked
    )


def nearest_of(suggestions: FaqSuggestionQuerySet, asked: Asked) -> FaqSuggestion | None:
    """The one whose questions are most like it, if they are like enough; the oldest of equals."""
    questions = SuggestedQuestion.objects.filter(suggestion__in=suggestions)
    same = questions.filter(text__iexact=asked.text).order_by("suggestion").first()
    number = same.suggestion_id if same else most_alike(questions, asked)
    return suggestions.filter(pk=number).first() if number else None


def most_alike(questions: SuggestedQuestionQuerySet, asked: Asked) -> int | None:
    alike: dict[str, Any] = {"meaning": Avg(by_meaning(load_reader().read(asked.text))) / ALIKE}
    provider = get_provider()
    if provider and asked.vector is not None:
        near = -MaxInnerProduct("embedding", asked.vector)
        same_model = Q(embedding_model=provider.embedding_model)
        alike["vector"] = Avg(near, filter=same_model) / NEAR
    # PostgreSQL's greatest() passes over what is null: groups without a vector of this model.
    best = (
        questions.values("suggestion")
        .annotate(**alike)
        .annotate(likeness=Greatest(*alike, Value(0.0)))
        .filter(likeness__gte=1)
        .order_by("-likeness", "suggestion")
        .first()
    )
    return best["suggestion"] if best else None


def by_meaning(meaning: Meaning) -> Any:
    """How like `meaning` a stored question is, 0 to 1: about the same, or in the same words."""
    about = (
        TOPIC * likeness("topics", meaning.topics)
        + CONCEPT * likeness("concepts", meaning.concepts)
        + COVERAGE * likeness("named", meaning.asked)
    )
    return Greatest(about, likeness("terms", meaning.terms))


# Whose they are ---------------------------------------------------------------------------------


def join_guests(guest: int, *, into: int) -> None:
    """Two numbers were one guest's."""
    SuggestedQuestion.objects.filter(guest=guest).update(guest=into)


def forget_guests(guests: Iterable[int]) -> None:
    """Delete what these guests asked; nothing else of them is kept but what staff approved."""
    forget(SuggestedQuestion.objects.filter(guest__in=list(guests)))


def forget_messages(message_ids: Iterable[int]) -> None:
    forget(SuggestedQuestion.objects.filter(message_id__in=list(message_ids)))


@transaction.atomic
def forget(questions: SuggestedQuestionQuerySet) -> None:
    """A suggestion without a question left goes too, unless it has become a FAQ; of another the
    draft is made anew of what is left."""
    for facility_id in (
        questions.order_by().values_list("suggestion__facility", flat=True).distinct()
    ):
        hold(facility_id)
    numbers = set(questions.values_list("suggestion", flat=True))
    questions.delete()
    touched = FaqSuggestion.objects.filter(pk__in=numbers).exclude(status=Status.APPROVED)
    touched.filter(questions=None).delete()
    for suggestion in touched.select_related("facility"):
        mind_draft(suggestion, renew=True)

"""Guests' questions that wait for a FAQ, and what they say against one.

A FAQ that is new, or about something near, looks like the answer as long as nothing of the inn's is
nearer. Its suggestions tell what else guests ask there: what is nearer to one of them than to the
FAQ goes to staff, as that did, until they have decided.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.db.models import Case, F, FloatField, Value, When
from pgvector.django import MaxInnerProduct

from facilities.models import Facility
from faq.confidence import VIEWS, Calibration, Evidence, Likeness, load_calibration
from faq.models import VECTORS, SuggestedQuestion
from faq.search import OpenQuestion, Ranking, weigh_guests
from faq.vectors import likenesses
from yadopera.ai import get_provider

#: Less likely answers go to staff in any case: nobody asks for less than 0.70.
UNLIKELY: Final = 0.5
#: What is all but sure is told all the same: an odd question of one guest's takes no answer from
#: the others.
ALL_BUT_SURE: Final = 0.95
#: So many are looked at, of which one may have been answered well and another not.
NEAREST: Final = 5
#: Wrong answers are voted down so many times as often as right ones that are not liked; assumed.
DISLIKED: Final = 4


def heed_open_questions(
    facility: Facility, ranking: Ranking, *, embedding: Sequence[float] | None = None
) -> Ranking:
    """`ranking`, less sure where one of the questions that wait for a FAQ is near to what was
    asked; `embedding` is the vector of that which it was made with."""
    evidence = ranking.evidence
    if evidence is None or not UNLIKELY <= ranking.unheard < ALL_BUT_SURE:
        return ranking
    calibration = load_calibration(with_vectors=embedding is not None)
    near = nearest_questions(facility, ranking, calibration, embedding)
    judged = [(beside(ranking, evidence, each, calibration), each) for each in near]
    if not judged:
        return ranking
    (first, among), rival = min(judged, key=lambda each: each[0][0])
    if first >= ranking.unheard:
        return ranking
    confidence = weigh_guests(ranking.matches[0], first)
    return replace(
        ranking,
        unheard=first,
        confidence=confidence,
        answerable=max(confidence, among),
        rival=OpenQuestion(rival.suggestion_id, rival.text),
    )


def beside(
    ranking: Ranking, evidence: Evidence, question: Any, calibration: Calibration
) -> tuple[float, float]:
    """The chances that the first match answers and that any does, with a question that waits among
    what was found: as if it were a FAQ, and as before, each as likely as it is that no FAQ answers
    it, or that one does."""
    rival = Likeness(*(getattr(question, view) for view in VIEWS))
    ahead = question.score - calibration.score(ranking.matches[0].likeness)
    first, among = ranking.unheard, ranking.answerable
    if -ahead < evidence.lead:  # the second match is nearer otherwise, and weighed already
        found = replace(
            evidence,
            lead=-ahead,
            share=1 / (1 / evidence.share + math.exp(ahead)),
            coverage_lead=evidence.coverage - rival.coverage,
            highest_concept=max(evidence.highest_concept, rival.concept),
            highest_term=max(evidence.highest_term, rival.term),
            highest_coverage=max(evidence.highest_coverage, rival.coverage),
        )
        open_still = is_open(question)
        first += open_still * (calibration.first.chance(found) - first)
        among += open_still * (calibration.any.chance(found) - among)
    return first, among


def is_open(question: Any) -> float:
    """The chance that no FAQ answers it: that the answer it had, if any, was wrong."""
    wrong: float = 1 - question.confidence
    if question.why == SuggestedQuestion.Why.VOTED_DOWN:
        wrong = wrong * DISLIKED / (wrong * DISLIKED + question.confidence)
    return wrong


def nearest_questions(
    facility: Facility,
    ranking: Ranking,
    calibration: Calibration,
    embedding: Sequence[float] | None,
) -> list[Any]:
    """The waiting questions that are most like the one asked, with their VIEWS and `score`."""
    views: dict[str, Any] = {
        **likenesses(ranking.meaning),
        "answer_topic": Value(0.0),  # it has no answer
        "standing": standing(ranking, embedding),
    }
    score = sum(
        (F(view) * weight for view, weight in zip(VIEWS, calibration.weights, strict=True)),
        start=Value(0.0),
    )
    waiting = SuggestedQuestion.objects.for_facility(facility).waiting().defer(*VECTORS)
    return list(waiting.annotate(**views).annotate(score=score).order_by("-score", "pk")[:NEAREST])


def standing(ranking: Ranking, embedding: Sequence[float] | None) -> Any:
    """Where it would stand among the inn's FAQs, by the provider's vectors."""
    provider = get_provider()
    if ranking.similarity is None or embedding is None or provider is None:
        return Value(0.0)
    mean, deviation = ranking.similarity
    similarity = -1.0 * MaxInnerProduct("embedding", embedding)
    return Case(
        When(embedding_model=provider.embedding_model, then=(similarity - mean) / deviation),
        default=0.0,
        output_field=FloatField(),
    )

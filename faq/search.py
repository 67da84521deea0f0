"""Which FAQs of a facility answer a question, and how surely."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import connection

from facilities.models import Facility
from faq.confidence import (
    NOTHING,
    ONE_GUESTS_MOST,
    VIEWS,
    Evidence,
    Likeness,
    highest_of,
    load_calibration,
    weigh_endings,
    weigh_votes,
)
from faq.presets import Preset, load_presets
from faq.terms import folded
from faq.understanding import Meaning, Weights, load_reader
from faq.vectors import dense_text, to_vector
from yadopera.ai import get_provider

#: How many FAQs are returned; the confidence needs the second.
CANDIDATES: Final = 5
#: FAQs of an inn, as in the sets that the confidence was fitted to. Where there are fewer, the
#: best of them has little to be better than: the missing ones count as FAQs about something else.
USUAL_FAQS: Final = 30
#: A question in the very words of one text of a FAQ, question or wording, asks for that FAQ: staff
#: have said so. They may err, so it is not quite sure; assumed. The product of its terms with a
#: wording's falls short of 1 by rounding alone.
SAID_BY_STAFF: Final = 0.95
SAME_WORDS: Final = 0.999
#: A FAQ that shares this much of a fact's likeness to the question is about the same.
SAME_TOPIC: Final = 0.5

# One round trip. Every text of the facility is compared: an inn has a few thousand, and an index
# shared by all facilities and filtered by one would silently lose some of them.
_RANK: Final = """
WITH compared AS (
    SELECT faq.id, faq.visibility, faq.confirmed_by, faq.disputed_by, faq.left_content,
        faq.left_unhelped, likeness.*
    FROM faq_faq faq, LATERAL (
        SELECT
            max(-(topics <#> %(topics)s::sparsevec)) AS topic,
            max(-(answer_topics <#> %(topics)s::sparsevec)) AS answer_topic,
            max(-(concepts <#> %(concepts)s::sparsevec)) AS concept,
            max(-(terms <#> %(terms)s::sparsevec)) AS term,
            max(-(named <#> %(asked)s::sparsevec)) AS coverage,
            {similarity} AS similarity,
            bool_or(embedding_model = %(model)s) AS has_vector
        FROM (
            SELECT topics, answer_topics, concepts, terms, named, embedding, embedding_model
            FROM faq_faqtranslation WHERE faq_id = faq.id AND index_version IS NOT NULL
            UNION ALL
            SELECT topics, NULL, concepts, terms, named, embedding, embedding_model
            FROM faq_faqwording WHERE faq_id = faq.id AND index_version IS NOT NULL
        ) texts
    ) likeness
    WHERE faq.facility_id = %(facility)s AND faq.is_active
        AND EXISTS (SELECT FROM faq_faqtranslation WHERE faq_id = faq.id)
), spread AS (
    SELECT *, avg(similarity) OVER () AS mean, stddev_pop(similarity) OVER () AS deviation
    FROM compared
), placed AS (
    SELECT *, coalesce((similarity - mean) / nullif(deviation, 0), 0) AS standing FROM spread
), scored AS (
    SELECT *, {score} AS score FROM placed WHERE topic IS NOT NULL
), best AS (
    SELECT *,
        exp(score) / (sum(exp(score)) OVER () + greatest(%(usual)s - count(*) OVER (), 0)) AS share,
        bool_or(has_vector) OVER () AS any_vector,
        max(concept) OVER () AS highest_concept,
        max(term) OVER () AS highest_term,
        max(coverage) OVER () AS highest_coverage
    FROM scored ORDER BY score DESC, id LIMIT %(limit)s
)
SELECT
    any_vector, mean, deviation, highest_concept, highest_term, highest_coverage,
    id, visibility, confirmed_by, disputed_by, left_content, left_unhelped, share,
    (SELECT json_object_agg(language, json_build_array(question, answer))::text
     FROM faq_faqtranslation WHERE faq_id = best.id),
    topic, answer_topic, concept, term, coverage, standing
FROM best WHERE score > 0 ORDER BY score DESC, id
"""
_SCORE: Final = " + ".join(f"%({view}_weight)s * {view}" for view in VIEWS)
_WITHOUT_VECTOR: Final = _RANK.format(similarity="NULL::float8", score=_SCORE)
_WITH_VECTOR: Final = _RANK.format(
    similarity="max(-(embedding <#> %(embedding)s::halfvec))"
    " FILTER (WHERE embedding_model = %(model)s)",
    score=_SCORE,
)


@dataclass(frozen=True)
class Match:
    faq_id: int
    visibility: str
    #: Guests whose last word was that this FAQ's answer helped, or that it did not.
    confirmed_by: int
    disputed_by: int
    #: Guests who asked no more when they had its answer, or again or for a person.
    left_content: int
    left_unhelped: int
    #: Its part of exp(score) among all FAQs of the inn.
    share: float
    #: language -> (question, answer), with their placeholders.
    texts: dict[str, tuple[str, str]]
    likeness: Likeness

    def is_asked_by(self, question: str) -> bool:
        """Whether one of its questions or wordings is in the very words of `question`."""
        questions = {folded(text) for text, _answer in self.texts.values()}
        return self.likeness.term >= SAME_WORDS or folded(question) in questions


@dataclass(frozen=True)
class OpenQuestion:
    """A guest's question that waits for a FAQ, in a suggestion."""

    suggestion_id: int
    text: str


@dataclass(frozen=True)
class Ranking:
    #: Best first; empty when nothing has anything in common with the question.
    matches: tuple[Match, ...]
    #: The chance that the first match answers the question, 0 to 1, as far as guests' word goes.
    confidence: float
    #: The chance that one of the matches does.
    answerable: float
    #: What the question is about.
    meaning: Meaning
    #: What the confidence was computed from; None without a match.
    evidence: Evidence | None = None
    #: Whether the facility has vectors of the provider's present model to compare with.
    has_vectors: bool = False
    #: The confidence before any guest was heard.
    unheard: float = 0.0
    #: Mean and standard deviation, over all FAQs of the inn, of the cosine of the provider's
    #: vectors with the question's; None without them.
    similarity: tuple[float, float] | None = None
    #: What guests have asked that has no FAQ yet and speaks against the first match.
    rival: OpenQuestion | None = None

    def is_sure(self, threshold: float) -> bool:
        """Whether the first match may be given. What guests say lowers its confidence, but takes
        the answer from other guests only when more have voted it down than one can pass for."""
        if self.matches and self.matches[0].disputed_by > ONE_GUESTS_MOST:
            return self.confidence >= threshold
        return max(self.confidence, self.unheard) >= threshold


@dataclass(frozen=True)
class FactMatch:
    preset: Preset
    confidence: float


def search_faqs(
    facility: Facility,
    question: str,
    *,
    language: str,
    embedding: Sequence[float] | None = None,
    meaning: Meaning | None = None,
    limit: int = CANDIDATES,
) -> Ranking:
    """The published FAQs of `facility` nearest to `question`, in any language.

    `language` is the question's; `embedding` the provider's vector of it, where there is one;
    `meaning` what an earlier search has read in it.
    """
    meaning = meaning or load_reader().read(question)
    calibration = load_calibration(with_vectors=embedding is not None)
    provider = get_provider()
    with connection.cursor() as cursor:
        cursor.execute(
            _WITHOUT_VECTOR if embedding is None else _WITH_VECTOR,
            {
                "facility": facility.pk,
                "topics": to_vector(meaning.topics).to_text(),
                "concepts": to_vector(meaning.concepts).to_text(),
                "terms": to_vector(meaning.terms).to_text(),
                "asked": to_vector(meaning.asked).to_text(),
                "embedding": None if embedding is None else dense_text(embedding),
                "model": provider.embedding_model if provider else None,
                "limit": limit,
                "usual": USUAL_FAQS,
                **{
                    f"{view}_weight": weight
                    for view, weight in zip(VIEWS, calibration.weights, strict=True)
                },
            },
        )
        rows = cursor.fetchall()
    if not rows:
        return Ranking((), 0.0, 0.0, meaning)
    has_vectors, mean, deviation, concept, term, coverage, *_ = rows[0]
    matches = tuple(_match(*row[6:]) for row in rows)
    best, *others = matches
    found = calibration.evidence(
        best.likeness,
        others[0].likeness if others else NOTHING,
        Likeness(0.0, 0.0, concept, term, coverage),
        share=best.share,
        same_language=language in best.texts,
        known=meaning.known,
    )
    unheard = calibration.first.chance(found)
    if best.is_asked_by(question) and not any(each.is_asked_by(question) for each in others):
        unheard = max(unheard, SAID_BY_STAFF)
    confidence = weigh_guests(best, unheard)
    answerable = max(confidence, calibration.any.chance(found))
    similarity = (mean, deviation) if deviation else None
    return Ranking(
        matches, confidence, answerable, meaning, found, has_vectors, unheard, similarity
    )


def weigh_guests(match: Match, chance: float) -> float:
    """`chance` that it answers, after what guests said of it and how they went on."""
    return weigh_votes(
        weigh_endings(chance, match.left_content, match.left_unhelped),
        match.confirmed_by,
        match.disputed_by,
    )


def _match(
    faq_id: int,
    visibility: str,
    confirmed_by: int,
    disputed_by: int,
    left_content: int,
    left_unhelped: int,
    share: float,
    texts: str,
    *likeness: float,
) -> Match:
    """A row of _RANK."""
    return Match(
        faq_id,
        visibility,
        confirmed_by,
        disputed_by,
        left_content,
        left_unhelped,
        share,
        json.loads(texts),
        Likeness(*likeness),
    )


# Facts ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    preset: Preset
    texts: tuple[Meaning, ...]


@cache
def _facts() -> dict[str, Fact]:
    reader = load_reader()
    return {
        preset.intent_key: Fact(
            preset,
            tuple(
                reader.read(line)
                for text in preset.texts.values()
                for line in (text.question, *text.wordings)
            ),
        )
        for preset in load_presets()
        if preset.is_fact
    }


def search_facts(ranking: Ranking) -> FactMatch | None:
    """The fact that the question asks for (check-in time, address, ...), unless the facility has a
    FAQ about the same: then that is its answer, or nothing is. `ranking` is what `search_faqs`
    found."""
    meaning = ranking.meaning
    asked = max(meaning.topics, key=meaning.topics.__getitem__, default="")
    facts = _facts()
    # Of all that guests ask, the library's intents, the question must be this one first of all.
    if asked not in facts:
        return None
    best = likeness_of_fact(meaning, facts[asked])
    if any(match.likeness.topic > SAME_TOPIC * best.topic for match in ranking.matches):
        return None
    calibration = load_calibration(with_vectors=False)
    others = [likeness_of_fact(meaning, fact) for key, fact in facts.items() if key != asked]
    second = max(others, key=calibration.score)
    scores = [math.exp(calibration.score(likeness)) for likeness in (best, *others)]
    found = calibration.evidence(
        best,
        second,
        highest_of([best, *others]),
        share=scores[0] / sum(scores),
        same_language=True,
        known=meaning.known,
    )
    return FactMatch(facts[asked].preset, calibration.first.chance(found))


def likeness_of_fact(meaning: Meaning, fact: Fact) -> Likeness:
    pairs = [
        Likeness(
            topic=product(meaning.topics, text.topics),
            answer_topic=0.0,
            concept=product(meaning.concepts, text.concepts),
            term=product(meaning.terms, text.terms),
            coverage=product(meaning.asked, text.named),
        )
        for text in fact.texts
    ]
    return highest_of(pairs)


def product(left: Weights, right: Weights) -> float:
    return sum(weight * right[name] for name, weight in left.items() if name in right)

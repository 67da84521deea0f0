"""Which FAQs of a facility answer a question, and how surely."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import connection
from pgvector import Vector

from facilities.models import Facility
from faq.confidence import Evidence, answerable, confidence, weigh_votes
from faq.presets import Preset, load_presets
from faq.understanding import Meaning, Weights, load_reader
from faq.vectors import to_vector
from yadopera.ai import get_provider

#: How many FAQs are returned; the confidence needs the second.
CANDIDATES: Final = 5
#: A FAQ that shares this much of a fact's likeness to the question is about the same.
SAME_TOPIC: Final = 0.5
#: What each view of a text counts for: chosen on the development sets by first hits.
TOPIC_WEIGHT: Final = 1.0
CONCEPT_WEIGHT: Final = 0.8
TERM_WEIGHT: Final = 1.0
DENSE_WEIGHT: Final = 0.2

# One round trip. Every text of the facility is compared: an inn has a few thousand, and an index
# shared by all facilities and filtered by one would silently lose some of them.
_RANK: Final = """
WITH texts AS (
    SELECT faq.id, text.topics, text.concepts, text.terms, text.embedding, text.embedding_model
    FROM faq_faq faq JOIN faq_faqtranslation text ON text.faq_id = faq.id
    WHERE faq.facility_id = %(facility)s AND faq.is_active AND text.index_version IS NOT NULL
    UNION ALL
    SELECT faq.id, text.topics, text.concepts, text.terms, text.embedding, text.embedding_model
    FROM faq_faq faq JOIN faq_faqwording text ON text.faq_id = faq.id
    WHERE faq.facility_id = %(facility)s AND faq.is_active AND text.index_version IS NOT NULL
), compared AS (
    SELECT
        id,
        max(-(topics <#> %(topics)s::sparsevec)) AS topic,
        max(-(concepts <#> %(concepts)s::sparsevec)) AS concept,
        max(-(terms <#> %(terms)s::sparsevec)) AS term,
        {dense} AS dense,
        bool_or(embedding_model = %(model)s) AS has_vector
    FROM texts GROUP BY id
), ranked AS (
    SELECT *, coalesce((dense - avg(dense) OVER ()) / nullif(stddev_pop(dense) OVER (), 0), 0)
        AS standing
    FROM compared
), best AS (
    SELECT *,
        %(topic_weight)s * topic + %(concept_weight)s * concept + %(term_weight)s * term
        + %(dense_weight)s * greatest(standing, 0) AS score,
        bool_or(has_vector) OVER () AS any_vector
    FROM ranked ORDER BY score DESC, id LIMIT %(limit)s
)
SELECT
    best.id, faq.visibility, faq.confirmed_by, faq.disputed_by,
    best.topic, best.concept, best.term, best.standing, best.any_vector,
    (SELECT json_object_agg(text.language, json_build_array(text.question, text.answer))::text
     FROM faq_faqtranslation text WHERE text.faq_id = best.id)
FROM best JOIN faq_faq faq ON faq.id = best.id
WHERE best.score > 0 AND EXISTS (SELECT FROM faq_faqtranslation WHERE faq_id = best.id)
ORDER BY best.score DESC, best.id
"""
_WITHOUT_VECTOR: Final = _RANK.format(dense="NULL::float8")
_WITH_VECTOR: Final = _RANK.format(
    dense="max(-(embedding <#> %(embedding)s::vector)) FILTER (WHERE embedding_model = %(model)s)"
)


@dataclass(frozen=True)
class Likeness:
    """How like a question and a text are in each view, 0 to 1."""

    topic: float
    concept: float
    term: float
    #: Of the provider's vectors: standard deviations above the mean of the inn's FAQs, which says
    #: the same whichever model made them. 0 without vectors.
    standing: float = 0.0

    @property
    def score(self) -> float:
        return (
            TOPIC_WEIGHT * self.topic
            + CONCEPT_WEIGHT * self.concept
            + TERM_WEIGHT * self.term
            + DENSE_WEIGHT * max(self.standing, 0.0)
        )


@dataclass(frozen=True)
class Match:
    faq_id: int
    visibility: str
    #: Guests whose last word was that this FAQ's answer helped, or that it did not.
    confirmed_by: int
    disputed_by: int
    #: language -> (question, answer), with their placeholders.
    texts: dict[str, tuple[str, str]]
    likeness: Likeness


@dataclass(frozen=True)
class Ranking:
    #: Best first; empty when nothing has anything in common with the question.
    matches: tuple[Match, ...]
    #: The chance that the first match answers the question, 0 to 1.
    confidence: float
    #: The chance that one of the matches does.
    answerable: float
    #: What the question is about.
    meaning: Meaning
    #: What the confidence was computed from; None without a match.
    evidence: Evidence | None = None
    #: Whether the facility has vectors of the provider's present model to compare with.
    has_vectors: bool = False


@dataclass(frozen=True)
class FactMatch:
    preset: Preset
    confidence: float


def search_faqs(
    facility: Facility, question: str, *, embedding: Sequence[float] | None = None
) -> Ranking:
    """The published FAQs of `facility` nearest to `question`, in any language.

    `embedding` is the provider's vector of the question, where there is one.
    """
    meaning = load_reader().read(question)
    provider = get_provider()
    with connection.cursor() as cursor:
        cursor.execute(
            _WITHOUT_VECTOR if embedding is None else _WITH_VECTOR,
            {
                "facility": facility.pk,
                "topics": to_vector(meaning.topics).to_text(),
                "concepts": to_vector(meaning.concepts).to_text(),
                "terms": to_vector(meaning.terms).to_text(),
                "embedding": None if embedding is None else Vector(embedding).to_text(),
                "model": provider.embedding_model if provider else None,
                "topic_weight": TOPIC_WEIGHT,
                "concept_weight": CONCEPT_WEIGHT,
                "term_weight": TERM_WEIGHT,
                "dense_weight": DENSE_WEIGHT,
                "limit": CANDIDATES,
            },
        )
        rows = cursor.fetchall()
    matches = tuple(_match(*row) for row in rows)
    found = evidence(meaning, *(match.likeness for match in matches[:2]))
    chance = confidence(found)
    if matches:
        chance = weigh_votes(chance, matches[0].confirmed_by, matches[0].disputed_by)
    has_vectors = any(row[-2] for row in rows)
    return Ranking(matches, chance, max(chance, answerable(found)), meaning, found, has_vectors)


def _match(
    faq_id: int,
    visibility: str,
    confirmed_by: int,
    disputed_by: int,
    topic: float,
    concept: float,
    term: float,
    standing: float,
    _any_vector: bool,
    texts: str,
) -> Match:
    """A row of _RANK."""
    likeness = Likeness(topic, concept, term, standing)
    return Match(faq_id, visibility, confirmed_by, disputed_by, json.loads(texts), likeness)


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
    others = (likeness_of_fact(meaning, fact) for key, fact in facts.items() if key != asked)
    second = max(others, key=lambda likeness: likeness.score)
    return FactMatch(facts[asked].preset, confidence(evidence(meaning, best, second)))


NOTHING: Final = Likeness(0.0, 0.0, 0.0)


def evidence(
    meaning: Meaning, best: Likeness = NOTHING, second: Likeness = NOTHING
) -> Evidence | None:
    """What the confidence is computed from; None when nothing was found."""
    if best.score <= 0:
        return None
    return Evidence(
        score=best.score,
        lead=(best.score - second.score) / best.score,
        topic=best.topic,
        topic_lead=best.topic - second.topic,
        concept=best.concept,
        concept_lead=best.concept - second.concept,
        term=best.term,
        term_lead=best.term - second.term,
        certainty=max(meaning.topics.values(), default=0.0) ** 2,
    )


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


def likeness_of_fact(meaning: Meaning, fact: Fact) -> Likeness:
    return Likeness(
        topic=max(product(meaning.topics, text.topics) for text in fact.texts),
        concept=max(product(meaning.concepts, text.concepts) for text in fact.texts),
        term=max(product(meaning.terms, text.terms) for text in fact.texts),
    )


def product(left: Weights, right: Weights) -> float:
    return sum(weight * right[name] for name, weight in left.items() if name in right)

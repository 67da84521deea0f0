"""Which FAQs of a facility answer a question, and how surely."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import connection

from facilities.models import Facility
from faq.confidence import Evidence, confidence
from faq.presets import Preset, load_presets
from faq.understanding import Meaning, Weights, load_reader
from faq.vectors import to_vector

#: How many FAQs are returned; the confidence needs the second.
CANDIDATES: Final = 5
#: A FAQ that shares this much of a fact's likeness to the question is about the same.
SAME_TOPIC: Final = 0.5
#: What each view of a text counts for: chosen on the development sets by first hits.
TOPIC_WEIGHT: Final = 1.0
CONCEPT_WEIGHT: Final = 0.8
TERM_WEIGHT: Final = 1.0

# One round trip. Every text of the facility is compared: an inn has a few thousand, and an index
# shared by all facilities and filtered by one would silently lose some of them.
_RANK: Final = """
WITH texts AS (
    SELECT faq.id, text.topics, text.concepts, text.terms
    FROM faq_faq faq JOIN faq_faqtranslation text ON text.faq_id = faq.id
    WHERE faq.facility_id = %(facility)s AND faq.is_active AND text.index_version IS NOT NULL
    UNION ALL
    SELECT faq.id, text.topics, text.concepts, text.terms
    FROM faq_faq faq JOIN faq_faqwording text ON text.faq_id = faq.id
    WHERE faq.facility_id = %(facility)s AND faq.is_active AND text.index_version IS NOT NULL
), ranked AS (
    SELECT
        id,
        max(-(topics <#> %(topics)s::sparsevec)) AS topic,
        max(-(concepts <#> %(concepts)s::sparsevec)) AS concept,
        max(-(terms <#> %(terms)s::sparsevec)) AS term
    FROM texts GROUP BY id
), best AS (
    SELECT *,
        %(topic_weight)s * topic + %(concept_weight)s * concept + %(term_weight)s * term AS score
    FROM ranked ORDER BY score DESC, id LIMIT %(limit)s
)
SELECT
    best.id, faq.visibility, best.topic, best.concept, best.term,
    (SELECT json_object_agg(text.language, text.answer)::text
     FROM faq_faqtranslation text WHERE text.faq_id = best.id)
FROM best JOIN faq_faq faq ON faq.id = best.id
WHERE best.score > 0 AND EXISTS (SELECT FROM faq_faqtranslation WHERE faq_id = best.id)
ORDER BY best.score DESC, best.id
"""


@dataclass(frozen=True)
class Likeness:
    """How like a question and a text are in each view, 0 to 1."""

    topic: float
    concept: float
    term: float

    @property
    def score(self) -> float:
        return TOPIC_WEIGHT * self.topic + CONCEPT_WEIGHT * self.concept + TERM_WEIGHT * self.term


@dataclass(frozen=True)
class Match:
    faq_id: int
    visibility: str
    #: language -> answer, with its placeholders.
    answers: dict[str, str]
    likeness: Likeness


@dataclass(frozen=True)
class Ranking:
    #: Best first; empty when nothing has anything in common with the question.
    matches: tuple[Match, ...]
    #: The chance that the first match answers the question, 0 to 1.
    confidence: float
    #: What the question is about.
    meaning: Meaning
    #: What the confidence was computed from; None without a match.
    evidence: Evidence | None = None


@dataclass(frozen=True)
class FactMatch:
    preset: Preset
    confidence: float


def search_faqs(facility: Facility, question: str) -> Ranking:
    """The published FAQs of `facility` nearest to `question`, in any language."""
    meaning = load_reader().read(question)
    with connection.cursor() as cursor:
        cursor.execute(
            _RANK,
            {
                "facility": facility.pk,
                "topics": to_vector(meaning.topics).to_text(),
                "concepts": to_vector(meaning.concepts).to_text(),
                "terms": to_vector(meaning.terms).to_text(),
                "topic_weight": TOPIC_WEIGHT,
                "concept_weight": CONCEPT_WEIGHT,
                "term_weight": TERM_WEIGHT,
                "limit": CANDIDATES,
            },
        )
        rows = cursor.fetchall()
    matches = tuple(
        Match(faq_id, visibility, json.loads(answers), Likeness(topic, concept, term))
        for faq_id, visibility, topic, concept, term, answers in rows
    )
    found = evidence(meaning, *(match.likeness for match in matches[:2]))
    return Ranking(matches, confidence(found), meaning, found)


def search_facts(ranking: Ranking) -> FactMatch | None:
    """The fact that the question asks for (check-in time, address, ...), unless the facility has a
    FAQ about the same: then that is its answer, or nothing is. `ranking` is what `search_faqs`
    found."""
    meaning = ranking.meaning
    asked = max(meaning.topics, key=meaning.topics.__getitem__, default="")
    likenesses = {fact.preset.intent_key: likeness_of_fact(meaning, fact) for fact in _facts()}
    # Of all that guests ask, the library's intents, the question must be this one first of all.
    best = likenesses.pop(asked, None)
    if best is None:
        return None
    if any(match.likeness.topic > SAME_TOPIC * best.topic for match in ranking.matches):
        return None
    second = max(likenesses.values(), key=lambda likeness: likeness.score)
    (preset,) = (fact.preset for fact in _facts() if fact.preset.intent_key == asked)
    return FactMatch(preset, confidence(evidence(meaning, best, second)))


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
def _facts() -> tuple[Fact, ...]:
    reader = load_reader()
    return tuple(
        Fact(
            preset,
            tuple(
                reader.read(line)
                for text in preset.texts.values()
                for line in (text.question, *text.wordings)
            ),
        )
        for preset in load_presets()
        if preset.is_fact
    )


def likeness_of_fact(meaning: Meaning, fact: Fact) -> Likeness:
    return Likeness(
        topic=max(product(meaning.topics, text.topics) for text in fact.texts),
        concept=max(product(meaning.concepts, text.concepts) for text in fact.texts),
        term=max(product(meaning.terms, text.terms) for text in fact.texts),
    )


def product(left: Weights, right: Weights) -> float:
    return sum(weight * right[name] for name, weight in left.items() if name in right)

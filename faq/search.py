"""Which FAQs of a facility answer a question, and how surely."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import connection
from pgvector import SparseVector

from facilities.models import Facility
from faq import lexical
from faq.models import Faq
from faq.presets import Preset, load_presets

#: How many FAQs are looked at after the first; the margin needs the second.
CANDIDATES: Final = 5

# Every text of the facility is compared: an inn has a few thousand, and a shared approximate index
# filtered by facility would silently lose some of them.
_RANK: Final = """
WITH texts AS (
    SELECT text.faq_id, text.language, -(text.lexical <#> %(question)s::sparsevec) AS score
    FROM faq_faqtranslation text JOIN faq_faq faq ON faq.id = text.faq_id
    WHERE faq.facility_id = %(facility)s AND faq.is_active AND text.lexical IS NOT NULL
    UNION ALL
    SELECT text.faq_id, text.language, -(text.lexical <#> %(question)s::sparsevec) AS score
    FROM faq_faqwording text JOIN faq_faq faq ON faq.id = text.faq_id
    WHERE faq.facility_id = %(facility)s AND faq.is_active AND text.lexical IS NOT NULL
)
SELECT faq_id, max(score) AS score
FROM texts GROUP BY faq_id ORDER BY score DESC, faq_id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Match:
    faq: Faq
    #: Cosine of the question and the FAQ's nearest text, 0 to 1.
    score: float


@dataclass(frozen=True)
class Ranking:
    #: Best first; empty when nothing has a term in common with the question.
    matches: tuple[Match, ...]
    #: How surely the first match answers the question, 0 to 1.
    confidence: float


@dataclass(frozen=True)
class FactMatch:
    preset: Preset
    confidence: float


def search_faqs(facility: Facility, question: str) -> Ranking:
    """The published FAQs of `facility` nearest to `question`, in any language."""
    vector = lexical.question_vector(question)
    parameters: dict[str, int | str] = {
        "question": vector.to_text(),
        "facility": facility.pk,
        "limit": CANDIDATES,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RANK, parameters)
        scores = {pk: score for pk, score in cursor.fetchall() if score > 0}
    faqs = Faq.objects.for_facility(facility).prefetch_related("translations").in_bulk(scores)
    matches = tuple(Match(faqs[pk], score) for pk, score in scores.items() if pk in faqs)
    return Ranking(matches, confidence(*(match.score for match in matches[:2])))


def search_facts(question: str, ranking: Ranking) -> FactMatch | None:
    """The fact that `question` asks for (check-in time, address, ...), if any FAQ of the facility
    is further from it: `ranking` is what `search_faqs` found."""
    asked = _entries(lexical.question_vector(question))
    scores = sorted(
        ((max(_cosine(asked, text) for text in texts), preset) for preset, texts in _facts()),
        key=lambda scored: -scored[0],
    )
    (best, preset), (second, _), *_rest = scores
    rival = max([second, *(match.score for match in ranking.matches[:1])])
    return FactMatch(preset, confidence(best, rival)) if best > rival else None


def confidence(best: float = 0.0, second: float = 0.0) -> float:
    """The chance that the first match is right, from its score and its lead.

    A logistic curve through hand-picked points: a score of 0.45 with a clear lead is a toss-up.
    """
    if best <= 0:
        return 0.0
    lead = (best - second) / best
    return 1 / (1 + math.exp(-(STEEPNESS * (best - MIDPOINT) + LEAD_WEIGHT * lead)))


STEEPNESS: Final = 10.0
MIDPOINT: Final = 0.45
LEAD_WEIGHT: Final = 2.0


@cache
def _facts() -> tuple[tuple[Preset, tuple[dict[int, float], ...]], ...]:
    return tuple(
        (
            preset,
            tuple(
                _entries(lexical.document_vector(line))
                for text in preset.texts.values()
                for line in (text.question, *text.wordings)
            ),
        )
        for preset in load_presets()
        if preset.is_fact
    )


def _entries(vector: SparseVector) -> dict[int, float]:
    return dict(zip(vector.indices(), vector.values(), strict=True))


def _cosine(left: dict[int, float], right: dict[int, float]) -> float:
    return sum(weight * right[index] for index, weight in left.items() if index in right)

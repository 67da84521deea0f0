"""Why the search holds a FAQ to be near a question, in words that staff understand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from faq.library import intent_titles
from faq.models import FaqWording
from faq.search import Match, Ranking
from faq.terms import normalise, shared_words
from faq.understanding import Meaning, Weights, load_reader
from faq.vocabulary import concept_names
from yadopera.languages import DEFAULT_LANGUAGE

#: Of each kind, the weightiest.
SHOWN: Final = 5
TOPICS_SHOWN: Final = 2
#: Topics that weigh less than this part of the whole say nothing.
LEAST_TOPIC: Final = 0.05
#: Standard deviations above the inn's other FAQs from which the provider's vectors speak for one.
NEAR_IN_VECTORS: Final = 1.0


@dataclass(frozen=True)
class Reasons:
    """What a question and a FAQ have in common."""

    #: The guest's words that the FAQ has too.
    words: list[str]
    #: What both speak of, whatever the words and the language.
    concepts: list[str]
    #: What both may be asking, of all that guests ask at inns.
    topics: list[str]
    #: Whether the AI provider holds them to mean much the same.
    by_vectors: bool

    def __bool__(self) -> bool:
        return bool(self.words or self.concepts or self.topics or self.by_vectors)


def reasons_of(question: str, ranking: Ranking, reader_language: str) -> dict[int, Reasons]:
    """id of a FAQ that `ranking` found for `question` -> why, for a reader of that language."""
    texts: dict[int, list[tuple[str, str]]] = {
        match.faq_id: list(match.texts.values()) for match in ranking.matches
    }
    wordings = FaqWording.objects.filter(faq__in=texts).values_list("faq_id", "text")
    for faq_id, text in wordings:
        texts[faq_id].append((text, ""))
    return {
        match.faq_id: _reasons(
            question, ranking.meaning, match, texts[match.faq_id], reader_language
        )
        for match in ranking.matches
    }


def _reasons(
    question: str, meaning: Meaning, match: Match, texts: list[tuple[str, str]], language: str
) -> Reasons:
    read = [load_reader().read(*text) for text in texts]
    terms = _shared(meaning.terms, (text.terms for text in read))
    concepts = _shared(meaning.concepts, (text.concepts for text in read))
    topics = _shared(
        meaning.topics, (view for text in read for view in (text.topics, text.answer_topics))
    )
    words = shared_words(normalise(question), terms)
    # A rare word says more than 'the'; of a piece without spaces its rarest part counts.
    words.sort(key=lambda word: -max(w for term, w in terms.items() if term in word))
    return Reasons(
        words[:SHOWN],
        _named([name.removeprefix("#") for name in concepts], concept_names(), language)[:SHOWN],
        _named([t for t, w in topics.items() if w >= LEAST_TOPIC], intent_titles(), language)[
            :TOPICS_SHOWN
        ],
        match.likeness.standing >= NEAR_IN_VECTORS,
    )


def _shared(asked: Weights, views: Iterable[Weights]) -> Weights:
    """name -> the most that it adds to the likeness of any text, the weightiest first."""
    shared: Weights = {}
    for view in views:
        for name in asked.keys() & view.keys():
            shared[name] = max(shared.get(name, 0.0), asked[name] * view[name])
    return dict(sorted(shared.items(), key=lambda item: -item[1]))


def _named(names: list[str], titles: dict[str, dict[str, str]], language: str) -> list[str]:
    found = (titles.get(name, {}) for name in names)
    words = (each.get(language) or each.get(DEFAULT_LANGUAGE) for each in found)
    return list(dict.fromkeys(word for word in words if word))

"""Why the search holds a FAQ to be near a question, in words that staff understand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from faq.library import intent_titles
from faq.models import FaqWording
from faq.search import Match, Ranking
from faq.terms import normalise, shared_words
from faq.understanding import Weights, load_reader
from faq.vocabulary import words_of_concepts

#: Of each kind, the weightiest.
SHOWN: Final = 5
TOPICS_SHOWN: Final = 2
#: What weighs less than this part of the question's weightiest term (concept, topic) says little.
HEARD: Final = 0.6
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
    texts = {match.faq_id: list(match.texts.values()) for match in ranking.matches}
    for faq_id, text in FaqWording.objects.filter(faq__in=texts).values_list("faq_id", "text"):
        texts[faq_id].append((text, ""))
    return {
        match.faq_id: _reasons(question, ranking, match, texts[match.faq_id], reader_language)
        for match in ranking.matches
    }


def _reasons(
    question: str, ranking: Ranking, match: Match, texts: list[tuple[str, str]], language: str
) -> Reasons:
    asked = ranking.meaning
    read = [load_reader().read(*text) for text in texts]
    terms = _shared(asked.terms, (text.terms for text in read))
    concepts = _shared(asked.concepts, (text.concepts for text in read))
    topics = _shared(
        asked.topics, (view for text in read for view in (text.topics, text.answer_topics))
    )
    titles = intent_titles()
    return Reasons(
        shared_words(normalise(question), terms)[:SHOWN],
        _as_written(list(concepts), " ".join([*match.texts.get(language, ()), question]), language),
        [
            titles[topic][language]
            for topic, product in topics.items()
            if product >= LEAST_TOPIC and topic in titles
        ][:TOPICS_SHOWN],
        match.likeness.standing >= NEAR_IN_VECTORS,
    )


def _shared(asked: Weights, views: Iterable[Weights]) -> Weights:
    """name -> the most that it adds to the likeness of any text, the weightiest first; without what
    says little about the question, such as 'the'."""
    least = HEARD * max(asked.values(), default=0.0)
    heard = {name for name, weight in asked.items() if weight >= least}
    shared: Weights = {}
    for view in views:
        for name in heard & view.keys():
            shared[name] = max(shared.get(name, 0.0), asked[name] * view[name])
    return dict(sorted(shared.items(), key=lambda item: -item[1]))


def _as_written(concepts: list[str], text: str, language: str) -> list[str]:
    """The concepts in the words of `text`; those that it has in other languages only are left
    out."""
    words = words_of_concepts(language)
    normalised = normalise(text)
    found = (words[name].search(normalised) for c in concepts if (name := c[1:]) in words)
    return list(dict.fromkeys(each[0] for each in found if each))[:SHOWN]

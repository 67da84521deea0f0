"""What a text is about, whatever its words and language: its terms, concepts and topics.

*Terms* are words and pieces of words. *Concepts* come from the vocabulary. *Topics* are the
intents of the library that the text may be an instance of, by a naive Bayes classifier trained on
the library's phrasings. It compares a guest's words and an inn's FAQ by what both are about: 'my
clothes are soaked' and 洗濯物を乾かすことはできますか share no word, but the same topic.

The classifier is multinomial naive Bayes over features weighed by inverse document frequency and
scaled to unit length (Rennie et al., "Tackling the Poor Assumptions of Naive Bayes Text
Classifiers", 2003, section 4), with its probabilities flattened by TEMPERATURE.
"""

import contextlib
import json
import math
import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

from faq.library import library_version, load_library
from faq.terms import normalise, terms
from faq.vocabulary import load_vocabulary, vocabulary_version

#: Raised when the code below changes what a text's vectors are, so that `reindex` finds old ones.
ALGORITHM: Final = 4
CONCEPT_WEIGHT: Final = 2.0
CONCEPT_PAIR_WEIGHT: Final = 1.0
#: Added to each count: what was never seen is not impossible. This, the share of it that an unseen
#: feature gets and TEMPERATURE were chosen together, by the cross-validated Brier score of the
#: confidence on three inns.
SMOOTHING: Final = 1.0
UNSEEN_SHARE: Final = 0.06
#: Sharpness of the topics: log-likelihoods of unit-length texts are small numbers.
TEMPERATURE: Final = 3.0
#: Topics kept per text; the rest hold next to nothing.
TOPICS_KEPT: Final = 12
#: Answers help to find a FAQ, but its question says what it is about.
ANSWER_WEIGHT: Final = 0.5

Weights = dict[str, float]


@dataclass(frozen=True)
class Meaning:
    """The views of one text. Those of a FAQ's question and of its answer are joined, where no more
    is said."""

    #: Of unit length, like `concepts`.
    terms: Weights
    concepts: Weights
    #: Of the question. intent -> square root of its probability, so that the product of two texts'
    #: topics is their Bhattacharyya coefficient: 1 for equal distributions, 0 for disjoint ones.
    topics: Weights
    #: The same of the answer, which often speaks of more than its question does.
    answer_topics: Weights
    #: concept -> its share of what the question is about, by rarity; adds up to 1.
    asked: Weights
    #: Every concept named, with 1: the product with `asked` is how much of that is spoken of.
    named: Weights
    #: How much of the question's wording the library has ever seen, by rarity: 0 to 1.
    known: float


@dataclass
class Model:
    """What training leaves: a naive Bayes classifier, laid out flat."""

    intents: list[str]
    #: feature -> inverse document frequency among the phrasings.
    rarity: Weights
    unseen_rarity: float
    #: By intent: what a feature of weight 1 that it never showed adds to its log-likelihood.
    baseline: list[float]
    #: feature -> where its entries lie in the two arrays.
    slices: dict[str, tuple[int, int]]
    #: Numbers of intents that showed the feature, and what that adds to their log-likelihoods.
    numbers: "array[int]"
    gains: "array[float]"


def train(library: dict[str, list[str]], listen: Callable[[str], Weights] | None = None) -> Model:
    """The classifier of `library`, intent -> phrasings. `listen` says what it looks at in a text:
    `features` unless another is given."""
    listen = listen or features
    intents = sorted(library)
    examples = [
        (number, listen(line)) for number, intent in enumerate(intents) for line in library[intent]
    ]
    seen = Counter(feature for _, found in examples for feature in found)
    rarity = {feature: math.log(len(examples) / count) for feature, count in seen.items()}
    counts: defaultdict[str, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    totals = [0.0] * len(intents)
    for number, found in examples:
        for feature, weight in unit({f: w * rarity[f] for f, w in found.items()}).items():
            counts[feature][number] += weight
            totals[number] += weight
    floor = SMOOTHING * UNSEEN_SHARE
    model = Model(
        intents=intents,
        rarity=rarity,
        unseen_rarity=math.log(len(examples)),
        baseline=[math.log(floor / (total + SMOOTHING)) for total in totals],
        slices={},
        numbers=array("H"),
        gains=array("f"),
    )
    for feature, by_intent in counts.items():
        start = len(model.numbers)
        model.numbers.extend(by_intent)
        model.gains.extend([math.log1p(count / floor) for count in by_intent.values()])
        model.slices[feature] = (start, len(model.numbers))
    return model


class Reader:
    """Reads texts with a trained model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def _weigh(self, found: Weights) -> Weights:
        return {
            feature: weight * self.model.rarity.get(feature, self.model.unseen_rarity)
            for feature, weight in found.items()
        }

    def signature(self, text: str) -> Weights:
        """What the classifier looks at in a text, weighed by rarity, at unit length."""
        return unit(self._weigh(features(text)))

    def read(self, question: str, answer: str = "") -> Meaning:
        """The meaning of a guest's question, or of a FAQ's question and answer."""
        heard, told = _listen(normalise(question)), _listen(normalise(answer))
        concepts = self._weigh(heard.concepts)
        total = sum(concepts.values())
        return Meaning(
            terms=_joined(self._weigh(heard.terms), self._weigh(told.terms)),
            concepts=_joined(concepts, self._weigh(told.concepts)),
            topics=self._topics(heard),
            answer_topics=self._topics(told),
            asked={concept: weight / total for concept, weight in concepts.items()},
            named=dict.fromkeys([*heard.concepts, *told.concepts], 1.0),
            known=self._known(heard.terms),
        )

    def _topics(self, heard: "Heard") -> Weights:
        return {intent: math.sqrt(share) for intent, share in self.topics(heard.features()).items()}

    def _known(self, found: Weights) -> float:
        rarity, unseen = self.model.rarity, self.model.unseen_rarity
        total = sum(weight**2 * rarity.get(term, unseen) for term, weight in found.items())
        seen = sum(weight**2 * rarity[term] for term, weight in found.items() if term in rarity)
        return seen / total if total else 0.0

    def topics(self, found: Weights) -> Weights:
        """intent -> probability, for the likeliest intents; empty when nothing is known."""
        model = self.model
        likelihoods = [0.0] * len(model.intents)
        known = 0.0
        for feature, weight in unit(self._weigh(found)).items():
            if feature in model.slices:
                known += weight
                start, end = model.slices[feature]
                for number, gain in zip(
                    model.numbers[start:end], model.gains[start:end], strict=True
                ):
                    likelihoods[number] += weight * gain
        if not known:
            return {}
        scores = [
            TEMPERATURE * (gain + known * base)
            for gain, base in zip(likelihoods, model.baseline, strict=True)
        ]
        highest = max(scores)
        shares = [math.exp(score - highest) for score in scores]
        total = sum(shares)
        best = sorted(range(len(shares)), key=shares.__getitem__, reverse=True)[:TOPICS_KEPT]
        return {model.intents[n]: shares[n] / total for n in best}


def unit(weights: Weights) -> Weights:
    """`weights` scaled to length 1; nothing stays nothing."""
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {name: weight / length for name, weight in weights.items()} if length else {}


def _joined(question: Weights, answer: Weights) -> Weights:
    joined = defaultdict(float, unit(question))
    for name, weight in unit(answer).items():
        joined[name] += ANSWER_WEIGHT * weight
    return unit(joined)


@dataclass(frozen=True)
class Heard:
    """What a text consists of, before anything is weighed by its rarity."""

    terms: Weights
    concepts: Weights

    def features(self) -> Weights:
        """What the classifier looks at: terms, concepts, and concepts that stand together."""
        found = dict.fromkeys(self.terms, 1.0) | dict.fromkeys(self.concepts, CONCEPT_WEIGHT)
        concepts = sorted(self.concepts)
        for position, first in enumerate(concepts):
            for second in concepts[position + 1 :]:
                found[first + second] = CONCEPT_PAIR_WEIGHT
        return found


@lru_cache(maxsize=16)
def _listen(normalised: str) -> Heard:
    """Cached: the alarm and the search read the same question one after the other."""
    # The mark keeps a concept apart from the term of the same spelling.
    concepts = {f"#{concept}": 1.0 for concept in load_vocabulary().concepts(normalised)}
    return Heard(dict(terms(normalised)), concepts)


def features(text: str) -> Weights:
    """What the classifier looks at, of a text as it was typed."""
    return _listen(normalise(text)).features()


@cache
def load_reader() -> Reader:
    """The reader of this process. The first process after a change of the library trains it, in
    some ten seconds; the others take what that one has left in YADOPERA_HOME."""
    return Reader(kept(f"understanding-{version():x}", lambda: train(load_library())))


def kept(name: str, make: Callable[[], Model]) -> Model:
    """The model of that name in YADOPERA_HOME; made and left there where there is none."""
    path = settings.YADOPERA_HOME / name
    model = restore(path)
    if model is None:
        model = make()
        # A folder that cannot be written costs every start that time, and nothing else.
        with contextlib.suppress(OSError):
            keep(model, path)
    return model


def keep(model: Model, path: Path) -> None:
    """Write `model`: a line of JSON, then its two arrays. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {
        "intents": model.intents,
        "unseen_rarity": model.unseen_rarity,
        "baseline": model.baseline,
        "features": list(model.rarity),
        "rarities": list(model.rarity.values()),
        "slices": [model.slices[feature] for feature in model.rarity],
        "entries": len(model.numbers),
    }
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(json.dumps(head).encode() + b"\n")
        model.numbers.tofile(file)
        model.gains.tofile(file)
    # Renamed when complete: another process never sees half a file.
    Path(file.name).replace(path)


def restore(path: Path) -> Model | None:
    """What `keep` has written; None when there is nothing or it cannot be read."""
    numbers, gains = array("H"), array("f")
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            numbers.fromfile(file, head["entries"])
            gains.fromfile(file, head["entries"])
    except (OSError, ValueError, KeyError, EOFError):
        return None
    names = head["features"]
    return Model(
        intents=head["intents"],
        rarity=dict(zip(names, head["rarities"], strict=True)),
        unseen_rarity=head["unseen_rarity"],
        baseline=head["baseline"],
        slices=dict(zip(names, map(tuple, head["slices"]), strict=True)),
        numbers=numbers,
        gains=gains,
    )


def version() -> int:
    """Which data and which code vectors are of."""
    return ((ALGORITHM * 2**31 + library_version()) * 31 + vocabulary_version()) % 2**63

"""The help box: which section of the manual says how something is done.

A question is understood as guests' questions are, by the classifier of `faq.understanding`, whose
topics are here the sections, learned from all that they say in both languages. It looks at the
words of the workplace (docs/manual/words.toml) beside those of hospitality: guests do not write of
imports and thresholds.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Final

from faq.terms import normalise, terms
from faq.understanding import Reader, Weights, load_reader, train
from faq.vocabulary import Vocabulary, load_vocabulary
from yadopera.manual import FOLDER, LANGUAGES, Page, Section, load_manual

#: A word of the workplace says what a question is about; single words say so in part.
WORKPLACE_WEIGHT: Final = 3.0
CONCEPT_WEIGHT: Final = 1.0
#: Below this share of a question's words a section may be near, but is hardly what was asked for.
SPOKEN_OF: Final = 0.545
SHOWN: Final = 3

_MARKUP: Final = re.compile(r"[\[\]*`|]|\((?:page:[a-z_:]+|[a-z-]+\.md)\)")
#: Between Latin letters and Japanese, which are written without a space: LINEに, Wi-Fiの.
_BORDER: Final = re.compile(
    "(?<=[a-z0-9])(?=[\u3041-\u30ff\u3400-\u9fff])|(?<=[\u3041-\u30ff\u3400-\u9fff])(?=[a-z0-9])"
)
_SENTENCE: Final = re.compile(r"(?<=[。.!?])\s*|\n+")


@dataclass(frozen=True)
class Hit:
    page: Page
    section: Section


@dataclass(frozen=True)
class Help:
    #: Best first, `SHOWN` at most; none when the manual has not a word of the question.
    hits: tuple[Hit, ...]
    #: Whether the first is what was asked for, as far as one can tell.
    is_found: bool


def find_help(question: str, language: str) -> Help:
    """The sections, in `language`, that come nearest to `question`, which may be in the other."""
    found = heard(question)
    likely = load_sections().topics(found)
    nearest = sorted(likely, key=lambda task: -likely[task])[:SHOWN]
    hits = [Hit(*section_of(task, language)) for task in nearest]
    return Help(tuple(hits), bool(hits) and share_spoken_of(found, nearest[0]) >= SPOKEN_OF)


def section_of(task: str, language: str) -> tuple[Page, Section]:
    name, number = task.split("/")
    page = load_manual(language)[name]
    return page, page.sections[int(number)]


def share_spoken_of(found: Weights, task: str) -> float:
    """How much of a question the section speaks of in either language, 0 to 1, by rarity."""
    rarity, unseen = load_sections().model.rarity, load_sections().model.unseen_rarity
    weights = {name: (weight * rarity.get(name, unseen)) ** 2 for name, weight in found.items()}
    said = words_of(task)
    return sum(w for name, w in weights.items() if name in said) / (sum(weights.values()) or 1)


@cache
def words_of(task: str) -> frozenset[str]:
    return frozenset(name for line in lines_of_manual()[task] for name in heard(line))


@cache
def load_sections() -> Reader:
    """Knows the tasks, `page/number of the section`; made in a second by who first asks."""
    return Reader(train(lines_of_manual(), heard))


@cache
def lines_of_manual() -> dict[str, list[str]]:
    """Task -> headings, questions that staff may ask, and sentences, in all languages."""
    lines: dict[str, list[str]] = {}
    for language in LANGUAGES:
        for page in load_manual(language).values():
            for number, section in enumerate(page.sections):
                sentences = filter(str.strip, _SENTENCE.split(_MARKUP.sub(" ", section.text)))
                of_task = lines.setdefault(f"{page.name}/{number}", [])
                of_task += [section.title, *section.asked, *sentences]
    return lines


def heard(text: str) -> Weights:
    """What a text consists of: terms, by how seldom guests use them, which tells content from 'how
    do I'; then concepts."""
    normalised = _BORDER.sub(" ", normalise(text))
    model = load_reader().model
    found = {
        term: weight * model.rarity.get(term, model.unseen_rarity) / model.unseen_rarity
        for term, weight in terms(normalised)
    }
    # The marks keep concepts apart from terms of the same spelling.
    found |= {f"#{name}": CONCEPT_WEIGHT for name in load_vocabulary().concepts(normalised)}
    return found | {f"!{name}": WORKPLACE_WEIGHT for name in load_words().concepts(normalised)}


@cache
def load_words() -> Vocabulary:
    words = tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8"))
    return Vocabulary(
        {
            concept: [entry for entries in languages.values() for entry in entries]
            for concept, languages in words.items()
        }
    )

"""Texts as sparse vectors of terms, so that PostgreSQL can compare them without a word breaker.

Japanese, Chinese and Korean are written without spaces (or with endings glued on), and PostgreSQL
has no parser for them. So a term is a word or a piece of one: for spaced languages each word and
its 4-letter pieces, which survive typos and endings; for Han, kana and Hangul each pair of
neighbouring characters, and each single Han character. A term weighs the more, the fewer of the
starter questions of a language hold it (inverse document frequency, Spärck Jones 1972). Vectors
have unit length, so an inner product is a cosine: 0, nothing in common, to 1, the same.
"""

import math
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from pgvector import SparseVector

from faq.presets import load_presets, presets_version
from yadopera.languages import LANGUAGES

#: pgvector's limit for `sparsevec`; terms are hashed into it, 30 bits leave hardly a collision.
DIMENSIONS: Final = 1_000_000_000
#: Raised when the terms or weights below change, so that `reindex` finds the old vectors.
ALGORITHM: Final = 1
#: An answer's words help to find it, but the question says what it is about.
ANSWER_WEIGHT: Final = 0.3
PIECE_WEIGHT: Final = 0.4
PIECE_LENGTH: Final = 4

_PLACEHOLDER: Final = re.compile(r"{[a-z_]+}")
_RUN: Final = re.compile(
    r"(?P<han>[\u3400-\u9fff\uf900-\ufaff々]+)"
    r"|(?P<kana>[\u3041-\u30ff]+)"
    r"|(?P<hangul>[\uac00-\ud7af]+)"
    r"|(?P<word>[^\W_]+)"
)


def document_vector(question: str, answer: str = "") -> SparseVector:
    """The vector of a FAQ's text."""
    weights = defaultdict(float, _weights(question))
    if answer:
        for term, weight in _weights(answer).items():
            weights[term] += ANSWER_WEIGHT * weight
    return _vector(weights)


def question_vector(text: str) -> SparseVector:
    """The vector of what a guest asks; a text without any term is the zero vector."""
    return _vector(_weights(text))


def version() -> int:
    """Which terms and weights these vectors are of."""
    return ALGORITHM * 2**32 + presets_version()


def normalise(text: str) -> str:
    """One spelling for what readers take for the same: width, case and Latin accents folded."""
    folded = unicodedata.normalize("NFKC", _PLACEHOLDER.sub(" ", text)).casefold()
    # Only Latin letters lose their marks: か and が are different letters.
    return "".join(
        unicodedata.normalize("NFD", char)[0] if "\u00c0" <= char <= "\u024f" else char
        for char in folded
    )


def terms(text: str) -> Iterator[tuple[str, float]]:
    """The terms of `text`, each with the weight of its kind."""
    for run in _RUN.finditer(normalise(text)):
        kind, chars = str(run.lastgroup), run[0]
        if kind == "word":
            yield chars, 1.0
            padded = f"^{chars}$"
            for start in range(len(padded) - PIECE_LENGTH + 1):
                yield padded[start : start + PIECE_LENGTH], PIECE_WEIGHT
            continue
        if kind == "han" or len(chars) == 1:
            yield from ((char, 0.5) for char in chars)
        yield from ((chars[i : i + 2], 1.0) for i in range(len(chars) - 1))


def _weights(text: str) -> dict[str, float]:
    rarity, unseen = _rarities()
    return {term: weight * rarity.get(term, unseen) for term, weight in terms(text)}


def _vector(weights: dict[str, float]) -> SparseVector:
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    entries: dict[int, float] = {}
    for term, weight in weights.items():
        index = zlib.crc32(term.encode("utf-8", "replace")) % DIMENSIONS
        entries[index] = entries.get(index, 0.0) + weight / length
    return SparseVector(entries, DIMENSIONS)


@cache
def _rarities() -> tuple[dict[str, float], float]:
    """Term -> inverse document frequency, and that of a term never seen.

    Counted a language at a time, the commonest use deciding: 'the' is common because English
    questions hold it, however few questions are English.
    """
    rarity: dict[str, float] = {}
    unseen = 0.0
    for language in LANGUAGES:
        texts = [preset.texts[language] for preset in load_presets()]
        documents = [line for text in texts for line in (text.question, *text.wordings)]
        unseen = max(unseen, math.log(len(documents) + 1))
        counts = Counter(term for line in documents for term in {t for t, _ in terms(line)})
        for term, count in counts.items():
            found = math.log((len(documents) + 1) / (count + 1)) + 0.1
            rarity[term] = min(found, rarity.get(term, found))
    return rarity, unseen

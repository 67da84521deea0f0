"""Meanings as pgvector's sparse vectors: names are hashed to dimensions.

The inner product of two vectors of one kind is between 0, nothing in common, and 1, the same.
"""

import zlib
from collections.abc import Sequence
from typing import Any, Final

from pgvector import SparseVector
from pgvector.django import MaxInnerProduct

from faq.understanding import Meaning, Weights

#: pgvector's limit for `sparsevec`; 30 bits leave hardly a collision among a text's few names.
DIMENSIONS: Final = 1_000_000_000


def to_vector(weights: Weights) -> SparseVector:
    entries: dict[int, float] = {}
    for name, weight in weights.items():
        dimension = zlib.crc32(name.encode("utf-8", "replace")) % DIMENSIONS
        entries[dimension] = entries.get(dimension, 0.0) + weight
    return SparseVector(entries, DIMENSIONS)


def likeness(field: str, weights: Weights) -> Any:
    """The inner product with a stored text's view, as an expression for a query."""
    return -1.0 * MaxInnerProduct(field, to_vector(weights))


def likenesses(meaning: Meaning) -> dict[str, Any]:
    """Of each view of `faq.confidence.Likeness` that a single stored text has, its `likeness` to
    `meaning`."""
    return {
        "topic": likeness("topics", meaning.topics),
        "concept": likeness("concepts", meaning.concepts),
        "term": likeness("terms", meaning.terms),
        "coverage": likeness("named", meaning.asked),
    }


def dense_text(vector: Sequence[float]) -> str:
    """`vector` as pgvector's `halfvec` reads it; its 11 bits hold no more than these digits."""
    return f"[{','.join([f'{number:.5g}' for number in vector])}]"

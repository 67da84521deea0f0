"""Texts as terms, in languages with spaces between words and without.

Japanese, Chinese and Korean are written without spaces (or with endings glued on), and PostgreSQL
has no parser for them. So a term is a word or a piece of one: for spaced languages each word and
its 4-letter pieces, which survive typos and endings; for Han, kana and Hangul each pair of
neighbouring characters, and each single Han character.
"""

import re
import unicodedata
from collections.abc import Container, Iterator
from typing import Final

WORD_WEIGHT: Final = 1.0
PIECE_WEIGHT: Final = 0.4
PIECE_LENGTH: Final = 4
PAIR_WEIGHT: Final = 1.0
CHARACTER_WEIGHT: Final = 0.5

_PLACEHOLDER: Final = re.compile(r"{[a-z_]+}")
_RUN: Final = re.compile(
    r"(?P<han>[\u3400-\u9fff\uf900-\ufaff々]+)"
    r"|(?P<kana>[\u3041-\u30ff]+)"
    r"|(?P<hangul>[\uac00-\ud7af]+)"
    r"|(?P<word>[^\W_]+)"
)


def normalise(text: str) -> str:
    """One spelling for what readers take for the same: width, case and Latin accents folded."""
    folded = unicodedata.normalize("NFKC", _PLACEHOLDER.sub(" ", text)).casefold()
    # Only Latin letters lose their marks: か and が are different letters.
    return "".join(
        unicodedata.normalize("NFD", char)[0] if "\u00c0" <= char <= "\u024f" else char
        for char in folded
    )


def folded(text: str) -> str:
    """`text` without case, spaces and punctuation; may be empty."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def terms(normalised: str) -> Iterator[tuple[str, float]]:
    """The terms of a normalised text, each with the weight of its kind."""
    for run in _RUN.finditer(normalised):
        kind, chars = run.lastgroup, run[0]
        if kind == "word":
            yield chars, WORD_WEIGHT
            padded = f"^{chars}$"
            for start in range(len(padded) - PIECE_LENGTH + 1):
                yield padded[start : start + PIECE_LENGTH], PIECE_WEIGHT
            continue
        if kind == "han" or len(chars) == 1:
            yield from ((char, CHARACTER_WEIGHT) for char in chars)
        yield from ((chars[i : i + 2], PAIR_WEIGHT) for i in range(len(chars) - 1))


def shared_words(normalised: str, shared: Container[str]) -> list[str]:
    """The words of a normalised text, and where there are no spaces its longest pieces, that
    consist of the `shared` terms."""
    found: dict[str, None] = {}
    for run in _RUN.finditer(normalised):
        chars = run[0]
        if run.lastgroup == "word":
            if chars in shared:
                found[chars] = None
            continue
        piece = ""
        for start in range(len(chars)):
            pair = chars[start : start + 2]
            if len(pair) == 2 and pair in shared:
                piece = piece + pair[1] if piece else pair
            elif piece:
                found[piece] = None
                piece = ""
    return list(found)

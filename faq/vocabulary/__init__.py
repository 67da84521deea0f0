"""Words of hospitality in seven languages, mapped to concepts: 洗濯機, washer, lavadora.

One TOML file a theme, one table a concept, one list a language; a concept may be continued in
another file, and a word may stand for several concepts. An entry in Latin letters (romanised
Japanese too) is a word or a phrase, found between word boundaries; a final `*` stands for any
ending. Other entries are found anywhere in a text, the longest first, so that バス停 is no バス.
Case, width and accents do not matter. After a change run `manage.py reindex`.
"""

import re
import tomllib
import zlib
from collections import defaultdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from faq.terms import normalise

FOLDER: Final = Path(__file__).parent
_WITHOUT_SPACES: Final = re.compile("[\u3041-\u30ff\u3400-\u9fff々\uac00-\ud7af]")
_WORD: Final = re.compile(r"[^\W_]+")
_SPACE: Final = re.compile(r"\s+")
#: Shorter stems match too much.
MIN_STEM: Final = 2


class Vocabulary:
    def __init__(self, concepts: dict[str, list[str]]) -> None:
        """`concepts`: concept -> entries in all languages."""
        #: Text without spaces -> its concepts.
        self.strings: defaultdict[str, set[str]] = defaultdict(set)
        #: First word -> (all words, whether the last may go on, concept).
        self.phrases: defaultdict[str, list[tuple[tuple[str, ...], bool, str]]] = defaultdict(list)
        #: Beginning of a single word -> its concepts.
        self.stems: defaultdict[str, set[str]] = defaultdict(set)
        for concept, entries in concepts.items():
            for entry in entries:
                self._add(concept, entry)
        #: First character -> the lengths of the strings that begin with it.
        self.lengths: defaultdict[str, set[int]] = defaultdict(set)
        for string in self.strings:
            self.lengths[string[0]].add(len(string))
        self._stems_of = lru_cache(maxsize=20_000)(self._find_stems)

    def _add(self, concept: str, entry: str) -> None:
        goes_on = entry.endswith("*")
        text = normalise(entry.rstrip("*")).strip()
        words = tuple(_WORD.findall(text))
        if _WITHOUT_SPACES.search(text):
            self.strings[_SPACE.sub("", text)].add(concept)
        elif goes_on and len(words) == 1:
            self.stems[words[0]].add(concept)
        elif words:
            self.phrases[words[0]].append((words, goes_on, concept))

    def concepts(self, normalised: str) -> set[str]:
        """The concepts that a normalised text names."""
        # Koreans set spaces as they please, and nobody means anything by them in Japanese.
        unspaced = _SPACE.sub("", normalised)
        return self._in_strings(unspaced) | self._in_words(_WORD.findall(normalised))

    def _in_strings(self, text: str) -> set[str]:
        heard = [
            (length, start)
            for start, first in enumerate(text)
            for length in self.lengths.get(first, ())
            if text[start : start + length] in self.strings
        ]
        found: set[str] = set()
        taken: set[int] = set()
        for length, start in sorted(heard, reverse=True):
            places = range(start, start + length)
            if taken.isdisjoint(places):
                taken.update(places)
                found |= self.strings[text[start : start + length]]
        return found

    def _in_words(self, words: list[str]) -> set[str]:
        found: set[str] = set()
        for position, word in enumerate(words):
            found |= self._stems_of(word)
            for phrase, goes_on, concept in self.phrases.get(word, ()):
                heard = tuple(words[position : position + len(phrase)])
                if heard == phrase or (goes_on and _goes_on(heard, phrase)):
                    found.add(concept)
        return found

    def _find_stems(self, word: str) -> frozenset[str]:
        beginnings = (word[:length] for length in range(MIN_STEM, len(word) + 1))
        return frozenset().union(*(self.stems.get(beginning, ()) for beginning in beginnings))


def _goes_on(heard: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    return (
        len(heard) == len(phrase) and heard[:-1] == phrase[:-1] and heard[-1].startswith(phrase[-1])
    )


@cache
def load_vocabulary() -> Vocabulary:
    concepts: defaultdict[str, list[str]] = defaultdict(list)
    for path in vocabulary_files():
        for concept, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for entries in languages.values():
                concepts[concept] += entries
    return Vocabulary(concepts)


@cache
def words_of_concepts(language: str) -> dict[str, "re.Pattern[str]"]:
    """concept -> what finds its words of that language in a normalised text."""
    words: defaultdict[str, list[str]] = defaultdict(list)
    for path in vocabulary_files():
        for concept, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
            # The longest first: of two that begin alike the whole is found.
            words[concept] += sorted(languages.get(language, []), key=len, reverse=True)
    return {
        concept: re.compile("|".join(map(_entry_pattern, entries)))
        for concept, entries in words.items()
        if entries
    }


def _entry_pattern(entry: str) -> str:
    text = re.escape(normalise(entry.rstrip("*")).strip())
    if _WITHOUT_SPACES.search(entry):
        return text
    return rf"\b{text}\w*" if entry.endswith("*") else rf"\b{text}\b"


def vocabulary_files() -> list[Path]:
    return sorted(FOLDER.glob("*.toml"))


@cache
def vocabulary_version() -> int:
    """Changes whenever any entry does."""
    return zlib.crc32(b"".join(path.read_bytes() for path in vocabulary_files()))

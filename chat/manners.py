"""Greetings, thanks and the wish for a person: messages that are no questions.

Answering a 'thank you' with a FAQ is silly, and counting it as a question nobody could answer
would call staff for nothing.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from faq.terms import normalise

#: Longer messages say more than manners.
MAX_LENGTH: Final = 120
_WITHOUT_SPACES: Final = re.compile(
    "[\u1100-\u11ff\u3041-\u30ff\u3130-\u318f\u3400-\u9fff々\uac00-\ud7af]"
)
_NOT_A_WORD: Final = re.compile(r"[\W_]+")
_DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")
FRIENDLY_EMOJI: Final = frozenset("👍👌🙏😊🙂😀😃😄😁😆😅🤗🥰😍😘❤🧡💛💚💙💜🎉👏✨🌸🙌💕☺")
#: What `..` stands for: up to four words, or twelve characters where there are no spaces.
_WORDS_BETWEEN: Final = r"(?: \w+){0,4}? "
_CHARACTERS_BETWEEN: Final = ".{0,12}?"


class Manner(StrEnum):
    GREETING = "greeting"
    THANKS = "thanks"
    OK = "ok"
    GOODBYE = "goodbye"


#: Of several kinds in one message the first is answered: 'hello and thank you' is thanks.
_RANKS: Final = (Manner.THANKS, Manner.GOODBYE, Manner.OK, Manner.GREETING)


def find_manner(text: str) -> Manner | None:
    """The kind of manners that `text` is; None when it says anything else."""
    if len(text) > MAX_LENGTH:
        return None
    words = squeeze(text)
    if not words:
        return Manner.OK if _says_it_with_emoji(text) else None
    found = _book().spell_out(words)
    return next((manner for manner in _RANKS if manner in found), None)


def wants_person(text: str) -> bool:
    """Whether the guest asks for a human being."""
    words = squeeze(text)
    unspaced = words.replace(" ", "")
    book = _book()
    return bool(book.person_words.search(words) or book.person_characters.search(unspaced))


def manner_reply(manner: Manner, language: str) -> str:
    replies = _load()["reply"][manner.value]
    return str(replies.get(language, replies["en"]))


def squeeze(text: str) -> str:
    """Words alone: case, accents, width, punctuation and drawn-out letters folded."""
    plain = normalise(text).replace("ー", "").replace("〜", "")
    return _DRAWN_OUT.sub(r"\1", _NOT_A_WORD.sub(" ", plain)).strip()


def _says_it_with_emoji(text: str) -> bool:
    """Nothing but friendly ones: 🔥 or ❓ alone may mean anything."""
    emoji = {char for char in text if unicodedata.category(char) == "So"}
    return bool(emoji) and emoji <= FRIENDLY_EMOJI


@dataclass(frozen=True)
class Book:
    """The phrases, ready to be looked for."""

    #: Longest first, so that 'good night' is no 'good' and a rest.
    phrases: tuple[tuple[str, Manner | None], ...]
    person_words: re.Pattern[str]
    person_characters: re.Pattern[str]

    def spell_out(self, words: str) -> set[Manner]:
        """The manners of which `words` consist; none when something else is said too."""
        found: set[Manner] = set()
        rest = f" {words} "
        for phrase, manner in self.phrases:
            # Where there are no spaces a phrase is cut out wherever it stands.
            looked_for = phrase if _WITHOUT_SPACES.search(phrase) else f" {phrase} "
            if looked_for not in rest:
                continue
            rest = rest.replace(looked_for, "  ")
            if manner:
                found.add(manner)
        return found if not rest.strip() else set()


@cache
def _load() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("manners.toml").read_text(encoding="utf-8"))


@cache
def _book() -> Book:
    data = _load()
    phrases: dict[str, Manner | None] = {}
    for language in data["filler"].values():
        phrases |= dict.fromkeys(map(squeeze, language))
    for manner in reversed(_RANKS):
        for language in data[manner.value].values():
            phrases |= dict.fromkeys(map(squeeze, language), manner)
    phrases.pop("", None)
    wishes = [wish for language in data["person"].values() for wish in language]
    spaced = [wish for wish in wishes if not _WITHOUT_SPACES.search(wish)]
    unspaced = [wish.replace(" ", "") for wish in wishes if _WITHOUT_SPACES.search(wish)]
    return Book(
        phrases=tuple(sorted(phrases.items(), key=lambda item: -len(item[0]))),
        person_words=_any_of(spaced, _WORDS_BETWEEN, edge=r"\b"),
        person_characters=_any_of(unspaced, _CHARACTERS_BETWEEN, edge=""),
    )


def _any_of(wishes: list[str], between: str, *, edge: str) -> re.Pattern[str]:
    patterns = [wish.replace(" .. ", "..").replace("..", between) for wish in wishes]
    return re.compile("|".join(f"{edge}(?:{pattern}){edge}" for pattern in patterns))

"""Find an emergency in a guest's message, before anything else is done with it.

Plain rules and a small trained alarm (`chat.alarm`), no language model: the answer has to be there
at once, be the same every time, and still work when every other service is down. The phrases are
data, one file per language in ``emergencies/``, so that a person who speaks the language can extend
them without code.

The phrase files
----------------
``script = "words"`` (spaces between words: en, fr, es) or ``"characters"`` (ja, zh, ko; spaces
are dropped from message and phrase alike).  ``typos`` lists words that are also recognised with
one letter wrong, missing, doubled or swapped.  ``[groups]`` names lists that phrases share.
``[phrases]`` has one list per danger, plus ``urgent`` (a cry for help that does not say why) and
``innocent`` (idioms and look-alikes, cut out of the message before the dangers are looked for).

A phrase is written the way a guest would type it, in lower case or not, with or without accents:

=============  ===========================================================================
``(a|b c)``    one of these
``[a|b c]``    one of these, or nothing
``{name}``     one of the phrases of that group
``wak*``       any ending of the word (words script only)
``..``         up to 4 words / 7 characters in between, within one sentence
``...``        up to 7 words / 14 characters in between, within one sentence
``^`` ``$``    the message starts / ends here (``^ help $``: nothing else is said)
``!``          a sentence, or the message, ends here
``a|b``        two whole phrases on one line
=============  ===========================================================================

Gaps are less than half as wide in ``innocent``: a look-alike must not swallow the emergency next
to it. Every phrase needs at least one part that must be there; one made of gaps only is refused.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from chat.alarm import likeliest_danger, sounds_dangerous

#: Chances of the trained alarm. Below the first a phrase is taken for a manner of speaking, unless
#: a part of the message reaches the third; from the second on no phrase is needed. Chosen on seven
#: inns so that no emergency is missed and one in fifty harmless messages alarms at the most.
SOUNDS_HARMLESS: Final = 0.05
SOUNDS_DANGEROUS: Final = 0.55
PART_SOUNDS_DANGEROUS: Final = 0.25
_PARTS: Final = re.compile(r"[.,;:!?。、！？，；：\n]+")

_FOLDER = Path(__file__).parent / "emergencies"
_LANGUAGES = ("ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es")


class Danger(StrEnum):
    """What kind of help is needed; decides which number the reply names first."""

    MEDICAL = "medical"
    FIRE = "fire"
    DISASTER = "disaster"
    CRIME = "crime"
    SELF_HARM = "self_harm"


# When a message speaks of two dangers the first of these counts: the fixed reply must fit the
# one that kills fastest. A bare cry for help comes last, because any stated reason says more.
_RANKS = ("self_harm", "fire", "medical", "crime", "disaster", "urgent")
_INNOCENT = "innocent"


# --- Normalising -------------------------------------------------------------------------------

# Before NFKC, which would turn a lone acute accent typed as an apostrophe into a space.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\uff07\u2032", "'"))
# Spelling variants that Unicode keeps apart: Latin ligatures, Chinese characters that Taiwan,
# Hong Kong and phone keyboards write differently, and the two emoji that are a cry for help.
_SIGNS = {
    **dict(zip("臺着裏綫衞牀痹揹兇脣", "台著裡線衛床痺背凶唇", strict=True)),
    "œ": "oe",
    "æ": "ae",
    "ø": "o",
    "ı": "i",
    "\U0001f198": " sos ",
    "\U0001f691": " ambulance ",
}

_ELISION = re.compile(r"(\b[cdjlmnst]|qu)'")
_ELLIPSIS = re.compile(r"\.{2,}")
_STOP = re.compile(r"[.!?;。]+")
_NOT_WORD = re.compile(r"[^a-z0-9.]+")
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_LATIN_WORD = re.compile(r"[a-z]+")
_NOT_CHARACTER = re.compile(r"[^\w']+|[_\u1100-\u11ff]")


@lru_cache(maxsize=8192)
def _plain(char: str) -> str:
    """One character without its Latin accent; kana voicing marks and Hangul stay whole."""
    if char < "\x80":
        return char
    if char in _SIGNS:
        return _SIGNS[char]
    if unicodedata.category(char) in ("Mn", "Cf"):
        return ""
    base = unicodedata.normalize("NFD", char)[0]
    return base if base < "\x80" else char


def _fold(text: str) -> str:
    """Make the spellings of one word equal: width, case, accents, kinds of apostrophe."""
    folded = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    return "".join(map(_plain, folded))


def _words(text: str) -> list[str]:
    """Words in order, with '.' for a sentence end: "Can't… j'ai!" gives cant, j, ai, '.'."""
    text = _ELISION.sub(r"\1 ", _fold(text)).replace("'", "")
    text = _STOP.sub(" . ", _ELLIPSIS.sub(" ", text))
    text = _DRAWN_OUT.sub(r"\1", _NOT_WORD.sub(" ", text))
    return [word for word, _ in groupby(text.split())]


def _characters(text: str) -> str:
    """Characters without spaces and commas, with '。' for a sentence end.

    Latin words are put in quotes, so that "SOS" is not found inside "hay osos por aquí".
    """
    quoted = _LATIN_WORD.sub(r"'\g<0>'", _fold(text).replace("'", ""))
    sentences = _STOP.split(_ELLIPSIS.sub("", quoted))
    kept = (_NOT_CHARACTER.sub("", sentence) for sentence in sentences)
    return "。".join(filter(None, kept))


# --- The phrase notation -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a phrase: its regular expression, and literals one of which must be there.

    ``anchors`` is empty for a piece that can match nothing. It lets a message skip, by plain
    substring search, all but the few phrases that can possibly match.
    """

    regex: str
    anchors: frozenset[str] = frozenset()


class _WordScript:
    """Each word is matched together with the space before it, so never inside another word."""

    gap, widths, narrow = r"(?: [^ .]+){{0,{}}}?", (4, 7), (2, 3)
    last, stop = _Part(r"(?= \Z)"), _Part(r"(?= \. | \Z)")
    end, cut = "(?= )", " _"
    letter = re.compile(r"[a-z0-9]")

    @staticmethod
    def view(text: str) -> str:
        """The message as ' word word ', without a sentence end at either edge."""
        return f" {' '.join(_words(text)).strip(' .')} "

    @staticmethod
    def literal(text: str) -> _Part:
        """Some words; 'wak*' stands for any ending."""
        runs = [" ".join(["", *_words(run)]) for run in text.split("*")]
        regex = "[^ ]*".join(map(re.escape, runs))
        runs[-1] += " " if runs[-1] else ""
        return _Part(regex, frozenset(filter(None, [max(runs, key=len)])))


class _CharacterScript:
    """No spaces to go by: a phrase may stand anywhere, look-alikes are cut out beforehand."""

    gap, widths, narrow = r"[^。]{{0,{}}}?", (7, 14), (2, 6)
    last, stop = _Part(r"\Z"), _Part(r"(?=。|\Z)")
    end, cut = "", "_"
    letter = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")

    @staticmethod
    def view(text: str) -> str:
        """The message without spaces."""
        return _characters(text)

    @staticmethod
    def literal(text: str) -> _Part:
        """Some characters."""
        plain = _characters(text)
        return _Part(re.escape(plain), frozenset([plain] if plain else []))


_Script = type[_WordScript] | type[_CharacterScript]
_SCRIPTS: Mapping[str, _Script] = {"words": _WordScript, "characters": _CharacterScript}
_TOKEN = re.compile(r"\.{2,3}|\{\w+\}|[()\[\]|^$!]|[^()\[\]|^$!{}.]+")


def _in_sequence(parts: list[_Part]) -> _Part:
    """All parts, one after the other; the anchors of the part that is rarest to find."""
    anchored = [part.anchors for part in parts if part.anchors]
    best = min(anchored, key=lambda each: (len(each), -min(map(len, each))), default=frozenset())
    return _Part("".join(part.regex for part in parts), best)


def _one_of(parts: list[_Part]) -> _Part:
    """Any of the parts; without anchors as soon as one of them has none."""
    anchors = frozenset[str]().union(*(part.anchors for part in parts))
    regex = "(?:" + "|".join(dict.fromkeys(part.regex for part in parts)) + ")"
    return _Part(regex, anchors if all(part.anchors for part in parts) else frozenset())


class _Parser:
    """Turns the notation described at the top of this module into regular expressions."""

    def __init__(self, script: _Script, groups: Mapping[str, list[str]], narrow: bool) -> None:
        self._script = script
        self._groups = groups
        self._known: dict[str, _Part] = {}
        short, long = map(script.gap.format, script.narrow if narrow else script.widths)
        self._fixed = {"..": _Part(short), "...": _Part(long)}
        self._fixed |= {"^": _Part(r"\A"), "$": script.last, "!": script.stop}

    def phrase(self, text: str) -> _Part:
        """A whole phrase; refuses one that nothing definite has to be in."""
        tokens = _TOKEN.findall(text)
        part = self._alternatives(tokens)
        if tokens or not part.anchors:
            raise ValueError(f"emergency phrase cannot be read: {text!r}")
        return part

    def _alternatives(self, tokens: list[str]) -> _Part:
        """``a|b|c`` up to the closing bracket, which is left in place."""
        found = [self._sequence(tokens)]
        while tokens and tokens[0] == "|":
            tokens.pop(0)
            found.append(self._sequence(tokens))
        return _one_of(found) if len(found) > 1 else found[0]

    def _sequence(self, tokens: list[str]) -> _Part:
        parts = []
        while tokens and tokens[0] not in ("|", ")", "]"):
            parts.append(self._item(tokens))
        return _in_sequence(parts)

    def _item(self, tokens: list[str]) -> _Part:
        token = tokens.pop(0)
        if token in self._fixed:
            return self._fixed[token]
        if token in ("(", "["):
            return self._bracket(token, tokens)
        if token.startswith("{"):
            return self._group(token[1:-1])
        return self._script.literal(token) if token.strip() else _Part("")

    def _bracket(self, opening: str, tokens: list[str]) -> _Part:
        inner = self._alternatives(tokens)
        if not tokens or tokens.pop(0) != {"(": ")", "[": "]"}[opening]:
            raise ValueError(f"emergency phrase: {opening} is not closed")
        return inner if opening == "(" else _Part(f"(?:{inner.regex})?")

    def _group(self, name: str) -> _Part:
        if name not in self._known:
            self._known[name] = _one_of([self.phrase(line) for line in self._groups[name]])
        return self._known[name]


# --- The phrases of all languages ----------------------------------------------------------------


@dataclass(frozen=True)
class _Phrase:
    """One line of a phrase file, compiled the first time a message might match it."""

    regex: str
    rank: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled lazily: compiling thousands of phrases would slow every start by seconds."""
        return re.compile(self.regex)


_KEY = 4  # letters; the space before a word is one of them


@dataclass
class _Index:
    """Phrases by the first letters of their anchors, to find the few worth trying."""

    buckets: dict[str, list[tuple[str, _Phrase]]] = field(default_factory=dict)

    def add(self, phrase: _Phrase, anchors: Iterable[str]) -> None:
        """File the phrase under each of its anchors."""
        for anchor in anchors:
            self.buckets.setdefault(anchor[:_KEY], []).append((anchor, phrase))

    def candidates(self, view: str) -> list[_Phrase]:
        """The phrases that have an anchor in the message, each once."""
        keys = {view[at : at + size] for size in range(1, _KEY + 1) for at in range(len(view))}
        filed = (pair for key in keys for pair in self.buckets.get(key, ()))
        return list(dict.fromkeys(phrase for anchor, phrase in filed if anchor in view))


@dataclass
class _Book:
    """All phrases of one script, from every language written in it."""

    script: _Script
    dangers: _Index = field(default_factory=_Index)
    innocents: _Index = field(default_factory=_Index)
    vocabulary: set[str] = field(default_factory=set)
    typos: dict[str, str] = field(default_factory=dict)

    def read(self, data: Mapping[str, Any]) -> None:
        """Add one phrase file."""
        groups = data.get("groups", {})
        for rank, lines in data["phrases"].items():
            parser = _Parser(self.script, groups, narrow=rank == _INNOCENT)
            for line in lines:
                self._add(rank, parser.phrase(line))
        for word in data.get("typos", ()):
            self.typos.update(dict.fromkeys(_near(word), word))
        self.vocabulary.update(data.get("not_typos", ()))

    def _add(self, rank: str, part: _Part) -> None:
        if rank not in (*_RANKS, _INNOCENT):
            raise ValueError(f"unknown list of emergency phrases: {rank}")
        index = self.innocents if rank == _INNOCENT else self.dangers
        index.add(_Phrase(f"(?:{part.regex}){self.script.end}", rank), part.anchors)
        self.vocabulary.update(re.findall(r"[a-z]+", part.regex))

    def find(self, text: str) -> str | None:
        """The gravest list that has a phrase in the message."""
        view = self.script.view(text)
        if not self.script.letter.search(view):
            return None
        view = self._without_innocents(self._corrected(view))
        hits = self.dangers.candidates(view)
        hits.sort(key=lambda phrase: _RANKS.index(phrase.rank))
        return next((phrase.rank for phrase in hits if phrase.pattern.search(view)), None)

    def _corrected(self, view: str) -> str:
        """Frightened people mistype; only words listed as ``typos`` are put right."""
        return re.sub(r"[a-z]{5,}", self._spelt, view) if self.typos else view

    def _spelt(self, match: re.Match[str]) -> str:
        word = match[0]
        if word in self.vocabulary:
            return word
        return next((self.typos[near] for near in _near(word) if near in self.typos), word)

    def _without_innocents(self, view: str) -> str:
        """Cut all look-alikes at once: cutting one first could break another apart."""
        found = self.innocents.candidates(view)
        spans = sorted(hit.span() for each in found for hit in each.pattern.finditer(view))
        kept, end = [], 0
        for start, stop in spans:
            if start >= end:
                kept.append(view[end:start])
            end = max(end, stop)
        return self.script.cut.join([*kept, view[end:]])


def _near(word: str) -> Iterator[str]:
    """The word, and the word with one letter left out; never the first, which is rarely wrong.

    Two words that share one of these are one wrong, missing, extra or swapped letter apart.
    """
    yield word
    for place in range(1, len(word)):
        yield word[:place] + word[place + 1 :]


@cache
def _books() -> tuple[_Book, ...]:
    """Read every phrase file once per process."""
    books = {name: _Book(script) for name, script in _SCRIPTS.items()}
    for language in _LANGUAGES:
        data = tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
        books[data["script"]].read(data)
    return tuple(books.values())


@cache
def _replies() -> Mapping[str, Mapping[str, str]]:
    """The fixed replies, by danger (or "contact") and language."""
    return tomllib.loads((_FOLDER / "replies.toml").read_text("utf-8"))


# --- Public --------------------------------------------------------------------------------------


def find_emergency(text: str) -> Danger | None:
    """The danger a message tells of, or None.

    A phrase makes it one, unless nothing else about the message sounds like danger ('the AC is
    killing me, help'); and so does a message that sounds much like danger without any phrase.
    """
    if (danger := find_phrase(text)) and not _is_manner_of_speaking(text):
        return danger
    dangerous = sounds_dangerous(text) >= SOUNDS_DANGEROUS
    return Danger(likeliest_danger(text)) if dangerous else None


def _is_manner_of_speaking(text: str) -> bool:
    """Whether neither `text` nor a part of it sounds like danger: 'where is the fire exit, there is
    smoke in the hall' has a harmless part and another one."""
    if sounds_dangerous(text) >= SOUNDS_HARMLESS:
        return False
    return all(sounds_dangerous(part) < PART_SOUNDS_DANGEROUS for part in _PARTS.split(text))


def find_phrase(text: str) -> Danger | None:
    """The gravest danger of which `text` holds a phrase.

    Always looks for the phrases of all languages: guests mix them, and the language the page
    was opened in says little about the one a frightened guest types in.
    """
    found = {rank for book in _books() if (rank := book.find(text))}
    gravest = min(found, key=_RANKS.index, default=None)
    return Danger.MEDICAL if gravest == "urgent" else Danger(gravest) if gravest else None


def emergency_reply(danger: Danger, language: str, emergency_contact: str) -> str:
    """What the guest reads at once; English when the language is not known.

    The inn's contact is inserted by plain replacement: it is free text and may hold braces.
    """
    replies = _replies()
    spoken = language if language in replies[danger] else "en"
    reply = replies[danger][spoken].strip()
    contact = emergency_contact.strip()
    if not contact:
        return reply
    return f"{reply}\n{replies['contact'][spoken].replace('{emergency_contact}', contact)}"
